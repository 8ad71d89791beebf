"""kill -9 at random moments of an upgrade, in a process of its own."""

from __future__ import annotations

import random
import shutil
import signal
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import pytest

from agentdb import Migrator, create_client_sync
from system import upgrade
from system.processes import WATCHDOG, Worker, worker


@dataclass(frozen=True)
class Kill:
    """Where one kill found the upgrade: what the process had told, and what was in the file."""

    told: str
    applied: int

    @property
    def partial(self) -> bool:
        return 0 < self.applied < upgrade.STEPS


#: The state that each of them is upgraded from: nothing; data in either journal mode.
STARTS = ("new file", "WAL", "DELETE")
WORLDS = ("sync", "async")
TURNS = len(STARTS) * len(WORLDS)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("templates")
    for mode in STARTS[1:]:
        upgrade.create(folder / mode, applied=0, journal_mode=mode)
    return {"new file": folder / "nothing", **{mode: folder / mode for mode in STARTS[1:]}}


def lay_out(template: Path, path: Path) -> None:
    if template.exists():
        shutil.copyfile(template, path)


def upgrading(path: Path, turn: int, **options: Any) -> AbstractContextManager[Worker]:
    """A process that is about to upgrade this file, telling every event; sync and async ones take turns."""
    return worker("migrate", path=str(path), world=WORLDS[turn % 2], events=True, stay=True, **options)


def whole_durations(templates: dict[str, Path], folder: Path) -> list[float]:
    """Seconds that the upgrade takes from each start in each world, nobody killing."""
    taken = []
    for turn in range(TURNS):
        path = folder / f"measured-{turn}.db"
        lay_out(templates[STARTS[turn % len(STARTS)]], path)
        with upgrading(path, turn) as process:
            process.go()
            assert process.next() == {"event": "Opening"}
            began = perf_counter()
            while process.next() != {"event": "Done"}:
                pass
            taken.append(perf_counter() - began)
    return taken


def kill_after(process: Worker, seconds: float) -> str:
    """Let it go, and kill it so long after it began. What it was in the middle of."""
    process.go()
    assert process.next() == {"event": "Opening"}
    sleep(seconds)  # the one thing here that is waited for without asking: any moment will do
    process.kill()
    words = process.last_words() or [{"event": "Opening"}]
    return {
        "Opening": "while it opened the file",
        "Started": "inside a migration",
        "StatementDone": "inside a migration",
        "Applied": "between two migrations",
        "Done": "after the upgrade",
    }[words[-1]["event"]]


def check_next_start(path: Path) -> int:
    """What the kill left must be whole, and the next start must finish it. How many migrations there were."""
    applied = upgrade.applied_in(path)
    with create_client_sync(path) as client:
        results = Migrator(client, upgrade.MIGRATIONS, backup=False).migrate()
    assert [result.migration for result in results] == list(upgrade.MIGRATIONS[applied:])
    assert upgrade.applied_in(path) == upgrade.STEPS
    return applied


def kill_many(number: int, templates: dict[str, Path], folder: Path, seed: int) -> list[Kill]:
    chance = random.Random(seed)
    durations = whole_durations(templates, folder)
    pace = 1.0  # how fast the machine is now, against when it was measured: other work on it comes and goes
    kills: list[Kill] = []
    for turn in range(number):
        path = folder / f"{turn}.db"
        lay_out(templates[STARTS[turn % len(STARTS)]], path)
        with upgrading(path, turn) as process:
            told = kill_after(process, chance.uniform(0, pace * durations[turn % TURNS]))
        kills.append(Kill(told, check_next_start(path) if path.exists() else 0))
        pace *= 1.0 if kills[-1].partial else 0.8 if kills[-1].applied else 1.1
        for leftover in folder.glob(f"{turn}.db*"):
            leftover.unlink()
    return kills


def report(kills: list[Kill]) -> str:
    told = ", ".join(f"{number} {where}" for where, number in Counter(kill.told for kill in kills).most_common())
    applied = Counter(kill.applied for kill in kills)
    return f"{len(kills)} kills: {told}; applied: " + ", ".join(f"{n}: {applied[n]}" for n in range(upgrade.STEPS + 1))


def check_that_kills_hit(kills: list[Kill]) -> None:
    print(report(kills))
    assert sum(kill.partial for kill in kills) >= len(kills) / 3, report(kills)
    assert sum(kill.told == "inside a migration" for kill in kills) >= len(kills) / 3, report(kills)


def test_no_kill_leaves_a_migration_half_applied(templates: dict[str, Path], tmp_path: Path) -> None:
    check_that_kills_hit(kill_many(24, templates, tmp_path, seed=1))


@pytest.mark.soak
def test_none_of_200_kills_leaves_a_migration_half_applied(templates: dict[str, Path], tmp_path: Path) -> None:
    check_that_kills_hit(kill_many(200, templates, tmp_path, seed=2))


def test_each_start_goes_on_where_the_killed_one_was_though_nobody_mends_in_between(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    upgrade.create(path, applied=0, journal_mode="DELETE")
    for migration in range(1, upgrade.STEPS + 1):
        # The one before was killed in the middle of this migration, in its write transaction.
        with upgrading(path, migration, die_at=[migration + 1, 4]) as process:
            process.go()
            assert process.next() == {"event": "Opening"}
            assert process.next() == {"event": "Started", "migration": migration}
            said = process.next()
            while said not in (
                {"event": "Done"},
                {"event": "StatementDone", "migration": migration + 1, "statement": 4},
            ):
                said = process.next()
            if said != {"event": "Done"}:
                process.process.wait(WATCHDOG)
                assert process.process.returncode == -signal.SIGKILL
    assert upgrade.applied_in(path) == upgrade.STEPS
