"""Calls of tools that wait for their result, and a result that stands behind its call wherever its seq is."""

from __future__ import annotations

from typing import Any

import pytest
from store_harness import Facade, agent_fields

from agentdb.errors import FieldError, IntegrityError, NotFoundError
from agentdb.stores.messages.call_order import Entry, order_of

CHAT = {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "tide", "arguments": '{"at": "noon"}'}}]}
#: A call of each family, its name and arguments, and what answers it.
FAMILIES: dict[str, tuple[Any, Any, str, Any]] = {
    "anthropic": (
        [{"type": "text", "text": "I look."}, {"type": "tool_use", "id": "c", "name": "tide", "input": {"at": "noon"}}],
        {"at": "noon"},
        "user",
        [{"type": "tool_result", "tool_use_id": "c", "content": "high"}],
    ),
    "anthropic item": (
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "tide", "input": {}}]},
        {},
        "user",
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "high"}]},
    ),
    "bedrock": (
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c", "name": "tide", "input": {}}}]},
        {},
        "user",
        {"role": "user", "content": [{"toolResult": {"toolUseId": "c", "content": [{"text": "high"}], "status": "success"}}]},
    ),
    "responses": (
        {"type": "function_call", "call_id": "c", "id": "fc", "name": "tide", "arguments": "{}"},
        "{}",
        "tool",
        {"type": "function_call_output", "call_id": "c", "output": "high"},
    ),
    "responses, custom": (
        {"type": "custom_tool_call", "call_id": "c", "name": "tide", "input": "noon"},
        "noon",
        "tool",
        {"type": "custom_tool_call_output", "call_id": "c", "output": "high"},
    ),
    "interactions": (
        {"type": "function_call", "id": "c", "name": "tide", "arguments": {}},
        {},
        "user",
        {"type": "function_result", "call_id": "c", "name": "tide", "result": [{"type": "text", "text": "high"}]},
    ),
    "gemini": (
        {"role": "model", "parts": [{"functionCall": {"id": "c", "name": "tide", "args": {"at": 1}}}]},
        {"at": 1},
        "user",
        {"role": "user", "parts": [{"functionResponse": {"id": "c", "name": "tide", "response": {"output": "high"}}}]},
    ),
    "ai sdk": (
        {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "c", "toolName": "tide", "input": {}}]},
        {},
        "tool",
        {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c", "toolName": "tide", "output": {"type": "text", "value": "high"}}]},
    ),
    "pydantic-ai": (
        {"kind": "response", "parts": [{"part_kind": "tool-call", "tool_name": "tide", "args": {}, "tool_call_id": "c"}]},
        {},
        "tool",
        {"kind": "request", "parts": [{"part_kind": "tool-return", "tool_name": "tide", "content": "high", "tool_call_id": "c"}]},
    ),
    "chat item": ({"role": "assistant", "content": None, **CHAT}, '{"at": "noon"}', "tool", {"role": "tool", "tool_call_id": "c", "content": "high"}),
}  # fmt: skip


@pytest.fixture
def s(stores: Facade) -> Facade:
    stores.agents.create(**agent_fields())
    stores.sessions.create(id="s", main_agent_id="agent-1")
    stores.messages.append("s", role="user", content="When is high tide?")
    return stores


def answered(s: Facade) -> None:
    """The call is closed, and its result stands behind it whatever came between."""
    assert s.messages.open_calls("s") == []
    last = s.messages.load("s")[-1]
    assert [message.seq for message in s.messages.context("s")][1:3] == [2, last.seq]
    with pytest.raises(IntegrityError) as refused:
        s.messages.answer_call("s", "c", "low")
    assert refused.value.code == "call_answered"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_call_is_answered_in_the_form_of_its_framework(s: Facade, family: str) -> None:
    payload, arguments, role, expected = FAMILIES[family]
    called = s.messages.append("s", role="assistant", payload=payload)
    s.messages.append("s", role="user", content="still there?")
    (call,) = s.messages.open_calls("s")
    assert (call.session_id, call.message_id, call.seq) == ("s", called.id, 2)
    assert (call.call_id, call.name, call.arguments) == ("c", "tide", arguments)
    result = s.messages.answer_call("s", "c", "high", external_id="e", token_count=1)
    assert (result.role, result.payload, result.content, result.tool_call_id) == (role, expected, "high", "c")
    assert s.messages.answer_call("s", "c", "high", external_id="e") == result
    answered(s)


