"""A connection with a thread of its own: what is awaited runs there, in order, and never on the event loop."""

from __future__ import annotations

import asyncio
from _queue import SimpleQueue
from _thread import allocate_lock
from threading import Thread

from agentdb.errors import ClosedError
from agentdb.logs import ERROR, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable
    from typing import Any, TypeVar

    from agentdb.clients.local.connection import Connection

    T = TypeVar("T")

#: Seconds between two interruptions of a cancelled statement: one that comes before SQLite has begun is lost.
_INTERRUPT_AGAIN = 0.02


class _Job:
    __slots__ = ("abandoned", "arguments", "function", "future", "loop", "running")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Any],
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
    ) -> None:
        self.loop = loop
        self.future = future
        self.function = function
        self.arguments = arguments
        self.abandoned = False
        self.running = False


class ConnectionThread:
    """One connection and the thread that uses it. The thread starts with the first job and ends with close()."""

    __slots__ = ("_closed", "_jobs", "_started", "_turn", "connection")

    def __init__(self, connection: Connection) -> None:
        """`connection` may be opened later, by a job of this thread."""
        self.connection = connection
        self._jobs: SimpleQueue[_Job | Callable[[], None] | None] = SimpleQueue()
        self._turn = allocate_lock()
        self._started = False
        self._closed = False

    async def run(self, function: Callable[..., T], *arguments: Any, interrupt: bool = True) -> T:
        """Run it on the connection's thread and return what it returns.

        Where the caller is cancelled, a job that has not begun is dropped. One that runs is interrupted (if
        `interrupt`) and waited for, so nothing of it runs any more when the cancellation goes on.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        job = _Job(loop, future, function, arguments)
        if not self._started:
            self._start()
        if self._closed:
            raise ClosedError("the connection is closed")
        self._jobs.put(job)
        try:
            return await future
        except asyncio.CancelledError:
            job.abandoned = interrupt
            await self._settle(job)
            raise

    async def _settle(self, job: _Job) -> None:
        interrupt = job.abandoned
        fence: asyncio.Future[None] = job.loop.create_future()
        self._jobs.put(_Job(job.loop, fence, _nothing, ()))
        while not fence.done():
            with self._turn:  # another task's job on this thread must not be hit
                if interrupt and job.running:
                    self.connection.interrupt()
            try:
                await asyncio.wait((fence,), timeout=_INTERRUPT_AGAIN if interrupt else None)
            except asyncio.CancelledError:
                continue  # cancelled once more: the first one goes on as soon as the connection is at rest

    @property
    def at_rest(self) -> bool:
        """Whether nothing runs on it, and nothing is queued."""
        return self._jobs.empty() and self.connection.usable

    def post(self, function: Callable[[], None]) -> None:
        """Run it on the connection's thread after all that is queued; nobody waits for it. May be called from any thread."""
        if not self._started:
            self._start()
        self._jobs.put(function)

    def close(self) -> None:
        """Close the connection and end the thread, after all that is queued."""
        if self._started and not self._closed:
            self._jobs.put(self.connection.close)
            self._jobs.put(None)
        elif not self._started:
            self.connection.close()
        self._closed = True

    def _start(self) -> None:
        # A daemon: a program that forgot to close must still be able to end.
        Thread(target=_work, args=(self._jobs, self._turn), name="agentdb", daemon=True).start()
        self._started = True


def _nothing() -> None:
    pass


def _work(jobs: SimpleQueue[_Job | Callable[[], None] | None], turn: LockType) -> None:
    while True:
        job = jobs.get()
        if job is None:
            return
        if not isinstance(job, _Job):
            try:
                job()
            except BaseException as error:
                log(ERROR, "closing a transaction or a connection failed", error=error)
        elif not job.abandoned:
            with turn:
                job.running = True
            result: Any = None
            failure: BaseException | None = None
            try:
                result = job.function(*job.arguments)
            except BaseException as raised:
                failure = raised
            with turn:
                job.running = False
            try:
                job.loop.call_soon_threadsafe(_answer, job.future, result, failure)
            except RuntimeError:
                pass  # the loop was closed: nobody is left to hear it
            del result, failure
        del job


def _answer(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
