"""Which messages a compaction takes out: pure functions over what a planner needs to know of each message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentdb.stores.content_blocks import blocks_of, call_id_of, is_result, link_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Line:
    """A message, as a planner sees it. `calls` and `results` are the ids of the tool calls that it makes and answers; an
    id that nobody gave is None. `may_call`: it may make others, in a form that nobody here understands."""

    id: int
    seq: int
    role: str
    tokens: int
    is_preserved: bool = False
    calls: tuple[str | None, ...] = ()
    results: tuple[str | None, ...] = ()
    may_call: bool = False


def removable(lines: Sequence[Line], *, keep_last: int, protect_tokens: int) -> list[int]:
    """The positions of the lines to take out, in their order; `lines` are a whole conversation, in its order.

    What stays: the last `keep_last`, the longest tail of at most `protect_tokens`, and what is preserved. Each of them
    keeps the whole group of calls and results that it belongs to. Groups with a call that has no result yet stay, too.
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
    anything: it makes them one group. Where none waits, it belongs to the nearest. One that no call before it explains
    belongs to the nearest line before it that may have called. A line that neither calls nor answers is a group of its own.
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
    may_have_called: int | None = None
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
            explained = caller is not None and (waiting[caller] or (result is not None and result in callers))
            if may_have_called is not None and not explained and (caller is None or caller < may_have_called):
                leader[group_of(position)] = group_of(may_have_called)
            elif caller is not None:
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
        if line.may_call:
            may_have_called = position
    groups = [group_of(position) for position in range(len(lines))]
    return groups, {groups[position] for position, calls in waiting.items() if calls}


def links(
    role: str, tool_call_id: str | None, tool_calls: Any, payload: Any, extra: Any = None
) -> tuple[tuple[str | None, ...], ...]:
    """The ids of the calls that a message makes, and of those that it answers: from its columns, its blocks, and `extra`,
    what stood beside them in a caller's dict."""
    calls: dict[str | None, None] = dict.fromkeys(map(call_id_of, tool_calls or ()))
    results: dict[str | None, None] = {}
    for block in [*blocks_of(payload), *blocks_of(extra)]:
        if isinstance(beside := block.get("tool_calls"), list):
            calls.update(dict.fromkeys(map(call_id_of, beside)))
        answers, ids = link_of(block)
        for id in ids:
            if not answers:
                calls[id] = None
            elif id is not None and id in calls:  # the provider ran the tool: the message answers itself
                del calls[id]
            else:
                results[id] = None
    if len(calls) > 1:
        calls.pop(None, None)  # a call is there in an older form, too, which had no ids
    if tool_call_id is not None:
        results[tool_call_id] = None
    elif role == "tool" and not results:
        results[None] = None
    return tuple(calls), tuple(results)


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
        # A result may have no output, or one of a form that this does not know: it stays as it is.
        blocks = [(is_result(block) and pruned(block, words)) or block for block in payload]
        return None if blocks == payload else blocks
    return [{"type": "text", "text": words}]


def pruned_message(role: str, content: str | None, payload: Any, words: str) -> tuple[str | None, Any] | None:
    """A message's content and payload with `words` in place of what tools gave, and of nothing else. None where it has
    nothing of a tool, or a payload of an unknown form."""
    left = None if payload is None else pruned(payload, words)
    if (left is None) is not (payload is None):
        return None
    if role == "tool" or is_result(payload):
        return words, left
    blocks = payload.get("content") if isinstance(payload, dict) else payload
    if not isinstance(blocks, list) or not any(map(is_result, blocks)):
        return None
    return content and _reworded(content, blocks, words), left


def _reworded(content: str, blocks: list[dict[str, Any]], words: str) -> str:
    """A content that somebody else has made of blocks, with `words` in place of what tools gave: each output once, and never
    where another block says the same."""
    taken: list[tuple[int, int, str]] = []
    end = 0
    for block in blocks:
        text = None if is_result(block) else block.get("text")
        if isinstance(text, str) and text and (at := content.find(text, end)) >= 0:
            end = at + len(text)
            taken.append((at, end, text))
    for block in filter(is_result, blocks):
        for text in texts_of(block):
            if len(text) > len(words) and (at := _free(content, text, taken)) >= 0:
                taken.append((at, at + len(text), words))
    pieces, last = [], 0
    for start, end, text in sorted(taken):
        pieces += [content[last:start], text]
        last = end
    return "".join([*pieces, content[last:]])


def _free(content: str, text: str, taken: list[tuple[int, int, str]]) -> int:
    """Where the text stands first, beside what is taken; or -1."""
    at = content.find(text)
    while at >= 0:
        behind = max((end for start, end, _ in taken if start < at + len(text) and at < end), default=None)
        if behind is None:
            return at
        at = content.find(text, behind)
    return -1
