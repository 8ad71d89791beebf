"""The examples run as a newcomer runs them, twice on one file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentdb.migrations import MIGRATIONS

ROOT = Path(__file__).parents[1]
EXAMPLES = ["quickstart.py", "desktop_app.py", "agent_state.py"]


def run(example: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / example), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def lines(example: str, *arguments: str, folder: Path) -> list[str]:
    done = run(example, *arguments, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_quickstart(tmp_path: Path) -> None:
    first = lines("quickstart.py", "our.db", folder=tmp_path)
    second = lines("quickstart.py", "our.db", folder=tmp_path)
    assert [line.rpartition(" in ")[0] for line in first[: len(MIGRATIONS)]] == [
        f"applied {migration.label}" for migration in MIGRATIONS
    ]
    assert first[len(MIGRATIONS) :] == second
    assert second == [
        f"our.db is at {MIGRATIONS[-1].id}",
        "agent researcher: Researcher, permission readOnly",
        "session tides of Researcher runs on small-1 (its own)",
        "with 20 steps (its agent's)",
    ]


def test_desktop_app(tmp_path: Path) -> None:
    first = lines("desktop_app.py", "our.db", folder=tmp_path)
    second = lines("desktop_app.py", "our.db", folder=tmp_path)
    assert first[: 2 + len(MIGRATIONS)] == [
        f"Preparing your data, {len(MIGRATIONS)} steps:",
        *(f"  {migration.description}: done" for migration in MIGRATIONS),
        f"Ready: our.db, {len(MIGRATIONS)} applied at this start",
    ]
    assert second == [
        "Ready: our.db, nothing applied at this start",
        'Coder on large-1 with ["files"]: Rename a function',
        "  user: Rename f to area.",
        "  agent: Done, in 3 files.",
        "Sessions in this file: 2",
    ]
    assert first[2 + len(MIGRATIONS) :] == [*second[1:-1], "Sessions in this file: 1"]


def test_agent_state(tmp_path: Path) -> None:
    first = lines("agent_state.py", "our.db", folder=tmp_path)
    assert first == lines("agent_state.py", "our.db", folder=tmp_path)
    assert first == [
        "report: running",
        "  figures: completed",
        "tags of report: ['report', 'weekly']",
        "event 1 of figures: tool_ended in 120 ms",
        "workflow: {'step': 'draft'} became {'step': 'review'} by user_action",
        "writer is at 1.1.0: {'instructions': 'added'}",
        "preference {'tone': 'plain', 'length': 'one page'}: importance 0.8, read 1 time",
        "1 of 2 sessions completed, satisfaction 1.0",
    ]


@pytest.mark.parametrize("example", EXAMPLES)
def test_without_a_path_it_is_agents_db_in_the_current_folder(example: str, tmp_path: Path) -> None:
    lines(example, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["agents.db"]


def test_the_desktop_app_tells_a_failure_in_words(tmp_path: Path) -> None:
    done = run("desktop_app.py", str(tmp_path / "nowhere" / "our.db"), folder=tmp_path)
    assert done.returncode == 1
    assert "Create the folder first" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_is_short_enough_to_be_read(example: str) -> None:
    assert len((ROOT / "examples" / example).read_text(encoding="utf-8").splitlines()) <= 70
