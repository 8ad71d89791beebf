"""The functions of sqlite-vec on a connection: loaded when a statement first asks for one, so nobody else waits for them."""

from __future__ import annotations

import sqlite3
from importlib import import_module

from agentdb.logs import WARNING, log

#: Whether there is any use in trying again.
_can_be_loaded = True


def load(connection: sqlite3.Connection) -> bool:
    """Load sqlite-vec. False where the extra `vectors` is not installed, or this Python loads no extensions."""
    global _can_be_loaded
    if not _can_be_loaded:
        return False
    try:
        extension = import_module("sqlite_vec")
        connection.enable_load_extension(True)
        try:
            extension.load(connection)
        finally:
            connection.enable_load_extension(False)
    except (ImportError, AttributeError):  # some Pythons are built without enable_load_extension
        _can_be_loaded = False
        return False
    except sqlite3.Error as error:
        _can_be_loaded = False
        log(WARNING, "sqlite-vec cannot be loaded; vectors are compared in Python", error=error)
        return False
    return True
