"""Agents: what a session runs on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from agentdb.errors import IntegrityError
from agentdb.operations import Operations, W, atomic, execute, later, operation
from agentdb.queries import agents, sessions
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import (
    BOOLEAN,
    COUNT,
    ID,
    JSON_ARRAY,
    JSON_OBJECT,
    SCORE,
    TEXT,
    TIME,
    UNSET,
    JsonArray,
    JsonObject,
    OnError,
    Unset,
    one_of,
)
from agentdb.stores.pages import Page, page

if TYPE_CHECKING:
    from agentdb.operations import Steps

PermissionMode: TypeAlias = Literal["readOnly", "acceptEdits", "bypassPermissions"]

PERMISSION_MODE = one_of("readOnly", "acceptEdits", "bypassPermissions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(Values):
    """One agent. None in a list or in the configuration: never set. `type` is any text: 'claudeCode', 'codex' and 'custom' are
    known values. `is_default`: conversations that name no agent run on it."""

    id: str
    type: str
    name: str
    description: str | None
    avatar: str | None
    instructions: str | None
    model: str
    plan_model: str | None
    small_model: str | None
    built_in_tools: JsonArray | None
    mcps: JsonArray | None
    knowledges: JsonArray | None
    accessible_paths: JsonArray | None
    configuration: JsonObject | None
    permission_mode: PermissionMode
    max_steps: int
    specializations: JsonArray | None
    metadata: JsonObject | None
    is_default: bool
    created_at: datetime
    updated_at: datetime


AGENT = Entity(
    Agent,
    id=ID,
    type=ID,
    name=TEXT,
    description=TEXT.or_none(),
    avatar=TEXT.or_none(),
    instructions=TEXT.or_none(),
    model=TEXT,
    plan_model=TEXT.or_none(),
    small_model=TEXT.or_none(),
    built_in_tools=JSON_ARRAY.or_none(),
    mcps=JSON_ARRAY.or_none(),
    knowledges=JSON_ARRAY.or_none(),
    accessible_paths=JSON_ARRAY.or_none(),
    configuration=JSON_OBJECT.or_none(),
    permission_mode=PERMISSION_MODE,
    max_steps=COUNT,
    specializations=JSON_ARRAY.or_none().stored_as("specializations_json"),
    metadata=JSON_OBJECT.or_none().stored_as("metadata_json"),
    is_default=BOOLEAN,
    created_at=TIME,
    updated_at=TIME,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStats(Values):
    """How the sessions of an agent went, without those that are deleted softly. The means are None where no session has a
    value."""

    agent_id: str
    sessions: int
    running: int
    completed: int
    failed: int
    messages: int
    tokens: int
    mean_satisfaction: float | None
    mean_quality: float | None
    last_activity_at: datetime | None

    @property
    def success_rate(self) -> float | None:
        """Completed sessions among those that were completed or failed, from 0 to 1; None where there are none."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None


AGENT_STATS = Entity(
    AgentStats,
    agent_id=ID,
    **dict.fromkeys(("sessions", "running", "completed", "failed", "messages", "tokens"), COUNT),
    **dict.fromkeys(("mean_satisfaction", "mean_quality"), SCORE.or_none()),
    last_activity_at=TIME.or_none(),
)


