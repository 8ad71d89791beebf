"""Whether an API accepts a list of messages, by its documented rules on pairs: no SDK, and nothing of agentdb, is used.

    problems("anthropic", messages)     why it refuses them, in words; [] where it accepts them
    belonging("anthropic", messages)    for each message the number of its group: what must stay or go together

A message is anything with `role`, `payload` and `content`. One without a payload is a text of that role; one of a system or
developer that an API takes beside the conversation is left out of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from payloads.result_shapes import misshapen


class Sent(Protocol):
    """A message as it is sent."""

    @property
    def role(self) -> str: ...
    @property
    def payload(self) -> Any: ...
    @property
    def content(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Part:
    """What a message does once. key: by what a result names its call. at_once: the provider runs the tool itself, and gives
    the result in the same message."""

    what: Literal["call", "result", "reasoning", "said"]
    key: str = ""
    at_once: bool = False


SAID = Part("said")
REASONING = Part("reasoning")


@dataclass(frozen=True, slots=True)
class Rules:
    """How an API wants results placed. parts: what a payload does. results: 'anywhere' behind the call; 'next', all in the
    next message; 'behind', in the next messages, with nothing between. begins_with_user: what comes first is the user's.
    reasoning_leads: an item of reasoning stands before the item of the model that it belongs to."""

    parts: Callable[[dict[str, Any]], list[Part]]
    results: Literal["anywhere", "next", "behind"]
    begins_with_user: bool = False
    reasoning_leads: bool = False
    system_beside: bool = False


_KINDS = {"developer": "system", "model": "assistant", "function": "tool", "chatbot": "assistant"}
_CALLS_OF_RESPONSES = {
    **{f"{kind}_call": kind for kind in ("function", "custom_tool", "computer", "shell", "apply_patch", "local_shell")},
    "tool_search_call": "tool_search",
    "program": "program",
}
_OUTPUTS_OF_RESPONSES = {
    **{f"{call}_output": kind for call, kind in _CALLS_OF_RESPONSES.items()},
    "tool_search_output": "tool_search",
}
_USES = ("tool_use", "server_tool_use", "mcp_tool_use")


def _responses(item: dict[str, Any]) -> list[Part]:
    kind = item.get("type", "message")
    if kind == "reasoning":
        return [REASONING]
    if kind == "mcp_approval_request":
        return [Part("call", f"approval {item['id']}")]
    if kind == "mcp_approval_response":
        return [Part("result", f"approval {item['approval_request_id']}")]
    if kind in _CALLS_OF_RESPONSES:
        return [Part("call", f"{_CALLS_OF_RESPONSES[kind]} {item.get('call_id')}")]
    if kind == "local_shell_call_output":
        return [Part("result", f"local_shell {item.get('call_id', item['id'])}")]
    if kind in _OUTPUTS_OF_RESPONSES:
        return [Part("result", f"{_OUTPUTS_OF_RESPONSES[kind]} {item.get('call_id')}")]
    return [SAID]


def _chat(message: dict[str, Any]) -> list[Part]:
    if message["role"] == "tool":
        return [Part("result", message["tool_call_id"])]
    return [SAID, *[Part("call", call["id"]) for call in message.get("tool_calls") or ()]]


def _anthropic(message: dict[str, Any]) -> list[Part]:
    content = message["content"]
    parts = []
    for block in content if isinstance(content, list) else [{"type": "text"}]:
        kind = block["type"]
        if kind in _USES:
            parts.append(Part("call", block["id"], at_once=kind != "tool_use"))
        elif kind.endswith("tool_result"):
            parts.append(Part("result", block["tool_use_id"], at_once=kind != "tool_result"))
        else:
            parts.append(REASONING if kind in ("thinking", "redacted_thinking") else SAID)
    return parts


def _gemini(content: dict[str, Any]) -> list[Part]:
    parts = []
    for part in content.get("parts") or ():
        if call := part.get("functionCall"):
            parts.append(Part("call", f"{call['name']} {call.get('id')}"))
        elif response := part.get("functionResponse"):
            parts.append(Part("result", f"{response['name']} {response.get('id')}"))
        elif "executableCode" in part or "codeExecutionResult" in part:
            parts.append(Part("call" if "executableCode" in part else "result", "code", at_once=True))
        else:
            parts.append(REASONING if part.get("thought") else SAID)
    return parts


def _interactions(step: dict[str, Any]) -> list[Part]:
    kind = step["type"]
    if kind == "thought":
        return [REASONING]
    if kind.endswith("_call"):
        return [Part("call", f"{kind.removesuffix('_call')} {step['id']}")]
    if kind.endswith("_result"):
        return [Part("result", f"{kind.removesuffix('_result')} {step['call_id']}")]
    return [SAID]


def _langchain(message: dict[str, Any]) -> list[Part]:
    data = message.get("data") or message["kwargs"]
    if data["type"] == "tool":
        return [Part("result", data["tool_call_id"])]
    return [SAID, *[Part("call", call["id"]) for call in data.get("tool_calls") or ()]]


def _pydantic_ai(message: dict[str, Any]) -> list[Part]:
    parts = []
    for part in message["parts"]:
        kind = part["part_kind"]
        if kind in ("tool-call", "builtin-tool-call"):
            parts.append(Part("call", part["tool_call_id"], at_once=kind != "tool-call"))
        elif kind in ("tool-return", "builtin-tool-return") or (kind == "retry-prompt" and part.get("tool_name")):
            parts.append(Part("result", part["tool_call_id"], at_once=kind == "builtin-tool-return"))
        else:
            parts.append(REASONING if kind == "thinking" else SAID)
    return parts


def _autogen(message: dict[str, Any]) -> list[Part]:
    content = message["content"]
    if message["type"] in ("FunctionExecutionResultMessage", "ToolCallExecutionEvent"):
        return [Part("result", result["call_id"]) for result in content]
    if message["type"] in ("AssistantMessage", "ToolCallRequestEvent") and isinstance(content, list):
        return [Part("call", call["id"]) for call in content]
    return [SAID]


def _ai_sdk(message: dict[str, Any]) -> list[Part]:
    content = message["content"]
    if isinstance(content, str):
        return [SAID]
    executed = {part["toolCallId"] for part in content if part.get("providerExecuted")}
    parts = []
    for part in content:
        if part["type"] == "tool-call":
            parts.append(Part("call", part["toolCallId"], at_once=part["toolCallId"] in executed))
        elif part["type"] == "tool-result":
            parts.append(Part("result", part["toolCallId"], at_once=message["role"] == "assistant"))
        else:
            parts.append(REASONING if part["type"] == "reasoning" else SAID)
    return parts


def _ai_sdk_ui(message: dict[str, Any]) -> list[Part]:
    parts = []
    for part in message["parts"]:
        if part["type"].startswith("tool-") or part["type"] == "dynamic-tool":
            parts.append(Part("call", part["toolCallId"], at_once=True))
            if part["state"] in ("output-available", "output-error", "output-denied"):
                parts.append(Part("result", part["toolCallId"], at_once=True))
        else:
            parts.append(REASONING if part["type"] == "reasoning" else SAID)
    return parts


def _llama_index(message: dict[str, Any]) -> list[Part]:
    if message["role"] == "tool":
        return [Part("result", message["additional_kwargs"]["tool_call_id"])]
    kinds = {"tool_call": "call", "thinking": "reasoning"}
    return [
        Part("call", block["tool_call_id"]) if block["block_type"] == "tool_call" else REASONING
        for block in message["blocks"]
        if block["block_type"] in kinds
    ] or [SAID]


def _smolagents(step: dict[str, Any]) -> list[Part]:
    calls = [call["id"] for call in step.get("tool_calls") or ()]
    answered = calls if step.get("observations") is not None or step.get("error") is not None else []
    return [
        SAID,
        *[Part("call", id, at_once=True) for id in calls],
        *[Part("result", id, at_once=True) for id in answered],
    ]


RULES: dict[str, Rules] = {
    "openai_responses": Rules(_responses, "anywhere", reasoning_leads=True),
    "openai_chat": Rules(_chat, "behind"),
    "anthropic": Rules(_anthropic, "next", begins_with_user=True, system_beside=True),
    "claude_agent_sdk": Rules(
        lambda entry: _anthropic(entry["message"]), "next", begins_with_user=True, system_beside=True
    ),
    "gemini": Rules(_gemini, "next", begins_with_user=True, system_beside=True),
    "google_adk": Rules(lambda event: _gemini(event["content"]), "next", begins_with_user=True, system_beside=True),
    "gemini_interactions": Rules(
        _interactions, "anywhere", begins_with_user=True, reasoning_leads=True, system_beside=True
    ),
    "langchain": Rules(_langchain, "behind"),
    "langgraph": Rules(_langchain, "behind"),
    "pydantic_ai": Rules(_pydantic_ai, "next", begins_with_user=True, system_beside=True),
    "autogen": Rules(_autogen, "next"),
    "ai_sdk": Rules(_ai_sdk, "behind"),
    "ai_sdk_ui": Rules(_ai_sdk_ui, "behind"),
    "llama_index": Rules(_llama_index, "behind"),
    "smolagents": Rules(_smolagents, "behind", begins_with_user=True, system_beside=True),
}


@dataclass(frozen=True, slots=True)
class _Turn:
    """A message as its API sees it: what it does, and at which position of the list it stands."""

    at: int
    role: str
    parts: list[Part]

    def keys(self, what: str) -> list[str]:
        return [part.key for part in self.parts if part.what == what and not part.at_once]


def problems(api: str, messages: Sequence[Sent]) -> list[str]:
    """Why an API refuses these messages; [] where it accepts them."""
    rules = RULES[api]
    found = []
    for at, message in enumerate(messages):
        try:
            if message.payload is not None:
                rules.parts(message.payload)
                found += [f"message {at}: {what}" for what in misshapen(api, message.payload)]
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            return [f"message {at}: of no form that the API knows: {error!r}"]
    turns = list(_turns(rules, messages))
    if not any(turn.role == "user" for turn in turns):
        found.append("no message of the user's")
    found += _unpaired(turns)
    found += _misplaced(rules, turns)
    if rules.begins_with_user and turns and turns[0].role != "user":
        found.append(f"message {turns[0].at}: the conversation begins with one of {turns[0].role}")
    if rules.reasoning_leads:
        found += _reasoning_alone(turns)
    if api in ("anthropic", "claude_agent_sdk"):
        found += _anthropic_order(_merged(turns))
    if api in ("gemini", "google_adk"):
        found += _gemini_order(turns)
    return found


def _turns(rules: Rules, messages: Sequence[Sent]) -> Iterator[_Turn]:
    for at, message in enumerate(messages):
        role = _KINDS.get(message.role, message.role)
        if role == "system" and rules.system_beside:
            continue
        yield _Turn(at, role, [SAID] if message.payload is None else rules.parts(message.payload))


def _unpaired(turns: Sequence[_Turn]) -> Iterator[str]:
    """Results without their call before them, and calls without their result."""
    waiting: dict[str, list[int]] = {}
    for turn in turns:
        at_once: list[str] = []
        for part in turn.parts:
            if part.what == "call":
                if part.at_once:
                    at_once.append(part.key)
                else:
                    waiting.setdefault(part.key, []).append(turn.at)
            elif part.what == "result":
                if part.at_once and part.key in at_once:
                    at_once.remove(part.key)
                elif not part.at_once and waiting.get(part.key):
                    waiting[part.key].pop()
                else:
                    yield f"message {turn.at}: result {part.key!r} without its call"
        yield from (f"message {turn.at}: call {key!r} without its result" for key in at_once)
    for key, positions in waiting.items():
        yield from (f"message {at}: call {key!r} without its result" for at in positions)


def _misplaced(rules: Rules, turns: Sequence[_Turn]) -> Iterator[str]:
    """Results that do not stand where the API wants them."""
    if rules.results == "anywhere":
        return
    for n, turn in enumerate(turns):
        asked = sorted(turn.keys("call"))
        if not asked:
            continue
        given: list[str] = []
        for following in turns[n + 1 :]:
            results = following.keys("result")
            if not results:
                break
            given += results
            if rules.results == "next" or len(given) >= len(asked):
                break
        if sorted(given) != asked:
            yield f"message {turn.at}: calls {asked}, and behind it results {sorted(given)}"


def _reasoning_alone(turns: Sequence[_Turn]) -> Iterator[str]:
    """Reasoning that no item of the model's follows."""
    for n, turn in enumerate(turns):
        if turn.parts != [REASONING]:
            continue
        following = turns[n + 1] if n + 1 < len(turns) else None
        if following is None or following.role != "assistant" or following.keys("result"):
            yield f"message {turn.at}: reasoning without the item that it belongs to"


