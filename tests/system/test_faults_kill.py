"""kill -9 before every statement and every step on files of an upgrade with backup and rebuild, a backup, a restore."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from system.kills import killed_everywhere
from system.struck import Backup, Restore, Upgrade, Work

pytestmark = [pytest.mark.soak, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]


@pytest.mark.parametrize(
    ("make", "points", "seen"),
    [
        pytest.param(lambda folder: Upgrade(folder, "sync", "WAL"), 80, {"old", "new"}, id="upgrade"),
        pytest.param(
            lambda folder: Upgrade(folder, "async", "DELETE"), 80, {"old", "new"}, id="upgrade, async, DELETE"
        ),
        pytest.param(lambda folder: Upgrade(folder, "sync", "crashed"), 80, {"old", "new"}, id="upgrade after a crash"),
        pytest.param(Backup, 20, {"nothing", "new"}, id="backup"),
        pytest.param(Restore, 30, {"old", "new"}, id="restore"),
    ],
)
def test_killed_before_every_statement(
    make: Callable[[Path], Work], points: int, seen: set[str], tmp_path: Path
) -> None:
    work = make(tmp_path)
    found: Counter[str] = Counter()

    def check() -> None:
        found[work.check(killed=True)] += 1

    assert killed_everywhere(work.prepare, work.do, check, statements=True) > points
    assert set(found) == seen
