"""The application's own function, called with every new connection: it registers functions, collations and extensions."""

from __future__ import annotations

import sqlite3

from agentdb.errors import AgentDBError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    OnConnect: TypeAlias = Callable[[sqlite3.Connection], object]


def call_on_connect(function: OnConnect, connection: sqlite3.Connection) -> None:
    """Prepare a connection. Raises AgentDBError `on_connect_failed` for whatever the function raises or leaves undone."""
    try:
        answer = function(connection)
    except Exception as error:
        raise _failed(function, f"raised {type(error).__name__}: {error}") from error
    if hasattr(answer, "__await__"):
        getattr(answer, "close", bool)()  # a coroutine that is never awaited would be a warning
        raise _failed(function, "is a coroutine function; a plain function is wanted")
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
            raise _failed(function, "left a transaction open")
        if hasattr(connection, "enable_load_extension"):  # some Pythons are built without it
            connection.enable_load_extension(False)
        # agentdb reads rows as tuples, and text as text.
        connection.isolation_level = None
        connection.row_factory = None
        connection.text_factory = str
    except sqlite3.ProgrammingError as error:
        raise _failed(function, "closed the connection") from error


def _failed(function: OnConnect, why: str) -> AgentDBError:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    named = f"{module}.{name}" if module and name else repr(function)
    return AgentDBError(f"on_connect function {named} {why}", code="on_connect_failed")
