from __future__ import annotations

import sqlite3
import xml.etree.ElementTree as ElementTree
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentdb
from agentdb import AgentDB, Migration, MigrationSet, Migrator, create_client_sync, migrations
from agentdb.operations.runners import run
from agentdb.tools.diagram.mermaid import mermaid
from agentdb.tools.diagram.svg import svg
from agentdb.tools.schema_model import Column, Reference, Table, created_table, read_tables, schema_sql

ROOT = Path(agentdb.__file__).parents[1]


def tables_of(*statements: str) -> dict[str, Table]:
    with create_client_sync(":memory:") as client:
        for sql in statements:
            client.execute(sql)
        return {table.name: table for table in run(client, read_tables())}


def test_the_picture_of_the_built_in_schema_is_current() -> None:
    """Not so? `python -m agentdb schema --all --migrations agentdb.migrations --diagram svg > docs/built-in-schema.svg`"""
    with create_client_sync(":memory:") as client:
        Migrator(client, migrations.MIGRATIONS).migrate()
        assert (ROOT / "docs" / "built-in-schema.svg").read_text(encoding="utf-8") == svg(run(client, read_tables()))


def test_keys_and_cardinalities() -> None:
    found = tables_of(
        "CREATE TABLE parents (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE)",
        "CREATE TABLE many (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id))",
        "CREATE TABLE single (parent INTEGER PRIMARY KEY REFERENCES parents)",
        "CREATE TABLE pairs (a NOT NULL REFERENCES parents (code), b, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "CREATE TABLE ones (id INTEGER PRIMARY KEY, p NOT NULL UNIQUE REFERENCES parents (code))",
        "CREATE TABLE nodes (a, b, c, d, UNIQUE (a, b), FOREIGN KEY (c, d) REFERENCES nodes (a, b))",
    )
    of = {name: table.references for name, table in found.items()}
    assert of["many"] == (Reference(("parent",), "parents", ("id",), True, False, False),)
    assert of["single"][0].is_single
    assert not of["single"][0].is_optional
    assert of["pairs"] == (Reference(("a",), "parents", ("code",), False, False, True),)
    assert of["ones"] == (Reference(("p",), "parents", ("code",), False, True, True),)
    assert of["nodes"] == (Reference(("c", "d"), "nodes", ("a", "b"), True, False, False),)


def test_each_table_belongs_to_the_set_that_made_it(tmp_path: Path) -> None:
    own = MigrationSet(
        "own",
        [Migration("001", "own", ['CREATE TABLE IF NOT EXISTS "my own" (x)', "ALTER TABLE 'my own' RENAME TO mine"])],
    )
    path = tmp_path / "a.db"
    AgentDB.open(path, migrations=[own]).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE by_hand (x)")
    with create_client_sync(path, read_only=True) as client:
        found = {table.name: table.set for table in run(client, read_tables())}
    assert (found["agents"], found["messages_fts"], found["mine"], found["by_hand"]) == (
        "migrations",
        "migrations",
        "own_migrations",
        "",
    )
    assert "own_migrations" not in found
    assert "messages_fts_data" not in found


def test_the_script_makes_the_same_schema_in_the_sqlite_library(tmp_path: Path) -> None:
    with create_client_sync(":memory:") as client:
        Migrator(client, migrations.MIGRATIONS).migrate()
        script = run(client, schema_sql())
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    with create_client_sync(path) as client:
        assert run(client, schema_sql()) == script


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("CREATE TABLE t (x)", "t"),
        ('create table if not exists main."odd name" (x)', "odd name"),
        ("CREATE VIRTUAL TABLE f USING fts5(x)", "f"),
        ("CREATE TEMP TABLE t (x)", None),
        ("CREATE INDEX i ON t (x)", None),
        ("CREATE TABLE", None),
        ("", None),
    ],
)
def test_the_table_that_a_statement_creates(sql: str, name: str | None) -> None:
    assert created_table(sql) == name


names = st.text(min_size=1, max_size=12)
tables = st.lists(
    st.builds(
        Table,
        names,
        names,
        st.booleans(),
        st.lists(st.builds(Column, names, names, st.booleans(), st.integers(0, 2)), max_size=3).map(tuple),
        st.lists(
            st.builds(Reference, st.tuples(names), names, st.just(()), st.booleans(), st.booleans(), st.booleans()),
            max_size=2,
        ).map(tuple),
    ),
    max_size=5,
    unique_by=lambda table: table.name.lower(),
)


@given(tables)
def test_whatever_names_there_are_the_picture_is_xml_and_the_diagram_has_one_line_for_each(given_: list[Table]) -> None:
    ElementTree.fromstring(svg(given_))
    for line in mermaid(given_).splitlines()[1:]:
        assert line.startswith("    ")


def test_tables_that_refer_to_each_other_in_a_circle_are_drawn() -> None:
    found = tables_of(
        "CREATE TABLE a (x REFERENCES b)", "CREATE TABLE b (x REFERENCES a)", "CREATE TABLE c (x REFERENCES gone)"
    )
    ElementTree.fromstring(svg(list(found.values())))
    assert "gone" not in mermaid(list(found.values()))
