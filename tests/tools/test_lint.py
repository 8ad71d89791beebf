from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import agentdb
from agentdb import Migration, Migrator, RebuildTable, create_client_sync, load_migrations
from agentdb.errors import AgentDBError
from agentdb.tools.lint import lint_migrations
from agentdb.tools.lint.findings import RULES

FIRST = Migration(
    "001",
    "first",
    ["CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT)", "CREATE VIEW v AS SELECT t FROM a"],
    "DROP TABLE a",
)


def found(*up: Any, floor: str = "3.38", libsql: bool = False, first: Migration = FIRST) -> list[str]:
    second = Migration("002", "second", list(up), "SELECT 1")
    return [
        one.code
        for one in lint_migrations([first, second], sqlite_floor=floor, libsql=libsql)
        if (one.migration_id == "002" and one.severity != "note") or one.code == "libsql_refuses"
    ]


TABLE_C = "CREATE TABLE c (x)"
#: (statements, the codes). What stands beside each is near to it, and right.
CASES: list[tuple[list[Any], list[str]]] = [
    (["DROP VIEW v", "DROP TABLE a"], ["drop_table"]),
    ([TABLE_C, "DROP TABLE c"], []),
    (["DROP TABLE IF EXISTS never"], []),
    (["DROP VIEW v", "ALTER TABLE a DROP COLUMN t"], ["drop_column"]),
    (["ALTER TABLE a ADD COLUMN c TEXT DEFAULT CURRENT_TIMESTAMP"], ["non_constant_default"]),
    (["ALTER TABLE a ADD COLUMN c TEXT DEFAULT (datetime('now'))"], ["non_constant_default"]),
    (["ALTER TABLE a ADD COLUMN c TEXT DEFAULT ''", "ALTER TABLE a ADD COLUMN d DEFAULT (1)"], []),
    (["ALTER TABLE a ADD COLUMN c TEXT NOT NULL"], ["not_null_without_default"]),
    (["ALTER TABLE a ADD COLUMN c TEXT NOT NULL DEFAULT 'x'"], []),
    (["INSERT OR ROLLBACK INTO a (t) VALUES ('x')"], ["or_rollback"]),
    (["CREATE TABLE c (x UNIQUE ON CONFLICT ROLLBACK)"], ["or_rollback"]),
    (["CREATE TRIGGER tr BEFORE INSERT ON a BEGIN SELECT RAISE(ROLLBACK, 'no'); END"], ["or_rollback"]),
    (["INSERT OR IGNORE INTO a (t) VALUES ('OR ROLLBACK')"], []),
    (['UPDATE a SET t = "text"'], ["double_quoted_string"]),
    (['UPDATE "a" SET "t" = \'text\' WHERE "id" = 1', 'INSERT INTO a ("t") SELECT "t" FROM "a"'], []),
    (['CREATE TABLE c (x DEFAULT "text")'], ["double_quoted_string"]),
    (["CREATE TABLE c (x CHECK (x IN (\"one\", 'two')))"], ["double_quoted_string"]),
    (['CREATE TABLE "c" ("x y" CHECK ("x y" > 1))'], []),
    (["INSERT INTO a SELECT * FROM a"], ["insert_select_without_columns"]),
    (["INSERT INTO a (t) SELECT t FROM a", "INSERT INTO a VALUES (9, 'x')"], []),
    (["CREATE UNIQUE INDEX u ON a (t)"], ["unique_on_existing_rows"]),
    ([TABLE_C, "CREATE UNIQUE INDEX u ON c (x)"], []),
    (["CREATE TABLE c (a REFERENCES a (id))"], ["foreign_key_without_index"]),
    (["CREATE TABLE c (a PRIMARY KEY REFERENCES a (id))"], []),
    (["CREATE TABLE c (a REFERENCES a (id), b)", "CREATE INDEX i ON c (a, b)"], []),
    (["CREATE TABLE c (a REFERENCES a (id), b)", "CREATE INDEX i ON c (b, a)"], ["foreign_key_without_index"]),
    (["ALTER TABLE a ADD COLUMN parent REFERENCES a (id)"], ["foreign_key_without_index"]),
    (
        [
            "CREATE TABLE x (at TEXT DEFAULT CURRENT_TIMESTAMP)",
            "CREATE TABLE y (at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))",
        ],
        ["two_time_formats"],
    ),
    (["CREATE TABLE x (at TEXT DEFAULT CURRENT_TIMESTAMP)"], []),
    (["CREATE TRIGGER tr AFTER INSERT ON a BEGIN SELECT x FROM gone; END", "DROP VIEW v"], ["view_or_trigger_broken"]),
    (
        [RebuildTable("a", "CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT NOT NULL)", columns={"id": "id", "t": "t"})],
        [],
    ),
    (["SELECT nonsense FROM nothing"], ["not_run"]),
]


