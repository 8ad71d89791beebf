"""What a planner reads of a context: the tokens of all of it, where its tail begins, and the lines before that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from agentdb.operations import batch, execute
from agentdb.queries import compactions
from agentdb.stores.links import Links, begins_turn
from agentdb.stores.messages.derived import details_of, links_of_row
from agentdb.stores.messages.values import kind_of
from agentdb.stores.turns import Line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentdb.operations import Steps

#: A place in a context: a seq and an id.
Place = tuple[float, float]
BEFORE_ALL: Place = (0, 0)
BEHIND_ALL: Place = (2.0**63, 2.0**63)
#: Messages read in one statement, where it is not known how many are needed.
_SLICE = 256


class Totals(NamedTuple):
    """The tokens of a context. `estimates` and `links` are those of messages that have none, by their ids: raw SQL wrote
    them."""

    tokens: int
    is_estimated: bool
    estimates: Mapping[int, int]
    links: Mapping[int, Links]


def totals_of(session_id: str) -> Steps[Totals]:
    """How many tokens the context of a session has; what nobody counted is estimated."""
    args = {"session_id": session_id}
    totals, without_links = yield from batch([(compactions.TOTALS, args), (compactions.WITHOUT_LINKS, args)])
    tokens, uncounted, unestimated = totals.tuples[0]
    estimates: dict[int, int] = {}
    if unestimated:
        found = yield from execute(compactions.UNESTIMATED, args)
        estimates = {row["id"]: details_of(row)[1] for row in found.rows}
    links = {row["id"]: details_of(row)[0] for row in without_links.rows}
    return Totals(tokens + sum(estimates.values()), uncounted > 0, estimates, links)


def tail_of(session_id: str, totals: Totals, keep_last: int, protect_tokens: int) -> Steps[Place]:
    """Where the tail begins that stays: the last `keep_last` messages, and as long a tail as has `protect_tokens`."""
    if totals.tokens <= protect_tokens:
        return BEFORE_ALL
    begins = BEHIND_ALL
    args: dict[str, Any]
    if keep_last:
        args = {"session_id": session_id, "offset": keep_last - 1}
        found = (yield from execute(compactions.TAIL_BY_COUNT, args)).tuples
        if not found:
            return BEFORE_ALL
        begins = found[0]
    tail, place, size = 0, BEHIND_ALL, 16
    while True:
        args = {"session_id": session_id, "cursor_seq": place[0], "cursor_id": place[1], "limit": size}
        rows = (yield from execute(compactions.TOKENS_BACKWARDS, args)).tuples
        for seq, id, tokens in rows:
            tail += totals.estimates.get(id, 0) if tokens is None else tokens
            if tail > protect_tokens:
                return min(begins, place)
            place = (seq, id)
        if len(rows) < size:
            return BEFORE_ALL
        size = _SLICE


def lines_before(session_id: str, end: Place, totals: Totals) -> Steps[list[Line]]:
    """The lines of a context before a place."""
    return (yield from _lines(session_id, BEFORE_ALL, end, -1, totals))


def lines_of_turn(session_id: str, place: Place, totals: Totals) -> Steps[list[Line]]:
    """The lines from a place up to, and without, the next that begins a turn."""
    found: list[Line] = []
    size = 16  # most turns are short
    while place < BEHIND_ALL:
        lines = yield from _lines(session_id, place, BEHIND_ALL, size, totals)
        for line in lines:
            if not line.is_summary and begins_turn(line.kind, line.links):
                return found
            found.append(line)
        if len(lines) < size:
            break
        place, size = (lines[-1].seq, lines[-1].id + 1), _SLICE
    return found


def lines_from(session_id: str, place: Place, totals: Totals) -> Steps[list[Line]]:
    """The lines of a context from a place on."""
    return (yield from _lines(session_id, place, BEHIND_ALL, -1, totals))


def _lines(session_id: str, place: Place, end: Place, limit: int, totals: Totals) -> Steps[list[Line]]:
    args: dict[str, Any] = {"session_id": session_id, "limit": limit}
    args |= {"cursor_seq": place[0], "cursor_id": place[1], "end_seq": end[0], "end_id": end[1]}
    rows = (yield from execute(compactions.LINES, args)).tuples
    lines: list[Line] = []
    new = tuple.__new__  # a row of thousands: without the names of the arguments it costs half
    for id, seq, role, tokens, is_preserved, is_summary, tool_call_id, links in rows:
        kind = kind_of(role)
        own = None
        if links is not None or tool_call_id is not None or kind == "tool" or totals.links:
            own = totals.links.get(id) or links_of_row(kind, tool_call_id, links)
        if tokens is None:
            tokens = totals.estimates.get(id, 0)
        lines.append(new(Line, (id, seq, kind, tokens, is_preserved == 1, is_summary == 1, own)))
    return lines
