"""Operations: bodies with canned answers, and the two runners on a real database."""

from __future__ import annotations

import asyncio
import inspect
import logging
import pydoc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentdb import AgentDB, AsyncAgentDB, create_client, create_client_sync
from agentdb.clients.base import ResultSet
from agentdb.errors import (
    AgentDBError,
    BusyError,
    ClosedError,
    IntegrityError,
    InvalidArgumentError,
    StatementError,
    TransactionActiveError,
)
from agentdb.operations import (
    Async,
    Operations,
    Steps,
    Sync,
    W,
    atomic,
    atomically,
    batch,
    emit,
    execute,
    operation,
)
from agentdb.operations.requests import Batch, Begin, Commit, Emit, Execute, Rollback, script
from agentdb.stores import SessionStore

INSERT = "INSERT INTO t (v) VALUES (?)"


class Notes(Operations[W]):
    @operation
    def count(self) -> Steps[int]:
        """How many there are."""
        result = yield from execute("SELECT count(*) FROM t")
        return int(result.tuples[0][0])

    @operation
    def values(self) -> Steps[list[Any]]:
        result = yield from execute("SELECT v FROM t ORDER BY id")
        return [value for (value,) in result.tuples]

    @operation
    def nothing(self, value: Any = "nothing", *, named: Any = None) -> Steps[Any]:
        return (value, named)
        yield

    @atomic
    def add(self, *values: Any) -> Steps[int]:
        """Add some; how many there are then."""
        for value in values:
            yield from execute(INSERT, [value])
        return (yield from self.count.steps())

    @atomic
    def add_in_two(self, first: Any, second: Any) -> Steps[None]:
        yield from self.add.steps(first)
        yield from self.add.steps(second)

    @atomic
    def add_or_not(self, first: Any, second: Any, third: Any) -> Steps[str]:
        """The second is added in an inner transaction that fails; the outer one goes on."""
        yield from execute(INSERT, [first])
        caught = "nothing"
        try:
            yield from self.add_and_fail.steps(second)
        except (AgentDBError, LookupError) as error:
            caught = type(error).__name__
        yield from execute(INSERT, [third])
        return caught

    @atomic
    def add_and_fail(self, value: Any) -> Steps[None]:
        yield from execute(INSERT, [value])
        raise LookupError(value)

    @atomic
    def add_and_break(self, value: Any) -> Steps[None]:
        yield from execute(INSERT, [value])
        yield from execute("INSERT INTO nowhere VALUES (1)")

    @atomic
    def add_all(self, *values: Any) -> Steps[int]:
        results = yield from batch([(INSERT, [value]) for value in values])
        return sum(result.rows_affected for result in results)

    @operation
    def add_unless(self, there: Any, *values: Any, seen: list[Any] | None = None) -> Steps[bool]:
        def statements() -> Iterator[tuple[str, Any]]:
            for value in values:
                yield INSERT, (value,)
                if seen is not None:
                    seen.append(value)

        return (yield from script(statements(), unless=("SELECT 1 FROM t WHERE v = ?", (there,))))

    @atomic
    def add_unless_inside(self) -> Steps[bool]:
        return (yield from self.add_unless.steps("a", "b"))

    @atomic
    def add_and_tell(self, *values: Any) -> Steps[None]:
        for value in values:
            yield from execute(INSERT, [value])
            yield from emit(("added", value))


class World:
    """Runs the same test with sync and async clients."""

    def __init__(self, folder: Path, is_async: bool) -> None:
        self.is_async = is_async
        self._runner = asyncio.Runner() if is_async else None
        self.path = str(folder / "a.db")
        self.client: Any = (create_client if is_async else create_client_sync)(self.path, busy_timeout=0.5)
        self(self.client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v CHECK (v IS NOT 'bad'))"))

    def __call__(self, value: Any) -> Any:
        if self._runner is None:
            return value

        async def waiting() -> Any:
            return await value

        return self._runner.run(waiting()) if hasattr(value, "__await__") else value

    def begin(self) -> Any:
        transaction = self.client.transaction()
        if self.is_async:
            self(transaction.begin())
        return transaction

    def values(self) -> list[Any]:
        return self(Notes(self.client).values())  # type: ignore[no-any-return]

    def close(self) -> None:
        self(self.client.close())
        if self._runner is not None:
            self._runner.close()


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, request.param == "async")
    yield world
    world.close()