class AgentStore(Operations[W]):
    """The agents of a database."""

    @operation
    def create(
        self,
        *,
        model: str,
        name: str,
        id: str | None = None,
        type: str = "custom",
        description: str | None = None,
        avatar: str | None = None,
        instructions: str | None = None,
        plan_model: str | None = None,
        small_model: str | None = None,
        built_in_tools: JsonArray | None = None,
        mcps: JsonArray | None = None,
        knowledges: JsonArray | None = None,
        accessible_paths: JsonArray | None = None,
        configuration: JsonObject | None = None,
        permission_mode: PermissionMode = "readOnly",
        max_steps: int = 10,
        specializations: JsonArray | None = None,
        metadata: JsonObject | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> Steps[Agent]:
        """Add an agent. Without an id it gets a UUID, without times now.

        Raises FieldError for a value that its field cannot hold, AlreadyExistsError for an id that is taken.
        """
        row = AGENT.new(locals())
        try:
            yield from execute(agents.CREATE, row)
        except IntegrityError as error:
            if error.code == "unique":
                raise AGENT.taken(row["id"]) from error
            raise
        return AGENT.of_encoded({**row, "is_default": 0})

    @operation
    def get(self, id: str) -> Steps[Agent | None]:
        """The agent with this id, or None."""
        return (yield from AGENT.one(agents.GET_BY_ID, {"id": ID.encode("id", id)}))

    @operation
    def require(self, id: str) -> Steps[Agent]:
        """The agent with this id. Raises NotFoundError."""
        agent = yield from self.get.steps(id)
        if agent is None:
            raise AGENT.not_found(id)
        return agent

    @atomic
    def update(
        self,
        id: str,
        *,
        name: str | Unset = UNSET,
        description: str | None | Unset = UNSET,
        avatar: str | None | Unset = UNSET,
        instructions: str | None | Unset = UNSET,
        model: str | Unset = UNSET,
        plan_model: str | None | Unset = UNSET,
        small_model: str | None | Unset = UNSET,
        built_in_tools: JsonArray | None | Unset = UNSET,
        mcps: JsonArray | None | Unset = UNSET,
        knowledges: JsonArray | None | Unset = UNSET,
        accessible_paths: JsonArray | None | Unset = UNSET,
        configuration: JsonObject | None | Unset = UNSET,
        permission_mode: PermissionMode | Unset = UNSET,
        max_steps: int | Unset = UNSET,
        specializations: JsonArray | None | Unset = UNSET,
        metadata: JsonObject | None | Unset = UNSET,
    ) -> Steps[Agent]:
        """Change what is given, stamp updated_at, and return the agent as it is now; None is a value, UNSET is not.

        Raises NotFoundError, FieldError.
        """
        changes = AGENT.changes(locals())
        return (yield from AGENT.change(id, changes, read=agents.GET_BY_ID, write=agents.CHANGE))

    @atomic
    def delete(self, id: str, *, cascade: bool = False) -> Steps[bool]:
        """Remove an agent; False if there is none. `cascade` removes its sessions and all that is theirs with it.

        Raises IntegrityError: `in_use` while it has sessions, also where all are deleted softly: they can be restored;
        `default_agent` for the default agent.
        """
        args = {"id": ID.encode("id", id)}
        # Counted in the transaction that deletes: no session can come in between.
        if not cascade:
            of_agent = {"main_agent_id": id, "status": None}
            total = yield from _count({**of_agent, "include_deleted": 1})
            if total > 0:
                hidden = total - (yield from _count({**of_agent, "include_deleted": 0}))
                why = f"agent {id!r} has {total} session{'s' * (total != 1)}"
                raise IntegrityError(f"{why}, {hidden} of them deleted softly" if hidden else why, code="in_use")
        try:
            return (yield from execute(agents.DELETE, args)).rows_affected > 0
        except IntegrityError as error:
            if error.message.startswith("agents: this is the default agent"):
                raise IntegrityError(f"agent {id!r} is the default agent", code="default_agent") from error
            raise

    @operation
    def default(self) -> Steps[Agent | None]:
        """The default agent, or None: the one that conversations run on where none is named."""
        return (yield from AGENT.one(agents.GET_DEFAULT, {}))

    @atomic
    def set_default(self, id: str) -> Steps[Agent]:
        """Make an agent the default one, in place of the one before. Returns it. Raises NotFoundError."""
        yield from self.require.steps(id)
        yield from make_default(id)
        return (yield from self.require.steps(id))

    @operation
    def stats(self, id: str) -> Steps[AgentStats | None]:
        """How the sessions of an agent went, counted now in one query; None if there is no such agent."""
        return (yield from AGENT_STATS.one(agents.STATS, {"id": ID.encode("id", id)}))

    @operation
    def exists(self, id: str) -> Steps[bool]:
        """Whether there is an agent with this id."""
        return len((yield from execute(agents.CHECK_EXISTS, {"id": ID.encode("id", id)}))) > 0

    @operation
    def count(self, *, type: str | None = None) -> Steps[int]:
        """How many agents there are, of one type or of any."""
        result = yield from execute(agents.COUNT_BY_TYPE, {"type": AGENT.filter("type", type)})
        return int(result.tuples[0][0])

    @operation
    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        type: str | None = None,
        on_error: OnError = "raise",
    ) -> Steps[Page[Agent]]:
        """Agents, newest first, of one type or of any: a page of at most `limit`, after the page that gave `cursor`.
        on_error: as for messages.page()."""
        args = {"type": AGENT.filter("type", type)}
        return (yield from page(AGENT, agents.PAGE, args, limit=limit, cursor=cursor, on_error=on_error))


def make_default(id: str) -> Steps[None]:
    """Make an agent that is there the default one. For an atomic body."""
    yield from later((agents.CLEAR_DEFAULT, {"id": id}), (agents.SET_DEFAULT, {"id": id}))


def _count(args: dict[str, Any]) -> Steps[int]:
    return int((yield from execute(sessions.COUNT_BY_AGENT, args)).tuples[0][0])
