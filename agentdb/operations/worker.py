"""Work of a body that is no statement, away from the event loop: a thread of its own does it, and its events come here."""

from __future__ import annotations

import asyncio

from agentdb.clients.local.connection_thread import ConnectionThread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from agentdb.operations.requests import Task


class _Worker:
    """What a thread needs instead of a connection: something to interrupt."""

    usable = True

    def __init__(self, work: Task) -> None:
        self.interrupt = work.interrupt

    def close(self) -> None:
        self.interrupt()


async def do(work: Task, path: str, settings: Any, deliver: Callable[[object], Awaitable[None]] | None) -> Any:
    """What work.make() returns. Its events are delivered in order, all of them before this returns.

    A cancellation interrupts it, and goes on when it is at its end.
    """
    loop = asyncio.get_running_loop()
    events: asyncio.Queue[object] = asyncio.Queue()
    thread = ConnectionThread(_Worker(work))  # type: ignore[arg-type]
    teller = None if deliver is None else loop.create_task(_tell(events, deliver))

    def tell(event: object) -> None:
        try:
            loop.call_soon_threadsafe(events.put_nowait, event)
        except RuntimeError:  # the loop is closed: nobody is left to hear it
            work.interrupt()

    try:
        answer = await thread.run(work.make, path, settings, tell if teller else _nothing)
        if teller is not None:
            events.put_nowait(None)
            await teller
    except BaseException:
        work.interrupt()  # also where this coroutine is dropped, and nothing can be awaited
        if teller is not None:
            teller.cancel()
        raise
    finally:
        thread.close()
    return answer


async def call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """What a function returns, which a thread runs. Where the caller is cancelled it is waited for: when the cancellation
    goes on, nothing reads the caller's file any more."""
    future = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            try:
                await asyncio.wait((future,))
            except asyncio.CancelledError:
                continue  # cancelled once more: the first one goes on as soon as the function is at its end
        if not future.cancelled():
            future.exception()  # it is seen
        raise


async def _tell(events: asyncio.Queue[object], deliver: Callable[[object], Awaitable[None]]) -> None:
    while (event := await events.get()) is not None:
        await deliver(event)


def _nothing(_event: object) -> None:
    pass