# -- bodies alone: no database


def played(steps: Steps[Any], answers: dict[type, Callable[[Any], Any]]) -> tuple[list[str], Any]:
    """The names of what a body asks for, and what it returns or raises, given an answer for each kind of request."""
    asked: list[str] = []
    try:
        request = next(steps)
        while True:
            asked.append(type(request).__name__)
            try:
                answer = answers.get(type(request), lambda _: None)(request)
            except Exception as error:
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as done:
        return asked, done.value
    except Exception as error:
        return asked, error


def answer(value: Any) -> Callable[[Any], ResultSet]:
    return lambda _: ResultSet([("v",)], [(value,)])


def fail(_: Any) -> Any:
    raise LookupError("canned")


NOTES: Any = Notes(create_client_sync(":memory:"))


def test_a_body_is_tested_with_canned_answers() -> None:
    assert played(NOTES.count.steps(), {Execute: answer(7)}) == (["Execute"], 7)
    assert played(NOTES.add.steps("a"), {Execute: answer(3)}) == (["Begin", "Execute", "Execute", "Commit"], 3)
    assert played(NOTES.nothing.steps(), {}) == ([], ("nothing", None))
    assert played(NOTES.add_in_two.steps(1, 2), {Execute: answer(0)})[0] == [
        "Begin", "Begin", "Execute", "Execute", "Commit", "Begin", "Execute", "Execute", "Commit", "Commit",
    ]  # fmt: skip
    asked, error = played(NOTES.add.steps("a"), {Execute: fail})
    assert asked == ["Begin", "Execute", "Rollback"]
    assert isinstance(error, LookupError)
    asked, error = played(NOTES.add.steps("a"), {Begin: fail})
    assert asked == ["Begin"], "what has not begun is not taken back"
    asked, error = played(NOTES.add.steps("a"), {Execute: answer(1), Commit: fail})
    assert asked == ["Begin", "Execute", "Execute", "Commit"], "a failed COMMIT has ended it"
    seen: list[Any] = []
    played(NOTES.add_and_tell.steps(1, 2), {Emit: lambda request: seen.append(request.event)})
    assert seen == [("added", 1), ("added", 2)]
    stmts: list[Any] = []
    played(NOTES.add_all.steps(1, 2), {Batch: lambda request: stmts.extend(request.stmts) or []})
    assert stmts == [(INSERT, [1]), (INSERT, [2])]
    assert Rollback


# -- runners


def test_the_same_body_serves_both_worlds(world: World) -> None:
    notes: Any = Notes(world.client)
    assert world(notes.count()) == 0
    assert world(notes.add("a", "b")) == 2
    assert world(notes.add_all("c", "d")) == 2
    world(notes.add_in_two("e", "f"))
    assert world(notes.nothing(1, named=2)) == (1, 2)
    assert world.values() == ["a", "b", "c", "d", "e", "f"]


def test_atomic_is_all_or_nothing(world: World) -> None:
    notes: Any = Notes(world.client)
    for use, kind in [
        (lambda: notes.add("a", "bad"), IntegrityError),
        (lambda: notes.add_and_break("a"), StatementError),
        (lambda: notes.add_and_fail("a"), LookupError),
        (lambda: notes.add_all("a", "bad"), IntegrityError),
        (lambda: notes.add_in_two("a", "bad"), IntegrityError),
    ]:
        with pytest.raises(kind):
            world(use())
        assert world.values() == []
    assert world(notes.add("a")) == 1


