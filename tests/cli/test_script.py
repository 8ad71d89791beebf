"""Laws of writing a migration down as SQL."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdb.cli.script import Expression, bind, closed, downgrade, literal, quoted_name, script, upgrade
from agentdb.engine.history import History
from agentdb.engine.history_row import Row
from agentdb.engine.migration import Migration
from agentdb.engine.migration_run import texts
from agentdb.engine.rollback_plan import Reversal

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VISIBLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
TABLES = VISIBLE.filter(lambda name: not name.lower().startswith("sqlite_"))


@given(TEXT | st.integers(-(2**63) + 1, 2**63 - 1) | st.none())
def test_a_literal_is_the_value(value: Any) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute(f"SELECT {literal(value)}").fetchone() == (value,)


def test_a_flag_is_a_number_and_an_expression_stays_as_it_is() -> None:
    assert [literal(True), literal(False), literal(Expression("now()"))] == ["1", "0", "now()"]
    for value in (b"", 0.5):  # SQLite does not read every float back as it was written
        with pytest.raises(TypeError):
            literal(value)


@given(TABLES, TEXT, st.integers(0, 9))
def test_binding_fills_parameters_and_touches_no_quoted_text(name: str, text: str, number: int) -> None:
    table = quoted_name(":id" + name)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE {table} (id, text)")
        connection.execute(
            bind(f"INSERT INTO {table} (id, text) VALUES (:id, :text || ':id')", {"id": number, "text": text})
        )
        assert connection.execute(f"SELECT * FROM {table}").fetchall() == [(number, text + ":id")]


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "SELECT 1;", "SELECT 1 -- one", "SELECT 1; -- one", "-- one\nSELECT 1 /* ; */", "SELECT ';'"]
)
def test_a_statement_is_closed_where_it_ends(sql: str) -> None:
    assert sqlite3.complete_statement(closed(sql))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(closed(sql) + "CREATE TABLE behind (a);")
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("behind",)]


@given(TABLES, VISIBLE, VISIBLE, st.booleans())
def test_up_and_down_of_any_names_and_texts(table: str, description: str, text: str, use_transaction: bool) -> None:
    migration = Migration(
        "001",
        description,
        ("CREATE TABLE kept (text)", f"INSERT INTO kept VALUES ({literal(text)})"),
        "DROP TABLE kept",
        use_transaction=use_transaction,
    )
    if table.lower() == "kept":
        return
    history = History(table)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(
            script("up", [upgrade(history, migration, texts(migration.up), use_transaction=use_transaction)])
        )
        kept = migration.up[1]  # canonical: this is what was asked for, not `text`
        assert (
            connection.execute("SELECT text FROM kept").fetchone()
            == connection.execute(
                f"SELECT {kept.removeprefix('INSERT INTO kept VALUES (').removesuffix(')')}"
            ).fetchone()
        )
        row = connection.execute(
            f"SELECT id, description, checksum, up, down, use_transaction, in_progress FROM {quoted_name(table)}"
        ).fetchone()
        assert row[:3] == ("001", description, migration.checksum)
        assert (json.loads(row[3]), json.loads(row[4])) == (list(migration.up), list(migration.down))
        assert row[5:] == (int(use_transaction), None)
        reversal = Reversal(migration, "001", migration.down)
        connection.executescript(
            script("down", [downgrade(history, reversal, texts(reversal.statements), Row.noted(migration.id, None))])
        )
        assert connection.execute(f"SELECT count(*) FROM {quoted_name(table)}").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'kept'").fetchone() == (0,)


@given(VISIBLE)
def test_a_title_is_one_comment(title: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script(title, []))
        assert script(title, []).count("\n") == 1
