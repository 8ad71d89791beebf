"""What a fork does: the child cannot use what the parent opened, cannot harm it either, and can open its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from system.processes import run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

WORLDS = ("sync", "async")
#: How the child comes to be, and how it ends.
FORKS = ("os.fork, _exit", "os.fork, end of the interpreter", "multiprocessing")
#: The interpreter's end closes an event loop of the parent in the child, and by that the parent's own, in any program.
IN_BOTH_WORLDS = [(fork, world) for world in WORLDS for fork in FORKS if world == "sync" or "end of" not in fork]


@pytest.mark.parametrize(("fork", "world"), IN_BOTH_WORLDS)
def test_a_child_is_refused_what_the_parent_opened(world: str, fork: str, tmp_path: Path) -> None:
    said = run("fork", path=str(tmp_path / "a.db"), world=world, fork=fork)
    assert said["child"] == {
        "execute": "ClosedError forked",
        "batch": "ClosedError forked",
        "begin": "ClosedError forked",
        "migrate": "ClosedError forked",
        "execute in the parent's transaction": "ClosedError forked",
        "commit the parent's transaction": "ClosedError forked",
        "close": "nothing",
    }


@pytest.mark.parametrize(("fork", "world"), IN_BOTH_WORLDS)
def test_a_child_and_its_end_do_no_harm_to_the_transaction_of_the_parent(world: str, fork: str, tmp_path: Path) -> None:
    said = run("fork", path=str(tmp_path / "a.db"), world=world, fork=fork)
    assert said["another writer meanwhile"] == "database is locked"
    assert said["rows that another process saw meanwhile"] == 1
    assert said["rows in the end"] == 4
    assert said["integrity"] == "ok"
    assert said["left beside the file"] == []


@pytest.mark.parametrize("fork", FORKS)
def test_a_child_can_write_through_a_client_of_its_own_and_loses_nothing(fork: str, tmp_path: Path) -> None:
    """The parent's open but idle client must not come across: SQLite would take its locks for the child's own, and the
    parent's close would delete the -wal file under the child."""
    said = run("fork_idle", path=str(tmp_path / "a.db"), fork=fork)
    assert said["child"] == "wrote 1, 2, 3"
    assert said["rows in the end"] == [0, 1, 2, 3, 4]
    assert said["integrity"] == "ok"


def test_a_child_of_a_busy_parent_gets_a_clear_answer_from_a_client_of_its_own(tmp_path: Path) -> None:
    """With a transaction of the parent open at the fork, no client of the child can be safe on that file."""
    said = run("fork_busy", path=str(tmp_path / "a.db"))
    assert said["child"] == "ClosedError forked"
    assert said["child, another file"] == "wrote"
    assert said["rows in the end"] == [0]
