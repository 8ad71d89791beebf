from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_harness import WORLDS, Database


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agents.db"


@pytest.fixture
def open_database(world: str, path: Path) -> Iterator[Callable[..., Database]]:
    """Opens a Database of this test's world: on `path`, unless another place is named."""
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
