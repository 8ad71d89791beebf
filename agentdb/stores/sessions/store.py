"""Sessions: an agent at work on something."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from agentdb.errors import IntegrityError, NotFoundError
from agentdb.operations import W, atomic, batch, execute, operation
from agentdb.queries import sessions
from agentdb.stores.agents import PermissionMode
from agentdb.stores.fields import BOOLEAN, ID, TEXT, UNSET, JsonArray, JsonObject, Unset, now_text
from agentdb.stores.sessions.explained import explained
from agentdb.stores.sessions.filters import filters
from agentdb.stores.sessions.fork import SessionForks
from agentdb.stores.sessions.hierarchy import SessionHierarchy
from agentdb.stores.sessions.lists import SessionLists
from agentdb.stores.sessions.values import (
    AGENT_SUMMARY,
    EFFECTIVE,
    SESSION,
    STATUS,
    Session,
    SessionStatus,
    SessionWithAgent,
)

if TYPE_CHECKING:
    from agentdb.operations import Steps

#: What a new session has where create() takes nothing.
_FRESH = {
    **dict.fromkeys(
        ("forked_from_id", "forked_at_seq", "quality_score", "user_satisfaction", "learning_outcomes_json")
    ),
    **dict.fromkeys(("ended_at", "pinned_at", "archived_at", "deleted_at", "last_activity_at")),
    **dict.fromkeys(("last_seq", "message_count", "total_tokens", "context_tokens", "compaction_count"), 0),
}


class SessionStore(SessionHierarchy[W], SessionForks[W], SessionLists[W]):
    """The sessions of a database.

    One that is deleted softly is as if it were not there, and so is what belongs to it, unless `include_deleted` is True.
    What a run of it still reports is kept: its status, and its logs.
    """

    @operation
    def create(
        self,
        *,
        main_agent_id: str,
        id: str | None = None,
        name: str | None = None,
        sub_agent_ids: JsonArray | None = None,
        user_goal: str | None = None,
        status: SessionStatus = "idle",
        external_session_id: str | None = None,
        model: str | None = None,
        plan_model: str | None = None,
        small_model: str | None = None,
        built_in_tools: JsonArray | None = None,
        mcps: JsonArray | None = None,
        knowledges: JsonArray | None = None,
        configuration: JsonObject | None = None,
        accessible_paths: JsonArray | None = None,
        permission_mode: PermissionMode | None = None,
        max_steps: int | None = None,
        user_id: str | None = None,
        parent_session_id: str | None = None,
        source: str | None = None,
        tags: JsonArray | None = None,
        metadata: JsonObject | None = None,
        started_at: datetime | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> Steps[Session]:
        """Add a session of an agent. Without an id it gets a UUID, without created_at and updated_at now; without model …
        max_steps it has its agent's.

        Raises NotFoundError for an agent or a parent that is not there, AlreadyExistsError for an id that is taken, FieldError.
        """
        row = SESSION.new(locals())
        try:
            yield from execute(sessions.CREATE, row)
        except IntegrityError as error:
            raise explained(error, row) from error
        return SESSION.of_encoded({**row, **_FRESH})

    @operation
    def ensure(
        self,
        id: str,
        *,
        main_agent_id: str,
        name: str | None = None,
        sub_agent_ids: JsonArray | None = None,
        user_goal: str | None = None,
        status: SessionStatus = "idle",
        external_session_id: str | None = None,
        model: str | None = None,
        plan_model: str | None = None,
        small_model: str | None = None,
        built_in_tools: JsonArray | None = None,
        mcps: JsonArray | None = None,
        knowledges: JsonArray | None = None,
        configuration: JsonObject | None = None,
        accessible_paths: JsonArray | None = None,
        permission_mode: PermissionMode | None = None,
        max_steps: int | None = None,
        user_id: str | None = None,
        parent_session_id: str | None = None,
        source: str | None = None,
        tags: JsonArray | None = None,
        metadata: JsonObject | None = None,
        started_at: datetime | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> Steps[Session]:
        """The session with this id; where there is none, it is made of these arguments, as by create(). One that is there
        is returned as it is, and nothing of it changes. Several processes may do this at once: one makes the session.

        Raises NotFoundError for an agent that is not there, and `session_deleted` for a session that is deleted softly;
        FieldError.
        """
        ID.encode("id", id)
        row = SESSION.new(locals())
        found = yield from SESSION.read(sessions.GET_BY_ID, {"id": id})
        if not found.tuples:
            try:
                _, found = yield from batch([(sessions.INSERT_MISSING, row), (sessions.GET_BY_ID, {"id": id})])
            except IntegrityError as error:
                raise explained(error, row) from error
        (session,) = SESSION.decode(found)
        if session.deleted_at is not None:
            raise NotFoundError(f"session {id!r} is deleted", code="session_deleted")
        return session

    @operation
    def get(self, id: str, *, include_deleted: bool = False) -> Steps[Session | None]:
        """The session with this id, or None."""
        BOOLEAN.encode("include_deleted", include_deleted)
        session = yield from SESSION.one(sessions.GET_BY_ID, {"id": ID.encode("id", id)})
        return session if session is not None and (session.is_active or include_deleted) else None

    @operation
    def require(self, id: str, *, include_deleted: bool = False) -> Steps[Session]:
        """The session with this id. Raises NotFoundError."""
        session = yield from self.get.steps(id, include_deleted=include_deleted)
        if session is None:
            raise SESSION.not_found(id)
        return session

    @operation
    def with_agent(self, id: str, *, include_deleted: bool = False) -> Steps[SessionWithAgent | None]:
        """The session with this id, what it shows of its agent, and the configuration in force; or None."""
        BOOLEAN.encode("include_deleted", include_deleted)
        found = yield from execute(sessions.GET_SESSION_WITH_AGENT, {"id": ID.encode("id", id)})
        if not found.tuples:
            return None
        row = found.tuples[0]
        session = SESSION.decode_row(found.columns, row)
        if not session.is_active and not include_deleted:
            return None
        return SessionWithAgent(
            session=session,
            agent=AGENT_SUMMARY.decode_row(_named(found.columns, "agent_", main_agent_id="id"), row),
            effective=EFFECTIVE.decode_row(_named(found.columns, "effective_"), row),
        )

    @atomic
    def update(
        self,
        id: str,
        *,
        name: str | None | Unset = UNSET,
        main_agent_id: str | Unset = UNSET,
        sub_agent_ids: JsonArray | None | Unset = UNSET,
        user_goal: str | None | Unset = UNSET,
        status: SessionStatus | Unset = UNSET,
        external_session_id: str | None | Unset = UNSET,
        model: str | None | Unset = UNSET,
        plan_model: str | None | Unset = UNSET,
        small_model: str | None | Unset = UNSET,
        built_in_tools: JsonArray | None | Unset = UNSET,
        mcps: JsonArray | None | Unset = UNSET,
        knowledges: JsonArray | None | Unset = UNSET,
        configuration: JsonObject | None | Unset = UNSET,
        accessible_paths: JsonArray | None | Unset = UNSET,
        permission_mode: PermissionMode | None | Unset = UNSET,
        max_steps: int | None | Unset = UNSET,
        user_id: str | None | Unset = UNSET,
        parent_session_id: str | None | Unset = UNSET,
        source: str | None | Unset = UNSET,
        tags: JsonArray | None | Unset = UNSET,
        quality_score: float | None | Unset = UNSET,
        user_satisfaction: float | None | Unset = UNSET,
        learning_outcomes: JsonArray | JsonObject | None | Unset = UNSET,
        started_at: datetime | None | Unset = UNSET,
        ended_at: datetime | None | Unset = UNSET,
        metadata: JsonObject | None | Unset = UNSET,
        pinned_at: datetime | None | Unset = UNSET,
        archived_at: datetime | None | Unset = UNSET,
        last_activity_at: datetime | None | Unset = UNSET,
    ) -> Steps[Session]:
        """Change what is given, stamp updated_at, and return the session as it is now; None is a value (for model …
        max_steps: as the agent has it), UNSET is not. A last_activity_at stays as it is set until the next message.

        Raises NotFoundError for the session, its new agent or its new parent, IntegrityError `cycle` for a parent that
        descends from it, FieldError.
        """
        changes = SESSION.changes(locals())
        if status in ("idle", "running") and ended_at is UNSET:
            changes["ended_at"] = None  # it is open again
        try:
            read, write = sessions.GET_BY_ID, sessions.CHANGE
            return (
                yield from SESSION.change(id, changes, read=read, write=write, hidden_by="deleted_at", at_once=True)
            )
        except IntegrityError as error:
            raise explained(error, changes) from error

    @operation
    def update_status(self, id: str, status: SessionStatus) -> Steps[None]:
        """Set the status, and stamp updated_at. 'idle' and 'running' open a session again that has ended.

        Raises NotFoundError, FieldError.
        """
        args = {"id": ID.encode("id", id), "status": STATUS.encode("status", status), "updated_at": now_text()}
        if not (yield from execute(sessions.UPDATE_STATUS, args)).rows_affected:
            raise SESSION.not_found(id)

    @operation
    def delete(self, id: str) -> Steps[bool]:
        """Remove a session for good, live or deleted softly, with all that is its; False if there is none.

        No read finds them again. With secure_delete='on', the default of a client, their rows are overwritten with zeros.
        The search index still has sequences of three characters of them, and the -wal file old pages, until
        messages.erase_deleted() is called. Backups keep what they have.
        """
        return (yield from execute(sessions.DELETE, {"id": ID.encode("id", id)})).rows_affected > 0

    @operation
    def soft_delete(self, id: str) -> Steps[bool]:
        """Hide a session and all that belongs to it until restore(); False, and no change, if there is no live one."""
        args = {"id": ID.encode("id", id), "deleted_at": now_text()}
        return (yield from execute(sessions.SOFT_DELETE, args)).rows_affected > 0

    @operation
    def restore(self, id: str) -> Steps[bool]:
        """Show a session that is deleted softly again, as it was; False if there is none."""
        return (yield from execute(sessions.RESTORE, {"id": ID.encode("id", id)})).rows_affected > 0

    @operation
    def exists(self, id: str, *, include_deleted: bool = False) -> Steps[bool]:
        """Whether there is a session with this id."""
        BOOLEAN.encode("include_deleted", include_deleted)
        state = (yield from execute(sessions.STATE, {"id": ID.encode("id", id)})).rows
        return bool(state) and (include_deleted or state[0]["deleted_at"] is None)

    @operation
    def count(
        self,
        *,
        status: SessionStatus | None = None,
        main_agent_id: str | None = None,
        include_deleted: bool = False,
    ) -> Steps[int]:
        """How many sessions there are, with this status or any, of this agent or any."""
        args = filters(status=status, main_agent_id=main_agent_id, include_deleted=include_deleted)
        sql = sessions.COUNT_LIVE
        if main_agent_id is not None:
            sql = sessions.COUNT_BY_AGENT
        elif status is not None:
            sql = sessions.COUNT_BY_STATUS
        return int((yield from execute(sql, args)).tuples[0][0])

    @operation
    def by_external_id(self, external_session_id: str, *, include_deleted: bool = False) -> Steps[Session | None]:
        """The session that another program knows by this id, the newest if there are several; or None."""
        BOOLEAN.encode("include_deleted", include_deleted)
        args = {"external_session_id": TEXT.encode("external_session_id", external_session_id)}
        found = yield from SESSION.many(sessions.GET_BY_EXTERNAL_SESSION_ID, args)
        return next((session for session in found if session.is_active or include_deleted), None)


@cache
def _named(columns: tuple[str, ...], prefix: str, **renamed: str) -> tuple[str, ...]:
    """The names of a join's columns as one side has them; those of the other side are blank."""
    return tuple(
        renamed.get(column) or (column.removeprefix(prefix) if column.startswith(prefix) else "") for column in columns
    )
