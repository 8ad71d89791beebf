from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from typing import Any

import pytest
from libsql_server import LibsqlServer
from worlds import World


@pytest.fixture(autouse=True)
def never_a_hang() -> Iterator[None]:
    """Whatever hangs ends the whole run, with the stacks of all threads."""
    faulthandler.dump_traceback_later(300, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with World(is_async=request.param == "async") as one:
        yield one


@pytest.fixture
def client(world: World, server: LibsqlServer) -> Any:
    """A client of an empty server, with a table."""
    one = world.client(server.url)
    world(one.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE NOT NULL CHECK (b <> 'bad'))"))
    return one