def test_a_script_is_all_or_nothing_and_goes_on_from_statement_to_statement(world: World) -> None:
    notes: Any = Notes(world.client)
    seen: list[Any] = []
    assert world(notes.add_unless("a", "a", "b", seen=seen)) is True
    assert (world.values(), seen) == (["a", "b"], ["a", "b"])
    seen.clear()
    with pytest.raises(IntegrityError):
        world(notes.add_unless("c", "c", "bad", "d", seen=seen))
    assert (world.values(), seen) == (["a", "b"], ["c"]), "the next one is taken when the one before has run"
    assert world(notes.add_unless("a", "d", seen=seen)) is False
    assert (world.values(), seen) == (["a", "b"], ["c"])
    with pytest.raises(TransactionActiveError):
        world(notes.add_unless_inside())
    assert world.values() == ["a", "b"]
    world(notes.add("e"))


def test_an_exception_in_an_inner_one_caught_by_the_outer_takes_back_the_inner_alone(world: World) -> None:
    notes: Any = Notes(world.client)
    assert world(notes.add_or_not(1, 2, 3)) == "LookupError"
    assert world.values() == [1, 3]


def test_inside_the_callers_transaction_it_is_a_savepoint(world: World) -> None:
    transaction = world.begin()
    inside: Any = Notes(transaction)
    assert world(inside.add("a")) == 1
    with pytest.raises(LookupError):
        world(inside.add_and_fail("b"))
    with pytest.raises(IntegrityError):
        world(inside.add_in_two("c", "bad"))
    assert world(inside.add_or_not("d", "e", "f")) == "LookupError"
    world(transaction.commit())
    assert world.values() == ["a", "d", "f"]
    with pytest.raises(ClosedError):
        world(inside.count())
    with pytest.raises(ClosedError):
        world(inside.add("g"))


def test_the_original_error_is_seen_where_sqlite_has_rolled_back_by_itself(world: World) -> None:
    class Losing(Notes[W]):
        @atomic
        def lose(self) -> Steps[None]:
            yield from execute("INSERT INTO t (id, v) VALUES (1, 'a')")
            yield from execute("INSERT OR ROLLBACK INTO t (id, v) VALUES (1, 'b')")

        @atomic
        def lose_inside(self) -> Steps[None]:
            yield from execute("INSERT INTO t (v) VALUES ('outer')")
            yield from self.lose.steps()

        @atomic
        def go_on_after_losing(self) -> Steps[None]:
            try:
                yield from self.lose.steps()
            except IntegrityError:
                pass
            yield from execute(INSERT, ["leaked"])

    losing: Any = Losing(world.client)
    for use in (losing.lose, losing.lose_inside):
        with pytest.raises(IntegrityError):
            world(use())
    with pytest.raises(ClosedError) as caught:
        world(losing.go_on_after_losing())
    assert caught.value.code == "transaction_lost"
    assert world.values() == []


@pytest.mark.parametrize(
    "wrong",
    [5, None, "SELECT 1", ("SELECT 1",), Execute, object(), Begin],
    ids=lambda wrong: type(wrong).__name__ + str(wrong)[:9],
)
def test_a_body_that_yields_what_is_no_request_is_told_so_and_taken_back(world: World, wrong: Any) -> None:
    class Wrong(Operations[W]):
        @atomic
        def use(self) -> Steps[None]:
            yield from execute(INSERT, [1])
            yield wrong
            yield from execute(INSERT, [2])

        @operation
        def use_alone(self) -> Steps[None]:
            yield wrong

    for use in (Wrong(world.client).use, Wrong(world.client).use_alone):
        with pytest.raises(InvalidArgumentError, match="not a request"):
            world(use())
    assert world.values() == []
    world(world.client.execute(INSERT, ["next"]))


@pytest.mark.parametrize("request_", [Commit(), Rollback()], ids=["commit", "rollback"])
def test_a_body_that_ends_what_it_did_not_begin_is_told_so(world: World, request_: Any) -> None:
    class Wrong(Operations[W]):
        @operation
        def use(self) -> Steps[None]:
            yield request_

    with pytest.raises(InvalidArgumentError, match="had not begun"):
        world(Wrong(world.client).use())
    transaction = world.begin()
    with pytest.raises(InvalidArgumentError, match="had not begun"):
        world(Wrong(transaction).use())
    world(transaction.execute(INSERT, ["kept"]))
    world(transaction.commit())
    assert world.values() == ["kept"]


