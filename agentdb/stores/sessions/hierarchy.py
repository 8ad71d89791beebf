"""Sessions that have a parent, and the end of a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from agentdb.errors import IntegrityError
from agentdb.operations import Operations, W, atomic, execute, operation
from agentdb.queries import session_hierarchy, sessions
from agentdb.stores.entity import Values
from agentdb.stores.fields import BOOLEAN, ID, JsonArray, JsonObject, now_text, one_of
from agentdb.stores.pages import Page, page
from agentdb.stores.sessions.values import SESSION, SESSION_SUMMARY, Session, SessionSummary

if TYPE_CHECKING:
    from agentdb.operations import Steps

#: How a session can end.
EndStatus: TypeAlias = Literal["completed", "failed", "stopped"]
_END_STATUS = one_of("completed", "failed", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedSession(Values):
    """A session above or below another one, and how many steps away it is."""

    session: SessionSummary
    depth: int


class SessionHierarchy(Operations[W]):
    """The operations on sessions that know their parent, and on their end."""

    @operation
    def children(
        self, id: str, *, limit: int = 50, cursor: str | None = None, include_deleted: bool = False
    ) -> Steps[Page[SessionSummary]]:
        """Summaries of the sessions whose parent this one is, newest first: a page of at most `limit`, after the page that
        gave `cursor`."""
        args = {
            "parent_session_id": ID.encode("id", id),
            "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
        }
        return (yield from page(SESSION_SUMMARY, session_hierarchy.CHILDREN, args, limit=limit, cursor=cursor))

    @operation
    def ancestors(self, id: str, *, include_deleted: bool = False) -> Steps[list[RelatedSession]]:
        """The parent of a session (depth 1), the parent of that (depth 2), and so on up to the root.

        The list ends below a session that is deleted softly, unless `include_deleted` is True. One query, at any depth.
        """
        return (yield from _related(session_hierarchy.ANCESTORS, id, include_deleted))

    @operation
    def subtree(self, id: str, *, include_deleted: bool = False) -> Steps[list[RelatedSession]]:
        """A session (depth 0), its children (depth 1), their children (depth 2), and so on, each depth oldest first.

        What stands below a session that is deleted softly is left out with it, unless `include_deleted` is True. The list
        is empty where there is no such session. One query, at any depth.
        """
        return (yield from _related(session_hierarchy.SUBTREE, id, include_deleted))

    @atomic
    def end(
        self,
        id: str,
        status: EndStatus = "completed",
        quality_score: float | None = None,
        user_satisfaction: float | None = None,
        learning_outcomes: JsonArray | JsonObject | None = None,
    ) -> Steps[Session]:
        """End a session, and return it as it is now. update_status(id, 'running') opens it again.

        Args:
            id: The session.
            status: How it ended.
            quality_score: From 0 to 1; None leaves what is there.
            user_satisfaction: From 0 to 1; None leaves what is there.
            learning_outcomes: A list or dict of the caller's; None leaves what is there.

        Raises:
            NotFoundError: There is no such session, or it is deleted softly.
            IntegrityError: `already_ended`: it has ended before.
            FieldError: A value that its field cannot hold.
        """
        row = SESSION.new(
            {
                "id": id,
                "quality_score": quality_score,
                "user_satisfaction": user_satisfaction,
                "learning_outcomes": learning_outcomes,
            }
        )
        now = now_text()
        row |= {"status": _END_STATUS.encode("status", status), "ended_at": now, "updated_at": now}
        ended = (yield from execute(session_hierarchy.END, row)).rows_affected > 0
        session = yield from SESSION.one(sessions.GET_BY_ID, {"id": ID.encode("id", id)})
        if session is None or not session.is_active:
            raise SESSION.not_found(id)
        if not ended:
            raise IntegrityError(f"session {id!r} has ended already", code="already_ended")
        return session


def _related(sql: str, id: str, include_deleted: bool) -> Steps[list[RelatedSession]]:
    args = {"id": ID.encode("id", id), "include_deleted": BOOLEAN.encode("include_deleted", include_deleted)}
    result = yield from SESSION_SUMMARY.read(sql, args, ("depth",))
    if not result.tuples:
        return []
    depth = result.columns.index("depth")
    return [
        RelatedSession(session=session, depth=row[depth])
        for session, row in zip(SESSION_SUMMARY.decode(result), result.tuples, strict=True)
    ]
