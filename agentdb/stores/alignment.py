"""What of a conversation stays when it is saved anew: pure functions."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Hashable, Sequence

#: Beyond this many comparisons between two changed middles, these are taken to have nothing in common.
_MANY = 4_000_000


def kept(old: Sequence[Hashable], new: Sequence[Hashable]) -> dict[int, int]:
    """Which position of `old` each position of `new` has its item from; those of `new` that are not there are new.

    The items in front that are the same, those at the end, and between them what runs on the same in both.
    """
    shorter = min(len(old), len(new))
    front = 0
    while front < shorter and old[front] == new[front]:
        front += 1
    back = 0
    while back < shorter - front and old[-1 - back] == new[-1 - back]:
        back += 1
    pairs = {position: position for position in range(front)}
    middle, changed = old[front : len(old) - back], new[front : len(new) - back]
    if middle and changed and len(middle) * len(changed) <= _MANY:
        for block in SequenceMatcher(None, middle, changed, autojunk=False).get_matching_blocks():
            pairs.update({front + block.b + n: front + block.a + n for n in range(block.size)})
    pairs.update({len(new) - n: len(old) - n for n in range(back, 0, -1)})
    return pairs


def places(
    seqs: Sequence[int], pairs: dict[int, int], length: int, last_seq: int, taken: Container[int] = ()
) -> list[int]:
    """A seq for each of `length` new positions, growing; `seqs` are those of the old ones.

    What is kept keeps its seq. What comes between two kept ones takes seqs that are free there, and not `taken`; where
    they are too few, it and all behind it move to the end, behind `last_seq`, as what comes last does.
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