def test_a_body_that_forgets_to_end_what_it_began_is_taken_back(world: World) -> None:
    class Wrong(Operations[W]):
        @operation
        def use(self) -> Steps[None]:
            yield Begin()
            yield from execute(INSERT, [1])
            yield Begin()
            yield from execute(INSERT, [2])

    world(Wrong(world.client).use())
    assert world.values() == []
    world(world.client.execute(INSERT, ["next"]))
    transaction = world.begin()
    world(Wrong(transaction).use())
    world(transaction.commit())
    assert world.values() == ["next"]


def test_a_body_that_is_no_generator_is_told_so(world: World) -> None:
    class Wrong(Operations[W]):
        @operation
        def use(self) -> Steps[int]:
            return 5  # type: ignore[return-value]

    with pytest.raises(InvalidArgumentError, match="gave int"):
        world(Wrong(world.client).use())


def test_wrong_arguments_are_a_type_error_at_the_call(world: World) -> None:
    notes: Any = Notes(world.client)
    with pytest.raises(TypeError):
        world(notes.count(5))
    with pytest.raises(TypeError):
        world(notes.nothing(1, 2))


@pytest.mark.parametrize(
    "target", [None, 5, "a.db", object(), ResultSet(None, [])], ids=lambda target: type(target).__name__
)
def test_what_is_no_client_is_refused(target: Any) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Notes(target)
    assert caught.value.code == "foreign_client"


def test_a_bound_operation_says_what_it_is() -> None:
    assert NOTES.add.__doc__ == "Add some; how many there are then."
    assert NOTES.add.__name__ == "add"
    assert "Notes.add" in repr(NOTES.add)
    assert Notes.add.__doc__ == NOTES.add.__doc__
    import inspect

    assert list(inspect.signature(NOTES.nothing).parameters) == ["value", "named"]


# -- events


def test_events_come_in_order_on_the_callers_thread(world: World) -> None:
    import threading

    seen: list[Any] = []
    notes: Any = Notes(world.client, lambda event: seen.append((event, threading.get_ident())))
    world(notes.add_and_tell(1, 2))
    assert seen == [(("added", 1), threading.get_ident()), (("added", 2), threading.get_ident())]


def test_an_exception_in_a_callback_is_logged_and_changes_nothing(world: World, caplog: Any) -> None:
    def callback(event: object) -> None:
        raise LookupError("in the callback")

    world(Notes(world.client, callback).add_and_tell(1, 2))  # type: ignore[arg-type]
    assert world.values() == [1, 2]
    assert len(caplog.records) == 2
    assert all(record.levelno == logging.ERROR and record.name == "agentdb" for record in caplog.records)
    assert "in the callback" in caplog.text


def uses(client: Any, transaction: Any = None) -> list[Callable[[], Any]]:
    listed = [
        lambda: client.execute("SELECT 1"),
        lambda: client.execute("DELETE FROM t"),
        lambda: client.batch(["SELECT 1"]),
        lambda: Notes(client).count(),
        lambda: Notes(client).add(1),
    ]
    if transaction is not None:
        listed += [
            lambda: transaction.execute("SELECT 1"),
            lambda: transaction.batch([]),
            lambda: transaction.commit(),
            lambda: Notes(transaction).add(1),
        ]
    return listed


@pytest.mark.parametrize("target", ["client", "transaction"])
def test_a_sync_callback_that_uses_the_database_is_refused(tmp_path: Path, target: str) -> None:
    client = create_client_sync(tmp_path / "a.db", busy_timeout=0.2)
    client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    transaction = client.transaction() if target == "transaction" else None
    codes: list[str] = []

    def callback(event: object) -> None:
        for use in [*uses(client, transaction), client.transaction]:
            try:
                use()
            except TransactionActiveError as error:
                codes.append(error.code)

    notes: Any = Notes(transaction or client, callback)
    notes.add_and_tell(1, 2)
    assert codes == ["callback_active"] * (12 if transaction is None else 20)
    if transaction is not None:
        transaction.commit()
    assert Notes(client).values() == [1, 2]  # type: ignore[misc]
    client.close()


