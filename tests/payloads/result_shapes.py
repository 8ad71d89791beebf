"""What an item must look like for its API to accept it: of calls' results, the forms that the APIs document. No SDK is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

Rule = Callable[[dict[str, Any]], bool]

_INPUT_PARTS = ("input_text", "input_image", "input_file")
_RESULT_BLOCKS = ("text", "image", "document", "search_result", "tool_reference")


def _is(value: Any, *kinds: type) -> TypeGuard[Any]:
    return isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds)


def _blocks(value: Any, *types: str, name: str = "type") -> bool:
    """A list of blocks of these types; those of text hold a text that is not empty."""
    return isinstance(value, list) and all(
        isinstance(block, dict)
        and block.get(name) in types
        and (block[name] not in ("text", "input_text") or (_is(block.get("text"), str) and block["text"] != ""))
        for block in value
    )


def _shell(output: Any) -> bool:
    return isinstance(output, list) and all(
        isinstance(each, dict)
        and _is(each.get("stdout"), str)
        and _is(each.get("stderr"), str)
        and isinstance(outcome := each.get("outcome"), dict)
        and (outcome.get("type") == "timeout" or (outcome.get("type") == "exit" and _is(outcome.get("exit_code"), int)))
        for each in output
    )


def _screenshot(output: Any) -> bool:
    if not isinstance(output, dict) or output.get("type") != "computer_screenshot":
        return False
    url, file_id = output.get("image_url"), output.get("file_id")
    return _is(file_id, str) or (_is(url, str) and url.startswith(("data:image/", "https://", "http://")))


def _typed(value: Any, *types: str) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and value.get("type") in types


def _ran(kind: str) -> Rule:
    """What the provider's sandbox gave: a result of its streams, or an error."""

    def rule(block: dict[str, Any]) -> bool:
        content = block.get("content")
        if _typed(content, f"{kind}_tool_result_error"):
            return _is(content.get("error_code"), str)
        return (
            _typed(content, f"{kind}_result")
            and all(_is(content.get(name), str) for name in ("stdout", "stderr"))
            and _is(content.get("return_code"), int)
            and isinstance(content.get("content"), list)
        )

    return rule


def _searched(block: dict[str, Any]) -> bool:
    content = block.get("content")
    if _typed(content, "web_search_tool_result_error"):
        return _is(content.get("error_code"), str)
    return isinstance(content, list) and all(
        _typed(each, "web_search_result")
        and all(_is(each.get(name), str) for name in ("title", "url", "encrypted_content"))
        for each in content
    )


def _fetched(block: dict[str, Any]) -> bool:
    content = block.get("content")
    if _typed(content, "web_fetch_tool_result_error"):
        return _is(content.get("error_code"), str)
    return (
        _typed(content, "web_fetch_result")
        and _is(content.get("url"), str)
        and _typed(document := content.get("content"), "document")
        and isinstance(document.get("source"), dict)
    )


def _text_or(value: Any, *types: str) -> bool:
    return _is(value, str) or _blocks(value, *types)


#: By the type of an item of the Responses API.
OPENAI: dict[str, Rule] = {
    "function_call_output": lambda item: _text_or(item.get("output"), *_INPUT_PARTS),
    "custom_tool_call_output": lambda item: _text_or(item.get("output"), *_INPUT_PARTS),
    "computer_call_output": lambda item: _screenshot(item.get("output")),
    "shell_call_output": lambda item: _shell(item.get("output")),
    "local_shell_call_output": lambda item: _is(item.get("output"), str) and _is(item.get("id"), str),
    "apply_patch_call_output": lambda item: (
        item.get("status") in ("completed", "failed") and _is(item.get("output", ""), str, type(None))
    ),
    "tool_search_output": lambda item: (
        isinstance(item.get("tools"), list) and all(_is(tool.get("type"), str) for tool in item["tools"])
    ),
    "program_output": lambda item: _is(item.get("result"), str) and item.get("status") in ("completed", "incomplete"),
    "mcp_approval_response": lambda item: _is(item.get("approve"), bool),
    "mcp_call": lambda item: _is(item.get("arguments"), str) and _is(item.get("output", ""), str, type(None)),
    "web_search_call": lambda item: _typed(item.get("action"), "search", "open_page", "find_in_page"),
    "file_search_call": lambda item: (
        isinstance(item.get("queries"), list) and _is(item.get("results"), list, type(None))
    ),
    "code_interpreter_call": lambda item: (
        item.get("outputs") is None
        or (
            _blocks(item["outputs"], "logs", "image")
            and all(_is(each.get("logs", ""), str) for each in item["outputs"])
        )
    ),
    "image_generation_call": lambda item: _is(item.get("result"), str, type(None)),
    "reasoning": lambda item: _blocks(item.get("summary"), "summary_text"),
}

#: By the type of a block of the Messages API.
ANTHROPIC: dict[str, Rule] = {
    "text": lambda block: _is(block.get("text"), str) and block["text"] != "",
    "tool_result": lambda block: _text_or(block.get("content", ""), *_RESULT_BLOCKS),
    "mcp_tool_result": lambda block: _text_or(block.get("content", ""), "text"),
    "web_search_tool_result": _searched,
    "web_fetch_tool_result": _fetched,
    "code_execution_tool_result": _ran("code_execution"),
    "bash_code_execution_tool_result": _ran("bash_code_execution"),
    "thinking": lambda block: _is(block.get("thinking"), str) and _is(block.get("signature"), str),
    "redacted_thinking": lambda block: _is(block.get("data"), str),
}

