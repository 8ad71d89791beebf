"""What of a conversation stays when it is saved again: pure functions."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Container, Hashable, Sequence

    _Place: TypeAlias = tuple[int, int]
    _Chain: TypeAlias = tuple[int, int, "_Chain | None"]

#: With more pairs of equal items between two changed middles, what comes most often is kept at the ends of gaps alone.
_MANY = 1_000_000


def kept(old: Sequence[Hashable], new: Sequence[Hashable], many: int = _MANY) -> dict[int, int]:
    """Which position of `old` each position of `new` has its item from; those of `new` that are not there are new.

    Kept are the equal items at the front and at the end. Between them as many are kept as there can be in the same
    order. Where more than `many` pairs of them are equal, rare items come first, and the others where they adjoin what
    is kept.
    """
    pairs: dict[int, int] = {}
    front, ends = _same_ends(pairs, old, new, (0, 0), (len(old), len(new)))
    for found in [*_in_order(old, new, front, ends, many), ends]:
        _same_ends(pairs, old, new, front, found)
        if found != ends:
            pairs[found[1]] = found[0]
            front = (found[0] + 1, found[1] + 1)
    return pairs


def _same_ends(
    pairs: dict[int, int], old: Sequence[Hashable], new: Sequence[Hashable], front: _Place, ends: _Place
) -> tuple[_Place, _Place]:
    """Pair what is the same at both ends of a part; what is left of it. A place is a position of `old`, and of `new`."""
    (a, b), (end_a, end_b) = front, ends
    while a < end_a and b < end_b and old[a] == new[b]:
        pairs[b] = a
        a, b = a + 1, b + 1
    while a < end_a and b < end_b and old[end_a - 1] == new[end_b - 1]:
        end_a, end_b = end_a - 1, end_b - 1
        pairs[end_b] = end_a
    return (a, b), (end_a, end_b)


def _in_order(old: Sequence[Hashable], new: Sequence[Hashable], front: _Place, ends: _Place, many: int) -> list[_Place]:
    """The longest common subsequence of two parts, by the method of Hunt and Szymanski: it takes as many steps as there
    are pairs of equal items, which for a conversation is about its length."""
    positions: dict[Hashable, list[int]] = {}
    for a in range(ends[0] - 1, front[0] - 1, -1):
        positions.setdefault(old[a], []).append(a)
    pairs_of = {
        item: count * len(positions[item])
        for item, count in Counter(new[front[1] : ends[1]]).items()
        if item in positions
    }
    for item, count in sorted(pairs_of.items(), key=lambda pair: pair[1]):
        if (many := many - count) < 0:
            del positions[item]
    lasts: list[int] = []  # the least position of `old` at which a chain of each length ends
    chains: list[_Chain] = []
    for b in range(front[1], ends[1]):
        for a in positions.get(new[b], ()):
            length = bisect_left(lasts, a)
            chain = (a, b, chains[length - 1] if length else None)
            lasts[length : length + 1] = [a]
            chains[length : length + 1] = [chain]
    found: list[_Place] = []
    last = chains[-1] if chains else None
    while last is not None:
        found.append((last[0], last[1]))
        last = last[2]
    return found[::-1]


def places(
    seqs: Sequence[int], pairs: dict[int, int], length: int, last_seq: int, taken: Container[int] = ()
) -> list[int]:
    """A seq for each of `length` new positions, growing; `seqs` are those of the old ones.

    What is kept keeps its seq. What comes between two kept ones takes seqs that are free there, and not `taken`. Where
    they are too few, it and all behind it move to the end, behind `last_seq`. What comes last goes there, too.
    """
    chosen: list[int] = []
    position = 0
    while position < length:
        if position in pairs:
            chosen.append(seqs[pairs[position]])
            position += 1
            continue
        end = position
        while end < length and end not in pairs:
            end += 1
        free: list[int] = []
        if end < length:
            candidate = chosen[-1] if chosen else 0
            while len(free) < end - position and (candidate := candidate + 1) < seqs[pairs[end]]:
                if candidate not in taken:
                    free.append(candidate)
        if len(free) < end - position:
            return [*chosen, *range(last_seq + 1, last_seq + 1 + length - position)]
        chosen += free
        position = end
    return chosen
