"""What a payload says is searched: every shape, known or not, and nothing that is not text."""

from __future__ import annotations

import json
import sqlite3
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_harness import Facade

from agentdb import AgentDB
from agentdb.migrations import get_migration
from agentdb.stores.messages.search_words import search_words, strings_of
from agentdb.stores.text_normalization import fold

CALL = {"city": "needle", "days": [1, {"unit": "Zürich"}]}


def text_of(payload: Any) -> str:
    return "\n".join(text for text, _ in strings_of(payload))


#: Payloads that say "needle", and a text that a person remembers of each.
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
        "needle\nZürich",
    ),
    "arguments that are no JSON": (
        {"type": "function_call", "call_id": "1", "arguments": '{"city": "needle'},
        '{"city": "needle',
    ),
    "half a character": ({"type": "function_call", "call_id": "1", "arguments": '{"a": "needle \\ud83d"}'}, "needle"),
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
        "I look.\nneedle\nZürich",
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
LINES = "\n".join(BLOB[at : at + 76] for at in range(0, len(BLOB), 76))
LONG_ID = "call_0123456789abcdefg"
#: Payloads with what is no text, and all that is searched of them.
SILENT: dict[str, tuple[Any, str]] = {
    "an image of Anthropic": (
        [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BLOB}}],
        "",
    ),
    "an image by URL": (
        {"role": "user", "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{BLOB}"}]},
        "",
    ),
    "a small image by URL": ({"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}, ""),
    "an image at an address": (
        [{"type": "image_url", "image_url": {"url": "https://x.org/cat.png"}}],
        "https://x.org/cat.png",
    ),
    "inline data": ({"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": BLOB}}]}, ""),
    "data in lines": ({"name": "x.png", "data": LINES}, "x.png"),
    "a screenshot": (
        {
            "type": "computer_call_output",
            "call_id": LONG_ID,
            "output": {"type": "computer_screenshot", "image_url": f"data:image/png;base64,{BLOB}"},
        },
        "",
    ),
    "a file in arguments": (
        {"type": "function_call", "call_id": LONG_ID, "arguments": json.dumps({"name": "x.png", "data": BLOB})},
        "x.png",
    ),
    "an image as an output": ({"type": "function_call_output", "call_id": LONG_ID, "output": BLOB}, ""),
    "signatures": (
        [{"type": "thinking", "thinking": "", "signature": "SIGNED"}, {"type": "redacted_thinking", "data": BLOB}],
        "",
    ),
    "a signature of Gemini": ([{"text": "so", "thoughtSignature": "c2ln"}, {"thought_signature": "c2ln"}], "so"),
    "encrypted reasoning": ({"type": "reasoning", "id": LONG_ID, "summary": [], "encrypted_content": "SEALED"}, ""),
    "encrypted results": ([{"type": "web_search_result", "title": "Tides", "encrypted_content": "SEALED"}], "Tides"),
    "ids": ({"type": "x", "id": LONG_ID, "call_id": LONG_ID, "toolCallId": LONG_ID, "runID": LONG_ID}, ""),
    "numbers": ([1, None, True, 2.5, 4711, {"a": 7, "b": 99, "c": 3.25, "total_tokens": 4711}], ""),
    "nothing": ([], ""),
    "what things are": (
        {"type": "message", "role": "assistant", "status": "completed", "object": "response", "model": "large-2"},
        "",
    ),
    "why it ended": ([{"finish_reason": "stop_sequence", "stopReason": "max_tokens", "part_kind": "text"}], ""),
}
#: Payloads with what looks like it, and is text: what stands under any other name, short ids, prose anywhere.
SAID: dict[str, tuple[Any, str]] = {
    "no known form": ({"item": [], "colour": {"name": "blue", "shades": ["navy"]}}, "blue\nnavy"),
    "a short id": ({"order_id": "A-4711", "orderId": "B-12"}, "A-4711\nB-12"),
    "a number": ({"order": 4711, "year": -2024, "n": 7}, "4711\n-2024"),
    "a number in arguments": ({"arguments": '{"order": 4711}'}, "4711"),
    "prose under the name of a type": (
        {"status": "on its way", "type": "the second kind"},
        "on its way\nthe second kind",
    ),
    "prose under the name of an id": ({"id": "the red one in the corner"}, "the red one in the corner"),
    "a signature of a letter": ({"signature": "Kind regards, Anna"}, "Kind regards, Anna"),
    "words that end like an id": (
        {"paid": "in-cash-yesterday-noon", "grid": "alternating-current"},
        "in-cash-yesterday-noon\nalternating-current",
    ),
    "a list of names": ({"files": "\n".join(f"File{n}" for n in range(40))}, "\n".join(f"File{n}" for n in range(40))),
    "a long word": ({"text": "x" * 300}, "x" * 300),
    "a long path": ({"path": "/home/A1/b/" + "c.d/" * 60}, "/home/A1/b/" + "c.d/" * 60),
    "text in one word": ([{"type": "text", "text": "needle"}], "needle"),
    "JSON in JSON": ({"output": json.dumps([{"type": "text", "text": "Zürich"}])}, "Zürich"),
    "JSON in JSON in JSON": ({"output": json.dumps({"text": json.dumps({"city": "Zürich"})})}, "Zürich"),
}


