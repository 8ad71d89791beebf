"""What a statement may be, what it gives, and what is refused: the same in both worlds."""

from __future__ import annotations

import datetime
import decimal
import enum
import threading
import types
from pathlib import Path
from typing import Any

import pytest
from client_harness import COUNT_TO, Both, in_threads, outside, rows
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agentdb import create_client_sync
from agentdb.clients import Statement
from agentdb.clients.statements import kind_of
from agentdb.errors import (
    AgentDBError,
    ClosedError,
    IntegrityError,
    InvalidArgumentError,
    StatementError,
    StorageError,
)


@pytest.fixture
def client(both: Both, path: str) -> Any:
    client = both.open(path)
    both(client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)"))
    return client


# -- values


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    value=st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
@example(value="a\0b")
def test_a_value_comes_back_as_it_went_in(value: Any) -> None:
    with create_client_sync(":memory:") as client:
        (row,) = client.execute("SELECT ? AS v, typeof(?) AS t", [value, value])
        assert row["v"] == value
        assert row["t"] == {
            type(None): "null", bool: "integer", int: "integer", float: "real", str: "text", bytes: "blob",
        }[type(value)]  # fmt: skip


def test_ten_megabytes_go_in_and_come_back(both: Both, client: Any) -> None:
    text, blob = "ü" * 10_000_000, b"\0\xff" * 5_000_000
    both(client.execute("INSERT INTO t (v) VALUES (?), (?)", (text, blob)))
    assert both(client.execute("SELECT v FROM t ORDER BY id")).tuples == [(text,), (blob,)]


def test_any_buffer_is_a_blob(both: Both, client: Any) -> None:
    result = both(client.execute("SELECT ?, ?", [bytearray(b"ab"), memoryview(b"cd")]))
    assert result.tuples == [(b"ab", b"cd")]


class Colour(enum.StrEnum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


def test_an_enumeration_is_its_value(both: Both, client: Any) -> None:
    assert both(client.execute("SELECT ?, ?", [Colour.RED, Size.BIG])).tuples == [("red", 3)]


NOT_BINDABLE = [
    datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC),
    datetime.date(2025, 1, 1),
    decimal.Decimal("1.5"),
    float("nan"),
    float("inf"),
    float("-inf"),
    2**63,
    -(2**63) - 1,
    10**5000,
    "\ud800",
    "ok \udfff",
    [1],
    {"a": 1},
    object(),
    memoryview(b"abcdef")[::2],
    1j,
    type,
]


