"""The worked example of a host application: its program runs, and its own test file passes, as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from agentdb import AgentDB

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=EXAMPLES,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_program_runs_on_a_new_file_and_again_on_the_same(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    for _ in range(2):
        assert run("-m", "notes_app.app", str(path)) == "Ask about spring tides. True\nleft with the agent: None\n"
    with AgentDB.open(path) as db:
        tracked = db.client.execute("SELECT id, app_version FROM notes_app_migrations").tuples
        assert tracked == [("001", "1.0")]
        assert db.client.execute("SELECT count(*) FROM notes").tuples == [(0,)]
        assert db.migrator.validate_migrations().is_valid


def test_its_own_tests_pass() -> None:
    assert "2 passed" in run("-m", "pytest", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", ".", "notes_app")
