"""What a worker does with one contender of the migrations table: prepare it, then time it as often as it is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Protocol

from benchmarks.plan import Plan, planned
from benchmarks.worker import elapsed

STARTS = 5


class Peer(Protocol):
    """A contender. Making one writes what it needs into `folder`, which is nobody's time."""

    def __init__(self, folder: Path, plan: Plan) -> None: ...

    def migrate(self, database: Path) -> None:
        """The timed part: register (or read) the migrations, open the file, apply what is pending, close."""

    def script(self, database: Path) -> str | None:
        """The same as a program of its own, or None where a whole process would say nothing new."""


class MigrationTrial:
    def __init__(self, folder: str, module: str) -> None:
        self._module = import_module(module)
        self._folder = Path(folder)
        self._peers: dict[str, tuple[Peer, Plan]] = {}

    def prepare(self, label: str, raw: Sequence[tuple[str, str, Sequence[str]]], peer: str = "Peer") -> None:
        """Writes the fixtures and the up-to-date database of `label`; warms both paths up."""
        plan = planned(raw)
        contender: Peer = getattr(self._module, peer)(self._folder / label, plan)
        self._peers[label] = (contender, plan)
        contender.migrate(self._database(label))
        contender.migrate(self._database(label))

    def builtin(self) -> Plan:
        """The migrations that the contender ships."""
        plan: Plan = self._module.builtin_plan()
        return plan

    def fresh(self, label: str) -> int:
        """Nanoseconds for every migration on a file that does not exist yet."""
        peer, plan = self._peers[label]
        database = self._folder / "fresh.db"
        spent = elapsed(lambda: peer.migrate(database))
        check(database, plan)
        for leftover in self._folder.glob("fresh.db*"):
            leftover.unlink()
        return spent

    def nothing_pending(self, label: str) -> int:
        """Nanoseconds for a file that is up to date: the median of some starts in a row, each of which opens it anew.

        One start alone is so short that a sample would show what the processor's caches held, not what a contender did.
        """
        peer, _ = self._peers[label]
        database = self._database(label)
        return int(median(elapsed(lambda: peer.migrate(database)) for _ in range(STARTS)))

    def script(self, label: str) -> tuple[str, str] | None:
        """The program for a file that is up to date, and the folder that it imports from."""
        source = self._peers[label][0].script(self._database(label))
        return None if source is None else (source, str(self._folder / label))

    def close(self) -> None:
        self._peers.clear()

    def _database(self, label: str) -> Path:
        return self._folder / f"{label}.db"


def check(database: Path, plan: Plan) -> None:
    """A contender that applied less than the plan has no time to show."""
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT type, count(*) FROM sqlite_master WHERE name LIKE 'item/_%' ESCAPE '/' GROUP BY type"
        found = dict(connection.execute(query).fetchall())
    if found != {"table": len(plan), "index": len(plan)}:
        raise RuntimeError(f"{len(plan)} migrations left {found}")
