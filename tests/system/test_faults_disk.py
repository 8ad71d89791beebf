"""A small disk that fills up at every event of an upgrade, a backup and a restore; a folder that cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import agentdb
from agentdb.errors import AgentDBError
from system.kills import in_a_process
from system.struck import WORKS, Upgrade
from system.test_bad_files import NOBODY, private_mount

pytestmark = pytest.mark.soak
_PACKAGE, _TESTS = Path(agentdb.__file__).parents[1], Path(__file__).parents[1]
_CODES = {
    "upgrade": {"None", "backup_failed", "backup_no_space", "disk_full"},
    "rollback": {"None", "backup_failed", "backup_no_space", "disk_full"},
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


def contents(folder: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file()}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("name", "elsewhere", "code"),
    [
        ("upgrade", False, "read_only"),
        ("upgrade", True, "read_only"),
        ("upgrade, async, DELETE", False, "backup_failed"),
        ("upgrade, async, DELETE", True, "read_only"),
        ("upgrade after a crash", True, "read_only"),
        ("backup", False, "backup_failed"),
        ("restore", False, "restore_failed"),
    ],
)
def test_a_folder_that_cannot_be_written(name: str, elsewhere: bool, code: str) -> None:
    """elsewhere: the backups have a folder that can be."""
    with tempfile.TemporaryDirectory() as outer:  # pytest's own folders are closed to others
        Path(outer).chmod(0o755)
        work = WORKS[name](Path(outer) / "it")
        work.prepare()
        work.do()  # what is imported late is there now, and can be read
        work.prepare()
        backups = Path(outer) / "backups"
        backups.mkdir()
        if os.geteuid() == 0:
            for each in (backups, *work.path.parent.iterdir()):
                os.chown(each, NOBODY, NOBODY)
        before = contents(work.path.parent)
        work.path.parent.chmod(0o555)

        def do() -> None:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            with pytest.raises(AgentDBError) as caught:
                work.do(backup_dir=str(backups)) if isinstance(work, Upgrade) and elsewhere else work.do()
            assert caught.value.code == code

        try:
            assert in_a_process(do) == 0
        finally:
            work.path.parent.chmod(0o755)
        assert contents(work.path.parent) == before
        work.check(AgentDBError("it could not be written"))
