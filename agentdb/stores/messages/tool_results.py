"""The message that answers a call of a tool, in the form of the framework whose call it is."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any, NamedTuple

from agentdb.stores.content_blocks import blocks_of, call_id_of, link_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agentdb.stores.messages.values import Message


class Call(NamedTuple):
    """A call of a tool in a message. `block` is what makes it, `payload` that of its message. `is_listed`: it stands in a
    list of calls beside the content, as Chat Completions have it."""

    id: str | None
    name: str | None
    arguments: Any
    block: dict[str, Any]
    payload: Any
    is_listed: bool


_NAMES = ("name", "toolName", "tool_name")
_ARGUMENTS = ("arguments", "args", "input", "tool_kwargs", "action")
_WRAPPERS = ("function", "functionCall", "function_call", "toolUse", "tool_use")


def calls_of(message: Message) -> Iterator[Call]:
    """The calls that a message makes, in their order, each once."""
    seen: set[str] = set()
    extra = (message.metadata or {}).get("extra")
    listed = [(block, True) for block in message.tool_calls or ()]
    for item in [*blocks_of(message.payload), *blocks_of(extra)]:
        beside = item.get("tool_calls")
        listed += [(block, True) for block in (beside if isinstance(beside, list) else ())]
        answers, ids = link_of(item)
        if ids and not answers:
            listed.append((item, False))
    for block, is_listed in listed:
        if isinstance(block, dict):
            call = _call(block, message.payload, is_listed)
            if call.id is None or call.id not in seen:
                seen.add(call.id or "")
                yield call


def _call(block: dict[str, Any], payload: Any, is_listed: bool) -> Call:
    id = call_id_of(block) if is_listed else next(iter(link_of(block)[1]), None)
    inner = next((block[name] for name in _WRAPPERS if isinstance(block.get(name), dict)), block)
    name = next((inner[key] for key in _NAMES if isinstance(inner.get(key), str)), None)
    arguments = next((inner[key] for key in _ARGUMENTS if key in inner), None)
    return Call(id, name, arguments, block, payload, is_listed)


def answer_of(call: Call, output: Any) -> dict[str, Any]:
    """The role, content, and payload where its form has one, of the message that answers a call."""
    text = output if isinstance(output, str) else dumps(output, ensure_ascii=False)
    role, payload = "tool", None
    if call.is_listed:
        payload = _beside_a_list(call, text)
    elif (form := _form_of(call.block)) is not None:
        role, payload = form(call, output, text)
    return {"role": role, "content": text, "payload": payload}


def _beside_a_list(call: Call, text: str) -> Any:
    """LangChain has a form of its own for what answers a listed call; for others the columns of a message say it all."""
    item = call.payload if isinstance(call.payload, dict) else {}
    about = {"content": text, "tool_call_id": call.id, "name": call.name, "type": "tool", "status": "success"}
    if isinstance(item.get("data"), dict) and item.get("type") == "ai":
        return {"type": "tool", "data": about}
    if isinstance(item.get("kwargs"), dict) and isinstance(item.get("id"), list):
        return {
            "lc": 1,
            "type": "constructor",
            "id": [*item["id"][:-1], "ToolMessage"],
            "kwargs": about,
        }
    if item.get("role") is not None and "content" in item:
        return {"role": "tool", "tool_call_id": call.id, "content": text}
    return None


def _form_of(block: dict[str, Any]) -> Callable[[Call, Any, str], tuple[str, Any]] | None:
    for key, form in _BY_WRAPPER.items():
        if isinstance(block.get(key), dict):
            return form
    for key in ("type", "part_kind", "block_type"):
        if isinstance(kind := block.get(key), str) and (key, kind) in _BY_TYPE:
            return _BY_TYPE[key, kind]
    return None


def _in_place_of_blocks(call: Call, role: str, block: dict[str, Any]) -> Any:
    """A block as the payload of its message has them: as a list, or in an item with a role."""
    if isinstance(call.payload, dict):
        if "parts" in call.payload:
            return {"role": role, "parts": [block]}
        if "content" in call.payload:
            return {"role": role, "content": [block]}
    return [block]


def _tool_use(call: Call, output: Any, text: str) -> tuple[str, Any]:
    block = {"type": "tool_result", "tool_use_id": call.id, "content": text}
    return "user", _in_place_of_blocks(call, "user", block)


def _bedrock(call: Call, output: Any, text: str) -> tuple[str, Any]:
    content = {"text": text} if isinstance(output, str) else {"json": output}
    block = {"toolResult": {"toolUseId": call.id, "content": [content], "status": "success"}}
    return "user", _in_place_of_blocks(call, "user", block)


def _gemini(camel: bool) -> Callable[[Call, Any, str], tuple[str, Any]]:
    def form(call: Call, output: Any, text: str) -> tuple[str, Any]:
        response = output if isinstance(output, dict) else {"output": output}
        about = {"name": call.name, "response": response}
        if call.id is not None:
            about = {"id": call.id, **about}
        block = {"functionResponse" if camel else "function_response": about}
        return "user", _in_place_of_blocks(call, "user", block)

    return form


def _item(type: str) -> Callable[[Call, Any, str], tuple[str, Any]]:
    """An item of the Responses API."""

    def form(call: Call, output: Any, text: str) -> tuple[str, Any]:
        if "call_id" not in call.block:  # of the Interactions API, which has the same type
            result = {"type": "function_result", "call_id": call.id, "name": call.name}
            return "user", {**result, "result": [{"type": "text", "text": text}]}
        return "tool", {"type": type, "call_id": call.id, "output": text}

    return form


def _ai_sdk(call: Call, output: Any, text: str) -> tuple[str, Any]:
    value = {"type": "text", "value": text} if isinstance(output, str) else {"type": "json", "value": output}
    block = {"type": "tool-result", "toolCallId": call.id, "toolName": call.name, "output": value}
    return "tool", _in_place_of_blocks(call, "tool", block)


def _pydantic_ai(call: Call, output: Any, text: str) -> tuple[str, Any]:
    part = {"part_kind": "tool-return", "tool_name": call.name, "content": output, "tool_call_id": call.id}
    return "tool", {"kind": "request", "parts": [part]}


def _llama_index(call: Call, output: Any, text: str) -> tuple[str, Any]:
    blocks = [{"block_type": "text", "text": text}]
    return "tool", {"role": "tool", "additional_kwargs": {"tool_call_id": call.id}, "blocks": blocks}


def _approval(call: Call, output: Any, text: str) -> tuple[str, Any]:
    item = {"type": "mcp_approval_response", "approval_request_id": call.id, "approve": output is True}
    return "user", item


_BY_WRAPPER = {
    "functionCall": _gemini(camel=True),
    "function_call": _gemini(camel=False),
    "toolUse": _bedrock,
}
_BY_TYPE = {
    ("type", "tool_use"): _tool_use,
    ("type", "function_call"): _item("function_call_output"),
    ("type", "custom_tool_call"): _item("custom_tool_call_output"),
    ("type", "tool-call"): _ai_sdk,
    ("type", "mcp_approval_request"): _approval,
    ("part_kind", "tool-call"): _pydantic_ai,
    ("block_type", "tool_call"): _llama_index,
}
