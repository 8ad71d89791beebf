"""A recorded item whose output was replaced carelessly is refused; as it was recorded, it is accepted."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from payloads.recordings import conversations, payloads
from payloads.result_shapes import misshapen

WORDS = "[removed]"
#: An API, the type of an item or block, the way to a field in it, and what is put there.
SPOILT: list[tuple[str, str, list[Any], Any]] = [
    ("openai_responses", "function_call_output", ["output"], {"text": WORDS}),
    ("openai_responses", "function_call_output", ["output"], [{"type": "text", "text": WORDS}]),
    ("openai_responses", "custom_tool_call_output", ["output"], None),
    ("openai_responses", "computer_call_output", ["output"], WORDS),
    ("openai_responses", "computer_call_output", ["output", "image_url"], WORDS),
    ("openai_responses", "shell_call_output", ["output"], WORDS),
    ("openai_responses", "shell_call_output", ["output", 0, "outcome"], None),
    ("openai_responses", "shell_call_output", ["output", 0, "stderr"], None),
    ("openai_responses", "local_shell_call_output", ["output"], [WORDS]),
    ("openai_responses", "apply_patch_call_output", ["output"], [WORDS]),
    ("openai_responses", "apply_patch_call_output", ["status"], WORDS),
    ("openai_responses", "tool_search_output", ["tools"], WORDS),
    ("openai_responses", "program_output", ["result"], [WORDS]),
    ("openai_responses", "mcp_approval_response", ["approve"], WORDS),
    ("openai_responses", "mcp_call", ["output"], [WORDS]),
    ("openai_responses", "web_search_call", ["action"], WORDS),
    ("openai_responses", "file_search_call", ["results"], WORDS),
    ("openai_responses", "code_interpreter_call", ["outputs"], WORDS),
    ("openai_responses", "code_interpreter_call", ["outputs", 0], WORDS),
    ("openai_responses", "image_generation_call", ["result"], [WORDS]),
    ("openai_responses", "reasoning", ["summary"], WORDS),
    ("anthropic", "text", ["text"], ""),
    ("anthropic", "tool_result", ["content"], {"text": WORDS}),
    ("anthropic", "tool_result", ["content"], [WORDS]),
    ("anthropic", "mcp_tool_result", ["content"], [{"type": "image"}]),
    ("anthropic", "web_search_tool_result", ["content"], WORDS),
    ("anthropic", "web_search_tool_result", ["content", 0], {"type": "text", "text": WORDS}),
    ("anthropic", "web_fetch_tool_result", ["content"], WORDS),
    ("anthropic", "web_fetch_tool_result", ["content", "content"], WORDS),
    ("anthropic", "code_execution_tool_result", ["content"], WORDS),
    ("anthropic", "code_execution_tool_result", ["content", "stdout"], None),
    ("anthropic", "bash_code_execution_tool_result", ["content"], [{"type": "text", "text": WORDS}]),
    ("anthropic", "thinking", ["signature"], None),
    ("anthropic", "redacted_thinking", ["data"], None),
    ("gemini", "functionResponse", ["functionResponse", "response"], WORDS),
    ("gemini", "codeExecutionResult", ["codeExecutionResult"], WORDS),
    ("gemini", "codeExecutionResult", ["codeExecutionResult", "outcome"], None),
    ("gemini_interactions", "function_result", ["result"], [WORDS]),
    ("gemini_interactions", "code_execution_result", ["result"], [WORDS]),
    ("gemini_interactions", "google_search_result", ["result"], WORDS),
    ("openai_chat", "tool", ["content"], {"text": WORDS}),
    ("langchain", "tool", ["data", "content"], {"text": WORDS}),
    ("langchain", "tool", ["data", "content"], [{"text": WORDS}]),
    ("pydantic_ai", "tool-return", ["tool_call_id"], None),
    ("pydantic_ai", "retry-prompt", ["timestamp"], None),
    ("autogen", "FunctionExecutionResultMessage", ["content"], WORDS),
    ("autogen", "FunctionExecutionResultMessage", ["content"], []),
    ("autogen", "FunctionExecutionResultMessage", ["content", 0, "content"], [WORDS]),
    ("ai_sdk", "tool-result", ["output"], WORDS),
    ("ai_sdk", "tool-result", ["output"], {"type": "text", "value": [WORDS]}),
    ("ai_sdk_ui", "tool-ferries", ["errorText"], WORDS),
    ("ai_sdk_ui", "dynamic-tool", ["errorText"], None),
    ("llama_index", "tool", ["blocks"], WORDS),
    ("smolagents", "step", ["observations"], [WORDS]),
]


def typed(value: Any, name: str) -> Any:
    """The first item or block of this type, or role, in a payload; None where there is none."""
    left = [value]
    while left:
        item = left.pop(0)
        if isinstance(item, dict):
            held = (item.get("type"), item.get("part_kind"), item.get("role"), "step" if "observations" in item else "")
            if name in held or (name in item and name != "step" and isinstance(item[name], dict)):
                return item
            left += item.values()
        elif isinstance(item, list):
            left += item
    return None


def recorded_with(api: str, name: str) -> tuple[Any, Any]:
    """A copy of a recorded payload that has an item of this type, and the item in it."""
    held = [(each.family, each.payload) for each in payloads()]
    held += [(each.family, message.payload) for each in conversations() for message in each.messages]
    for family, payload in held:
        if family == api:
            copied = copy.deepcopy(payload)
            if (item := typed(copied, name)) is not None:
                return copied, item
    raise LookupError(f"no {name} of {api} is recorded")


@pytest.mark.parametrize(("api", "name", "way", "value"), SPOILT, ids=lambda value: str(value)[:40])
def test_an_output_that_was_replaced_carelessly_is_refused(api: str, name: str, way: list[Any], value: Any) -> None:
    payload, item = recorded_with(api, name)
    assert [*misshapen(api, payload)] == []
    for step in way[:-1]:
        item = item[step]
    item[way[-1]] = value
    assert [*misshapen(api, payload)] != []


@pytest.mark.parametrize("payload", ["text", ["a block"], None])
def test_a_payload_that_is_no_object_is_refused(payload: Any) -> None:
    assert [*misshapen("anthropic", payload)] != []
