"""A guard counts what a migration can reach, and finds all that it would find if it counted everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from guard_harness import run_unguarded
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentdb import Migration, Migrator, RebuildTable, create_client_sync
from agentdb.clients.local.connection import Connection
from agentdb.clients.local.sync_client import LocalClient
from agentdb.engine.guards import losses
from agentdb.engine.guards.affected_tables import reached
from agentdb.errors import AgentDBError, DataLossError
from agentdb.operations.runners import run

FAMILY = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
    "CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES parent ON DELETE CASCADE)",
    "CREATE TABLE grandchild (id INTEGER PRIMARY KEY, c REFERENCES Child ON DELETE SET NULL)",
    "CREATE TABLE ghostly (id INTEGER PRIMARY KEY, g REFERENCES ghost ON DELETE CASCADE)",
    "CREATE TABLE watched (id INTEGER PRIMARY KEY)",
    "CREATE TABLE log (x)",
    "CREATE TRIGGER watch AFTER DELETE ON watched BEGIN DELETE FROM log; END",
    "CREATE VIEW shown AS SELECT * FROM watched",
    "CREATE TRIGGER through INSTEAD OF DELETE ON shown BEGIN DELETE FROM Parent WHERE id = OLD.id; END",
    'CREATE TABLE "odd ""name" (id INTEGER PRIMARY KEY)',
    'CREATE TABLE of_odd (o REFERENCES "odd ""name" ON DELETE CASCADE)',
    "CREATE VIRTUAL TABLE notes USING fts5 (text)",
    "CREATE TABLE alone (id INTEGER PRIMARY KEY AUTOINCREMENT)",
)


@pytest.fixture
def client() -> Iterator[LocalClient]:
    with create_client_sync(":memory:") as opened:
        for sql in FAMILY:
            opened.execute(sql)
        yield opened


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (("DROP TABLE alone",), {"alone"}),
        (("DELETE FROM sqlite_sequence",), {"sqlite_sequence"}),
        (("UPDATE grandchild SET c = NULL",), {"grandchild"}),
        (("DELETE FROM child",), {"child", "grandchild"}),
        (("WITH x AS (SELECT 1 FROM log) DELETE FROM main.[PARENT]",), {"parent", "child", "grandchild"}),
        (("REPLACE INTO parent VALUES (1)",), {"parent", "child", "grandchild"}),
        (("DELETE FROM watched",), {"watched", "log"}),
        (("DELETE FROM shown",), {"shown", "watched", "log", "parent", "child", "grandchild"}),
        (('DELETE FROM "odd ""name"',), {'odd "name', "of_odd"}),
        (("DELETE FROM notes",), {"notes"}),
        (("DELETE FROM notes_content",), {"notes_content", "notes"}),
        (("CREATE TABLE ghost (id INTEGER PRIMARY KEY)", "DELETE FROM ghost"), {"ghost", "ghostly"}),
        (("CREATE TABLE x (y)", "ALTER TABLE x RENAME TO ghost"), {"x", "ghost", "ghostly"}),
        (("CREATE TRIGGER t AFTER INSERT ON alone BEGIN DELETE FROM log; END",), {"log"}),
        ((RebuildTable("child", "CREATE TABLE child (id INTEGER PRIMARY KEY)"),), {"child", "grandchild"}),
        (("SELECT 1", "CREATE INDEX i ON log (x)", "DROP INDEX i", "DROP VIEW shown"), set()),
    ],
)
def test_what_statements_reach(client: LocalClient, items: Any, expected: set[str]) -> None:
    found = run(client, reached(items))
    assert found is not None
    names = {name.lower() for (name,) in client.execute("SELECT name FROM sqlite_master").tuples} | expected
    assert found & names - {"through", "watch"} >= expected
    if not any("TRIGGER" in str(item) for item in items):
        assert found & names - {"through", "watch"} == expected


@pytest.mark.parametrize("sql", ["PRAGMA user_version = 1", "ANALYZE", "VACUUM", "NEWER WORDS", "DELETE", "(SELECT 1)"])
def test_what_is_not_understood_reaches_everything(client: LocalClient, sql: str) -> None:
    assert run(client, reached(("DROP TABLE alone", sql))) is None
    counts = run(client, losses.count(None))
    assert {table for table, _ in counts} > {"alone", "parent", "notes"}


def test_a_virtual_table_of_an_unknown_module_reaches_everything(client: LocalClient) -> None:
    assert run(client, reached(("DELETE FROM notes",))) is not None
    client.execute("CREATE VIRTUAL TABLE words USING fts5vocab (notes, row)")
    assert run(client, reached(("DELETE FROM words",))) is None


def test_a_trigger_of_the_connection_is_followed(client: LocalClient) -> None:
    client.execute("CREATE TEMP TRIGGER passing AFTER DELETE ON main.alone BEGIN DELETE FROM log; END")
    assert run(client, reached(("DELETE FROM alone",))) >= {"alone", "log"}


def test_a_rollback_among_many_tables_counts_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    execute = Connection.execute

    def noted(self: Connection, sql: str, *args: Any, **options: Any) -> Any:
        ran.append(sql)
        return execute(self, sql, *args, **options)

    def work(tables: int) -> tuple[int, int]:
        with create_client_sync(":memory:") as client:
            client.execute("CREATE TABLE root (id INTEGER PRIMARY KEY)")
            for number in range(tables):
                client.execute(f"CREATE TABLE host_{number} (id INTEGER PRIMARY KEY, r REFERENCES root)")
            mine = [
                Migration(str(n), "a table", f"CREATE TABLE mine_{n} (x)", f"DROP TABLE mine_{n}") for n in range(1, 6)
            ]
            migrator = Migrator(client, mine)
            migrator.migrate()
            ran.clear()
            migrator.rollback(limit=5)
            return len(ran), sum("count(*)" in sql for sql in ran)

    monkeypatch.setattr(Connection, "execute", noted)
    few, many = work(3), work(300)
    assert few == many
    assert many[1] == 5
    assert many[0] < 100


# -- the law: what counting everything finds, counting what is reached finds

TABLES = ["a", "b", "c", "d"]
names = st.sampled_from(TABLES)
actions = st.sampled_from(["CASCADE", "SET NULL", "NO ACTION"])
events = st.sampled_from(["INSERT", "UPDATE", "DELETE"])


def changes(target: str) -> st.SearchStrategy[str]:
    return st.sampled_from(
        [
            f"DELETE FROM {target}",
            f"DELETE FROM {target} WHERE id = 1",
            f"UPDATE {target} SET r = NULL",
            f"UPDATE {target} SET id = id + 10",
            f"INSERT INTO {target} (id, r) VALUES (7, NULL)",
            f"INSERT OR REPLACE INTO {target} (id) VALUES (1)",
            f"INSERT INTO {target} (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET r = NULL",
        ]
    )


@st.composite
def schemas(draw: st.DrawFn) -> list[str]:
    found = []
    for name in TABLES:
        refers = draw(st.sampled_from([*TABLES, "ghost"]))
        found.append(
            f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, r REFERENCES {refers} (id) "
            f"ON DELETE {draw(actions)} ON UPDATE {draw(actions)})"
        )
    found += [f"INSERT INTO {name} (id) VALUES (1), (2), (3)" for name in TABLES]
    found += [f"UPDATE {name} SET r = 1 WHERE id < 3" for name in TABLES if " ghost " not in found[TABLES.index(name)]]
    for number in range(draw(st.integers(0, 3))):
        body = draw(names.flatmap(changes))
        found.append(f"CREATE TRIGGER t{number} AFTER {draw(events)} ON {draw(names)} BEGIN {body}; END")
    if draw(st.booleans()):
        found.append(f"CREATE VIEW v AS SELECT id, r FROM {draw(names)}")
        body = draw(names.flatmap(changes))
        found.append(f"CREATE TRIGGER on_view INSTEAD OF {draw(events)} ON v BEGIN {body}; END")
    return found


@st.composite
def scripts(draw: st.DrawFn) -> list[Any]:
    new = "(id INTEGER PRIMARY KEY, r)"
    one = st.one_of(
        st.sampled_from([*TABLES, "v"]).flatmap(changes).map(lambda sql: [sql]),
        names.map(lambda name: [f"DROP TABLE {name}"]),
        names.map(lambda name: [f"ALTER TABLE {name} DROP COLUMN r"]),
        st.just([f"CREATE TABLE ghost {new}", "INSERT INTO ghost VALUES (1, NULL)"]),
        names.flatmap(changes).map(
            lambda sql: [f"CREATE TRIGGER later AFTER INSERT ON a BEGIN {sql}; END", "INSERT INTO a (id) VALUES (9)"]
        ),
        names.map(lambda name: [RebuildTable(name, f"CREATE TABLE {name} {new}")]),
        names.map(lambda name: [RebuildTable(name, f"CREATE TABLE {name} (id INTEGER PRIMARY KEY)")]),
        names.map(lambda name: [f"ALTER TABLE {name} RENAME TO moved", "DELETE FROM moved"]),
        names.map(
            lambda name: [
                f"CREATE TABLE {name}_new {new}",
                f"INSERT INTO {name}_new SELECT * FROM {name}",
                f"DROP TABLE {name}",
                f"ALTER TABLE {name}_new RENAME TO {name}",
            ]
        ),
    )
    return [item for items in draw(st.lists(one, min_size=1, max_size=3)) for item in items]


@settings(max_examples=300, deadline=None)
@given(schemas(), scripts(), st.booleans())
@example(
    ["CREATE TABLE a (id INTEGER PRIMARY KEY, r)", "CREATE TABLE b (id, r REFERENCES ghost ON DELETE CASCADE)"],
    ["CREATE TABLE ghost (id INTEGER PRIMARY KEY)", "DELETE FROM ghost"],
    True,
)
def test_nothing_that_the_full_count_finds_is_missed(schema: list[str], script: list[Any], enforced: bool) -> None:
    with create_client_sync(":memory:") as client:
        for sql in schema:
            try:
                client.execute(sql)
            except AgentDBError:
                pass  # a row that has nothing to refer to, a trigger that fires for ever
        narrow = run(client, losses.count(run(client, reached(script))))
        full = run(client, losses.count())
        assert narrow.items() <= full.items()
        try:
            run_unguarded(client, script, foreign_keys=enforced)
        except AgentDBError:
            return
        assert lost(client, narrow, script) == lost(client, full, script)


def lost(client: LocalClient, counts: losses.Counts, script: list[Any]) -> dict[str, tuple[int, int]]:
    try:
        run(client, losses.check(counts, script, ()))
    except DataLossError as error:
        return dict(error.tables)
    return {}
