"""What statements may do that a database recorded: change the database itself, and nothing else.

An authorizer of SQLite is asked while a statement is prepared, so what is denied has done nothing.
"""

from __future__ import annotations

import sqlite3

#: PRAGMAs that only read, whatever argument they have; the checks of a rollback ask them.
_READING = frozenset(
    (
        *("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"),
        *("foreign_key_check", "integrity_check", "quick_check", "database_list", "collation_list", "function_list"),
    )
)
#: What FTS5 and R-tree ask while they connect to their tables; with an argument, these would set.
_ASKED = frozenset(("data_version", "page_size"))
_ALLOWED = frozenset(
    (
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
    )
)
#: What changes something, with the schema as the third of its arguments.
_CHANGES = frozenset(
    (
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_CREATE_TRIGGER,
        sqlite3.SQLITE_CREATE_VIEW,
        sqlite3.SQLITE_CREATE_VTABLE,
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_DROP_TRIGGER,
        sqlite3.SQLITE_DROP_VIEW,
        sqlite3.SQLITE_DROP_VTABLE,
        sqlite3.SQLITE_REINDEX,
        sqlite3.SQLITE_ANALYZE,
    )
)
#: SQLite's own tables of the TEMP schema: a rename looks there for triggers.
_TEMP_CATALOGUE = ("sqlite_temp_master", "sqlite_temp_schema", "sqlite_master", "sqlite_schema")


def authorize(action: int, first: str | None, second: str | None, schema: str | None, _source: str | None) -> int:
    """For sqlite3.Connection.set_authorizer()."""
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action in _CHANGES:
        is_catalogue = action == sqlite3.SQLITE_UPDATE and schema == "temp" and first in _TEMP_CATALOGUE
        return sqlite3.SQLITE_OK if schema == "main" or is_catalogue else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_ALTER_TABLE:
        return sqlite3.SQLITE_OK if first == "main" else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if (second or "").lower() == "load_extension" else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        return sqlite3.SQLITE_OK if name in _READING or (name in _ASKED and second is None) else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_DENY  # ATTACH, DETACH, whatever is TEMP, and what a later SQLite may bring