@pytest.mark.parametrize(("up", "codes"), CASES, ids=lambda case: " ; ".join(map(str, case))[:70])
def test_each_rule_finds_what_it_is_for_and_not_what_is_near(up: list[Any], codes: list[str]) -> None:
    assert found(*up) == codes


@pytest.mark.parametrize(
    ("sql", "floor", "is_newer"),
    [
        ("CREATE TABLE c (x TEXT) STRICT", "3.36", True),
        ("CREATE TABLE c (x TEXT) STRICT", "3.37", False),
        ("CREATE TABLE c (strict TEXT)", "3.0", False),
        ("DELETE FROM a RETURNING id", "3.34", True),
        ("UPDATE a SET t = json_array(1) ->> 0", "3.37", True),
        ("UPDATE a SET t = iif(id, 1, 2)", "3.31", True),
        ("UPDATE a SET t = 'RETURNING iif('", "3.0", False),
        ("INSERT INTO a (id) VALUES (1) ON CONFLICT DO UPDATE SET t = 'x'", "3.23", True),
        ("ALTER TABLE a RENAME COLUMN t TO u", "3.24", True),
        ("UPDATE a SET t = NULL WHERE id IS NOT DISTINCT FROM 3", "3.38", True),
    ],
)
def test_what_an_older_sqlite_does_not_know(sql: str, floor: str, is_newer: bool) -> None:
    assert ("newer_than_floor" in found(sql, floor=floor)) is is_newer


def test_what_a_libsql_server_refuses_is_told_when_asked() -> None:
    assert found("CREATE TEMP TABLE x (y)", libsql=True) == ["libsql_refuses"]
    assert found("ANALYZE", libsql=True) == ["libsql_refuses"]
    assert found("ANALYZE") == []


REBUILD = [
    "CREATE TABLE a_new (id INTEGER PRIMARY KEY, t TEXT NOT NULL)",
    "INSERT INTO a_new (id, t) SELECT id, coalesce(t, 'a, b') FROM a",
    "DROP TABLE a",
    "ALTER TABLE a_new RENAME TO a",
]


def test_the_rebuild_that_is_printed_does_the_same() -> None:
    first = Migration("001", "first", "CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT)")
    second = Migration("002", "second", REBUILD, "SELECT 1", allows_loss=("a",))
    finding = next(one for one in lint_migrations([first, second]) if one.code == "hand_made_rebuild")
    text = finding.message.partition("this does the same: ")[2]
    made = eval(text, {"RebuildTable": RebuildTable})
    schemas = []
    for up in (REBUILD, [made]):
        with create_client_sync(":memory:") as client:
            Migrator(client, [first]).migrate()
            client.execute("INSERT INTO a (t) VALUES ('x'), (NULL)")
            Migrator(client, [first, Migration("002", "second", up, allows_loss=("a",))]).migrate()
            schemas.append(
                (
                    client.execute("SELECT * FROM a").tuples,
                    [
                        sql.replace('"a"', "a")
                        for (sql,) in client.execute("SELECT sql FROM sqlite_master WHERE name = 'a'").tuples
                    ],
                )
            )
    assert schemas[0] == schemas[1]


def test_a_rebuild_that_renames_the_old_table_first_is_told() -> None:
    first = Migration("001", "first", "CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT)")
    up = [
        "ALTER TABLE a RENAME TO a_old",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT NOT NULL)",
        "INSERT INTO a (id, t) SELECT id, t FROM a_old",
        "DROP TABLE a_old",
    ]
    assert found(*up, first=first) == ["rename_first"]


