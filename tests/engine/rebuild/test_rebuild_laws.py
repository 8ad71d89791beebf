"""Laws of RebuildTable, over tables with children, indexes, triggers and views of all kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdb import Migration, Migrator, RebuildTable, create_client_sync
from agentdb.clients.local.sync_client import LocalClient
from agentdb.sql.lexer import tokens
from agentdb.sql.statement_tables import Statement, folded, name_at, quoted

# None begins with a quote: of such names SQLite itself reads beyond the end where ON DELETE RESTRICT is at work.
NAMES = st.sampled_from(
    [
        "a",
        "b b",
        'c"c',
        "d'd",
        "e[e]",
        "f`f",
        "select",
        "rowid",
        "Ä",
        "g--g",
        "h;h",
        "i/*",
        "TABLE",
        "_rowid_",
        "1x",
        "😀",
    ]
)
VALUES = st.none() | st.integers(-5, 5) | st.text("ab'\"\0é", max_size=3) | st.binary(max_size=2) | st.floats(-2, 2)
ACTIONS = st.sampled_from(["CASCADE", "SET NULL", "SET DEFAULT", "NO ACTION", "RESTRICT"])


@dataclass
class World:
    """A table, what hangs on it, and what fills it."""

    table: str
    columns: list[str]
    create: str
    make: list[str]
    keys: int


@st.composite
def worlds(draw: st.DrawFn) -> World:
    table, *columns = draw(st.lists(NAMES, min_size=3, max_size=5, unique_by=str.lower))
    t = quoted(table)
    key, *plain = columns
    k = quoted(key)
    kind = draw(
        st.sampled_from(["INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT", "TEXT PRIMARY KEY", "INT UNIQUE"])
    )
    options = draw(st.sampled_from(["", "STRICT", "WITHOUT ROWID", "STRICT, WITHOUT ROWID"]))
    if "ROWID" in options and ("AUTOINCREMENT" in kind or "UNIQUE" in kind):
        options = ""
    type_of = "ANY" if "STRICT" in options else draw(st.sampled_from(["", "TEXT", "VARCHAR(3)"]))
    self_reference = draw(st.booleans())
    written = [f"{k} {kind}", *[f"{quoted(name)} {type_of}" for name in plain]]
    if self_reference:
        written[-1] = f"{quoted(plain[-1])} {kind.split()[0]} REFERENCES {t} ({k}) ON DELETE {draw(ACTIONS)}"
    if draw(st.booleans()):
        written.append(
            f"generated {kind.split()[0] if 'STRICT' in options else ''} AS ({k}) {draw(st.sampled_from(['STORED', 'VIRTUAL']))}"
        )
    create = f"CREATE TABLE {t} ({', '.join(written)}) {options}"
    make = [create]
    make += [
        f"CREATE TABLE child{number} (n INTEGER PRIMARY KEY, p REFERENCES {t} ({k}) ON DELETE {draw(ACTIONS)})"
        for number in range(draw(st.integers(0, 3)))
    ]
    extras = [
        f"CREATE INDEX i1 ON {t} ({quoted(plain[0])}, {k} DESC)",
        f"CREATE UNIQUE INDEX i2 ON {t} ({k}, typeof({quoted(plain[0])})) WHERE {k} IS NOT NULL",
        f"CREATE VIEW v1 AS SELECT {k} AS x FROM {t}",
        "CREATE VIEW v2 AS SELECT count(*) AS y FROM v1",
        f"CREATE TRIGGER g1 AFTER INSERT ON {t} BEGIN INSERT INTO log VALUES (new.{k}); END",
        f"CREATE TRIGGER g2 BEFORE UPDATE OF {k} ON {t} WHEN old.{k} IS NOT new.{k} BEGIN SELECT 1; END",
        f"CREATE TRIGGER g3 AFTER INSERT ON log BEGIN SELECT * FROM {t}; END",
        "CREATE TRIGGER g4 INSTEAD OF DELETE ON v1 BEGIN DELETE FROM log; END",
    ]
    make.append("CREATE TABLE log (x)")
    chosen = draw(st.lists(st.sampled_from(range(len(extras))), unique=True))
    if {3, 7} & set(chosen):
        chosen = [2, *[n for n in chosen if n != 2]]
    make += [extras[n] for n in sorted(chosen)]
    return World(table, columns, create, make, draw(st.integers(0, 6)))


def fill(client: LocalClient, world: World, data: st.DataObject) -> None:
    """Rows at random; what a constraint refuses is left out."""
    t = quoted(world.table)
    names = ", ".join(map(quoted, world.columns))
    marks = ", ".join("?" * len(world.columns))
    for number in range(world.keys):
        key: Any = number * 3 if "INT" in world.create.split(",")[0] else f"k{number}"
        values = [key, *[data.draw(VALUES) for _ in world.columns[1:]]]
        if f"REFERENCES {t}" in world.create:
            values[-1] = data.draw(st.sampled_from([None, key]))
        client.execute(f"INSERT OR IGNORE INTO {t} ({names}) VALUES ({marks})", values)
    children = [row[0] for row in client.execute("SELECT name FROM sqlite_master WHERE name LIKE 'child%'").tuples]
    for child in children:
        for (key,) in client.execute(f"SELECT {quoted(world.columns[0])} FROM {t}").tuples:
            client.execute(f"INSERT INTO {child} (p) VALUES (?)", (data.draw(st.sampled_from([None, key])),))
    if "AUTOINCREMENT" in world.create and data.draw(st.booleans()):
        client.execute(f"INSERT OR IGNORE INTO {t} ({quoted(world.columns[0])}) VALUES (1000)")
        client.execute(f"DELETE FROM {t} WHERE {quoted(world.columns[0])} = 1000")


def state(client: LocalClient, world: World) -> dict[str, Any]:
    def ask(sql: str) -> list[tuple[Any, ...]]:
        return client.execute(sql).tuples

    names = [
        name
        for (name,) in ask(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name <> 'migrations' AND name NOT LIKE 'sqlite%'"
        )
    ]
    found: dict[str, Any] = {name: sorted(map(repr, ask(f"SELECT * FROM {quoted(name)}"))) for name in names}
    found["columns"] = ask(f"SELECT * FROM pragma_table_xinfo({text(world.table)})")
    found["keys"] = [row[2:] for row in ask(f"SELECT * FROM pragma_foreign_key_list({text(world.table)})")]
    found["options"] = ask(f"SELECT type, wr, strict FROM pragma_table_list WHERE name = {text(world.table)}")
    for kind in ("view", "trigger"):
        found[kind] = ask(f"SELECT name, tbl_name, sql FROM sqlite_master WHERE type = '{kind}' ORDER BY rowid")
    found["index"] = sorted(ask("SELECT name, tbl_name, coalesce(sql, '') FROM sqlite_master WHERE type = 'index'"))
    found["tables"] = sorted(
        ask(
            f"SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT IN ('migrations', {text(world.table)})"
        )
    )
    if "AUTOINCREMENT" in world.create:
        found["sequence"] = sorted(ask("SELECT name, seq FROM sqlite_sequence WHERE seq > 0"))
    if "ROWID" not in world.create and "INTEGER PRIMARY KEY" not in world.create:
        free = next((n for n in ("rowid", "_rowid_", "oid") if n not in map(str.lower, world.columns)), None)
        if free is not None:
            found["rowids"] = ask(f"SELECT {free} FROM {quoted(world.table)} ORDER BY 1")
    if ask("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'"):
        found["statistics"] = sorted(ask("SELECT * FROM sqlite_stat1 WHERE tbl <> 'migrations'"), key=repr)
    found["checks"] = (ask("PRAGMA integrity_check"), ask("PRAGMA foreign_key_check"), ask("PRAGMA foreign_keys"))
    return found


def text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def rebuilt_is_what_it_was(world: World, data: st.DataObject) -> None:
    with create_client_sync(":memory:") as client:
        for sql in world.make:
            client.execute(sql)
        fill(client, world, data)
        migrator = Migrator(client, backup=False)
        migrator.initialize()
        if data.draw(st.booleans()):
            client.execute("ANALYZE")
        before = state(client, world)
        options = world.create.rpartition(")")[0] + ")" if data.draw(st.booleans()) else world.create
        again = RebuildTable(world.table, options)
        migrator.add_migration(Migration("001", "rebuild", again, again))
        (preview,) = migrator.migrate(dry_run=True)
        (result,) = migrator.migrate()
        assert state(client, world) == before
        assert result.statements == preview.statements
        migrator.rollback_last()
        assert state(client, world) == before


@SETTINGS
@given(worlds(), st.data())
def test_a_rebuild_into_the_same_table_changes_nothing_at_all(world: World, data: st.DataObject) -> None:
    rebuilt_is_what_it_was(world, data)


@pytest.mark.soak
@settings(SETTINGS, max_examples=3000)
@given(worlds(), st.data())
def test_a_rebuild_into_the_same_table_changes_nothing_at_all_in_long_rounds(world: World, data: st.DataObject) -> None:
    rebuilt_is_what_it_was(world, data)


@SETTINGS
@given(worlds(), st.data())
def test_a_rebuild_that_fails_changes_nothing_at_all(world: World, data: st.DataObject) -> None:
    with create_client_sync(":memory:") as client:
        for sql in world.make:
            client.execute(sql)
        fill(client, world, data)
        migrator = Migrator(client, backup=False)
        migrator.initialize()
        before = state(client, world)
        again = RebuildTable(world.table, world.create)
        migrator.add_migration(Migration("001", "rebuild", (again, "SELECT no_such_column")))
        with pytest.raises(Exception, match="no_such_column"):
            migrator.migrate()
        assert state(client, world) == before


# -- the words of a statement


@given(NAMES, NAMES, st.sampled_from(['""', "``", "[]"]), st.sampled_from([" ", "\n-- x\n", " /* ; */ ", "\t"]))
def test_a_statement_is_known_by_its_table_in_any_spelling(name: str, other: str, marks: str, blank: str) -> None:
    def spelled(text: str) -> str:
        if marks == "[]" and "]" not in text:
            return f"[{text}]"
        mark = marks[0] if marks != "[]" else '"'
        return mark + text.replace(mark, mark * 2) + mark

    def statement(*parts: str) -> Statement:
        return Statement(blank.join(parts))

    table = spelled(name)
    for parts in (
        ("DROP", "TABLE", table),
        ("drop", "table", "if", "exists", "main.", table, ";"),
        ("DELETE", "FROM", table, "WHERE 1"),
        ("UPDATE", "OR", "IGNORE", table, "SET x = 1"),
        ("REPLACE", "INTO", table, "VALUES (1)"),
        ("INSERT", "OR", "REPLACE", "INTO", "main", ".", table, "SELECT 1"),
        ("WITH", "q", "AS", "(SELECT 'DELETE')", "DELETE", "FROM", table),
        ("ALTER", "TABLE", table, "DROP", spelled(other)),
    ):
        assert statement(*parts).table == name
        assert not statement(*parts).is_harmless
    assert statement("ALTER", "TABLE", table, "RENAME", "TO", spelled(other)).renamed_table == (
        folded(name),
        folded(other),
    )
    assert statement("ALTER", "TABLE", table, "RENAME", "COLUMN", "x", "TO", spelled(other)).renamed_column == (
        folded(name),
        "x",
        folded(other),
    )
    found = tokens(f"main{blank}.{blank}{table}")
    at = name_at(found, 0)
    assert at is not None
    assert found[at].text == name


@given(st.text())
def test_any_text_has_tokens_that_lie_in_order(sql: str) -> None:
    end = 0
    for token in tokens(sql):
        assert end <= token.start < token.end
        end = token.end
    Statement(sql)
