"""How the service begins and ends, as a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest
from service_harness import TOKEN, Process

from agentdb import AgentDB

COMMAND = [sys.executable, "-m", "agentdb", "serve"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "AGENTDB_TOKEN": "", **environment},
    )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly(database: Path, serve: Callable[..., Process], how: signal.Signals) -> None:
    service = serve(database)
    with service.client() as client:
        assert client.get("/readyz").json() == {"status": "ready"}
        client.post("/api/v1/sessions", json={"id": "s"})
    assert service.stop(how) == 0
    assert not database.with_name("agents.db-wal").exists()
    assert "Traceback" not in service.log.read_text()


def test_the_token_that_is_made_is_printed_once(database: Path, serve: Callable[..., Process]) -> None:
    service = serve(database, token=None)
    assert service.process.stdout is not None
    token = re.fullmatch(r"token: (\S{40,})\n", service.process.stdout.readline())
    assert token is not None
    with service.client() as client:
        assert client.get("/api/v1/sessions").status_code == 401
        found = client.get("/api/v1/sessions", headers={"Authorization": f"Bearer {token[1]}"})
        assert found.status_code == 200
    service.stop()
    assert token[1] not in service.log.read_text()


def test_without_a_token_it_listens_on_loopback_alone(database: Path, serve: Callable[..., Process]) -> None:
    service = serve(database, "--no-auth", token=None)
    with service.client() as client:
        client.headers.pop("Authorization")
        assert client.get("/api/v1/sessions").status_code == 200
    refused = run(str(database), "--no-auth", "--host", "0.0.0.0")
    assert refused.returncode == 2
    assert "loopback" in refused.stderr


def test_a_token_from_a_file(database: Path, tmp_path: Path, serve: Callable[..., Process]) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    service = serve(database, "--token-file", str(file), token=None)
    with service.client() as client:
        assert client.get("/api/v1/sessions").status_code == 200
    file.write_text("")
    for name, said in ((str(file), "is empty"), (str(tmp_path / "none"), "cannot be read")):
        refused = run(str(database), "--token-file", name)
        assert refused.returncode == 2
        assert said in refused.stderr


def test_a_port_that_is_taken(database: Path, serve: Callable[..., Process]) -> None:
    port = serve(database).url.rpartition(":")[2]
    refused = run(str(database), "--port", port)
    assert refused.returncode == 1
    assert "[cannot_listen]" in refused.stderr


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    file.write_bytes(b"this is no database, and long enough to tell " * 20)
    refused = run(str(file), "--port", "0")
    assert refused.returncode == 1
    assert "[not_a_database]" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_without_the_extra_one_sentence_says_what_to_install(database: Path) -> None:
    script = (
        "import sys; sys.modules['uvicorn'] = None; sys.argv = ['agentdb', 'serve', sys.argv[1]]\n"
        "from agentdb.cli import main; main()"
    )
    found = subprocess.run([sys.executable, "-c", script, str(database)], capture_output=True, text=True, timeout=60)
    assert found.returncode == 1
    assert "pip install fastapi uvicorn" in found.stderr
    assert not database.exists()


@pytest.mark.soak
def test_50_clients_for_30_seconds(database: Path, serve: Callable[..., Process]) -> None:
    """No error, and nothing lost. The milliseconds are printed, for the table of the documentation.

    Each client asks four times a second, as an editor or a phone might at the most.
    """
    service = serve(database, "--rate-limit", "0")
    with AgentDB.open(database) as db:
        said = [{"role": "user", "content": f"message number {number}"} for number in range(100)]
        for number in range(10):
            db.conversations.save_session(f"read {number}", said)
            db.conversations.save_session(f"written {number}", [])
    ends = monotonic() + 30
    times: list[float] = []
    written: list[tuple[str, str]] = []
    errors: list[object] = []
    pace = threading.Event()

    def work(number: int) -> None:
        with service.client() as client:
            turn = 0
            while monotonic() < ends:
                turn += 1
                pace.wait(0.25)
                try:
                    if turn % 4:
                        began = monotonic()
                        found = client.get(f"/api/v1/sessions/read {number % 10}/history")
                        times.append(monotonic() - began)
                        assert found.json()["message_count"] == 100
                    else:
                        key = f"{number} {turn}"
                        body = {"role": "user", "content": key, "external_id": key}
                        found = client.post(f"/api/v1/sessions/written {number % 10}/messages", json=body)
                        assert found.status_code == 201, found.text
                        written.append((f"written {number % 10}", key))
                except Exception as error:
                    errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with AgentDB.open(database) as db:
        for id in {id for id, _ in written}:
            assert {m.content for m in db.messages.load(id)} == {key for one, key in written if one == id}
    times.sort()
    p50, p99 = (1000 * times[int(len(times) * part)] for part in (0.5, 0.99))
    print(
        f"50 clients, 30 s: {len(times)} histories of 100 messages, {len(written)} appends; p50 {p50:.0f} ms, p99 {p99:.0f} ms"
    )