@pytest.mark.parametrize("value", NOT_BINDABLE, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("named", [False, True], ids=["positional", "named"])
def test_what_would_not_read_back_is_refused_and_named(both: Both, client: Any, value: Any, named: bool) -> None:
    args: Any = {"a": 1, "b": value} if named else [1, value]
    with pytest.raises(InvalidArgumentError) as caught:
        both(client.execute("INSERT INTO t (id, v) VALUES (:a, :b)" if named else "INSERT INTO t VALUES (?, ?)", args))
    assert caught.value.code == "not_bindable"
    assert ("parameter 'b'" if named else "parameter 2") in caught.value.message
    assert both(client.execute("SELECT count(*) FROM t")).tuples == [(0,)]


def test_no_error_carries_a_value() -> None:
    secret = "my-diary"
    with create_client_sync(":memory:") as client:
        client.execute("CREATE TABLE t (v TEXT UNIQUE CHECK (v <> 'no'), n INT NOT NULL)")
        client.execute("INSERT INTO t VALUES (?, 1)", [secret])
        wrong: list[tuple[str, Any]] = [
            ("INSERT INTO t VALUES (?, 1)", [secret]),
            ("INSERT INTO t VALUES (?, NULL)", [secret + "2"]),
            ("INSERT INTO t VALUES (?, ?)", [secret, "\ud800" + secret]),
            ("SELECT ?, ?", [secret]),
            ("SELECT :a", {secret: 1}),
            ("SELECT CAST(? AS TEXT)", [secret.encode() + b"\xff"]),
            ("SELECT ?", [[secret]]),
        ]
        for sql, args in wrong:
            with pytest.raises(AgentDBError) as caught:
                client.execute(sql, args)
            assert secret not in str(caught.value), sql


# -- arguments


@pytest.mark.parametrize(
    ("sql", "args"),
    [
        ("SELECT :a, :b", {"a": 1, "b": 2}),
        ("SELECT :a, :b", {":a": 1, ":b": 2}),
        ("SELECT @a, $b", {"@a": 1, "$b": 2}),
        ("SELECT @a, $b", {"a": 1, "b": 2}),
        ("SELECT :a, :b", types.MappingProxyType({"a": 1, "b": 2})),
        ("SELECT :a, :b", {"a": 1, "b": 2, "unused": 3}),
        ("SELECT ?, ?", (1, 2)),
        ("SELECT ?, ?", [1, 2]),
        ("SELECT ?, ?", range(1, 3)),
        (("SELECT ?, ?", [1, 2]), None),
        (("SELECT ?, ?", [1, 2]), ()),
        (("SELECT 1, 2",), None),
        (("SELECT ?, ?",), [1, 2]),
        (Statement("SELECT ?, ?", [1, 2]), None),
        (Statement("SELECT :a, :b", {":a": 1, "b": 2}), None),
    ],
)
def test_arguments_in_every_form(both: Both, client: Any, sql: Any, args: Any) -> None:
    assert both(client.execute(sql, args)).tuples == [(1, 2)]


@pytest.mark.parametrize(
    ("sql", "args"),
    [
        (None, None),
        (1, None),
        (b"SELECT 1", None),
        ((), None),
        (("SELECT 1", (), 3), None),
        (["SELECT 1"], None),
        ((1,), None),
        (("SELECT ?", [1]), [1]),
        (Statement("SELECT ?", [1]), [1]),
        (Statement(None), None),  # type: ignore[arg-type]
        ("SELECT ?", 1),
        ("SELECT ?", "1"),
        ("SELECT ?", b"1"),
        ("SELECT ?", [1, 2]),
        ("SELECT ?, ?", [1]),
        ("SELECT :a", {}),
        ("SELECT :a", {1: 2}),
        ("SELECT :a", {("a",): 2}),
        ("SELECT '\0'", None),
        ("SELECT '\ud800'", None),
    ],
)
def test_wrong_types_are_the_callers_error(both: Both, client: Any, sql: Any, args: Any) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        both(client.execute(sql, args))
    str(caught.value).encode()  # can be printed
    transaction = both.begin(client)
    with pytest.raises(InvalidArgumentError):
        both(transaction.execute(sql, args))
    assert both(transaction.execute("SELECT 1")).tuples == [(1,)], "the transaction goes on"
    both(transaction.commit())


@pytest.mark.parametrize(
    "stmts", [None, 1, "SELECT 1", b"SELECT 1", Statement("SELECT 1"), [1], [None], ["SELECT 1", ()]]
)
def test_a_batch_of_wrong_types_is_the_callers_error(both: Both, client: Any, stmts: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        both(client.batch(stmts))
    transaction = both.begin(client)
    with pytest.raises(InvalidArgumentError):
        both(transaction.batch(stmts))
    both(transaction.close())


# -- which statements


@pytest.mark.parametrize(
    "sql",
    [
        "BEGIN",
        "begin immediate",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE a",
        "/* x */ COMMIT",
        "-- x\nEND",
        ";COMMIT",
    ],
)
def test_transaction_control_is_refused(both: Both, client: Any, sql: str) -> None:
    with both_refuse(both, client, sql) as caught:
        assert caught == "transaction_control"


@pytest.mark.parametrize(
    "sql",
    [
        "PRAGMA foreign_keys=OFF",
        "PRAGMA foreign_keys(0)",
        "pragma main.foreign_keys = 0",
        'PRAGMA "foreign_keys" = 0',
        "PRAGMA [foreign_keys]=0",
        "PRAGMA/**/foreign_keys/**/=/**/0",
        "PRAGMA /*(*/ foreign_keys = 0",
        "-- (\nPRAGMA foreign_keys = 0",
    ],
)
def test_foreign_keys_stay_on(both: Both, client: Any, sql: str) -> None:
    with both_refuse(both, client, sql) as caught:
        assert caught == "foreign_keys_stay_on"
    assert both(client.execute("PRAGMA foreign_keys")).tuples == [(1,)]


class both_refuse:
    """execute() and batch(), of the client and of a transaction, all refuse it with one code."""

    def __init__(self, both: Both, client: Any, sql: str) -> None:
        self.both, self.client, self.sql = both, client, sql

    def __enter__(self) -> str:
        transaction = self.both.begin(self.client)
        codes = set()
        for target in (transaction, self.client):
            for call in (lambda t: t.execute(self.sql), lambda t: t.batch(["SELECT 1", self.sql])):
                with pytest.raises(InvalidArgumentError) as caught:
                    self.both(call(target))
                codes.add(caught.value.code)
            self.both(transaction.close())
        (code,) = codes
        return code

    def __exit__(self, *_: object) -> None:
        pass


def test_a_table_may_be_called_foreign_keys(both: Both, client: Any) -> None:
    both(client.execute("CREATE TABLE foreign_keys (a)"))
    assert both(client.execute("PRAGMA table_info(foreign_keys)")).rows[0]["name"] == "a"
    assert both(client.execute("PRAGMA foreign_key_list(t)")).rows == []
    assert both(client.execute("PRAGMA foreign_keys")).tuples == [(1,)]


def test_several_statements_in_one_are_refused(both: Both, client: Any) -> None:
    for sql in ("SELECT 1; SELECT 2", "INSERT INTO t (v) VALUES (1); DELETE FROM t"):
        with pytest.raises(InvalidArgumentError) as caught:
            both(client.execute(sql))
        assert caught.value.code == "many_statements"
    assert both(client.execute("SELECT count(*) FROM t")).tuples == [(0,)]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1", "read"),
        ("  select 1", "read"),
        ("VALUES (1)", "read"),
        ("EXPLAIN DELETE FROM t", "read"),
        ("EXPLAIN QUERY PLAN SELECT 1", "read"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "read"),
        ("/* a */ -- b\n WITH x(a) AS (VALUES (1)), y AS (SELECT 2) SELECT * FROM x", "read"),
        ("WITH x AS (SELECT 1) INSERT INTO t (v) SELECT * FROM x", "insert"),
        ("WITH x AS (SELECT 1) UPDATE t SET v = 1", "change"),
        ("WITH x AS (SELECT 1) DELETE FROM t", "change"),
        ("INSERT INTO t (v) VALUES (1)", "insert"),
        ("REPLACE INTO t (v) VALUES (1)", "insert"),
        ("CREATE TABLE x (a)", "other"),
        ("VACUUM", "other"),
        ("", "other"),
        ("PRAGMA user_version", "pragma"),
    ],
)
def test_what_a_statement_needs(sql: str, kind: str) -> None:
    assert kind_of(sql) == kind


