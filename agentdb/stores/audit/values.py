"""What the audit trail consists of, and its JSON as values of SQLite."""

from __future__ import annotations

import re
from dataclasses import dataclass
from json import dumps
from typing import TYPE_CHECKING, Any, TypeAlias

from agentdb.errors import FieldError
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import BOOLEAN, ID, INTEGER, JSON_ARRAY, JSON_OBJECT, TEXT, TIME, JsonArray, JsonObject

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

#: A value of a primary key, or those of one with several columns, in their order.
Key: TypeAlias = "str | int | bytes | tuple[str | int | bytes, ...] | list[str | int | bytes]"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry(Values):
    """One change of one row. `row_key` has the values of its primary key. `before` and `after` are objects of columns; for
    an update they have the columns that changed. native() gives their values as SQLite has them."""

    id: int
    table_name: str
    row_key: JsonArray
    action: str
    before: JsonObject | None
    after: JsonObject | None
    actor: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditStatus(Values):
    """A table that is audited. Its rows are known for every time from `known_since` on. `is_current` is False where raw SQL
    has changed the table or its triggers since: then enable() is due."""

    table_name: str
    known_since: datetime
    is_current: bool


AUDIT_ENTRY = Entity(
    AuditEntry,
    id=INTEGER,
    table_name=ID,
    row_key=JSON_ARRAY.stored_as("row_key_json"),
    action=TEXT,
    before=JSON_OBJECT.or_none().stored_as("before_json"),
    after=JSON_OBJECT.or_none().stored_as("after_json"),
    actor=TEXT.or_none(),
    changed_at=TIME,
)
AUDIT_STATUS = Entity(AuditStatus, table_name=ID, known_since=TIME, is_current=BOOLEAN)


def native(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of an entry's `before` or `after`, with bytes for BLOBs and float("inf") for infinities."""
    return {name: native_value(value) for name, value in row.items()}


def native_value(value: Any) -> Any:
    """One value of an entry, as SQLite has it."""
    if not isinstance(value, dict):
        return value
    ((tag, content),) = value.items()
    if tag == "$blob":
        return bytes.fromhex(content)
    if tag == "$text":
        return bytes.fromhex(content).decode()
    return float(content) if tag == "$real" else content


#: Characters that SQLite's versions write differently in JSON.
_CONTROL = re.compile("[\0-\x1f]")


def key_values(key: object) -> tuple[str | int | bytes, ...]:
    """The values of a key that a caller gives. Raises FieldError."""
    values: tuple[Any, ...] = tuple(key) if isinstance(key, (tuple, list)) else (key,)
    if not values:
        raise FieldError.of("key", key, "is empty", code="missing_value")
    for value in values:
        if isinstance(value, str):
            TEXT.encode("key", value)
        elif isinstance(value, int):
            INTEGER.encode("key", value)
        elif not isinstance(value, bytes):
            what = f"holds {type(value).__name__}, where text, an integer or bytes are wanted"
            raise FieldError.of("key", key, what, code="wrong_type")
    return values


def key_json(values: tuple[str | int | bytes, ...]) -> str:
    """A key as the log has it."""
    return f"[{','.join(map(_key_value, values))}]"


def _key_value(value: str | int | bytes) -> str:
    if isinstance(value, bytes):
        return f'{{"$blob":"{value.hex().upper()}"}}'
    if isinstance(value, int):
        return str(int(value))
    if _CONTROL.search(value):
        return f'{{"$text":"{value.encode().hex().upper()}"}}'
    return dumps(value, ensure_ascii=False)