@pytest.mark.parametrize("target", ["client", "transaction"])
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_an_async_callback_is_awaited_and_refused_the_database(tmp_path: Path, target: str, kind: str) -> None:
    async def main() -> None:
        client = create_client(tmp_path / "a.db", busy_timeout=0.2)
        await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        transaction = client.transaction() if target == "transaction" else None
        if transaction is not None:
            await transaction.begin()
        codes: list[str] = []

        async def callback(event: object) -> None:
            await asyncio.sleep(0)
            for use in uses(client, transaction):
                try:
                    await use()
                except TransactionActiveError as error:
                    codes.append(error.code)

        def plain(event: object) -> Any:
            return callback(event)

        await Notes(transaction or client, callback if kind == "async" else plain).add_and_tell(1, 2)  # type: ignore[misc]
        assert codes == ["callback_active"] * (10 if transaction is None else 18)
        if transaction is not None:
            await transaction.commit()
        assert await Notes(client).values() == [1, 2]  # type: ignore[misc]
        await client.close()

    asyncio.run(main())


def test_an_async_callback_given_to_a_sync_object_is_logged_and_not_left_unawaited(tmp_path: Path, caplog: Any) -> None:
    client = create_client_sync(tmp_path / "a.db")
    client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")

    async def callback(event: object) -> None:
        raise AssertionError("never run")

    notes: Any = Notes(client, callback)
    notes.add_and_tell(1)
    assert "nobody awaits it" in caplog.text
    client.close()


def test_keyboard_interrupt_in_a_callback_goes_through_and_rolls_back(world: World) -> None:
    def callback(event: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world(Notes(world.client, callback).add_and_tell(1, 2))  # type: ignore[arg-type]
    assert world.values() == []


def test_an_operation_without_statements_may_emit_from_within_a_callback(tmp_path: Path) -> None:
    class Echo(Operations[W]):
        @operation
        def echo(self, depth: int) -> Steps[None]:
            yield from emit(depth)

    with create_client_sync(tmp_path / "a.db") as client:
        seen: list[Any] = []

        def callback(depth: Any) -> None:
            seen.append(depth)
            if depth:
                echo.echo(depth - 1)
            with pytest.raises(TransactionActiveError):
                client.execute("SELECT 1")

        echo: Any = Echo(client, callback)
        echo.echo(2)
        assert seen == [2, 1, 0]
        client.execute("SELECT 1")


# -- cancellation


def test_cancelling_inside_atomic_rolls_back_before_the_cancellation_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        client = create_client(tmp_path / "a.db", busy_timeout=0)
        await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        reached = asyncio.Event()

        async def callback(event: object) -> None:
            reached.set()
            await asyncio.sleep(50)

        task = asyncio.create_task(Notes(client, callback).add_and_tell(1, 2))  # type: ignore[arg-type]
        await reached.wait()
        with pytest.raises(BusyError):
            await client.execute(INSERT, ["other"])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.execute(INSERT, ["next"])  # at once: its busy timeout is 0
        assert await Notes(client).values() == ["next"]  # type: ignore[misc]
        await client.close()

    asyncio.run(main())


def test_a_body_may_clean_up_when_it_is_cancelled(tmp_path: Path) -> None:
    class Careful(Notes[W]):
        @operation
        def careful(self) -> Steps[None]:
            try:
                yield from execute("SELECT 1")
                yield from emit("waiting")
            finally:
                yield from execute(INSERT, ["cleaned up"])

    async def main() -> None:
        client = create_client(tmp_path / "a.db")
        await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")

        async def callback(event: object) -> None:
            task.cancel()
            await asyncio.sleep(0)

        careful: Any = Careful(client, callback)
        task = asyncio.create_task(careful.careful())
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await careful.values() == ["cleaned up"]
        await client.close()

    asyncio.run(main())


# -- their clients


def test_a_file_client_of_libsql_client_is_taken(tmp_path: Path) -> None:
    theirs = pytest.importorskip("libsql_client")
    with create_client_sync(tmp_path / "a.db") as own:
        own.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v CHECK (v IS NOT 'bad'))")
    client = theirs.create_client_sync(f"file:{tmp_path}/a.db")
    notes: Any = Notes(client)
    assert notes.add("a", "b") == 2
    with pytest.raises(IntegrityError):
        notes.add("c", "bad")
    assert notes.values() == ["a", "b"]
    client.close()
    with pytest.raises(ClosedError):
        notes.count()

    async def main() -> None:
        client = theirs.create_client(f"file:{tmp_path}/a.db")
        notes: Any = Notes(client)
        assert await notes.add("c") == 3
        assert await notes.values() == ["a", "b", "c"]
        await client.close()
        with pytest.raises(ClosedError):
            await notes.count()

    asyncio.run(main())


