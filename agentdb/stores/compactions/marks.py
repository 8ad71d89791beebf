"""How a compaction is recorded, done and undone."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from agentdb.errors import IntegrityError
from agentdb.operations import batch, execute
from agentdb.queries import compactions
from agentdb.stores.compactions.pruning import pruned_message
from agentdb.stores.compactions.values import COMPACTION_EVENT, CompactionEvent
from agentdb.stores.fields import now_text
from agentdb.stores.messages.values import MESSAGE, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.operations import Steps


def record(
    event: dict[str, Any],
    work: Sequence[tuple[str, dict[str, Any]]],
    began: float,
    summary: dict[str, Any] | None = None,
) -> Steps[CompactionEvent]:
    """Record an event, do its work, which binds :event_id, and add its summary. What is taken out goes first: the context
    never counts both. began: when the operation began, by perf_counter()."""
    event_id = int((yield from execute(compactions.INSERT_EVENT, event)).tuples[0][0])
    yield from batch([(sql, {**args, "event_id": event_id}) for sql, args in work])
    summary_id = None
    if summary is not None:
        summary_id = (yield from execute(compactions.INSERT_SUMMARY, summary)).tuples[0][0]
    finished = {
        "id": event_id,
        "summary_message_id": summary_id,
        "duration_ms": int((perf_counter() - began) * 1000),
    }
    yield from execute(compactions.FINISH_EVENT, finished)
    return COMPACTION_EVENT.of_encoded({**event, **finished, "restored_at": None})


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
    # The summary goes first: the context never counts both.
    yield from batch(
        [
            (compactions.REMOVE_SUMMARY, {"id": event.summary_message_id, "removed_at": now}),
            (compactions.PUT_BACK, args),
            (compactions.EMPTY_ARCHIVE, args),
            (compactions.CLEAR_MARKS, args),
            (compactions.SET_RESTORED, {"id": event.id, "restored_at": now}),
        ]
    )


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
