"""Shows whether the SDKs' own types accept what a pruning leaves. Run by hand, in the environment that record.py describes:

    sdks/bin/python tests/payloads/validate.py --node sdks/node

Each recorded conversation is stored, db.compactions.prune_tool_outputs() replaces every output, and each payload is given to
the types of its SDK, before and after. The table has a line for each family: how many payloads there are and are accepted as
they were recorded, how many a pruning changed, how many of those are accepted and refused, and how many still hold a long
output of a tool. Exit code 1 where a payload is refused.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    here = Path(__file__).resolve()
    sys.path[:0] = [str(here.parent), str(here.parents[1]), str(here.parents[2])]

warnings.simplefilter("ignore")  # an SDK may warn of its own older or newer forms

from autogen_agentchat.messages import MessageFactory  # noqa: E402
from autogen_core.models import LLMMessage  # noqa: E402
from claude_agent_sdk import InMemorySessionStore, get_session_messages_from_store, project_key_for_directory  # noqa: E402
from google.adk.events import Event  # noqa: E402
from google.genai import types as genai  # noqa: E402
from langchain_core.load import load  # noqa: E402
from langchain_core.messages import convert_to_openai_messages, messages_from_dict  # noqa: E402
from llama_index.core.base.llms.types import ChatMessage  # noqa: E402
from payloads.recordings import RecordedConversation, conversations  # noqa: E402
from payloads.result_shapes import misshapen  # noqa: E402
from pydantic import TypeAdapter  # noqa: E402
from pydantic_ai.messages import ModelMessagesTypeAdapter  # noqa: E402
from recorders import ai_sdk, anthropic_messages, gemini, openai_chat, openai_responses  # noqa: E402

from agentdb import AgentDB  # noqa: E402
from agentdb.stores import NewMessage  # noqa: E402

Validator = Callable[[Any], object]
OUTPUT = "reading 17 of station 1"


def _autogen(payload: dict[str, Any]) -> object:
    if "id" in payload or payload["type"] == "TextMessage":
        return MessageFactory().create(payload)
    return TypeAdapter(LLMMessage).validate_python(payload)


def _claude_agent_sdk(entry: dict[str, Any]) -> object:
    """The message that the SDK reads of a session which holds this entry alone, by the API's types."""

    async def read() -> list[Any]:
        store = InMemorySessionStore()
        key: Any = {"project_key": project_key_for_directory(), "session_id": entry["sessionId"]}
        alone: Any = {**entry, "parentUuid": None}
        await store.append(key, [alone])
        return [each.message for each in await get_session_messages_from_store(store, entry["sessionId"])]

    (message,) = asyncio.run(read())
    return anthropic_messages.accepted({"role": message["role"], "content": message["content"]})


def _interactions(step: dict[str, Any]) -> object:
    parsed = gemini.STEP.validate_python(step)
    if parsed.type == "UNKNOWN":
        raise ValueError(f"no step that the SDK knows: {step['type']}")
    return parsed


def _langchain(message: dict[str, Any]) -> object:
    return convert_to_openai_messages(messages_from_dict([message]))


def _langgraph(message: dict[str, Any]) -> object:
    return convert_to_openai_messages([load(message, allowed_objects="messages")])


def validators(node: str) -> dict[str, Validator]:
    """By family: what raises, or does not, for a payload."""

    def by_node(kind: str) -> Validator:
        def validate(message: Any) -> None:
            (refused,) = ai_sdk.node(node, "check", given=[{"kind": kind, "messages": [message]}])
            if refused:
                raise ValueError(refused)

        return validate

    return {
        "openai_responses": openai_responses.accepted,
        "openai_agents": openai_responses.accepted,
        "openai_chat": openai_chat.accepted,
        "anthropic": anthropic_messages.accepted,
        "claude_agent_sdk": _claude_agent_sdk,
        "gemini": genai.Content.model_validate,
        "gemini_interactions": _interactions,
        "google_adk": Event.model_validate,
        "langchain": _langchain,
        "langgraph": _langgraph,
        "pydantic_ai": lambda message: ModelMessagesTypeAdapter.validate_python([message]),
        "autogen": _autogen,
        "llama_index": ChatMessage.model_validate,
        "ai_sdk": by_node("ai_sdk"),
        "ai_sdk_ui": by_node("ai_sdk_ui"),
    }


def pruned(db: AgentDB, conversation: RecordedConversation, session: str) -> list[Any]:
    """The payloads of a conversation after every output of a tool was pruned."""
    db.sessions.create(main_agent_id="agent", id=session)
    new = [NewMessage(role=message.role, payload=message.payload) for message in conversation.messages]
    db.messages.append_many(session, new)
    db.compactions.prune_tool_outputs(session, keep_last=0, protect_tokens=0, min_tokens=1)
    return [message.payload for message in db.messages.load(session)]


def reason(validate: Validator, payload: Any) -> str:
    """Why a payload is refused; "" where it is not."""
    try:
        validate(payload)
    except Exception as error:  # each SDK raises its own
        return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Validate pruned payloads with the SDKs' own types.")
    parser.add_argument("--node", required=True, help="a folder that holds the node_modules of the npm package ai")
    checks = validators(parser.parse_args().node)
    warnings.simplefilter("ignore")  # the SDKs have set filters of their own meanwhile
    columns = ("payloads", "accepted", "pruned", "accepted then", "refused then", "output left")
    table: dict[str, list[int]] = {}
    reasons: list[str] = []
    with AgentDB.open(":memory:") as db:
        db.agents.create(id="agent", name="Keeper", model="m")
        for number, conversation in enumerate(conversations()):
            validate = checks.get(conversation.family)
            counts = table.setdefault(conversation.family, [0] * len(columns))
            after = pruned(db, conversation, f"s{number}")
            for message, left in zip(conversation.messages, after, strict=True):
                counts[0] += 1
                counts[5] += OUTPUT in json.dumps(left)
                counts[2] += left != message.payload
                if validate is None:
                    continue
                counts[1] += not (why := reason(validate, message.payload))
                if why:
                    reasons.append(f"{conversation.family}, as recorded: {why}")
                if left != message.payload:
                    why = reason(validate, left)
                    counts[4 if why else 3] += 1
                    if why:
                        seen = "" if [*misshapen(conversation.api, left)] else " (and api_checkers accepts it)"
                        reasons.append(f"{conversation.family}, {conversation.name}{seen}: {why}")
    print(f"{'family':22}" + "".join(f"{name:>15}" for name in columns))
    for family, counts in table.items():
        note = "" if family in checks else "   (the SDK has nothing that parses it)"
        print(f"{family:22}" + "".join(f"{count:>15}" for count in counts) + note)
    for why in dict.fromkeys(reasons):
        print("refused:", why)
    return 1 if reasons else 0


if __name__ == "__main__":
    raise SystemExit(main())
