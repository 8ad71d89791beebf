"""The same programs, run on libsql-client's own file clients and on ours: code written for it changes one import."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from client_harness import Both

from agentdb import create_client, create_client_sync
from agentdb.clients import ResultSet, Row, Statement
from agentdb.clients import base as ours
from agentdb.clients.adapters import borrow
from agentdb.errors import ClosedError, InvalidArgumentError

theirs = pytest.importorskip("libsql_client")


def row_shape(row: Any) -> Any:
    return {
        "len": len(row),
        "by index": [row[number] for number in range(len(row))],
        "from the end": [row[-1 - number] for number in range(len(row))],
        "slice": row[0:2],
        "by name": {name: row[name] for name in row._fields},
        "iterated": list(row),
        "unpacked": (*row,),
        "astuple": row.astuple(),
        "asdict": row.asdict(),
        "order of asdict": list(row.asdict()),
        "_asdict": row._asdict(),
        "_fields": row._fields,
        "contains": [value in row for value in row],
        "index of": [row.index(value) for value in row],
        "count": [row.count(value) for value in row],
        "reversed": list(reversed(row)),
        "wrong name": raises(lambda: row["no such column"]),
        "wrong index": raises(lambda: row[99]),
    }


def raises(use: Any) -> str:
    try:
        use()
    except Exception as error:
        return type(error).__name__
    return "nothing"


def shape(result: Any, *, counted: bool = False, inserted: bool = False) -> Any:
    return {
        "columns": result.columns,
        "rows": [row_shape(row) for row in result.rows],
        "iterated": [row.astuple() for row in result],
        "len": len(result),
        "truth": bool(result),
        "slice": [row.astuple() for row in result[0:2]],
        "first": result[0].astuple() if len(result) else raises(lambda: result[0]),
        # Theirs gives -1 for what counts no rows, and some earlier rowid for what inserted none.
        "rows_affected": result.rows_affected if counted else None,
        "last_insert_rowid": result.last_insert_rowid if inserted else None,
    }


STATEMENTS: list[tuple[Any, Any, dict[str, bool]]] = [
    ("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)", None, {}),
    ("INSERT INTO t (a, b) VALUES (?, ?)", [1, "x"], {"counted": True, "inserted": True}),
    ("INSERT INTO t (a, b) VALUES (:a, @b)", {"a": 2.5, ":b": None}, {"counted": True, "inserted": True}),
    ("INSERT INTO t (a, b) VALUES ($a, :b)", {"$a": True, "b": b"\0\xff"}, {"counted": True, "inserted": True}),
    (
        ("INSERT INTO t (a, b) VALUES (?, ?)", (bytearray(b"y"), memoryview(b"z"))),
        None,
        {"counted": True, "inserted": True},
    ),
    (("INSERT INTO t (a) VALUES (1), (2) RETURNING id, a",), None, {"counted": True, "inserted": True}),
    ("SELECT * FROM t ORDER BY id", None, {}),
    ("SELECT 1 AS same, 2 AS other, 3 AS same", None, {}),
    ("SELECT t.id, u.id, t.a FROM t, t AS u ORDER BY 1, 2", None, {}),
    ("SELECT count(*) FROM t", (), {}),
    ("SELECT * FROM t WHERE 0", [], {}),
    ("SELECT ? AS v, typeof(?) AS t", ["ü☃", 1], {}),
    ("UPDATE t SET a = 0 WHERE id > ?", (2,), {"counted": True}),
    ("DELETE FROM t WHERE id = 1", None, {"counted": True}),
    ("EXPLAIN QUERY PLAN SELECT * FROM t", None, {}),
    ("PRAGMA table_info(t)", None, {}),
]


class Ours:
    """What a program imports, by the names of libsql-client."""

    create_client = staticmethod(create_client)
    create_client_sync = staticmethod(create_client_sync)
    Statement = Statement


def both_sync(program: Any, folder: Path) -> None:
    answers = []
    for name, library in (("theirs", theirs), ("ours", Ours)):
        with library.create_client_sync(f"file:{folder}/{name}.db") as client:
            answers.append(program(library, client))
    assert answers[0] == answers[1]


def both_async(program: Any, folder: Path) -> None:
    answers = []

    async def run(library: Any, name: str) -> None:
        async with library.create_client(f"file:{folder}/{name}.db") as client:
            answers.append(await program(library, client))

    for name, library in (("theirs", theirs), ("ours", Ours)):
        asyncio.run(run(library, name))
    assert answers[0] == answers[1]


def test_every_form_of_statement_gives_the_same_shapes(tmp_path: Path) -> None:
    def program(library: Any, client: Any) -> Any:
        return [shape(client.execute(stmt, args), **flags) for stmt, args, flags in STATEMENTS]

    both_sync(program, tmp_path)


def test_every_form_of_statement_gives_the_same_shapes_on_a_loop(tmp_path: Path) -> None:
    async def program(library: Any, client: Any) -> Any:
        return [shape(await client.execute(stmt, args), **flags) for stmt, args, flags in STATEMENTS]

    both_async(program, tmp_path)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # theirs forget a coroutine after close()
def test_batches_transactions_and_closing_are_written_the_same(tmp_path: Path) -> None:
    def program(library: Any, client: Any) -> Any:
        answers: list[Any] = [client.closed]
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
        results = client.batch(
            [
                "INSERT INTO t (a) VALUES (1)",
                ("INSERT INTO t (a) VALUES (?)", [2]),
                library.Statement("INSERT INTO t (a) VALUES (:a)", {":a": 3}),
                ("SELECT count(*) AS n FROM t",),
            ]
        )
        answers += [results[2].rows_affected, results[2].last_insert_rowid, results[3][0]["n"], type(results)]
        with client.transaction() as tx:
            answers.append(tx.closed)
            answers.append(tx.execute("INSERT INTO t (a) VALUES (?)", [4]).last_insert_rowid)
            tx.commit()
            answers.append(tx.closed)
        tx.close()
        tx.rollback()
        with client.transaction() as tx:
            tx.execute("DELETE FROM t")
        answers.append(tx.closed)
        tx = client.transaction()
        tx.execute("DELETE FROM t")
        tx.rollback()
        answers += [tx.closed, raises_anything(lambda: tx.execute("SELECT 1")), raises_anything(lambda: tx.commit())]
        answers += [raises_anything(lambda: client.execute("SELEKT")), raises_anything(lambda: client.execute(5))]
        answers += [raises_anything(lambda: client.execute(("SELECT ?", [1], 2)))]
        answers += [raises_anything(lambda: client.execute(("SELECT ?", [1]), [1]))]
        answers += [raises_anything(lambda: client.batch(["DELETE FROM t", "SELEKT"]))]
        answers.append([row.astuple() for row in client.execute("SELECT * FROM t ORDER BY id")])
        client.close()
        client.close()
        answers += [client.closed, raises_anything(lambda: client.execute("SELECT 1"))]
        return answers

    both_sync(program, tmp_path)


def raises_anything(use: Any) -> bool:
    return raises(use) != "nothing"


def test_plain_with_inside_async_code(tmp_path: Path) -> None:
    async def program(library: Any, client: Any) -> Any:
        answers: list[Any] = [client.closed]
        await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
        with client.transaction() as tx:
            answers.append(tx.closed)
            await tx.execute("INSERT INTO t (a) VALUES (?)", [1])
            await asyncio.gather(
                *[tx.execute(library.Statement("INSERT INTO t (a) VALUES (?)", [2])) for _ in range(3)]
            )
            await tx.commit()
            answers.append(tx.closed)
        with client.transaction() as tx:
            await tx.execute("DELETE FROM t")
        answers.append(tx.closed)
        answers.append(len(await client.execute("SELECT * FROM t")))
        tx = client.transaction()
        await tx.execute("DELETE FROM t")
        await tx.rollback()
        await tx.rollback()
        tx.close()
        with pytest.raises(ZeroDivisionError), client.transaction() as tx:
            await tx.execute("DELETE FROM t")
            raise ZeroDivisionError
        results = await client.batch(["SELECT 1 AS a", ("SELECT ? AS b", [2])])
        answers += [[shape(result) for result in results], len(await client.execute("SELECT * FROM t"))]
        await client.close()
        answers.append(client.closed)
        return answers

    both_async(program, tmp_path)


def test_their_names_are_there() -> None:
    for name in ("execute", "batch", "transaction", "close", "closed", "__enter__", "__exit__"):
        assert hasattr(create_client_sync(":memory:"), name)
    for own, other in ((ours.Row, theirs.Row), (ours.ResultSet, theirs.ResultSet), (ours.Statement, theirs.Statement)):
        missing = {name for name in vars(other) if not name.startswith("_") or name in ("_fields", "_asdict")} - set(
            dir(own)
        )
        # columns, rows … are made by slots or properties; a `convert` is theirs alone, for itself.
        assert missing <= {"convert"}, own
    assert isinstance(create_client_sync(":memory:").execute("SELECT 1"), ResultSet)
    assert isinstance(create_client_sync(":memory:").execute("SELECT 1")[0], Row)


def test_a_row_is_a_value() -> None:
    (one, same, other) = create_client_sync(":memory:").execute("VALUES (1, 'a'), (1, 'a'), (2, 'a')")
    assert one == same == (1, "a")
    assert hash(one) == hash(same)
    assert one != other
    assert one != [1, "a"]
    assert "column1=1" in repr(one)
    result = create_client_sync(":memory:").execute("SELECT 1 AS a")
    assert "('a',)" in repr(result)
    assert repr(Statement("SELECT ?", [1])) == "Statement('SELECT ?', [1])"


# -- their clients, wherever ours are taken


def test_their_file_clients_are_the_file_behind_them(tmp_path: Path) -> None:
    client = theirs.create_client_sync(f"file:{tmp_path}/it%20is.db")
    borrowed = borrow(client)
    assert borrowed is not None
    with borrowed.open() as own:
        own.execute("CREATE TABLE t (v)")
        assert own.execute("PRAGMA foreign_keys").tuples == [(1,)]
    client.execute("INSERT INTO t VALUES (1)")
    with borrowed.open() as own:
        assert own.execute("SELECT * FROM t").tuples == [(1,)]
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".db"] == ["it%20is.db"], "they do not decode"
    client.close()
    with pytest.raises(ClosedError):
        borrowed.open()


def test_their_async_file_clients_too(tmp_path: Path) -> None:
    async def main() -> None:
        client = theirs.create_client(f"file:{tmp_path}/a.db")
        borrowed = borrow(client)
        assert borrowed is not None
        async with borrowed.open_async() as own:
            await own.execute("CREATE TABLE t (v)")
        await client.execute("INSERT INTO t VALUES (1)")
        async with borrowed.open_async() as own:
            assert (await own.execute("SELECT * FROM t")).tuples == [(1,)]
        await client.close()
        with pytest.raises(ClosedError):
            borrowed.open_async()

    asyncio.run(main())


def test_what_of_theirs_is_no_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    with theirs.create_client_sync("file::memory:") as client:
        with pytest.raises(InvalidArgumentError, match="new, empty database at each call") as caught:
            borrow(client)
        assert caught.value.code == "foreign_client"
    with theirs.create_client_sync(f"file:{tmp_path}/a.db") as client:
        transaction = client.transaction()
        with pytest.raises(InvalidArgumentError):
            borrow(transaction)
        transaction.close()
        with pytest.raises(InvalidArgumentError):
            borrow(client.execute("SELECT 1"))

    async def remote() -> None:
        for url in ("http://localhost:1", "ws://localhost:1"):
            client = theirs.create_client(url)
            borrowed = borrow(client)
            assert borrowed is not None
            assert borrowed.is_remote
            await client.close()
            with pytest.raises(ClosedError):
                borrowed.open_async()

    asyncio.run(remote())
    assert borrow(create_client_sync(":memory:")) is None
    assert borrow(5) is None
    assert borrow(None) is None


def test_a_subclass_of_their_client_is_theirs(tmp_path: Path) -> None:
    class Mine(theirs.ClientSync):  # type: ignore[misc,name-defined]
        pass

    client = theirs.create_client_sync(f"file:{tmp_path}/a.db")
    mine = Mine(client._executor, client._client)
    assert borrow(mine) is not None
    client.close()


def test_both_worlds_have_one_interface(both: Both) -> None:
    client: Any = both.open(":memory:")
    protocol = ours.AsyncClient if both.is_async else ours.Client
    for name in vars(protocol):
        if not name.startswith("_") or name in ("__enter__", "__exit__", "__aenter__", "__aexit__"):
            assert hasattr(client, name), name
    transaction = both.begin(client)
    for name in vars(ours.AsyncTransaction if both.is_async else ours.Transaction):
        if not name.startswith("_") or name in ("__enter__", "__exit__", "__aenter__", "__aexit__"):
            assert hasattr(transaction, name), name
    both(transaction.close())
