"""A statement of many megabytes costs memory in proportion, and Python reads what a statement is without reading each value."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from agentdb import Migration, Migrator, create_client_sync
from agentdb.clients.arguments import shorten
from agentdb.clients.statements import kind_of
from agentdb.errors import StatementError
from agentdb.sql.lexer import tokens
from agentdb.sql.statement_tables import Statement

#: What a literal may hold that a reader of SQL looks at.
PIECES = ["x", "''", "it''s; -- a /* b */ \"c\"\n", "é漢;", '""', "`[(", "$a(", "conflict ", "do update "]
SHAPES = {
    "INSERT": "INSERT INTO t VALUES ('{}')",
    "UPDATE": "UPDATE t SET x = '{}'",
    "DELETE": "DELETE FROM t WHERE x = '{}'",
    "WITH": "WITH a AS (SELECT '{}' AS b) INSERT INTO t SELECT b FROM a",
    "CREATE": "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT '{}'; END",
    "a name": 'SELECT 1 AS "{}"',
    "a comment": "INSERT INTO t /*{}*/ VALUES (1)",
}
#: Statements of as many values as there are numbers.
LISTS: dict[str, Callable[[int], str]] = {
    "rows": lambda number: "INSERT INTO t VALUES " + ",".join(["(12345)"] * number),
    "texts": lambda number: "INSERT INTO t VALUES " + ",".join(["('a value')"] * number),
    "IN": lambda number: "DELETE FROM t WHERE x IN (" + ",".join(["'a value'"] * number) + ")",
    "CASE": lambda number: "UPDATE t SET x = CASE x " + "WHEN 1 THEN 2 " * number + "END",
}
SCHEMA = Migration("001", "a table", "CREATE TABLE t (x)", "DROP TABLE t")


def filled(shape: str, piece: str, size: int) -> str:
    if shape == "a comment":
        piece = piece.replace("*/", "**")
    if shape == "a name":
        piece = piece.replace('"', "'")
    return SHAPES[shape].format(piece * (size // len(piece)))


def work(sql: str) -> int:
    """How many functions are called to migrate with a statement and to run it once more, those of C included."""
    calls = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    with create_client_sync(":memory:") as client:
        Migrator(client, [SCHEMA]).migrate()
        sys.setprofile(note)
        try:
            Migrator(client, [SCHEMA, Migration("002", "big", sql)]).migrate()
            kind_of(sql)
        finally:
            sys.setprofile(None)
    return calls


@pytest.mark.parametrize("piece", PIECES, ids=repr)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_literal_is_read_in_steps_that_do_not_grow_with_it(shape: str, piece: str) -> None:
    small, big = (work(filled(shape, piece, size)) for size in (3_000, 300_000))
    assert big < 1.5 * small  # of a hundred times as much


@pytest.mark.parametrize("values", LISTS)
def test_many_values_are_not_read_one_by_one(values: str) -> None:
    small, big = (work(LISTS[values](number)) for number in (50, 5_000))
    assert big < 1.5 * small  # of a hundred times as much


def test_a_statement_is_read_as_far_as_it_is_asked() -> None:
    statement = Statement("INSERT INTO t VALUES " + ",".join(["(1)"] * 1000))
    assert (statement.verb, statement.table, len(statement._tokens) < 10) == ("INSERT", "t", True)


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET x = 2", "UPSERT"),
        ("INSERT INTO t VALUES (1) on /* conflict */ conflict (x) do\n--\n update SET x = 2", "UPSERT"),
        ("INSERT INTO t VALUES ('on conflict do update')", "INSERT"),
        ("INSERT INTO t VALUES ('conflict') -- do update", "INSERT"),
        ('INSERT INTO t ("do", "update", "conflict") VALUES (1)', "INSERT"),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING RETURNING update_of", "INSERT"),
    ],
)
def test_an_insert_that_updates_is_told_by_its_words(sql: str, verb: str) -> None:
    assert Statement(sql).verb == verb


@pytest.mark.parametrize("text", ["''", "a''b", "''''", "'' ''", '""', "a]b"])
def test_a_doubled_quote_stays_one_token(text: str) -> None:
    literal, name = (
        tokens(f"'{text}' " + '"' + text.replace("''", '""') + '"') if '"' not in text else tokens(f"'{text}' x")
    )
    assert literal.text == text.replace("''", "'")
    assert name.kind in ("quoted", "word")


MEASURED = """
import sys, tracemalloc
from agentdb import Migration, Migrator, create_client_sync
from agentdb.clients.arguments import shorten
from agentdb.sql.statement_tables import Statement
from agentdb.sql.lexer import tokens
import agentdb.cli.script as script

opening, piece, closing = sys.argv[1:]
sql = opening + piece * (10_000_000 // len(piece)) + closing
size = len(sql.encode())
with create_client_sync(":memory:") as client:
    Migrator(client, [Migration("001", "a table", "CREATE TABLE t (x)", "DROP TABLE t")]).migrate()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tokens(sql)
    script._TOKEN.search(sql, len(opening) - 1)
    shorten(sql)
    Migrator(client, [Migration("001", "a table", "CREATE TABLE t (x)", "DROP TABLE t"), Migration("002", "big", sql)]).migrate()
    client.execute(sql)
    print((tracemalloc.get_traced_memory()[1] - before) / size)
"""


@pytest.mark.parametrize("piece", ["x", "''", "it''s "])
@pytest.mark.parametrize(
    ("opening", "closing"),
    [("INSERT INTO t VALUES ('", "')"), ("WITH a AS (SELECT '", "' AS b) INSERT INTO t SELECT b FROM a")],
)
def test_ten_megabytes_of_text_take_less_than_ten_times_as_much(opening: str, piece: str, closing: str) -> None:
    ran = subprocess.run([sys.executable, "-c", MEASURED, opening, piece, closing], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout) < 10


def test_an_error_quotes_the_beginning_of_a_long_statement() -> None:
    sql = "INSERT INTO nowhere VALUES ('" + "a b " * 100_000 + "')"
    assert shorten(sql) == (("INSERT INTO nowhere VALUES ('" + "a b " * 100)[:159] + "…")
    assert shorten(" " * 20_000 + "SELECT 1").endswith("…")
    with create_client_sync(":memory:") as client, pytest.raises(StatementError) as raised:
        client.execute(sql)
    assert len(raised.value.message) < 250
