"""What a session is, and what is shown of one: values, and how a row holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from agentdb.stores.agents import AGENT, PermissionMode
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import (
    COUNT,
    ID,
    JSON_ARRAY,
    JSON_ARRAY_OR_OBJECT,
    JSON_OBJECT,
    SCORE,
    TEXT,
    TIME,
    JsonArray,
    JsonObject,
    one_of,
)

SessionStatus: TypeAlias = Literal["idle", "running", "completed", "failed", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary(Values):
    """What a list of sessions shows of one. `pinned_at`, `archived_at` and `deleted_at` are None where it is not."""

    id: str
    name: str | None
    main_agent_id: str
    user_goal: str | None
    status: SessionStatus
    external_session_id: str | None
    created_at: datetime
    updated_at: datetime
    user_id: str | None
    tags: JsonArray | None
    metadata: JsonObject | None
    pinned_at: datetime | None
    archived_at: datetime | None
    last_activity_at: datetime | None
    deleted_at: datetime | None
    message_count: int
    total_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Values):
    """One session. None in model … max_steps means: as its agent has it.

    `last_activity_at` moves forward with each message, and is None before the first. The database keeps the counters:
    `message_count` and `total_tokens` are of the transcript, `context_tokens` of what the model is sent, `last_seq` is the
    highest seq that a message ever had. `forked_at_seq`: the seq up to which a fork has the messages of `forked_from_id`.
    """

    id: str
    name: str | None
    main_agent_id: str
    sub_agent_ids: JsonArray | None
    user_goal: str | None
    status: SessionStatus
    external_session_id: str | None
    model: str | None
    plan_model: str | None
    small_model: str | None
    built_in_tools: JsonArray | None
    mcps: JsonArray | None
    knowledges: JsonArray | None
    configuration: JsonObject | None
    accessible_paths: JsonArray | None
    permission_mode: PermissionMode | None
    max_steps: int | None
    created_at: datetime
    updated_at: datetime
    user_id: str | None
    parent_session_id: str | None
    forked_from_id: str | None
    forked_at_seq: int | None
    source: str | None
    tags: JsonArray | None
    quality_score: float | None
    user_satisfaction: float | None
    learning_outcomes: JsonArray | JsonObject | None
    started_at: datetime | None
    ended_at: datetime | None
    metadata: JsonObject | None
    pinned_at: datetime | None
    archived_at: datetime | None
    deleted_at: datetime | None
    last_activity_at: datetime | None
    last_seq: int
    message_count: int
    total_tokens: int
    context_tokens: int
    compaction_count: int

    @property
    def is_active(self) -> bool:
        """Whether it is not deleted softly."""
        return self.deleted_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSummary(Values):
    """What a session shows of its agent."""

    id: str
    name: str
    description: str | None
    avatar: str | None
    instructions: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveConfiguration(Values):
    """What a session runs with: its own value where it has one, else its agent's."""

    model: str
    plan_model: str | None
    small_model: str | None
    built_in_tools: JsonArray | None
    mcps: JsonArray | None
    knowledges: JsonArray | None
    configuration: JsonObject | None
    accessible_paths: JsonArray | None
    permission_mode: PermissionMode
    max_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionWithAgent(Values):
    """A session, what it shows of its agent, and the configuration in force."""

    session: Session
    agent: AgentSummary
    effective: EffectiveConfiguration


STATUS = one_of("idle", "running", "completed", "failed", "stopped")
_SUMMARY = {
    "id": ID,
    "name": TEXT.or_none(),
    "main_agent_id": ID,
    "user_goal": TEXT.or_none(),
    "status": STATUS,
    "external_session_id": TEXT.or_none(),
    "created_at": TIME,
    "updated_at": TIME,
    "user_id": ID.or_none(),
    "tags": JSON_ARRAY.or_none().stored_as("tags_json"),
    "metadata": JSON_OBJECT.or_none().stored_as("metadata_json"),
    "pinned_at": TIME.or_none(),
    "archived_at": TIME.or_none(),
    "last_activity_at": TIME.or_none(),
    "deleted_at": TIME.or_none(),
    "message_count": COUNT,
    "total_tokens": COUNT,
}
_EFFECTIVE = {
    name: AGENT.columns[name]
    for name in (
        "model",
        "plan_model",
        "small_model",
        "built_in_tools",
        "mcps",
        "knowledges",
        "configuration",
        "accessible_paths",
        "permission_mode",
        "max_steps",
    )
}
_OVERRIDES = {name: field.or_none() for name, field in _EFFECTIVE.items()}

SESSION_SUMMARY = Entity(SessionSummary, **_SUMMARY)
SESSION = Entity(
    Session,
    **_SUMMARY,
    **_OVERRIDES,
    sub_agent_ids=JSON_ARRAY.or_none(),
    parent_session_id=ID.or_none(),
    forked_from_id=ID.or_none(),
    forked_at_seq=COUNT.or_none(),
    source=TEXT.or_none(),
    quality_score=SCORE.or_none(),
    user_satisfaction=SCORE.or_none(),
    learning_outcomes=JSON_ARRAY_OR_OBJECT.or_none().stored_as("learning_outcomes_json"),
    started_at=TIME.or_none(),
    ended_at=TIME.or_none(),
    last_seq=COUNT,
    context_tokens=COUNT,
    compaction_count=COUNT,
)
AGENT_SUMMARY = Entity(
    AgentSummary, **{n: AGENT.columns[n] for n in ("id", "name", "description", "avatar", "instructions")}
)
EFFECTIVE = Entity(EffectiveConfiguration, **_EFFECTIVE)
