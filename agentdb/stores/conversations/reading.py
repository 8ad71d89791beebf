"""How a conversation is read: its context as plain dicts, and the version that tells whether it has changed since."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from agentdb.errors import ConflictError, FieldError, StatementError
from agentdb.operations import batch
from agentdb.queries import conversations, messages, sessions
from agentdb.stores.conversations.message_dicts import as_dict
from agentdb.stores.fields import JSON
from agentdb.stores.messages.call_order import Entry, order_of
from agentdb.stores.messages.conflicts import SHOWN
from agentdb.stores.messages.values import MESSAGE

if TYPE_CHECKING:
    from agentdb.clients.base import ResultSet, Row
    from agentdb.operations import Steps


class Version(NamedTuple):
    """What a context was: the last seq of its session, the time of its latest change, and a digest of all that it says."""

    last_seq: int
    updated_at: str
    digest: str

    @classmethod
    def of(cls, last_seq: int, rows: ResultSet) -> Version:
        """rows: of conversations.SPOKEN."""
        at = max((row[_UPDATED_AT] for row in rows.tuples), default="")
        digest = blake2b(repr(rows.tuples).encode(), digest_size=12).hexdigest()
        return cls(last_seq, at, digest)

    @classmethod
    def read(cls, text: Any) -> Version:
        """Raises FieldError for what is no version."""
        parts = text.split("/") if isinstance(text, str) else ()
        if len(parts) == 3 and parts[0].isascii() and parts[0].isdigit():
            return cls(int(parts[0]), *parts[1:])
        raise FieldError.of("expected_version", text, "is none that load_session() gave", code="wrong_type")

    def __str__(self) -> str:
        return f"{self.last_seq}/{self.updated_at}/{self.digest}"


_UPDATED_AT = 11


def read_context(session_id: str) -> Steps[tuple[Row | None, ResultSet]]:
    """The state of a session, hidden or not, or None where there is none, and the rows of conversations.SPOKEN."""
    return (yield from _read(session_id, conversations.SPOKEN))


def _read(session_id: str, sql: str) -> Steps[tuple[Row | None, ResultSet]]:
    # A batch of reads is one snapshot, and takes no lock.
    try:
        found, rows = yield from batch([(sessions.STATE, {"id": session_id}), (sql, {"session_id": session_id})])
    except StatementError:
        yield from MESSAGE.many(conversations.CONTEXT, {"session_id": session_id})  # names the row that cannot be read
        raise
    return (found.rows[0] if found.tuples else None), rows


def read_outline(session_id: str) -> Steps[tuple[Row | None, ResultSet]]:
    """As read_context(), with the rows of conversations.OUTLINE: what a save compares first."""
    return (yield from _read(session_id, conversations.OUTLINE))


def spoken(rows: ResultSet) -> list[dict[str, Any]]:
    """Rows of conversations.SPOKEN as a caller of load_session() has them, each result of a tool behind its call.

    Raises ValueError, TypeError or RecursionError for a row that cannot be read.
    """
    said: list[dict[str, Any]] = []
    entries: list[Entry] = []
    for _, _, role, content, name, tool_call_id, *texts, external_id, _, _, plain in rows.tuples:
        if plain:
            said.append({"role": role, "content": content})
            entries.append(Entry(role, says=bool(content)))
        else:
            calls, payload, usage, metadata = [None if text is None else _decode(text) for text in texts]
            said.append(as_dict(role, content, name, tool_call_id, calls, payload, usage, metadata, external_id))
            entries.append(Entry(role, tool_call_id, calls, payload, metadata, bool(content)))
    return [said[position] for position in order_of(entries)]


_decode: Any = JSON.decode


def conflict(session_id: str, expected: int | Version, actual: int | str) -> Steps[ConflictError]:
    """The error that a conversation has changed, with what came in between."""
    args: dict[str, Any] = {"session_id": session_id, "limit": SHOWN}
    if isinstance(expected, Version):
        about = {**args, "seq": expected.last_seq, "updated_at": expected.updated_at}
        came = yield from MESSAGE.many(messages.CHANGED_SINCE, about)
        return ConflictError(session_id=session_id, expected=str(expected), actual=actual, messages=tuple(came))
    came = yield from MESSAGE.many(messages.CAME_BEHIND, {**args, "seq": expected})
    return ConflictError(session_id=session_id, expected=expected, actual=actual, messages=tuple(came))
