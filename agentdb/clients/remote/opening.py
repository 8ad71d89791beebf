"""From the arguments of create_client() to a server."""

from __future__ import annotations

from importlib.util import find_spec

from agentdb.clients.remote.exchange import Server
from agentdb.clients.remote.server_url import server_url
from agentdb.clients.remote.settings import RemoteSettings, Token
from agentdb.errors import AgentDBError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agentdb.clients.remote.settings import AuthToken

#: The options of a file, in the order of create_client(), and what they are unless they are given.
_OF_A_FILE = {
    "synchronous": "NORMAL",
    "journal_size_limit": 64 * 1024 * 1024,
    "read_only": False,
    "journal_mode": "wal",
    "on_connect": None,
    "mode": 0o600,
    "secure_delete": "on",
}


def check_extra() -> None:
    """Raises AgentDBError `extra_missing` where the transport of the async client is not installed."""
    try:
        is_there = find_spec("aiohttp") is not None
    except ImportError:
        is_there = False
    if not is_there:
        raise AgentDBError(
            "an async client of a server needs aiohttp",
            code="extra_missing",
            remedy="Install libsql-client==0.3.1, which brings it: pip install 'libsql-client==0.3.1'.",
        )


def server_of(
    url: Any,
    of_a_file: tuple[Any, ...],
    busy_timeout: float,
    readers: int | None,
    auth_token: AuthToken | None,
    tls: bool | None,
    connect_timeout: float | None,
    timeout: float | None,
) -> Server:
    """The server behind a URL. Raises InvalidArgumentError, also for an option of a file."""
    if tls is not None and type(tls) is not bool:
        raise InvalidArgumentError(f"tls is True, False or None, not {type(tls).__name__}")
    place, token = server_url(url, tls=tls)
    for (name, usual), value in zip(_OF_A_FILE.items(), of_a_file, strict=True):
        if value != usual or type(value) is not type(usual):
            raise InvalidArgumentError(
                f"{name} is an option of a file, and the database is on a server", remedy=f"Leave {name} out."
            )
    settings = RemoteSettings(
        busy_timeout,
        16 if readers is None else readers,
        10.0 if connect_timeout is None else connect_timeout,
        30.0 if timeout is None else timeout,
    ).check()
    return Server(place, Token(token if auth_token is None else auth_token), settings)
