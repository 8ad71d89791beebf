"""Real processes to test against: started, told to go, listened to, killed; each under a watchdog."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import agentdb

#: Seconds after which a process that says nothing counts as hung; generous, because CI machines stall.
WATCHDOG = 60.0

_PACKAGE = Path(agentdb.__file__).parent.parent
_TESTS = Path(__file__).parent.parent


class Worker:
    """A process that runs one job of system.worker.

    It says `{"ready": true}` once all is imported and prepared, and goes on when go() is called.
    """

    def __init__(self, job: str, *, wrapped_in: tuple[str, ...] = (), **options: Any) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process; end() closes it
        self._heard = b""
        self.process = subprocess.Popen(
            # Not `-m`: a module that is run is compiled at each start. -S: nothing of site-packages is needed, and it costs.
            [
                *wrapped_in,
                sys.executable,
                "-S",
                "-c",
                "from system.worker import main; main()",
                job,
                json.dumps(options),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join((str(_PACKAGE), str(_TESTS))),
                "PYTHONWARNINGS": "default",
            },
        )

    def next(self, timeout: float = WATCHDOG) -> dict[str, Any]:
        """What it says next. Fails the test where it dies or hangs."""
        deadline = monotonic() + timeout
        while b"\n" not in self._heard:
            assert self.process.stdout is not None
            ready, _, _ = select.select([self.process.stdout], [], [], max(deadline - monotonic(), 0))
            if not ready:
                self.kill()
                raise AssertionError(f"a process said nothing for {timeout:g} s\n{self.complaints()}")
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                self.process.wait()
                raise AssertionError(f"a process ended with {self.process.returncode}\n{self.complaints()}")
            self._heard += chunk
        line, _, self._heard = self._heard.partition(b"\n")
        said: dict[str, Any] = json.loads(line)
        return said

    def until_ready(self) -> None:
        """Wait until it has prepared everything."""
        assert self.next() == {"ready": True}

    def go(self, moment: float = 0.0) -> None:
        """Let it go on, at this moment of time.monotonic(), which is one clock for all processes; at once if it is past."""
        assert self.process.stdin is not None
        os.write(self.process.stdin.fileno(), f"{moment}\n".encode())

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.kill()
        self.process.wait()

    def last_words(self) -> list[dict[str, Any]]:
        """All that it had said and nobody had heard; after its end. A line that was cut off by the end is left out."""
        assert self.process.stdout is not None
        self._heard += self.process.stdout.read()
        lines = self._heard.split(b"\n")[:-1]
        self._heard = b""
        return [json.loads(line) for line in lines]

    def complaints(self) -> str:
        """What it wrote to stderr."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def end(self) -> None:
        """End it, whatever it is doing."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._log):
            if stream is not None:
                stream.close()


@contextmanager
def worker(job: str, *, wrapped_in: tuple[str, ...] = (), **options: Any) -> Iterator[Worker]:
    """A process that has prepared everything and waits for go()."""
    started = Worker(job, wrapped_in=wrapped_in, **options)
    try:
        started.until_ready()
        yield started
    finally:
        started.end()


@contextmanager
def workers(number: int, job: str, **options: Any) -> Iterator[list[Worker]]:
    """Several of them, all prepared and waiting."""
    started: list[Worker] = []
    try:
        for _ in range(number):
            started.append(Worker(job, **options))  # noqa: PERF401  # one that fails must not lose those before it
        for each in started:
            each.until_ready()
        yield started
    finally:
        for each in started:
            each.end()


def run(job: str, **options: Any) -> dict[str, Any]:
    """Run a job in a process of its own and return what it says."""
    with worker(job, **options) as process:
        process.go()
        return process.next()