def _merged(turns: Sequence[_Turn]) -> list[_Turn]:
    """Messages of one role in a row are one."""
    merged = []
    for _, row in itertools.groupby(turns, key=lambda turn: turn.role):
        listed = list(row)
        merged.append(_Turn(listed[0].at, listed[0].role, [part for turn in listed for part in turn.parts]))
    return merged


def _anthropic_order(turns: Sequence[_Turn]) -> Iterator[str]:
    """Results before other blocks; and an unfinished turn with thinking begins with it: thinking is not switched on inside.
    Of earlier turns the API ignores the thinking."""
    last: list[_Turn] = []
    for turn in turns:
        kinds = [part.what for part in turn.parts]
        if turn.role != "user":
            last.append(turn)
        elif "result" not in kinds:
            last = []
        elif "said" in kinds[: len(kinds) - kinds[::-1].index("result")]:
            yield f"message {turn.at}: a text before a result"
    if any(REASONING in turn.parts for turn in last) and last[0].parts[0] != REASONING:
        yield f"message {last[0].at}: the turn has thinking, and does not begin with it"


def _gemini_order(turns: Sequence[_Turn]) -> Iterator[str]:
    """A content that calls comes behind one of the user's, or behind responses."""
    for before, turn in itertools.pairwise(turns):
        if turn.keys("call") and before.role != "user":
            yield f"message {turn.at}: a call behind one of the model's"


