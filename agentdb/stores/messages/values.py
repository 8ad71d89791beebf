"""What a message is: values, and how a row holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import (
    BOOLEAN,
    COUNT,
    ID,
    INTEGER,
    JSON_ARRAY,
    JSON_ARRAY_OR_OBJECT,
    JSON_OBJECT,
    NOT_READ,
    TEXT,
    TIME,
    TOKENS,
    Field,
    JsonArray,
    JsonObject,
    NotRead,
    one_of,
)

MessageStatus: TypeAlias = Literal["complete", "partial"]

#: The words of frameworks for a role, and the role that they count as.
_KINDS = {"developer": "system", "model": "assistant", "function": "tool"}

#: The greatest seq that a message can have.
LAST_SEQ = 2**53 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Values):
    """One message of a session. `seq` is its place there; seqs have gaps where messages were removed.

    `role` is any text; 'developer' counts as system, 'model' as assistant, 'function' as tool. `content` is None for a
    message that only calls tools, and where the payload has the text. `token_count` is None where nobody counted.
    `usage` has what the model's provider reported (input, output, cache_creation, cache_read). `payload` has content
    blocks, or an item as a framework wants it back; NOT_READ stands for one in a list that was asked for with
    payload=False. `external_id` is the caller's key, unique in its session. `status` is 'partial' while the message is
    still being written. `compaction_event_id` is the compaction that took it out of the model's context, None: it is
    in it. `removed_at` is when it was taken out of the conversation, None: it is there.
    """

    id: int
    session_id: str
    seq: int
    role: str
    content: str | None
    name: str | None
    tool_call_id: str | None
    tool_calls: JsonArray | None
    token_count: int | None
    usage: JsonObject | None
    metadata: JsonObject | None
    payload: JsonArray | JsonObject | NotRead | None
    external_id: str | None
    status: MessageStatus
    is_preserved: bool
    is_summary: bool
    compaction_event_id: int | None
    removed_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to append, for append_many()."""

    role: str
    content: str | None = None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: JsonArray | None = None
    token_count: int | None = None
    usage: JsonObject | None = None
    metadata: JsonObject | None = None
    payload: JsonArray | JsonObject | None = None
    external_id: str | None = None
    status: MessageStatus = "complete"
    is_preserved: bool = False
    is_summary: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStats(Values):
    """The state of a conversation. `message_count` and `total_tokens` are of the transcript, `context_tokens` of the
    context. `last_activity_at` moves with each message, `last_message_at` is the time of the last one that is there; both
    are None where there was none."""

    session_id: str
    message_count: int
    total_tokens: int
    context_tokens: int
    last_seq: int
    compaction_count: int
    created_at: datetime
    last_activity_at: datetime | None
    last_message_at: datetime | None
    deleted_at: datetime | None


MESSAGE = Entity(
    Message,
    id=INTEGER,
    session_id=ID,
    seq=COUNT,
    role=ID,
    content=TEXT.or_none(),
    name=TEXT.or_none(),
    tool_call_id=TEXT.or_none(),
    tool_calls=JSON_ARRAY.or_none().stored_as("tool_calls_json"),
    token_count=TOKENS.or_none(),
    usage=JSON_OBJECT.or_none().stored_as("usage_json"),
    metadata=JSON_OBJECT.or_none().stored_as("metadata_json"),
    payload=JSON_ARRAY_OR_OBJECT.or_none().stored_as("payload_json"),
    external_id=ID.or_none(),
    status=one_of("complete", "partial"),
    is_preserved=BOOLEAN,
    is_summary=BOOLEAN,
    compaction_event_id=INTEGER.or_none(),
    removed_at=TIME.or_none(),
    created_at=TIME,
    updated_at=TIME,
)
#: As they are read without payloads: 1 in the place of each.
MESSAGE_WITHOUT_PAYLOAD = Entity(
    Message,
    **{
        **MESSAGE.columns,
        "payload": Field(JSON_ARRAY_OR_OBJECT.encode, lambda value: value and NOT_READ).stored_as("payload_json"),
    },
)
MESSAGE_STATS = Entity(
    MessageStats,
    session_id=ID,
    message_count=COUNT,
    total_tokens=COUNT,
    context_tokens=COUNT,
    last_seq=COUNT,
    compaction_count=COUNT,
    created_at=TIME,
    last_activity_at=TIME.or_none(),
    last_message_at=TIME.or_none(),
    deleted_at=TIME.or_none(),
)

#: What the row of a new message has beside what a caller gives.
FRESH = {"compaction_event_id": None, "removed_at": None}


def kind_of(role: str) -> str:
    """What a role counts as: 'developer' as 'system', 'model' as 'assistant', 'function' as 'tool', others as they are."""
    return _KINDS.get(role, role)
