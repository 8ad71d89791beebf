"""The service in this process, for what it answers, and as a process of its own, for how it lives."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
from starlette.testclient import TestClient

from agentdb.server import ServerSettings, create_app

TOKEN = "a-token-of-the-tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@contextmanager
def api_of(database: Path, **settings: object) -> Iterator[TestClient]:
    app = create_app(database, ServerSettings(**{"token": TOKEN, **settings}))  # type: ignore[arg-type]
    with TestClient(app, base_url="http://localhost", headers=HEADERS, raise_server_exceptions=False) as client:
        yield client


@dataclass
class Process:
    """`agentdb serve` in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=HEADERS, timeout=30, **options)  # type: ignore[arg-type]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it, and wait for that. Returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(30)


def start(database: Path, *arguments: str, log: Path, token: str | None = TOKEN) -> Process:
    environment = {**os.environ, "AGENTDB_TOKEN": token or "", "PYTHONUNBUFFERED": "1"}
    with log.open("a") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "agentdb", "serve", str(database), "--port", "0", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r" at (http://\S+)$", line.strip())
    if found is None:
        process.kill()
        process.wait()
        raise AssertionError(f"it did not start: {line}{process.stdout.read()}{log.read_text()}")
    return Process(process, found[1], log)
