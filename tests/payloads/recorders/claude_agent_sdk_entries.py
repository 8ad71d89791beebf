"""Transcript entries of the Claude Agent SDK, as its own session store gives them back."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from claude_agent_sdk import InMemorySessionStore, SessionStoreEntry

from . import anthropic_messages as api
from .recording import AT_TEXT, SIGNATURE, Recording, long_output, picture_text


def uuid(n: int) -> str:
    return str(UUID(int=0x5EA1_0000_0000_4000_8000_0000_0000_0000 + n))


def entries(*messages: dict[str, Any], **more: Any) -> list[tuple[str, Any]]:
    """A session's entries for these messages of the API, one after the other, through the SDK's store."""
    written: list[SessionStoreEntry] = []
    for n, message in enumerate(messages):
        role = message["role"]
        if role == "assistant":
            message = {"id": f"msg_{n}", "type": "message", "model": "claude", "stop_reason": None, **message}
        written.append(
            SessionStoreEntry(  # type: ignore[typeddict-unknown-key]
                type=role,
                uuid=uuid(n),
                timestamp=AT_TEXT,
                parentUuid=uuid(n - 1) if n else None,
                sessionId=uuid(999),
                isSidechain=False,
                userType="external",
                cwd="/srv/tides",
                version="2.0.0",
                message=message,
                **more,
            )
        )

    async def kept() -> list[SessionStoreEntry]:
        store = InMemorySessionStore()
        key: Any = {"project_key": "tides", "session_id": uuid(999)}
        await store.append(key, written)
        return await store.load(key) or []

    return [(entry["type"], dict(entry)) for entry in asyncio.run(kept())]


def record() -> Recording:
    recording = Recording("claude_agent_sdk", "claude_agent_sdk", ("claude-agent-sdk", "anthropic"))
    add = recording.payload
    ((_, asked),) = entries(api.user("Rename the tide model."))
    add("what the user said", "text", "user", asked, found=["Rename the tide model"], silent=[uuid(999), "external"])
    ((_, used),) = entries(
        api.assistant(
            api.thinking("The class is in model.py."), api.use("toolu_ca1", "Grep", pattern="class TideModel")
        )
    )
    add(
        "thinking before a call",
        "reasoning+call",
        "assistant",
        used,
        found=["The class is in model.py", "class TideModel"],
        silent=["toolu_ca1", SIGNATURE[:60], uuid(999)],
    )
    ((_, given),) = entries(
        api.user(api.result("toolu_ca1", "src/model.py:14: class TideModel(Base)")),
        toolUseResult={"filenames": ["src/model.py"], "numMatches": 1},
    )
    add(
        "a result, and what the tool gave beside it",
        "result",
        "user",
        given,
        found=["class TideModel(Base)"],
        silent=["toolu_ca1", uuid(0)],
    )
    recording.conversation(
        "thinking, parallel calls and their results, entry by entry",
        entries(
            api.user("Rename the tide model."),
            api.assistant(api.thinking("Search, then read."), api.use("toolu_1", "Grep", pattern="TideModel")),
            api.user(api.result("toolu_1", long_output("match"))),
            api.assistant(
                "I read two files.",
                api.use("toolu_2", "Read", file_path="a.py"),
                api.use("toolu_3", "Read", file_path="b.py"),
            ),
            api.user(api.result("toolu_3", long_output("b.py")), api.result("toolu_2", long_output("a.py"))),
            api.assistant("Renamed."),
            api.user("Run the tests."),
            api.assistant(api.thinking("One command."), api.use("toolu_4", "Bash", command="pytest -q")),
            api.user(api.result("toolu_4", long_output("passed"))),
            api.assistant("All pass."),
            api.user("Thanks."),
            api.assistant("Gladly."),
        ),
    )
    steps: list[dict[str, Any]] = []
    for n in range(10):
        given_back: Any = long_output(f"file {n}", 14)
        if n == 4:
            given_back = [api.text("a screenshot"), api.image(81)]
        steps += [
            api.assistant(api.thinking(f"File {n}."), api.use(f"toolu_{n}", "Read", file_path=f"{n}.py")),
            api.user(api.result(f"toolu_{n}", given_back)),
        ]
    recording.conversation(
        "one long turn of many steps", entries(api.user("Read ten files."), *steps, api.assistant("They are read."))
    )
    add(
        "a screenshot that a tool gave",
        "result+media",
        "user",
        recording.conversations[-1]["messages"][10]["payload"],
        found=["a screenshot"],
        silent=[picture_text(81)[:60]],
    )
    return recording