@pytest.mark.parametrize("name", SAYING)
def test_what_a_payload_says_is_searched_and_stored_once(stores: Facade, name: str) -> None:
    payload, text = SAYING[name]
    stores.agents.create(id="a", name="Researcher", model="large")
    stores.sessions.create(id="s", main_agent_id="a")
    added = stores.messages.append("s", role="assistant", payload=payload)
    assert (added.content, added.payload) == (None, payload)
    for words in ("needle", text):
        (hit,) = stores.messages.search(words, scan=0 if words == "needle" else 9)
        assert hit.message == added
        assert "needle" in hit.snippet
    given = stores.messages.append("s", role="assistant", payload=payload, content="hay")
    assert given.content == "hay"
    assert {hit.message.id for hit in stores.messages.search("needle")} == {added.id, given.id}


@pytest.mark.parametrize("name", SILENT)
def test_what_is_no_text_is_not_searched(name: str) -> None:
    payload, text = SILENT[name]
    assert text_of(payload) == text


@pytest.mark.parametrize("name", SAID)
def test_what_only_looks_like_it_is_searched(stores: Facade, name: str) -> None:
    payload, text = SAID[name]
    assert text_of(payload) == text
    stores.agents.create(id="a", name="Researcher", model="large")
    stores.sessions.create(id="s", main_agent_id="a")
    stores.messages.append("s", role="tool", payload=payload)
    for line in text.split("\n"):
        assert len(stores.messages.search(line)) == 1, line


def test_calls_are_searched_as_well(stores: Facade) -> None:
    stores.agents.create(id="a", name="Researcher", model="large")
    stores.sessions.create(id="s", main_agent_id="a")
    calls = [{"id": LONG_ID, "type": "function", "function": {"name": "look_up", "arguments": json.dumps(CALL)}}]
    stores.messages.append("s", role="assistant", tool_calls=calls)
    for word in ("needle", "look_up", "zurich", "Zürich", "zü"):
        (hit,) = stores.messages.search(word)
        assert hit.message.tool_calls == calls
    for word in ("function", "0123456789abcdefg"):
        assert len(stores.messages.search(word)) == 0


def test_what_content_and_payload_both_say_is_in_the_index_once(stores: Facade) -> None:
    stores.agents.create(id="a", name="Researcher", model="large")
    stores.sessions.create(id="s", main_agent_id="a")
    payload = [{"type": "text", "text": "the tide is high"}, {"type": "text", "text": "and low"}]
    stores.messages.append("s", role="user", content="the tide is high", payload=payload)
    assert stores.rows("SELECT text FROM message_texts") == [("the tide is high\nand low\n\n",)]


