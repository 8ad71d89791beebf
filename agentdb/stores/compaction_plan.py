"""Which messages a compaction takes out: pure functions over what a planner needs to know of each message."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: How content blocks and items of a framework name a call of a tool, and a result: by types that end so (in their words,
#: as `tool-call` and `toolCall` have them too), or by holding it under such a name.
_CALL_ENDS = ("tool_use", "tool_call", "function_call")
_RESULT_ENDS = ("tool_result", "call_output", "function_response", "tool_response")
_WRAPPERS = ("function_call", "functionCall", "tool_use", "toolUse")
_RESULT_WRAPPERS = ("function_response", "functionResponse", "tool_result", "toolResult")
_OWN_IDS = ("call_id", "tool_call_id", "toolCallId", "toolUseId")
_CALL_IDS = (*_OWN_IDS, "id")
_RESULT_IDS = ("tool_use_id", *_OWN_IDS)
_CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")


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
    to the nearest. One without an id belongs to the first that still waits of the nearest lines in a row before it that
    call anything, since results come in the order of their calls; where none waits, to the nearest. A line that neither
    calls nor answers is a group of its own.
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
    rows: list[deque[int]] = []  # lines that call, each with those that follow it without another between
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
            while rows[-1]:
                if waiting[rows[-1][0]]:
                    return rows[-1][0]
                rows[-1].popleft()
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
            if not (rows and rows[-1] and rows[-1][-1] == position - 1):
                rows.append(deque())
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
        calls[_id_of(call, _CALL_IDS)] = None
    for block in _blocks(payload):
        answers, ids = _link(block)
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


def is_result(block: Any) -> bool:
    """Whether a block, or an item, is what a tool gave."""
    return isinstance(block, dict) and bool((link := _link(block))[0] and link[1])


def _link(block: dict[str, Any]) -> tuple[bool, list[str | None]]:
    """Whether a block is a result, and the ids of the calls that it makes or answers: none where it does neither."""
    kind = block.get("type")
    words = _CAPITAL.sub("_", kind).lower().replace("-", "_") if isinstance(kind, str) else ""
    if words.endswith(_RESULT_ENDS):
        return True, [_id_of(block, _RESULT_IDS)]
    if words.endswith(_CALL_ENDS):
        return False, [_id_of(block, _CALL_IDS)]
    # Calls of other kinds, which the provider answers itself, have no id to answer them by.
    if words.endswith("_call"):
        own = _id_of(block, _OWN_IDS)
        return False, [] if own is None else [own]
    for names, answers in ((_RESULT_WRAPPERS, True), (_WRAPPERS, False)):
        for name in names:
            if isinstance(block.get(name), dict):
                return answers, [_id_of(block[name], _CALL_IDS)]
    return False, []


def _id_of(item: Any, keys: Sequence[str]) -> str | None:
    for key in keys if isinstance(item, dict) else ():
        if isinstance(item.get(key), str):
            return str(item[key])
    return None


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
    for text in [text for block in results for text in _texts(block)]:
        if content and len(text) > len(words):
            content = content.replace(text, words)
    return content, left


def _texts(result: dict[str, Any]) -> list[str]:
    """What a result says, in the forms in which the content of its message may have it."""
    output = result.get("output", result.get("content"))
    if not isinstance(output, list):
        return [output] if isinstance(output, str) else []
    texts = [block.get("text") for block in output if isinstance(block, dict)]
    return ["\n".join(found := [text for text in texts if isinstance(text, str)]), *found]
