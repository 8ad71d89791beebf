"""The names under which libsql-client has what is here under another, for code that was written for it.

There `Client` and `Transaction` are those of an event loop, and the sync ones have a `Sync` at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from agentdb.clients.base import Statement
from agentdb.clients.local.async_client import AsyncLocalClient as Client
from agentdb.clients.local.async_client import AsyncLocalTransaction as Transaction
from agentdb.clients.local.sync_client import LocalClient as ClientSync
from agentdb.clients.local.sync_client import LocalTransaction as TransactionSync
from agentdb.errors import AgentDBError as LibsqlError
from agentdb.errors import InvalidArgumentError

Value: TypeAlias = None | int | float | str | bytes
InValue: TypeAlias = None | bool | int | float | str | bytes | bytearray | memoryview
InArgs: TypeAlias = Sequence[InValue] | Mapping[str, InValue] | None
InStatement: TypeAlias = str | Statement | tuple[str] | tuple[str, InArgs]

__all__ = [
    "Client",
    "ClientSync",
    "InArgs",
    "InStatement",
    "InValue",
    "LibsqlError",
    "Transaction",
    "TransactionSync",
    "Value",
]


def check_server_options(
    auth_token: object, tls: object, connect_timeout: object = None, timeout: object = None
) -> None:
    """Raises InvalidArgumentError for a value of another type, never with the value, which is a secret; and for a timeout of a
    server where the database is a file."""
    if auth_token is not None and not isinstance(auth_token, str) and not callable(auth_token):
        raise InvalidArgumentError(f"auth_token is text or None, not {type(auth_token).__name__}")
    if tls is not None and type(tls) is not bool:
        raise InvalidArgumentError(f"tls is True, False or None, not {type(tls).__name__}")
    for name, value in (("connect_timeout", connect_timeout), ("timeout", timeout)):
        if value is not None:
            raise InvalidArgumentError(
                f"{name} is of a server, and the database is a file", remedy="For a file use busy_timeout."
            )
