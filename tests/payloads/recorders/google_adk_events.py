"""Events of the Google Agent Development Kit, as its session service keeps them."""

from __future__ import annotations

import asyncio
from typing import Any

from google.adk.events import Event, EventActions
from google.adk.sessions import InMemorySessionService
from google.genai import types

from . import gemini
from .recording import AT_SECONDS, SIGNATURE, Recording, long_output


def event(n: int, author: str, role: str, *parts: types.Part, **more: Any) -> Event:
    return Event(
        id=f"event-{n:02}",
        invocation_id="e-1",
        author=author,
        timestamp=AT_SECONDS + n,
        content=types.Content(role=role, parts=list(parts)),
        **more,
    )


def kept(*said: tuple[str, str, list[types.Part]]) -> list[tuple[str, Any]]:
    """The events of a session after these were appended, dumped as the SDK's own storage does. The role is the content's."""

    async def appended() -> list[Event]:
        service = InMemorySessionService()
        session = await service.create_session(app_name="tides", user_id="u", session_id="s")
        for n, (author, role, parts) in enumerate(said):
            await service.append_event(session, event(n, author, role, *parts))
        again = await service.get_session(app_name="tides", user_id="u", session_id="s")
        assert again is not None
        return list(again.events)

    return [(each.content.role, dumped(each)) for each in asyncio.run(appended()) if each.content and each.content.role]


def dumped(each: Event) -> dict[str, Any]:
    return each.model_dump(mode="json", exclude_none=True, by_alias=True)


def record() -> Recording:
    recording = Recording("google_adk", "google_adk", ("google-adk", "google-genai"))
    add = recording.payload
    add(
        "what the user said",
        "text",
        "user",
        dumped(event(0, "user", "user", gemini.text("Which lock is closed?"))),
        found=["Which lock is closed"],
        silent=["event-00"],
    )
    add(
        "a call",
        "reasoning+call",
        "model",
        dumped(
            event(
                1,
                "keeper",
                "model",
                gemini.text("I ask the canal office.", thought=True),
                gemini.call("locks", "adk-1", signed=True, canal="Caledonian"),
            )
        ),
        found=["I ask the canal office", "Caledonian"],
        silent=["adk-1", "event-01", SIGNATURE[:40].replace("+", "-").replace("/", "_")],
    )
    add(
        "a response, and what it changed of the state",
        "result",
        "user",
        dumped(
            event(
                2,
                "keeper",
                "user",
                gemini.response("locks", "adk-1", result="Neptune's Staircase is shut"),
                actions=EventActions(state_delta={"closed": 8}),
            )
        ),
        found=["Neptune's Staircase is shut"],
        silent=["adk-1", "event-02"],
    )
    recording.conversation(
        "parallel calls, and a transfer to another agent",
        kept(
            ("user", "user", [gemini.text("Which locks are closed?")]),
            ("keeper", "model", [gemini.call("locks", "k1", of="north"), gemini.call("locks", "k2", of="south")]),
            (
                "keeper",
                "user",
                [
                    gemini.response("locks", "k1", result=long_output("north")),
                    gemini.response("locks", "k2", result=long_output("south")),
                ],
            ),
            ("keeper", "model", [gemini.text("Eight are.")]),
            ("user", "user", [gemini.text("I want the engineer.")]),
            ("keeper", "model", [gemini.call("transfer_to_agent", "k3", agent_name="engineer")]),
            ("keeper", "user", [gemini.response("transfer_to_agent", "k3", result=None)]),
            ("engineer", "model", [gemini.text("Engineer here.")]),
            ("user", "user", [gemini.text("When do they open?")]),
            ("engineer", "model", [gemini.call("works", "k4", signed=True, of="north")]),
            ("engineer", "user", [gemini.response("works", "k4", result=long_output("works"))]),
            ("engineer", "model", [gemini.text("In May.")]),
        ),
    )
    steps: list[tuple[str, str, list[types.Part]]] = []
    for n in range(8):
        steps += [
            ("keeper", "model", [gemini.call("locks", f"k{n}", signed=n == 0, lock=n)]),
            ("keeper", "user", [gemini.response("locks", f"k{n}", result=long_output(f"lock {n}", 14))]),
        ]
    recording.conversation(
        "one long turn of many steps",
        kept(
            ("user", "user", [gemini.text("Look at eight locks.")]), *steps, ("keeper", "model", [gemini.text("Done.")])
        ),
    )
    return recording
