"""Messages of LangChain, dumped by messages_to_dict; and of LangGraph, as its state has them, dumped by dumpd."""

from __future__ import annotations

from typing import Any

from langchain_core.load import dumpd
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
    messages_to_dict,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from .recording import SEALED, SIGNATURE, Recording, long_output, picture_text, picture_url

ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}


def call(id: str, name: str, **args: Any) -> ToolCall:
    return ToolCall(name=name, args=args, id=id, type="tool_call")


def ai(id: str, content: Any = "", *calls: ToolCall, **more: Any) -> AIMessage:
    return AIMessage(content=content, tool_calls=list(calls), id=id, **more)


def human(id: str, content: Any) -> HumanMessage:
    return HumanMessage(content=content, id=id)


def tool(id: str, call_id: str, content: Any, **more: Any) -> ToolMessage:
    return ToolMessage(content=content, tool_call_id=call_id, id=id, name="look", **more)


def record() -> Recording:
    recording = Recording("langchain", "langchain", ("langchain-core",))

    def add(name: str, kind: str, message: BaseMessage, **how: Any) -> None:
        (dumped,) = messages_to_dict([message])
        recording.payload(name, kind, ROLES[message.type], dumped, **how)

    add(
        "a question with a picture",
        "text+media",
        human(
            "h-1",
            [
                {"type": "text", "text": "Is this the Eddystone?"},
                {"type": "image_url", "image_url": {"url": picture_url(51)}},
                {"type": "image", "base64": picture_text(52), "mime_type": "image/png"},
            ],
        ),
        found=["Is this the Eddystone"],
        silent=[picture_text(51)[:60], picture_text(52)[40:100]],
    )
    add(
        "an answer with calls",
        "text+call",
        ai(
            "lc_run--1",
            "I ask two keepers.",
            call("call_lc1", "look", light="Eddystone"),
            call("call_lc2", "look", light="Wolf Rock"),
            response_metadata={"finish_reason": "tool_calls", "system_fingerprint": "fp_77"},
        ),
        found=["I ask two keepers", "Eddystone", "Wolf Rock"],
        silent=["call_lc1", "lc_run--1"],
    )
    add(
        "thinking and a use of a tool, in blocks",
        "reasoning+call",
        ai(
            "lc_run--2",
            [
                {"type": "thinking", "thinking": "The lantern has two lenses.", "signature": SIGNATURE},
                {"type": "tool_use", "id": "toolu_lc3", "name": "look", "input": {"light": "Longships"}},
            ],
            call("toolu_lc3", "look", light="Longships"),
        ),
        found=["The lantern has two lenses", "Longships"],
        silent=["toolu_lc3", SIGNATURE[:60]],
    )
    add(
        "reasoning in blocks of the Responses API",
        "reasoning+text",
        ai(
            "lc_run--3",
            [
                {
                    "type": "reasoning",
                    "id": "rs_lc",
                    "encrypted_content": SEALED,
                    "summary": [{"type": "summary_text", "text": "The fog signal is older."}],
                },
                {"type": "text", "text": "From 1759."},
            ],
        ),
        found=["The fog signal is older", "From 1759"],
        silent=["rs_lc", SEALED[:60]],
    )
    add(
        "a result with its artifact",
        "result",
        tool("t-1", "call_lc1", "white, two flashes", artifact={"raw": [2, 10]}, status="success"),
        found=["white, two flashes"],
        silent=["call_lc1"],
    )
    add("the instructions", "system", SystemMessage("You are a list of lights.", id="s-1"), found=["a list of lights"])

    def converse(name: str, *messages: BaseMessage, **how: Any) -> None:
        listed = zip(messages, messages_to_dict(messages), strict=True)
        recording.conversation(name, [(ROLES[message.type], dumped) for message, dumped in listed], **how)

    converse(
        "parallel calls, their results out of order",
        SystemMessage("You are a list of lights.", id="s-1"),
        human("h-1", "Eddystone and Wolf Rock?"),
        ai("a-1", "", call("c-1", "look", light="Eddystone"), call("c-2", "look", light="Wolf Rock")),
        tool("t-2", "c-2", long_output("Wolf Rock")),
        tool("t-1", "c-1", long_output("Eddystone")),
        ai("a-2", "Both are white."),
        human("h-2", "And Longships?"),
        ai("a-3", "I look.", call("c-3", "look", light="Longships")),
        tool("t-3", "c-3", [{"type": "text", "text": long_output("Longships")}]),
        ai("a-4", "White and red."),
        human("h-3", "Thanks."),
        ai("a-5", "Gladly."),
    )
    steps: list[BaseMessage] = []
    for n in range(9):
        thinking = {"type": "thinking", "thinking": f"Light {n}.", "signature": SIGNATURE}
        use = {"type": "tool_use", "id": f"c-{n}", "name": "look", "input": {"light": n}}
        steps += [
            ai(f"a-{n}", [thinking, use], call(f"c-{n}", "look", light=n)),
            tool(f"t-{n}", f"c-{n}", long_output(f"light {n}", 14)),
        ]
    converse("one long turn of thinking and calls", human("h-1", "Read nine lights."), *steps, ai("a-99", "Read."))
    converse(
        "pictures, and a failed call",
        human(
            "h-1",
            [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": picture_url(53)}}],
        ),
        ai("a-1", "", call("c-1", "look", light="?")),
        tool("t-1", "c-1", "unknown light", status="error"),
        ai("a-2", "I do not know it."),
        human("h-2", "Look again."),
        ai("a-3", "", call("c-2", "look", light="Fastnet")),
        tool("t-2", "c-2", long_output("Fastnet")),
        ai("a-4", "The Fastnet."),
        human("h-3", "Right."),
        ai("a-5", "Good."),
    )
    return recording


def record_graph() -> Recording:
    recording = Recording("langgraph", "langgraph", ("langgraph", "langchain-core"))
    first = graphed(
        [
            human("h-1", "Which buoys are off station?"),
            ai("a-1", "", call("g-1", "look", fairway="north"), call("g-2", "look", fairway="south")),
            tool("t-1", "g-1", long_output("north")),
            tool("t-2", "g-2", long_output("south")),
            ai("a-2", "N4 is."),
            human("h-2", "Since when?"),
            ai("a-3", "", call("g-3", "look", buoy="N4")),
            tool("t-3", "g-3", long_output("N4")),
            ai("a-4", "Since Monday."),
            human("h-3", "Thanks."),
            ai("a-5", "Gladly."),
        ]
    )
    steps: list[BaseMessage] = []
    for n in range(8):
        steps += [ai(f"a-{n}", "", call(f"g-{n}", "look", buoy=n)), tool(f"t-{n}", f"g-{n}", long_output("buoy", 14))]
    second = graphed([human("h-1", "Visit eight buoys."), *steps, ai("a-99", "Visited.")])
    add = recording.payload
    add("what the user said", "text", "user", first[0][1], found=["off station"], silent=["langchain"])
    add("parallel calls", "call", "assistant", first[1][1], found=["north", "south"], silent=["g-1", "constructor"])
    add("a result", "result", "tool", first[2][1], found=["north: reading 17"], silent=["g-1"])
    recording.conversation("parallel calls", first)
    recording.conversation("one long turn of many steps", second)
    return recording


def graphed(messages: list[BaseMessage]) -> list[tuple[str, Any]]:
    """The messages as a graph's state has them after each was added by a node, dumped."""
    script = iter(messages)

    def say(state: MessagesState) -> dict[str, Any]:
        return {"messages": [next(script)]}

    graph = StateGraph(MessagesState)
    names = [f"node{n}" for n in range(len(messages))]
    for name in names:
        graph.add_node(name, say)
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    config: Any = {"configurable": {"thread_id": "1"}, "recursion_limit": 99}
    app = graph.compile(checkpointer=InMemorySaver())
    app.invoke({"messages": []}, config)
    return [(ROLES[message.type], dumpd(message)) for message in app.get_state(config).values["messages"]]