def belonging(api: str, messages: Sequence[Sent]) -> list[int]:
    """For each message the number of its group: calls with their results; reasoning with the items of the model that follow
    it; a program with the calls that it makes; an approval with its call."""
    rules = RULES[api]
    group = list(range(len(messages)))

    def join(one: int, other: int) -> None:
        a, b = group[one], group[other]
        group[:] = [min(a, b) if each in (a, b) else each for each in group]

    parts = [[SAID] if message.payload is None else rules.parts(message.payload) for message in messages]
    waiting: dict[str, list[int]] = {}
    leading: int | None = None
    for at, message in enumerate(messages):
        for part in parts[at]:
            if part.what == "call":
                waiting.setdefault(part.key, []).append(at)
            elif part.what == "result" and waiting.get(part.key):
                join(at, waiting[part.key].pop())
        if rules.reasoning_leads:
            alone = parts[at] == [REASONING]
            of_model = _KINDS.get(message.role, message.role) == "assistant" and parts[at][0].what != "result"
            if leading is not None and of_model and (not alone or parts[at - 1] == [REASONING]):
                join(leading, at)
            leading = at if alone else leading if of_model else None
        if isinstance(message.payload, dict):
            for other, earlier in enumerate(messages[:at]):
                if isinstance(earlier.payload, dict) and _refers(message.payload, earlier.payload):
                    join(other, at)
    return group


def _refers(item: dict[str, Any], earlier: dict[str, Any]) -> bool:
    caller = item.get("caller")
    if isinstance(caller, dict) and caller.get("type") == "program":
        return earlier.get("type") == "program" and earlier.get("call_id") == caller.get("caller_id")
    request = item.get("approval_request_id")
    return request is not None and earlier.get("type") == "mcp_approval_request" and earlier.get("id") == request
