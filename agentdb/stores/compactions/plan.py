"""Which messages a compaction takes out: a pure function over what a planner needs to know of each message."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from agentdb.stores.links import begins_turn
from agentdb.stores.turns import arranged, segments_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.stores.turns import Line


class Cut:
    """A context as it is cut: `lines` in the order in which they are sent, without the system messages at the head.

    `waits` are the positions of what waits for the result of a tool, or belongs to what does; `is_complete`: no call waits, and
    a call explains every result.
    """

    def __init__(self, context: Sequence[Line]) -> None:
        found = arranged(context)
        lines = [context[position] for position in found.order]
        head = 0
        while head < len(lines) and lines[head].kind == "system" and not lines[head].is_summary:
            head += 1
        self.lines = lines[head:]
        self.is_complete = found.is_complete
        unanswered = {context[position].id for position in found.unanswered}
        self.waits = {at for at, line in enumerate(self.lines) if line.id in unanswered} if unanswered else set()
        #: Where turns begin; what stands before the first user's message is like a turn.
        self.turns = [0] if self.lines else []
        self.turns += [
            at
            for at, line in enumerate(self.lines)
            if at and line.kind == "user" and not line.is_summary and begins_turn("user", line.links)
        ]

    def removable(self, tail: tuple[float, float], protect_tokens: int) -> list[Line]:
        """The lines to take out, in the order of the context. `tail` is the seq and id at which the tail begins.

        Whole turns go. A turn that reaches into the tail stays whole, unless its steps before the tail have more than
        `protect_tokens` tokens: then those steps go, and its user's message stays. What is preserved or waits stays with its
        segment, and with the message that begins its turn. Summaries go with what goes.
        """
        lines = self.lines
        in_tail = {at for at, line in enumerate(lines) if line.seq >= tail[0] and (line.seq, line.id) >= tail}
        stays = in_tail | self.waits | {at for at, line in enumerate(lines) if line.is_preserved}
        touched = {bisect_right(self.turns, at) - 1 for at in in_tail}
        partly = {bisect_right(self.turns, at) - 1 for at in stays}
        chosen: list[Line] = []
        for number, start in enumerate(self.turns):
            end = self.turns[number + 1] if number + 1 < len(self.turns) else len(lines)
            if number not in partly:
                chosen += lines[start:end]
                continue
            going = self._steps(start, end, stays)
            if number not in touched or sum(line.tokens or 0 for line in going if not line.is_summary) > protect_tokens:
                chosen += going
            else:
                chosen += [line for line in going if line.is_summary]
        return [] if all(line.is_summary for line in chosen) else chosen

    def _steps(self, start: int, end: int, stays: set[int]) -> list[Line]:
        """What goes of a turn of which something stays: the segments that hold nothing of it, without the opener."""
        going: list[Line] = []
        for segment in segments_of(self.lines[start:end]):
            positions = range(start + segment.start, start + segment.end)
            if not segment.is_opener and stays.isdisjoint(positions):
                going += self.lines[positions.start : positions.stop]
        return going

    def parted(self, ids: set[int]) -> str | None:
        """What taking out these would part: why not to; or None."""
        for number, start in enumerate(self.turns):
            turn = self.lines[start : self.turns[number + 1] if number + 1 < len(self.turns) else len(self.lines)]
            gone = [line.id in ids for line in turn]
            if all(gone) or not any(gone):
                continue
            for segment in segments_of(turn):
                goes = gone[segment.start : segment.end]
                if any(goes) and not all(goes):
                    return "a call and its results, or a step, would be parted"
                if any(goes) and segment.is_opener:
                    others = [is_gone for is_gone, line in zip(gone, turn, strict=True) if not line.is_summary]
                    if not all(others):
                        return "a turn has gone on"
        return None
