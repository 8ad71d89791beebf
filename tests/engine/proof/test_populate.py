"""Every table of a database is filled, with rows that show what users' rows can be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from populate_harness import count, filled, is_shared, values

from agentdb import Migration, Migrator, create_client_sync, migrations, validate_migrations
from agentdb.clients.local.sync_client import LocalClient
from agentdb.engine.proof.column_values import checks_of
from agentdb.engine.proof.row_generator import Populator


@pytest.fixture
def client() -> Iterator[LocalClient]:
    with create_client_sync(":memory:") as opened:
        yield opened


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("x TEXT CHECK (x IN ('red', 'green'))", {"red", "green", None}),
        ("x TEXT NOT NULL CHECK (x IN ('red', 'green'))", {"red", "green"}),
        ("x INTEGER CHECK (x >= 5 AND x < 7)", {5, 6, None}),
        ("x INTEGER NOT NULL CHECK (x IN (0, 1))", {0, 1}),
        ("x TEXT NOT NULL CHECK (length(x) = 3)", {"xxx", "EUR"}),
        ("x TEXT CHECK (json_type(x) = 'object')", {"{}", '{"a": 1}', None}),
        ("x REAL NOT NULL CHECK (x BETWEEN 0.0 AND 1.0)", {0.0, 0.5, 1.0}),
        ("x TEXT NOT NULL CHECK (t.x GLOB '[0-9]*-[0-9]*')", None),
        ('"a ""b" TEXT, x INTEGER NOT NULL CHECK ("a ""b" IS NULL OR x = 7) CHECK (x > 5)', None),
        ("x TEXT NOT NULL CHECK (x = ')' OR x = '(')", {"(", ")"}),
    ],
)
def test_checks(client: LocalClient, column: str, expected: set[Any] | None) -> None:
    populator = filled(client, f"CREATE TABLE t (id INTEGER PRIMARY KEY, {column}) STRICT")
    assert populator.warnings == []
    found = values(client, "x")
    assert found if expected is None else found == expected


def test_columns_that_depend_on_each_other(client: LocalClient) -> None:
    check = "CHECK ((kind = 'text') = (body IS NOT NULL)), CHECK (body IS NULL OR path IS NULL)"
    filled(
        client, f"CREATE TABLE t (kind TEXT NOT NULL CHECK (kind IN ('text', 'file')), body TEXT, path TEXT, {check})"
    )
    assert values(client, "kind") == {"text", "file"}
    assert None in values(client, "body")
    assert len(values(client, "body")) > 1


def test_every_foreign_key_has_somebody_on_it(client: LocalClient) -> None:
    filled(
        client,
        "CREATE TABLE c (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a, b TEXT REFERENCES b ON DELETE SET NULL)",
        "CREATE TABLE a (id INTEGER PRIMARY KEY)",
        "CREATE TABLE b (k TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE d (x, y, c INTEGER, FOREIGN KEY (x, y) REFERENCES pair (x, y) ON DELETE CASCADE)",
        "CREATE TABLE pair (x, y, PRIMARY KEY (x, y))",
    )
    assert None in values(client, "b", "c")
    assert len(values(client, "b", "c")) > 1
    assert len(values(client, "a", "c")) > 1
    assert client.execute("SELECT count(*) FROM d JOIN pair USING (x, y)").tuples[0][0] > 1


def test_a_table_that_refers_to_itself_and_tables_that_refer_to_each_other(client: LocalClient) -> None:
    populator = filled(
        client,
        "CREATE TABLE tree (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES tree ON DELETE CASCADE)",
        "CREATE TABLE own (id INTEGER PRIMARY KEY, root INTEGER NOT NULL REFERENCES own)",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b)",
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a)",
    )
    assert populator.warnings == []
    for table, column in (("tree", "parent"), ("own", "root"), ("a", "b"), ("b", "a")):
        assert values(client, column, table) - {None}


def test_other_tables(client: LocalClient) -> None:
    populator = filled(
        client,
        "CREATE TABLE t (x TEXT UNIQUE, y INTEGER GENERATED ALWAYS AS (length(x)) STORED CHECK (y > 0), UNIQUE (y, x))",
        "CREATE TABLE only_an_id (id INTEGER PRIMARY KEY)",
        "CREATE TABLE blobs (b BLOB NOT NULL, n NUMERIC NOT NULL, any ANY NOT NULL, plain NOT NULL)",
        "CREATE TABLE log (x)",
        "CREATE TRIGGER copy AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.x); END",
        "CREATE VIEW v AS SELECT x FROM t",
    )
    assert populator.warnings == []
    for table in ("t", "only_an_id", "blobs", "log"):
        assert client.execute(f"SELECT count(*) FROM {table}").tuples[0][0] >= 4


def test_a_table_that_takes_no_rows_is_said_to_be_empty_once(client: LocalClient) -> None:
    populator = filled(
        client,
        "CREATE TABLE closed (x)",
        "CREATE TRIGGER shut BEFORE INSERT ON closed BEGIN SELECT RAISE(ABORT, 'closed for good'); END",
    )
    populator.fill(client, "002")
    (finding,) = populator.warnings
    assert "closed for good" in finding.message


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["INTEGER", "TEXT", "REAL", "BLOB"]),
            st.booleans(),
            st.sampled_from(
                ["", "UNIQUE", "CHECK (c{n} IS NOT 'x')", "REFERENCES p (id) ON DELETE CASCADE", "DEFAULT 1"]
            ),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_table_of_the_usual_kinds_is_filled(columns: list[tuple[str, bool, str]]) -> None:
    parts = [
        f"c{n} {'INTEGER' if 'REFERENCES' in rest else kind} {'NOT NULL' * required} {rest.format(n=n)}"
        for n, (kind, required, rest) in enumerate(columns)
    ]
    with create_client_sync(":memory:") as client:
        populator = filled(client, "CREATE TABLE p (id INTEGER PRIMARY KEY)", f"CREATE TABLE t ({', '.join(parts)})")
        assert populator.warnings == []
        for n, (_, required, rest) in enumerate(columns):
            found = values(client, f"c{n}")
            assert (None in found) != required
            assert found - {None}
            assert is_shared(client, f"c{n}") != (rest == "UNIQUE")


def test_checks_are_found_wherever_they_stand() -> None:
    sql = """CREATE TABLE "check" (a CHECK (a > 0) /* CHECK (no) */, b TEXT CHECK(b <> ')') -- CHECK (no)
        , "CHECK" TEXT DEFAULT 'CHECK (no)', CONSTRAINT c CHECK ((a) < (1)))"""
    assert checks_of(sql) == ["a > 0", "b <> ')'", "(a) < (1)"]


def test_a_filled_database_is_one_that_the_stores_could_have_filled(client: LocalClient) -> None:
    Migrator(client, migrations).migrate()
    populator = Populator(None, ("migrations",))
    populator.fill(client, "002")
    assert populator.warnings == []
    assert values(client, "status", "sessions") == {"idle", "running", "completed", "failed", "stopped"}
    assert values(client, "role", "session_logs") == {"user", "agent", "system", "tool"}
    assert len(values(client, "parent_id", "session_logs")) > 1
    assert values(client, "max_steps", "sessions") >= {None, 0}


# -- values that two rows have


@pytest.mark.parametrize("column", ["n INT", "n TEXT NOT NULL", "n TEXT CHECK (length(n) < 40)", "n INT REFERENCES p"])
def test_a_column_that_becomes_unique_is_one_where_users_have_the_same_twice(column: str) -> None:
    tables = ["CREATE TABLE p (id INTEGER PRIMARY KEY)", f"CREATE TABLE t (id INTEGER PRIMARY KEY, {column})"]
    first = Migration("001", "a table", tables, ("DROP TABLE t", "DROP TABLE p"))
    unique = Migration("002", "unique", "CREATE UNIQUE INDEX u ON t (n)", "DROP INDEX u")
    (finding,) = validate_migrations([first, unique]).errors
    assert (finding.code, finding.migration_id) == ("populated_up_failed", "002")
    assert "UNIQUE constraint failed: t.n" in finding.message


@pytest.mark.parametrize(
    ("sql", "index", "shared"),
    [
        ("a TEXT, b INT NOT NULL", None, "ab"),
        ("a TEXT UNIQUE, b INT", None, "b"),
        ("a TEXT, b INT, UNIQUE (a, b)", None, "ab"),
        ("a TEXT, b INT NOT NULL, c REAL, UNIQUE (a, b), UNIQUE (b, c)", None, "abc"),
        ("a TEXT PRIMARY KEY, b INT", None, "b"),
        ("a TEXT, b INT, c INT, PRIMARY KEY (a, b)", None, "abc"),
        ("a INTEGER PRIMARY KEY DESC, b INT", None, "b"),
        ("a TEXT NOT NULL, b INT NOT NULL CHECK (b IN (0, 1))", "(a) WHERE b = 1", "ab"),
        ("a TEXT NOT NULL, b INT NOT NULL CHECK (b IN (0, 1))", "(b) WHERE b = 1", "ab"),
        ("a TEXT NOT NULL, b INT", "(lower(a))", "b"),
        ("a TEXT PRIMARY KEY CHECK (a IN ('x', 'y')), b INT", None, "b"),
        ("a TEXT UNIQUE CHECK (length(a) < 10), b INT", None, "b"),
        ("a INT REFERENCES p, b INT NOT NULL UNIQUE REFERENCES p, c TEXT", None, "ac"),
    ],
)
def test_each_column_that_may_has_a_value_twice(client: LocalClient, sql: str, index: str | None, shared: str) -> None:
    indexes = [f"CREATE UNIQUE INDEX u ON t {index}"] if index else []
    populator = filled(client, "CREATE TABLE p (id INTEGER PRIMARY KEY)", f"CREATE TABLE t ({sql})", *indexes)
    assert populator.warnings == []
    columns = [name for (name,) in client.execute("SELECT name FROM pragma_table_info('t')").tuples]
    assert "".join([name for name in columns if is_shared(client, name)]) == shared


@pytest.mark.parametrize(
    "number",
    [
        "",
        "id INTEGER PRIMARY KEY CHECK (id > 0), ",
        "id INTEGER PRIMARY KEY CHECK (typeof(t.id) = 'integer' AND 0 < t.id), ",
    ],
)
def test_what_is_unique_together_is_not_what_is_unique_alone(client: LocalClient, number: str) -> None:
    filled(client, f"CREATE TABLE t ({number}a TEXT NOT NULL, b TEXT NOT NULL, c TEXT NOT NULL, UNIQUE (a, b, c))")
    for pair in ("a, b", "b, c", "a, c"):
        assert client.execute(f"SELECT 1 FROM t GROUP BY {pair} HAVING count(*) > 1").tuples


# -- tables that must refer to each other

A = "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER NOT NULL REFERENCES b{deferred})"
B = "CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a{deferred}, n TEXT)"


@pytest.mark.parametrize("deferred", [" DEFERRABLE INITIALLY DEFERRED", ""])
def test_a_circle_is_filled_at_once_and_what_stands_on_it_after(client: LocalClient, deferred: str) -> None:
    under = "CREATE TABLE c (a INTEGER NOT NULL REFERENCES a ON DELETE CASCADE)"
    populator = filled(client, under, A.format(deferred=deferred), B.format(deferred=deferred))
    assert populator.warnings == []
    for table in "abc":
        assert count(client, table) >= 4
    assert len(values(client, "b", "a")) > 1
    assert len(values(client, "a", "b")) > 1


def test_circles_of_other_kinds(client: LocalClient) -> None:
    populator = filled(
        client,
        "CREATE TABLE x (id TEXT PRIMARY KEY, y TEXT NOT NULL REFERENCES y) WITHOUT ROWID",
        "CREATE TABLE y (id TEXT PRIMARY KEY, z TEXT NOT NULL UNIQUE REFERENCES z) WITHOUT ROWID",
        "CREATE TABLE z (id TEXT PRIMARY KEY, x TEXT NOT NULL REFERENCES x, o INT NOT NULL REFERENCES o) WITHOUT ROWID",
        "CREATE TABLE o (id INTEGER PRIMARY KEY)",
        "CREATE TABLE p (a INT, b INT, q INT NOT NULL REFERENCES q, PRIMARY KEY (a, b))",
        "CREATE TABLE q (id INTEGER PRIMARY KEY, a INT NOT NULL, b INT NOT NULL, FOREIGN KEY (a, b) REFERENCES p)",
        "CREATE TABLE r (id TEXT PRIMARY KEY CHECK (length(id) = 3), s TEXT NOT NULL CHECK (length(s) = 4) REFERENCES s)",
        "CREATE TABLE s (id TEXT PRIMARY KEY CHECK (length(id) = 4), r TEXT NOT NULL CHECK (r <> id) REFERENCES r)",
    )
    assert populator.warnings == []
    for table in "xyzopqrs":
        assert count(client, table) >= 3, table


def test_a_circle_in_which_a_table_takes_no_rows_is_empty_and_said_to_be(client: LocalClient) -> None:
    shut = "CREATE TRIGGER shut BEFORE INSERT ON b BEGIN SELECT RAISE(ABORT, 'closed for good'); END"
    populator = filled(client, A.format(deferred=""), B.format(deferred=""), shut)
    assert [finding.code for finding in populator.warnings] == ["not_filled", "not_filled"]
    assert count(client, "a") == 0


def test_fixtures_of_a_circle_are_checked_when_all_of_them_are_there(client: LocalClient) -> None:
    schema = (A.format(deferred=""), B.format(deferred=""))
    populator = filled(client, *schema, fixtures={"a": [{"id": 1, "b": 7}], "b": [{"id": 7, "a": 1}]})
    assert (populator.errors, populator.warnings) == ([], [])
    assert (values(client, "b", "a"), values(client, "a", "b")) == ({7}, {1})


def test_fixtures_of_a_circle_that_refer_to_nobody_are_an_error(client: LocalClient) -> None:
    schema = (A.format(deferred=""), B.format(deferred=""))
    populator = filled(client, *schema, fixtures={"a": [{"id": 1, "b": 7}], "b": [{"id": 8, "a": 1}]})
    assert {finding.code for finding in populator.errors} == {"bad_fixture"}
    assert "FOREIGN KEY constraint failed" in populator.errors[0].message


# -- odd tables


@pytest.mark.parametrize(
    "schema",
    [
        # CHECKs that name the table, the one beside the column, or the rowid
        [
            'CREATE TABLE t (a INT NOT NULL CHECK (t.a > 0), b TEXT CHECK ("t"."b" IN (\'q\')), CHECK (t.a <> length(t.b)))'
        ],
        ["CREATE TABLE c0 (a INT NOT NULL CHECK (c0.a > 0), b INT CHECK (c0.b > c0.a))"],
        ["CREATE TABLE a (a INT NOT NULL CHECK (a.a > 5))"],
        ["CREATE TABLE t (a INT NOT NULL CHECK (t.a > 7))", "ALTER TABLE t RENAME TO u"],
        ["CREATE TABLE t (a TEXT NOT NULL CHECK (rowid > 0 AND a IN ('x', 'y')))"],
        ["CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL CHECK (id > 0 AND a IN ('x', 'y')))"],
        ["CREATE TABLE t (id INTEGER PRIMARY KEY CHECK (id > 1000))"],
        ["CREATE TABLE t (id INTEGER PRIMARY KEY CHECK (id = 5), v TEXT NOT NULL)"],
        # a primary key that is no rowid
        ["CREATE TABLE t (id INTEGER PRIMARY KEY DESC NOT NULL, x)", "CREATE TABLE c (t INT NOT NULL REFERENCES t)"],
        ["CREATE TABLE t (id INTEGER PRIMARY KEY DESC NOT NULL CHECK (id > 3))"],
        # generated columns
        ["CREATE TABLE t (a TEXT NOT NULL, n INT AS (json_extract(a, '$.n')) VIRTUAL CHECK (n > 3))"],
        [
            "CREATE TABLE p (id INTEGER PRIMARY KEY)",
            "CREATE TABLE t (a INT NOT NULL, g INT AS (a) STORED REFERENCES p (id))",
        ],
        # kinds that have to be guessed
        ["CREATE TABLE t (e NOT NULL CHECK (typeof(e) = 'blob'), f NOT NULL CHECK (typeof(f) = 'real'))"],
        ["CREATE TABLE t (b BLOB NOT NULL CHECK (length(b) = 16))"],
        ["CREATE TABLE t (b BLOB NOT NULL CHECK (b IN (1, 'x')))"],
        # a reference to the same table that the first row must have already
        [
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT NOT NULL, p INT REFERENCES t, CHECK (a IS NULL OR p IS NOT NULL))"
        ],
        # composite keys
        ["CREATE TABLE t (s INT NOT NULL, k INT NOT NULL, p INT, PRIMARY KEY (s, k), FOREIGN KEY (s, p) REFERENCES t)"],
        [
            "CREATE TABLE t (s INT NOT NULL, k INT NOT NULL, p INT NOT NULL, PRIMARY KEY (s, k), "
            "FOREIGN KEY (s, p) REFERENCES T (S, K)) WITHOUT ROWID"
        ],
        [
            "CREATE TABLE a (x INT, y INT, PRIMARY KEY (x, y))",
            "CREATE TABLE b (x INT, z INT, PRIMARY KEY (x, z))",
            "CREATE TABLE c (x INT NOT NULL, y INT NOT NULL, z INT NOT NULL, FOREIGN KEY (x, y) REFERENCES a, "
            "FOREIGN KEY (x, z) REFERENCES b)",
        ],
        [
            "CREATE TABLE p (a TEXT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID",
            "CREATE TABLE c (x TEXT, y INT, z INT, PRIMARY KEY (x, y, z), FOREIGN KEY (x, y) REFERENCES p) WITHOUT ROWID",
        ],
        # references to itself
        ["CREATE TABLE t (k TEXT PRIMARY KEY, p TEXT NOT NULL REFERENCES T (K)) WITHOUT ROWID"],
        ["CREATE TABLE t (Id INTEGER PRIMARY KEY, p INT NOT NULL REFERENCES t (iD))"],
        # circles of which one side has no rowid
        [
            "CREATE TABLE a (id TEXT PRIMARY KEY, b INT REFERENCES b) WITHOUT ROWID",
            "CREATE TABLE b (id INTEGER PRIMARY KEY, a TEXT NOT NULL REFERENCES a)",
        ],
        # indexes with a condition
        ["CREATE TABLE t (d INT NOT NULL CHECK (d IN (0, 1)), n TEXT)", "CREATE UNIQUE INDEX u ON t (d) WHERE d = 1"],
    ],
)
def test_odd_tables_are_filled(schema: list[str]) -> None:
    first = Migration("001", "odd", schema)
    second = Migration("002", "another", "CREATE TABLE another (x)", "DROP TABLE another")
    result = validate_migrations([first, second])
    assert (result.errors, [finding.code for finding in result.warnings]) == ((), ["no_down"])
    with create_client_sync(":memory:") as client:
        assert filled(client, *schema).warnings == []
        for table, column, parent in client.execute(
            'SELECT t.name, k."from", k."table" FROM pragma_table_list t JOIN pragma_foreign_key_list(t.name) k'
        ).tuples:
            assert values(client, column, table) - {None}, f"nobody in {table} refers to {parent}"


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (["CREATE TABLE p (a)", "CREATE TABLE c (a REFERENCES p (a))"], "foreign key mismatch"),
        (["CREATE TABLE c (a REFERENCES gone)"], "no such table: main.gone"),
        (["CREATE TABLE c (a NOT NULL REFERENCES gone CHECK (a > 0))"], "it refers to a table that has no rows"),
        (["CREATE TABLE t (a)", "CREATE TRIGGER x BEFORE INSERT ON t BEGIN SELECT RAISE(IGNORE); END"], "keeps none"),
        (
            ["CREATE TABLE t (a)", "CREATE TRIGGER x BEFORE INSERT ON t BEGIN SELECT RAISE(ROLLBACK, 'no'); END"],
            "no in",
        ),
    ],
)
def test_what_takes_no_rows_is_a_warning_that_says_why(schema: list[str], said: str) -> None:
    first = Migration("001", "odd", schema)
    second = Migration("002", "another", "CREATE TABLE another (x)", "DROP TABLE another")
    result = validate_migrations([first, second])
    assert result.errors == ()
    (finding,) = [finding for finding in result.warnings if finding.code == "not_filled"]
    assert said in finding.message
