"""How a conversation is saved: what stayed is left alone, what changed is written."""

from __future__ import annotations

from dataclasses import replace
from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.errors import IntegrityError
from agentdb.operations import atomically, batch, execute
from agentdb.queries import compactions, conversations, messages
from agentdb.stores.alignment import kept, places
from agentdb.stores.compaction_marks import undo
from agentdb.stores.compaction_values import COMPACTION_EVENT
from agentdb.stores.fields import now_text
from agentdb.stores.message_dicts import key_of, with_extra
from agentdb.stores.message_values import LAST_SEQ, MESSAGE
from agentdb.stores.messages import session_full

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.operations import Steps
    from agentdb.stores.compaction_values import CompactionEvent
    from agentdb.stores.message_dicts import Said
    from agentdb.stores.message_values import Message


def save(session_id: str, said: Sequence[Said], last_seq: int) -> Steps[str | None]:
    """Let the context of a session be these; the latest time of those that are new, or None.

    What is not among them any more is marked as removed. What a compaction took out is left alone, unless the caller still
    has all of it.
    """
    result = yield from execute(conversations.CONTEXT, {"session_id": session_id})
    rows = MESSAGE.decode(result)
    pairs = _stayed(rows, said)
    if len(pairs) < len(rows) and (yield from _bring_back(session_id, rows, said, len(pairs))):
        result = yield from execute(conversations.CONTEXT, {"session_id": session_id})
        rows = MESSAGE.decode(result)
        pairs = _stayed(rows, said)
    seqs = [row.seq for row in rows]
    taken: set[int] = set()
    if pairs and max(pairs) >= len(pairs):  # something new comes before something kept
        others = yield from execute(conversations.SEQS_OUT_OF_CONTEXT, {"session_id": session_id})
        taken = {row[0] for row in others.tuples}
    chosen = places(seqs, pairs, len(said), last_seq, taken)
    if chosen and chosen[-1] > LAST_SEQ:
        raise session_full(session_id)
    stays = set(pairs.values())
    # In this order no place is taken twice: what goes frees its place, and what moves goes behind all others.
    writes: list[tuple[str, dict[str, Any]]] = []
    if gone := [row.id for position, row in enumerate(rows) if position not in stays]:
        writes.append((conversations.REMOVE, {"ids": dumps(gone), "removed_at": now_text()}))
    for position, old in pairs.items():
        if chosen[position] != seqs[old]:
            writes.append((conversations.MOVE, {"id": rows[old].id, "seq": chosen[position]}))
    for position, message in enumerate(said):
        if position not in pairs:
            place = {"id": None, "session_id": session_id, "seq": chosen[position]}
            writes.append((messages.INSERT, {**message.row, **place}))
            continue
        row = dict(zip(result.columns, result.tuples[pairs[position]], strict=True))
        noted = {**row, **message.notes}
        if message.extra:
            about = with_extra(rows[pairs[position]].metadata, message.extra)
            noted["metadata_json"] = MESSAGE.columns["metadata"].encode("metadata", about)
        if noted != row:
            writes.append((conversations.ANNOTATE, noted))
    if writes:
        yield from batch(writes)
    times = [message.row["created_at"] for position, message in enumerate(said) if position not in pairs]
    return max(times, default=None)


def _stayed(rows: Sequence[Message], said: Sequence[Said]) -> dict[int, int]:
    """Which of the rows each message is that stayed; of several that say the same, the one whose id it has."""
    old, new = [key_of(row) for row in rows], [message.key for message in said]
    position_of = {row.id: position for position, row in enumerate(rows)}
    for position, message in enumerate(said):
        at = None if message.id is None else position_of.get(message.id)
        if at is not None and old[at] == new[position]:
            old[at] = new[position] = (message.id,)
    return kept(old, new)


def _bring_back(session_id: str, rows: list[Message], said: Sequence[Said], now: int) -> Steps[bool]:
    """Restore compactions of a session where the caller still has what they took out; whether there were any.

    `now` is how many of `said` are there without. A caller who never heard of the compaction saves the whole conversation:
    then what was taken out has stayed, and comes back into the context. Who has only some of it has shortened the
    conversation, and the compaction stands.
    """
    standing = yield from COMPACTION_EVENT.many(compactions.STANDING_EVENTS, {"session_id": session_id})
    if not standing:
        return False
    asked = [
        (compactions.TAKEN_OUT if event.messages_removed else compactions.ORIGINALS, {"event_id": event.id})
        for event in standing
    ]
    best, depths = now, []
    there = {row.id: row for row in rows}
    needed: set[int] = set()
    for depth, (event, found) in enumerate(zip(standing, (yield from batch(asked)), strict=True), 1):
        taken_out = MESSAGE.decode(found)
        there = _as_before(event, there, taken_out)
        # A summary that a later compaction took out goes with the restore of its own.
        needed = (needed | {message.id for message in taken_out}) - {event.summary_message_id}
        before = sorted(there.values(), key=lambda row: (row.seq, row.id))
        pairs = _stayed(before, said)
        if len(pairs) > best and needed <= {before[old].id for old in pairs.values()}:
            best = len(pairs)
            depths.append(depth)
    for depth in reversed(depths):
        try:
            yield from atomically(_undo_all(standing[:depth]))
        except IntegrityError:  # a pruned message was edited since: the compactions stand
            continue
        return True
    return False


def _undo_all(events: list[CompactionEvent]) -> Steps[None]:
    for event in events:
        yield from undo(event)


def _as_before(event: CompactionEvent, there: dict[int, Message], taken_out: list[Message]) -> dict[int, Message]:
    """What a context would be with an event restored."""
    back = {message.id: message for message in taken_out}
    if not event.messages_removed:  # a pruned message stays where it is, or removed
        return {
            id: replace(row, content=old.content, payload=old.payload, token_count=old.token_count)
            if (old := back.get(id))
            else row
            for id, row in there.items()
        }
    return {id: row for id, row in there.items() if id != event.summary_message_id} | {
        id: message for id, message in back.items() if message.removed_at is None
    }