def test_a_view_that_a_rename_breaks_is_told() -> None:
    first = Migration("001", "first", ["CREATE TABLE a (t)", "CREATE TABLE b (t)", "CREATE VIEW v AS SELECT t FROM b"])
    second = Migration("002", "second", "DROP TABLE b", "SELECT 1")
    codes = [one.code for one in lint_migrations([first, second]) if one.migration_id == "002"]
    assert sorted(codes) == ["drop_table", "view_or_trigger_broken"]


def test_a_finding_is_silenced_on_the_migration_with_a_reason() -> None:
    second = Migration(
        "002", "s", ["DROP VIEW v", "DROP TABLE a"], "SELECT 1", silences={"drop_table": "nobody reads it"}
    )
    (finding,) = [one for one in lint_migrations([FIRST, second]) if one.code == "drop_table"]
    assert finding.reason == "nobody reads it"
    unknown = Migration("002", "s", "SELECT 1", "SELECT 1", silences={"no_such": "x"})
    assert "unknown_rule" in [one.code for one in lint_migrations([FIRST, unknown])]
    same = Migration("002", "s", ["DROP VIEW v", "DROP TABLE a"], "SELECT 1")
    assert second.checksum == same.checksum
    assert second == same


@pytest.mark.parametrize("silences", [["drop_table"], {"drop_table": ""}, {"drop_table": None}, {1: "x"}, "drop_table"])
def test_silences_are_checked(silences: Any) -> None:
    with pytest.raises(AgentDBError, match="silences"):
        Migration("001", "d", "SELECT 1", silences=silences)


def test_a_file_tells_the_line_and_silences_behind_its_last_statement(tmp_path: Path) -> None:
    text = "-- a comment\nCREATE TABLE a (id INTEGER PRIMARY KEY,\n  t TEXT);\n\nINSERT INTO a (t)\nSELECT 'x';\n\nUPDATE a\n  SET t = \"y\";\n"
    up = tmp_path / "001_a.up.sql"
    up.write_text(text)
    (tmp_path / "001_a.down.sql").write_text("\nINSERT INTO a SELECT * FROM a;\nDROP TABLE a;\n")
    (one,) = load_migrations(tmp_path)
    assert [(f.code, f.part, f.statement, f.line) for f in lint_migrations([one])] == [
        ("double_quoted_string", "up", 3, 9),
        ("insert_select_without_columns", "down", 1, 2),
    ]
    up.write_text(f"{text}-- agentdb: silence=double_quoted_string: it has shipped\n")
    (two,) = load_migrations(tmp_path)
    assert two.checksum == one.checksum
    assert lint_migrations([two])[0].reason == "it has shipped"
    up.write_text(f"{text}-- agentdb: silence=double_quoted_string\n")
    with pytest.raises(AgentDBError, match="without a reason"):
        load_migrations(tmp_path)


def test_the_built_in_migrations_have_no_finding() -> None:
    assert lint_migrations(agentdb.migrations, libsql=True) == ()


def test_every_rule_has_a_remedy_of_a_sentence_and_is_tested() -> None:
    for rule in RULES.values():
        assert rule.remedy.endswith(".")
    tested = Path(__file__).read_text(encoding="utf-8")
    for code in RULES:
        assert f'"{code}"' in tested or code == "missing_down", code


@pytest.mark.parametrize("floor", ["3", "x.y", 3.38, "3.38.", ""])
def test_a_floor_that_is_no_version_is_refused(floor: Any) -> None:
    with pytest.raises(AgentDBError, match="sqlite_floor"):
        lint_migrations([FIRST], sqlite_floor=floor)


def test_what_the_linter_says_of_rows_is_what_sqlite_says() -> None:
    """The rules that try a statement on a row, against a table with rows."""
    for sql in (
        "ALTER TABLE a ADD COLUMN c DEFAULT (1 + 1)",
        "ALTER TABLE a ADD COLUMN c DEFAULT -1",
        "ALTER TABLE a ADD COLUMN c NOT NULL DEFAULT NULL",
    ):
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript("CREATE TABLE a (id); INSERT INTO a VALUES (1)")
            try:
                connection.execute(sql)
                fails = False
            except sqlite3.Error:
                fails = True
        assert bool(set(found(sql)) & {"non_constant_default", "not_null_without_default"}) is fails
