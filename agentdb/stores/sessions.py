"""Sessions: an agent at work on something."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from agentdb.errors import IntegrityError, NotFoundError
from agentdb.operations import Operations, W, atomic, batch, execute, operation
from agentdb.queries import sessions
from agentdb.stores.agents import PermissionMode
from agentdb.stores.fields import BOOLEAN, ID, TEXT, UNSET, JsonArray, JsonObject, Unset, now_text
from agentdb.stores.pages import BY_ACTIVITY, Page, page
from agentdb.stores.session_values import (
    AGENT_CARD,
    EFFECTIVE,
    SESSION,
    SESSION_CARD,
    STATUS,
    Session,
    SessionCard,
    SessionStatus,
    SessionWithAgent,
)

if TYPE_CHECKING:
    from agentdb.errors import AgentDBError
    from agentdb.operations import Steps

#: What the database gives a new session.
_FRESH = {
    "last_activity_at": None,
    "deleted_at": None,
    "is_active": 1,
    **dict.fromkeys(("last_seq", "message_count", "total_tokens", "compaction_count"), 0),
}


class SessionStore(Operations[W]):
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
        title: str | None = None,
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
        metadata_json: JsonObject | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> Steps[Session]:
        """Add a session of an agent. Without an id it gets a UUID, without times now; without model … max_steps it has its
        agent's.

        Raises NotFoundError for an agent that is not there, AlreadyExistsError for an id that is taken, FieldError.
        """
        row = SESSION.new(locals())
        try:
            yield from execute(sessions.INSERT_WITH_TITLE, row)
        except IntegrityError as error:
            raise _explained(error, row) from error
        return SESSION.of_encoded({**row, **_FRESH})

    @operation
    def ensure(
        self,
        id: str,
        *,
        main_agent_id: str,
        name: str | None = None,
        title: str | None = None,
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
        metadata_json: JsonObject | None = None,
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
        found = yield from SESSION.read(sessions.GET_LIVE_BY_ID, {"id": id, "include_deleted": 1})
        if not found.tuples:
            try:
                _, found = yield from batch(
                    [(sessions.INSERT_MISSING, row), (sessions.GET_LIVE_BY_ID, {"id": id, "include_deleted": 1})]
                )
            except IntegrityError as error:
                raise _explained(error, row) from error
        (session,) = SESSION.decode(found)
        if session.deleted_at is not None:
            raise NotFoundError(f"session {id!r} is deleted", code="session_deleted")
        return session

    @operation
    def get(self, id: str, *, include_deleted: bool = False) -> Steps[Session | None]:
        """The session with this id, or None."""
        return (yield from SESSION.one(sessions.GET_LIVE_BY_ID, _asked(id, include_deleted)))

    @operation
    def require(self, id: str, *, include_deleted: bool = False) -> Steps[Session]:
        """The session with this id. Raises NotFoundError."""
        session = yield from self.get.steps(id, include_deleted=include_deleted)
        if session is None:
            raise SESSION.not_found(id)
        return session

    @operation
    def with_agent(self, id: str, *, include_deleted: bool = False) -> Steps[SessionWithAgent | None]:
        """The session with this id, its agent's card, and the configuration in force; or None."""
        found = yield from execute(sessions.GET_LIVE_WITH_AGENT, _asked(id, include_deleted))
        if not found.tuples:
            return None
        row = found.tuples[0]
        return SessionWithAgent(
            session=SESSION.decode_row(found.columns, row),
            agent=AGENT_CARD.decode_row(_named(found.columns, "agent_", main_agent_id="id"), row),
            effective=EFFECTIVE.decode_row(_named(found.columns, "effective_"), row),
        )

    @atomic
    def update(
        self,
        id: str,
        *,
        name: str | None | Unset = UNSET,
        title: str | None | Unset = UNSET,
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
        metadata_json: JsonObject | None | Unset = UNSET,
        last_activity_at: datetime | None | Unset = UNSET,
    ) -> Steps[Session]:
        """Change what is given, stamp updated_at, and return the session as it is now; None is a value (for model …
        max_steps: as the agent has it), UNSET is not. A last_activity_at stays as it is set until the next message.

        Raises NotFoundError for the session or its new agent, FieldError.
        """
        changes = SESSION.changes(locals())
        try:
            read, write = sessions.GET_LIVE_BY_ID, sessions.UPDATE_WITH_TITLE
            return (yield from SESSION.change(id, changes, read=read, write=write, include_deleted=0))
        except IntegrityError as error:
            raise _explained(error, changes) from error

    @operation
    def update_status(self, id: str, status: SessionStatus) -> Steps[None]:
        """Set the status, and stamp updated_at. Raises NotFoundError, FieldError."""
        args = {"id": ID.encode("id", id), "status": STATUS.encode("status", status), "updated_at": now_text()}
        if not (yield from execute(sessions.UPDATE_STATUS, args)).rows_affected:
            raise SESSION.not_found(id)

    @operation
    def delete(self, id: str) -> Steps[bool]:
        """Remove a session for good, live or deleted softly, with its messages and logs; False if there is none.

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
        return len((yield from execute(sessions.CHECK_LIVE, _asked(id, include_deleted)))) > 0

    @operation
    def count(
        self,
        *,
        status: SessionStatus | None = None,
        main_agent_id: str | None = None,
        include_deleted: bool = False,
    ) -> Steps[int]:
        """How many sessions there are, with this status or any, of this agent or any."""
        args = _filters(status, main_agent_id, include_deleted)
        sql = sessions.COUNT_LIVE
        if main_agent_id is not None:
            sql = sessions.COUNT_LIVE_BY_AGENT
        elif status is not None:
            sql = sessions.COUNT_LIVE_BY_STATUS
        return int((yield from execute(sql, args)).tuples[0][0])

    @operation
    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        status: SessionStatus | None = None,
        main_agent_id: str | None = None,
        include_deleted: bool = False,
    ) -> Steps[Page[SessionCard]]:
        """Cards of sessions, newest first, with this status or any, of this agent or any: a page of at most `limit`, after
        the page that gave `cursor`."""
        args = _filters(status, main_agent_id, include_deleted)
        sql = sessions.LIVE_CARDS
        if main_agent_id is not None:
            sql = sessions.LIVE_CARDS_BY_AGENT
        elif status is not None:
            sql = sessions.LIVE_CARDS_BY_STATUS
        return (yield from page(SESSION_CARD, sql, args, limit=limit, cursor=cursor))

    @operation
    def recent(self, *, limit: int = 50, cursor: str | None = None) -> Steps[Page[SessionCard]]:
        """Cards of the live sessions, the latest activity first; one without messages was active when it was made.

        A session that becomes active between two pages moves to the front, so the second does not show it.
        """
        return (
            yield from page(
                SESSION_CARD, sessions.LIVE_CARDS_BY_ACTIVITY, {}, limit=limit, cursor=cursor, key=BY_ACTIVITY
            )
        )

    @operation
    def by_status(
        self, status: SessionStatus, *, limit: int = 50, cursor: str | None = None, include_deleted: bool = False
    ) -> Steps[Page[SessionCard]]:
        """Cards of the sessions with this status, newest first."""
        status = STATUS.encode("status", status)
        return (yield from self.list.steps(status=status, limit=limit, cursor=cursor, include_deleted=include_deleted))

    @operation
    def by_agent(
        self, main_agent_id: str, *, limit: int = 50, cursor: str | None = None, include_deleted: bool = False
    ) -> Steps[Page[SessionCard]]:
        """Cards of the sessions of this agent, newest first."""
        id = ID.encode("main_agent_id", main_agent_id)
        return (
            yield from self.list.steps(main_agent_id=id, limit=limit, cursor=cursor, include_deleted=include_deleted)
        )

    @operation
    def by_external_id(self, external_session_id: str, *, include_deleted: bool = False) -> Steps[Session | None]:
        """The session that another program knows by this id, the newest if there are several; or None."""
        args = {
            "external_session_id": TEXT.encode("external_session_id", external_session_id),
            "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
        }
        return (yield from SESSION.one(sessions.GET_LIVE_BY_EXTERNAL_SESSION_ID, args))


def _asked(id: str, include_deleted: bool) -> dict[str, Any]:
    return {"id": ID.encode("id", id), "include_deleted": BOOLEAN.encode("include_deleted", include_deleted)}


def _filters(status: str | None, main_agent_id: str | None, include_deleted: bool) -> dict[str, Any]:
    return {
        "status": SESSION.filter("status", status),
        "main_agent_id": SESSION.filter("main_agent_id", main_agent_id),
        "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
    }


def _explained(error: IntegrityError, row: dict[str, object]) -> AgentDBError:
    """What a refused session means: SQLite names no key that is missing, and a session has but one."""
    if error.code == "unique":
        taken = SESSION.taken(row["id"])
        taken.remedy += " If it is deleted softly, restore() brings it back."
        return taken
    if error.code == "foreign_key" and "main_agent_id" in row:
        return NotFoundError(f"main_agent_id: there is no agent {row['main_agent_id']!r}")
    return error


@cache
def _named(columns: tuple[str, ...], prefix: str, **renamed: str) -> tuple[str, ...]:
    """The names of a join's columns as one side has them; those of the other side are blank."""
    return tuple(
        renamed.get(column) or (column.removeprefix(prefix) if column.startswith(prefix) else "") for column in columns
    )
