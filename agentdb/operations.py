"""How one body serves sync and async callers.

A body is a generator that asks for things, by `yield from execute(…)` and its like, and never touches a connection: so it
cannot block, and it can be tested with canned answers. Two runners drive it, one on a sync client, one on an async one:

    class NoteStore(Operations[W]):
        @operation
        def count(self) -> Steps[int]:
            result = yield from execute("SELECT count(*) FROM notes")
            return int(result.tuples[0][0])

        @atomic
        def replace(self, text: str) -> Steps[int]:
            yield from execute("DELETE FROM notes")
            yield from execute("INSERT INTO notes (text) VALUES (?)", (text,))
            return (yield from self.count.steps())

    NoteStore(create_client_sync(path)).count()         # int
    await NoteStore(create_client(path)).count()        # int, awaited

Bodies never `yield` a request themselves: each asking function has a return type of its own, a generator has only one.
"""

from __future__ import annotations

from agentdb.clients.adapters import borrow
from agentdb.clients.base import Async as Async
from agentdb.clients.base import Sync as Sync
from agentdb.errors import InvalidArgumentError
from agentdb.logs import ERROR, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
    from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeAlias, TypeVar, overload
    from typing import Generic as Generic

    from agentdb.clients.base import InArgs, InStatement, ResultSet

    P = ParamSpec("P")
    T = TypeVar("T")
    T_co = TypeVar("T_co", covariant=True)
    W = TypeVar("W", Sync, Async)
    W_co = TypeVar("W_co", Sync, Async, covariant=True)
    #: A body's return type: what it asks for is between it and the runner, what it gives is T.
    Steps: TypeAlias = Generator[Any, Any, T]
    Callback: TypeAlias = Callable[[Any], Awaitable[None] | None]

    class SyncCall(Protocol[P, T_co]):
        """An operation bound to a sync client."""

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T_co: ...
        def steps(self, *args: P.args, **kwargs: P.kwargs) -> Steps[T_co]: ...

    class AnyCall(Protocol[P, T_co]):
        """An operation inside a body, whose world is not known yet: only its steps can be asked for."""

        def steps(self, *args: P.args, **kwargs: P.kwargs) -> Steps[T_co]: ...

    class Target(Protocol[W_co]):
        """What operations can be bound to: a client, a transaction, a database. (To a type checker the clients of
        libsql-client, which has no types, are Any.)"""

        @property
        def world(self) -> W_co: ...

    class AsyncCall(Protocol[P, T_co]):
        """An operation bound to an async client."""

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T_co]: ...
        def steps(self, *args: P.args, **kwargs: P.kwargs) -> Steps[T_co]: ...

else:
    P = T = W = None

    class Generic:
        def __class_getitem__(cls, _item):
            return cls

    Steps = Callback = Generic  # for annotations that are evaluated: Steps[int]

    def overload(function):
        return function


# -- what a body may ask for; the list is closed


class Execute:
    """One statement, in the innermost open transaction, or in one of its own."""

    __slots__ = ("args", "stmt")

    def __init__(self, stmt: InStatement, args: InArgs) -> None:
        self.stmt = stmt
        self.args = args


class Batch:
    """Statements that happen all or not at all."""

    __slots__ = ("stmts",)

    def __init__(self, stmts: Iterable[InStatement]) -> None:
        self.stmts = stmts


class Begin:
    """A transaction; inside one, a savepoint."""


class Commit:
    """Keep what was done since the innermost Begin."""


class Rollback:
    """Take back what was done since the innermost Begin."""


class Emit:
    """An event for the caller's callback."""

    __slots__ = ("event",)

    def __init__(self, event: object) -> None:
        self.event = event


_BEGIN, _COMMIT, _ROLLBACK = Begin(), Commit(), Rollback()


def execute(stmt: InStatement, args: InArgs = None) -> Steps[ResultSet]:
    """Ask for one statement."""
    result: ResultSet = yield Execute(stmt, args)
    return result


def batch(stmts: Iterable[InStatement]) -> Steps[list[ResultSet]]:
    """Ask for statements that happen all or not at all."""
    results: list[ResultSet] = yield Batch(stmts)
    return results


def emit(event: object) -> Steps[None]:
    """Give an event to the caller's callback."""
    yield Emit(event)


def atomically(steps: Steps[T]) -> Steps[T]:
    """Run steps inside BEGIN IMMEDIATE, or inside a SAVEPOINT of the caller's transaction: all of it or nothing."""
    yield _BEGIN
    try:
        result = yield from steps
    except GeneratorExit:  # nobody drives this any more; the runner has rolled back
        raise
    except BaseException:
        yield _ROLLBACK
        raise
    yield _COMMIT
    return result


# -- operations


