"""The commands of the page about the service, as written: a reader with curl restores a conversation."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from service_harness import Process

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serve-over-http.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_a_reader_restores_a_conversation(database: Path, tmp_path: Path, serve: Callable[..., Process]) -> None:
    _install, begin, commands, _follow = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    token = re.search(r"AGENTDB_TOKEN=(\S+)", begin)
    assert token is not None
    assert "agentdb serve agents.db --port 8765" in begin
    service = serve(database, token=token[1])
    # The port of the page may be taken on this machine: the service has another one.
    script = commands.replace("http://localhost:8765", service.url)
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answers = []
    decoder, rest = json.JSONDecoder(), done.stdout
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:]
    history, sessions, current = answers[-3:]
    assert [message["content"] for message in history["messages"]] == ["Find a train to Oslo.", "There is one at 9:25."]
    assert (sessions["total"], current["current_agent"]) == (1, "planner")


def test_the_command_says_where_it_serves(database: Path) -> None:
    environment = {**os.environ, "AGENTDB_TOKEN": "choose-a-long-one"}
    command = [sys.executable, "-m", "agentdb", "serve", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=True).stdout
    for option in (
        "--port",
        "--token-file",
        "--no-auth",
        "--allow-host",
        "--cors-origin",
        "--max-body",
        "--rate-limit",
    ):
        assert option in shown
