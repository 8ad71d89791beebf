"""kill -9 before every statement and every step on files of an upgrade with backup and rebuild, a backup, a restore."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from system.kills import killed_everywhere
from system.struck import WORKS

pytestmark = [pytest.mark.soak, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]
#: So many there are at the least.
POINTS = {"upgrade": 100, "rollback": 70, "backup": 20, "restore": 30}


@pytest.mark.parametrize("name", WORKS)
def test_killed_before_every_statement(name: str, tmp_path: Path) -> None:
    work = WORKS[name](tmp_path)
    found: Counter[str] = Counter()

    def check() -> None:
        found[work.check(killed=True)] += 1

    assert killed_everywhere(work.prepare, work.do, check, statements=True) > POINTS[name.partition(" ")[0].rstrip(",")]
    assert set(found) == {"nothing" if name == "backup" else "old", "new"}
