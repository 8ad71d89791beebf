"""Content blocks, and items of frameworks: which are calls of tools and their results, and what they say as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: How content blocks and items of a framework name a call of a tool, and a result: by types that end so (in their words,
#: as `tool-call` and `toolCall` have them too), or by holding it under such a name.
_CALL_ENDS = ("tool_use", "tool_call", "function_call", "approval_request")
_RESULT_ENDS = ("tool_result", "call_output", "function_response", "tool_response", "tool_return", "approval_response")
_WRAPPERS = ("function_call", "functionCall", "tool_use", "toolUse")
_RESULT_WRAPPERS = ("function_response", "functionResponse", "tool_result", "toolResult")
_OWN_IDS = ("call_id", "tool_call_id", "toolCallId", "toolUseId")
_CALL_IDS = (*_OWN_IDS, "id")
_RESULT_IDS = ("tool_use_id", "approval_request_id", *_OWN_IDS)
#: Where the items of frameworks have their blocks, or themselves.
_INNER = ("content", "parts", "data", "kwargs", "additional_kwargs", "message")
_CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")


def blocks_of(payload: Any) -> Iterator[dict[str, Any]]:
    """The blocks of a list, or a framework's item and the blocks in it; not what stands inside a call or a result."""
    left = [payload]
    while left:
        item = left.pop()
        if isinstance(item, list):
            left += reversed(item)
        elif isinstance(item, dict):
            yield item
            if not link_of(item)[1]:
                left += reversed([item[name] for name in _INNER if isinstance(item.get(name), (dict, list))])


def is_result(block: Any) -> bool:
    """Whether a block, or an item, is what a tool gave."""
    return isinstance(block, dict) and bool((link := link_of(block))[0] and link[1])


def link_of(block: dict[str, Any]) -> tuple[bool, list[str | None]]:
    """Whether a block is a result, and the ids of the calls that it makes or answers: none where it does neither."""
    kind = block.get("type", block.get("part_kind"))
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
    if kind == "function" and isinstance(block.get("function"), dict) and isinstance(block.get("id"), str):
        return False, [block["id"]]  # without an id it describes a function
    if isinstance(block.get("tool_call_id"), str):
        return True, [block["tool_call_id"]]
    return False, []


def call_id_of(call: Any) -> str | None:
    """The id of a call of a tool, or None where nobody gave one."""
    return _id_of(call, _CALL_IDS)


def _id_of(item: Any, keys: Sequence[str]) -> str | None:
    for key in keys if isinstance(item, dict) else ():
        if isinstance(item.get(key), str):
            return str(item[key])
    return None


def texts_of(result: dict[str, Any]) -> list[str]:
    """What a result says, in the forms in which the content of its message may have it; the first is the whole."""
    output = result.get("output", result.get("content"))
    if not isinstance(output, list):
        return [output] if isinstance(output, str) else []
    texts = [block.get("text") if isinstance(block, dict) else block for block in output]
    return ["\n".join(found := [text for text in texts if isinstance(text, str)]), *found]
