"""What only a terminal gets: progress, a question, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import agentdb
from agentdb.migrations import MIGRATIONS

pty = pytest.importorskip("pty", reason="needs pseudo-terminals")
ROOT = Path(agentdb.__file__).parents[1]


class Terminal:
    """A pseudo-terminal, and what a process has written to it."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.text = ""
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *arguments: object, **streams: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "agentdb", *map(str, arguments)],
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80"},
            start_new_session=True,
            # Ctrl-C is ignored by whatever is started in the background, and so by its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": self.slave, **streams},
        )
        os.close(self.slave)
        self.processes.append(process)
        return process

    def read_until(self, wanted: str) -> None:
        while wanted not in self.text:
            self.text += os.read(self.master, 4096).decode()

    def read_to_the_end(self) -> str:
        try:
            while data := os.read(self.master, 4096):
                self.text += data.decode()
        except OSError:  # Linux says that the last writer has gone by EIO
            pass
        return self.text


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal of 80 columns."""
    terminal = Terminal()
    try:
        yield terminal
    finally:
        os.close(terminal.master)
        for process in terminal.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()


def shown(output: str) -> list[str]:
    """The lines that are left on the screen."""
    lines = []
    for line in output.replace("\r\n", "\n").split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        lines.append("".join(cells).rstrip())
    return lines


def is_locked(path: str) -> bool:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False


def test_progress_is_drawn_on_stderr_and_wiped_off(terminal: Terminal, notes: Path) -> None:
    process = terminal.start("migrate", "n.db", "--migrations", notes)
    stdout, _ = process.communicate(timeout=60)
    drawn = terminal.read_to_the_end()
    assert process.returncode == 0
    assert "\r[........................] 0/4  001 (notes)" in drawn
    assert "\r[########################] 4/4  003 (stars)" in drawn
    assert shown(drawn) == [""]
    assert stdout.startswith("applied 001 (notes)")
    assert "[" not in stdout


def test_progress_of_a_failure_is_wiped_off_before_the_error(terminal: Terminal, write: Any) -> None:
    folder = write("broken", m001_good=("CREATE TABLE good (a);",), m002_bad=("INSERT INTO nowhere VALUES (1);",))
    process = terminal.start("migrate", "b.db", "--migrations", folder)
    process.communicate(timeout=60)
    lines = shown(terminal.read_to_the_end())
    assert process.returncode == 1
    assert lines[0].startswith("Error: applying migration 002 (bad) failed")
    assert "0/2" in terminal.text


def test_progress_of_a_backup(terminal: Terminal, cli: Any) -> None:
    cli("migrate", "a.db")
    terminal.start("backup", "a.db", "--to", "b.db").communicate(timeout=60)
    assert "backing up" in terminal.read_to_the_end()


def test_progress_of_a_restore(terminal: Terminal, cli: Any) -> None:
    cli("migrate", "a.db")
    cli("backup", "a.db", "--to", "b.db")
    terminal.start("restore", "b.db", "a.db").communicate(timeout=60)
    assert "restoring" in terminal.read_to_the_end()


def test_nothing_pending_draws_nothing(terminal: Terminal, cli: Any) -> None:
    cli("migrate")
    process = terminal.start("migrate")
    process.communicate(timeout=60)
    assert terminal.read_to_the_end() == ""


def test_a_dumb_terminal_gets_no_progress(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "agentdb", "migrate"],
        stdout=subprocess.PIPE,
        stderr=terminal.slave,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"},
    )
    os.close(terminal.slave)
    process.communicate(timeout=60)
    assert terminal.read_to_the_end() == ""


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, ["migrations"]), ("n\n", 1, None), ("\n", 1, None)])
def test_rollback_asks_and_obeys(
    terminal: Terminal, cli: Any, tables: Any, answer: str, code: int, left: list[str] | None
) -> None:
    cli("migrate", "--limit", 1)
    before = tables("agents.db")
    process = terminal.start("rollback", stdin=terminal.slave)
    terminal.read_until("[y/N]:")
    assert "would roll back 001 (Agents)" in terminal.text
    assert "DROP TABLE agents" in terminal.text
    os.write(terminal.master, answer.encode())
    stdout, _ = process.communicate(timeout=60)
    terminal.read_to_the_end()
    assert process.returncode == code
    assert tables("agents.db") == (left or before)
    if code:
        assert stdout.strip() == f"Nothing was rolled back; agents.db is at 001, {len(MIGRATIONS) - 1} pending."


def test_rollback_does_not_ask_where_yes_was_said_or_nothing_is_there(
    terminal: Terminal, cli: Any, tables: Any
) -> None:
    cli("migrate", "--limit", 2)
    process = terminal.start("rollback", "--yes", stdin=terminal.slave)
    process.communicate(timeout=60)
    assert "[y/N]" not in terminal.read_to_the_end()
    assert "sessions" not in tables("agents.db")


def test_the_json_of_a_rollback_stays_alone_on_stdout(terminal: Terminal, cli: Any) -> None:
    cli("migrate")
    process = terminal.start("rollback", "--json", stdin=terminal.slave)
    terminal.read_until("[y/N]:")
    os.write(terminal.master, b"y\n")
    stdout, _ = process.communicate(timeout=60)
    assert json.loads(stdout)["results"][0]["success"] is True


def test_ctrl_c_at_the_question_takes_nothing_back(terminal: Terminal, cli: Any, tables: Any) -> None:
    cli("migrate", "--limit", 2)
    process = terminal.start("rollback", stdin=terminal.slave)
    terminal.read_until("[y/N]:")
    process.send_signal(signal.SIGINT)
    os.write(terminal.master, b"y\n")  # what is typed after it counts for nothing
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert "sessions" in tables("agents.db")
    assert "Traceback" not in terminal.read_to_the_end()


def test_ctrl_c_stops_a_long_statement_at_once_and_leaves_no_half_migration(
    terminal: Terminal, write: Any, tables: Any
) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    folder = write(
        "endless", m001_good=("CREATE TABLE good (a);",), m002_endless=(f"CREATE TABLE half (a);\n{endless};",)
    )
    process = terminal.start("migrate", "e.db", "--migrations", folder)
    terminal.read_until("1/3  002 (endless)")
    while not is_locked("e.db"):  # its transaction has begun; the endless statement is the second one in it
        pass
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped by Ctrl-C" in terminal.read_to_the_end()
    assert "Traceback" not in terminal.text
    assert tables("e.db") == ["good", "migrations"]
    with closing(sqlite3.connect("e.db")) as connection:
        assert connection.execute("SELECT id FROM migrations").fetchall() == [("001",)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
