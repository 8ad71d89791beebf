"""quick_check, also of a schema that needs functions or collations which only its application has."""

from __future__ import annotations

import sqlite3

from agentdb.logs import WARNING, log

_LIMIT = 10_000
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 ORDER BY name"


def quick_check(connection: sqlite3.Connection, path: str) -> list[str]:
    """What it finds; ["ok"] where there is nothing. What cannot be checked is a warning in the log, for the file `path`.

    Without foreign functions and collations SQLite checks no table at all. So first CHECK constraints are left out, which
    call functions; then each table is checked by itself. Raises sqlite3.Error.
    """
    try:
        return _lines(connection, f"PRAGMA quick_check({_LIMIT})")
    except sqlite3.Error as error:
        _note_or_raise(error, path, "the CHECK constraints of its rows")
    connection.execute("PRAGMA ignore_check_constraints=ON")
    try:
        return _lines(connection, f"PRAGMA quick_check({_LIMIT})")
    except sqlite3.Error as error:
        _raise_if_grave(error)
    found = []
    for (table,) in connection.execute(_TABLES).fetchall():
        quoted = '"' + table.replace('"', '""') + '"'
        try:
            found += [line for line in _lines(connection, f"PRAGMA quick_check({quoted})") if line != "ok"]
        except sqlite3.Error as error:
            _note_or_raise(error, path, f"the table {table}")
    return found or ["ok"]


def _note_or_raise(error: sqlite3.Error, path: str, what: str) -> None:
    _raise_if_grave(error)
    log(WARNING, "%s: %s could not be checked: %s. Open it with on_connect=… to have it checked", path, what, error)


def _raise_if_grave(error: sqlite3.Error) -> None:
    """SQLITE_ERROR says that the check cannot be compiled; damage has codes of its own."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_ERROR:
        raise error


def _lines(connection: sqlite3.Connection, sql: str) -> list[str]:
    return [str(line) for (line,) in connection.execute(sql)]
