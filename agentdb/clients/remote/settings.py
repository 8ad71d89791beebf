"""How a server is spoken to."""

from __future__ import annotations

from agentdb.clients.local.settings import shown
from agentdb.errors import InvalidArgumentError
from agentdb.frozen import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    #: The token of a server, or a function that gives one; a coroutine function for the async client.
    AuthToken: TypeAlias = str | Callable[[], str | Awaitable[str]]


class RemoteSettings(Record):
    """How a server is spoken to. Times in seconds."""

    busy_timeout: float = 5.0
    readers: int = 16
    connect_timeout: float = 10.0
    timeout: float = 30.0

    #: What engines ask of the settings of a file.
    read_only = False
    on_connect = None

    def check(self) -> RemoteSettings:
        """Raises InvalidArgumentError for a value that cannot be meant."""
        if type(self.busy_timeout) not in (int, float) or not 0 <= self.busy_timeout <= 86_400:
            raise InvalidArgumentError(f"busy_timeout is {shown(self.busy_timeout)}; it is seconds, from 0 to 86,400")
        if type(self.readers) is not int or not 1 <= self.readers <= 1024:
            raise InvalidArgumentError(f"readers is {shown(self.readers)}; it is a number from 1 to 1024")
        for name in ("connect_timeout", "timeout"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 < value <= 86_400:
                raise InvalidArgumentError(f"{name} is {shown(value)}; it is seconds, above 0 and up to 86,400")
        return self


class Token:
    """The token of one server, and where another comes from. Shown nowhere."""

    __slots__ = ("_source", "value")

    def __init__(self, given: AuthToken | None) -> None:
        """Raises InvalidArgumentError for anything that can be no token; never with the value, which is a secret."""
        self._source = given if callable(given) else None
        self.value: str | None = None if given is None or callable(given) else given
        if given is not None and not callable(given):
            self.take(given)

    @property
    def source(self) -> Callable[[], str | Awaitable[str]] | None:
        """What is asked for a token; None where there is but the one that was given."""
        return self._source

    def take(self, value: object) -> None:
        """What the source gave. Raises InvalidArgumentError."""
        if not isinstance(value, str):
            raise InvalidArgumentError(
                f"auth_token is text, a function that gives text, or None, not {type(value).__name__}"
            )
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise InvalidArgumentError("auth_token is empty, or holds a blank or a character that is not ASCII")
        self.value = value

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{'' if self.value else ' none'}>"

    def __reduce__(self) -> str:
        raise TypeError("a token is not pickled")
