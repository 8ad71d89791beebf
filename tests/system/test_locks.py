"""Another process holds a lock on the file."""

from __future__ import annotations

from pathlib import Path
from threading import Timer
from time import perf_counter

import pytest

from system import upgrade
from system.processes import run, worker

WORLDS = ("sync", "async")
BUSY_TIMEOUT = 1.0
#: What the other process does, and holds on to.
WRITING = ("BEGIN IMMEDIATE", "UPDATE base SET body = 'held' WHERE id = 1")


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_nothing_pending_does_not_wait_for_a_writer(world: str, journal_mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    upgrade.create(path, applied=upgrade.STEPS, journal_mode=journal_mode)
    with worker("hold", path=str(path), statements=WRITING):
        answer = run("migrate", path=str(path), world=world, busy_timeout=30.0)
    assert answer["applied"] == []
    assert answer["seconds"] < 1.0


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_something_pending_waits_for_the_busy_timeout_and_no_longer(
    world: str, journal_mode: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    upgrade.create(path, applied=3, journal_mode=journal_mode)
    with worker("hold", path=str(path), statements=WRITING):
        answer = run("migrate", path=str(path), world=world, busy_timeout=BUSY_TIMEOUT)
    assert (answer["error"], answer["code"]) == ("BusyError", "busy")
    assert answer["remedy"]
    # Once for the switch to WAL where that is still to do, once for the write lock.
    patience = BUSY_TIMEOUT if journal_mode == "WAL" else 2 * BUSY_TIMEOUT
    assert 0.9 * BUSY_TIMEOUT < answer["seconds"] < patience + 1.0
    assert upgrade.applied_in(path) == 3


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_something_pending_succeeds_where_the_writer_lets_go_in_time(
    world: str, journal_mode: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    upgrade.create(path, applied=3, journal_mode=journal_mode)
    with (
        worker("hold", path=str(path), statements=WRITING) as holder,
        worker("migrate", path=str(path), world=world, busy_timeout=30.0) as process,
    ):
        letting_go = Timer(0.5, holder.go)
        letting_go.start()
        began = perf_counter()
        process.go()
        answer = process.next()
        waited = perf_counter() - began
        letting_go.join()
    assert len(answer["applied"]) == upgrade.STEPS - 3, answer
    assert waited > 0.4
    assert upgrade.applied_in(path) == upgrade.STEPS


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("applied", [3, upgrade.STEPS])
def test_a_file_in_exclusive_use_is_busy_and_stays_as_it_is(world: str, applied: int, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    upgrade.create(path, applied=applied, journal_mode="DELETE")
    before = path.read_bytes()
    with worker("hold", path=str(path), statements=("BEGIN EXCLUSIVE",)):
        answer = run("migrate", path=str(path), world=world, busy_timeout=BUSY_TIMEOUT)
    assert (answer["error"], answer["code"]) == ("BusyError", "busy")
    assert answer["remedy"]
    assert 0.9 * BUSY_TIMEOUT < answer["seconds"] < BUSY_TIMEOUT + 1.0
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.db"]
    assert len(run("migrate", path=str(path), world=world)["applied"]) == upgrade.STEPS - applied


@pytest.mark.parametrize("world", WORLDS)
def test_a_file_in_exclusive_use_is_opened_where_it_is_let_go_in_time(world: str, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    upgrade.create(path, applied=3, journal_mode="DELETE")
    with (
        worker("hold", path=str(path), statements=("BEGIN EXCLUSIVE",)) as holder,
        worker("migrate", path=str(path), world=world, busy_timeout=30.0) as process,
    ):
        process.go()
        letting_go = Timer(0.5, holder.go)
        letting_go.start()
        answer = process.next()
        letting_go.join()
    assert len(answer["applied"]) == upgrade.STEPS - 3, answer