def test_many_different_statements_do_not_fill_the_memory() -> None:
    from agentdb.clients import statements

    for number in range(3000):
        kind_of(f"SELECT {number}")
    assert len(statements._kinds) <= 1024


@pytest.mark.parametrize("sql", ["", "   ", "-- only this", ";", "/* this"])
def test_nothing_gives_nothing(both: Both, client: Any, sql: str) -> None:
    result = both(client.execute(sql))
    assert (result.rows, result.columns, result.rows_affected) == ([], (), 0)


# -- what a statement gives


@pytest.mark.parametrize(
    ("sql", "affected", "rowid"),
    [
        ("INSERT INTO t (v) VALUES (1), (2)", 2, 12),
        ("INSERT INTO t (v) VALUES (1), (2) RETURNING id", 2, 12),
        ("REPLACE INTO t (id, v) VALUES (10, 5)", 1, 10),
        ("WITH x AS (SELECT 5 UNION SELECT 6) INSERT INTO t (v) SELECT * FROM x", 2, 12),
        ("WITH x AS (SELECT 5) INSERT INTO t (v) SELECT * FROM x RETURNING id, v", 1, 11),
        ("\ufeffINSERT INTO t (v) VALUES (1)", 1, 11),
        ("INSERT OR IGNORE INTO t (id) VALUES (10)", 0, None),
        ("WITH x AS (SELECT 10) INSERT OR IGNORE INTO t (id) SELECT * FROM x", 0, None),
        ("INSERT INTO t (id) SELECT 1 WHERE 0", 0, None),
        ("UPDATE t SET v = 9", 2, None),
        ("UPDATE t SET v = 9 WHERE id = 99", 0, None),
        ("WITH x AS (SELECT 10) UPDATE t SET v = 1 WHERE id IN (SELECT * FROM x)", 1, None),
        ("DELETE FROM t", 2, None),
        ("DELETE FROM t RETURNING id", 2, None),
        ("WITH x AS (SELECT 10) DELETE FROM t WHERE id IN x", 1, None),
        ("SELECT * FROM t", 0, None),
        ("CREATE TABLE u (a)", 0, None),
        ("PRAGMA user_version = 5", 0, None),
        ("EXPLAIN DELETE FROM t", 0, None),
    ],
)
def test_rows_affected_and_last_insert_rowid(
    both: Both, client: Any, sql: str, affected: int, rowid: int | None
) -> None:
    both(client.execute("INSERT INTO t VALUES (9, 'a'), (10, 'b')"))
    for inside in (False, True):
        target = both.begin(client) if inside else client
        result = both(target.execute(sql) if inside else target.batch([sql]))
        result = result if inside else result[0]
        assert (result.rows_affected, result.last_insert_rowid) == (affected, rowid)
        if not inside:
            both(client.execute("DELETE FROM t"))
            both(client.execute("DROP TABLE IF EXISTS u"))
            both(client.execute("INSERT INTO t VALUES (9, 'a'), (10, 'b')"))
        else:
            both(target.rollback())
    result = both(client.execute(sql))
    assert (result.rows_affected, result.last_insert_rowid) == (affected, rowid)


