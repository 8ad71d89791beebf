"""A small disk that fills up at every event of an upgrade, a backup and a restore; a folder that cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import agentdb
from system.struck import WORKS
from system.test_bad_files import private_mount

pytestmark = pytest.mark.soak
_PACKAGE, _TESTS = Path(agentdb.__file__).parents[1], Path(__file__).parents[1]
_CODES = {
    "upgrade": {"None", "backup_failed", "backup_no_space", "disk_full"},
    "backup": {"None", "backup_failed"},
    "restore": {"None", "restore_failed"},
}


def python(*command: str) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(_PACKAGE), str(_TESTS)))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_small_disk_that_fills_up_at_any_event(tmp_path: Path) -> None:
    said = json.loads(python(*private_mount(), sys.executable, "-m", "system.small_disk", str(tmp_path / "disk")))
    assert set(said) == set(WORKS)
    for work, outcomes in said.items():
        codes = {outcome.partition(",")[0] for outcome in outcomes}
        assert codes <= _CODES[work.partition(" ")[0].rstrip(",")], outcomes
        assert len(codes) > 1, outcomes
