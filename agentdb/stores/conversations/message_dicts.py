"""Messages as plain dicts: from a caller's dict to a row, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError
from agentdb.stores.compactions.marks import tokens_of
from agentdb.stores.fields import JSON_ARRAY, JSON_OBJECT, TEXT, TIME, TOKENS, now_text
from agentdb.stores.messages.search_words import with_search_words
from agentdb.stores.messages.values import MESSAGE, kind_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from agentdb.stores.messages.values import Message

#: What a dict may have beside what is compared; "id" and "seq" are the database's to give.
_KNOWN = frozenset(
    (
        *("role", "content", "name", "tool_call_id", "tool_calls", "token_count", "usage", "metadata"),
        *("timestamp", "created_at", "id", "seq"),
    )
)


class Said:
    """A message of a caller, checked. `row` is what a new message has. `notes` are the columns that the caller gave of
    token_count, usage_json and metadata_json. `extra` is added to the metadata that are there, where the caller gave
    none. `key` is what makes two messages the same, `id` which of them it is, or None."""

    __slots__ = ("extra", "id", "is_system", "key", "notes", "row")

    def __init__(self, place: str, given: Any) -> None:
        """`place` names it in errors, as in messages[3]. Raises FieldError for what cannot be stored."""
        if not isinstance(given, Mapping):
            raise FieldError.of(place, given, f"is a dict, not {type(given).__name__}", code="wrong_type")
        content, blocks = _content(f"{place}.content", given.get("content"))
        row = {
            "role": MESSAGE.columns["role"].encode(f"{place}.role", given.get("role")),
            "content": content,
            "payload_json": blocks,
            "name": TEXT.or_none().encode(f"{place}.name", given.get("name")),
            "tool_call_id": TEXT.or_none().encode(f"{place}.tool_call_id", given.get("tool_call_id")),
            "tool_calls_json": JSON_ARRAY.or_none().encode(f"{place}.tool_calls", given.get("tool_calls")),
        }
        self.key = _key(
            row["role"],
            content,
            given.get("content") if blocks else None,
            row["name"],
            row["tool_call_id"],
            given.get("tool_calls"),
        )
        self.is_system = kind_of(row["role"]) == "system"
        id = given.get("id")
        self.id: int | None = id if type(id) is int else None
        self.notes = _notes(place, given)
        self.extra = _unknown(given) if given.get("metadata") is None else {}
        at = given.get("created_at") if given.get("timestamp") is None else given["timestamp"]
        self.row = {
            **with_search_words(row),
            "token_count": tokens_of((content or blocks or "") + (row["tool_calls_json"] or "")),
            "usage_json": None,
            "metadata_json": None,
            **self.notes,
            "is_preserved": 0,
            "is_summary": 0,
            "status": "complete",
            "external_id": None,
            "created_at": now_text() if at is None else moment(f"{place}.timestamp", at),
        }


def _content(name: str, value: Any) -> tuple[str | None, str | None]:
    """The text of a content, or its blocks where it is made of blocks."""
    if isinstance(value, (list, tuple)):
        return None, JSON_ARRAY.encode(name, value)
    return TEXT.or_none().encode(name, value), None


def _notes(place: str, given: Mapping[str, Any]) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    if given.get("token_count") is not None:
        notes["token_count"] = TOKENS.encode(f"{place}.token_count", given["token_count"])
    if given.get("usage") is not None:
        notes["usage_json"] = JSON_OBJECT.encode(f"{place}.usage", given["usage"])
    metadata = given.get("metadata")
    if extra := _unknown(given):
        about = {} if metadata is None else metadata
        JSON_OBJECT.encode(f"{place}.metadata", about)
        metadata = with_extra(about, extra)
    if metadata is not None:
        notes["metadata_json"] = JSON_OBJECT.encode(f"{place}.metadata", metadata)
    return notes


def _unknown(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in _KNOWN and value is not None}


def with_extra(metadata: dict[str, Any] | None, extra: dict[str, Any]) -> dict[str, Any]:
    """Metadata with more under "extra"; what stands there already in another form becomes one of its entries."""
    about = metadata or {}
    earlier = about.get("extra", {})
    return {**about, "extra": {**(earlier if isinstance(earlier, dict) else {"extra": earlier}), **extra}}


def key_of(message: Message) -> Hashable:
    """What makes a message of the database the same as one of a caller."""
    blocks = message.payload if isinstance(message.payload, list) else None
    return _key(message.role, message.content, blocks, message.name, message.tool_call_id, message.tool_calls)


def _key(
    role: str, content: str | None, blocks: Any, name: str | None, tool_call_id: str | None, tool_calls: Any
) -> Hashable:
    # As JSON, so that 1 is not True; written the same way on both sides, whoever has put the message into the database.
    # A caller who has blocks knows nothing of the text beside them: a transcript, or what another writer made of them.
    said = content if blocks is None else (dumps(blocks, sort_keys=True),)
    return role, said, name, tool_call_id, None if tool_calls is None else dumps(tool_calls, sort_keys=True)


def spoken(message: Message) -> dict[str, Any]:
    """A message as a caller of load_session() has it."""
    content: Any = message.payload if isinstance(message.payload, list) else message.content
    found = {"role": message.role, "content": content}
    beside = {
        "name": message.name,
        "tool_call_id": message.tool_call_id,
        "tool_calls": message.tool_calls,
    }
    return found | {name: value for name, value in beside.items() if value is not None}


def shown(message: Message) -> dict[str, Any]:
    """A message as a caller of get_messages_paginated() has it."""
    beside = {"usage": message.usage, "metadata": message.metadata}
    return {
        "id": message.id,
        "seq": message.seq,
        **spoken(message),
        "timestamp": message.created_at,
        "token_count": message.token_count,
        **{name: value for name, value in beside.items() if value is not None},
    }


def moment(name: str, value: Any) -> str:
    """A time of a caller, an aware datetime or ISO 8601 text with its offset, as the database has it.

    Raises FieldError: without a time zone it is no moment.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            why = "is not a time in ISO 8601, as in 2024-05-17T12:30:15+02:00"
            raise FieldError.of(name, value, why, code="wrong_type") from None
    return str(TIME.encode(name, value))
