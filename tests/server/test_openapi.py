"""The description of the service: true, and complete enough for generated clients."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from service_harness import TOKEN, Process, api_of
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
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    headers = {"Authorization": f"Bearer {TOKEN}", "Host": "localhost"}
    with api_of(database, requests_per_second=0) as api:
        api.post("/api/v1/sessions", json={"id": "s"})
        schema = schemathesis.openapi.from_asgi("/openapi.json", api.app, headers=headers)
        broken: dict[str, str] = {}
        asked = 0
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path.endswith("/events"):
                continue  # it has no end
            # A cursor is what a page gave, the seq of a fork is in its session, and a query has words: no schema can say so.
            is_bound = '"cursor"' in json.dumps(operation.definition.raw) or operation.path.endswith(
                ("/fork", "/recall", "/search")
            )
            skipped = [CHECKS.get_one("positive_data_acceptance")] if is_bound else []

            def check(case: schemathesis.Case) -> None:
                case.call_and_validate(headers=headers, excluded_checks=skipped)  # noqa: B023  # it runs here

            rounds = settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            try:
                given(case=operation.as_strategy())(rounds(check))()
            except (Exception, BaseExceptionGroup) as error:
                broken[f"{operation.method} {operation.path}"] = "\n".join(
                    map(str, getattr(error, "exceptions", [error]))
                )
            asked += 1
        assert asked > 30
        assert not broken, "\n".join(f"{name}: {what}" for name, what in broken.items())


USES_THE_CLIENT = """
import sys
from made import AuthenticatedClient
from made.api.history import read_history
from made.api.messages import append_message, page_messages
from made.models import NewMessage
with AuthenticatedClient(sys.argv[1], sys.argv[2], raise_on_unexpected_status=True) as client:
    made = append_message.sync("s", client=client, body=NewMessage(role="user", content="from a generated client"))
    history = read_history.sync("s", client=client)
    page = page_messages.sync("s", client=client, limit=10)
assert history.messages[-1].content == "from a generated client" and history.agent_history == [], history
assert [message.id for message in page.items] == [made.id], page
"""


@pytest.mark.soak
def test_a_generated_client_appends_and_reads(tmp_path: Path, database: Path, serve: Callable[..., Process]) -> None:
    service = serve(database)
    with service.client() as client:
        client.post("/api/v1/sessions", json={"id": "s"})
        (tmp_path / "openapi.json").write_text(client.get("/openapi.json").text)
    (tmp_path / "config.yml").write_text("post_hooks: []\n")
    generate = "generate --path openapi.json --config config.yml --output-path made --meta none --fail-on-warning"
    command = [sys.executable, "-m", "openapi_python_client", *generate.split()]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    (tmp_path / "use.py").write_text(USES_THE_CLIENT)
    subprocess.run([sys.executable, "use.py", service.url, TOKEN], cwd=tmp_path, check=True, timeout=60)
