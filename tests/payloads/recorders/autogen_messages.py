"""Messages of AutoGen: of its core, as a model's context holds them, and of agentchat, as an agent emits them."""

from __future__ import annotations

import json
from typing import Any

from autogen_agentchat.messages import (
    MultiModalMessage,
    TextMessage,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    ToolCallSummaryMessage,
)
from autogen_core import FunctionCall, Image
from autogen_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    SystemMessage,
    UserMessage,
)

from .recording import AT, Recording, long_output, picture_text

ROLES = {
    "SystemMessage": "system",
    "UserMessage": "user",
    "AssistantMessage": "assistant",
    "FunctionExecutionResultMessage": "tool",
    "ToolCallRequestEvent": "assistant",
    "ToolCallExecutionEvent": "tool",
    "ToolCallSummaryMessage": "assistant",
}


def call(id: str, name: str, **arguments: Any) -> FunctionCall:
    return FunctionCall(id=id, name=name, arguments=json.dumps(arguments))


def result(id: str, name: str, content: str, is_error: bool = False) -> FunctionExecutionResult:
    return FunctionExecutionResult(call_id=id, name=name, content=content, is_error=is_error)


def results(*given: FunctionExecutionResult) -> FunctionExecutionResultMessage:
    return FunctionExecutionResultMessage(content=list(given))


def user(words: str) -> UserMessage:
    return UserMessage(content=words, source="user")


def assistant(content: Any, thought: str | None = None) -> AssistantMessage:
    return AssistantMessage(content=content, thought=thought, source="keeper")


def dumped(*messages: Any) -> list[tuple[str, Any]]:
    listed = []
    for message in messages:
        payload = message.model_dump(mode="json")
        role = ROLES.get(payload["type"]) or ("user" if payload["source"] == "user" else "assistant")
        listed.append((role, payload))
    return listed


def record() -> Recording:
    recording = Recording("autogen", "autogen", ("autogen-core", "autogen-agentchat"))

    def add(name: str, kind: str, message: Any, **how: Any) -> None:
        ((role, payload),) = dumped(message)
        recording.payload(name, kind, role, payload, **how)

    stamp: dict[str, Any] = {"id": "0195-a", "created_at": AT}
    picture = Image.from_base64(picture_text(71))
    shown = MultiModalMessage(content=["Is this the new jetty?", picture], source="user", **stamp)
    add(
        "a question with a picture",
        "text+media",
        shown,
        found=["Is this the new jetty"],
        silent=[picture.to_base64()[:60]],
    )
    add(
        "calls with short ids, and a thought",
        "reasoning+call",
        assistant([call("0", "tide", jetty="Seaham"), call("1", "tide", jetty="Blyth")], "Both jetties dry out."),
        found=["Both jetties dry out", "Seaham", "Blyth"],
    )
    add(
        "results with short ids",
        "result",
        results(result("0", "tide", "dries at half ebb"), result("1", "tide", "gauge not found", True)),
        found=["dries at half ebb", "gauge not found"],
    )
    add(
        "a request event of agentchat",
        "call",
        ToolCallRequestEvent(content=[call("0", "tide", jetty="Amble")], source="keeper", **stamp),
        found=["Amble"],
        silent=["0195-a"],
    )
    add(
        "an execution event of agentchat",
        "result",
        ToolCallExecutionEvent(content=[result("0", "tide", "open two hours either side")], source="keeper", **stamp),
        found=["two hours either side"],
        silent=["0195-a"],
    )

    def converse(name: str, *messages: Any, **how: Any) -> None:
        recording.conversation(name, dumped(*messages), **how)

    converse(
        "ids that begin at 0 in each turn",
        SystemMessage(content="You keep jetties."),
        user("Seaham and Blyth?"),
        assistant([call("0", "tide", jetty="Seaham"), call("1", "tide", jetty="Blyth")], "Both."),
        results(result("1", "tide", long_output("Blyth")), result("0", "tide", long_output("Seaham"))),
        assistant("Both dry out."),
        user("And Amble?"),
        assistant([call("0", "tide", jetty="Amble")]),
        results(result("0", "tide", long_output("Amble"))),
        assistant("Amble, too."),
        user("Thanks."),
        assistant("Gladly."),
    )
    steps: list[Any] = []
    for n in range(8):
        steps += [assistant([call("0", "tide", jetty=n)]), results(result("0", "tide", long_output(f"jetty {n}", 14)))]
    converse("one long turn, and one id", user("Read eight jetties."), *steps, assistant("Read."))
    converse(
        "events of agentchat",
        TextMessage(content="When does Amble open?", source="user", **stamp),
        ToolCallRequestEvent(content=[call("0", "tide", jetty="Amble")], source="keeper", **stamp),
        ToolCallExecutionEvent(content=[result("0", "tide", long_output("Amble"))], source="keeper", **stamp),
        TextMessage(content="At nine.", source="keeper", **stamp),
        TextMessage(content="And Blyth?", source="user", **stamp),
        ToolCallRequestEvent(content=[call("0", "tide", jetty="Blyth")], source="keeper", **stamp),
        ToolCallExecutionEvent(content=[result("0", "tide", long_output("Blyth"))], source="keeper", **stamp),
        ToolCallSummaryMessage(
            content="Blyth never closes.",
            source="keeper",
            tool_calls=[call("0", "tide", jetty="Blyth")],
            results=[result("0", "tide", "never closes")],
            **stamp,
        ),
        TextMessage(content="Good.", source="user", **stamp),
        TextMessage(content="Yes.", source="keeper", **stamp),
    )
    return recording
