from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from store_harness import Facade, new_file, opened


@pytest.fixture(autouse=True)
def never_a_hang(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever hangs ends the whole run, with the stacks of all threads. A longer round that fails is given the time to say
    how: hypothesis looks for a shorter example for five minutes."""
    is_longer = request.node.get_closest_marker("soak") is not None
    faulthandler.dump_traceback_later(1200 if is_longer else 300, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A migrated file."""
    return new_file(tmp_path)


@pytest.fixture(params=["sync", "async"])
def db(request: pytest.FixtureRequest, path: str) -> Iterator[Facade]:
    """A database of each world."""
    with opened(path, is_async=request.param == "async") as database:
        yield database


@pytest.fixture(params=["sync", "async", "sync in a transaction", "async in a transaction"])
def stores(request: pytest.FixtureRequest, path: str) -> Iterator[Facade]:
    """The stores of a database of each world, and those of a transaction of each."""
    world, _, inside = request.param.partition(" ")
    with (
        opened(path, is_async=world == "async") as database,
        database.transaction() if inside else nullcontext(database) as found,
    ):
        yield found
