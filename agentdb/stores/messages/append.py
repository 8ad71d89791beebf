"""Adding messages at the end of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentdb.errors import IntegrityError
from agentdb.operations import batch, execute
from agentdb.queries import messages
from agentdb.stores.messages.conflicts import check_last_seq
from agentdb.stores.messages.derived import derive
from agentdb.stores.messages.values import FRESH, MESSAGE, Message, NewMessage
from agentdb.stores.sessions.live import check_live

if TYPE_CHECKING:
    from agentdb.clients.base import ResultSet
    from agentdb.operations import Steps
    from agentdb.stores.messages.derived import TokenCounter


def new_row(given: dict[str, Any], token_counter: TokenCounter | None, place: str) -> dict[str, Any]:
    """A new message for SQLite, of the arguments of append(); `place` names it in errors. Raises FieldError,
    TokenCounterError."""
    row = MESSAGE.new(given)
    derive(row, given, token_counter, place)
    return row


def row_of(session_id: str, new: NewMessage, token_counter: TokenCounter | None, place: str) -> dict[str, Any]:
    """As new_row(), of a NewMessage."""
    given = {name: getattr(new, name) for name in NewMessage.__slots__}
    return new_row({**given, "session_id": session_id}, token_counter, place)


def append_row(row: dict[str, Any]) -> Steps[Message]:
    """Add a message at the end of a session, and return it, or the one that has its external id."""
    try:
        result = yield from execute(messages.APPEND, row)
    except IntegrityError as error:
        raise _explained(error, row["session_id"]) from error
    return (yield from _appended(row, result))


def append_rows(rows: list[dict[str, Any]], session_id: str) -> Steps[list[Message]]:
    """Add messages in their order, all or none. Raises NotFoundError, also where there is nothing to add."""
    if not rows:
        yield from check_live(session_id)
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


def append_expecting(rows: list[dict[str, Any]], session_id: str, expected: int) -> Steps[list[Message]]:
    """As append_rows(), where the session stands at this seq. Inside a transaction.

    Where all are there already, by their external ids, this is a retry: they have moved the last seq themselves.
    """
    there = []
    for row in rows:
        message = None if row["external_id"] is None else (yield from _by_external_id(row))
        if message is None:
            yield from check_last_seq(session_id, expected)
            return (yield from append_rows(rows, session_id))
        there.append(message)
    return there or (yield from append_rows(rows, session_id))


def _by_external_id(row: dict[str, Any]) -> Steps[Message | None]:
    args = {"session_id": row["session_id"], "external_id": row["external_id"], "include_deleted": 0}
    return (yield from MESSAGE.one(messages.GET_BY_EXTERNAL_ID, args))


def _appended(row: dict[str, Any], result: ResultSet) -> Steps[Message]:
    """The message of a row that was appended; where its external id was taken, the one that has it."""
    if result.tuples:
        id, seq = result.tuples[0]
        return MESSAGE.of_encoded({**FRESH, "updated_at": row["created_at"], **row, "id": id, "seq": seq})
    if row["external_id"] is not None:
        message = yield from _by_external_id(row)
        if message is not None:
            return message
    yield from check_live(row["session_id"])
    raise IntegrityError("the message was not added: a trigger on messages ignored it", code="constraint")


def _explained(error: IntegrityError, session_id: str) -> IntegrityError:
    return session_full(session_id) if "seq BETWEEN" in error.message else error


def session_full(session_id: str) -> IntegrityError:
    """No seq is left behind the last one of a session; only raw SQL can have come to that."""
    return IntegrityError(f"session_id: session {session_id!r} has no seq left", code="session_full")
