"""What a payload says is searched: every shape that a framework gives, and nothing that is not text."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from agentdb.stores.messages.payload_text import text_of
from hypothesis import given, settings
from hypothesis import strategies as st
from store_harness import Facade

from agentdb import AgentDB

CALL = {"city": "needle", "days": [1, {"unit": "Zürich"}]}

#: Payloads of known frameworks that say "needle", and the text that is searched.
SAYING: dict[str, tuple[Any, str]] = {
    "a plain item": ({"role": "user", "content": "needle"}, "needle"),
    "input text": ({"role": "user", "content": [{"type": "input_text", "text": "needle"}]}, "needle"),
    "output text": (
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "needle", "annotations": []}],
        },
        "needle",
    ),
    "a refusal": ({"role": "assistant", "content": [{"type": "refusal", "refusal": "needle"}]}, "needle"),
    "two blocks": ([{"type": "text", "text": "needle"}, {"type": "text", "text": "thread"}], "needle\nthread"),
    "strings": ({"role": "user", "content": ["needle", "thread"]}, "needle\nthread"),
    "a call, arguments as text": (
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": json.dumps(CALL)},
        "needle\n1\nZürich",
    ),
    "arguments that are no JSON": (
        {"type": "function_call", "call_id": "1", "arguments": '{"city": "needle'},
        '{"city": "needle',
    ),
    "half a character": ({"type": "function_call", "call_id": "1", "arguments": '{"a": "needle \\ud83d"}'}, "needle ?"),
    "a custom call": (
        {"type": "custom_tool_call", "call_id": "c", "name": "sh", "input": 'grep "needle" x\n'},
        'grep "needle" x\n',
    ),
    "calls beside no content": (
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"q":"needle"}'}}
            ],
        },
        "needle",
    ),
    "an older call": (
        {"role": "assistant", "function_call": {"name": "look", "arguments": '{"q": "needle"}'}},
        "needle",
    ),
    "a use of a tool": (
        [{"type": "text", "text": "I look."}, {"type": "tool_use", "id": "tu_1", "name": "look", "input": CALL}],
        "I look.\nneedle\n1\nZürich",
    ),
    "an output": ({"type": "function_call_output", "call_id": "call_1", "output": "needle"}, "needle"),
    "an output of blocks": (
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "needle"}]},
        "needle",
    ),
    "a result": ([{"type": "tool_result", "tool_use_id": "tu_1", "content": "needle"}], "needle"),
    "a result of blocks": (
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "needle"}]}],
        },
        "needle",
    ),
    "parts": ({"role": "model", "parts": [{"text": "needle", "thoughtSignature": "c2ln"}]}, "needle"),
    "a call in parts": (
        {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {"q": "needle"}}}]},
        "needle",
    ),
    "a response in parts": (
        {
            "role": "user",
            "parts": [{"functionResponse": {"id": "x", "name": "look", "response": {"result": "needle"}}}],
        },
        "needle",
    ),
    "blocks of Bedrock": (
        {
            "role": "assistant",
            "content": [{"text": "I look."}, {"toolUse": {"toolUseId": "t", "name": "l", "input": {"q": "needle"}}}],
        },
        "I look.\nneedle",
    ),
    "a result of Bedrock": (
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "t", "status": "success", "content": [{"json": {"found": "needle"}}]}}
            ],
        },
        "needle",
    ),
    "a summary of reasoning": (
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "needle"}],
            "encrypted_content": "gAAAA",
        },
        "needle",
    ),
    "thinking": ([{"type": "thinking", "thinking": "needle", "signature": "EqQBCgIYAhIM"}], "needle"),
    "reasoning beside content": ({"role": "assistant", "reasoning_content": "needle", "content": "so"}, "needle\nso"),
    "parts with kinds": (
        {
            "kind": "response",
            "parts": [{"part_kind": "tool-call", "tool_name": "look", "args": {"q": "needle"}, "tool_call_id": "p1"}],
        },
        "needle",
    ),
    "a return with data": (
        {
            "kind": "request",
            "parts": [{"part_kind": "tool-return", "tool_call_id": "p1", "content": {"found": "needle"}}],
        },
        "needle",
    ),
    "a message of LangChain": ({"type": "human", "data": {"content": "needle", "type": "human"}}, "needle"),
    "calls of LangChain": (
        {"type": "ai", "data": {"content": "", "tool_calls": [{"name": "l", "args": {"q": "needle"}, "id": "1"}]}},
        "needle",
    ),
    "a result of the AI SDK": (
        {
            "role": "tool",
            "content": [{"type": "tool-result", "toolCallId": "1", "output": {"type": "text", "value": "needle"}}],
        },
        "needle",
    ),
    "a document": (
        [
            {
                "type": "document",
                "title": "Tides",
                "source": {"type": "text", "media_type": "text/plain", "data": "needle"},
            }
        ],
        "Tides\nneedle",
    ),
    "audio with its words": ([{"type": "input_audio", "audio": "UklGRg==", "transcript": "needle"}], "needle"),
    "code": (
        {
            "type": "code_interpreter_call",
            "id": "ci",
            "code": "print('needle')",
            "outputs": [{"type": "logs", "logs": "needle"}],
        },
        "print('needle')\nneedle",
    ),
}

BLOB = b64encode(bytes(range(256)) * 4).decode()
#: Payloads with what is no text, and all that is searched of them.
SILENT: dict[str, tuple[Any, str | None]] = {
    "an image of Anthropic": (
        [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BLOB}}],
        None,
    ),
    "an image by URL": (
        {"role": "user", "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{BLOB}"}]},
        None,
    ),
    "inline data": ({"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": BLOB}}]}, None),
    "a screenshot": (
        {
            "type": "computer_call_output",
            "call_id": "c",
            "output": {"type": "computer_screenshot", "image_url": f"data:image/png;base64,{BLOB}"},
        },
        None,
    ),
    "a file in arguments": (
        {"type": "function_call", "call_id": "c", "arguments": json.dumps({"name": "x.png", "data": BLOB})},
        "x.png",
    ),
    "an image as an output": ({"type": "function_call_output", "call_id": "c", "output": BLOB}, None),
    "signatures": (
        [{"type": "thinking", "thinking": "", "signature": "SIGNED"}, {"type": "redacted_thinking", "data": "SEALED"}],
        None,
    ),
    "encrypted reasoning": ({"type": "reasoning", "id": "rs_9", "summary": [], "encrypted_content": "SEALED"}, None),
    "ids alone": ({"type": "item_reference", "id": "msg_9"}, None),
    "no known form": ({"item": [], "colour": {"name": "blue"}}, None),
    "no blocks": ([], None),
    "numbers": ([1, None, True, 2.5], None),
}


@pytest.mark.parametrize("name", SAYING)
def test_what_a_payload_says_is_searched(stores: Facade, name: str) -> None:
    payload, text = SAYING[name]
    stores.agents.create(id="a", name="Researcher", model="large")
    stores.sessions.create(id="s", main_agent_id="a")
    added = stores.messages.append("s", role="assistant", payload=payload)
    assert (added.content, added.payload) == (text, payload)
    assert [hit.message for hit in stores.messages.search("needle", scan=0)] == [added]
    given = stores.messages.append("s", role="assistant", payload=payload, content="hay")
    assert given.content == "hay"
    assert len(stores.messages.search("needle")) == 1


@pytest.mark.parametrize("name", SILENT)
def test_what_is_no_text_is_not_searched(name: str) -> None:
    payload, text = SILENT[name]
    assert text_of(payload) == text


@pytest.mark.parametrize("name", [name for name in SAYING if isinstance(SAYING[name][0], list)])
def test_a_conversation_as_dicts_is_searched_as_well(path: str, name: str) -> None:
    payload, text = SAYING[name]
    with AgentDB.open(path) as db:
        db.conversations.save_session("s", [{"role": "assistant", "content": payload}])
        assert [hit.message.content for hit in db.messages.search("needle")] == [text]
        loaded = db.conversations.load_session("s")
        assert loaded is not None
        assert loaded["messages"][0]["content"] == payload


def test_text_is_found_however_deep_the_caller_and_the_payload_are() -> None:
    payload: Any = [{"type": "text", "text": "needle"}]
    for _ in range(240):
        payload = {"role": "user", "content": payload}

    def down(depth: int) -> str | None:
        return down(depth - 1) if depth else text_of(payload)

    assert down(700) == "needle"
    arguments: Any = "needle"
    for _ in range(400):
        arguments = [arguments]
    assert text_of({"type": "function_call", "arguments": arguments}) == "needle"


KEYS = [
    "type",
    "role",
    "content",
    "parts",
    "text",
    "output",
    "arguments",
    "input",
    "tool_calls",
    "function",
    "source",
    "data",
    "summary",
    "functionCall",
    "functionResponse",
    "response",
    "args",
    "id",
    "value",
    "results",
    "x",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(payload=JSON)
def test_any_json_gives_text_or_none(payload: Any) -> None:
    text = text_of(payload)
    assert text is None or isinstance(text, str)


@pytest.mark.parametrize("word", ["ISPARTA", "isparta", "\u0131sparta", "İsparta", "Isparta"])
@pytest.mark.parametrize("content", ["Isparta'da", "\u0131sparta", "ISPARTA", "İSPARTA gülü"])
def test_a_dotless_i_is_any_i(path: str, tmp_path: Path, word: str, content: str) -> None:
    with AgentDB.open(path) as db:
        db.agents.create(id="a", name="Researcher", model="large")
        db.sessions.create(id="s", main_agent_id="a")
        db.messages.append("s", role="user", content=f"gül {content} yolu")
        (hit,) = db.messages.search(word)
        assert content in hit.snippet
        db.messages.clear("s")
        db.messages.append("s", role="user", content="x" * 500 + f" {content} " + "ğ" * 500)
        (hit,) = db.messages.search(word)
        assert content in hit.snippet


def test_short_words_with_a_dotless_i_are_found_too(path: str) -> None:
    with AgentDB.open(path) as db:
        db.agents.create(id="a", name="Researcher", model="large")
        db.sessions.create(id="s", main_agent_id="a")
        db.messages.append("s", role="user", content="k\u0131ş")
        assert [len(db.messages.search(word)) for word in ("ki", "KI", "k\u0131", "KIŞ", "kis")] == [1] * 5
