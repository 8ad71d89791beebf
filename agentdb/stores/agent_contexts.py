"""Agent contexts: which agent speaks in a session now, and the switches that led there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agentdb.errors import AlreadyExistsError, NotFoundError
from agentdb.operations import Operations, W, atomic, batch, execute, operation
from agentdb.queries import agent_contexts
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import BOOLEAN, COUNT, ID, INTEGER, JSON_OBJECT, TEXT, TIME, JsonObject
from agentdb.stores.pages import BY_ID, Page, page
from agentdb.stores.sessions.live import check_live

if TYPE_CHECKING:
    from agentdb.operations import Steps


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentContext(Values):
    """Who speaks in a session now. `switch_count` counts the changes from one agent to another, `last_switch_at` is the
    time of the latest one, None while there was none."""

    session_id: str
    current_agent: str
    switch_count: int
    metadata: JsonObject | None
    last_switch_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSwitch(Values):
    """One entry of a context's history. `from_agent` is None for the first: nobody spoke before."""

    id: int
    session_id: str
    from_agent: str | None
    to_agent: str
    reason: str | None
    metadata: JsonObject | None
    switched_at: datetime


AGENT_CONTEXT = Entity(
    AgentContext,
    session_id=ID,
    current_agent=ID,
    switch_count=COUNT,
    metadata=JSON_OBJECT.or_none().stored_as("metadata_json"),
    last_switch_at=TIME.or_none(),
    created_at=TIME,
)
AGENT_SWITCH = Entity(
    AgentSwitch,
    id=INTEGER,
    session_id=ID,
    from_agent=ID.or_none(),
    to_agent=ID,
    reason=TEXT.or_none(),
    metadata=JSON_OBJECT.or_none().stored_as("metadata_json"),
    switched_at=TIME,
)


class AgentContextStore(Operations[W]):
    """The agent contexts of a database's sessions. A hidden session hides its context; see sessions.soft_delete()."""

    @atomic
    def start(
        self,
        session_id: str,
        current_agent: str,
        *,
        reason: str | None = None,
        metadata: JsonObject | None = None,
        created_at: datetime | None = None,
    ) -> Steps[AgentContext]:
        """Give a session its context; the first entry of its history says who begins, and why. Without a time: now.

        Raises NotFoundError for a session that is not there or hidden, AlreadyExistsError where it has a context,
        FieldError.
        """
        row = AGENT_CONTEXT.new(
            {
                "session_id": session_id,
                "current_agent": current_agent,
                "metadata": metadata,
                "created_at": created_at,
            }
        )
        first = _switch_row(session_id, current_agent, reason, None, None) | {"switched_at": row["created_at"]}
        yield from check_live(session_id)
        if (yield from self.exists.steps(session_id)):
            raise AlreadyExistsError(
                f"session {session_id!r} has an agent context",
                remedy="Continue with agent_contexts.switch(), or remove it with agent_contexts.delete() first.",
            )
        yield from execute(agent_contexts.INSERT, row)
        yield from execute(agent_contexts.INSERT_SWITCH, first)
        return AGENT_CONTEXT.of_encoded({**row, "switch_count": 0, "last_switch_at": None})

    @operation
    def get(self, session_id: str, *, include_deleted: bool = False) -> Steps[AgentContext | None]:
        """The context of this session, or None; that of a hidden session where it is asked for."""
        return (yield from AGENT_CONTEXT.one(agent_contexts.GET, _key(session_id, include_deleted)))

    @operation
    def require(self, session_id: str, *, include_deleted: bool = False) -> Steps[AgentContext]:
        """The context of this session. Raises NotFoundError."""
        context = yield from self.get.steps(session_id, include_deleted=include_deleted)
        if context is None:
            raise _no_context(session_id)
        return context

    @atomic
    def switch(
        self,
        session_id: str,
        to_agent: str,
        *,
        reason: str | None = None,
        metadata: JsonObject | None = None,
        switched_at: datetime | None = None,
    ) -> Steps[AgentContext]:
        """Let another agent speak, and return the context as it is now; nothing happens where that agent speaks already.

        Raises NotFoundError where the session has no context, FieldError.
        """
        row = _switch_row(session_id, to_agent, reason, metadata, switched_at)
        context = yield from self.require.steps(session_id)
        if context.current_agent == to_agent:
            return context
        yield from execute(agent_contexts.INSERT_SWITCH, {**row, "from_agent": context.current_agent})
        return (yield from self.require.steps(session_id))

    @operation
    def history(
        self, session_id: str, *, limit: int = 50, cursor: str | None = None, include_deleted: bool = False
    ) -> Steps[Page[AgentSwitch]]:
        """The switches of a session, newest first: a page of at most `limit`, after the page that gave `cursor`."""
        args = _key(session_id, include_deleted)
        return (yield from page(AGENT_SWITCH, agent_contexts.SWITCHES, args, limit=limit, cursor=cursor, key=BY_ID))

    @operation
    def delete(self, session_id: str) -> Steps[bool]:
        """Remove the context of a session and its history; False if there is none."""
        args = {"session_id": ID.encode("session_id", session_id)}
        _, removed = yield from batch([(agent_contexts.DELETE_SWITCHES, args), (agent_contexts.DELETE, args)])
        return removed.rows_affected > 0

    @operation
    def exists(self, session_id: str, *, include_deleted: bool = False) -> Steps[bool]:
        """Whether this session has a context."""
        return len((yield from execute(agent_contexts.CHECK_EXISTS, _key(session_id, include_deleted)))) > 0

    @operation
    def list(
        self, *, limit: int = 50, cursor: str | None = None, include_deleted: bool = False
    ) -> Steps[Page[AgentContext]]:
        """Contexts, newest first: a page of at most `limit`, after the page that gave `cursor`."""
        args = {"include_deleted": BOOLEAN.encode("include_deleted", include_deleted)}
        return (yield from page(AGENT_CONTEXT, agent_contexts.PAGE, args, limit=limit, cursor=cursor))


def _key(session_id: str, include_deleted: bool) -> dict[str, Any]:
    return {
        "session_id": ID.encode("session_id", session_id),
        "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
    }


def _switch_row(
    session_id: str, to_agent: str, reason: str | None, metadata: JsonObject | None, switched_at: datetime | None
) -> dict[str, Any]:
    """A switch from nobody, for SQLite."""
    return AGENT_SWITCH.new(
        {
            "session_id": session_id,
            "from_agent": None,
            "to_agent": to_agent,
            "reason": reason,
            "metadata": metadata,
            "switched_at": switched_at or datetime.now(UTC),
        }
    )


def _no_context(session_id: str) -> NotFoundError:
    return NotFoundError(
        f"session {session_id!r} has no agent context",
        remedy="Give it one with agent_contexts.start(), or check the id.",
    )
