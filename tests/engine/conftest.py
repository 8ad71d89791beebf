from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_harness import WORLDS, Database

#: On a libSQL server: the normal run takes a sample of these.
ON_A_SERVER = (pytest.mark.soak, pytest.mark.server)


@pytest.fixture(params=[*WORLDS, *[pytest.param(f"{world} on a server", marks=ON_A_SERVER) for world in WORLDS]])
def world(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """The file of the database; the URL of a server, where the test's world is there."""
    if "world" in request.fixturenames and request.getfixturevalue("world").endswith("server"):
        return str(request.getfixturevalue("server").url)
    return tmp_path / "agents.db"


@pytest.fixture
def open_database(world: str, path: Path | str) -> Iterator[Callable[..., Database]]:
    """Opens a Database of this test's world: on `path`, or the URL of a server, unless another place is named."""
    opened: list[Database] = []

    def open_one(place: Path | str | None = None, **settings: Any) -> Database:
        opened.append(Database(world, path if place is None else place, **settings))
        return opened[-1]

    yield open_one
    for database in opened:
        database.close()


@pytest.fixture
def db(open_database: Callable[..., Database]) -> Database:
    return open_database()
