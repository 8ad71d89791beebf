"""Messages: what was said in a session, in its order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError, IntegrityError
from agentdb.operations import Operations, W, atomic, batch, execute, operation
from agentdb.queries import messages
from agentdb.stores.fields import (
    BOOLEAN,
    COUNT,
    ID,
    INTEGER,
    ON_ERROR,
    TIME,
    UNSET,
    JsonArray,
    JsonObject,
    OnError,
    Unset,
    now_text,
)
from agentdb.stores.messages.search_words import with_search_words
from agentdb.stores.messages.values import (
    FRESH,
    MESSAGE,
    MESSAGE_STATS,
    Message,
    MessageStats,
    MessageStatus,
    NewMessage,
)
from agentdb.stores.pages import BY_SEQ, Page, at_most, page
from agentdb.stores.sessions.live import check_live

if TYPE_CHECKING:
    from agentdb.clients.base import ResultSet
    from agentdb.operations import Steps
    from agentdb.stores.messages.search import SearchHit


class MessageStore(Operations[W]):
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
    ) -> Steps[Message]:
        """Add a message at the end of a session: its seq is the next one. Without a time it is stamped now.

        payload: content blocks, or an item as a framework gives it. search() finds what it says, with a content or without.

        is_summary: it stands for others in the context, and is not in the transcript; compactions.compact() makes such.
        external_id: where the session has a message with it already, nothing is added, and that message is returned, as
        it is. So a retry is safe.

        Raises NotFoundError for a session that is not there (`session_deleted`: that is deleted softly), IntegrityError for
        one that has no seq left (`session_full`), FieldError for a value that its field cannot hold.
        """
        row = _new(locals())
        try:
            result = yield from execute(messages.APPEND, row)
        except IntegrityError as error:
            raise _explained(error, row["session_id"]) from error
        return (yield from _appended(row, result))

    @operation
    def append_many(self, session_id: str, new: Iterable[NewMessage]) -> Steps[list[Message]]:
        """Add messages in their order, in one request: all, or none. Returns a message for each. Errors as in append()."""
        ID.encode("session_id", session_id)
        if not isinstance(new, Iterable):
            raise FieldError.of(
                "new", new, f"is an iterable of NewMessage, not {type(new).__name__}", code="wrong_type"
            )
        # Read before the batch begins: nobody waits for the lock while the caller's iterable takes its time.
        rows = []
        for message in new:
            if not isinstance(message, NewMessage):
                why = f"holds a {type(message).__name__}, not a NewMessage"
                raise FieldError.of("new", message, why, code="wrong_type")
            given = {name: getattr(message, name) for name in NewMessage.__slots__}
            rows.append(_new({**given, "session_id": session_id}))
        if not rows:
            yield from check_live(session_id)  # said also where there is nothing to add
            return []
        try:
            results = yield from batch([(messages.APPEND, row) for row in rows])
        except IntegrityError as error:
            raise _explained(error, session_id) from error
        # All are of one session, and the batch is one transaction. A row that a trigger of the host ignores is left out.
        any_added = any(result.tuples for result in results)
        appended = []
        for row, result in zip(rows, results, strict=True):
            if result.tuples or row["external_id"] is not None or not any_added:
                appended.append((yield from _appended(row, result)))
        return appended

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
        read, write = messages.GET_BY_ID, messages.UPDATE
        return (
            yield from MESSAGE.change(id, changes, read=read, write=write, derive=with_search_words, include_deleted=0)
        )

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
        args = {**_of_session(session_id, include_deleted), "external_id": ID.encode("external_id", external_id)}
        return (yield from MESSAGE.one(messages.GET_BY_EXTERNAL_ID, args))

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
    ) -> Steps[Page[Message]]:
        """A page of the transcript, in its order or from its end: at most `limit`, after the page that gave `cursor`.

        on_error: what is done with a row that is damaged, or in which raw SQL wrote what Python cannot hold. 'raise'
        raises UnreadableRowError, which names it. 'placeholder' puts an Unreadable into its fields.
        """
        sql = messages.PAGE_BACK if newest_first else messages.PAGE
        args = _of_session(session_id, include_deleted)
        return (
            yield from page(
                MESSAGE,
                sql,
                args,
                limit=limit,
                cursor=cursor,
                oldest_first=not newest_first,
                key=BY_SEQ,
                on_error=on_error,
            )
        )

    @operation
    def load(
        self, session_id: str, *, include_deleted: bool = False, on_error: OnError = "raise"
    ) -> Steps[list[Message]]:
        """The whole transcript, in its order. on_error: as for page()."""
        args = _of_session(session_id, include_deleted)
        return (yield from MESSAGE.many(messages.GET_BY_SESSION_ID, args, ON_ERROR.encode("on_error", on_error)))

    @operation
    def context(
        self, session_id: str, *, include_deleted: bool = False, on_error: OnError = "raise"
    ) -> Steps[list[Message]]:
        """What the model is sent, in its order: what no compaction took out, and the summaries in place of the rest.
        on_error: as for page()."""
        args = _of_session(session_id, include_deleted)
        return (yield from MESSAGE.many(messages.GET_CONTEXT, args, ON_ERROR.encode("on_error", on_error)))

    @operation
    def latest(
        self,
        session_id: str,
        limit: int | None = 50,
        *,
        include_deleted: bool = False,
        on_error: OnError = "raise",
    ) -> Steps[list[Message]]:
        """The last `limit` messages of the transcript, in its order; None: all of them. on_error: as for page()."""
        args = {**_of_session(session_id, include_deleted), "limit": at_most(limit)}
        found = yield from MESSAGE.many(messages.GET_LATEST_BY_SESSION_ID, args, ON_ERROR.encode("on_error", on_error))
        found.reverse()
        return found

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
        Their seqs are not given again."""
        args = {"session_id": ID.encode("session_id", session_id), "seq": COUNT.encode("seq", seq)}
        return (yield from execute(messages.REMOVE_FROM_SEQ, {**args, "removed_at": now_text()})).rows_affected

    @operation
    def clear(self, session_id: str) -> Steps[int]:
        """Remove all messages of a session, and keep the session; how many there were. Their seqs are not given again."""
        return (yield from self.delete_from.steps(session_id, 0))

    @operation
    def restore(self, id: int) -> Steps[bool]:
        """Bring a removed message back to its place; False if there is none, or it is not removed.

        Raises IntegrityError `place_taken` where another message has taken its place.
        """
        args = {"id": INTEGER.encode("id", id), "updated_at": now_text()}
        try:
            return (yield from execute(messages.RESTORE_BY_ID, args)).rows_affected > 0
        except IntegrityError as error:
            if error.code != "unique":
                raise
            raise IntegrityError(
                f"message {id} cannot be restored: another message has taken its place",
                code="place_taken",
            ) from error

    @operation
    def purge(self, session_id: str, *, before: datetime | None = None) -> Steps[int]:
        """Delete the removed messages of a session for good: all, or those removed at `before` or earlier; how many."""
        args = {
            "session_id": ID.encode("session_id", session_id),
            "before": "9999-12-31T23:59:59.999Z" if before is None else TIME.encode("before", before),
        }
        return (yield from execute(messages.PURGE, args)).rows_affected

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
        return (yield from MESSAGE_STATS.one(messages.STATS, _of_session(session_id, include_deleted)))

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