@pytest.mark.parametrize("name", [name for name in SAYING if isinstance(SAYING[name][0], list)])
def test_a_conversation_as_dicts_is_searched_as_well(path: str, name: str) -> None:
    payload, _ = SAYING[name]
    with AgentDB.open(path) as db:
        db.conversations.save_session("s", [{"role": "assistant", "content": payload}])
        assert [(hit.message.content, hit.message.payload) for hit in db.messages.search("needle")] == [(None, payload)]
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
    arguments: Any = "näedle"
    for _ in range(400):
        arguments = [arguments]
    row = {"content": None, "payload_json": json.dumps({"arguments": json.dumps(arguments)}), "tool_calls_json": None}

    def words(depth: int) -> str | None:
        return words(depth - 1) if depth else search_words(row, json.loads(row["payload_json"] or "null"), None)

    assert words(700) == f"{len(row['payload_json'])} naedle"


TEXT = st.sampled_from(
    ["", "a", "two words", "Zürich", LONG_ID, BLOB, LINES, BLOB[:130], "data:x;base64,QQ==", "[x", "d:e"]
) | st.text(st.characters(codec="utf-8", exclude_characters="\0[{"), max_size=6)
KEYS = [
    "type",
    "mimeType",
    "role",
    "status",
    "text",
    "id",
    "call_id",
    "toolCallId",
    "paid",
    "signature",
    "x",
    "total_tokens",
    "",
]
LEAVES = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.integers(-200, 200) | TEXT


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
        max_leaves=10,
    )


#: JSON, and JSON in its strings: SQL reads no deeper.
JSON = nested(LEAVES | nested(LEAVES).map(json.dumps))


@settings(max_examples=150, deadline=None)
@given(payload=st.lists(JSON, max_size=3), calls=st.none() | st.lists(JSON, max_size=2))
def test_sql_and_python_take_out_the_same_strings(payload: Any, calls: Any) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in (
            "CREATE TABLE messages (id, content, payload_json, tool_calls_json, search_words)",
            get_migration("004").up[0],
        ):
            connection.execute(statement)
        written = [None if value is None else json.dumps(value) for value in (payload, calls)]
        connection.execute("INSERT INTO messages VALUES (1, NULL, ?, ?, NULL)", written)
        ((text,),) = connection.execute("SELECT text FROM message_texts").fetchall()
    said = [each for value in (payload, calls) for each, _ in strings_of(value)]
    assert [line for line in text.split("\n") if line] == [line for line in "\n".join(said).split("\n") if line]


def test_whichever_small_letter_sqlite_makes_of_a_letter_the_folded_one_finds_it() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = 'trigram')")
        for code in (*range(0x80, 0x590), 0x1E9E, 0x13A0, 0xAB70, 0x10D0, 0x1C90, 0x2C2F, 0x10400):
            word = f"xy{chr(code)}z"
            row = {"content": word, "payload_json": None, "tool_calls_json": None}
            added = (search_words(row, None, None) or "").partition(" ")[2]
            connection.execute("DELETE FROM words")
            connection.execute("INSERT INTO words VALUES (?)", (f"{added}\n{word}",))
            for looked_for in (word, word.upper(), word.lower()):
                for part in (each for each in fold(looked_for).split() if len(each) > 2):
                    found = connection.execute("SELECT count(*) FROM words WHERE words MATCH ?", (f'"{part}"',))
                    assert found.fetchall() == [(1,)], (hex(code), part)


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


@given(st.text(st.sampled_from("aZéœßİ\u0131\u2019—łйЙёéǅΆςकيةﬁｆＡが한字—\u00ad\u00a0Ⅷ½")))
def test_characters_that_are_compared_one_by_one_are_folded_as_the_whole_text(text: str) -> None:
    from agentdb.stores import text_normalization

    assert fold(text) == text_normalization._fold(text)
