"""How a conversation is saved: what stayed is left alone, what changed is written."""

from __future__ import annotations

from dataclasses import replace
from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.errors import IntegrityError
from agentdb.operations import atomically, batch, execute
from agentdb.queries import compactions, conversations, messages
from agentdb.stores.alignment import kept, places
from agentdb.stores.archive import put_back
from agentdb.stores.compactions import COMPACTION_EVENT
from agentdb.stores.message_dicts import key_of, with_extra
from agentdb.stores.messages import LAST_SEQ, MESSAGE, session_full

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.operations import Steps
    from agentdb.stores.compactions import CompactionEvent
    from agentdb.stores.message_dicts import Said
    from agentdb.stores.messages import Message


def save(session_id: str, said: Sequence[Said], last_seq: int) -> Steps[str | None]:
    """Let the messages of a session be these; the latest time of those that are new, or None."""
    result = yield from MESSAGE.read(conversations.MESSAGES, {"session_id": session_id})
    rows = MESSAGE.decode(result)
    pairs = _stayed(rows, said)
    if len(pairs) < len(rows) and (yield from _bring_back(session_id, rows, said, len(pairs))):
        result = yield from execute(conversations.MESSAGES, {"session_id": session_id})
        rows = MESSAGE.decode(result)
        pairs = _stayed(rows, said)
    seqs = [row.seq for row in rows]
    taken: set[int] = set()
    if pairs and max(pairs) >= len(pairs):  # something new comes before something kept
        archived = yield from execute(conversations.ARCHIVED_SEQS, {"session_id": session_id})
        # The seq of a summary that goes is free: without it, no restore puts back what it stands for.
        taken = {row[0] for row in archived.tuples}.difference(seqs)
    chosen = places(seqs, pairs, len(said), last_seq, taken)
    if chosen and chosen[-1] > LAST_SEQ:
        raise session_full(session_id)
    # One that moves keeps its id and its time: it is taken out, and put in again at the end.
    moved = {position for position, old in pairs.items() if chosen[position] != seqs[old]}
    stays = {old for position, old in pairs.items() if position not in moved}
    writes: list[tuple[str, dict[str, Any]]] = []
    if gone := [row.id for position, row in enumerate(rows) if position not in stays]:
        writes.append((conversations.REMOVE, {"ids": dumps(gone)}))
    for position, message in enumerate(said):
        place: dict[str, Any] = {"session_id": session_id, "seq": chosen[position]}
        if position not in pairs:
            writes.append((messages.INSERT, {**message.row, **place, "id": None}))
            continue
        row = dict(zip(result.columns, result.tuples[pairs[position]], strict=True))
        noted = {**row, **message.notes}
        if message.extra:
            about = with_extra(rows[pairs[position]].metadata_json, message.extra)
            noted["metadata_json"] = MESSAGE.columns["metadata_json"].encode("metadata_json", about)
        if position in moved:
            writes.append((messages.INSERT, {**noted, **place}))
        elif noted != row:
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
    then the archived messages have stayed, and come back with their ids, seqs and times. Who has only some of them has
    shortened the conversation, and must not empty an archive by it: what came back and is not saved would be gone.
    """
    standing = yield from COMPACTION_EVENT.many(conversations.STANDING_EVENTS, {"session_id": session_id})
    if not standing:
        return False
    best, depths = now, []
    there = {row.id: row for row in rows}
    needed: set[int] = set()
    archives = yield from batch([(compactions.ARCHIVED, {"event_id": event.id}) for event in standing])
    for depth, (event, archive) in enumerate(zip(standing, archives, strict=True), 1):
        archived = MESSAGE.decode(archive)
        there = _as_before(event, there, archived)
        # A summary that a later compaction took out goes with the restore of its own.
        needed = (needed | {message.id for message in archived}) - {event.summary_message_id}
        before = sorted(there.values(), key=lambda row: row.seq)
        pairs = _stayed(before, said)
        if len(pairs) > best and needed <= {before[old].id for old in pairs.values()}:
            best = len(pairs)
            depths.append(depth)
    for depth in reversed(depths):
        try:
            yield from atomically(_put_all_back(standing[:depth]))
        except IntegrityError:  # a summary is not as it was left: all that these events keep stays in the archive
            continue
        return True
    return False


def _put_all_back(events: list[CompactionEvent]) -> Steps[None]:
    for event in events:
        yield from put_back(event)


def _as_before(event: CompactionEvent, there: dict[int, Message], archived: list[Message]) -> dict[int, Message]:
    """What a conversation would be with an event restored."""
    back = {message.id: message for message in archived}
    if event.summary_message_id is None:  # a pruned message stays where it is, or gone
        return {
            id: replace(row, content=old.content, payload_json=old.payload_json, token_count=old.token_count)
            if (old := back.get(id))
            else row
            for id, row in there.items()
        }
    return {id: row for id, row in there.items() if id != event.summary_message_id} | back
