"""Statements and values as libsql-client writes and reads them, and as a file would give them back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libsql_client.hrana.convert import _result_set_from_proto, _stmt_to_proto
from libsql_server import LibsqlServer
from worlds import World

from agentdb import create_client_sync
from agentdb.clients.remote import values
from agentdb.clients.statements import statement_of
from agentdb.errors import InvalidArgumentError, LimitError, OutcomeUnknownError

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)


@given(st.lists(VALUES, max_size=5))
def test_positional_arguments_are_written_as_libsql_client_writes_them(args: list[Any]) -> None:
    sql, ours = statement_of("SELECT 1", args)
    theirs = _stmt_to_proto("SELECT 1", args)
    assert values.statement(sql, ours).get("args", []) == theirs["args"]


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES))
def test_named_arguments_are_written_as_libsql_client_writes_them(args: dict[str, Any]) -> None:
    sql = "SELECT :a, @b, $c, 'text :d'"
    ours = values.statement(sql, statement_of(sql, args)[1])
    assert ours.get("named_args", []) == _stmt_to_proto(sql, args)["named_args"]


def test_what_the_statement_has_no_parameter_for_is_not_sent() -> None:
    ours = values.statement("SELECT :a, ':b' -- :c", {"a": 1, "b": 2, "c": 3})
    assert [pair["name"] for pair in ours["named_args"]] == ["a"]


@given(st.lists(st.lists(VALUES, min_size=2, max_size=2), max_size=4))
def test_rows_are_read_as_libsql_client_reads_them(rows: list[list[Any]]) -> None:
    answer = {
        "cols": [{"name": "x"}, {"name": None}],
        "rows": [[values.value_of(value) for value in row] for row in rows],
        "affected_row_count": 0,
        "last_insert_rowid": None,
    }
    answer = json.loads(json.dumps(answer))
    theirs = _result_set_from_proto(answer)  # type: ignore[arg-type]
    ours = values.result_of(answer, "read")
    assert ours.columns == theirs.columns
    assert ours.tuples == [row.astuple() for row in theirs.rows]


def test_a_server_gives_back_what_a_file_gives_back(world: World, server: LibsqlServer) -> None:
    awkward = [
        "",
        "\0",
        "a\0b",
        "ü🦉",
        0,
        -(2**63),
        2**63 - 1,
        1.5,
        -0.0,
        1e300,
        b"",
        b"\0\xff",
        None,
        True,
        "'",
        "x" * 70_000,
    ]
    client = world.client(server.url)
    with create_client_sync(":memory:") as file:
        for value in awkward:
            sql = "SELECT ?1, typeof(?1), quote(?1)"
            assert world.rows(client, sql, value) == file.execute(sql, (value,)).tuples


@pytest.mark.parametrize("value", [2**63, "\ud800", memoryview(b"abcd")[::2]])
def test_what_cannot_be_bound_is_refused_before_it_is_sent(world: World, value: Any) -> None:
    client = world.client("http://127.0.0.1:1")  # nobody is there
    with pytest.raises(InvalidArgumentError) as caught:
        world(client.execute("SELECT ?", (value,)))
    assert caught.value.code == "not_bindable"


@pytest.mark.parametrize("value", ["x" * 5_000_000, "ü" * 2_500_000, bytes(5_000_000)], ids=["text", "ü", "bytes"])
def test_what_is_too_long_is_refused_before_it_is_sent(world: World, value: Any) -> None:
    client = world.client("http://127.0.0.1:1")
    with pytest.raises(LimitError, match="5000000 bytes"):
        world(client.execute("SELECT ?", (value,)))


def test_an_answer_that_is_too_long_is_a_limit(world: World, server: LibsqlServer) -> None:
    client = world.client(server.url)
    many = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 40) SELECT printf('%.*c', 400000, 'x') FROM c"
    with pytest.raises(LimitError) as caught:
        world(client.execute(many))
    assert caught.value.engine_code == "RESPONSE_TOO_LARGE"


@pytest.mark.parametrize("how", ["execute", "batch"])
def test_a_write_that_returns_too_much_is_not_called_undone_where_it_may_be_done(
    world: World, server: LibsqlServer, how: str
) -> None:
    client = world.client(server.url)
    world(client.execute("CREATE TABLE t (x)"))
    count = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 40) SELECT printf('%.*c', 400000, 'x') FROM c"
    insert = f"INSERT INTO t {count} RETURNING x"
    with pytest.raises(OutcomeUnknownError if how == "execute" else LimitError) as caught:
        world(getattr(client, how)(insert if how == "execute" else [insert]))
    assert caught.value.engine_code == "RESPONSE_TOO_LARGE"
    assert world.rows(client, "SELECT count(*) FROM t") == [(40 if how == "execute" else 0,)]
