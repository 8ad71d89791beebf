"""Rows as they were: entries of the audit trail, undone or done again."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agentdb.stores.audit.values import AuditEntry
    from agentdb.stores.fields import JsonArray, JsonObject

#: Rows as JSON objects, by their keys.
Rows = dict[str, "JsonObject"]


def key_of(row_key: JsonArray) -> str:
    """A key that can be compared."""
    return dumps(row_key)


def undo(rows: Rows, entries: Iterable[AuditEntry]) -> Rows:
    """The rows as they were before these entries of one table, which come newest first."""
    for entry in entries:
        key = key_of(entry.row_key)
        if entry.action == "insert":
            rows.pop(key, None)
        elif entry.action == "delete":
            rows[key] = dict(entry.before or {})
        elif key in rows:
            _change(rows[key], entry.after, entry.before)
    return rows


def replay(entries: Iterable[AuditEntry]) -> Rows:
    """The rows that these entries of one table lead to, which come oldest first and begin with an empty table."""
    rows: Rows = {}
    for entry in entries:
        key = key_of(entry.row_key)
        if entry.action == "insert":
            rows[key] = dict(entry.after or {})
        elif entry.action == "delete":
            rows.pop(key, None)
        elif key in rows:
            _change(rows[key], entry.before, entry.after)
    return rows


def _change(row: dict[str, Any], old: JsonObject | None, new: JsonObject | None) -> None:
    """Put the new columns in the place of the old ones: a migration may have added or dropped some."""
    for name in old or {}:
        if name not in (new or {}):
            row.pop(name, None)
    row.update(new or {})
