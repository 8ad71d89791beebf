"""The archive of compactions: how messages are put away, and put back."""

from __future__ import annotations

from json import dumps, loads
from typing import TYPE_CHECKING, Any

from agentdb.errors import IntegrityError, NotFoundError
from agentdb.operations import execute
from agentdb.queries import compactions
from agentdb.stores.compaction_plan import Line, links, pruned_message
from agentdb.stores.fields import ID, now_text
from agentdb.stores.messages import MESSAGE

if TYPE_CHECKING:
    from agentdb.operations import Steps
    from agentdb.stores.compactions import CompactionEvent
    from agentdb.stores.messages import Message


def visible_session(session_id: str) -> Steps[str | None]:
    """When a session was last active, as the database has it. Raises NotFoundError where it is not there or hidden."""
    found = yield from execute(compactions.SESSION, {"session_id": ID.encode("session_id", session_id)})
    if not found.tuples:
        raise NotFoundError(f"session_id: there is no session {session_id!r}")
    _, activity, deleted_at = found.tuples[0]
    if deleted_at is not None:
        raise NotFoundError(f"session_id: session {session_id!r} is deleted", code="session_deleted")
    return activity  # type: ignore[no-any-return]


def tokens_of(text: str) -> int:
    """How many tokens a text has, by the estimate that the queries make: four bytes are one."""
    return (len(text.encode()) + 3) // 4


def lines_of(session_id: str) -> Steps[list[Line]]:
    """A conversation, as a planner sees it."""
    result = yield from execute(compactions.LINES, {"session_id": session_id})
    lines = []
    for id, seq, role, is_preserved, tool_call_id, tool_calls, payload, extra, tokens in result.tuples:
        calls: tuple[str | None, ...] = ()
        results: tuple[str | None, ...] = ()
        if role == "tool" or any(value is not None for value in (tool_calls, payload, extra, tool_call_id)):
            calls, results = links(role, tool_call_id, *map(_parsed, (tool_calls, payload, extra)))
        may_call = role == "assistant" and payload is not None
        lines.append(Line(id, seq, role, tokens, bool(is_preserved), calls, results, may_call))
    return lines


def _parsed(text: str | None) -> Any:
    return None if text is None else loads(text)


def put_away(event: dict[str, Any], ids: list[int]) -> Steps[int]:
    """Record an event, and copy these messages into its archive, whole; the event's id."""
    event_id = int((yield from execute(compactions.INSERT_EVENT, event)).tuples[0][0])
    args = {"event_id": event_id, "session_id": event["session_id"], "ids": dumps(ids)}
    yield from execute(compactions.ARCHIVE, args)
    return event_id


def put_back(event: CompactionEvent) -> Steps[None]:
    """Put what an event archived back into its place, and remove what stands there. Raises IntegrityError.

    The originals of pruned messages that have been removed since stay in the archive: they are nowhere else.
    """
    label = f"compaction event {event.id}"
    if event.restored_at is not None:
        raise IntegrityError(f"{label} is restored already", code="already_restored")
    newest = yield from execute(compactions.NEWEST_EVENT, {"session_id": event.session_id})
    if (newest_id := newest.tuples[0][0]) != event.id:
        raise IntegrityError(
            f"{label} cannot be restored: event {newest_id} of session {event.session_id!r} is newer, and stands",
            code="newer_event",
        )
    if event.summary_message_id is None:
        yield from _check_outputs(event, label)
        yield from execute(compactions.PUT_OUTPUTS_BACK, {"event_id": event.id})
    else:
        yield from _check_summary(event, label)
        ids = dumps([event.summary_message_id])
        yield from execute(compactions.REMOVE, {"session_id": event.session_id, "ids": ids})
        yield from execute(compactions.PUT_BACK, {"event_id": event.id})
    yield from execute(compactions.SET_RESTORED, {"id": event.id, "restored_at": now_text()})
    yield from execute(compactions.EMPTY_ARCHIVE, {"event_id": event.id})


def _check_summary(event: CompactionEvent, label: str) -> Steps[None]:
    args = {"session_id": event.session_id, "ids": dumps([event.summary_message_id])}
    summary = yield from MESSAGE.one(compactions.MESSAGES, args)
    if summary is None:
        raise IntegrityError(
            f"{label} cannot be restored: its summary, message {event.summary_message_id}, has been removed",
            code="summary_removed",
        )
    said = (summary.role, summary.content, summary.is_summary, *_beside(summary), summary.payload_json)
    if said != ("system", event.summary_content, True, None, None, None, None):
        raise IntegrityError(
            f"{label} cannot be restored: its summary, message {event.summary_message_id}, has been edited",
            code="summary_changed",
        )


def _check_outputs(event: CompactionEvent, label: str) -> Steps[None]:
    originals = yield from MESSAGE.many(compactions.ARCHIVED, {"event_id": event.id})
    by_id = {message.id: message for message in originals}
    for message in (yield from MESSAGE.many(compactions.STILL_THERE, {"event_id": event.id})):
        original = by_id[message.id]
        left = pruned_message(original.role, original.content, original.payload_json, event.summary_content)
        now = (message.content, message.payload_json)
        if now != left or (message.role, *_beside(message)) != (original.role, *_beside(original)):
            raise IntegrityError(
                f"{label} cannot be restored: message {message.id}, whose output it pruned, has been edited",
                code="summary_changed",
            )


def _beside(message: Message) -> tuple[Any, ...]:
    # What somebody counted, marked or noted is no other text.
    return message.name, message.tool_call_id, message.tool_calls_json
