"""Messages of pydantic-ai, dumped by its ModelMessagesTypeAdapter."""

from __future__ import annotations

from typing import Any

from pydantic_ai.messages import (
    BinaryContent,
    ImageUrl,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    NativeToolCallPart,
    NativeToolReturnPart,
    RetryPromptPart,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from .recording import AT, SIGNATURE, Recording, long_output, picture, picture_text


def request(*parts: Any) -> ModelRequest:
    return ModelRequest(parts=list(parts), timestamp=AT)


def response(*parts: Any) -> ModelResponse:
    return ModelResponse(parts=list(parts), timestamp=AT, model_name="scripted")


def user(content: Any) -> UserPromptPart:
    return UserPromptPart(content=content, timestamp=AT)


def call(id: str, name: str, args: Any) -> ToolCallPart:
    return ToolCallPart(tool_name=name, args=args, tool_call_id=id)


def returned(id: str, name: str, content: Any) -> ToolReturnPart[Any]:
    return ToolReturnPart(tool_name=name, content=content, tool_call_id=id, timestamp=AT)


def dumped(*messages: ModelMessage) -> list[tuple[str, Any]]:
    """Each message under the role that an application files it under: a request is the user's, a response the model's."""
    listed = ModelMessagesTypeAdapter.dump_python(list(messages), mode="json")
    return [("user" if message["kind"] == "request" else "assistant", message) for message in listed]


def record() -> Recording:
    recording = Recording("pydantic_ai", "pydantic_ai", ("pydantic-ai-slim",))

    def add(name: str, kind: str, message: ModelMessage, **how: Any) -> None:
        ((role, payload),) = dumped(message)
        recording.payload(name, kind, role, payload, **how)

    add(
        "a question with pictures",
        "text+media",
        request(
            SystemPromptPart(content="You are a harbour pilot.", timestamp=AT),
            user(
                [
                    "Can this ship berth here?",
                    BinaryContent(data=picture(61), media_type="image/png"),
                    ImageUrl(url="https://pictures.example/quay.png"),
                ]
            ),
        ),
        found=["You are a harbour pilot", "Can this ship berth here"],
        silent=[picture_text(61)[:60].replace("+", "-").replace("/", "_"), "user-prompt"],
    )
    add(
        "thinking before two calls",
        "reasoning+call",
        response(
            ThinkingPart(content="Her draught is the question.", signature=SIGNATURE, provider_name="anthropic"),
            call("pyd_1", "draught", {"ship": "Sea Cloud"}),
            call("pyd_2", "depth", '{"quay": "Ponta Delgada"}'),
        ),
        found=["Her draught is the question", "Sea Cloud", "Ponta Delgada"],
        silent=["pyd_1", SIGNATURE[:60]],
    )
    add(
        "returns, and a retry",
        "result",
        request(
            returned("pyd_1", "draught", {"metres": 5.7, "remark": "fully laden"}),
            RetryPromptPart(
                content="no such quay: ask for the pier", tool_name="depth", tool_call_id="pyd_2", timestamp=AT
            ),
        ),
        found=["fully laden", "ask for the pier"],
        silent=["pyd_1", "tool-return"],
    )
    add(
        "a tool that the provider ran",
        "call_and_result",
        response(
            NativeToolCallPart(tool_name="web_search", args={"query": "swell Azores"}, tool_call_id="srv_9"),
            NativeToolReturnPart(
                tool_name="web_search", content=[{"title": "Swell of four metres"}], tool_call_id="srv_9", timestamp=AT
            ),
            TextPart(content="Better wait."),
        ),
        found=["swell Azores", "Swell of four metres", "Better wait"],
        silent=["srv_9"],
    )

    def converse(name: str, *messages: ModelMessage, **how: Any) -> None:
        recording.conversation(name, dumped(*messages), **how)

    converse(
        "thinking before parallel calls",
        request(SystemPromptPart(content="You are a pilot.", timestamp=AT), user("Can the Sea Cloud berth?")),
        response(
            ThinkingPart(content="Draught and depth.", signature=SIGNATURE),
            call("p1", "draught", {"ship": "Sea Cloud"}),
            call("p2", "depth", {"quay": "north"}),
        ),
        request(returned("p2", "depth", long_output("depth")), returned("p1", "draught", {"log": long_output("hull")})),
        response(TextPart(content="She can.")),
        request(user("And the Gorch Fock?")),
        response(call("p3", "draught", {"ship": "Gorch Fock"})),
        request(returned("p3", "draught", long_output("hull"))),
        response(TextPart(content="She can, too.")),
        request(user("Thanks.")),
        response(TextPart(content="Gladly.")),
    )
    steps: list[ModelMessage] = []
    for n in range(8):
        steps += [
            response(ThinkingPart(content=f"Quay {n}.", signature=SIGNATURE), call(f"p{n}", "depth", {"quay": n})),
            request(returned(f"p{n}", "depth", long_output(f"quay {n}", 14))),
        ]
    converse(
        "one long turn of many steps", request(user("Sound eight quays.")), *steps, response(TextPart(content="Done."))
    )
    converse(
        "a retry, and a tool that the provider ran",
        request(user("How deep is the pier?")),
        response(call("p1", "depth", {"quay": "pier"})),
        request(RetryPromptPart(content="no such quay", tool_name="depth", tool_call_id="p1", timestamp=AT)),
        response(call("p2", "depth", {"pier": 1})),
        request(returned("p2", "depth", long_output("pier"))),
        response(TextPart(content="Eight metres.")),
        request(user("And the swell?")),
        response(
            NativeToolCallPart(tool_name="web_search", args={"query": "swell"}, tool_call_id="s1"),
            NativeToolReturnPart(
                tool_name="web_search", content=[{"title": long_output("swell")}], tool_call_id="s1", timestamp=AT
            ),
            TextPart(content="Four metres."),
        ),
        request(user("Wait, then.")),
        response(TextPart(content="I wait.")),
    )
    return recording
