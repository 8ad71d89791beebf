"""Which stored message each message of a caller is: by its id where it has one, else by what it says."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from agentdb.stores.compactions.pruning import pruned_message
from agentdb.stores.conversations.diff import kept
from agentdb.stores.conversations.stored import Stored, content_key, said_key, said_whole
from agentdb.stores.messages.call_order import call_order
from agentdb.stores.messages.values import MESSAGE, kind_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from agentdb.clients.base import ResultSet
    from agentdb.stores.conversations.message_dicts import Said
    from agentdb.stores.messages.values import Message


def stored_of(result: ResultSet) -> list[Stored]:
    """Messages of a session, in the order of their seqs."""
    rows = [dict(zip(result.columns, values, strict=True)) for values in result.tuples]
    return [Stored(row, message) for row, message in zip(rows, MESSAGE.decode(result), strict=True)]


def best_matching(
    result: ResultSet,
    said: Sequence[Said],
    elsewhere: Mapping[int, Stored],
    originals: Mapping[int, tuple[Stored, str]] | None = None,
    known: Mapping[int, int] | None = None,
) -> Matching:
    """As Matching, with the stored messages in the order in which load_session() gives them, each result of a tool behind
    its call; or, where more is found so, in the order of their seqs."""
    stored = stored_of(result)
    order = call_order([one.message for one in stored])
    found = Matching([stored[at] for at in order], said, elsewhere, originals, known)
    if order == sorted(order):
        return found
    as_written = Matching(stored_of(result), said, elsewhere, originals, known)
    return as_written if as_written.found > found.found else found


class Matching:
    """Which of the stored messages each message of a caller is.

    `pairs` has the position of a stored one for each position of the caller's, in the order of their seqs; `placed` those
    that come from elsewhere: out of order, removed, or out of the context. `reworded` are the positions of summaries whose
    words the caller has changed. `unpruned` are those whose outputs the caller still has. `is_longer`: all that is stored
    comes first, in this order.
    """

    def __init__(
        self,
        stored: list[Stored],
        said: Sequence[Said],
        elsewhere: Mapping[int, Stored],
        originals: Mapping[int, tuple[Stored, str]] | None = None,
        known: Mapping[int, int] | None = None,
    ) -> None:
        """elsewhere: by the position of the caller's message, what its id names of what is not among `stored`. originals: of
        pruned messages by their ids, with the words in place of the output. known: by the position of the caller's message,
        the id of the stored one that it is already known to be."""
        self.stored = stored
        self.said = said
        self.unpruned: list[Stored] = []
        new = [said_key(message) for message in said]
        self._put_originals_back(originals or {}, set(new))
        chosen = self._chosen(elsewhere, known or {})
        pairs = self._pairs(chosen, new, elsewhere)
        self.placed: dict[int, Stored] = dict(elsewhere)
        self.placed |= {at: stored[old] for at, old in chosen.items() if pairs.get(at) != old}
        self.is_longer = all(pairs.get(at) == at for at in range(len(stored)))
        self.pairs = pairs if self.is_longer else self._in_order_of_seqs(pairs)
        stays = {id(stored[old]) for old in self.pairs.values()} | {id(one) for one in self.placed.values()}
        self.unpruned = [one for one in self.unpruned if id(one) in stays]
        self.reworded = self._reworded_summaries()
        self.pairs |= self.reworded

    @property
    def found(self) -> int:
        """How many of the caller's messages are there already."""
        return len(self.pairs) + len(self.placed)

    def is_all_there(self) -> bool:
        """Whether no message of the caller can be one that a compaction took out: those that are new follow all the others.

        A message that stands where a summary stood may be its new words, or the first one that the compaction took out. And
        where somebody has removed the summary, what the compaction took out may follow.
        """
        if self.reworded:
            return False
        has_summary = any(one.message.is_summary for one in self.stored)
        return (has_summary and self.is_longer) or self.found == len(self.said)

    def _put_originals_back(self, originals: Mapping[int, tuple[Stored, str]], new: set[Hashable]) -> None:
        for one in self.stored:
            original, words = originals.get(one.message.id, (None, ""))
            if original is None or one.key in new:
                continue
            if (was := content_key(original.message)) in new and _is_as_pruned(one.message, original.message, words):
                one.key = was
                one.row |= {name: original.row[name] for name in ("content", "payload_json", "token_count")}
                self.unpruned.append(one)

    def _chosen(self, elsewhere: Mapping[int, Stored], known: Mapping[int, int]) -> dict[int, int]:
        """The positions of the stored messages that the ids of the caller's name, or that are known, each once."""
        by_external_id = {one.message.external_id: at for at, one in enumerate(self.stored)}
        by_id = {one.message.id: at for at, one in enumerate(self.stored)}
        chosen: dict[int, int] = {}
        taken: set[int] = set()
        for position, message in enumerate(self.said):
            if position in elsewhere:
                continue
            old = None
            if message.external_id is not None:
                old = by_external_id.get(message.external_id)
            if old is None and message.id is not None:
                old = by_id.get(message.id)
            if old is None and position in known:
                old = by_id.get(known[position])
            if old is not None and old not in taken:
                chosen[position] = old
                taken.add(old)
        return chosen

    def _pairs(
        self, chosen: dict[int, int], new: Sequence[Hashable], elsewhere: Mapping[int, Stored]
    ) -> dict[int, int]:
        """By ids and by all that is said; and between these, by the content alone."""
        whole_old: list[Hashable] = [one.whole() for one in self.stored]
        whole_new: list[Hashable] = [said_whole(message) for message in self.said]
        content_old: list[Hashable] = [one.key for one in self.stored]
        content_new: list[Hashable] = list(new)
        for position in elsewhere:
            whole_new[position] = content_new[position] = ("elsewhere", position)
        for position, old in chosen.items():
            whole_old[old] = whole_new[position] = ("same id", old)
            content_old[old], content_new[position] = ("moved from", old), ("moved to", position)
        pairs = kept(whole_old, whole_new)
        ends = [(-1, -1), *sorted(pairs.items()), (len(new), len(content_old))]
        for (b, a), (end_b, end_a) in zip(ends, ends[1:], strict=False):
            if end_a - a > 1 and end_b - b > 1:
                between = kept(content_old[a + 1 : end_a], content_new[b + 1 : end_b])
                pairs |= {b + 1 + at: a + 1 + old for at, old in between.items()}
        return {
            at: old
            for at, old in pairs.items()
            if chosen.get(at) == old or self.said[at].external_id is None or not self._has_another_id(at, old)
        }

    def _has_another_id(self, position: int, old: int) -> bool:
        there = self.stored[old].message.external_id
        return there is not None and there != self.said[position].external_id

    def _in_order_of_seqs(self, pairs: dict[int, int]) -> dict[int, int]:
        """The pairs whose seqs grow, as many as there can be; the others get new places."""
        ordered = sorted(pairs.items())
        seqs = [self.stored[old].message.seq for _, old in ordered]
        if all(a <= b for a, b in zip(seqs, seqs[1:], strict=False)):
            return dict(ordered)
        lasts: list[int] = []
        ends: list[int] = []
        before: list[int] = []
        for at, seq in enumerate(seqs):
            length = bisect_right(lasts, seq)
            before.append(ends[length - 1] if length else -1)
            lasts[length : length + 1] = [seq]
            ends[length : length + 1] = [at]
        growing: set[int] = set()
        at = ends[-1]
        while at >= 0:
            growing.add(at)
            at = before[at]
        for at, (position, old) in enumerate(ordered):
            if at not in growing:
                self.placed[position] = self.stored[old]
        return {position: old for at, (position, old) in enumerate(ordered) if at in growing}

    def _reworded_summaries(self) -> dict[int, int]:
        """Messages of role system that stand where a summary stood, behind the same message: its new words."""
        position_of = {old: position for position, old in self.pairs.items()}
        found = {}
        for old, one in enumerate(self.stored):
            message = one.message
            if not message.is_summary or message.compaction_event_id is not None or old in position_of:
                continue
            position = position_of.get(old - 1, -1) + 1
            is_free = position < len(self.said) and position not in self.pairs and position not in self.placed
            if is_free and (old == 0 or old - 1 in position_of) and self.said[position].is_system:
                found[position] = old
        return found


def _is_as_pruned(message: Message, original: Message, words: str) -> bool:
    """Whether a message is as its pruning has left it; one that was edited since keeps what it says."""
    left = pruned_message(kind_of(original.role), original.content, original.payload, words)
    return (message.content, message.payload) == left
