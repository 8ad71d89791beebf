"""How a compaction is recorded, done and undone."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from agentdb.errors import IntegrityError
from agentdb.operations import batch, execute, later
from agentdb.queries import compactions
from agentdb.stores.compactions.pruning import pruned_message
from agentdb.stores.compactions.values import COMPACTION_EVENT, CompactionEvent
from agentdb.stores.fields import now_text
from agentdb.stores.messages.values import MESSAGE, kind_of
from agentdb.stores.sessions.live import check_state, state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.clients.base import ResultSet
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
    yield from later(*[(sql, {**args, "event_id": event_id}) for sql, args in work])
    summary_id = None
    if summary is not None:
        summary_id = (yield from execute(compactions.INSERT_SUMMARY, summary)).tuples[0][0]
    finished = {
        "id": event_id,
        "summary_message_id": summary_id,
        "duration_ms": int((perf_counter() - began) * 1000),
    }
    yield from later((compactions.FINISH_EVENT, finished))
    return COMPACTION_EVENT.of_encoded({**event, **finished, "restored_at": None})


def undo(event: CompactionEvent) -> Steps[None]:
    """Bring back what an event took out of the context, and remove its summary. Raises NotFoundError where its session is not
    there or hidden, IntegrityError."""
    label = f"compaction event {event.id}"
    args = {"event_id": event.id}
    state, newest, originals, pruned = yield from batch(
        [
            state_of(event.session_id),
            (compactions.NEWEST_EVENT, {"session_id": event.session_id}),
            (compactions.ORIGINALS, args),
            (compactions.PRUNED, args),
        ]
    )
    check_state(event.session_id, state)
    if event.restored_at is not None:
        raise IntegrityError(f"{label} is restored already", code="already_restored")
    if (newest_id := newest.tuples[0][0]) != event.id:
        raise IntegrityError(
            f"{label} cannot be restored: event {newest_id} of session {event.session_id!r} is newer, and not restored",
            code="newer_event",
        )
    _check_outputs(event, label, originals, pruned)
    now = now_text()
    # The summary goes first: the context never counts both.
    yield from later(
        (compactions.REMOVE_SUMMARY, {"id": event.summary_message_id, "removed_at": now}),
        (compactions.PUT_BACK, args),
        (compactions.EMPTY_ARCHIVE, args),
        (compactions.CLEAR_MARKS, args),
        (compactions.SET_RESTORED, {"id": event.id, "restored_at": now}),
    )


def _check_outputs(event: CompactionEvent, label: str, originals: ResultSet, pruned: ResultSet) -> None:
    for original, message in zip(MESSAGE.decode(originals), MESSAGE.decode(pruned), strict=True):
        left = pruned_message(kind_of(original.role), original.content, original.payload, event.summary_content)
        if (message.content, message.payload) != left:
            raise IntegrityError(
                f"{label} cannot be restored: message {message.id}, whose output it pruned, has been edited",
                code="output_changed",
            )
