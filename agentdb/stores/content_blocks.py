"""Content blocks, and items of frameworks: which are calls of tools, which are their results, and which nobody here knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a block is. An OWN call is one that its provider runs: it may be answered, and need not be.
CALL: Final = "call"
RESULT: Final = "result"
OWN: Final = "own"
REASONING: Final = "reasoning"
INERT: Final = "inert"
ITEM: Final = "item"
UNKNOWN: Final = "unknown"

#: How types end that name a call or a result, in their words: `tool-call` and `toolCall` are `tool_call`.
_CALL_ENDS = ("tool_use", "tool_call", "function_call", "approval_request")
_RESULT_ENDS = ("tool_result", "call_output", "function_response", "tool_response", "tool_return", "approval_response")
#: Endings that name a result beside the id of a call.
_ANSWER_ENDS = ("_result", "_output", "_response", "_return", "_error")
_WRAPPERS = ("function_call", "functionCall", "tool_use", "toolUse", "executable_code", "executableCode")
_RESULT_WRAPPERS = (
    *("function_response", "functionResponse", "tool_result", "toolResult"),
    *("code_execution_result", "codeExecutionResult"),
)
_OWN_IDS = ("call_id", "tool_call_id", "toolCallId", "toolUseId", "approvalId")
_CALL_IDS = (*_OWN_IDS, "id")
_APPROVAL_IDS = ("approvalId", "id", *_OWN_IDS)
_RESULT_IDS = ("tool_use_id", "approval_request_id", *_OWN_IDS)
_ARGUMENTS = ("arguments", "args", "input", "action", "code")
_OUTPUTS = ("output", "content", "result", "response")
_REASONING = frozenset(("reasoning", "thinking", "redacted_thinking", "thought", "reasoning_content"))
#: Types of blocks that neither call nor answer.
_PLAIN = frozenset(
    (
        *("text", "input_text", "output_text", "summary_text", "reasoning_text", "text_plain", "refusal", "json"),
        *("image", "input_image", "output_image", "image_url", "image_file", "binary", "media", "container_upload"),
        *("file", "input_file", "file_url", "document", "document_url", "search_result", "source", "source_url"),
        *("audio", "input_audio", "output_audio", "audio_url", "video", "input_video", "video_url", "source_document"),
        *("user_prompt", "system_prompt", "instructions", "compaction", "mcp_list_tools", "tool_reference"),
        *("step_start", "guard_content", "cache_point", "image_generation_call", "fallback", "prompt_caching"),
    )
)
#: Types and kinds of items that hold blocks.
_ITEMS = frozenset(
    (
        *("message", "human", "ai", "system", "developer", "user", "assistant", "model", "tool", "function", "chat"),
        *("request", "response", "constructor", "remove", "user_input", "model_output"),
    )
)
#: Keys of blocks without a type that neither call nor answer.
_PLAIN_KEYS = frozenset(
    (
        *(
            "text",
            "inlineData",
            "inline_data",
            "fileData",
            "file_data",
            "image",
            "document",
            "video",
            "audio",
            "thought",
        ),
        *("reasoningContent", "cachePoint", "guardContent", "citationsContent", "searchResult", "json"),
    )
)
#: Where the items of frameworks have their blocks, or themselves.
_INNER = ("content", "parts", "blocks", "data", "kwargs", "additional_kwargs", "message", "results")
_HOLDERS = (*_INNER, "tool_calls")
#: Words in the keys of an untyped object that may call or answer.
_SUSPECT = re.compile(
    r"tool|call|function|result|output|return|response|answer|invo|program|execut|approv", re.IGNORECASE
)
_CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")


class Block(NamedTuple):
    """What a block is, and the id of the call that it makes or answers: None where it has none."""

    kind: str
    id: str | None = None


def words_of(type: str) -> str:
    """The type of a block in one spelling: `toolCall` and `tool-call` are `tool_call`."""
    return _CAPITAL.sub("_", type).lower().replace("-", "_")


def type_of(block: dict[str, Any]) -> Any:
    """What a block calls its type."""
    return next((block[name] for name in ("type", "part_kind", "block_type", "kind") if name in block), None)


def refers_to(block: dict[str, Any]) -> str | None:
    """The id of an earlier call that this one belongs to: the program that makes it, or the approval that it was given."""
    caller = block.get("caller")
    return _id_of(caller, ("caller_id",)) if isinstance(caller, dict) else _id_of(block, ("approval_request_id",))


def read(block: dict[str, Any]) -> Block:
    """What a block or an item is."""
    type = type_of(block)
    if isinstance(type, str):
        return _read_typed(block, words_of(type))
    return _read_wrapper(block) or _read_untyped(block)


def _read_typed(block: dict[str, Any], words: str) -> Block:
    if words.endswith(_RESULT_ENDS):
        return Block(RESULT, _id_of(block, _RESULT_IDS))
    if words.endswith(_CALL_ENDS):
        return Block(CALL, _id_of(block, _APPROVAL_IDS if words.endswith("approval_request") else _CALL_IDS))
    if words.endswith(_ANSWER_ENDS) and (answered := _id_of(block, _RESULT_IDS)) is not None:
        return Block(RESULT, answered)
    if words in _REASONING:
        return Block(REASONING)
    if words in _PLAIN or words.startswith("data_"):
        return Block(INERT)
    if words.endswith("_call"):
        own = _id_of(block, _OWN_IDS)
        return Block(OWN, _id_of(block, ("id",))) if own is None else Block(CALL, own)
    if words in ("function_result", "tool_search_output", "program_output"):  # run by the provider, without an id
        return Block(OWN)
    if words.startswith(("tool_", "dynamic_tool")) and isinstance(id := block.get("toolCallId"), str):
        # A part of a message of a user interface: a call, and what it gave.
        return Block(OWN) if str(block.get("state", "")).startswith("output") else Block(CALL, id)
    if words == "function" and isinstance(block.get("function"), dict):
        # Without an id it describes a function.
        return Block(CALL, block["id"]) if isinstance(block.get("id"), str) else Block(INERT)
    if (wrapped := _read_wrapper(block)) is not None:
        return wrapped
    if isinstance(block.get("tool_call_id"), str) and words != "ai":
        return Block(RESULT, block["tool_call_id"])
    if words in _ITEMS or words.endswith(("message", "message_chunk", "_event")):
        return Block(ITEM)
    if (own := _id_of(block, _OWN_IDS)) is not None and any(key in block for key in _ARGUMENTS):
        return Block(CALL, own)
    return Block(UNKNOWN)


def _read_wrapper(block: dict[str, Any]) -> Block | None:
    for names, kind in ((_RESULT_WRAPPERS, RESULT), (_WRAPPERS, CALL)):
        for name in names:
            if isinstance(inner := block.get(name), dict) and not any(key in block for key in ("role", "tool_calls")):
                return Block(kind, _id_of(inner, _CALL_IDS))
    return None


def _read_untyped(block: dict[str, Any]) -> Block:
    answered = _id_of(block, _RESULT_IDS)
    if answered is not None and ("tool_call_id" in block or any(key in block for key in _OUTPUTS)):
        return Block(RESULT, answered)
    if "name" in block and any(key in block for key in ("arguments", "args", "input")) and "role" not in block:
        return Block(CALL, _id_of(block, _CALL_IDS))
    if isinstance(block.get("role"), str) or any(isinstance(block.get(name), (dict, list)) for name in _HOLDERS):
        return Block(ITEM)
    if not _PLAIN_KEYS.isdisjoint(block):
        return Block(INERT)
    # Any other JSON is the application's own; a number under such a key is a measurement.
    return Block(UNKNOWN if any(_SUSPECT.search(key) for key in block if _says(block[key])) else INERT)


def _says(value: Any) -> bool:
    return isinstance(value, (str, dict, list))


def inner(item: dict[str, Any]) -> list[Any]:
    """What an item holds: its blocks, or itself in another wrapping."""
    return [item[name] for name in _INNER if isinstance(item.get(name), (dict, list))]


def blocks_of(payload: Any) -> Iterator[dict[str, Any]]:
    """The blocks of a list, or a framework's item and the blocks in it; not what stands inside a call or a result."""
    left = [payload]
    while left:
        item = left.pop()
        if isinstance(item, list):
            left += reversed(item)
        elif isinstance(item, dict):
            yield item
            if read(item).kind == ITEM:
                left += reversed(inner(item))


def is_result(block: Any) -> bool:
    """Whether a block, or an item, is what a tool gave."""
    return isinstance(block, dict) and read(block).kind == RESULT


def link_of(block: dict[str, Any]) -> tuple[bool, list[str | None]]:
    """Whether a block is a result, and the ids of the calls that it makes or answers: none where it does neither."""
    found = read(block)
    return found.kind == RESULT, [found.id] if found.kind in (CALL, RESULT) else []


def call_id_of(call: Any) -> str | None:
    """The id of a call of a tool, or None where nobody gave one."""
    return _id_of(call, _CALL_IDS)


def _id_of(item: Any, keys: tuple[str, ...]) -> str | None:
    for key in keys if isinstance(item, dict) else ():
        if isinstance(item.get(key), str):
            return str(item[key])
    return None