def test_listed_calls_are_answered_one_by_one_and_a_result_may_be_json(s: Facade) -> None:
    s.messages.append(
        "s", role="assistant", tool_calls=[*CHAT["tool_calls"], {"id": "d", "function": {"name": "moon"}}]
    )
    s.messages.append("s", role="user", content="hm")
    assert [call.call_id for call in s.messages.open_calls("s")] == ["c", "d"]
    moon = s.messages.answer_call("s", "d", {"phase": ["full", 1]}, payload={"mine": 1})
    assert (moon.role, moon.content, moon.payload) == ("tool", '{"phase": ["full", 1]}', {"mine": 1})
    assert [call.call_id for call in s.messages.open_calls("s")] == ["c"]
    assert s.messages.answer_call("s", "c", None).content == ""
    assert [message.tool_call_id for message in s.messages.context("s")] == [None, None, "d", "c", None]
    assert [message["role"] for message in s.conversations.load_session("s")["messages"]][1:4] == [
        "assistant",
        "tool",
        "tool",
    ]


def test_an_approval_takes_yes_or_no(s: Facade) -> None:
    s.messages.append(
        "s", role="assistant", payload={"type": "mcp_approval_request", "id": "c", "name": "sail", "arguments": "{}"}
    )
    result = s.messages.answer_call("s", "c", True)
    assert result.payload == {"type": "mcp_approval_response", "approval_request_id": "c", "approve": True}
    assert s.messages.open_calls("s") == []


def test_a_call_that_is_not_there_is_told(s: Facade) -> None:
    s.messages.append("s", role="assistant", **CHAT)
    s.messages.delete(2)
    for session, call in (("s", "c"), ("s", "x"), ("nowhere", "c")):
        with pytest.raises(NotFoundError):
            s.messages.answer_call(session, call, "high")
    for bad in ("", 5, None):
        with pytest.raises(FieldError):
            s.messages.answer_call("s", bad, "high")
    with pytest.raises(FieldError):
        s.messages.answer_call("s", "c", object())
    s.messages.restore(2)
    s.sessions.soft_delete("s")
    assert s.messages.open_calls("s") == []
    assert len(s.messages.open_calls("s", include_deleted=True)) == 1


def called(*ids: str, says: bool = False) -> Entry:
    return Entry("assistant", tool_calls=[{"id": id} for id in ids], says=says)


def result(id: str) -> Entry:
    return Entry("tool", tool_call_id=id, says=True)


SAID = Entry("user", says=True)


@pytest.mark.parametrize(
    ("entries", "order"),
    [
        pytest.param([SAID, called("a"), result("a"), SAID], [0, 1, 2, 3], id="as it is"),
        pytest.param([called("a"), SAID, result("a")], [0, 2, 1], id="late"),
        pytest.param([result("a"), SAID, called("a")], [1, 2, 0], id="early"),
        pytest.param([called("a", "b"), result("b"), SAID, result("a")], [0, 1, 3, 2], id="one of two"),
        pytest.param([called("a"), called("b"), result("a"), result("b")], [0, 1, 2, 3], id="in parallel"),
        pytest.param([called("a"), SAID, called("a"), result("a"), result("a")], [0, 4, 1, 2, 3], id="an id twice"),
        pytest.param([result("x"), called("a"), SAID], [0, 1, 2], id="without a call"),
        pytest.param([called("a"), Entry("assistant"), result("a")], [0, 1, 2], id="reasoning between"),
    ],
)
def test_each_result_stands_behind_its_call(entries: list[Entry], order: list[int]) -> None:
    assert order_of(entries) == order
