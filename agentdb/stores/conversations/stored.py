"""A message of a session as a save sees it: its row, and what of it a caller's dict would change."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.stores.conversations.message_dicts import replaced, split
from agentdb.stores.messages.values import MESSAGE

if TYPE_CHECKING:
    from collections.abc import Hashable

    from agentdb.stores.conversations.message_dicts import Said
    from agentdb.stores.messages.values import Message

#: What stays of a message whose dict has changed, where nothing of it changes at all: text, and JSON in any spelling.
_JSON = ("tool_calls_json", "usage_json", "metadata_json", "payload_json")


class Stored:
    """A row, with the message that it is. `key` is what makes it the same as a dict without an id."""

    __slots__ = ("key", "message", "row")

    def __init__(self, row: dict[str, Any], message: Message) -> None:
        self.row = row
        self.message = message
        self.key = content_key(message)

    def whole(self) -> Hashable:
        """All that a caller's dict can say of it."""
        message = self.message
        own, extra = split(message.metadata)
        return self.key, *map(_canonical, (message.usage, own, extra)), message.external_id

    def rewritten(self, said: Said) -> dict[str, Any] | None:
        """The row as the dict has it, or None where it has it so already. What the dict leaves out is gone. The
        count of tokens stays where the text is the same, and so does a framework's item."""
        columns = {**said.columns, "external_id": self.row["external_id"] if said.id is not None else said.external_id}
        if said.external_id is not None:
            columns["external_id"] = said.external_id
        same_text = self.key == said_key(said)
        if same_text:
            columns["content"] = self.row["content"]
            if not said.blocks and said.columns["payload_json"] is None:
                columns["payload_json"] = self.row["payload_json"]
        if said.token_count is not None:
            columns["token_count"] = said.token_count
        elif not same_text:
            columns |= {"token_count": said.row["token_count"], "status": "complete"}
        changed = {name: value for name, value in columns.items() if not self._has(name, value)}
        return {**self.row, **changed} if changed else None

    def _has(self, name: str, value: Any) -> bool:
        there = self.row[name]
        if there == value or name not in _JSON or there is None or value is None:
            return bool(there == value)
        decode = MESSAGE.columns[name.removesuffix("_json")].decode
        assert decode is not None
        return _canonical(decode(there)) == _canonical(decode(value))

    def loses(self, row: dict[str, Any]) -> bool:
        """Whether something that the row has is not in this one any more."""
        for name in (
            "content",
            "name",
            "tool_call_id",
            "tool_calls_json",
            "usage_json",
            "payload_json",
            "external_id",
            "role",
        ):
            if self.row[name] is not None and not self._has(name, row[name]):
                return True
        if self.row["metadata_json"] is None or self._has("metadata_json", row["metadata_json"]):
            return False
        now = split(_parsed("metadata", row["metadata_json"]))
        return any(
            key not in (new or {}) or _canonical((new or {})[key]) != _canonical(value)
            for old, new in zip(split(self.message.metadata), now, strict=True)
            for key, value in (old or {}).items()
        )


def content_key(message: Message) -> Hashable:
    """What makes a message of the database the same as a dict without an id."""
    blocks = message.payload if isinstance(message.payload, list) else None
    return _key(message.role, message.content, blocks, message.name, message.tool_call_id, message.tool_calls)


def said_key(said: Said) -> Hashable:
    """The same of a dict."""
    columns = said.columns
    blocks = _parsed("payload", columns["payload_json"]) if said.blocks else None
    calls = _parsed("tool_calls", columns["tool_calls_json"])
    return _key(columns["role"], columns["content"], blocks, columns["name"], columns["tool_call_id"], calls)


def said_whole(said: Said) -> Hashable:
    """All that a dict says, as Stored.whole() has it."""
    own, extra = split(_parsed("metadata", said.columns["metadata_json"]))
    usage = _parsed("usage", said.columns["usage_json"])
    return said_key(said), *map(_canonical, (usage, own, extra)), said.external_id


def _key(
    role: str, content: str | None, blocks: Any, name: str | None, tool_call_id: str | None, tool_calls: Any
) -> Hashable:
    # A caller who has blocks knows nothing of the text beside them: a transcript, or what another writer made of them.
    said = content if blocks is None else (_canonical(replaced(blocks)),)
    return role, said, name, tool_call_id, _canonical(tool_calls)


def _canonical(value: Any) -> str | None:
    # As JSON, so that 1 is not True; written the same way on both sides, whoever has put the message into the database.
    return None if value is None else dumps(value, sort_keys=True)


def _parsed(name: str, text: str | None) -> Any:
    decode = MESSAGE.columns[name].decode
    return None if text is None or decode is None else decode(text)
