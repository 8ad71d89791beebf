"""Items of the OpenAI Agents SDK, as its Runner gives them back from a scripted model."""

from __future__ import annotations

import asyncio
from typing import Any

from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool, set_tracing_disabled
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseReasoningItem

from . import openai_responses as items
from .openai_responses import role_of
from .recording import SEALED, Recording, long_output


class Scripted(Model):
    """A model that says what stands in its script, one response after the other."""

    def __init__(self, *responses: list[Any]) -> None:
        self.responses = list(responses)

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return ModelResponse(output=self.responses.pop(0), usage=Usage(), response_id="resp_1")

    def stream_response(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


@function_tool
def berths(marina: str) -> str:
    """The berths of a marina."""
    return long_output(f"berth at {marina}")


def said(words: str, id: str) -> ResponseOutputMessage:
    return ResponseOutputMessage.model_validate(items.said(words, id))


def thought(id: str, words: str) -> ResponseReasoningItem:
    return ResponseReasoningItem.model_validate(items.thought(id, words))


def called(name: str, call_id: str, **arguments: Any) -> ResponseFunctionToolCall:
    return ResponseFunctionToolCall.model_validate(items.called(name, call_id, **arguments))


async def ran(*turns: tuple[str, list[list[Any]]], handoff: bool = False) -> list[Any]:
    """The input list after these turns: what a user said, and what the model says then."""
    model = Scripted(*[response for _, responses in turns for response in responses])
    clerk = Agent(name="Clerk", model=model, tools=[berths])
    agent = Agent(name="Desk", model=model, tools=[berths], handoffs=[clerk] if handoff else [])
    so_far: list[Any] = []
    for words, _ in turns:
        result = await Runner.run(agent, [*so_far, {"role": "user", "content": words}], max_turns=30)
        so_far = result.to_input_list()
    return so_far


def record() -> Recording:
    set_tracing_disabled(True)
    recording = Recording("openai_agents", "openai_responses", ("openai-agents", "openai"))
    parallel = asyncio.run(
        ran(
            (
                "Which berths are free in Falmouth and in Fowey?",
                [
                    [
                        thought("rs_1", "Two marinas."),
                        called("berths", "call_1", marina="Falmouth"),
                        called("berths", "call_2", marina="Fowey"),
                    ],
                    [said("Berth 4 in Falmouth, none in Fowey.", "msg_1")],
                ],
            ),
            (
                "And in Salcombe?",
                [
                    [thought("rs_2", "One more."), called("berths", "call_3", marina="Salcombe")],
                    [said("Berth 9.", "msg_2")],
                ],
            ),
            ("Thanks.", [[said("Gladly.", "msg_3")]]),
        )
    )
    long_turn = asyncio.run(
        ran(
            (
                "Ask every marina of the south coast.",
                [
                    *[
                        [thought(f"rs_{n}", f"Marina {n}."), called("berths", f"call_{n}", marina=f"marina {n}")]
                        for n in range(10, 18)
                    ],
                    [said("All are asked.", "msg_9")],
                ],
            )
        )
    )
    handed = asyncio.run(
        ran(
            (
                "I want the clerk.",
                [[called("transfer_to_clerk", "call_20")], [said("Clerk here.", "msg_20")]],
            ),
            (
                "Which berths are free in Dartmouth?",
                [[called("berths", "call_21", marina="Dartmouth")], [said("Berth 2.", "msg_21")]],
            ),
            handoff=True,
        )
    )
    add = recording.payload
    add("what the user said", "text", "user", parallel[0], found=["free in Falmouth and in Fowey"])
    add(
        "reasoning",
        "reasoning",
        "assistant",
        parallel[1],
        found=["Two marinas"],
        silent=["rs_1", SEALED[:60]],
    )
    add("a call", "call", "assistant", parallel[2], found=["Falmouth"], silent=["call_1", "fc_call_1"])
    add("an output", "result", "tool", parallel[4], found=["berth at Falmouth: reading 17"], silent=["call_1"])
    for name, listed in (
        ("reasoning before parallel calls", parallel),
        ("one long turn of many steps", long_turn),
        ("a handoff", handed),
    ):
        recording.conversation(name, [(role_of(item), item) for item in listed])
    return recording
