"""How the commands open a database: to write, to read, or to look at what would happen."""

from __future__ import annotations

import os

from agentdb.clients import create_client, create_client_sync
from agentdb.clients.location import MEMORY, check_place, is_remote, local_path
from agentdb.errors import StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.async_client import AsyncLocalClient
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.clients.options import ClientOptions

#: The token of a server, for commands: one in a URL would stay in the history of the shell.
TOKEN = "AGENTDB_AUTH_TOKEN"


def to_write(
    database: str, busy_timeout: float, on_connect: OnConnect | None = None, *, must_exist: bool = False
) -> AsyncLocalClient:
    """Open for writing. Async, because Ctrl-C can then interrupt a statement; see agentdb.cli.interruptible.

    Raises StorageError `file_missing` where it must exist and does not.
    """
    if is_remote(database):
        return create_client(database, **_of_a_server(database, busy_timeout, on_connect))
    if must_exist:
        path = local_path(database)
        if path != MEMORY:
            check_place(path, read_only=True)
    return create_client(database, busy_timeout=busy_timeout, on_connect=on_connect)


def to_read(database: str, busy_timeout: float, on_connect: OnConnect | None = None) -> LocalClient:
    """Open without ever writing. Raises StorageError `file_missing`."""
    if is_remote(database):  # a server has no such option; what the command sends only reads
        return create_client_sync(database, **_of_a_server(database, busy_timeout, on_connect))
    try:
        return create_client_sync(database, busy_timeout=busy_timeout, on_connect=on_connect, read_only=True)
    except StorageError as error:
        if error.code == "file_missing":
            error.remedy = "Check the path. This command creates no database; `agentdb migrate` does."
        raise


def to_preview(database: str, busy_timeout: float, on_connect: OnConnect | None = None) -> LocalClient:
    """The same, where a file that does not exist yet is as good as an empty one: what would migrate() find there?"""
    if is_remote(database):
        return to_read(database, busy_timeout, on_connect)
    path = local_path(database)
    if path != MEMORY and not os.path.exists(path):
        check_place(path, read_only=False)
        database = MEMORY
    return to_read(database, busy_timeout, on_connect)


def without_token(database: str) -> str:
    """The URL of a server without its token, which goes where the commands look for one: they print the URL."""
    if not is_remote(database) or "?" not in database:
        return database
    from urllib.parse import parse_qsl, urlencode

    place, _, query = database.partition("?")
    options = parse_qsl(query, keep_blank_values=True)
    for name, value in options:
        if name == "authToken":
            os.environ[TOKEN] = value
    left = urlencode([(name, value) for name, value in options if name != "authToken"])
    return f"{place}?{left}" if left else place


def _of_a_server(database: str, busy_timeout: float, on_connect: OnConnect | None) -> ClientOptions:
    options: ClientOptions = {"busy_timeout": busy_timeout, "on_connect": on_connect}
    token = os.environ.get(TOKEN)
    if token:
        options["auth_token"] = token
    return options
