"""Messages: what was said in a session, in its order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from agentdb.errors import FieldError, IntegrityError, NotFoundError
from agentdb.operations import Operations, W, batch, execute, operation
from agentdb.queries import messages, sessions
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import (
    BOOLEAN,
    COUNT,
    ID,
    INTEGER,
    JSON_ARRAY,
    JSON_ARRAY_OR_OBJECT,
    JSON_OBJECT,
    ON_ERROR,
    TEXT,
    TIME,
    TOKENS,
    JsonArray,
    JsonObject,
    OnError,
    one_of,
)
from agentdb.stores.pages import BY_SEQ, Page, at_most, page

if TYPE_CHECKING:
    from agentdb.clients.base import ResultSet
    from agentdb.operations import Steps
    from agentdb.stores.message_search import SearchHit

MessageRole: TypeAlias = Literal["user", "assistant", "system", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Values):
    """One message of a session. `seq` is its place there: it only grows, and has gaps where messages were removed.

    `content` is None for a message that only calls tools. `token_count` is None where nobody counted. `usage_json` has what
    the model's provider reported (input, output, cache_creation, cache_read). `payload_json` has content blocks, or an item
    as a framework wants it back; `content` then holds its text.
    """

    id: int
    session_id: str
    seq: int
    role: MessageRole
    content: str | None
    name: str | None
    tool_call_id: str | None
    tool_calls_json: JsonArray | None
    token_count: int | None
    usage_json: JsonObject | None
    metadata_json: JsonObject | None
    payload_json: JsonArray | JsonObject | None
    is_preserved: bool
    is_summary: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to append, for append_many()."""

    role: MessageRole
    content: str | None = None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls_json: JsonArray | None = None
    token_count: int | None = None
    usage_json: JsonObject | None = None
    metadata_json: JsonObject | None = None
    payload_json: JsonArray | JsonObject | None = None
    is_preserved: bool = False
    is_summary: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStats(Values):
    """Where a conversation stands. `last_activity_at` moves with each message, `last_message_at` is the time of the last
    one that is there; both are None where there was none."""

    session_id: str
    message_count: int
    total_tokens: int
    last_seq: int
    compaction_count: int
    created_at: datetime
    last_activity_at: datetime | None
    last_message_at: datetime | None
    deleted_at: datetime | None


#: The greatest seq that a message can have.
LAST_SEQ = 2**53 - 1

MESSAGE = Entity(
    Message,
    id=INTEGER,
    session_id=ID,
    seq=COUNT,
    role=one_of("user", "assistant", "system", "tool"),
    content=TEXT.or_none(),
    name=TEXT.or_none(),
    tool_call_id=TEXT.or_none(),
    tool_calls_json=JSON_ARRAY.or_none(),
    token_count=TOKENS.or_none(),
    usage_json=JSON_OBJECT.or_none(),
    metadata_json=JSON_OBJECT.or_none(),
    payload_json=JSON_ARRAY_OR_OBJECT.or_none(),
    is_preserved=BOOLEAN,
    is_summary=BOOLEAN,
    created_at=TIME,
)
MESSAGE_STATS = Entity(
    MessageStats,
    session_id=ID,
    message_count=COUNT,
    total_tokens=COUNT,
    last_seq=COUNT,
    compaction_count=COUNT,
    created_at=TIME,
    last_activity_at=TIME.or_none(),
    last_message_at=TIME.or_none(),
    deleted_at=TIME.or_none(),
)


