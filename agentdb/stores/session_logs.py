"""Session logs: what happened in a session, as a transcript and as a tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from agentdb.errors import FieldError, IntegrityError, NotFoundError
from agentdb.operations import Operations, W, atomic, batch, execute, operation
from agentdb.queries import session_logs, sessions
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import (
    BOOLEAN,
    ID,
    INTEGER,
    JSON,
    JSON_OBJECT,
    ON_ERROR,
    TIME,
    UNSET,
    JsonObject,
    OnError,
    Unset,
    one_of,
)
from agentdb.stores.pages import BY_TIME, Page, at_most, page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agentdb.errors import AgentDBError
    from agentdb.operations import Steps

LogRole: TypeAlias = Literal["user", "agent", "system", "tool"]
LogType: TypeAlias = Literal["message", "thought", "action", "observation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLog(Values):
    """One entry of a session's log; `content` is any JSON value but null."""

    id: int
    session_id: str
    parent_id: int | None
    role: LogRole
    type: LogType
    content: Any
    metadata: JsonObject | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtreeLog(Values):
    """An entry of a log's subtree: `depth` is 0 for the log that was asked for, 1 for its children, …"""

    log: SessionLog
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLog:
    """An entry to append, for append_many()."""

    role: LogRole
    type: LogType
    content: Any
    parent_id: int | None = None
    metadata: JsonObject | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


SESSION_LOG = Entity(
    SessionLog,
    id=INTEGER,
    session_id=ID,
    parent_id=INTEGER.or_none(),
    role=one_of("user", "agent", "system", "tool"),
    type=one_of("message", "thought", "action", "observation"),
    content=JSON,
    metadata=JSON_OBJECT.or_none(),
    created_at=TIME,
    updated_at=TIME,
)


