"""Chat messages of LlamaIndex, dumped as its chat stores do."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock, ThinkingBlock, ToolCallBlock

from .recording import Recording, long_output, picture, picture_text


def message(role: str, *blocks: Any, **more: Any) -> tuple[str, Any]:
    listed = [TextBlock(text=each) if isinstance(each, str) else each for each in blocks]
    return role, ChatMessage(role=role, blocks=listed, additional_kwargs=more).model_dump(mode="json")


def call(id: str, name: str, **arguments: Any) -> ToolCallBlock:
    return ToolCallBlock(tool_call_id=id, tool_name=name, tool_kwargs=arguments)


def tool(id: str, output: str) -> tuple[str, Any]:
    return message("tool", output, tool_call_id=id, name="look")


def record() -> Recording:
    recording = Recording("llama_index", "llama_index", ("llama-index-core",))

    def add(name: str, kind: str, given: tuple[str, Any], **how: Any) -> None:
        recording.payload(name, kind, given[0], given[1], **how)

    shown = ImageBlock(image=picture(91), image_mimetype="image/png")
    add(
        "a question with a picture",
        "text+media",
        message("user", "Which dredger is this?", shown),
        found=["Which dredger is this"],
        silent=[picture_text(91)[:60], "block_type"],
    )
    add(
        "thinking before a call",
        "reasoning+call",
        message(
            "assistant", ThinkingBlock(content="The hopper is open."), call("call_li1", "look", dredger="Vasco da Gama")
        ),
        found=["The hopper is open", "Vasco da Gama"],
        silent=["call_li1"],
    )
    add("a result", "result", tool("call_li1", "built in 2000, 37,000 dwt"), found=["37,000 dwt"], silent=["call_li1"])
    recording.conversation(
        "parallel calls, and thinking",
        [
            message("system", "You know dredgers."),
            message("user", "Which dredgers are at work?"),
            message(
                "assistant",
                ThinkingBlock(content="Two harbours."),
                call("l1", "look", at="Hull"),
                call("l2", "look", at="Goole"),
            ),
            tool("l2", long_output("Goole")),
            tool("l1", long_output("Hull")),
            message("assistant", "Two are."),
            message("user", "And at Spurn?"),
            message("assistant", call("l3", "look", at="Spurn")),
            tool("l3", long_output("Spurn")),
            message("assistant", "None."),
            message("user", "Thanks."),
            message("assistant", "Gladly."),
        ],
    )
    steps: list[tuple[str, Any]] = []
    for n in range(8):
        steps += [message("assistant", call(f"l{n}", "look", at=n)), tool(f"l{n}", long_output(f"site {n}", 14))]
    recording.conversation(
        "one long turn of many steps",
        [message("user", "Look at eight sites."), *steps, message("assistant", "Looked.")],
    )
    return recording
