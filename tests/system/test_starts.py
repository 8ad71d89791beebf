"""Sixteen processes start at once on one file."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from agentdb import Migrator, create_client_sync, migrations
from system import upgrade
from system.processes import workers

PROCESSES = 16


def nothing(path: Path) -> None:
    assert not path.exists()


def old_in_wal(path: Path) -> None:
    upgrade.create(path, applied=3, journal_mode="WAL")


def old_in_delete(path: Path) -> None:
    upgrade.create(path, applied=3, journal_mode="DELETE")


def zero_bytes(path: Path) -> None:
    path.touch()


def built_in_first(path: Path) -> None:
    """The schema of the first built-in migration, and nothing of the later ones."""
    with create_client_sync(path) as client:
        Migrator(client, migrations.MIGRATIONS[:1]).migrate()


#: What the processes find, which migrations they bring, and which of these are pending.
CASES = {
    "new file": (nothing, "ten", upgrade.MIGRATIONS),
    "zero bytes": (zero_bytes, "ten", upgrade.MIGRATIONS),
    "old schema, WAL": (old_in_wal, "ten", upgrade.MIGRATIONS[3:]),
    "old schema, DELETE": (old_in_delete, "ten", upgrade.MIGRATIONS[3:]),
    "built-in, new file": (nothing, "built-in", migrations.MIGRATIONS),
    "built-in, old schema": (built_in_first, "built-in", migrations.MIGRATIONS[1:]),
}


def start_at_once(path: Path, before: Callable[[Path], None], registry: str, world: str) -> tuple[Counter[str], int]:
    """How often each migration was applied by all the processes together, and how many processes found some pending."""
    before(path)
    with workers(PROCESSES, "migrate", path=str(path), migrations=registry, world=world) as processes:
        moment = monotonic() + 0.05  # a word to each in turn would let the first be done before the last begins
        for process in processes:
            process.go(moment)
        answers = [process.next() for process in processes]
    failures = [answer for answer in answers if "error" in answer]
    assert not failures, f"{len(failures)} of {PROCESSES} failed, the first with {failures[0]}"
    raced = sum(answer["planned"] > 0 for answer in answers)
    return Counter(migration for answer in answers for migration in answer["applied"]), raced


def check_file(path: Path, registry: str) -> None:
    with create_client_sync(path) as client:
        known = {"ten": upgrade.MIGRATIONS, "built-in": migrations.MIGRATIONS}[registry]
        migrator = Migrator(client, known)
        assert migrator.migrate() == []
        assert migrator.validate_migrations().is_valid
        recorded = client.execute("SELECT id, checksum, in_progress FROM migrations ORDER BY id").tuples
        assert recorded == [(migration.id, migration.checksum, None) for migration in known]
    if registry == "ten":
        assert upgrade.applied_in(path) == upgrade.STEPS
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert not list(path.parent.glob(f"{path.name}-*")), "the last process to close leaves no -wal or -shm"


def check_rounds(folder: Path, case: str, worlds: Sequence[str]) -> None:
    before, registry, pending = CASES[case]
    races = []
    for turn, world in enumerate(worlds):
        path = folder / f"{turn}.db"
        applied, raced = start_at_once(path, before, registry, world)
        assert applied == {migration.id: 1 for migration in pending}
        check_file(path, registry)
        races.append(raced)
    print(case, "processes that found something pending:", races)
    if len(races) > 1:  # a busy machine may let a single round go by one at a time
        assert max(races) > 1, "each process found the work of another done: they did not start at once"


@pytest.mark.parametrize("case", ["new file", "old schema, WAL", "old schema, DELETE"])
def test_sixteen_processes_that_start_at_once_apply_each_migration_once(case: str, tmp_path: Path) -> None:
    check_rounds(tmp_path, case, ["sync"] * 3)


@pytest.mark.parametrize("case", ["zero bytes", "built-in, new file", "built-in, old schema"])
def test_sixteen_processes_start_at_once_on_other_files_too(case: str, tmp_path: Path) -> None:
    check_rounds(tmp_path, case, ["sync"])


@pytest.mark.parametrize("case", ["new file", "old schema, DELETE"])
def test_sixteen_async_processes_that_start_at_once_apply_each_migration_once(case: str, tmp_path: Path) -> None:
    check_rounds(tmp_path, case, ["async"])


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES)
def test_twenty_rounds_of_sixteen_starts(case: str, tmp_path: Path) -> None:
    rounds = 5 if case in ("new file", "old schema, WAL", "old schema, DELETE") else 1
    check_rounds(tmp_path, case, ["sync", "sync", "sync", "async"] * rounds)