def test_a_returning_statement_is_done_whole_and_kept(both: Both, client: Any, path: str) -> None:
    result = both(client.execute("INSERT INTO t (v) VALUES ('a'), ('b') RETURNING id, v"))
    assert result.columns == ("id", "v")
    assert [row.asdict() for row in result] == [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]
    assert rows(path) == [(1, "a"), (2, "b")]


def test_errors_have_codes(both: Both, client: Any) -> None:
    both(client.execute("CREATE TABLE p (id INTEGER PRIMARY KEY, n INT NOT NULL UNIQUE CHECK (n > 0))"))
    both(client.execute("CREATE TABLE c (p INT REFERENCES p)"))
    both(client.execute("INSERT INTO p VALUES (1, 1)"))
    for sql, kind, code, engine_code in [
        ("INSERT INTO p VALUES (1, 2)", IntegrityError, "unique", "SQLITE_CONSTRAINT_PRIMARYKEY"),
        ("INSERT INTO p VALUES (2, 1)", IntegrityError, "unique", "SQLITE_CONSTRAINT_UNIQUE"),
        ("INSERT INTO p VALUES (2, NULL)", IntegrityError, "not_null", "SQLITE_CONSTRAINT_NOTNULL"),
        ("INSERT INTO p VALUES (2, -1)", IntegrityError, "check", "SQLITE_CONSTRAINT_CHECK"),
        ("INSERT INTO c VALUES (7)", IntegrityError, "foreign_key", "SQLITE_CONSTRAINT_FOREIGNKEY"),
        ("DELETE FROM nowhere", StatementError, "statement_failed", "SQLITE_ERROR"),
        ("SELEKT 1", StatementError, "statement_failed", "SQLITE_ERROR"),
        ("SELECT zeroblob(1000000001)", StatementError, "too_big", "SQLITE_TOOBIG"),
        ("SELECT CAST(x'ff' AS TEXT)", StatementError, "statement_failed", None),
    ]:
        with pytest.raises(kind) as caught:
            both(client.execute(sql))
        assert (caught.value.code, caught.value.engine_code) == (code, engine_code)
        assert caught.value.remedy
        assert "in: " in caught.value.message


# -- batch


def test_a_batch_is_all_or_nothing(both: Both, client: Any, path: str) -> None:
    results = both(
        client.batch(["INSERT INTO t (v) VALUES (1)", ("INSERT INTO t (v) VALUES (?)", [2]), "SELECT count(*) FROM t"])
    )
    assert [result.rows_affected for result in results] == [1, 1, 0]
    assert results[2].tuples == [(2,)]
    with pytest.raises(IntegrityError):
        both(client.batch(["INSERT INTO t (v) VALUES (3)", "INSERT INTO t (id) VALUES (1)", "DELETE FROM t"]))
    assert rows(path) == [(1, 1), (2, 2)]
    assert both(client.batch([])) == []
    assert both(client.batch(sql for sql in ["SELECT 1"]))[0].tuples == [(1,)]


def test_a_batch_whose_iterable_fails_has_done_nothing(both: Both, client: Any, path: str) -> None:
    def statements() -> Any:
        yield "INSERT INTO t (v) VALUES (1)"
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        both(client.batch(statements()))
    assert rows(path) == []


