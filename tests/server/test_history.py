"""The three shapes that older clients parse: which keys, of which types, and never null where a text is declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from agentdb import AgentDB

#: As a client in a typed language declares them. `?` stands for a key that may be missing.
SWITCH = {"from": str, "to": str, "reason": str, "timestamp": str}
MESSAGE = {"role": str, "content": str, "name?": str}
HISTORY = {
    "session_id": str,
    "messages": [MESSAGE],
    "message_count": int,
    "last_activity": str,
    "current_agent": str,
    "agent_history": [SWITCH],
}
ENTRY = {"session_id": str, "message_count": int, "last_activity": str, "current_agent": str}
SESSIONS = {"sessions": [ENTRY], "total": int}
CURRENT = {"session_id": str, "current_agent": str, "agent_history": [SWITCH], "switch_count": int}


def parse(shape: Any, document: Any) -> None:
    """As a generated parser does: a key that is missing, null or of another type is an error."""
    if isinstance(shape, list):
        assert type(document) is list
        for one in document:
            parse(shape[0], one)
    elif isinstance(shape, dict):
        assert type(document) is dict
        for key, kind in shape.items():
            if key[-1] != "?":
                assert key in document, key
            if key.rstrip("?") in document:
                parse(kind, document[key.rstrip("?")])
    else:
        assert type(document) is shape, document


def fill(database: Path) -> None:
    with AgentDB.open(database) as db:
        said = [
            {"role": "user", "content": "Look it up.", "name": "Ann"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": {"name": "f"}}]},
            {"role": "tool", "content": [{"type": "text", "text": "found"}], "tool_call_id": "c1"},
            {"role": "assistant", "content": "Here it is."},
        ]
        db.conversations.save_session("with agents", said)
        db.agent_contexts.start("with agents", "planner")
        db.agent_contexts.switch("with agents", "writer", reason="the plan is made")
        db.conversations.save_session("bare", [])
        db.conversations.save_session("hidden", said[:1])
        db.sessions.soft_delete("hidden")


def test_a_history_is_as_a_typed_client_declares_it(api: TestClient, database: Path) -> None:
    fill(database)
    for id in ("with agents", "bare"):
        for view in ("transcript", "context"):
            found = api.get(f"/api/v1/sessions/{id}/history", params={"view": view})
            assert found.status_code == 200
            parse(HISTORY, found.json())
    whole = api.get("/api/v1/sessions/with agents/history").json()
    assert [message["content"] for message in whole["messages"]] == ["Look it up.", "", "found", "Here it is."]
    assert (whole["message_count"], whole["current_agent"]) == (4, "writer")
    assert [(entry["from"], entry["to"], entry["reason"]) for entry in whole["agent_history"]] == [
        ("", "planner", ""),
        ("planner", "writer", "the plan is made"),
    ]


def test_the_context_is_what_the_model_is_sent(api: TestClient) -> None:
    api.post("/api/v1/sessions", json={"id": "s"})
    for number in range(6):
        role = "assistant" if number % 2 else "user"
        api.post("/api/v1/sessions/s/messages", json={"role": role, "content": f"number {number}"})
    limits = {"keep_last": 2, "protect_tokens": 0}
    plan = api.get("/api/v1/sessions/s/compactions/plan", params=limits).json()
    assert [message["content"] for message in plan["messages"]] == [f"number {number}" for number in range(4)]
    made = api.post("/api/v1/sessions/s/compactions", json={"summary": "in short", **limits})
    assert made.status_code == 201

    def read(view: str) -> list[str]:
        found = api.get("/api/v1/sessions/s/history", params={"view": view}).json()
        return [message["content"] for message in found["messages"]]

    assert read("transcript") == [f"number {number}" for number in range(6)]
    assert read("context") == ["in short", "number 4", "number 5"]
    assert api.post(f"/api/v1/compactions/{made.json()['id']}/restore").status_code == 200
    assert read("context") == read("transcript")


def test_a_client_that_has_a_history_is_told_so(api: TestClient, database: Path) -> None:
    fill(database)
    first = api.get("/api/v1/sessions/with agents/history")
    tag = {"If-None-Match": first.headers["ETag"]}
    again = api.get("/api/v1/sessions/with agents/history", headers=tag)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    context = api.get("/api/v1/sessions/with agents/history", params={"view": "context"}, headers=tag)
    assert context.status_code == 200 or context.content == b""
    id = first.json()["messages"][0]["id"]
    assert api.patch(f"/api/v1/messages/{id}", json={"content": "changed"}).status_code == 200
    changed = api.get("/api/v1/sessions/with agents/history", headers=tag)
    assert (changed.status_code, changed.json()["messages"][0]["content"]) == (200, "changed")


@pytest.mark.parametrize("id", ["nobody", "hidden", "a'b", "ü"])
def test_what_is_not_there_is_said_as_older_clients_read_it(api: TestClient, database: Path, id: str) -> None:
    fill(database)
    history = api.get(f"/api/v1/sessions/{id}/history")
    assert (history.status_code, history.json()) == (404, {"error": f"Session {id} not found"})
    current = api.get(f"/api/v1/agents/{id}/current")
    assert (current.status_code, current.json()) == (404, {"error": "Session not found"})


def test_the_list_has_the_live_sessions_newest_activity_first(api: TestClient, database: Path) -> None:
    fill(database)
    found = api.get("/api/v1/sessions").json()
    parse(SESSIONS, found)
    assert ([entry["session_id"] for entry in found["sessions"]], found["total"]) == (["bare", "with agents"], 2)
    api.post("/api/v1/sessions/with agents/messages", json={"role": "user", "content": "newer"})
    latest = api.get("/api/v1/sessions", params={"limit": 1}).json()
    assert ([entry["session_id"] for entry in latest["sessions"]], latest["total"]) == (["with agents"], 2)


def test_the_agent_at_work(api: TestClient, database: Path) -> None:
    fill(database)
    for id in ("with agents", "bare"):
        parse(CURRENT, api.get(f"/api/v1/agents/{id}/current").json())
    found = api.get("/api/v1/agents/with agents/current").json()
    assert (found["current_agent"], found["switch_count"]) == ("writer", 1)
    bare = api.get("/api/v1/agents/bare/current").json()
    assert bare == {"session_id": "bare", "current_agent": "", "agent_history": [], "switch_count": 0}


def test_half_a_character_and_every_plane_arrive(api: TestClient, database: Path) -> None:
    text = "a\u00df\u6f22\U0001f600\u0000\u2028"
    with AgentDB.open(database) as db:
        half = {"role": "user", "content": "\ud83d"}
        db.conversations.save_session("s", [{"role": "user", "content": text}, half], errors="replace")
    found = api.get("/api/v1/sessions/s/history")
    assert found.json()["messages"][0]["content"] == text
    assert found.json()["messages"][1]["content"] == "\ufffd"
