"""Messages of the OpenAI Chat Completions API, from the types of the package `openai`."""

from __future__ import annotations

import json
from typing import Any

from openai.types.chat import ChatCompletionMessage, ChatCompletionMessageParam

from .recording import Recording, long_output, picture_text, picture_url
from .typed_dicts import checker

ADAPTER = checker(ChatCompletionMessageParam)


def accepted(message: dict[str, Any]) -> dict[str, Any]:
    ADAPTER.validate_python(message)
    return message


def user(content: Any) -> dict[str, Any]:
    return accepted({"role": "user", "content": content})


def assistant(content: str | None, *calls: tuple[str, str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """An answer as the SDK gives it, dumped as its users do to send it back."""
    message = {"role": "assistant", "content": content, **more}
    if calls:
        message["tool_calls"] = [
            {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for id, name, arguments in calls
        ]
    return ChatCompletionMessage.model_validate(message).model_dump(mode="json", exclude_unset=True)


def tool(id: str, content: Any) -> dict[str, Any]:
    return accepted({"role": "tool", "tool_call_id": id, "content": content})


def record() -> Recording:
    recording = Recording("openai_chat", "openai_chat", ("openai",))
    add = recording.payload
    add(
        "a question with a picture and a voice",
        "text+media",
        "user",
        user(
            [
                {"type": "text", "text": "Whose foghorn is this?"},
                {"type": "image_url", "image_url": {"url": picture_url(21)}},
                {"type": "input_audio", "input_audio": {"data": picture_text(22), "format": "wav"}},
            ]
        ),
        found=["Whose foghorn"],
        silent=[picture_text(21)[:60], picture_text(22)[40:100]],
    )
    add(
        "an answer with two calls",
        "text+call",
        "assistant",
        assistant(
            "I ask both stations.",
            ("call_ch1", "listen", {"station": "Fastnet Rock"}),
            ("call_ch2", "listen", {"station": "Bishop Rock"}),
        ),
        found=["I ask both stations", "Fastnet Rock", "Bishop Rock"],
        silent=["call_ch1", "call_ch2"],
    )
    add(
        "a result",
        "result",
        "tool",
        tool("call_ch1", "three blasts a minute"),
        found=["three blasts"],
        silent=["call_ch1"],
    )
    add(
        "a refusal",
        "text",
        "assistant",
        assistant(None, refusal="I will not disable the foghorn."),
        found=["not disable the foghorn"],
    )
    add(
        "an answer with its reasoning beside it",
        "reasoning+text",
        "assistant",
        assistant("It is Fastnet.", reasoning_content="Three blasts a minute are only on one list of lights."),
        found=["It is Fastnet", "only on one list of lights"],
    )
    add(
        "the instructions of a developer",
        "system",
        "developer",
        accepted({"role": "developer", "content": "Answer as a lighthouse keeper."}),
        found=["lighthouse keeper"],
    )
    _conversations(recording)
    return recording


def _conversations(recording: Recording) -> None:
    def add(name: str, *messages: dict[str, Any], **how: Any) -> None:
        recording.conversation(name, [(message["role"], message) for message in messages], **how)

    add(
        "parallel calls, their results out of order",
        accepted({"role": "system", "content": "You keep a light."}),
        user("Which lights are lit?"),
        assistant(None, ("call_1", "light", {"of": "Skagen"}), ("call_2", "light", {"of": "Anholt"})),
        tool("call_2", long_output("Anholt")),
        tool("call_1", long_output("Skagen")),
        assistant("Both are lit."),
        user("And Hirtshals?"),
        assistant("I look.", ("call_3", "light", {"of": "Hirtshals"})),
        tool("call_3", long_output("Hirtshals")),
        assistant("It is lit too."),
        user("Good night."),
        assistant("Good night."),
    )
    steps: list[dict[str, Any]] = []
    for n in range(10):
        steps += [assistant(None, (f"call_{n}", "read", {"page": n})), tool(f"call_{n}", long_output(f"page {n}", 14))]
    add("one long turn of many steps", user("Read the pilot book."), *steps, assistant("I have read it."))
    add(
        "pictures, and ids that come again",
        user([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": picture_url(23)}}]),
        assistant(None, ("call_0", "zoom", {"by": 2})),
        tool("call_0", [{"type": "text", "text": long_output("zoom")}]),
        assistant("A cardinal buoy."),
        user([{"type": "text", "text": "And this?"}, {"type": "image_url", "image_url": {"url": picture_url(24)}}]),
        assistant(None, ("call_0", "zoom", {"by": 4})),
        tool("call_0", long_output("zoom again")),
        assistant("A wreck."),
        user("Mark it."),
        assistant("Marked."),
    )
    add(
        "a result that came late",
        user("Sound the harbour, it may take an hour."),
        assistant("I have sent the boat.", ("call_8", "sound", {"harbour": "Vlissingen"})),
        user("Meanwhile: who is on duty?"),
        assistant("Anna is."),
        tool("call_8", long_output("sounding")),
        assistant("The boat is back: 7.2 m."),
        user("Thanks."),
        assistant("At your service."),
        valid=False,
    )
