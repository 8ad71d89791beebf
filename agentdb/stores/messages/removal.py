"""Removing messages from a conversation, and bringing them back: what is removed is marked, until it is purged."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError, IntegrityError, NotFoundError
from agentdb.operations import Operations, W, batch, execute, operation
from agentdb.queries import messages
from agentdb.stores.fields import BOOLEAN, COUNT, ID, INTEGER, TIME, now_text
from agentdb.stores.messages.values import MESSAGE, Message
from agentdb.stores.pages import BEYOND_INTEGERS, Key, Page, page

if TYPE_CHECKING:
    from agentdb.operations import Steps

_BY_REMOVAL = Key(("removed_at", "id"), ("cursor_time", "cursor_id"), ("", 0), ("\U0010ffff", BEYOND_INTEGERS))


class MessageRemoval(Operations[W]):
    """The part of MessageStore that takes messages out of a conversation, and brings them back."""

    @operation
    def pop(self, session_id: str) -> Steps[Message | None]:
        """Remove the last message of the transcript and return it; None if there is none. Its seq is not given again."""
        args = {"session_id": ID.encode("session_id", session_id), "removed_at": now_text()}
        return (yield from MESSAGE.one(messages.POP, args))

    @operation
    def delete(self, id: int) -> Steps[bool]:
        """Remove a message; False if there is none, or it is removed already."""
        args = {"id": INTEGER.encode("id", id), "removed_at": now_text()}
        return (yield from execute(messages.REMOVE_BY_ID, args)).rows_affected > 0

    @operation
    def delete_from(self, session_id: str, seq: int) -> Steps[int]:
        """Remove the message with this seq and all behind it, as before a new answer, summaries too; how many there were.
        Their seqs are not given again.

        A compaction that took out messages on both sides of this place is restored, because its summary tells of what is
        removed. What is left of it comes back into the context. restore_removal() undoes a removal.
        """
        args = {"session_id": ID.encode("session_id", session_id), "removed_at": now_text()}
        removed, *_ = yield from batch(
            [
                (messages.REMOVE_FROM_SEQ, {**args, "seq": COUNT.encode("seq", seq)}),
                (messages.SETTLE_EVENTS, args),
                (messages.CLEAR_SETTLED_MARKS, args),
            ]
        )
        return removed.rows_affected

    @operation
    def clear(self, session_id: str) -> Steps[int]:
        """Remove all messages of a session, and keep the session; how many there were. Their seqs are not given again."""
        return (yield from self.delete_from.steps(session_id, 0))

    @operation
    def removed(
        self, session_id: str, *, limit: int = 50, cursor: str | None = None, include_deleted: bool = False
    ) -> Steps[Page[Message]]:
        """What is removed of a session and not purged, the latest removal first: a page of at most `limit`, after the page
        that gave `cursor`. Messages that one call removed have the same `removed_at`."""
        args = {
            "session_id": ID.encode("session_id", session_id),
            "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
        }
        return (yield from page(MESSAGE, messages.REMOVED, args, limit=limit, cursor=cursor, key=_BY_REMOVAL))

    @operation
    def restore(self, id: int) -> Steps[bool]:
        """Bring a removed message back to its place; False if there is none, or it is not removed.

        Raises IntegrityError `place_taken` where another message has taken its place.
        """
        return (yield from _restore(messages.RESTORE_BY_ID, id=INTEGER.encode("id", id))) > 0

    @operation
    def restore_many(self, ids: Iterable[int]) -> Steps[int]:
        """Bring removed messages back to their places, all or none; how many there were. Those that are not removed stay as
        they are. Raises IntegrityError `place_taken`, as restore()."""
        if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
            raise FieldError.of("ids", ids, f"is an iterable of ids, not {type(ids).__name__}", code="wrong_type")
        chosen = [INTEGER.encode("ids", id) for id in ids]
        return (yield from _restore(messages.RESTORE_THESE, ids=dumps(chosen)))

    @operation
    def restore_removal(self, session_id: str, removed_at: datetime | None = None) -> Steps[int]:
        """Undo one removal of a session: bring back all that the call removed which removed at `removed_at`, without a time
        the latest; how many messages there were, 0 where nothing is removed.

        Messages that were appended since stay where they are, behind what comes back. The summary of a compaction that is
        restored stays removed. Raises IntegrityError `place_taken`; then nothing comes back.
        """
        args = {"session_id": ID.encode("session_id", session_id)}
        at = None if removed_at is None else TIME.encode("removed_at", removed_at)
        if at is None:
            at = (yield from execute(messages.LAST_REMOVED_AT, args)).tuples[0][0]
        found = yield from execute(messages.REMOVED_AT, {**args, "removed_at": at})
        ids = [row[0] for row in found.tuples]
        return (yield from _restore(messages.RESTORE_THESE, ids=dumps(ids)))

    @operation
    def purge(self, session_id: str, *, before: datetime | None = None) -> Steps[int]:
        """Delete the removed messages of a session for good: all, or those removed at `before` or earlier; how many."""
        args = {
            "session_id": ID.encode("session_id", session_id),
            "before": "9999-12-31T23:59:59.999Z" if before is None else TIME.encode("before", before),
        }
        return (yield from execute(messages.PURGE, args)).rows_affected

    @operation
    def alternatives(self, message_id: int) -> Steps[list[Message]]:
        """What stood where this message stands, in the order of seqs: of each removal behind the message before it, up to
        its own place, the first message that went. So after regenerate() and a new answer, the earlier answers; after a save
        that edited it, its earlier versions. For a removed message: the others, and the one that stands there now.

        What an answer was followed by went with it, and has its `removed_at`; see removed().

        Raises NotFoundError for a message that is not there, or whose session is deleted softly.
        """
        message = yield from find(message_id)
        args: dict[str, Any] = {"session_id": message.session_id, "seq": message.seq}
        before, behind = (yield from execute(messages.NEIGHBOURS, args)).tuples[0]
        is_there = message.removed_at is None and not message.is_summary
        last = message.seq if is_there else (BEYOND_INTEGERS if behind is None else behind)
        found = yield from execute(messages.STOOD_BETWEEN, {**args, "cursor_seq": before or 0, "seq": last})
        first_seqs: dict[str | None, int] = {}
        ids = []
        for id, seq, removed_at in found.tuples:
            if first_seqs.setdefault(removed_at, seq) == seq and id != message.id:
                ids.append(id)
        return (yield from MESSAGE.many(messages.THESE, {"ids": dumps(ids)}))


def find(id: int) -> Steps[Message]:
    """The message with this id, removed or not. Raises NotFoundError."""
    message = yield from MESSAGE.one(messages.GET_BY_ID, {"id": INTEGER.encode("id", id), "include_deleted": 0})
    if message is None:
        raise MESSAGE.not_found(id)
    return message


def find_in_transcript(id: int) -> Steps[Message]:
    """The message of a transcript with this id. Raises NotFoundError: `not_in_transcript` for one that is removed, and for a
    summary."""
    message = yield from find(id)
    if message.removed_at is not None or message.is_summary:
        state = "is a summary" if message.is_summary else "is removed"
        raise NotFoundError(f"message {id} {state}, so it is not in the transcript", code="not_in_transcript")
    return message


def _restore(sql: str, **which: Any) -> Steps[int]:
    try:
        return (yield from execute(sql, {**which, "updated_at": now_text()})).rows_affected
    except IntegrityError as error:
        if error.code != "unique":
            raise
        about = f"message {which['id']}" if "id" in which else "one of the messages"
        raise IntegrityError(
            f"{about} cannot be restored: another message has taken its place", code="place_taken"
        ) from error