def test_the_world_is_in_the_type(tmp_path: Path) -> None:
    notes: Notes[Sync] = Notes(create_client_sync(tmp_path / "a.db"))
    notes._target.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    assert notes.count() == 0

    async def main() -> None:
        client = create_client(tmp_path / "a.db")
        other: Notes[Async] = Notes(client)
        assert await other.count() == 0
        await client.close()

    asyncio.run(main())
    notes._target.close()


def test_atomically_may_be_used_by_itself(tmp_path: Path) -> None:
    from agentdb.operations.runners import run

    with create_client_sync(tmp_path / "a.db") as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        run(client, atomically(execute(INSERT, [1])))
        with client.transaction() as transaction:
            run(transaction, atomically(execute(INSERT, [2])))
            transaction.commit()
        assert client.execute("SELECT v FROM t").tuples == [(1,), (2,)]


def test_an_operation_that_waits_for_the_one_that_waits_for_it_gets_an_error(tmp_path: Path) -> None:
    class Notifying(Notes[W]):
        @operation
        def notify(self) -> Steps[int]:
            yield from emit("asked")
            return (yield from self.count.steps())

    async def main() -> None:
        client = create_client(tmp_path / "a.db", busy_timeout=0.2)
        await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        transaction = client.transaction()
        await transaction.begin()
        caught: list[BaseException] = []

        async def another_task_works_on_it(_event: object) -> None:
            try:
                await asyncio.create_task(Notes(transaction).count())
            except BusyError as error:
                caught.append(error)

        notifying: Notifying[Async] = Notifying(transaction, on_event=another_task_works_on_it)
        assert await notifying.notify() == 0
        assert [error.code for error in caught if isinstance(error, BusyError)] == ["busy"]
        assert await notifying.count() == 0
        await transaction.commit()
        await client.close()

    asyncio.run(main())


class TestHowAnOperationIsShown:
    """To inspect, to help() and so to an editor's window: the parameters, and what a call gives in that world."""

    def test_on_an_object_of_each_world(self) -> None:
        with AgentDB.open(":memory:") as db:
            shown = inspect.signature(db.sessions.count)
            assert list(shown.parameters) == ["status", "main_agent_id", "include_deleted"]
            assert shown.return_annotation == "int"
            text = pydoc.render_doc(db.agents.get)
            assert "(id: 'str'" in text
            assert text.rstrip().endswith(str(db.agents.get.__doc__).rstrip().splitlines()[-1].strip())

        async def main() -> None:
            async with AsyncAgentDB.open(":memory:") as db:
                assert inspect.signature(db.sessions.count).return_annotation == "Coroutine[Any, Any, int]"

        asyncio.run(main())

    def test_on_the_class(self) -> None:
        assert list(inspect.signature(SessionStore.count).parameters)[:2] == ["self", "status"]
        assert inspect.signature(SessionStore.count).return_annotation == "int"
        assert "count(self, *, status" in pydoc.plain(pydoc.render_doc(SessionStore))

    def test_as_a_function_of_the_class(self) -> None:
        with AgentDB.open(":memory:") as db:
            assert SessionStore.count(db.sessions) == 0
