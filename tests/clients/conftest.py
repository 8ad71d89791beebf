from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_harness import Both


@pytest.fixture(autouse=True)
def never_a_hang() -> Iterator[None]:
    """Whatever hangs ends the whole run, with the stacks of all threads: a hang is the one failure that has no message."""
    faulthandler.dump_traceback_later(60, exit=True)
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
