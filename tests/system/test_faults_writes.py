"""ENOSPC and EIO at the n-th write of an upgrade with backup and rebuild, of a backup, of a restore."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import agentdb
from system.struck import WORKS

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(shutil.which("fiu-run") is None, reason="there is no fiu-run; Debian has it in fiu-utils"),
]
_PACKAGE, _TESTS = Path(agentdb.__file__).parents[1], Path(__file__).parents[1]
#: What each may raise: nothing where what failed was not needed any more, as what tidies up at the end.
_CODES = {
    "upgrade": {"None", "backup_failed", "disk_full", "io_error"},
    "rollback": {"None", "backup_failed", "disk_full", "io_error"},
    "backup": {"None", "backup_failed"},
    "restore": {"None", "restore_failed"},
}


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("work", WORKS)
def test_a_write_that_fails_loses_nothing(work: str, error: str, lasting: bool, tmp_path: Path) -> None:
    options = {"work": work, "error": error, "lasting": lasting, "rounds": 30, "folder": str(tmp_path / "it")}
    done = subprocess.run(
        ["fiu-run", "-x", "-f", "", sys.executable, "-m", "system.faulty", json.dumps(options)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(_PACKAGE), str(_TESTS)))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["writes"] > 20
    codes = {outcome.partition(",")[0] for outcome in said["outcomes"]}
    assert codes <= _CODES[work.partition(" ")[0].rstrip(",")], said
    assert len(codes) > 1, said  # there is such a thing as a write that matters
