"""The transport of callers on an event loop: aiohttp, with one session for all streams of a client."""

from __future__ import annotations

import asyncio
from inspect import isgenerator
from io import BytesIO
from time import monotonic

import aiohttp

from agentdb.clients.remote.http_transport import KEPT
from agentdb.clients.remote.requests import AskToken, LateError, LostError, NotSentError, Pause, Post
from agentdb.clients.remote.stream import Stream
from agentdb.errors import ClosedError
from agentdb.logs import ERROR, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from agentdb.clients.remote.exchange import Server


#: Bytes of a body from which on aiohttp is to write it in pieces, so that other tasks have their turn.
_LARGE = 2**20


class Sessions:
    """The session of one client, on the event loop that it is used from."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def current(self) -> aiohttp.ClientSession:
        """The session of the running loop."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop or self._session.closed:
            self.drop()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
            )
            self._loop = loop
        return self._session

    async def close(self) -> None:
        """Close its connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def drop(self) -> None:
        """Close its connections without an event loop, where that is still possible."""
        session, self._session = self._session, None
        if session is not None and not session.closed:
            connector = session.connector
            session.detach()
            if connector is not None and self._loop is not None:
                try:
                    self._loop.call_soon_threadsafe(connector.close)
                except RuntimeError:  # the loop is closed, and what it had open with it
                    connector.close()

    async def post(self, post: Post) -> tuple[int, bytes]:
        """Send, and wait for the answer. Raises NotSentError, LostError, LateError."""
        left = post.deadline - monotonic()
        # Below the whole, so that it is known where the time went: a request that was not sent has done nothing.
        connect = min(self._server.settings.connect_timeout, max(left * 0.9, 0.001))
        try:
            async with (
                asyncio.timeout(max(left, 0)),
                self.current().post(
                    f"{post.url.scheme}://{post.url.authority}{post.path}",
                    data=post.body if len(post.body) < _LARGE else BytesIO(post.body),
                    headers=post.headers,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect),
                    allow_redirects=False,
                ) as response,
            ):
                return response.status, await response.read()
        except aiohttp.ConnectionTimeoutError as error:
            raise NotSentError("no connection in time", is_late=True) from error
        except aiohttp.ClientConnectorError as error:
            raise NotSentError(error.os_error.strerror or type(error.os_error).__name__) from error
        except TimeoutError as error:
            raise LateError from error
        except (aiohttp.ClientError, OSError) as error:
            raise LostError(type(error).__name__) from error


class StreamTask:
    """A stream and what drives it on an event loop: what an async client has instead of a thread with a connection."""

    def __init__(self, server: Server, sessions: Sessions, generation: int) -> None:
        self.connection = Stream(server, generation)
        self._server = server
        self._sessions = sessions
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        #: What nobody waits for, in its order: a rollback of a transaction that was dropped.
        self._posted: asyncio.Task[None] | None = None

    async def run(self, function: Callable[..., Any], *arguments: Any, interrupt: bool = True) -> Any:
        """What a method of the stream gives. Where the caller is cancelled, what has been sent is waited for, unless it only
        reads; nothing more is sent, unless it is not to be interrupted."""
        if self._closed:
            raise ClosedError("the connection is closed")
        self._loop = asyncio.get_running_loop()
        while self._posted is not None and not self._posted.done():
            await asyncio.shield(self._posted)
        talk = function(*arguments)
        if not isgenerator(talk):
            return talk
        return await self._drive(talk, interrupt=interrupt)

    async def _drive(self, talk: Any, *, interrupt: bool) -> Any:
        cancelled: asyncio.CancelledError | None = None
        try:
            request = next(talk)
            while True:
                try:
                    if cancelled is not None and interrupt:
                        raise cancelled
                    answer, cancelled = await self._answer(request, cancelled)
                except BaseException as error:
                    request = talk.throw(error)
                else:
                    request = talk.send(answer)
        except StopIteration as stop:
            if cancelled is not None:
                raise cancelled from None
            return stop.value

    async def _answer(
        self, request: Any, cancelled: asyncio.CancelledError | None
    ) -> tuple[Any, asyncio.CancelledError | None]:
        """The answer, and the cancellation that has come meanwhile."""
        if type(request) is Pause:
            await asyncio.sleep(request.seconds)
            return None, cancelled
        if type(request) is AskToken:
            await self._ask()
            return None, cancelled
        if request.is_read:
            return await self._sessions.post(request), cancelled
        task = asyncio.create_task(self._sessions.post(request))
        while not task.done():
            try:
                await asyncio.wait((task,))
            except asyncio.CancelledError as error:
                cancelled = cancelled or error
        return task.result(), cancelled

    async def _ask(self) -> None:
        source = self._server.token.source
        assert source is not None  # the stream asks only then
        given = source()
        if not isinstance(given, str):
            given = await given
        self._server.token.take(given)

    @property
    def at_rest(self) -> bool:
        """Whether nothing runs on it."""
        return (self._posted is None or self._posted.done()) and self.connection.usable

    def post(self, function: Callable[[], Any]) -> None:
        """Run it after all that was posted; nobody waits for it. May be called from any thread."""
        loop = self._loop
        if loop is None or loop.is_closed():
            self._run_without_loop(function)
            return
        try:
            running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is loop:
            self._begin(function)
        else:
            loop.call_soon_threadsafe(self._begin, function)

    def _begin(self, function: Callable[[], Any]) -> None:
        before = self._posted
        self._posted = asyncio.get_running_loop().create_task(self._after(before, function))

    async def _after(self, before: asyncio.Task[None] | None, function: Callable[[], Any]) -> None:
        if before is not None:
            await asyncio.wait((before,))
        try:
            talk = function()
            if isgenerator(talk):
                await self._drive(talk, interrupt=False)
        except Exception as error:
            log(ERROR, "closing a transaction or a connection failed", error=error)

    def _run_without_loop(self, function: Callable[[], Any]) -> None:
        """Nothing can be sent any more: the server ends the transaction by itself."""
        talk = function()
        if isgenerator(talk):
            self.connection._end()

    def close(self) -> None:
        """Keep nothing open."""
        self._closed = True
        self.connection.close()