class operation(Generic[P, T]):
    """Makes a body a method: reads, or one writing statement."""

    def __init__(self, body: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self.body = body
        self.__doc__ = body.__doc__
        self.__name__ = body.__name__
        self.__qualname__ = body.__qualname__
        self.__module__ = body.__module__
        self.__wrapped__ = body

    @overload
    def __get__(self, obj: None, owner: type) -> Self: ...
    @overload
    def __get__(self, obj: Operations[Sync], owner: type) -> SyncCall[P, T]: ...
    @overload
    def __get__(self, obj: Operations[Async], owner: type) -> AsyncCall[P, T]: ...
    @overload
    def __get__(self, obj: Operations[Any], owner: type) -> AnyCall[P, T]: ...
    def __get__(self, obj: Operations[Any] | None, owner: type) -> Any:
        return self if obj is None else _Bound(self, obj)

    def steps(self, obj: Operations[Any], *args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        """The body's steps, for another body: `yield from self.append.steps(…)`."""
        return self.body(obj, *args, **kwargs)


class atomic(operation[P, T]):
    """Makes a body a method that runs whole inside BEGIN IMMEDIATE, or inside a SAVEPOINT of the caller's transaction."""

    def steps(self, obj: Operations[Any], *args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        """The body's steps inside their transaction."""
        return atomically(self.body(obj, *args, **kwargs))


class _Bound:
    """An operation on the object that it was asked of."""

    __slots__ = ("_obj", "_operation")

    def __init__(self, operation: operation[Any, Any], obj: Operations[Any]) -> None:
        self._operation = operation
        self._obj = obj

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        obj = self._obj
        return obj._run(obj._target, self._operation.steps(obj, *args, **kwargs), obj._on_event)

    def steps(self, *args: Any, **kwargs: Any) -> Steps[Any]:
        return self._operation.steps(self._obj, *args, **kwargs)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return self._operation.__doc__

    @property
    def __name__(self) -> str:
        return self._operation.__name__

    @property
    def __wrapped__(self) -> Any:
        return self._operation.body.__get__(self._obj)

    def __repr__(self) -> str:
        return f"<{self._operation.__qualname__} of {self._obj!r}>"


class HasTarget(Generic[W]):
    """Base of what stands for a client or a transaction: a database, a transaction's block."""

    def __init__(self, target: Any) -> None:
        self._target: Any = target

    @property
    def world(self) -> W:
        """Which world its operations are of."""
        world: W = self._target.world
        return world

    @property
    def operations_target(self) -> Any:
        """The client or transaction that operations on this work on."""
        return self._target


class Operations(Generic[W]):
    """Base of whatever has operations: bound to a client, or to an open transaction of one."""

    def __init__(self, target: Target[W], on_event: Callback | None = None) -> None:
        """`target`: a client of agentdb, a transaction of one, a database, or a `file:` client that libsql-client made.

        Raises InvalidArgumentError for anything else.
        """
        self._bind(target, on_event)

    def _bind(self, target: Any, on_event: Callback | None) -> None:
        target = getattr(target, "operations_target", target)
        borrowed = borrow(target)
        self._target: Any = target if borrowed is None else borrowed
        self._on_event = on_event
        if borrowed is not None:
            self._run: Callable[..., Any] = run_async_borrowed if borrowed.is_async else run_borrowed
        else:
            is_async = getattr(target, "is_async", None)
            if not isinstance(is_async, bool):
                raise InvalidArgumentError(f"{type(target).__name__} is not a client", code="foreign_client")
            if hasattr(target, "turn"):
                self._run = run_async_in_turn if is_async else run_in_turn
            else:
                self._run = run_async if is_async else run


# -- the two runners


def run(target: Any, steps: Steps[T], on_event: Callback | None = None) -> T:
    """Drive steps on a sync client or transaction, on the caller's thread."""
    levels: list[tuple[Any, str | None]] = []
    try:
        request = _first(steps)
        while True:
            try:
                answer: Any = None
                if type(request) is Execute:
                    answer = (levels[-1][0] if levels else target).execute(request.stmt, request.args)
                elif type(request) is Emit:
                    _deliver(target, on_event, request.event)
                elif type(request) is Begin:
                    levels.append(_begin(levels[-1][0] if levels else target))
                elif type(request) is Batch:
                    answer = (levels[-1][0] if levels else target).batch(request.stmts)
                else:
                    _end(*_level(levels, request), keep=type(request) is Commit)
            except BaseException as error:
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        while levels:
            _end(*levels.pop(), keep=False)


def _first(steps: Any) -> Any:
    """What a body asks for first. Raises StopIteration where it asks for nothing, InvalidArgumentError if it is no body."""
    if not hasattr(steps, "send"):
        raise InvalidArgumentError(
            f"the body of an operation gave {type(steps).__name__}, where steps are wanted",
            remedy="Write it as a generator that asks by `yield from execute(…)` and its like.",
        )
    return next(steps)


def _level(levels: list[tuple[Any, str | None]], request: object) -> tuple[Any, str | None]:
    """The innermost open level, for a request to end it. Raises InvalidArgumentError for anything that is no request."""
    if type(request) is not Commit and type(request) is not Rollback:
        raise InvalidArgumentError(
            f"the body of an operation yielded {type(request).__name__}, which is no request",
            remedy="Ask by `yield from execute(…)`, batch(…), emit(…) or another operation's steps(…).",
        )
    if not levels:
        raise InvalidArgumentError("the body of an operation ended a transaction that it had not begun")
    return levels.pop()


def _begin(target: Any) -> tuple[Any, str | None]:
    if hasattr(target, "savepoint"):
        return target, target.savepoint()
    return target.transaction(), None


def _end(transaction: Any, savepoint: str | None, *, keep: bool) -> None:
    if savepoint is None:
        if keep:
            transaction.commit()
        else:
            transaction.rollback()
    elif keep:
        transaction.release(savepoint)
    else:
        transaction.rollback_to(savepoint)


def _deliver(target: Any, on_event: Callback | None, event: object) -> None:
    if on_event is None:
        return
    bar = target.bar()
    try:
        waiting = on_event(event)
        if waiting is not None and hasattr(waiting, "__await__"):
            getattr(waiting, "close", _nothing)()
            raise InvalidArgumentError("an async callback was given to a sync object; nobody awaits it")
    except Exception as error:
        log(ERROR, "the event callback failed on %r", event, error=error)
    finally:
        target.unbar(bar)


def _nothing() -> None:
    pass


async def run_async(target: Any, steps: Steps[T], on_event: Callback | None = None) -> T:
    """Drive steps on an async client or transaction, on the caller's event loop.

    A cancellation arrives in the body as an exception at what it was asking for, so its transaction is rolled back,
    awaited, before the cancellation goes on.
    """
    levels: list[tuple[Any, str | None]] = []
    try:
        request = _first(steps)
        while True:
            try:
                answer: Any = None
                if type(request) is Execute:
                    answer = await (levels[-1][0] if levels else target).execute(request.stmt, request.args)
                elif type(request) is Emit:
                    await _deliver_async(target, on_event, request.event)
                elif type(request) is Begin:
                    levels.append(await _begin_async(levels[-1][0] if levels else target))
                elif type(request) is Batch:
                    answer = await (levels[-1][0] if levels else target).batch(request.stmts)
                else:
                    await _end_async(*_level(levels, request), keep=type(request) is Commit)
            except BaseException as error:
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    except GeneratorExit:
        # Nobody awaits this any more, so nothing can be awaited; a savepoint alone cannot be taken back like that.
        if levels:
            levels[0][0].close()
            levels.clear()
        raise
    finally:
        while levels:
            await _end_async(*levels.pop(), keep=False)


async def _begin_async(target: Any) -> tuple[Any, str | None]:
    if hasattr(target, "savepoint"):
        return target, await target.savepoint()
    transaction = target.transaction()
    await transaction.begin()
    return transaction, None


async def _end_async(transaction: Any, savepoint: str | None, *, keep: bool) -> None:
    if savepoint is None:
        await (transaction.commit() if keep else transaction.rollback())
    else:
        await (transaction.release(savepoint) if keep else transaction.rollback_to(savepoint))


async def _deliver_async(target: Any, on_event: Callback | None, event: object) -> None:
    if on_event is None:
        return
    bar = target.bar()
    try:
        waiting = on_event(event)
        if waiting is not None and hasattr(waiting, "__await__"):
            await waiting
    except Exception as error:
        log(ERROR, "the event callback failed on %r", event, error=error)
    finally:
        target.unbar(bar)


def run_borrowed(target: Any, steps: Steps[T], on_event: Callback | None = None) -> T:
    """Drive steps on a client of our own, opened for this one operation beside a foreign one."""
    with target.open() as client:
        return run(client, steps, on_event)


async def run_async_borrowed(target: Any, steps: Steps[T], on_event: Callback | None = None) -> T:
    """The same on an event loop."""
    async with target.open_async() as client:
        return await run_async(client, steps, on_event)


def run_in_turn(target: Any, steps: Steps[T], on_event: Callback | None = None) -> T:
    """Drive steps on a transaction: one operation at a time, or the rows of one would fall with another's savepoint."""
    target.check_callback()  # it would wait for the operation that calls it
    with target.turn:
        return run(target, steps, on_event)


async def run_async_in_turn(target: Any, steps: Steps[T], on_event: Callback | None = None) -> T:
    """The same on an event loop."""
    target.check_callback()
    async with target.turn:
        return await run_async(target, steps, on_event)
