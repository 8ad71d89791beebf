"""The checkers accept what the APIs accept, and refuse what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from payloads.api_checkers import RULES, Part, belonging, problems
from payloads.recordings import RecordedConversation, RecordedMessage, conversations

CONVERSATIONS = conversations()
IDS = [f"{each.family}: {each.name}" for each in CONVERSATIONS]


def of_user(words: str = "q") -> RecordedMessage:
    """A message without a payload, as a host's own."""
    return RecordedMessage("user", None, words)


def use(*ids: str, thinking: bool = False) -> RecordedMessage:
    blocks = [{"type": "thinking", "thinking": "t", "signature": "s"}] if thinking else []
    uses = [{"type": "tool_use", "id": id, "name": "n", "input": {}} for id in ids]
    return RecordedMessage("assistant", {"role": "assistant", "content": [*blocks, *uses]})


def results(*ids: str, content: Any = "r") -> RecordedMessage:
    blocks = [{"type": "tool_result", "tool_use_id": id, "content": content} for id in ids]
    return RecordedMessage("user", {"role": "user", "content": blocks})


def item(kind: str, role: str = "assistant", **fields: Any) -> RecordedMessage:
    return RecordedMessage(role, {"type": kind, **fields})


def call(id: str) -> RecordedMessage:
    return item("function_call", call_id=id, name="n", arguments="{}")


def output(id: str, given: Any = "r") -> RecordedMessage:
    return item("function_call_output", "tool", call_id=id, output=given)


def reasoning(id: str) -> RecordedMessage:
    return item("reasoning", id=id, summary=[])


def said(words: str = "a") -> RecordedMessage:
    return RecordedMessage("assistant", None, words)


def chat_calls(*ids: str) -> RecordedMessage:
    calls = [{"id": id, "type": "function", "function": {"name": "n", "arguments": "{}"}} for id in ids]
    return RecordedMessage("assistant", {"role": "assistant", "content": None, "tool_calls": calls})


def chat_result(id: str, content: Any = "r") -> RecordedMessage:
    return RecordedMessage("tool", {"role": "tool", "tool_call_id": id, "content": content})


def parts(role: str, *given: dict[str, Any]) -> RecordedMessage:
    return RecordedMessage(role, {"role": role, "parts": list(given)})


CALL, OTHER_CALL = ({"functionCall": {"name": name, "args": {}}} for name in ("n", "m"))
RESPONSE, OTHER_RESPONSE = ({"functionResponse": {"name": name, "response": {"output": "r"}}} for name in ("n", "m"))

ACCEPTED: dict[str, list[list[RecordedMessage]]] = {
    "openai_responses": [
        [of_user(), reasoning("r"), call("1"), call("2"), output("2"), output("1"), reasoning("s"), said()],
        [of_user(), reasoning("r"), said(), of_user()],
        [RecordedMessage("system", None, "in short"), of_user(), said()],
    ],
    "openai_chat": [
        [of_user(), chat_calls("1", "2"), chat_result("2"), chat_result("1"), said()],
        [of_user(), chat_calls("0"), chat_result("0"), said(), of_user(), chat_calls("0"), chat_result("0")],
    ],
    "anthropic": [
        [of_user(), use("1", "2", thinking=True), results("2", "1"), said()],
        [RecordedMessage("system", None, "in short"), of_user(), use("1"), results("1"), use("2"), results("2")],
        [of_user(), of_user(), said(), said()],
    ],
    "gemini": [[of_user(), parts("model", CALL, OTHER_CALL), parts("user", OTHER_RESPONSE, RESPONSE), said()]],
}