def _of_session(session_id: str, include_deleted: bool) -> dict[str, Any]:
    return {
        "session_id": ID.encode("session_id", session_id),
        "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
    }


def _new(given: dict[str, Any]) -> dict[str, Any]:
    return with_search_words(MESSAGE.new(given))


def _appended(row: dict[str, Any], result: ResultSet) -> Steps[Message]:
    """The message of a row that was appended; where its external id was taken, the one that has it."""
    if result.tuples:
        id, seq = result.tuples[0]
        return MESSAGE.of_encoded({**FRESH, "updated_at": row["created_at"], **row, "id": id, "seq": seq})
    session_id = row["session_id"]
    if row["external_id"] is not None:
        args = {"session_id": session_id, "external_id": row["external_id"], "include_deleted": 0}
        message = yield from MESSAGE.one(messages.GET_BY_EXTERNAL_ID, args)
        if message is not None:
            return message
    yield from check_live(session_id)
    raise IntegrityError("the message was not added: a trigger on messages ignored it", code="constraint")


def _explained(error: IntegrityError, session_id: str) -> IntegrityError:
    return session_full(session_id) if "seq BETWEEN" in error.message else error


def session_full(session_id: str) -> IntegrityError:
    """No seq is left behind the last one of a session; only raw SQL can have come to that."""
    return IntegrityError(f"session_id: session {session_id!r} has no seq left", code="session_full")
