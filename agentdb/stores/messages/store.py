"""Messages: what was said in a session, in its order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from agentdb.errors import FieldError
from agentdb.operations import W, atomic, atomically, execute, operation
from agentdb.queries import messages
from agentdb.stores.fields import (
    BOOLEAN,
    COUNT,
    ID,
    INTEGER,
    ON_ERROR,
    UNSET,
    JsonArray,
    JsonObject,
    OnError,
    Unset,
)
from agentdb.stores.messages.append import append_expecting, append_row, append_rows, new_row, row_of
from agentdb.stores.messages.derived import derive_again
from agentdb.stores.messages.open_calls import ToolCalls
from agentdb.stores.messages.removal import MessageRemoval, find_in_transcript
from agentdb.stores.messages.transcript import Transcript, of_session
from agentdb.stores.messages.values import (
    MESSAGE,
    MESSAGE_STATS,
    Message,
    MessageStats,
    MessageStatus,
    NewMessage,
)

if TYPE_CHECKING:
    from agentdb.operations import Steps
    from agentdb.stores.messages.search import SearchHit
    from agentdb.stores.pages import Page


class MessageStore(Transcript[W], MessageRemoval[W], ToolCalls[W]):
    """The messages of a database's sessions.

    The transcript is what people read: every message that is neither a summary nor removed. The context is what the model
    is sent: what no compaction took out, summaries included. What is removed is marked, and can be restored until it is
    purged.

    A session that is deleted softly is as if it had none, unless `include_deleted` is True; nothing is added to it and
    nothing is taken out of it before it is restored.
    """

    @operation
    def append(
        self,
        session_id: str,
        *,
        role: str,
        content: str | None = None,
        name: str | None = None,
        tool_call_id: str | None = None,
        tool_calls: JsonArray | None = None,
        token_count: int | None = None,
        usage: JsonObject | None = None,
        metadata: JsonObject | None = None,
        payload: JsonArray | JsonObject | None = None,
        external_id: str | None = None,
        status: MessageStatus = "complete",
        is_preserved: bool = False,
        is_summary: bool = False,
        created_at: datetime | None = None,
        expected_last_seq: int | None = None,
    ) -> Steps[Message]:
        """Add a message at the end of a session: its seq is the next one. Without a time it is stamped now.

        payload: content blocks, or an item as a framework gives it. search() finds what it says, with a content or without.

        is_summary: it stands for others in the context, and is not in the transcript; compactions.compact() makes such.
        external_id: where the session has a message with it already, nothing is added, and that message is returned, as
        it is. So a retry is safe, also of a call that was cancelled: it may have been written. status: 'partial' for one that
        is still being written; go on with update(). expected_last_seq: the last seq that the caller knows of this session,
        removed messages included; 0 of an empty one.

        Raises ConflictError where the session has come to another seq. Raises NotFoundError for a session that is not there
        (`session_deleted`: that is deleted softly), IntegrityError for one that has no seq left (`session_full`), FieldError
        for a value that its field cannot hold.
        """
        row = new_row(locals(), self._token_counter, "the message")
        if expected_last_seq is not None:
            expected = COUNT.encode("expected_last_seq", expected_last_seq)
            return (yield from atomically(append_expecting([row], row["session_id"], expected)))[0]
        return (yield from append_row(row))

    @operation
    def append_many(
        self, session_id: str, new: Iterable[NewMessage], *, expected_last_seq: int | None = None
    ) -> Steps[list[Message]]:
        """Add messages in their order, in one request: all, or none. Returns a message for each. expected_last_seq, and
        errors, as in append()."""
        ID.encode("session_id", session_id)
        expected = COUNT.or_none().encode("expected_last_seq", expected_last_seq)
        if not isinstance(new, Iterable):
            raise FieldError.of(
                "new", new, f"is an iterable of NewMessage, not {type(new).__name__}", code="wrong_type"
            )
        # Read before the batch begins: nobody waits for the lock while the caller's iterable takes its time.
        rows = []
        for number, message in enumerate(new):
            if not isinstance(message, NewMessage):
                why = f"holds a {type(message).__name__}, not a NewMessage"
                raise FieldError.of("new", message, why, code="wrong_type")
            rows.append(row_of(session_id, message, self._token_counter, f"new[{number}]"))
        if expected is not None:
            return (yield from atomically(append_expecting(rows, session_id, expected)))
        return (yield from append_rows(rows, session_id))

    @atomic
    def update(
        self,
        id: int,
        *,
        content: str | None | Unset = UNSET,
        name: str | None | Unset = UNSET,
        tool_calls: JsonArray | None | Unset = UNSET,
        token_count: int | None | Unset = UNSET,
        usage: JsonObject | None | Unset = UNSET,
        metadata: JsonObject | None | Unset = UNSET,
        payload: JsonArray | JsonObject | None | Unset = UNSET,
        status: MessageStatus | Unset = UNSET,
        is_preserved: bool | Unset = UNSET,
    ) -> Steps[Message]:
        """Change what is given, stamp updated_at, and return the message as it is now; None is a value, UNSET is not. Its id,
        seq and created_at stay, and search() finds the new texts.

        Raises NotFoundError for a message that is not there, or whose session is deleted softly; FieldError.
        """
        changes = MESSAGE.changes(locals())
        return (
            yield from MESSAGE.change(
                id,
                changes,
                read=messages.GET_BY_ID,
                write=messages.UPDATE,
                derive=lambda row: derive_again(row, changes, self._token_counter),
                include_deleted=0,
            )
        )

    @operation
    def partial(
        self, session_id: str | None = None, *, include_deleted: bool = False, on_error: OnError = "raise"
    ) -> Steps[list[Message]]:
        """The messages that are still being written, those of one session or of all: after a crash, what it left. Ask at the
        start of a program, and finish, or delete, each. on_error: as for page().
        """
        BOOLEAN.encode("include_deleted", include_deleted)
        ON_ERROR.encode("on_error", on_error)
        if session_id is None:
            return (yield from MESSAGE.many(messages.PARTIAL, {"include_deleted": int(include_deleted)}, on_error))
        args = of_session(session_id, include_deleted)
        return (yield from MESSAGE.many(messages.PARTIAL_OF_SESSION, args, on_error))

    @atomic
    def regenerate(self, message_id: int) -> Steps[list[Message]]:
        """Make room for another answer: remove this message and all behind it, as delete_from(), and return the context
        before it, as context(). What is removed can be read with alternatives() of the new answer, and brought back with
        restore_removal().

        Raises NotFoundError for a message that is not there, whose session is deleted softly, or which is not in the
        transcript (`not_in_transcript`).
        """
        message = yield from find_in_transcript(message_id)
        yield from self.delete_from.steps(message.session_id, message.seq)
        return (yield from self.context.steps(message.session_id))

    @operation
    def get(self, id: int, *, include_deleted: bool = False, on_error: OnError = "raise") -> Steps[Message | None]:
        """The message with this id, removed or not; or None. on_error: as for page()."""
        args = {"id": INTEGER.encode("id", id), "include_deleted": BOOLEAN.encode("include_deleted", include_deleted)}
        return (yield from MESSAGE.one(messages.GET_BY_ID, args, ON_ERROR.encode("on_error", on_error)))

    @operation
    def require(self, id: int, *, include_deleted: bool = False) -> Steps[Message]:
        """The message with this id, removed or not. Raises NotFoundError."""
        message = yield from self.get.steps(id, include_deleted=include_deleted)
        if message is None:
            raise MESSAGE.not_found(id)
        return message

    @operation
    def by_external_id(
        self, session_id: str, external_id: str, *, include_deleted: bool = False
    ) -> Steps[Message | None]:
        """The message of a session that the caller knows by this id, removed or not; or None."""
        args = {**of_session(session_id, include_deleted), "external_id": ID.encode("external_id", external_id)}
        return (yield from MESSAGE.one(messages.GET_BY_EXTERNAL_ID, args))

    @operation
    def erase_deleted(self) -> Steps[bool]:
        """Overwrite what purged messages and deleted sessions have left in the file. False where another reader kept the -wal
        file from being emptied: then call it again later.

        Until then the search index keeps sequences of three characters of them, and the -wal file whole pages. The index is
        merged into one piece, which takes as long as writing it again. With secure_delete='on', the default, no byte of the
        file has the text then; what was deleted with 'off' or 'fast' before needs a VACUUM. Backups keep what they have.

        Not for inside a transaction: the -wal file cannot be emptied there.
        """
        from agentdb.queries import message_search

        yield from execute(message_search.OPTIMIZE)
        return not (yield from execute(message_search.CHECKPOINT)).tuples[0][0]

    @operation
    def stats(self, session_id: str, *, include_deleted: bool = False) -> Steps[MessageStats | None]:
        """The state of a conversation, without reading its messages; None if there is no such session."""
        return (yield from MESSAGE_STATS.one(messages.STATS, of_session(session_id, include_deleted)))

    @operation
    def search(
        self,
        text: str,
        *,
        session_id: str | None = None,
        agent_id: str | None = None,
        include_deleted: bool = False,
        limit: int = 50,
        cursor: str | None = None,
        newest_first: bool = False,
        marks: tuple[str, str] = ("", ""),
        syntax: bool = False,
        scan: int = 10_000,
    ) -> Steps[Page[SearchHit]]:
        """Messages of the transcript that hold every word of `text`, in one session, in those of one main agent, or in all: a
        page of at most `limit`, after the page that gave `cursor`.

        A message is found by its content, and by what its payload and its calls of tools say: all strings but types, ids,
        signatures, encrypted text and the bytes of files. Words are what white space parts. A word is found inside
        others too, so also in the middle of Chinese, Japanese or Korean. Case and accents do not count, nor do other ways
        to write the same, as ł and l, straight and curly apostrophes, or full-width letters.

        The best rank comes first; with `newest_first`, and where no word has three characters, the newest. Ranks change
        with what is added, so pages by rank may show a message twice, or not at all; pages by time are true.

        marks: what stands before and behind each word in a snippet.
        scan: how many texts are read for one page, where the index alone cannot tell. That is so for a word of one or two
        characters beside others, and for such a word that very many messages hold. A page may then have fewer hits than
        `limit` and still a next cursor.
        syntax: `text` is an FTS5 expression (AND, OR, NOT, NEAR, "phrases"), compared as it is written, in any case.

        Raises FieldError: for an empty text, for a malformed expression (`bad_search`), for limits and a cursor.
        """
        from agentdb.stores.messages.search import search

        scope = {
            "session_id": None if session_id is None else ID.encode("session_id", session_id),
            "agent_id": None if agent_id is None else ID.encode("agent_id", agent_id),
            "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
        }
        return (
            yield from search(
                text,
                scope,
                limit=limit,
                cursor=cursor,
                newest_first=bool(BOOLEAN.encode("newest_first", newest_first)),
                marks=marks,
                syntax=bool(BOOLEAN.encode("syntax", syntax)),
                scan=COUNT.encode("scan", scan),
            )
        )
