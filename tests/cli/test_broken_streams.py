"""Streams that are closed or full, and a working folder that is gone: an error in words, never a traceback."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import agentdb
from agentdb import AgentDB

ROOT = Path(agentdb.__file__).parents[1]
COMMANDS = {
    "migrate": "migrate a.db",
    "status": "status a.db",
    "rollback": "rollback a.db --yes",
    "backup": "backup a.db",
    "restore": "restore good.db a.db",
    "validate": "validate --migrations folder",
    "sql": "sql --all",
    "new": "new add_notes --migrations folder",
    "help": "--help",
    "page": "status --help",
    "version": "--version",
    "usage": "status --no-such-option",
    "missing": "status nothing.db",
    "json": "status a.db --json",
    "json error": "status nothing.db --json",
}
posix = pytest.mark.skipif(os.name != "posix", reason="redirections of a POSIX shell")


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "a.db"
    AgentDB.open(path).close()
    return path


@pytest.fixture
def folder(tmp_path: Path, migrated: Path) -> Path:
    for name in ("a.db", "good.db"):
        shutil.copyfile(migrated, tmp_path / name)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "001_a.up.sql").write_text("CREATE TABLE a (id INTEGER PRIMARY KEY);")
    (tmp_path / "folder" / "001_a.down.sql").write_text("DROP TABLE a;")
    return tmp_path


def shell(folder: Path, command: str, redirection: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f"{shlex.quote(sys.executable)} -m agentdb {command} {redirection}"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
        check=False,
    )


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("name", COMMANDS)
def test_output_to_a_full_disk_is_one_line_on_stderr(folder: Path, name: str) -> None:
    done = shell(folder, COMMANDS[name], ">/dev/full")
    assert "Traceback" not in done.stderr
    if name in ("usage", "missing"):  # these have nothing to say on stdout
        assert done.returncode == (2 if name == "usage" else 1)
        return
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert len(lines) == 1
    assert "No space left on device" in lines[0]
    assert done.stderr.splitlines()[-1] == lines[0]


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("name", ["missing", "usage"])
def test_an_error_that_cannot_be_told_leaves_its_exit_code(folder: Path, name: str) -> None:
    done = shell(folder, COMMANDS[name], "2>/dev/full")
    assert done.returncode == (2 if name == "usage" else 1)
    assert done.stdout == ""


@posix
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("stream", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_changes_nothing_but_what_is_shown(folder: Path, name: str, stream: str) -> None:
    done = shell(folder, COMMANDS[name], stream)
    assert "Traceback" not in done.stderr
    expected = {"usage": 2, "missing": 1, "json error": 1}.get(name, 0)
    assert done.returncode == expected, done.stderr


@posix
@pytest.mark.parametrize("options", ["", "--target 001"])
def test_a_rollback_that_cannot_ask_changes_nothing(folder: Path, options: str) -> None:
    before = shell(folder, "status a.db --json", "").stdout
    done = shell(folder, f"rollback a.db {options}", "<&-")
    assert "Traceback" not in done.stderr
    assert "--yes" in done.stderr
    assert done.returncode == 2
    assert shell(folder, "status a.db --json", "").stdout == before


@posix
@pytest.mark.parametrize("command", ["status a.db", "migrate", "validate --migrations m", "backup a.db", "new add_x"])
def test_a_folder_that_is_gone_is_told(folder: Path, command: str) -> None:
    gone = folder / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", f"rmdir {shlex.quote(str(gone))}; {shlex.quote(sys.executable)} -P -m agentdb {command}"],
        cwd=gone,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Error" in done.stderr
    assert done.returncode in (1, 2)
