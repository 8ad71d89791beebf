"""The context of a session: what goes to the model, in a form that its API accepts."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError
from agentdb.operations import execute
from agentdb.queries import messages
from agentdb.stores.messages.derived import details_of, links_of_row
from agentdb.stores.messages.values import MESSAGE, MESSAGE_WITHOUT_PAYLOAD, kind_of
from agentdb.stores.turns import Line, Segment, arranged, segments_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.clients.base import ResultSet
    from agentdb.operations import Steps
    from agentdb.stores.messages.values import Message

_AT = (
    "id",
    "seq",
    "role",
    "token_count",
    "estimated_tokens",
    "is_preserved",
    "is_summary",
    "tool_call_id",
    "links_json",
)


def context_of(
    args: dict[str, Any], limit_tokens: int | None, payload: bool, include_open_calls: bool, on_error: str
) -> Steps[list[Message]]:
    """As MessageStore.context(), whose arguments these are."""
    entity = MESSAGE if payload else MESSAGE_WITHOUT_PAYLOAD
    sql = messages.GET_CONTEXT if payload else messages.GET_CONTEXT_WITHOUT_PAYLOADS
    result = yield from entity.read(sql, args, ("estimated_tokens", "links_json"))
    if not result.tuples:
        return []
    lines = yield from _lines(result, args["session_id"], is_limited=limit_tokens is not None)
    order = _sent(lines, include_open_calls)
    if limit_tokens is not None:
        order = within(lines, order, limit_tokens)
    if order is not None:
        rows = result.tuples
        chosen = [rows[position] for position in order]
        rows[:] = chosen  # in place: a result that was read as bytes stays one
    return entity.decode(result, on_error)


def _lines(result: ResultSet, session_id: str, *, is_limited: bool) -> Steps[list[Line]]:
    columns, rows = result.columns, result.tuples
    at = [columns.index(name) for name in _AT]
    id_, seq, role, count, estimated, preserved, summary, tool_call_id, links_ = at
    calls, payload = columns.index("tool_calls_json"), columns.index("payload_json")
    lines: list[Line] = []
    unread: list[tuple[int, int]] = []
    for position, row in enumerate(rows):
        kind, answers, links = kind_of(row[role]), row[tool_call_id], row[links_]
        tokens = row[estimated] if row[count] is None else row[count]
        if links is None and (row[payload] is not None or row[calls] is not None or (is_limited and tokens is None)):
            unread.append((position, row[id_]))
        own = None if links is None and answers is None and kind != "tool" else links_of_row(kind, answers, links)
        lines.append(Line(row[id_], row[seq], kind, tokens, row[preserved] == 1, row[summary] == 1, own))
    if unread:
        ids = {"session_id": session_id, "ids": dumps([id for _, id in unread])}
        found = {row["id"]: details_of(row) for row in (yield from execute(messages.DETAILS, ids)).rows}
        for position, id in unread:
            if id in found:
                links, tokens = found[id]
                line = lines[position]
                lines[position] = line._replace(links=links, tokens=tokens if line.tokens is None else line.tokens)
    return lines


def _sent(lines: Sequence[Line], include_open_calls: bool) -> list[int] | None:
    """The positions of the messages that are sent, in their order; None for all as they stand."""
    first = _first_turn(lines)
    if first == _head(lines) and all(line.links is None for line in lines):
        return None
    found = arranged(lines)
    left_out = found.unexplained if include_open_calls else found.unexplained | found.unanswered
    order = [position for position in found.order if position not in left_out]
    return _from_a_turn(lines, order)


def _head(lines: Sequence[Line]) -> int:
    return next((at for at, line in enumerate(lines) if line.kind != "system" and not line.is_summary), len(lines))


def _first_turn(lines: Sequence[Line]) -> int:
    return next((at for at, line in enumerate(lines) if _opens(line)), len(lines))


def _opens(line: Line) -> bool:
    """Whether a context may begin with this message: one of the user that is not known to be a result."""
    return line.kind == "user" and not line.is_summary and not (line.links is not None and line.links.results)


def _from_a_turn(lines: Sequence[Line], order: list[int]) -> list[int]:
    """From the first message of a user on, with the system messages and summaries before it. A context without any stays as
    it is."""
    first = next((at for at, position in enumerate(order) if _opens(lines[position])), None)
    if first is None:
        return order
    before = [position for position in order[:first] if lines[position].kind == "system" or lines[position].is_summary]
    return [*before, *order[first:]]


def within(lines: Sequence[Line], order: list[int] | None, limit: int) -> list[int]:
    """The latest whole turns that have at most `limit` tokens, with what always stays: the head, summaries, and what is
    preserved, with its step and the message that begins its turn. Where the last turn alone has more, its first message and
    its latest steps.

    Raises FieldError where what must be sent has more.
    """
    order = list(range(len(lines))) if order is None else order
    sent = [lines[position] for position in order]
    head = _head(sent)
    segments = segments_of(sent[head:])
    sizes = [sum(sent[head + at].tokens or 0 for at in range(segment.start, segment.end)) for segment in segments]
    turns: dict[int, list[int]] = {}
    for number, segment in enumerate(segments):
        turns.setdefault(segment.turn, []).append(number)
    stays = {n for n, segment in enumerate(segments) if segment.is_summary or _is_preserved(sent, head, segment)}
    stays |= {n for ns in turns.values() if not stays.isdisjoint(ns) for n in ns if segments[n].is_opener}
    used = sum(line.tokens or 0 for line in sent[:head]) + sum(sizes[n] for n in stays)
    last_turn = max(turns, default=None)
    for turn in sorted(turns, reverse=True):
        more = [n for n in turns[turn] if n not in stays]
        needed = sum(sizes[n] for n in more)
        if used + needed > limit:
            if turn == last_turn:
                stays, used = _latest_steps(segments, sizes, turns[turn], stays, used, limit)
            break
        used += needed
        stays.update(more)
    if used > limit:
        raise FieldError.of(
            "limit_tokens",
            limit,
            f"is less than the {used} tokens that must be sent",
            code="too_small",
            remedy=f"Give at least {used}, or compact the conversation first.",
        )
    kept = list(range(head))
    for n in sorted(stays):
        kept += range(head + segments[n].start, head + segments[n].end)
    return [order[at] for at in kept]


def _is_preserved(sent: Sequence[Line], head: int, segment: Segment) -> bool:
    return any(sent[head + at].is_preserved for at in range(segment.start, segment.end))


def _latest_steps(
    segments: Sequence[Segment], sizes: Sequence[int], turn: list[int], stays: set[int], used: int, limit: int
) -> tuple[set[int], int]:
    """The message that begins a turn, the last step, and as many before it as the limit allows."""
    opener = [n for n in turn if segments[n].is_opener]
    steps = [n for n in turn if n not in opener]
    must = {*opener, *steps[-1:]} - stays
    stays, used = stays | must, used + sum(sizes[n] for n in must)
    for n in reversed(steps[:-1]):
        if n not in stays:
            if used + sizes[n] > limit:
                break
            stays.add(n)
            used += sizes[n]
    return stays, used
