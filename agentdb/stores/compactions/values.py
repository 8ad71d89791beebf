"""What a compaction is: values, and how a row holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import BOOLEAN, COUNT, ID, INTEGER, JSON_ARRAY, TEXT, TIME, JsonArray
from agentdb.stores.messages.values import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionPlan(Values):
    """What a compaction would take out. `is_estimated`: nobody counted the tokens of some messages, so the sums hold
    estimates of those.

    `messages` are those to sum up, in their order. `preserved_message_ids` are the messages that stay because they are
    marked as preserved. `original_tokens` has the context now, `removed_tokens` what would go.
    """

    session_id: str
    messages: list[Message]
    preserved_message_ids: list[int]
    original_tokens: int
    removed_tokens: int
    is_estimated: bool

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON, the messages too."""
        return {**Values.to_dict(self), "messages": [message.to_dict() for message in self.messages]}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionEvent(Values):
    """One compaction, or one pruning of tool outputs: then there is no `summary_message_id`, and `summary_content` is what
    stands in the place of each output. `is_estimated`: its tokens hold
    estimates. `restored_at` is None while the event stands; `duration_ms` is what the database
    took."""

    id: int
    session_id: str
    strategy: str
    original_tokens: int
    compacted_tokens: int
    messages_removed: int
    is_estimated: bool
    summary_message_id: int | None
    summary_content: str
    preserved_message_ids: JsonArray
    model_used: str | None
    duration_ms: int
    created_at: datetime
    restored_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionStats(Values):
    """What the compactions of a session have done; all but `events`, which counts restored ones too, are of those that
    stand."""

    session_id: str
    events: int
    standing_events: int
    messages_removed: int
    tokens_saved: int
    last_event_at: datetime | None


COMPACTION_EVENT = Entity(
    CompactionEvent,
    id=INTEGER,
    session_id=ID,
    strategy=ID,
    original_tokens=COUNT,
    compacted_tokens=COUNT,
    messages_removed=COUNT,
    is_estimated=BOOLEAN,
    summary_message_id=INTEGER.or_none(),
    summary_content=ID,
    preserved_message_ids=JSON_ARRAY.stored_as("preserved_message_ids_json"),
    model_used=TEXT.or_none(),
    duration_ms=COUNT,
    created_at=TIME,
    restored_at=TIME.or_none(),
)
COMPACTION_STATS = Entity(
    CompactionStats,
    session_id=ID,
    events=COUNT,
    standing_events=COUNT,
    messages_removed=COUNT,
    tokens_saved=INTEGER,
    last_event_at=TIME.or_none(),
)
