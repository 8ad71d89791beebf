"""Messages as plain dicts: from a caller's dict to columns, and back, without the loss of a key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError
from agentdb.stores.fields import ID, JSON_ARRAY, JSON_OBJECT, TEXT, TIME, TOKENS, now_text
from agentdb.stores.messages.values import MESSAGE, kind_of

if TYPE_CHECKING:
    from agentdb.stores.messages.values import Message

#: What a dict may have that a column has, too; any other key is an extra one.
_KNOWN = frozenset(
    (
        *("role", "content", "name", "tool_call_id", "tool_calls", "token_count", "usage", "metadata"),
        *("timestamp", "created_at", "id", "external_id", "seq"),
    )
)
#: What the database knows better than a dict, so that a payload does not repeat it.
_NOT_IN_A_PAYLOAD = frozenset(("token_count", "timestamp", "created_at", "id", "external_id", "seq"))
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT, _CALLS, _OBJECT = TEXT.or_none(), JSON_ARRAY.or_none(), JSON_OBJECT.or_none()


class Said:
    """A message of a caller, checked.

    `columns` are what its dict says, `created_at` its time, or None, `token_count` what the caller counted, or None. `id` is
    that of the database, `external_id` the caller's own; None where the dict has none. `blocks` says that its content is
    made of blocks. `refusal`: why it cannot be written, where it may be there already.
    """

    __slots__ = ("blocks", "columns", "created_at", "external_id", "id", "is_system", "refusal", "token_count")

    def __init__(self, place: str, given: Any, replaces: bool = False) -> None:
        """`place` names it in errors, as in messages[3]. `replaces`: half a character becomes U+FFFD. Raises FieldError for
        what cannot be stored."""
        if not isinstance(given, Mapping):
            raise FieldError.of(place, given, f"is a dict, not {type(given).__name__}", code="wrong_type")
        self.refusal: FieldError | None = None
        try:
            self._read(place, given)
        except FieldError as error:
            if error.code != "not_text":
                raise
            self._read(place, replaced(dict(given)))
            self.columns["payload_json"] = _verbatim(place, given)
            self.refusal = None if replaces else error

    def _read(self, place: str, given: Mapping[str, Any]) -> None:
        get = given.get
        content = get("content")
        self.blocks = isinstance(content, (list, tuple))
        payload = None
        if self.blocks:
            payload = JSON_ARRAY.encode(f"{place}.content", content)
            content = None
        elif content is not None:
            content = TEXT.encode(f"{place}.content", content)
        metadata, extra = get("metadata"), self._identity(place, given)
        for key, value in given.items():
            if key not in _KNOWN and value is not None:
                if not isinstance(key, str):
                    raise FieldError.of(place, given, f"has a key that is no text, but {key!r}", code="not_json")
                JSON_ARRAY.encode(f"{place}.{key}", [value])
                extra[key] = value
        if metadata is not None:
            JSON_OBJECT.encode(f"{place}.metadata", metadata)
        about = joined(metadata, extra)
        self.columns: dict[str, Any] = {
            "role": MESSAGE.columns["role"].encode(f"{place}.role", get("role")),
            "content": content,
            "payload_json": payload,
            "name": None if (name := get("name")) is None else TEXT.encode(f"{place}.name", name),
            "tool_call_id": _TEXT.encode(f"{place}.tool_call_id", get("tool_call_id")),
            "tool_calls_json": _CALLS.encode(f"{place}.tool_calls", get("tool_calls")),
            "usage_json": _OBJECT.encode(f"{place}.usage", get("usage")),
            "metadata_json": None if about is None else JSON_OBJECT.encode(f"{place}.metadata", about),
        }
        self.is_system = kind_of(self.columns["role"]) == "system"
        counted = get("token_count")
        self.token_count = None if counted is None else TOKENS.encode(f"{place}.token_count", counted)
        at = get("created_at") if get("timestamp") is None else get("timestamp")
        self.created_at = None if at is None else moment(f"{place}.timestamp", at)

    def _identity(self, place: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Take over the ids; what is no id that can be looked for becomes an extra key."""
        id, external_id = given.get("id"), given.get("external_id")
        self.id: int | None = None
        self.external_id: str | None = None
        extra = {}
        if isinstance(id, str) and id:
            self.external_id = ID.encode(f"{place}.id", id)
        elif type(id) is int:
            self.id = id
        elif id is not None:
            extra["id"] = id
            JSON_ARRAY.encode(f"{place}.id", [id])
        if external_id is not None and self.external_id is None:
            self.external_id = ID.encode(f"{place}.external_id", external_id)
        return extra

    def without_id(self, place: str) -> None:
        """Keep the external id as a key like any other: another message of the same list has it."""
        metadata, extra = split(_loaded(self.columns["metadata_json"]))
        about = joined(metadata, {**extra, "id": self.external_id})
        self.columns["metadata_json"] = JSON_OBJECT.encode(f"{place}.metadata", about)
        self.external_id = None

    @property
    def row(self) -> dict[str, Any]:
        """What a new message has."""
        return {
            **self.columns,
            "token_count": self.token_count,
            "is_preserved": 0,
            "is_summary": 0,
            "status": "complete",
            "external_id": self.external_id,
            "created_at": self.created_at or now_text(),
        }