class SessionLogStore(Operations[W]):
    """The logs of a database's sessions.

    Those of a session that is deleted softly are not found by id or by session, unless `include_deleted` is True. What a
    run of it still reports is added to them, and who holds the id of a log finds what hangs below it.
    """

    @operation
    def append(
        self,
        session_id: str,
        *,
        role: LogRole,
        type: LogType,
        content: Any,
        parent_id: int | None = None,
        metadata: JsonObject | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> Steps[SessionLog]:
        """Add an entry to a session's log; without times it is stamped now.

        Raises NotFoundError for a session or a parent that is not there, FieldError for a parent in another session and
        for a value that its field cannot hold.
        """
        return (yield from _append(SESSION_LOG.new(locals())))

    @operation
    def append_many(self, session_id: str, logs: Iterable[NewLog]) -> Steps[list[SessionLog]]:
        """Add entries in their order, in one request: all, or none. Errors as in append()."""
        ID.encode("session_id", session_id)
        if not isinstance(logs, Iterable):
            raise FieldError.of("logs", logs, f"is an iterable of NewLog, not {type(logs).__name__}", code="wrong_type")
        # Read before the batch begins: nobody waits for the lock while the caller's iterable takes its time.
        rows = []
        for log in logs:
            if not isinstance(log, NewLog):
                raise FieldError.of("logs", log, f"holds a {type(log).__name__}, not a NewLog", code="wrong_type")
            given = {name: getattr(log, name) for name in NewLog.__slots__}
            rows.append(SESSION_LOG.new({**given, "session_id": session_id}))
        return (yield from _append_all(rows))

    @operation
    def get(self, id: int, *, include_deleted: bool = False, on_error: OnError = "raise") -> Steps[SessionLog | None]:
        """The one with this id, or None; on_error as for page()."""
        args = {"id": INTEGER.encode("id", id), "include_deleted": BOOLEAN.encode("include_deleted", include_deleted)}
        return (yield from SESSION_LOG.one(session_logs.GET_VISIBLE_BY_ID, args, ON_ERROR.encode("on_error", on_error)))

    @operation
    def require(self, id: int, *, include_deleted: bool = False) -> Steps[SessionLog]:
        """The entry with this id. Raises NotFoundError."""
        log = yield from self.get.steps(id, include_deleted=include_deleted)
        if log is None:
            raise SESSION_LOG.not_found(id)
        return log

    @operation
    def page(
        self,
        session_id: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        newest_first: bool = False,
        include_deleted: bool = False,
        on_error: OnError = "raise",
    ) -> Steps[Page[SessionLog]]:
        """A page of the transcript, in its order or from its end: at most `limit`, after the page that gave `cursor`.

        on_error: what is done with a row that is damaged, or in which raw SQL wrote what Python cannot hold. 'raise'
        raises UnreadableRowError, which names it. 'placeholder' puts an Unreadable into its fields.
        """
        args = _of_session(session_id, include_deleted)
        sql = session_logs.PAGE_BACK if newest_first else session_logs.PAGE
        return (
            yield from page(
                SESSION_LOG, sql, args, limit=limit, cursor=cursor, oldest_first=not newest_first, on_error=on_error
            )
        )

    @operation
    def latest(
        self,
        session_id: str,
        limit: int | None = 50,
        *,
        include_deleted: bool = False,
        on_error: OnError = "raise",
    ) -> Steps[list[SessionLog]]:
        """The last `limit` entries of the transcript, in its order; None: all of them. on_error as for page()."""
        ends = dict(zip(BY_TIME.parameters, BY_TIME.behind_all, strict=True))
        args = {**_of_session(session_id, include_deleted), **ends, "limit": at_most(limit)}
        logs = yield from SESSION_LOG.many(session_logs.PAGE_BACK, args, ON_ERROR.encode("on_error", on_error))
        logs.reverse()
        return logs

    @operation
    def children(self, id: int) -> Steps[list[SessionLog]]:
        """The entries whose parent this one is, in transcript order."""
        return (yield from SESSION_LOG.many(session_logs.GET_CHILDREN, {"id": INTEGER.encode("id", id)}))

    @operation
    def subtree(self, id: int) -> Steps[list[SubtreeLog]]:
        """This entry and all below it with their depth, in transcript order; empty if there is none."""
        result = yield from execute(session_logs.GET_SUBTREE, {"id": INTEGER.encode("id", id)})
        depth = result.columns.index("depth") if result.tuples else 0
        return [
            SubtreeLog(log=log, depth=row[depth])
            for log, row in zip(SESSION_LOG.decode(result), result.tuples, strict=True)
        ]

    @atomic
    def update(
        self, id: int, *, content: Any = UNSET, metadata: JsonObject | None | Unset = UNSET
    ) -> Steps[SessionLog]:
        """Change what is given, stamp updated_at, and return the entry as it is now. Raises NotFoundError, FieldError."""
        changes = SESSION_LOG.changes(locals())
        return (yield from SESSION_LOG.change(id, changes, read=session_logs.GET_BY_ID, write=session_logs.UPDATE))

    @operation
    def delete(self, id: int) -> Steps[int]:
        """Remove an entry and all below it, in one statement; how many there were."""
        return (yield from execute(session_logs.DELETE_SUBTREE, {"id": INTEGER.encode("id", id)})).rows_affected

    @operation
    def clear(self, session_id: str) -> Steps[int]:
        """Remove all entries of a session; how many there were."""
        args = {"session_id": ID.encode("session_id", session_id)}
        return (yield from execute(session_logs.DELETE_BY_SESSION_ID, args)).rows_affected

    @operation
    def count(self, session_id: str, *, include_deleted: bool = False) -> Steps[int]:
        """How many entries a session has."""
        args = _of_session(session_id, include_deleted)
        return int((yield from execute(session_logs.COUNT_VISIBLE_BY_SESSION_ID, args)).tuples[0][0])

    @operation
    def exists(self, id: int) -> Steps[bool]:
        """Whether there is an entry with this id."""
        return len((yield from execute(session_logs.CHECK_EXISTS, {"id": INTEGER.encode("id", id)}))) > 0


def _of_session(session_id: str, include_deleted: bool) -> dict[str, Any]:
    return {
        "session_id": ID.encode("session_id", session_id),
        "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
    }


def _append_all(rows: list[dict[str, Any]]) -> Steps[list[SessionLog]]:
    if not rows:
        return []
    try:
        results = yield from batch([(session_logs.INSERT, row) for row in rows])
    except IntegrityError as error:
        raise (yield from _explained(error, rows)) from error
    return [
        SESSION_LOG.of_encoded({"id": result.last_insert_rowid, **row})
        for row, result in zip(rows, results, strict=True)
    ]


def _append(row: dict[str, Any]) -> Steps[SessionLog]:
    try:
        result = yield from execute(session_logs.INSERT, row)
    except IntegrityError as error:
        raise (yield from _explained(error, [row])) from error
    return SESSION_LOG.of_encoded({"id": result.last_insert_rowid, **row})


def _explained(error: IntegrityError, rows: Sequence[Mapping[str, Any]]) -> Steps[AgentDBError]:
    """What refused entries of one session mean: SQLite does not say which of the two keys found nothing, nor of which."""
    if error.code not in ("foreign_key", "check"):  # a CHECK: the number that it would have been given itself
        return error
    session_id = rows[0]["session_id"]
    parents = [parent for parent in dict.fromkeys([row["parent_id"] for row in rows]) if parent is not None]
    session, *found = yield from batch(
        [(sessions.CHECK_EXISTS, {"id": session_id}), *[(session_logs.CHECK_EXISTS, {"id": id}) for id in parents]]
    )
    if not session.tuples:
        return NotFoundError(f"session_id: there is no session {session_id!r}")
    for parent_id, parent in zip(parents, found, strict=True):
        if not parent.tuples:
            return NotFoundError(f"parent_id: there is no log {parent_id!r}")
        if parent.tuples[0][1] != session_id:
            return FieldError.of("parent_id", parent_id, "is a log of another session", code="other_session")
    return error  # what was missing has been added meanwhile
