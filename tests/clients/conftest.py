from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from client_harness import Both


@pytest.fixture(autouse=True)
def never_a_hang(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever hangs ends the whole run, with the stacks of all threads: a hang is the one failure that has no message."""
    stderr = request.config.stash.get(fault_handler_stderr_fd_key, 2)  # the real one, which is not captured
    faulthandler.dump_traceback_later(300, exit=True, file=stderr)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "test.db")


@pytest.fixture(params=["sync", "async"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    """One way to write a test for both worlds."""
    with Both(is_async=request.param == "async") as worlds:
        yield worlds