def replaced(value: Any) -> Any:
    """A value with U+FFFD in the place of each half of a character."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, (list, tuple)):
        return [replaced(item) for item in value]
    if isinstance(value, dict):
        return {replaced(key): replaced(item) for key, item in value.items()}
    return value


def _verbatim(place: str, given: Mapping[str, Any]) -> str:
    """A dict that holds half a character, or its blocks, as JSON: it writes such a half as an escape."""
    content = given.get("content")
    if isinstance(content, (list, tuple)):
        return dumps(content)
    return dumps({key: value for key, value in given.items() if key not in _NOT_IN_A_PAYLOAD and value is not None})


def joined(metadata: dict[str, Any] | None, extra: dict[str, Any]) -> dict[str, Any] | None:
    """What the column for metadata has: those of the caller, and the extra keys under "extra".

    Metadata that would be mistaken for extra keys, or that are empty beside some, stand whole among these.
    """
    if not extra and (metadata is None or not isinstance(metadata.get("extra"), dict)):
        return metadata
    if metadata is not None and (not metadata or "extra" in metadata):
        return {"extra": {**extra, "metadata": metadata}}
    return {**(metadata or {}), "extra": extra}


def split(about: dict[str, Any] | None) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The metadata of the caller, or None, and the extra keys: what joined() was given."""
    extra = None if about is None else about.get("extra")
    if about is None or not isinstance(extra, dict):
        return about, {}
    if isinstance(extra.get("metadata"), dict):
        return extra["metadata"], {key: value for key, value in extra.items() if key != "metadata"}
    return {key: value for key, value in about.items() if key != "extra"} or None, extra


def _loaded(text: str | None) -> Any:
    return None if text is None else JSON_OBJECT.decode(text)  # type: ignore[misc]


def as_dict(
    role: str,
    content: str | None,
    name: str | None,
    tool_call_id: str | None,
    tool_calls: Any,
    payload: Any,
    usage: Any,
    metadata: Any,
    external_id: str | None,
) -> dict[str, Any]:
    """A message as a caller of load_session() has it."""
    found: dict[str, Any] = {"role": role, "content": payload if isinstance(payload, list) else content}
    own, extra = split(metadata)
    beside = {
        "name": name,
        "tool_call_id": tool_call_id,
        "tool_calls": tool_calls,
        "usage": usage,
        "metadata": own,
        "id": external_id,
    }
    found |= {key: value for key, value in beside.items() if value is not None}
    for key, value in extra.items():
        found.setdefault(key, value)
    if isinstance(payload, dict) and "role" in payload:
        # What errors="replace" has stored. A key that somebody has changed since says what it says now.
        for key, value in payload.items():
            if key in found and found[key] != value and replaced(value) == found[key]:
                found[key] = value
    return found


def spoken(message: Message) -> dict[str, Any]:
    """A message of the stores as a caller of load_session() has it."""
    return as_dict(
        message.role,
        message.content,
        message.name,
        message.tool_call_id,
        message.tool_calls,
        message.payload,
        message.usage,
        message.metadata,
        message.external_id,
    )


def shown(message: Message) -> dict[str, Any]:
    """A message as a caller of load_transcript() has it: its `id` is that of the database."""
    found = spoken(message)
    found.pop("id", None)
    if message.external_id is not None:
        found["external_id"] = message.external_id
    about = {"id": message.id, "seq": message.seq}
    return {**about, **found, "timestamp": message.created_at, "token_count": message.token_count}


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
