"""What the URL of a server means."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from agentdb.errors import InvalidArgumentError
from agentdb.frozen import Record

#: The scheme that is spoken for each that is accepted: websockets are not used.
_SPOKEN = {"libsql": "https", "https": "https", "wss": "https", "http": "http", "ws": "http"}
_REMEDY = "Write libsql://HOST, https://HOST or http://HOST:PORT; the token is the argument auth_token=."


class ServerUrl(Record):
    """Where a server is. `path` has no slash at its end."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        """The URL for people; it never has a token in it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": 443, "http": 80}[self.scheme]
        return f"{self.scheme}://{host}{'' if self.port == usual else f':{self.port}'}{self.path}"

    @property
    def authority(self) -> str:
        """Host and port, as the Host header has them."""
        return str(self).removesuffix(self.path).partition("://")[2] if self.path else str(self).partition("://")[2]

    @property
    def is_encrypted(self) -> bool:
        """Whether it is reached over TLS."""
        return self.scheme == "https"


def server_url(url: str, *, tls: bool | None = None) -> tuple[ServerUrl, str | None]:
    """Where the server is, and the token that the URL carries as `?authToken=`.

    tls: False speaks http to a `libsql:` URL. Raises InvalidArgumentError `unsupported_url`; its message has neither the
    token nor a password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidArgumentError("the URL of the server has a bad host or port", code="unsupported_url") from None
    scheme = _SPOKEN.get(parts.scheme)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if scheme is None or not host:
        raise InvalidArgumentError(f"{shown!r} names no server", code="unsupported_url", remedy=_REMEDY)
    if parts.username is not None or parts.password is not None:
        raise InvalidArgumentError(f"{shown!r} has a user or a password", code="unsupported_url", remedy=_REMEDY)
    if parts.fragment:
        raise InvalidArgumentError(f"{shown!r} has a fragment", code="unsupported_url", remedy=_REMEDY)
    token: str | None = None
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "authToken":
            token = value or None
        elif name == "tls" and value in ("0", "1"):
            tls = value == "1"
        else:
            raise InvalidArgumentError(f"{shown!r} has the option {name!r}", code="unsupported_url", remedy=_REMEDY)
    scheme = _with_tls(parts.scheme, scheme, port, tls, shown)
    return ServerUrl(scheme, host, port or {"https": 443, "http": 80}[scheme], parts.path.rstrip("/")), token


def _with_tls(given: str, spoken: str, port: int | None, tls: bool | None, shown: str) -> str:
    wanted = spoken if tls is None else ("https" if tls else "http")
    if wanted == spoken:
        return spoken
    if given != "libsql":
        raise InvalidArgumentError(
            f"{shown!r} says {given}:, and tls is {tls}",
            code="unsupported_url",
            remedy="Leave tls out: https: and wss: are encrypted, http: and ws: are not.",
        )
    if port is None:
        raise InvalidArgumentError(
            f"{shown!r} has no port, which tls=False needs",
            code="unsupported_url",
            remedy="Write the port, as in :8080.",
        )
    return wanted