REFUSED: dict[str, dict[str, list[RecordedMessage]]] = {
    "openai_responses": {
        "a lone result": [of_user(), output("1"), said()],
        "a lone call": [of_user(), call("1"), said()],
        "parted parallel calls": [of_user(), call("1"), call("2"), output("2"), said()],
        "a result before its call": [of_user(), output("1"), call("1"), said()],
        "a result of another kind": [
            of_user(),
            call("1"),
            item("custom_tool_call_output", "tool", call_id="1", output="r"),
        ],
        "reasoning before a question": [of_user(), reasoning("r"), of_user()],
        "reasoning before an output": [of_user(), call("1"), reasoning("r"), output("1"), said()],
        "reasoning at the end": [of_user(), reasoning("r")],
        "a second result": [of_user(), call("1"), output("1"), output("1"), said()],
        "an output that is an object": [of_user(), call("1"), output("1", {"text": "r"}), said()],
        "a shell's output that is a text": [
            of_user(),
            item("shell_call", call_id="1"),
            item("shell_call_output", "tool", call_id="1", output="r"),
            said(),
        ],
        "a computer's output that is a text": [
            of_user(),
            item("computer_call", call_id="1"),
            item("computer_call_output", "tool", call_id="1", output="r"),
            said(),
        ],
        "nothing of the user's": [said()],
    },
    "openai_chat": {
        "a lone result": [of_user(), chat_result("1"), said()],
        "a lone call": [of_user(), chat_calls("1"), said()],
        "parted parallel calls": [of_user(), chat_calls("1", "2"), chat_result("1"), said()],
        "a result that is parted from its call": [of_user(), chat_calls("1"), of_user(), chat_result("1"), said()],
        "a summary between them": [of_user(), chat_calls("1"), RecordedMessage("system", None, "s"), chat_result("1")],
        "a result first": [chat_result("1"), of_user()],
        "a result of blocks of another API": [
            of_user(),
            chat_calls("1"),
            chat_result("1", [{"type": "image"}]),
            said(),
        ],
    },
    "anthropic": {
        "a lone result": [of_user(), said(), results("1"), said()],
        "a lone call": [of_user(), use("1"), of_user(), said()],
        "parted parallel calls": [of_user(), use("1", "2"), results("1"), said()],
        "results in two answers": [of_user(), use("1", "2"), results("1"), said(), results("2"), said()],
        "an answer first": [said(), of_user()],
        "a result first": [results("1"), said()],
        "a call first": [use("1"), results("1"), said(), of_user()],
        "a text before a result": [
            of_user(),
            use("1"),
            RecordedMessage(
                "user",
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "q"},
                        {"type": "tool_result", "tool_use_id": "1", "content": "r"},
                    ],
                },
            ),
        ],
        "thinking that begins inside a turn": [
            of_user(),
            use("1"),
            results("1"),
            use("2", thinking=True),
            results("2"),
        ],
        "thinking behind a text": [
            of_user(),
            RecordedMessage(
                "assistant",
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "a"},
                        {"type": "thinking", "thinking": "t", "signature": "s"},
                    ],
                },
            ),
        ],
        "a result that is an object": [of_user(), use("1"), results("1", content={"text": "r"}), said()],
        "a result of an empty text": [
            of_user(),
            use("1"),
            results("1", content=[{"type": "text", "text": ""}]),
            said(),
        ],
        "a search without its results": [
            of_user(),
            RecordedMessage(
                "assistant",
                {"role": "assistant", "content": [{"type": "server_tool_use", "id": "1", "name": "n", "input": {}}]},
            ),
            of_user(),
        ],
        "results of a search that are a text": [
            of_user(),
            RecordedMessage(
                "assistant",
                {
                    "role": "assistant",
                    "content": [
                        {"type": "server_tool_use", "id": "1", "name": "n", "input": {}},
                        {"type": "web_search_tool_result", "tool_use_id": "1", "content": "r"},
                    ],
                },
            ),
        ],
    },
    "gemini": {
        "a lone response": [of_user(), said(), parts("user", RESPONSE), said()],
        "a lone call": [of_user(), parts("model", CALL), of_user()],
        "parted parallel calls": [of_user(), parts("model", CALL, OTHER_CALL), parts("user", RESPONSE), said()],
        "a response first": [parts("user", RESPONSE), said()],
        "a call first": [parts("model", CALL), parts("user", RESPONSE), said(), of_user()],
        "a call behind an answer": [of_user(), said(), parts("model", CALL), parts("user", RESPONSE), said()],
        "code without its result": [of_user(), parts("model", {"executableCode": {"code": "1", "language": "PYTHON"}})],
        "a response that is a text": [
            of_user(),
            parts("model", CALL),
            parts("user", {"functionResponse": {"name": "n", "response": "r"}}),
        ],
    },
}


