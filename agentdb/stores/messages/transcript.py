"""The lists of a session's messages: the transcript, which people read, and the context, which goes to the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentdb.operations import Operations, W, operation
from agentdb.queries import messages
from agentdb.stores.fields import BOOLEAN, COUNT, ID, ON_ERROR, OnError
from agentdb.stores.messages.context import context_of
from agentdb.stores.messages.values import MESSAGE, MESSAGE_WITHOUT_PAYLOAD, Message
from agentdb.stores.pages import BY_SEQ, BY_SEQ_AND_ID, Page, at_most, page

if TYPE_CHECKING:
    from agentdb.operations import Steps
    from agentdb.stores.entity import Entity


class Transcript(Operations[W]):
    """What reads many messages of one session."""

    @operation
    def page(
        self,
        session_id: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        newest_first: bool = False,
        payload: bool = True,
        include_summaries: bool = False,
        include_removed: bool = False,
        include_deleted: bool = False,
        on_error: OnError = "raise",
    ) -> Steps[Page[Message]]:
        """A page of the transcript, in its order or from its end: at most `limit`, after the page that gave `cursor`.

        payload: False reads no payloads: `message.payload` is NOT_READ where there is one, and None where there is none.
        include_summaries, include_removed: the summaries of compactions, and what was removed, too, at their places.
        on_error: what is done with a row that cannot be read, because it is damaged or raw SQL wrote what Python cannot
        hold. 'raise' is UnreadableRowError, which names it; 'placeholder' puts an Unreadable into its fields.
        """
        statements = (
            (messages.PAGE_BACK, messages.PAGE_BACK_LISTING) if newest_first else (messages.PAGE, messages.PAGE_LISTING)
        )
        entity, sql, args = _listing(
            *statements, session_id, include_deleted, payload, include_summaries, include_removed
        )
        return (
            yield from page(
                entity,
                sql,
                args,
                limit=limit,
                cursor=cursor,
                oldest_first=not newest_first,
                key=BY_SEQ if sql in (messages.PAGE, messages.PAGE_BACK) else BY_SEQ_AND_ID,
                on_error=on_error,
            )
        )

    @operation
    def load(
        self,
        session_id: str,
        *,
        payload: bool = True,
        include_summaries: bool = False,
        include_removed: bool = False,
        include_deleted: bool = False,
        on_error: OnError = "raise",
    ) -> Steps[list[Message]]:
        """The whole transcript, in its order. What is not said here: as for page()."""
        statements = (messages.GET_BY_SESSION_ID, messages.LISTING)
        entity, sql, args = _listing(
            *statements, session_id, include_deleted, payload, include_summaries, include_removed
        )
        return (yield from entity.many(sql, args, ON_ERROR.encode("on_error", on_error)))

    @operation
    def context(
        self,
        session_id: str,
        limit_tokens: int | None = None,
        *,
        payload: bool = True,
        include_open_calls: bool = False,
        include_deleted: bool = False,
        on_error: OnError = "raise",
    ) -> Steps[list[Message]]:
        """What the model is sent: what no compaction took out, and the summaries in place of the rest.

        The result of a call stands behind it, wherever its seq is. A call without its result is left out, and a result
        without its call. Where a message of an unknown shape stands in the same turn, which may be the missing part, both
        stay. A context begins with a message of a user: what stands before it is left out, except system messages and
        summaries. The transcript has them all.

        limit_tokens: only the latest whole turns that have at most so many tokens, with the system messages at the head,
        summaries, and what is preserved. Of a last turn that alone has more, its first message and its latest steps.
        include_open_calls: calls without their results, too. payload, on_error: as for page().

        Raises FieldError `too_small` where what must be sent has more than limit_tokens.
        """
        return (
            yield from context_of(
                of_session(session_id, include_deleted),
                COUNT.or_none().encode("limit_tokens", limit_tokens),
                bool(BOOLEAN.encode("payload", payload)),
                bool(BOOLEAN.encode("include_open_calls", include_open_calls)),
                ON_ERROR.encode("on_error", on_error),
            )
        )

    @operation
    def latest(
        self,
        session_id: str,
        limit: int | None = 50,
        *,
        payload: bool = True,
        include_summaries: bool = False,
        include_removed: bool = False,
        include_deleted: bool = False,
        on_error: OnError = "raise",
    ) -> Steps[list[Message]]:
        """The last `limit` messages of the transcript, in its order; None: all of them. What is not said here: as for page()."""
        statements = (messages.GET_LATEST_BY_SESSION_ID, messages.LATEST_LISTING)
        entity, sql, args = _listing(
            *statements, session_id, include_deleted, payload, include_summaries, include_removed
        )
        found = yield from entity.many(sql, {**args, "limit": at_most(limit)}, ON_ERROR.encode("on_error", on_error))
        found.reverse()
        return found


def _listing(
    plain: str, any: str, session_id: str, include_deleted: bool, payload: bool, summaries: bool, removed: bool
) -> tuple[Entity[Message], str, dict[str, Any]]:
    """What reads a list of the transcript: the statement of that alone, or `any`, which takes what to add and to leave out."""
    args = of_session(session_id, include_deleted)
    more = {
        "with_payloads": BOOLEAN.encode("payload", payload),
        "include_summaries": BOOLEAN.encode("include_summaries", summaries),
        "include_removed": BOOLEAN.encode("include_removed", removed),
    }
    if payload and not summaries and not removed:
        return MESSAGE, plain, args
    return MESSAGE if payload else MESSAGE_WITHOUT_PAYLOAD, any, args | more


def of_session(session_id: str, include_deleted: bool) -> dict[str, Any]:
    """The session of a list, as its statement binds it."""
    return {
        "session_id": ID.encode("session_id", session_id),
        "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
    }
