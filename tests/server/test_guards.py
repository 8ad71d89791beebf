"""Who is let in, and how much of a request."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from service_harness import HEADERS, TOKEN, api_of
from starlette.testclient import TestClient

from agentdb.errors import InvalidArgumentError
from agentdb.server import ServerSettings


def test_no_route_answers_without_the_token(api: TestClient) -> None:
    api.headers.pop("Authorization")
    routes = api.get("/openapi.json", headers=HEADERS).json()["paths"]
    asked = 0
    for path, methods in routes.items():
        for method in methods:
            for headers in ({}, {"Authorization": "Bearer wrong-token"}, {"Authorization": TOKEN}):
                found = api.request(method, path.replace("{", "").replace("}", ""), headers=headers)
                assert found.status_code == (200 if path == "/healthz" else 401), path
                asked += 1
    assert asked > 60
    assert api.get("/openapi.json").status_code == 401
    assert api.get("/docs").status_code == 401
    assert api.get("/nowhere").headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8765", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8765", 200),
        ("notes.example:8765", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8765", 421),
        ("", 421),
    ],
)
def test_a_page_of_another_site_cannot_ask_by_its_own_name(database: Path, host: str, status: int) -> None:
    with api_of(database, allowed_hosts=("notes.example",)) as api:
        assert api.get("/api/v1/sessions", headers={"Host": host}).status_code == status


def test_a_large_request_is_refused_before_it_is_read(database: Path) -> None:
    with api_of(database, max_body_bytes=1000) as api:
        api.post("/api/v1/sessions", json={"id": "s"})
        fitting = {"role": "user", "content": "x" * 900}
        assert api.post("/api/v1/sessions/s/messages", json=fitting).status_code == 201
        for content in (b"x" * 1001, _pieces()):
            found = api.post(
                "/api/v1/sessions/s/messages", content=content, headers={"Content-Type": "application/json"}
            )
            assert (found.status_code, found.json()["code"]) == (413, "too_large")


def _pieces() -> Iterator[bytes]:
    """Without a length before them."""
    yield b'{"role": "user", "content": "'
    for _ in range(20):
        yield b"x" * 100
    yield b'"}'


def test_who_asks_too_often_has_to_wait(database: Path) -> None:
    with api_of(database, requests_per_second=0.01) as api:
        first, second = (api.get("/api/v1/sessions") for _ in range(2))
        assert first.status_code == 200
        assert (second.status_code, second.headers["Retry-After"]) == (429, "1")
    with api_of(database, requests_per_second=2) as api:
        statuses = [api.get("/api/v1/sessions").status_code for _ in range(10)]
        assert statuses[:4] == [200] * 4
        assert 429 in statuses
    with api_of(database, requests_per_second=0) as api:
        assert {api.get("/api/v1/sessions").status_code for _ in range(20)} == {200}


def test_other_origins_read_only_where_they_are_named(database: Path) -> None:
    origin = {"Origin": "https://app.example"}
    with api_of(database) as api:
        assert "access-control-allow-origin" not in api.get("/api/v1/sessions", headers=origin).headers
    with api_of(database, cors_origins=("https://app.example",)) as api:
        assert api.get("/api/v1/sessions", headers=origin).headers["access-control-allow-origin"] == origin["Origin"]
        other = api.get("/api/v1/sessions", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        asked = api.options(
            "/api/v1/sessions", headers={**origin, "Access-Control-Request-Method": "POST", "Authorization": ""}
        )
        assert asked.status_code == 200


def test_the_log_has_no_content_no_query_and_no_token(api: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "agentdb.server.access")
    api.post("/api/v1/sessions", json={"id": "secret-id"})
    api.post("/api/v1/sessions/secret-id/messages", json={"role": "user", "content": "needle"})
    api.get("/api/v1/search", params={"q": "needle"})
    lines = [json.loads(record.message) for record in caplog.records if record.name == "agentdb.server.access"]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/api/v1/sessions", 201),
        ("POST", "/api/v1/sessions/{session_id}/messages", 201),
        ("GET", "/api/v1/search", 200),
    ]
    assert not any(word in caplog.text for word in ("needle", "secret-id", TOKEN))


def test_what_is_wrong_with_the_database_is_not_told_to_who_asks(api: TestClient, database: Path) -> None:
    api.post("/api/v1/sessions", json={"id": "s"})
    database.rename(database.with_suffix(".moved"))
    database.write_bytes(b"no database at all, and not a short one either")
    found = api.post("/api/v1/sessions/s/messages", json={"role": "user", "content": "x"})
    assert found.status_code == 500
    assert str(database) not in found.text
    assert "Traceback" not in found.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "short"},
        {"token": "with\nnewline-in-it"},
        {"token": "ünicode-token"},
        {"max_body_bytes": 0},
        {"requests_per_second": -1},
        {"requests_per_second": float("nan")},
        {"poll_seconds": 0},
        {"max_limit": True},
    ],
)
def test_settings_that_cannot_be_meant(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError):
        ServerSettings(**wrong)  # type: ignore[arg-type]
