"""Which messages a compaction takes out: pure functions over what a planner needs to know of each message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentdb.stores.blocks import call_id_of, is_result, link_of, text_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Line:
    """A message, as a planner sees it. `calls` and `results` are the ids of the tool calls that it makes and answers; an
    id that nobody gave is None."""

    id: int
    seq: int
    role: str
    tokens: int
    is_preserved: bool = False
    calls: tuple[str | None, ...] = ()
    results: tuple[str | None, ...] = ()


def removable(lines: Sequence[Line], *, keep_last: int, protect_tokens: int) -> list[int]:
    """The positions of the lines to take out, in their order; `lines` are a whole conversation, in its order.

    What stays: the last `keep_last`, as long a tail as has at most `protect_tokens`, and what is preserved; with each of
    them whole the group of calls and results that it belongs to; and groups with a call that has no result yet.
    """
    stays = [line.is_preserved for line in lines]
    tail = 0
    for position in range(len(lines) - 1, -1, -1):
        tail += lines[position].tokens
        if len(lines) - position > keep_last and tail > protect_tokens:
            break
        stays[position] = True
    groups, unanswered = grouped(lines)
    kept_groups = {group for group, kept in zip(groups, stays, strict=True) if kept} | unanswered
    return [position for position, group in enumerate(groups) if group not in kept_groups]


def grouped(lines: Sequence[Line]) -> tuple[list[int], set[int]]:
    """For each line the number of its group, and the groups with a call that has no result yet.

    A result belongs to the nearest call before it with its id (ids come again in one conversation) that still waits, else
    to the nearest. One without an id may answer any that still waits of the nearest seqs in a row before it that call
    anything: it makes them one group. Where none waits, it belongs to the nearest. A line that neither calls nor answers
    is a group of its own.
    """
    leader = list(range(len(lines)))

    def group_of(position: int) -> int:
        while leader[position] != position:
            leader[position] = leader[leader[position]]
            position = leader[position]
        return position

    callers: dict[str | None, int] = {}
    asked: dict[str | None, list[int]] = {}
    last_caller: int | None = None
    rows: list[list[int]] = []  # lines that call, together where nothing was ever between them
    waiting: dict[int, list[str | None]] = {}

    def caller_of(result: str | None) -> int | None:
        id = result if result in callers else None  # one side knows no ids
        still = asked.get(id, [])
        while still:
            caller = still.pop()
            if id in waiting[caller]:  # else a result without an id has answered it
                return caller
        return callers.get(id)

    def first_waiting() -> int | None:
        while rows:
            if still := [caller for caller in rows[-1] if waiting[caller]]:
                rows[-1] = still
                for caller in still[1:]:
                    leader[group_of(caller)] = group_of(still[0])
                return still[0]
            rows.pop()
        return last_caller

    for position, line in enumerate(lines):
        for result in line.results:
            caller = first_waiting() if result is None else caller_of(result)
            if caller is not None:
                leader[group_of(position)] = group_of(caller)
                calls = waiting[caller]
                if result in calls:
                    calls.remove(result)
                elif None in calls:  # one side knows no ids: any call will do
                    calls.remove(None)
                elif result is None and calls:
                    calls.pop(0)
        if line.calls:
            waiting[position] = list(line.calls)
            callers.update(dict.fromkeys(line.calls, position))
            for call in line.calls:
                asked.setdefault(call, []).append(position)
            if not rows or rows[-1][-1] != position - 1 or lines[position - 1].seq != line.seq - 1:
                rows.append([])
            rows[-1].append(position)
            last_caller = position
    groups = [group_of(position) for position in range(len(lines))]
    return groups, {groups[position] for position, calls in waiting.items() if calls}


def links(role: str, tool_call_id: str | None, tool_calls: Any, payload: Any) -> tuple[tuple[str | None, ...], ...]:
    """The ids of the calls that a message makes, and of those that it answers, from its columns and its blocks."""
    calls: dict[str | None, None] = {}
    results: dict[str | None, None] = {}
    beside = payload.get("tool_calls") if isinstance(payload, dict) else None
    for call in [*(tool_calls or ()), *(beside if isinstance(beside, list) else ())]:
        calls[call_id_of(call)] = None
    for block in _blocks(payload):
        answers, ids = link_of(block)
        for id in ids:
            if not answers:
                calls[id] = None
            elif id is not None and id in calls:  # the provider ran the tool: the message answers itself
                del calls[id]
            else:
                results[id] = None
    if tool_call_id is not None:
        results[tool_call_id] = None
    elif role == "tool" and not results:
        results[None] = None
    return tuple(calls), tuple(results)


def _blocks(payload: Any) -> Iterator[dict[str, Any]]:
    """The blocks of a list, or a framework's item and the blocks in it."""
    items = payload
    if isinstance(payload, dict):
        inner = [payload.get(name) for name in ("content", "parts")]
        items = [payload, *[block for blocks in inner if isinstance(blocks, list) for block in blocks]]
    for item in items or ():
        if isinstance(item, dict):
            yield item


def pruned(payload: Any, words: str) -> Any:
    """A payload with `words` in place of a tool's output, or None where it has a form that this does not know."""
    if isinstance(payload, dict):
        inner = payload.get("content")
        if isinstance(inner, list) and any(map(is_result, inner)):
            blocks = pruned(inner, words)
            return None if blocks is None else {**payload, "content": blocks}
        for key in ("output", "content"):
            if key in payload:
                return {**payload, key: words}
        return None
    if not all(isinstance(block, dict) for block in payload):
        return None
    if any(map(is_result, payload)):
        blocks = [pruned(block, words) if is_result(block) else block for block in payload]
        return None if None in blocks else blocks
    return [{"type": "text", "text": words}]


def pruned_message(role: str, content: str | None, payload: Any, words: str) -> tuple[str | None, Any] | None:
    """A message's content and payload with `words` in place of what tools gave, and of nothing else; None where it has
    nothing of a tool, or a payload of a form that this does not know."""
    left = None if payload is None else pruned(payload, words)
    if (left is None) is not (payload is None):
        return None
    if role == "tool" or is_result(payload):
        return words, left
    results = [block for block in _blocks(payload) if is_result(block)]
    if not results:
        return None
    if content == text_of(payload):
        return text_of(left), left
    for text in [text for block in results for text in texts_of(block)]:
        if content and len(text) > len(words):
            content = content.replace(text, words)
    return content, left