@pytest.mark.parametrize("api", sorted(ACCEPTED))
def test_what_an_api_accepts_is_accepted(api: str) -> None:
    assert [problems(api, messages) for messages in ACCEPTED[api]] == [[] for _ in ACCEPTED[api]]


@pytest.mark.parametrize(("api", "name"), [(api, name) for api, named in REFUSED.items() for name in named])
def test_what_an_api_refuses_is_refused(api: str, name: str) -> None:
    assert problems(api, REFUSED[api][name]) != []


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=IDS)
def test_a_recorded_conversation_is_accepted_as_it_was_recorded(conversation: RecordedConversation) -> None:
    found = problems(conversation.api, conversation.messages)
    assert (found == []) is conversation.valid, found


def test_every_api_has_a_conversation_with_a_pair() -> None:
    paired = {
        each.api
        for each in CONVERSATIONS
        if any(part.what == "result" for message in each.messages for part in RULES[each.api].parts(message.payload))
    }
    assert paired == set(RULES)


def parts_of(conversation: RecordedConversation) -> list[list[Part]]:
    return [RULES[conversation.api].parts(message.payload) for message in conversation.messages]


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=IDS)
def test_a_conversation_is_refused_without_one_of_its_calls_or_results(conversation: RecordedConversation) -> None:
    messages = conversation.messages
    for at, held in enumerate(parts_of(conversation)):
        if any(part.what in ("call", "result") and not part.at_once for part in held):
            assert problems(conversation.api, [*messages[:at], *messages[at + 1 :]]) != [], at


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=IDS)
def test_a_conversation_that_begins_inside_a_pair_is_refused(conversation: RecordedConversation) -> None:
    for at, held in enumerate(parts_of(conversation)):
        if any(part.what == "result" and not part.at_once for part in held):
            assert problems(conversation.api, conversation.messages[at:]) != [], at


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=IDS)
def test_reasoning_is_refused_where_a_question_stands_behind_it(conversation: RecordedConversation) -> None:
    messages, groups = conversation.messages, belonging(conversation.api, conversation.messages)
    for at, held in enumerate(parts_of(conversation)):
        if held == [Part("reasoning")]:
            assert groups.count(groups[at]) > 1, at
            assert problems(conversation.api, [*messages[: at + 1], of_user()]) != [], at


def test_what_belongs_together_has_one_number() -> None:
    messages = [
        of_user(), reasoning("r"), call("1"), call("2"), output("2"), output("1"),
        reasoning("s"), reasoning("t"), said(), reasoning("u"), said(), of_user(), call("3"), output("3"),
        item("program", call_id="p", id="p", code="c", fingerprint="f"),
        item("function_call", call_id="4", name="n", arguments="{}", caller={"type": "program", "caller_id": "p"}),
        output("4"), item("program_output", "tool", call_id="p", id="o", result="r", status="completed"),
        item("mcp_approval_request", id="m", name="n", arguments="{}", server_label="l"),
        item("mcp_approval_response", "user", approval_request_id="m", approve=True),
        item("mcp_call", id="c", name="n", arguments="{}", server_label="l", approval_request_id="m"),
    ]  # fmt: skip
    assert belonging("openai_responses", messages) == [0, *[1] * 5, *[6] * 3, 9, 9, 11, 12, 12, *[14] * 4, *[18] * 3]
