"""What the other routes answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from agentdb import AgentDB, AsyncAgentDB
from agentdb.server import attach, router

SESSION = "/api/v1/sessions/s"


@pytest.fixture
def said(api: TestClient) -> list[dict[str, Any]]:
    assert api.post("/api/v1/sessions", json={"id": "s", "name": "Travel"}).status_code == 201
    new = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two", "status": "partial"}]
    return [api.post(f"{SESSION}/messages", json=message).json() for message in new]


def test_a_session_is_made_read_changed_hidden_and_shown(api: TestClient) -> None:
    made = api.post("/api/v1/sessions", json={"name": "Travel", "tags": ["a"], "user_id": "u"})
    assert made.status_code == 201
    id = made.json()["id"]
    assert made.json()["main_agent_id"] == "default"
    assert api.get(f"/api/v1/sessions/{id}").json()["tags"] == ["a"]
    changed = api.patch(f"/api/v1/sessions/{id}", json={"name": None, "status": "running"}).json()
    assert (changed["name"], changed["status"], changed["tags"]) == (None, "running", ["a"])
    assert api.delete(f"/api/v1/sessions/{id}").json() == {"done": True}
    assert api.get(f"/api/v1/sessions/{id}").status_code == 404
    assert api.post(f"/api/v1/sessions/{id}/restore").json() == {"done": True}
    assert api.post(f"/api/v1/sessions/{id}/restore").json() == {"done": False}
    assert api.get(f"/api/v1/sessions/{id}").status_code == 200


def test_a_session_that_is_there_is_not_made_again(api: TestClient, said: list[dict[str, Any]]) -> None:
    again = api.post("/api/v1/sessions", json={"id": "s", "name": "Other"})
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")
    api.delete(SESSION)
    assert api.post("/api/v1/sessions", json={"id": "s"}).status_code == 409
    api.post(f"{SESSION}/restore")
    assert api.get(SESSION).json()["name"] == "Travel"
    assert api.get(SESSION).json()["message_count"] == len(said)


def test_messages_come_by_page(api: TestClient) -> None:
    api.post("/api/v1/sessions", json={"id": "s"})
    for number in range(5):
        api.post(f"{SESSION}/messages", json={"role": "user", "content": str(number)})
    for newest_first, expected in ((False, "01234"), (True, "43210")):
        found, cursor = "", None
        while True:
            params = {"limit": 2, "newest_first": newest_first} | ({"cursor": cursor} if cursor else {})
            page = api.get(f"{SESSION}/messages", params=params).json()
            found += "".join(message["content"] for message in page["items"])
            cursor = page["next_cursor"]
            assert page["has_more"] is (cursor is not None)
            if cursor is None:
                break
        assert found == expected
    assert api.get(f"{SESSION}/messages", params={"cursor": "x"}).status_code == 422
    assert api.get("/api/v1/sessions/none/messages").status_code == 404


def test_sent_twice_with_one_key_it_is_one_message(api: TestClient, said: list[dict[str, Any]]) -> None:
    key = {"Idempotency-Key": "k1"}
    new = {"role": "user", "content": "three"}
    first, second = (api.post(f"{SESSION}/messages", json=new, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert first.json()["external_id"] == "k1"
    assert api.get(f"{SESSION}/stats").json()["message_count"] == 3
    other = api.post(f"{SESSION}/messages", json={**new, "external_id": "k2"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "two_keys")


def test_who_has_not_seen_the_latest_writes_nothing(api: TestClient, said: list[dict[str, Any]]) -> None:
    new = {"role": "user", "content": "three", "expected_last_seq": said[0]["seq"]}
    refused = api.post(f"{SESSION}/messages", json=new)
    assert (refused.status_code, refused.json()["code"]) == (409, "conversation_changed")
    assert refused.json()["message_ids"] == [said[1]["id"]]
    assert api.post(f"{SESSION}/messages", json={**new, "expected_last_seq": said[1]["seq"]}).status_code == 201


def test_a_partial_message_grows_until_it_is_complete(api: TestClient, said: list[dict[str, Any]]) -> None:
    id = said[1]["id"]
    assert api.patch(f"/api/v1/messages/{id}", json={"content": "two and"}).json()["status"] == "partial"
    whole = api.patch(f"/api/v1/messages/{id}", json={"content": "two and more", "status": "complete"}).json()
    assert (whole["content"], whole["status"], whole["id"]) == ("two and more", "complete", id)


def test_a_message_is_removed_and_restored(api: TestClient, said: list[dict[str, Any]]) -> None:
    id = said[0]["id"]
    assert api.delete(f"/api/v1/messages/{id}").json() == {"done": True}
    assert [m["id"] for m in api.get(f"{SESSION}/messages").json()["items"]] == [said[1]["id"]]
    assert api.post(f"/api/v1/messages/{id}/restore").json() == {"done": True}
    assert len(api.get(f"{SESSION}/messages").json()["items"]) == 2
    assert api.delete("/api/v1/messages/999").json() == {"done": False}
    assert api.get("/api/v1/messages/999").status_code == 404


def test_search_and_stats_and_fork(api: TestClient, said: list[dict[str, Any]]) -> None:
    hits = api.get("/api/v1/search", params={"q": "two"}).json()["hits"]
    assert [(hit["message"]["id"], hit["session_name"]) for hit in hits] == [(said[1]["id"], "Travel")]
    assert api.get("/api/v1/search", params={"q": "two", "session_id": "other"}).json()["hits"] == []
    api.post(f"{SESSION}/messages", json={"role": "user", "content": "two again"})
    first = api.get("/api/v1/search", params={"q": "two", "limit": 1}).json()
    assert first["has_more"]
    second = api.get("/api/v1/search", params={"q": "two", "limit": 1, "cursor": first["next_cursor"]}).json()
    assert (second["has_more"], second["next_cursor"]) == (False, None)
    assert first["hits"][0]["message"]["id"] != second["hits"][0]["message"]["id"]
    fork = api.post(f"{SESSION}/fork", json={"at_seq": said[0]["seq"], "name": "Other way"})
    assert (fork.status_code, fork.json()["message_count"], fork.json()["forked_from_id"]) == (201, 1, "s")
    assert api.get("/api/v1/sessions/none/stats").status_code == 404


def test_agents_and_switches(api: TestClient, said: list[dict[str, Any]]) -> None:
    made = api.post("/api/v1/agents", json={"name": "Ada", "model": "m"}).json()
    assert api.patch(f"/api/v1/agents/{made['id']}", json={"model": "n"}).json()["model"] == "n"
    assert api.get(f"/api/v1/agents/{made['id']}").json()["name"] == "Ada"
    assert {agent["name"] for agent in api.get("/api/v1/agents").json()["items"]} == {"Ada", "Default agent"}
    for name, count in (("planner", 0), ("writer", 1)):
        switched = api.post(f"{SESSION}/agent", json={"to_agent": name, "reason": "why"}).json()
        assert (switched["current_agent"], switched["switch_count"]) == (name, count)
    assert api.post("/api/v1/sessions/none/agent", json={"to_agent": "x"}).status_code == 404


def test_memories(api: TestClient) -> None:
    made = api.post("/api/v1/memories", json={"content": "likes tea", "user_id": "u", "importance": 1})
    assert made.status_code == 201
    id = made.json()["id"]
    found = api.post("/api/v1/memories/recall", json={"query": "tea", "user_id": "u"}).json()["memories"]
    assert [one["memory"]["id"] for one in found] == [id]
    assert api.patch(f"/api/v1/memories/{id}", json={"importance": 0}).json()["importance"] == 0
    assert [one["id"] for one in api.get("/api/v1/memories", params={"user_id": "u"}).json()["items"]] == [id]
    assert api.post("/api/v1/memories", json={"content": "x", "importance": 2}).status_code == 422
    assert api.delete(f"/api/v1/memories/{id}").json() == {"done": True}
    assert api.get(f"/api/v1/memories/{id}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        '{"role": 1}',
        '{"role": "user", "x": 1}',
        "[]",
        "{",
        '{"role": "user", "content": 3}',
        '{"role": ""}',
        "[" * 2000,
    ],
)
def test_what_is_no_message_is_refused_and_not_repeated(api: TestClient, said: list[dict[str, Any]], body: str) -> None:
    headers = {"Content-Type": "application/json"}
    refused = api.post(f"{SESSION}/messages", content=body, headers=headers)
    assert refused.status_code in (400, 422)
    assert set(refused.json()) >= {"error", "code"}
    assert len(api.get(f"{SESSION}/messages").json()["items"]) == len(said)


def test_the_routes_serve_a_host_application(database: Path) -> None:
    host = FastAPI()
    host.include_router(router, prefix="/state")
    with TestClient(host, raise_server_exceptions=False) as client:
        unattached = client.get("/state/api/v1/sessions")
        assert (unattached.status_code, unattached.json()["code"]) == (422, "invalid_argument")
    with AgentDB.open(database) as db:
        db.conversations.save_session("s", [{"role": "user", "content": "one"}])

    import asyncio

    async def asked() -> list[Any]:
        import httpx2 as httpx

        async with AsyncAgentDB.open(database) as db:
            attach(host, db)
            transport = httpx.ASGITransport(app=host)
            async with httpx.AsyncClient(transport=transport, base_url="http://app.example") as client:
                return [
                    (await client.get("/state/api/v1/sessions/s/history")).json()["message_count"],
                    (await client.get("/state/api/v1/sessions/none/history")).status_code,
                    (await client.get("/state/api/v1/sessions", params={"limit": 0})).json()["code"],
                ]

    assert asyncio.run(asked()) == [1, 404, "invalid_request"]
