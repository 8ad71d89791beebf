"""How a conversation is saved: what stayed is left alone, what changed is written."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.operations import batch, execute
from agentdb.queries import compactions, conversations, messages
from agentdb.stores.compactions.plan import pruned_message
from agentdb.stores.conversations.diff import kept, places
from agentdb.stores.conversations.message_dicts import key_of, with_extra
from agentdb.stores.fields import now_text
from agentdb.stores.messages.store import session_full
from agentdb.stores.messages.values import LAST_SEQ, MESSAGE, kind_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from agentdb.clients.base import ResultSet
    from agentdb.operations import Steps
    from agentdb.stores.conversations.message_dicts import Said
    from agentdb.stores.messages.values import Message


class _Found:
    """Messages of a session that are not removed, and which of them each message of the caller is."""

    def __init__(
        self, result: ResultSet, said: Sequence[Said], originals: Mapping[int, tuple[Message, str]] | None = None
    ) -> None:
        self.columns, self.tuples = result.columns, result.tuples
        self.rows = MESSAGE.decode(result)
        self.originals = originals or {}
        new = {message.key for message in said}
        self.unpruned: list[int] = []
        keys: list[Hashable] = []
        for row in self.rows:
            key = key_of(row)
            original, words = self.originals.get(row.id, (row, ""))
            if key not in new and (was := key_of(original)) in new and _is_as_pruned(row, original, words):
                key = was
                self.unpruned.append(row.id)
            keys.append(key)
        self.pairs = _pairs(self.rows, keys, said)
        stays = {self.rows[old].id for old in self.pairs.values()}
        self.unpruned = [id for id in self.unpruned if id in stays]
        self.reworded = self._reworded_summaries(said)
        self.pairs |= self.reworded

    def _reworded_summaries(self, said: Sequence[Said]) -> dict[int, int]:
        """Messages of role system that stand where a summary stood, behind the same message: its new words."""
        position_of = {old: position for position, old in self.pairs.items()}
        found = {}
        for old, row in enumerate(self.rows):
            if not row.is_summary or row.compaction_event_id is not None or old in position_of:
                continue
            position = position_of.get(old - 1, -1) + 1
            is_behind_the_same = old == 0 or old - 1 in position_of
            if is_behind_the_same and position < len(said) and position not in self.pairs and said[position].is_system:
                found[position] = old
        return found

    def is_all_there(self, said: int) -> bool:
        """Whether no message of the caller can be one that a compaction took out: those that are new follow all the others.

        A message that stands where a summary stood may be its new words, or the first one that the compaction took out. And
        where somebody has removed the summary, what the compaction took out may follow.
        """
        if self.reworded:
            return False
        has_summary = any(row.is_summary for row in self.rows)
        is_longer = (
            has_summary
            and len(self.pairs) == len(self.rows)
            and all(position in self.pairs for position in range(len(self.rows)))
        )
        return is_longer or len(self.pairs) == said


def save(session_id: str, said: Sequence[Said], last_seq: int, compactions_in_force: int) -> Steps[str | None]:
    """Let the context of a session be these; the latest time of those that are new, or None.

    What is not among them any more is marked as removed. A message that a compaction took out comes back where the caller
    still has it; a compaction of which nothing is left out any more is restored.
    """
    found = _Found((yield from MESSAGE.read(conversations.CONTEXT, {"session_id": session_id})), said)
    if compactions_in_force and not found.is_all_there(len(said)):
        found = yield from _among_all(session_id, said, found)
    rows, pairs = found.rows, found.pairs
    stays = set(pairs.values())
    seqs = [row.seq for row in rows]
    taken: set[int] = set()
    if pairs and max(pairs) >= len(pairs):  # something new comes before something kept
        others = yield from execute(conversations.SEQS_OUT_OF_CONTEXT, {"session_id": session_id})
        taken = {row[0] for row in others.tuples}.difference(seqs[old] for old in stays)
    chosen = places(seqs, pairs, len(said), last_seq, taken)
    if chosen and chosen[-1] > LAST_SEQ:
        raise session_full(session_id)
    now = now_text()
    # In this order no place is taken twice: what goes frees its place, and what moves goes behind all others.
    writes: list[tuple[str, dict[str, Any]]] = []
    gone = [row.id for at, row in enumerate(rows) if at not in stays and row.compaction_event_id is None]
    if gone:
        writes.append((conversations.REMOVE, {"ids": dumps(gone), "removed_at": now}))
    if back := [rows[old].id for old in stays if rows[old].compaction_event_id is not None]:
        writes.append((conversations.BRING_BACK, {"ids": dumps(back)}))
    if found.unpruned:
        ids = {"ids": dumps(found.unpruned)}
        writes += [(conversations.PUT_BACK, ids), (conversations.FORGET_ORIGINALS, ids)]
    if back or found.unpruned:
        settled = {"session_id": session_id, "restored_at": now}
        writes += [(conversations.SETTLE_SUMMARIES, settled), (conversations.SETTLE_EVENTS, settled)]
    for position, old in pairs.items():
        if chosen[position] != seqs[old]:
            writes.append((conversations.MOVE, {"id": rows[old].id, "seq": chosen[position]}))
    for position, message in enumerate(said):
        if position not in pairs:
            place = {"id": None, "session_id": session_id, "seq": chosen[position]}
            writes.append((messages.INSERT, {**message.row, **place}))
        elif position in found.reworded:
            writes.append((messages.UPDATE, {**_row(found, pairs[position]), **_words(message), "updated_at": now}))
        elif (noted := _noted(found, pairs[position], message)) is not None:
            writes.append((conversations.ANNOTATE, noted))
    if writes:
        yield from batch(writes)
    times = [message.row["created_at"] for position, message in enumerate(said) if position not in pairs]
    return max(times, default=None)


def _among_all(session_id: str, said: Sequence[Said], found: _Found) -> Steps[_Found]:
    """The same, among what compactions took out or pruned, too, where more of what the caller has is found there."""
    args = {"session_id": session_id}
    everything, kept_outputs = yield from batch(
        [(conversations.NOT_REMOVED, args), (compactions.ORIGINALS_OF_SESSION, args)]
    )
    words = [row["words"] for row in kept_outputs.rows]
    pruned = zip(MESSAGE.decode(kept_outputs), words, strict=True)
    originals = {original.id: (original, left) for original, left in pruned}
    more = _Found(everything, said, originals)
    return more if len(more.pairs) > len(found.pairs) else found


def _pairs(rows: Sequence[Message], old: list[Hashable], said: Sequence[Said]) -> dict[int, int]:
    """Which of the rows each message is that stayed; of several that say the same, the one whose id it has."""
    new: list[Hashable] = [message.key for message in said]
    position_of = {row.id: position for position, row in enumerate(rows)}
    for position, message in enumerate(said):
        at = None if message.id is None else position_of.get(message.id)
        if at is not None and old[at] == new[position]:
            old[at] = new[position] = (message.id,)
    return kept(old, new)


def _is_as_pruned(row: Message, original: Message, words: str) -> bool:
    """Whether a message is as its pruning has left it; one that was edited since keeps what it says."""
    left = pruned_message(kind_of(original.role), original.content, original.payload, words)
    return (row.content, row.payload) == left


def _noted(found: _Found, old: int, message: Said) -> dict[str, Any] | None:
    """What is to be written beside the text of a message that stayed; None where that is there already."""
    row = _row(found, old)
    if row["id"] in found.unpruned:
        row["token_count"] = found.originals[row["id"]][0].token_count
    noted = {**row, **message.notes}
    if message.extra:
        about = with_extra(found.rows[old].metadata, message.extra)
        noted["metadata_json"] = MESSAGE.columns["metadata"].encode("metadata", about)
    return None if noted == row else noted


def _row(found: _Found, old: int) -> dict[str, Any]:
    return dict(zip(found.columns, found.tuples[old], strict=True))


def _words(message: Said) -> dict[str, Any]:
    """What a message says, and what is noted of it: the columns that an edited summary takes over."""
    return {
        name: value for name, value in message.row.items() if name not in ("created_at", "external_id", "is_summary")
    }
