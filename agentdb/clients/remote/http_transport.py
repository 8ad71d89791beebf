"""The transport of callers that wait: http.client, one connection that is kept open."""

from __future__ import annotations

import select
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic, sleep

from agentdb.clients.remote.requests import AskToken, LateError, LostError, NotSentError, Pause, Post
from agentdb.clients.remote.stream import Stream
from agentdb.clients.statements import READ
from agentdb.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from ssl import SSLContext
    from typing import Any

    from agentdb.clients.base import ResultSet
    from agentdb.clients.remote.exchange import Server
    from agentdb.clients.statements import Prepared

#: Seconds for which a connection that nobody uses is kept: servers and what is before them close it by and by.
KEPT = 15.0
_PIECE = 256 * 1024
_contexts: list[SSLContext] = []


class HttpTransport:
    """One connection, opened when it is needed."""

    def __init__(self, connect_timeout: float) -> None:
        self._connect_timeout = connect_timeout
        self._connection: HTTPConnection | None = None
        self._place: tuple[str, str, int] | None = None
        self._used_at = 0.0

    def post(self, post: Post) -> tuple[int, bytes]:
        """Send, and wait for the answer. Raises NotSentError, LostError, LateError."""
        connection = self._ready(post)
        try:
            sock = connection.sock  # the connection forgets it where the server closes behind its answer
            sock.settimeout(_left(post.deadline))
            connection.request("POST", post.path, post.body, post.headers)
            response = connection.getresponse()
            pieces = []
            while True:
                sock.settimeout(_left(post.deadline))
                piece = response.read(_PIECE)
                pieces.append(piece)
                if len(piece) < _PIECE:
                    break
            if response.will_close:
                self.close()
        except BaseException as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise LateError from error
            if isinstance(error, (OSError, HTTPException)):
                raise LostError(type(error).__name__) from error
            raise
        self._used_at = monotonic()
        return response.status, b"".join(pieces)

    def _ready(self, post: Post) -> HTTPConnection:
        place = (post.url.scheme, post.url.host, post.url.port)
        connection = self._connection
        if connection is not None and (place != self._place or self._is_stale(connection)):
            self.close()
            connection = None
        if connection is None:
            connection = self._open(post)
            self._connection, self._place = connection, place
        return connection

    def _is_stale(self, connection: HTTPConnection) -> bool:
        """Whether the server has closed it, or may be about to: what is sent then is lost, and nobody knows with what effect."""
        if connection.sock is None or monotonic() - self._used_at > KEPT:
            return True
        if hasattr(select, "poll"):
            asked = select.poll()
            asked.register(connection.sock, select.POLLIN)
            return bool(asked.poll(0))
        return bool(select.select([connection.sock], [], [], 0)[0])

    def _open(self, post: Post) -> HTTPConnection:
        timeout = min(self._connect_timeout, _left(post.deadline))
        url = post.url
        connection = (
            HTTPSConnection(url.host, url.port, timeout=timeout, context=_tls())
            if url.is_encrypted
            else HTTPConnection(url.host, url.port, timeout=timeout)
        )
        try:
            connection.connect()
        except TimeoutError as error:
            raise NotSentError("no connection in time", is_late=True) from error
        except OSError as error:
            raise NotSentError(error.strerror or type(error).__name__) from error
        return connection

    def close(self) -> None:
        """Close the connection, where there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _tls() -> SSLContext:
    if not _contexts:
        import ssl

        _contexts.append(ssl.create_default_context())
    return _contexts[0]


class HttpConnection:
    """A stream on a transport of its own: what a client of a server has instead of a connection of SQLite."""

    def __init__(self, server: Server, generation: int) -> None:
        self.generation = generation
        self.path = server.name
        self._server = server
        self._stream = Stream(server)
        self._transport = HttpTransport(server.settings.connect_timeout)

    def _drive(self, talk: Any) -> Any:
        try:
            request = next(talk)
            while True:
                try:
                    answer: Any = None
                    if type(request) is Post:
                        answer = self._transport.post(request)
                    elif type(request) is Pause:
                        sleep(request.seconds)
                    elif type(request) is AskToken:
                        self._ask()
                except BaseException as error:
                    request = talk.throw(error)
                else:
                    request = talk.send(answer)
        except StopIteration as stop:
            return stop.value

    def _ask(self) -> None:
        source = self._server.token.source
        assert source is not None  # the stream asks only then
        given = source()
        if hasattr(given, "__await__"):
            getattr(given, "close", lambda: None)()
            raise InvalidArgumentError("auth_token is a coroutine function, which a sync client cannot await")
        self._server.token.take(given)

    # -- as a connection of SQLite; see agentdb.clients.local.connection

    def open(self, *, patient: bool = True) -> HttpConnection:
        """Nothing is opened before it is needed."""
        return self

    @property
    def usable(self) -> bool:
        return self._stream.usable

    @property
    def is_open(self) -> bool:
        return self._stream.is_open

    @property
    def in_transaction(self) -> bool:
        return self._stream.in_transaction

    def execute(self, sql: str, args: Any, kind: str = READ) -> ResultSet:
        return self._drive(self._stream.execute(sql, args, kind))  # type: ignore[no-any-return]

    def write(self, sql: str, args: Any, kind: str) -> ResultSet:
        return self._drive(self._stream.write(sql, args, kind))  # type: ignore[no-any-return]

    def batch(self, prepared: list[Prepared], writing: bool) -> list[ResultSet]:
        return self._drive(self._stream.batch(prepared, writing))  # type: ignore[no-any-return]

    def script(self, statements: Iterable[tuple[str, Any]], unless: tuple[str, Any]) -> bool:
        return self._drive(self._stream.script(statements, unless))  # type: ignore[no-any-return]

    def begin(self, writing: bool = True, foreign_keys: bool = True) -> None:
        self._drive(self._stream.begin(writing, foreign_keys))

    def batch_inside(self, prepared: list[Prepared]) -> list[ResultSet]:
        return self._drive(self._stream.batch_inside(prepared))  # type: ignore[no-any-return]

    def later(self, prepared: list[Prepared]) -> None:
        self._stream.later(prepared)

    def commit(self) -> None:
        self._drive(self._stream.commit())

    def rollback(self) -> None:
        self._drive(self._stream.rollback())

    def savepoint(self, confined: bool = False) -> str:
        return self._stream.savepoint(confined)

    def release(self, name: str) -> None:
        self._stream.release(name)

    def rollback_to(self, name: str) -> None:
        self._stream.rollback_to(name)

    def check_transaction(self) -> None:
        self._stream.check_transaction()

    def close(self) -> None:
        """Close the connection; the server ends what is open on it by itself."""
        self._stream.close()
        self._transport.close()

    def __del__(self) -> None:
        try:
            self._transport.close()
        except AttributeError:  # an exception has struck before it was made
            pass
