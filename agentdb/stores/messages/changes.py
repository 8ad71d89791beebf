"""What was added to conversations, and changed in them, since somebody looked: for who follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdb.operations import Operations, W, execute, operation
from agentdb.queries import messages
from agentdb.stores.fields import COUNT, ID, INTEGER, TIME
from agentdb.stores.messages.values import MESSAGE, Message
from agentdb.stores.pages import check_limit

if TYPE_CHECKING:
    from datetime import datetime

    from agentdb.operations import Steps


class MessageChangeStore(Operations[W]):
    """The changes of messages. Ids grow in the order in which messages are written, so none is skipped by who goes on from
    the last one seen."""

    @operation
    def last_id(self) -> Steps[int]:
        """The highest id of a message; 0 where there is none."""
        return int((yield from execute(messages.LAST_ID)).tuples[0][0])

    @operation
    def added(self, after_id: int, session_id: str | None = None, *, limit: int = 100) -> Steps[list[Message]]:
        """The messages that came after this id, in the order in which they were written, at most `limit`: of a session, or of
        all. Raises FieldError."""
        check_limit(limit)
        args = {
            "cursor_id": COUNT.encode("after_id", after_id),
            "session_id": ID.or_none().encode("session_id", session_id),
            "limit": limit,
        }
        return (yield from MESSAGE.many(messages.ADDED_SINCE, args))

    @operation
    def changed(self, session_id: str, since: datetime, upto_id: int) -> Steps[list[Message]]:
        """The messages of a session, up to this id, whose updated_at is `since` or later, removed ones too. Raises FieldError.

        A change that waited for the write lock has the time from before the wait, so ask from a minute before the last one
        seen, and leave out what is known.
        """
        args = {
            "session_id": ID.encode("session_id", session_id),
            "since": TIME.encode("since", since),
            "id": INTEGER.encode("upto_id", upto_id),
        }
        return (yield from MESSAGE.many(messages.UPDATED_SINCE, args))
