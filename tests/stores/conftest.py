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


#: On a libSQL server: the normal run takes a sample of these.
ON_A_SERVER = (pytest.mark.soak, pytest.mark.server)


def of_a_server(*kinds: str) -> list[object]:
    return [pytest.param(f"{kind} on a server", marks=ON_A_SERVER) for kind in kinds]


@pytest.fixture(params=["sync", "async", *of_a_server("sync", "async")])
def db(request: pytest.FixtureRequest) -> Iterator[Facade]:
    """A database of each world."""
    with opened(place_of(request), is_async=request.param.startswith("async")) as database:
        yield database


@pytest.fixture(
    params=[
        "sync",
        "async",
        "sync in a transaction",
        "async in a transaction",
        *of_a_server("sync", "async", "sync in a transaction", "async in a transaction"),
    ]
)
def stores(request: pytest.FixtureRequest) -> Iterator[Facade]:
    """The stores of a database of each world, and those of a transaction of each."""
    with (
        opened(place_of(request), is_async=request.param.startswith("async")) as database,
        database.transaction() if "in a transaction" in request.param else nullcontext(database) as found,
    ):
        yield found


def place_of(request: pytest.FixtureRequest) -> str:
    """The migrated file, or the URL of the migrated server, that a kind of database is about."""
    if request.param.endswith("on a server"):
        return str(request.getfixturevalue("migrated_server").url)
    return str(request.getfixturevalue("path"))
