"""What a session is, and what is shown of one: values, and how they stand in a row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from agentdb.stores.agents import AGENT, PermissionMode
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import BOOLEAN, COUNT, ID, JSON_ARRAY, JSON_OBJECT, TEXT, TIME, JsonArray, JsonObject, one_of

SessionStatus: TypeAlias = Literal["idle", "running", "completed", "failed", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCard(Values):
    """What a list of sessions shows of one. `deleted_at` is None for a live one."""

    id: str
    name: str | None
    title: str | None
    main_agent_id: str
    user_goal: str | None
    status: SessionStatus
    external_session_id: str | None
    created_at: datetime
    updated_at: datetime
    last_activity_at: datetime | None
    deleted_at: datetime | None
    message_count: int
    total_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Values):
    """One session. None in model … max_steps means: as its agent has it.

    `last_activity_at` moves forward with each message, and is None before the first. `is_active`: not deleted softly.
    The database counts what stands behind; `last_seq` is the highest number that a message ever had.
    """

    id: str
    name: str | None
    title: str | None
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
    metadata_json: JsonObject | None
    created_at: datetime
    updated_at: datetime
    last_activity_at: datetime | None
    deleted_at: datetime | None
    is_active: bool
    last_seq: int
    message_count: int
    total_tokens: int
    compaction_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCard(Values):
    """What a session shows of its agent."""

    id: str
    name: str
    description: str | None
    avatar: str | None
    instructions: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective(Values):
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
    """A session, its agent's card, and the configuration in force."""

    session: Session
    agent: AgentCard
    effective: Effective


STATUS = one_of("idle", "running", "completed", "failed", "stopped")
_CARD = {
    "id": ID,
    "name": TEXT.or_none(),
    "title": TEXT.or_none(),
    "main_agent_id": ID,
    "user_goal": TEXT.or_none(),
    "status": STATUS,
    "external_session_id": TEXT.or_none(),
    "created_at": TIME,
    "updated_at": TIME,
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

SESSION_CARD = Entity(SessionCard, **_CARD)
SESSION = Entity(
    Session,
    **_CARD,
    **_OVERRIDES,
    sub_agent_ids=JSON_ARRAY.or_none(),
    metadata_json=JSON_OBJECT.or_none(),
    is_active=BOOLEAN,
    last_seq=COUNT,
    compaction_count=COUNT,
)
AGENT_CARD = Entity(AgentCard, **{n: AGENT.columns[n] for n in ("id", "name", "description", "avatar", "instructions")})
EFFECTIVE = Entity(Effective, **_EFFECTIVE)
