"""The options of create_client() and create_client_sync(), for the type checkers of what passes them on."""

from __future__ import annotations

from typing import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.remote.settings import AuthToken


class ClientOptions(TypedDict, total=False):
    """What a client of a path or a URL can be given. Times in seconds, sizes in bytes."""

    busy_timeout: float
    synchronous: str
    journal_size_limit: int
    readers: int | None
    read_only: bool
    journal_mode: str
    on_connect: OnConnect | None
    mode: int
    secure_delete: str
    auth_token: AuthToken | None
    tls: bool | None
    connect_timeout: float | None
    timeout: float | None
