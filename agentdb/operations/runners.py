"""The two runners: they run the steps of an operation, on a sync client or on an async one."""

from __future__ import annotations

from time import sleep

from agentdb.errors import InvalidArgumentError, TransactionActiveError
from agentdb.logs import ERROR, log
from agentdb.operations.requests import (
    Backup,
    Batch,
    Begin,
    Call,
    Commit,
    Emit,
    Execute,
    Later,
    Pause,
    Renew,
    Rollback,
    Script,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, TypeAlias, TypeVar

    from agentdb.operations.requests import Steps

    T = TypeVar("T")
    Callback: TypeAlias = Callable[[Any], Awaitable[None] | None]


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
                    levels.append(_begin(levels[-1][0] if levels else target, request))
                elif type(request) is Script:
                    answer = target.script(request.statements, request.unless)
                elif type(request) is Batch:
                    answer = (levels[-1][0] if levels else target).batch(request.stmts)
                elif type(request) is Later:
                    _ask_later(levels[-1][0] if levels else target, request)
                elif type(request) is Backup:
                    answer = _back_up(target, request, on_event)
                elif type(request) is Call:
                    answer = request.function(*request.arguments)
                elif type(request) is Renew:
                    target.renew()
                elif type(request) is Pause:
                    sleep(request.seconds)
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
            f"the body of an operation yielded {type(request).__name__}, which is not a request",
            remedy="Ask by `yield from execute(…)`, batch(…), emit(…) or another operation's steps(…).",
        )
    if not levels:
        raise InvalidArgumentError("the body of an operation ended a transaction that it had not begun")
    return levels.pop()


def _begin(target: Any, request: Begin) -> tuple[Any, str | None]:
    if hasattr(target, "savepoint"):
        _refuse_options(request)
        return target, target.savepoint(**request.options)
    return target.transaction(**request.options), None


def _refuse_options(request: Begin) -> None:
    """Raises TransactionActiveError: inside a transaction SQLite silently ignores the switch of foreign keys."""
    if "foreign_keys" in request.options:
        raise TransactionActiveError(
            "foreign keys cannot be switched off inside a transaction that is open already",
            remedy="End the transaction first; what works without foreign keys needs one of its own.",
        )


def _ask_later(target: Any, request: Later) -> None:
    if len(request.stmts) == 1 and not hasattr(target, "later"):
        target.execute(request.stmts[0])
    elif hasattr(target, "later"):
        target.later(request.stmts)
    else:
        target.batch(request.stmts)


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


def _back_up(target: Any, request: Backup, on_event: Callback | None) -> Any:
    _refuse_inside(target)

    def tell(event: object) -> None:
        _deliver(target, on_event, event)

    return request.target.make(target.path, target.settings, tell)


def _refuse_inside(target: Any) -> None:
    if not hasattr(target, "settings"):
        raise InvalidArgumentError("the body of an operation asked for a backup inside a transaction of the caller")


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
                    levels.append(await _begin_async(levels[-1][0] if levels else target, request))
                elif type(request) is Script:
                    answer = await target.script(request.statements, request.unless)
                elif type(request) is Batch:
                    answer = await (levels[-1][0] if levels else target).batch(request.stmts)
                elif type(request) is Later:
                    await _ask_later_async(levels[-1][0] if levels else target, request)
                elif type(request) is Backup:
                    answer = await _back_up_async(target, request, on_event)
                elif type(request) is Call:
                    answer = await _call_async(request)
                elif type(request) is Renew:
                    target.renew()
                elif type(request) is Pause:
                    await _sleep(request.seconds)
                else:
                    await _end_async(*_level(levels, request), keep=type(request) is Commit)
            except BaseException as error:
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    except GeneratorExit:
        # Nobody awaits this any more, so nothing can be awaited; a savepoint alone cannot be rolled back like that.
        if levels:
            levels[0][0].close()
            levels.clear()
        raise
    finally:
        while levels:
            await _end_async(*levels.pop(), keep=False)


async def _sleep(seconds: float) -> None:
    from asyncio import sleep

    await sleep(seconds)


async def _begin_async(target: Any, request: Begin) -> tuple[Any, str | None]:
    if hasattr(target, "savepoint"):
        _refuse_options(request)
        return target, await target.savepoint(**request.options)
    transaction = target.transaction(**request.options)
    await transaction.begin()
    return transaction, None


async def _ask_later_async(target: Any, request: Later) -> None:
    if len(request.stmts) == 1 and not hasattr(target, "later"):
        await target.execute(request.stmts[0])
    elif hasattr(target, "later"):
        await target.later(request.stmts)
    else:
        await target.batch(request.stmts)


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


async def _back_up_async(target: Any, request: Backup, on_event: Callback | None) -> Any:
    from agentdb.operations.worker import do

    _refuse_inside(target)

    async def deliver(event: object) -> None:
        await _deliver_async(target, on_event, event)

    return await do(request.target, target.path, target.settings, None if on_event is None else deliver)


async def _call_async(request: Call) -> Any:
    from agentdb.operations.worker import call

    return await call(request.function, request.arguments)


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
