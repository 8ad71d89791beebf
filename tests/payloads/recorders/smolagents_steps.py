"""Steps of smolagents' memory, dumped by the SDK; and the messages that it makes of them for a model."""

from __future__ import annotations

from typing import Any

from smolagents.memory import ActionStep, AgentMemory, TaskStep, ToolCall
from smolagents.monitoring import Timing, TokenUsage

from .recording import AT_SECONDS, Recording, long_output


def action(n: int, words: str, call: ToolCall, observations: str, *, final: bool = False) -> ActionStep:
    return ActionStep(
        step_number=n,
        timing=Timing(start_time=AT_SECONDS + n, end_time=AT_SECONDS + n + 0.5),
        tool_calls=[call],
        model_output=words,
        code_action=call.arguments if call.name == "python_interpreter" else None,
        observations=observations,
        token_usage=TokenUsage(input_tokens=10, output_tokens=2),
        is_final_answer=final,
    )


def code(id: str, words: str) -> ToolCall:
    return ToolCall(name="python_interpreter", arguments=words, id=id)


def dumped(*steps: TaskStep | ActionStep) -> list[tuple[str, Any]]:
    memory = AgentMemory(system_prompt="You write code.")
    memory.steps = list(steps)
    full = memory.get_full_steps()
    return [("user" if "task" in step else "assistant", step) for step in full]


def record() -> Recording:
    recording = Recording("smolagents", "smolagents", ("smolagents",))
    ((_, task), (_, step)) = dumped(
        TaskStep(task="How long is the mole of Ymuiden?"),
        action(
            1,
            "Thought: I measure it on the chart.",
            code("call_sm1", "length = measure('IJmuiden mole')"),
            "Execution logs:\n2,800 metres to the light",
        ),
    )
    recording.payload("a task", "text", "user", task, found=["the mole of Ymuiden"])
    recording.payload(
        "a step: what the model said, its call, and what was observed",
        "call_and_result",
        "assistant",
        step,
        found=["I measure it on the chart", "IJmuiden mole", "2,800 metres to the light"],
        silent=["call_sm1"],
    )
    turns: list[TaskStep | ActionStep] = []
    for n, place in enumerate(("IJmuiden", "Scheveningen", "Oostende")):
        turns.append(TaskStep(task=f"How long is the mole of {place}?"))
        steps = [(k, code(f"s{n}{k}", f"measure({n})")) for k in range(2)]
        turns += [action(2 * n + k, "Thought: measure.", call, long_output(place), final=k == 1) for k, call in steps]
    recording.conversation("tasks and their steps", dumped(*turns))
    return recording
