"""The description of the service: true, and complete enough for generated clients."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from conftest import TOKEN, Process, api_of  # type: ignore[attr-defined]
from starlette.testclient import TestClient

from agentdb.server import models
from agentdb.stores.messages.values import Message


def test_each_operation_says_what_it_takes_and_gives(api: TestClient) -> None:
    document = api.get("/openapi.json").json()
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)) > 30
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            if path not in ("/healthz", "/readyz"):
                assert operation["security"] == [{"HTTPBearer": []}], path
                assert {"401", "422", "503"} <= operation["responses"].keys(), path
            good = next(answer for status, answer in operation["responses"].items() if status[0] == "2")
            assert good["content"], path


def test_the_described_message_is_the_one_that_is_given(api: TestClient) -> None:
    api.post("/api/v1/sessions", json={"id": "s"})
    given = api.post("/api/v1/sessions/s/messages", json={"role": "user", "content": "x"}).json()
    assert list(given) == list(models.MessageModel.model_fields) == [field.name for field in fields(Message)]
    models.MessageModel.model_validate(given)


@pytest.mark.soak
def test_no_request_that_anybody_can_make_breaks_the_description(database: Path) -> None:
    import schemathesis
    from hypothesis import HealthCheck, settings
    from schemathesis.checks import load_all_checks

    load_all_checks()
    with api_of(database, requests_per_second=0) as api:
        api.post("/api/v1/sessions", json={"id": "s"})
        schema = schemathesis.openapi.from_asgi("/openapi.json", api.app, headers={"Authorization": f"Bearer {TOKEN}", "Host": "localhost"})
        asked = 0
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path.endswith("/events"):
                continue  # it has no end

            @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            def check(case: schemathesis.Case) -> None:
                case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}", "Host": "localhost"})

            check_all = operation.as_strategy()
            from hypothesis import given

            given(case=check_all)(check)()
            asked += 1
        assert asked > 30


@pytest.mark.soak
def test_a_client_can_be_generated_and_reads_a_history(api: TestClient, tmp_path: Path, serve, database: Path) -> None:
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(api.get("/openapi.json").json()))
    config = tmp_path / "config.yml"
    config.write_text("project_name_override: made\npackage_name_override: made_client\npost_hooks: []\n")
    subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(description), "--config", str(config), "--output-path", str(tmp_path / "made"), "--meta", "none", "--fail-on-warning"],
        check=True,
        timeout=120,
    )
