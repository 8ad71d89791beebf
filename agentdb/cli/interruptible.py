"""Work on an event loop that Ctrl-C stops, however long its statement runs."""

from __future__ import annotations

import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """asyncio.run(), where Ctrl-C cancels `work` and, once that has rolled back, raises KeyboardInterrupt.

    asyncio.run() alone does so too, except for a signal that comes just before the loop waits: nothing wakes it then
    before the statement ends. A handler of the loop itself is notified through a pipe, which wakes it.
    """
    import asyncio  # here: what only reads runs on no loop, and is a fifth faster to start

    welcome = signal.getsignal(signal.SIGINT) is signal.default_int_handler

    async def listen_and_work() -> T:
        task = asyncio.current_task()
        if welcome and task is not None:
            try:
                asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
            except (NotImplementedError, RuntimeError, ValueError):
                pass  # Windows, where the loop has that pipe anyway; or not the main thread, which gets no signals
        return await work

    try:
        return asyncio.run(listen_and_work())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