def test_a_reading_batch_sees_one_state_while_others_write(path: str) -> None:
    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (v)")
        done = threading.Event()

        def write() -> None:
            while not done.is_set():
                client.execute("INSERT INTO t VALUES (1)")

        def read() -> tuple[int, int]:
            count = "SELECT count(*) FROM t"
            first, _, second = client.batch([count, COUNT_TO.format(1_000_000), count])
            done.set()
            return first.tuples[0][0], second.tuples[0][0]

        _, (before, after) = in_threads(write, read)
        assert before == after
        assert client.execute("SELECT count(*) FROM t").tuples[0][0] > after, "nobody wrote; this test proves nothing"


def test_a_batch_inside_a_transaction_is_all_or_nothing_and_the_transaction_goes_on(
    both: Both, client: Any, path: str
) -> None:
    transaction = both.begin(client)
    both(transaction.execute("INSERT INTO t VALUES (1, 'kept')"))
    with pytest.raises(IntegrityError):
        both(transaction.batch(["INSERT INTO t VALUES (2, 'gone')", "INSERT INTO t VALUES (1, 'twice')"]))
    both(transaction.batch(["INSERT INTO t VALUES (3, 'kept')", "INSERT INTO t VALUES (4, 'kept')"]))
    both(transaction.commit())
    assert rows(path) == [(1, "kept"), (3, "kept"), (4, "kept")]


# -- read-only


def test_a_read_only_client_changes_nothing(both: Both, path: str) -> None:
    with outside(path) as connection:
        connection.execute("CREATE TABLE t (v)")
    before = Path(path).read_bytes()
    client = both.open(path, read_only=True)
    assert both(client.execute("SELECT count(*) FROM t")).tuples == [(0,)]
    assert both(client.execute("PRAGMA table_info(t)")).rows[0]["name"] == "v"
    assert both(client.execute("PRAGMA user_version")).tuples == [(0,)]
    assert both(client.execute("PRAGMA integrity_check")).tuples == [("ok",)]
    for sql in [
        "INSERT INTO t VALUES (1)",
        "CREATE TABLE u (a)",
        "VACUUM",
        "PRAGMA journal_mode=WAL",
        "PRAGMA journal_mode(WAL)",
        "PRAGMA main.journal_mode=WAL",
        "PRAGMA query_only=OFF",
        'PRAGMA "query_only" = OFF',
        "PRAGMA user_version=4",
        "PRAGMA wal_checkpoint",
        "PRAGMA optimize",
    ]:
        with pytest.raises(StorageError) as caught:
            both(client.execute(sql))
        assert caught.value.code == "read_only", sql
        with pytest.raises(StorageError):
            both(client.batch([sql]))
    with pytest.raises(StorageError):
        both.begin(client)
    both(client.close())
    assert Path(path).read_bytes() == before
    assert list(Path(path).parent.iterdir()) == [Path(path)]


# -- the end


def test_use_after_close_raises_and_close_may_be_called_twice(both: Both, client: Any) -> None:
    assert client.closed is False
    both(client.close())
    both(client.close())
    assert client.closed is True
    for use in (
        lambda: client.execute("SELECT 1"),
        lambda: client.execute("DELETE FROM t"),
        lambda: client.batch([]),
        lambda: client.transaction(),
    ):
        with pytest.raises(ClosedError) as caught:
            both(use())
        assert caught.value.code == "closed"


def test_it_says_what_it_is(both: Both, client: Any, path: str) -> None:
    assert path in repr(client)
    assert "closed" not in repr(client)
    both(client.close())
    assert "closed" in repr(client)


@pytest.mark.parametrize(
    "options",
    [
        {"busy_timeout": -1},
        {"busy_timeout": float("nan")},
        {"busy_timeout": "5"},
        {"busy_timeout": True},
        {"busy_timeout": 86_401},
        {"synchronous": "normal"},
        {"synchronous": None},
        {"journal_size_limit": -2},
        {"journal_size_limit": 1.5},
        {"journal_size_limit": 2**63},
        {"readers": 0},
        {"readers": 65},
        {"readers": "4"},
        {"read_only": 1},
        {"read_only": None},
    ],
)
def test_options_that_cannot_be_meant_are_refused(both: Both, path: str, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        both.open(path, **options)


def test_options_reach_every_connection(both: Both, path: str) -> None:
    client = both.open(path, synchronous="EXTRA", journal_size_limit=12345)
    both(client.execute("CREATE TABLE t (v)"))
    assert both(client.execute("PRAGMA synchronous")).tuples == [(3,)]
    assert both(client.execute("PRAGMA journal_size_limit")).tuples == [(12345,)]
    assert both(client.execute("PRAGMA journal_mode")).tuples == [("wal",)]
