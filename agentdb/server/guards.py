"""What stands before every route: the Host header, the token, the size of a request, and how many there are."""

from __future__ import annotations

from hmac import compare_digest
from time import monotonic
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from agentdb.server.answers import refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from agentdb.server.settings import ServerSettings

#: What a watchdog may ask without a token.
_OPEN_TO_ALL = ("/healthz",)
#: Addresses that are remembered at the most.
_MANY = 10_000


class Guards:
    """Refuses a request before any of it is read, where that can be told from its headers."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._settings = settings
        self._hosts = settings.hosts
        self._token = None if settings.token is None else f"Bearer {settings.token}".encode()
        self._buckets: dict[str, tuple[float, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            return  # there are none
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        refused = self._refused(scope, headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _refused(self, scope: Scope, headers: dict[bytes, bytes]) -> ASGIApp | None:
        if _host_of(headers.get(b"host", b"")) not in self._hosts:
            return refusal(
                421, "this service does not answer to that host name", "wrong_host", "Name it by --allow-host."
            )
        if self._token is not None and scope["path"] not in _OPEN_TO_ALL:
            given = headers.get(b"authorization", b"")
            if not compare_digest(given, self._token):
                what = "is wrong" if given else "is missing"
                return refusal(401, f"the token {what}", "no_token", "Send the header `Authorization: Bearer TOKEN`.")
        if not self._has_turn(scope):
            return refusal(429, "there are too many requests", "too_many_requests", "Ask again a little later.")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._settings.max_body_bytes:
            return self._too_large()
        return None

    def _too_large(self) -> ASGIApp:
        most = self._settings.max_body_bytes
        return refusal(413, f"the request has more than {most} bytes", "too_large", "Send less at once.")

    def _counted(self, receive: Receive) -> Receive:
        """The same, until there was too much: a request may come in pieces, without a length."""
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._settings.max_body_bytes:
                raise HTTPException(413, f"the request has more than {self._settings.max_body_bytes} bytes")
            return message

        return counted

    def _has_turn(self, scope: Scope) -> bool:
        """Whether the address of a request has requests left: a bucket that fills by so many a second and holds two seconds."""
        rate = self._settings.requests_per_second
        if not rate:
            return True
        address, now = (scope.get("client") or ("",))[0], monotonic()
        most = max(2 * rate, 1.0)  # or nobody would ever have a turn
        left, since = self._buckets.get(address, (most, now))
        left = min(most, left + (now - since) * rate)
        if len(self._buckets) >= _MANY:
            self._buckets.clear()
        self._buckets[address] = (max(left - 1, 0), now)
        return left >= 1


def _host_of(header: bytes) -> str:
    """The name in a Host header, in small letters, without its port."""
    text = header.decode("latin-1").lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0]
