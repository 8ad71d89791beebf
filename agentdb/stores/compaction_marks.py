"""How a compaction is recorded, done and undone."""

from __future__ import annotations

from json import dumps, loads
from time import perf_counter
from typing import TYPE_CHECKING, Any

from agentdb.errors import IntegrityError
from agentdb.operations import batch, execute
from agentdb.queries import compactions
from agentdb.stores.compaction_plan import Line, links, pruned_message
from agentdb.stores.compaction_values import COMPACTION_EVENT, CompactionEvent
from agentdb.stores.fields import now_text
from agentdb.stores.message_values import MESSAGE, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agentdb.operations import Steps


def tokens_of(text: str) -> int:
    """How many tokens a text has, by the estimate that the queries make: four bytes are one."""
    return (len(text.encode()) + 3) // 4


def lines_of(session_id: str) -> Steps[list[Line]]:
    """The context of a session, as a planner sees it."""
    result = yield from execute(compactions.LINES, {"session_id": session_id})
    lines = []
    for id, seq, role, is_preserved, tool_call_id, tool_calls, payload, extra, tokens in result.tuples:
        kind = kind_of(role)
        calls: tuple[str | None, ...] = ()
        results: tuple[str | None, ...] = ()
        if kind == "tool" or any(value is not None for value in (tool_calls, payload, extra, tool_call_id)):
            calls, results = links(kind, tool_call_id, *map(_parsed, (tool_calls, payload, extra)))
        may_call = kind == "assistant" and payload is not None
        lines.append(Line(id, seq, kind, tokens, bool(is_preserved), calls, results, may_call))
    return lines


def _parsed(text: str | None) -> Any:
    return None if text is None else loads(text)


def record(
    event: dict[str, Any], ids: list[int], pruned: Sequence[Mapping[str, Any]], began: float
) -> Steps[CompactionEvent]:
    """Record an event, and do what it says: mark these messages, or, where there are any, write what is pruned of them.

    began: when the operation began, by perf_counter().
    """
    event_id = int((yield from execute(compactions.INSERT_EVENT, event)).tuples[0][0])
    args = {"event_id": event_id, "session_id": event["session_id"], "ids": dumps(ids)}
    if pruned:
        yield from batch([(compactions.ARCHIVE, args), *[(compactions.PRUNE, change) for change in pruned]])
    else:
        yield from execute(compactions.MARK, args)
    duration = int((perf_counter() - began) * 1000)
    yield from execute(compactions.SET_DURATION, {"id": event_id, "duration_ms": duration})
    return COMPACTION_EVENT.of_encoded({**event, "id": event_id, "duration_ms": duration, "restored_at": None})


def undo(event: CompactionEvent) -> Steps[None]:
    """Bring back what an event took out of the context, and remove its summary. Raises IntegrityError."""
    label = f"compaction event {event.id}"
    if event.restored_at is not None:
        raise IntegrityError(f"{label} is restored already", code="already_restored")
    newest = yield from execute(compactions.NEWEST_EVENT, {"session_id": event.session_id})
    if (newest_id := newest.tuples[0][0]) != event.id:
        raise IntegrityError(
            f"{label} cannot be restored: event {newest_id} of session {event.session_id!r} is newer, and not restored",
            code="newer_event",
        )
    yield from _check_outputs(event, label)
    now = now_text()
    args = {"event_id": event.id}
    statements: list[tuple[str, dict[str, Any]]] = [
        (compactions.PUT_BACK, args),
        (compactions.EMPTY_ARCHIVE, args),
        (compactions.CLEAR_MARKS, args),
        (compactions.SET_RESTORED, {"id": event.id, "restored_at": now}),
    ]
    if event.summary_message_id is not None:
        statements.append((compactions.REMOVE_SUMMARY, {"id": event.summary_message_id, "removed_at": now}))
    yield from batch(statements)


def _check_outputs(event: CompactionEvent, label: str) -> Steps[None]:
    args = {"event_id": event.id}
    originals, pruned = map(
        MESSAGE.decode, (yield from batch([(compactions.ORIGINALS, args), (compactions.PRUNED, args)]))
    )
    for original, message in zip(originals, pruned, strict=True):
        left = pruned_message(kind_of(original.role), original.content, original.payload, event.summary_content)
        if (message.content, message.payload) != left:
            raise IntegrityError(
                f"{label} cannot be restored: message {message.id}, whose output it pruned, has been edited",
                code="output_changed",
            )
