"""Lists of sessions, what a list can be asked for, and the search for a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdb.operations import Operations, W, execute, operation
from agentdb.queries import sessions
from agentdb.stores.fields import COUNT, ID, TEXT, JsonObject, now_text
from agentdb.stores.pages import BY_ACTIVITY, Page, page
from agentdb.stores.sessions.filters import by_activity, filters, newest
from agentdb.stores.sessions.values import SESSION_SUMMARY, STATUS, SessionStatus, SessionSummary

if TYPE_CHECKING:
    from agentdb.operations import Steps
    from agentdb.stores.sessions.search import SessionHit


class SessionLists(Operations[W]):
    """The operations that find sessions, pin and archive them."""

    @operation
    def pin(self, id: str) -> Steps[bool]:
        """Pin a session, as of now: lists can be asked for pinned ones. False if there is no live one, or it is pinned."""
        return (
            yield from execute(sessions.PIN, {"id": ID.encode("id", id), "pinned_at": now_text()})
        ).rows_affected > 0

    @operation
    def unpin(self, id: str) -> Steps[bool]:
        """Take the pin off a session. False if there is no live one, or it has no pin."""
        return (yield from execute(sessions.UNPIN, {"id": ID.encode("id", id)})).rows_affected > 0

    @operation
    def archive(self, id: str) -> Steps[bool]:
        """Archive a session, as of now: lists can leave it out, and nothing else changes. False if there is no live one, or
        it is archived."""
        args = {"id": ID.encode("id", id), "archived_at": now_text()}
        return (yield from execute(sessions.ARCHIVE, args)).rows_affected > 0

    @operation
    def unarchive(self, id: str) -> Steps[bool]:
        """Bring a session back from the archive. False if there is no live one, or it is not archived."""
        return (yield from execute(sessions.UNARCHIVE, {"id": ID.encode("id", id)})).rows_affected > 0

    @operation
    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        status: SessionStatus | None = None,
        main_agent_id: str | None = None,
        user_id: str | None = None,
        tag: str | None = None,
        metadata: JsonObject | None = None,
        pinned: bool | None = None,
        archived: bool | None = None,
        include_deleted: bool = False,
    ) -> Steps[Page[SessionSummary]]:
        """Summaries of sessions, newest first: a page of at most `limit`, after the page that gave `cursor`. None is any.

        tag: one of their tags. metadata: members that their metadata have, with these values.

        An index finds those of an agent, of a user, with a status, with a tag, or pinned, and the newest of all. The other
        filters are asked of the sessions that it finds, until the page is full.
        """
        args = filters(
            status=status,
            main_agent_id=main_agent_id,
            user_id=user_id,
            tag=tag,
            metadata=metadata,
            pinned=pinned,
            archived=archived,
            include_deleted=include_deleted,
        )
        return (yield from page(SESSION_SUMMARY, newest(args), args, limit=limit, cursor=cursor))

    @operation
    def recent(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        user_id: str | None = None,
        tag: str | None = None,
        metadata: JsonObject | None = None,
        pinned: bool | None = None,
        archived: bool | None = None,
    ) -> Steps[Page[SessionSummary]]:
        """Summaries of the live sessions, the latest activity first; one without messages was active when it was made. The
        filters are those of list().

        A session that becomes active between two pages moves to the front, so the second does not show it.
        """
        args = filters(user_id=user_id, tag=tag, metadata=metadata, pinned=pinned, archived=archived)
        return (yield from page(SESSION_SUMMARY, by_activity(args), args, limit=limit, cursor=cursor, key=BY_ACTIVITY))

    @operation
    def search(
        self,
        text: str,
        *,
        user_id: str | None = None,
        archived: bool | None = None,
        limit: int = 50,
        cursor: str | None = None,
        marks: tuple[str, str] = ("", ""),
        scan: int = 10_000,
    ) -> Steps[Page[SessionHit]]:
        """Live sessions whose name and goal, or one of whose messages, hold every word of `text`, the latest activity first:
        a page of at most `limit`, after the page that gave `cursor`. Words are compared as by messages.search().

        marks: what stands before and behind each word in a snippet.
        scan: how many of the newest messages that hold the words are looked at.

        It reads the names and goals of all live sessions.

        Raises FieldError: for an empty text, for limits and a cursor.
        """
        from agentdb.stores.sessions.search import search

        args = filters(user_id=user_id, archived=archived)
        scan = COUNT.encode("scan", scan)
        return (yield from search(text, args, limit=limit, cursor=cursor, marks=marks, scan=scan))

    @operation
    def by_status(
        self, status: SessionStatus, *, limit: int = 50, cursor: str | None = None, include_deleted: bool = False
    ) -> Steps[Page[SessionSummary]]:
        """Summaries of the sessions with this status, newest first."""
        status = STATUS.encode("status", status)
        return (yield from self.list.steps(status=status, limit=limit, cursor=cursor, include_deleted=include_deleted))

    @operation
    def by_agent(
        self, main_agent_id: str, *, limit: int = 50, cursor: str | None = None, include_deleted: bool = False
    ) -> Steps[Page[SessionSummary]]:
        """Summaries of the sessions of this agent, newest first."""
        id = ID.encode("main_agent_id", main_agent_id)
        return (
            yield from self.list.steps(main_agent_id=id, limit=limit, cursor=cursor, include_deleted=include_deleted)
        )

    @operation
    def by_user(
        self, user_id: str, *, limit: int = 50, cursor: str | None = None, include_deleted: bool = False
    ) -> Steps[Page[SessionSummary]]:
        """Summaries of the sessions of this user, newest first; as list()."""
        ID.encode("user_id", user_id)
        page = self.list.steps(limit=limit, cursor=cursor, user_id=user_id, include_deleted=include_deleted)
        return (yield from page)

    @operation
    def by_tag(
        self, tag: str, *, limit: int = 50, cursor: str | None = None, include_deleted: bool = False
    ) -> Steps[Page[SessionSummary]]:
        """Summaries of the sessions with this tag, newest first; as list(). An index of tags finds them."""
        TEXT.encode("tag", tag)
        page = self.list.steps(limit=limit, cursor=cursor, tag=tag, include_deleted=include_deleted)
        return (yield from page)
