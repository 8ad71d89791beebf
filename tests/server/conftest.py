"""A database, the service in this process, and the service as a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from service_harness import TOKEN, Process, api_of, start
from starlette.testclient import TestClient


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "agents.db"


@pytest.fixture
def api(database: Path) -> Iterator[TestClient]:
    with api_of(database) as client:
        yield client


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    with ExitStack() as stack:

        def started(database: Path, *arguments: str, token: str | None = TOKEN) -> Process:
            service = start(database, *arguments, log=tmp_path / "service.log", token=token)
            stack.callback(_end, service)
            return service

        yield started


def _end(service: Process) -> None:
    service.stop()
    assert service.process.stdout is not None
    service.process.stdout.close()
