from __future__ import annotations

import gc
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import libsql_server
import pytest
from hypothesis import settings
from left_out_on_a_server import why_left_out

# A timing is no law: on a busy machine an example takes a hundred times as long.
settings.register_profile("agentdb", deadline=None)
settings.load_profile("agentdb")


#: Of how many tests on a server the normal run takes one; `-m soak`, AGENTDB_SOAK=1 and `-m server` take all.
SAMPLE = 16


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longer rounds run when they are asked for: `-m soak`, or AGENTDB_SOAK=1. Of the tests that run on a server as they
    do on a file, the normal run takes a sample."""
    left_out = [item for item in items if item.get_closest_marker("server") and why_left_out(item)]
    asked = config.option.markexpr or ""
    if "soak" not in asked and "server" not in asked and os.environ.get("AGENTDB_SOAK") != "1":
        left_out += [item for item in items if item.get_closest_marker("soak") and not _is_of_the_sample(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(map(id, left_out))
        items[:] = [item for item in items if id(item) not in gone]


def _is_of_the_sample(item: pytest.Item) -> bool:
    return item.get_closest_marker("server") is not None and zlib.crc32(item.nodeid.encode()) % SAMPLE == 0


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what the servers of this test process begin with. Skips where there is no server to be had."""
    libsql_server.program()
    return tmp_path_factory.mktemp("servers")


@pytest.fixture
def server(servers: Path, tmp_path: Path) -> Iterator[libsql_server.LibsqlServer]:
    """A libSQL server with an empty database."""
    with libsql_server.running(tmp_path / "server") as one:
        yield one


@pytest.fixture
def migrated_server(servers: Path, tmp_path: Path) -> Iterator[libsql_server.LibsqlServer]:
    """A libSQL server whose database has all built-in migrations."""
    with libsql_server.running_migrated(servers, tmp_path / "server") as one:
        yield one


def pytest_collection_finish() -> None:
    """Sixteen thousand items live until the end: no garbage collection in a test need look at them again."""
    gc.collect()
    gc.freeze()