#: By the type of a step of the Interactions API.
INTERACTIONS: dict[str, Rule] = {
    "function_result": lambda step: (
        _is(step.get("result"), str, dict) or _blocks(step.get("result"), "text", "image", "audio", "document", "video")
    ),
    "code_execution_result": lambda step: _is(step.get("result"), str),
    "google_search_result": lambda step: (
        isinstance(step.get("result"), list) and all(isinstance(each, dict) for each in step["result"])
    ),
}


def _gemini(part: dict[str, Any]) -> bool:
    response, ran = part.get("functionResponse"), part.get("codeExecutionResult")
    if response is not None:
        return isinstance(response, dict) and _is(response.get("name"), str) and _is(response.get("response", {}), dict)
    if ran is not None:
        return isinstance(ran, dict) and _is(ran.get("outcome"), str) and _is(ran.get("output", ""), str)
    return True


def _tool_output(output: Any) -> bool:
    """An output of a model message of the AI SDK."""
    if not isinstance(output, dict):
        return False
    kind = output.get("type")
    if kind in ("text", "error-text"):
        return _is(output.get("value"), str)
    if kind == "content":
        return isinstance(output.get("value"), list) and all(_is(each.get("type"), str) for each in output["value"])
    return kind == "execution-denied" or (kind in ("json", "error-json") and "value" in output)


def _ui_part(part: dict[str, Any]) -> bool:
    kind = part.get("type", "")
    if not (kind.startswith("tool-") or kind == "dynamic-tool"):
        return True
    if part.get("state") == "output-available":
        return "output" in part and "input" in part and "errorText" not in part
    return part.get("state") != "output-error" or (_is(part.get("errorText"), str) and "output" not in part)


def _chat(message: dict[str, Any]) -> bool:
    return message.get("role") != "tool" or _text_or(message.get("content"), "text")


def _langchain(message: dict[str, Any]) -> bool:
    data = message.get("data", message.get("kwargs"))
    return isinstance(data, dict) and (
        _is(data.get("content"), str)
        or (
            isinstance(data.get("content"), list)
            and all(
                _is(each, str) or (isinstance(each, dict) and _is(each.get("type"), str)) for each in data["content"]
            )
        )
    )


def _pydantic_ai(part: dict[str, Any]) -> bool:
    if part.get("part_kind") not in ("tool-return", "builtin-tool-return", "retry-prompt"):
        return _is(part.get("part_kind"), str)
    return "content" in part and _is(part.get("tool_call_id"), str) and _is(part.get("timestamp"), str)


def _autogen(result: Any) -> bool:
    return isinstance(result, dict) and all(_is(result.get(name), str) for name in ("content", "name", "call_id"))


def _parts(payload: dict[str, Any], name: str) -> list[Any]:
    value = payload.get(name)
    return value if isinstance(value, list) else []


def misshapen(api: str, payload: Any) -> Iterator[str]:
    """What of a payload has a form that its API refuses, in a few words each."""
    if not isinstance(payload, dict):
        yield f"a payload that is a {type(payload).__name__}"
        return
    tables = {"openai_responses": OPENAI, "gemini_interactions": INTERACTIONS}
    judged: list[tuple[Any, Rule]] = []
    if api in tables:
        judged = [(payload, tables[api].get(payload.get("type", ""), lambda _: True))]
    elif api in ("anthropic", "claude_agent_sdk"):
        message = payload["message"] if api == "claude_agent_sdk" else payload
        judged = [(block, ANTHROPIC.get(block.get("type"), lambda _: True)) for block in _parts(message, "content")]
        judged.append((message, lambda message: _is(message.get("content"), str, list) and message["content"] != ""))
    elif api in ("gemini", "google_adk"):
        judged = [(part, _gemini) for part in _parts(payload.get("content", payload), "parts")]
    elif api in ("openai_chat", "langchain", "langgraph"):
        judged = [(payload, _chat if api == "openai_chat" else _langchain)]
    elif api == "pydantic_ai":
        judged = [(part, _pydantic_ai) for part in payload["parts"]]
    elif api == "ai_sdk_ui":
        judged = [(part, _ui_part) for part in payload["parts"]]
    elif api == "ai_sdk":
        parts = _parts(payload, "content")
        judged = [(part["output"], _tool_output) for part in parts if part.get("type") == "tool-result"]
    elif api == "autogen" and payload.get("type") in ("FunctionExecutionResultMessage", "ToolCallExecutionEvent"):
        judged = [(each, _autogen) for each in payload["content"]] + [(payload, lambda p: bool(p["content"]))]
    elif api == "llama_index":
        judged = [(payload, lambda p: isinstance(p.get("blocks"), list))]
        judged += [(block, lambda block: _is(block.get("block_type"), str)) for block in _parts(payload, "blocks")]
    elif api == "smolagents":
        judged = [(payload, lambda step: _is(step.get("observations"), str, type(None)))]
    for item, rule in judged:
        if not rule(item):
            yield f"a malformed {item.get('type', 'item') if isinstance(item, dict) else type(item).__name__}"
