"""Turns of a conversation, the steps in them, and which message answers which.

A turn begins with a message of a user that is no result of a tool. Inside a turn a step ends behind the results of tools,
where the next message is no result and nothing of an unknown shape stands at the cut.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from agentdb.stores.links import Links, begins_turn

if TYPE_CHECKING:
    from collections.abc import Sequence


class Line(NamedTuple):
    """A message, as the cuts of a conversation see it. `links` is None where it neither calls nor answers. `tokens` is None
    where neither a count nor an estimate is there."""

    id: int
    seq: int
    kind: str
    tokens: int | None = None
    is_preserved: bool = False
    is_summary: bool = False
    links: Links | None = None


class Arrangement(NamedTuple):
    """Lines with each result behind its call. `unanswered` and `unexplained` are the positions (in what was given) of calls
    without their results, and of results without their calls, with all that must not stay without them. `is_complete`: no call
    waits, and a call explains every result."""

    order: list[int]
    unanswered: set[int]
    unexplained: set[int]
    is_complete: bool


class _Asked:
    __slots__ = ("is_offer", "position", "run", "waits")

    def __init__(self, position: int, run: int, is_offer: bool = False) -> None:
        self.position, self.run, self.is_offer, self.waits = position, run, is_offer, True


def callers_of(lines: Sequence[Line]) -> tuple[dict[int, list[int]], set[int], set[int]]:
    """For each position that answers, those of the calls that it answers; the positions of calls that wait; and those of
    results that no call explains.

    A result belongs to the nearest call before it with its id that waits; ids come again in one conversation. Else it belongs
    to the nearest that waits and has no id. One without an id answers the first that waits of the latest calls in a row.
    Where no call with its id stands before it, it belongs to one behind it that nobody else answers. No call explains a
    second result of one call.
    """
    by_id: defaultdict[str | None, list[_Asked]] = defaultdict(list)
    latest: list[_Asked] = []
    callers: defaultdict[int, list[int]] = defaultdict(list)
    early: list[tuple[int, str | None]] = []
    unexplained: set[int] = set()
    run, is_answering = 0, False

    def answered(id: str | None) -> _Asked | None:
        return next((one for one in reversed(by_id[id]) if one.waits), None)

    def first_of_latest() -> _Asked | None:
        while latest and not latest[-1].waits:
            latest.pop()
        if not latest:
            return None
        at = len(latest) - 1
        while at and latest[at - 1].run == latest[-1].run:
            at -= 1
        return next(one for one in latest[at:] if one.waits)

    for position, line in enumerate(lines):
        if line.links is None:
            continue
        for id in line.links.results:
            found = first_of_latest() if id is None else answered(id)
            if found is None and id is not None:
                found = next((one for one in reversed(by_id[None]) if one.waits), None)
            if found is None:
                if id is not None and by_id[id]:
                    unexplained.add(position)  # a second result of one call
                else:
                    early.append((position, id))
                continue
            found.waits = False
            callers[position].append(found.position)
            is_answering = True
        if line.links.calls or line.links.offers:
            if is_answering:
                run, is_answering = run + 1, False
            for id in line.links.calls:
                latest.append(one := _Asked(position, run))
                by_id[id].append(one)
            for id in line.links.offers:
                by_id[id].append(_Asked(position, run, is_offer=True))
    for position, id in early:
        waiting = next((one for one in by_id[id] if one.waits), None)
        if waiting is None:
            unexplained.add(position)
        else:
            waiting.waits = False
            callers[position].append(waiting.position)
    waiting_calls = {one.position for asked in by_id.values() for one in asked if one.waits and not one.is_offer}
    return dict(callers), waiting_calls, unexplained


def arranged(lines: Sequence[Line]) -> Arrangement:
    """Put each result behind its call. Where all results of calls in a row follow the row, they stay as they are."""
    if all(line.links is None or line.links == _NOTHING for line in lines):
        return Arrangement(list(range(len(lines))), set(), set(), True)
    callers, waiting, unexplained = callers_of(lines)
    results: defaultdict[int, list[int]] = defaultdict(list)
    for position, its_callers in callers.items():
        links = lines[position].links
        if links is not None and not links.calls:  # one that calls itself stays where it is
            results[max(its_callers)].append(position)
    moved: dict[int, list[int]] = {}

    def is_nested(row: list[int]) -> bool:
        """Whether others belong to these calls, or these to others, with nothing of the user between: they stand as they do."""
        results_of = [position for caller in row for position in results[caller]]
        between = range(row[0], max(results_of, default=row[0]) + 1)
        refers = any((links := lines[position].links) is not None and links.refers for position in between)
        return refers and not any(begins_turn(lines[position].kind, lines[position].links) for position in between)

    for row in _rows(lines, callers):
        given = sorted(position for caller in row for position in results[caller])
        if is_nested(row):
            continue
        first = row[-1] + 1
        is_in_place = given == list(range(first, first + len(given)))
        if given and not (is_in_place and not (len(row) > 1 and lines[row[0]].links.is_chat)):  # type: ignore[union-attr]
            moved |= {caller: sorted(results[caller]) for caller in row if results[caller]}
    if not moved:
        order = list(range(len(lines)))
    else:
        held = {position for positions in moved.values() for position in positions}
        order = []
        for position in range(len(lines)):
            if position not in held:
                order.append(position)
                order += moved.get(position, ())
    is_complete = not waiting and not unexplained
    if not is_complete:
        waiting, unexplained = _with_their_parts(lines, callers, waiting, unexplained)
    return Arrangement(order, waiting, unexplained, is_complete)


_NOTHING = Links()


def _rows(lines: Sequence[Line], callers: dict[int, list[int]]) -> list[list[int]]:
    """The positions of calls in a row, with nothing but reasoning between them."""
    rows: list[list[int]] = [[]]
    for position, line in enumerate(lines):
        links = line.links
        if links is not None and (links.calls or links.offers):
            if position in callers or links.refers:
                rows.append([])
            rows[-1].append(position)
        elif rows[-1] and (links is None or not links.is_reasoning):
            rows.append([])
    return [row for row in rows if row]


def _with_their_parts(
    lines: Sequence[Line], callers: dict[int, list[int]], waiting: set[int], unexplained: set[int]
) -> tuple[set[int], set[int]]:
    """What waits and what nothing explains, with all that goes with it: the calls in a row and their reasoning, and the other
    calls and results of the same messages. In a turn with an unknown shape, that may be the missing part: nothing waits."""
    turns, unknown = _turns_of(lines)
    waiting = {position for position in waiting if turns[position] not in unknown}
    unexplained = {position for position in unexplained if turns[position] not in unknown}
    results: defaultdict[int, list[int]] = defaultdict(list)
    for position, its_callers in callers.items():
        for caller in its_callers:
            results[caller].append(position)
    units = _units(lines, callers)
    found, left = set(), [*waiting, *unexplained]
    while left:
        position = left.pop()
        if position in found:
            continue
        found.add(position)
        left += units.get(position, ())
        left += results.get(position, ())
        left += callers.get(position, ())
    return found - unexplained, unexplained


def _units(lines: Sequence[Line], callers: dict[int, list[int]]) -> dict[int, list[int]]:
    """For each call the reasoning before it and the calls in a row with it, for each of those the same."""
    units: dict[int, list[int]] = {}
    unit: list[int] = []
    for position, line in enumerate(lines):
        links = line.links
        is_call = links is not None and bool(links.calls or links.offers) and position not in callers
        is_reasoning = links is not None and links.is_reasoning
        before = lines[position - 1].links if position else None
        follows_reasoning = before is not None and before.is_reasoning
        if not is_call and not is_reasoning and not follows_reasoning:
            unit = []
            continue
        if is_reasoning and not follows_reasoning:
            unit = []
        unit.append(position)
        units[position] = unit
        if not is_call and not is_reasoning:
            unit = []
    return units


def _turns_of(lines: Sequence[Line]) -> tuple[list[int], set[int]]:
    """The number of the turn of each line, and the numbers of the turns that hold an unknown shape."""
    turn, turns, unknown = 0, [], set()
    for line in lines:
        if not line.is_summary and begins_turn(line.kind, line.links):
            turn += 1
        turns.append(turn)
        if line.links is not None and line.links.is_unknown:
            unknown.add(turn)
    return turns, unknown


class Segment(NamedTuple):
    """Lines that go or stay together: positions from `start` up to, not with, `end`. `is_opener`: the message of a user that
    begins the turn."""

    start: int
    end: int
    turn: int
    is_opener: bool
    is_summary: bool


def segments_of(lines: Sequence[Line]) -> list[Segment]:
    """The segments of lines that are arranged: openers, summaries, and steps that are whole for all that is known."""
    turns, unknown = _turns_of(lines)
    found: list[Segment] = []
    start = 0
    waiting = 0  # calls without their results, in a turn where an unknown shape may hold them
    for position in range(len(lines) + 1):
        if position == len(lines) or position == 0 or _is_cut(lines, position, turns, unknown, waiting):
            if position > start:
                first = lines[start]
                is_opener = not first.is_summary and begins_turn(first.kind, first.links)
                found.append(Segment(start, position, turns[start], is_opener, first.is_summary))
            start = position
        if position == len(lines):
            break
        links = lines[position].links
        if position == start and (position == 0 or turns[position] != turns[position - 1]):
            waiting = 0
        if links is not None:
            waiting = max(waiting + len(links.calls) - len(links.results), 0)
    return found


def _is_cut(lines: Sequence[Line], at: int, turns: list[int], unknown: set[int], waiting: int) -> bool:
    """Whether a cut before this line parts nothing."""
    if turns[at] != turns[at - 1]:
        return True
    before, behind = lines[at - 1], lines[at]
    if before.is_summary or behind.is_summary:
        return True
    if not before.is_summary and begins_turn(before.kind, before.links):
        # The opener stands alone, except beside an unknown shape.
        return behind.links is None or not behind.links.is_unknown
    if before.links is None or behind.kind == "tool":
        return False
    if not before.links.results or before.links.calls or before.links.is_unknown:
        return False
    if behind.links is not None and (behind.links.results or behind.links.refers or behind.links.is_unknown):
        return False
    return turns[at] not in unknown or waiting == 0