class MessageStore(Operations[W]):
    """The messages of a database's sessions.

    A session that is deleted softly is as if it had none, unless `include_deleted` is True; nothing is added to it and
    nothing is taken out of it before it is restored.
    """

    @operation
    def append(
        self,
        session_id: str,
        *,
        role: MessageRole,
        content: str | None = None,
        name: str | None = None,
        tool_call_id: str | None = None,
        tool_calls_json: JsonArray | None = None,
        token_count: int | None = None,
        usage_json: JsonObject | None = None,
        metadata_json: JsonObject | None = None,
        payload_json: JsonArray | JsonObject | None = None,
        is_preserved: bool = False,
        is_summary: bool = False,
        created_at: datetime | None = None,
    ) -> Steps[Message]:
        """Add a message at the end of a session: its seq is the next one. Without a time it is stamped now; without a
        content, that is what the payload says: texts, arguments of calls, what tools gave, and summaries of reasoning.

        Raises NotFoundError for a session that is not there (`session_deleted`: that is deleted softly), IntegrityError for
        one that has no seq left (`session_full`), FieldError for a value that its field cannot hold.
        """
        return (yield from _append(_new(locals())))

    @operation
    def append_many(self, session_id: str, new: Iterable[NewMessage]) -> Steps[list[Message]]:
        """Add messages in their order, in one request: all, or none. Errors as in append()."""
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
        return (yield from _append_all(session_id, rows))

    @operation
    def get(self, id: int, *, include_deleted: bool = False, on_error: OnError = "raise") -> Steps[Message | None]:
        """The one with this id, or None; on_error as for page()."""
        args = {"id": INTEGER.encode("id", id), "include_deleted": BOOLEAN.encode("include_deleted", include_deleted)}
        return (yield from MESSAGE.one(messages.GET_BY_ID, args, ON_ERROR.encode("on_error", on_error)))

    @operation
    def require(self, id: int, *, include_deleted: bool = False) -> Steps[Message]:
        """The message with this id. Raises NotFoundError."""
        message = yield from self.get.steps(id, include_deleted=include_deleted)
        if message is None:
            raise MESSAGE.not_found(id)
        return message

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
        """A page of the conversation, in its order or from its end: at most `limit`, after the page that gave `cursor`.

        on_error: what is done with a row that cannot be read, because it is damaged or raw SQL wrote what Python cannot
        hold: 'raise' UnreadableRowError, which names it; or put a 'placeholder', an Unreadable, into its fields.
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
        """The whole conversation, in its order; on_error as for page()."""
        args = _of_session(session_id, include_deleted)
        return (yield from MESSAGE.many(messages.GET_BY_SESSION_ID, args, ON_ERROR.encode("on_error", on_error)))

    @operation
    def latest(
        self,
        session_id: str,
        limit: int | None = 50,
        *,
        include_deleted: bool = False,
        on_error: OnError = "raise",
    ) -> Steps[list[Message]]:
        """The last `limit` messages of the conversation, in its order; None: all of them. on_error as for page()."""
        args = {**_of_session(session_id, include_deleted), "limit": at_most(limit)}
        found = yield from MESSAGE.many(messages.GET_LATEST_BY_SESSION_ID, args, ON_ERROR.encode("on_error", on_error))
        found.reverse()
        return found

    @operation
    def pop(self, session_id: str) -> Steps[Message | None]:
        """Remove the last message and return it; None if there is none. Its seq is not given again."""
        return (yield from MESSAGE.one(messages.POP, {"session_id": ID.encode("session_id", session_id)}))

    @operation
    def delete(self, id: int) -> Steps[bool]:
        """Remove a message; False if there is none."""
        return (yield from execute(messages.DELETE_BY_ID, {"id": INTEGER.encode("id", id)})).rows_affected > 0

    @operation
    def delete_from(self, session_id: str, seq: int) -> Steps[int]:
        """Remove the message with this seq and all behind it, as before a new answer; how many there were. Their seqs are
        not given again. Nothing is removed from a session that is deleted softly."""
        args = {"session_id": ID.encode("session_id", session_id), "seq": COUNT.encode("seq", seq)}
        return (yield from execute(messages.DELETE_FROM_SEQ, args)).rows_affected

    @operation
    def clear(self, session_id: str) -> Steps[int]:
        """Remove all messages of a session, and keep the session; how many there were. Their seqs are not given again.
        Nothing is removed from a session that is deleted softly."""
        args = {"session_id": ID.encode("session_id", session_id)}
        return (yield from execute(messages.DELETE_BY_SESSION_ID, args)).rows_affected

    @operation
    def erase_deleted(self) -> Steps[bool]:
        """Overwrite what deleted messages have left in the file. False where another reader kept the -wal file from being
        emptied: then call it again later.

        Until then the search index keeps sequences of three characters of them, and the -wal file whole pages. The index is
        merged into one piece, which takes as long as writing it anew. With secure_delete='on', the default, no byte of the
        file has the text then; what was deleted with 'off' or 'fast' before needs a VACUUM. Backups keep what they have.

        Not for inside a transaction: the -wal file cannot be emptied there.
        """
        from agentdb.queries import message_search

        yield from execute(message_search.OPTIMIZE)
        return not (yield from execute(message_search.CHECKPOINT)).tuples[0][0]

    @operation
    def stats(self, session_id: str, *, include_deleted: bool = False) -> Steps[MessageStats | None]:
        """Where a conversation stands, without reading its messages; None if there is no such session."""
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
        syntax: bool = False,
        scan: int = 10_000,
    ) -> Steps[list[SearchHit]]:
        """Messages whose content holds every word of `text`, in one session, in those of one main agent, or in all.

        Words are what white space parts; case does not count, and a word is found inside others too, so also in the
        middle of Chinese, Japanese or Korean. Words of three characters and more are looked up in the index, the best
        rank first. Words of one or two characters are not in it, and it tells é from e: where there is no longer word,
        where the index finds nothing, and where it finds fewer than `limit` and a word has a letter that may carry an
        accent, the newest `scan` messages (0: none) are read too, and compared without case and accents; what they hold
        comes behind, the newest first. Beside a longer word, a short one is looked for in the `scan` best messages that
        hold the longer one. What stands behind a NUL character is looked for in the newest `scan` messages that hold one.

        syntax: `text` is an FTS5 expression (AND, OR, NOT, NEAR, "phrases"), and nothing is scanned.

        Raises FieldError: for a text without a word, for a malformed expression (`bad_search`), for limits.
        """
        from agentdb.stores.message_search import search

        return (
            yield from search(
                text,
                session_id=None if session_id is None else ID.encode("session_id", session_id),
                agent_id=None if agent_id is None else ID.encode("agent_id", agent_id),
                include_deleted=BOOLEAN.encode("include_deleted", include_deleted),
                limit=limit,
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
    row = MESSAGE.new(given)
    if row["content"] is None and row["payload_json"] is not None:
        from agentdb.stores.payload_text import text_of_known

        row["content"] = MESSAGE.columns["content"].encode("content", text_of_known(given["payload_json"]))
    return row


def _append_all(session_id: str, rows: list[dict[str, Any]]) -> Steps[list[Message]]:
    if not rows:
        if not len((yield from execute(sessions.CHECK_LIVE, {"id": session_id, "include_deleted": 0}))):
            raise (yield from _refused(session_id))  # said also where there is nothing to add
        return []
    try:
        results = yield from batch([(messages.APPEND, row) for row in rows])
    except IntegrityError as error:
        raise _explained(error, session_id) from error
    # All are of one session, and the batch is one transaction: it takes every row, or none.
    if not any(result.tuples for result in results):
        raise (yield from _refused(session_id))
    return [_added(row, result) for row, result in zip(rows, results, strict=True) if result.tuples]


def _append(row: dict[str, Any]) -> Steps[Message]:
    try:
        result = yield from execute(messages.APPEND, row)
    except IntegrityError as error:
        raise _explained(error, row["session_id"]) from error
    if not result.tuples:
        raise (yield from _refused(row["session_id"]))
    return _added(row, result)


def _added(row: dict[str, Any], result: ResultSet) -> Message:
    id, seq = result.tuples[0]
    return MESSAGE.of_encoded({"id": id, "seq": seq, **row})


def _explained(error: IntegrityError, session_id: str) -> IntegrityError:
    return session_full(session_id) if "seq BETWEEN" in error.message else error


def session_full(session_id: str) -> IntegrityError:
    """No seq is left behind the last one of a session; only a database from before migration 009 can have come to that."""
    return IntegrityError(f"session_id: session {session_id!r} has no seq left", code="session_full")


def _refused(session_id: str) -> Steps[NotFoundError]:
    """Why nothing can be added to a session."""
    if len((yield from execute(sessions.CHECK_EXISTS, {"id": session_id}))):
        return NotFoundError(f"session_id: session {session_id!r} is deleted", code="session_deleted")
    return NotFoundError(f"session_id: there is no session {session_id!r}")
