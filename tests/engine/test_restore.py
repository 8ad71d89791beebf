"""A restore puts a checked copy in the place of a database that nobody has open, and keeps what was there."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from engine_harness import ask, caught, outside

import agentdb
from agentdb import create_client_sync, restore
from agentdb.engine.events import Restored, Restoring
from agentdb.errors import BackupError


def fill(path: Path, *rows: object, journal_mode: str = "WAL") -> None:
    with outside(path) as connection:
        connection.execute(f"PRAGMA journal_mode={journal_mode}")
        connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO t VALUES (?)", [(row,) for row in rows])
        connection.execute("COMMIT")


def rows(path: Path | str) -> list[object]:
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    return [x for (x,) in ask(path, "SELECT x FROM t ORDER BY rowid")]


@pytest.fixture
def backup(path: Path, tmp_path: Path) -> Path:
    """A backup of a database that holds 'old', and holds 'new' since."""
    fill(path, "old")
    made = Path(agentdb.backup(path, tmp_path / "kept.db"))
    fill(path, "new")
    return made


def crashed(path: Path, row: str) -> None:
    """A program writes a row and dies, so that it is in the -wal alone."""
    program = f"""
import os, sqlite3
c = sqlite3.connect({str(path)!r}, isolation_level=None)
c.execute("INSERT INTO t VALUES ({row!r})")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert path.with_name(path.name + "-wal").stat().st_size > 0


def test_what_the_backup_holds_is_there_and_what_was_there_is_kept(path: Path, backup: Path) -> None:
    restored = restore(path, backup)
    assert restored == Restored(str(path), str(backup), f"{path}.replaced-0001")
    assert rows(path) == ["old"]
    assert rows(f"{path}.replaced-0001") == ["old", "new"]
    assert rows(backup) == ["old"]
    assert restore(path, f"{path}.replaced-0001").replaced == f"{path}.replaced-0002"
    assert rows(path) == ["old", "new"]
    assert not list(path.parent.glob("*.restoring"))


def test_what_a_crash_left_in_the_wal_is_neither_lost_nor_played_back(path: Path, backup: Path) -> None:
    crashed(path, "in the wal")
    restore(path, backup)
    assert rows(path) == ["old"]
    assert rows(f"{path}.replaced-0001") == ["old", "new", "in the wal"]
    assert sorted(file.name for file in path.parent.iterdir() if file.is_file()) == [
        "agents.db",
        "agents.db.replaced-0001",
        "kept.db",
    ]


def test_a_backup_that_has_a_wal_of_its_own_is_taken_with_it(path: Path, backup: Path) -> None:
    with outside(backup) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    crashed(backup, "in its wal")
    restore(path, backup)
    assert rows(path) == ["old", "in its wal"]


@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_a_database_that_this_process_has_open_is_refused(path: Path, backup: Path, journal_mode: str) -> None:
    fill(path, journal_mode=journal_mode)
    with create_client_sync(path, read_only=True) as client:
        client.execute("SELECT * FROM t")
        error = caught(restore, path, backup)
    assert (type(error), error.code) == (BackupError, "file_in_use")
    assert "this process" in error.message
    assert rows(path) == ["old", "new"]
    restore(path, backup)


@pytest.mark.parametrize(
    "journal_mode",
    [
        "WAL",
        pytest.param(
            "DELETE", marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="seen on Linux only")
        ),
    ],
)
def test_a_database_that_another_process_has_open_and_idle_is_refused(
    path: Path, backup: Path, journal_mode: str
) -> None:
    fill(path, journal_mode=journal_mode)
    program = f"""
import sqlite3, sys
c = sqlite3.connect({str(path)!r})
c.execute("SELECT * FROM t").fetchall()
print("open", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "open\n"
            assert caught(restore, path, backup).code == "file_in_use"
        finally:
            other.communicate(timeout=60)
    assert rows(path) == ["old", "new"]
    assert rows(restore(path, backup).path) == ["old"]


def test_in_wal_mode_the_lock_alone_tells_it(path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system where nobody can be asked who has a file open."""
    monkeypatch.setattr("agentdb.engine.restore._users", lambda path: [])
    with outside(path) as connection:
        connection.execute("SELECT * FROM t").fetchall()
        error = caught(restore, path, backup)
    assert error.code == "file_in_use"
    assert "another program" in error.message


def test_a_place_where_nothing_is(backup: Path, tmp_path: Path) -> None:
    restored = restore(tmp_path / "new.db", backup)
    assert restored.replaced is None
    assert rows(tmp_path / "new.db") == ["old"]


def test_a_wal_that_outlived_its_database_is_put_aside(backup: Path, path: Path) -> None:
    crashed(path, "in the wal")
    path.unlink()
    restore(path, backup)
    assert rows(path) == ["old"]
    assert (path.parent / "agents.db.replaced-0001-wal").exists()


def test_a_damaged_database_is_replaced_and_kept_byte_for_byte(backup: Path, path: Path) -> None:
    crashed(path, "in the wal")
    damaged = b"not any more a database" + path.read_bytes()[23:]
    path.write_bytes(damaged)
    wal = path.with_name("agents.db-wal").read_bytes()
    restore(path, backup)
    assert rows(path) == ["old"]
    assert (path.parent / "agents.db.replaced-0001").read_bytes() == damaged
    assert (path.parent / "agents.db.replaced-0001-wal").read_bytes() == wal


@pytest.mark.parametrize("links", [True, False])
def test_a_damaged_database_that_cannot_be_replaced_keeps_what_is_beside_it(
    path: Path, backup: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its -wal may hold all that can still be saved of it."""
    crashed(path, "in the wal")
    path.write_bytes(b"not any more a database" + path.read_bytes()[23:])
    before = {each.name: each.read_bytes() for each in path.parent.glob("agents.db*") if each.is_file()}
    assert "agents.db-wal" in before
    real_replace = os.replace

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    def replace(old: str, new: str) -> None:
        (fail if str(old).endswith(".restoring") else real_replace)(old, new)

    monkeypatch.setattr(os, "replace", replace)
    if not links:
        monkeypatch.setattr(os, "link", fail)
    assert caught(restore, path, backup).code == "restore_failed"
    assert {each.name: each.read_bytes() for each in path.parent.glob("agents.db*") if each.is_file()} == before


def test_what_is_no_whole_backup_changes_nothing(path: Path, backup: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.db"
    found = {}
    for name, content in {
        "text": b"Dear Sir or Madam, " * 500,
        "nothing": b"",
        "half": backup.read_bytes()[: len(backup.read_bytes()) // 2],
        "holed": backup.read_bytes()[:4096] + bytes(4096),
    }.items():
        bad.write_bytes(content)
        found[name] = caught(restore, path, bad).code
    assert found == {
        "text": "not_a_backup",
        "nothing": "not_a_backup",
        "half": found["half"],
        "holed": "backup_damaged",
    }
    assert found["half"] in ("not_a_backup", "backup_damaged")
    assert caught(restore, path, path).code == "not_a_backup"
    assert caught(restore, path, tmp_path / "missing").code == "file_missing"
    assert caught(restore, ":memory:", backup).code == "invalid_argument"
    assert rows(path) == ["old", "new"]
    assert not list(tmp_path.glob("*.re*[!k]"))


@pytest.mark.skipif(os.name == "nt", reason="rights of another kind")
def test_the_database_keeps_its_rights(path: Path, backup: Path) -> None:
    path.chmod(0o600)
    backup.chmod(0o644)
    restore(path, backup)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_progress_is_told(path: Path, backup: Path) -> None:
    fill(backup, *[os.urandom(3000) for _ in range(3000)], journal_mode="DELETE")
    events: list[object] = []
    restored = restore(path, backup, on_event=events.append)
    assert events[-1] == restored
    assert all(isinstance(event, Restoring) and event.total > 2000 for event in events[:-1])
    assert events[:-1]


def test_a_file_system_without_hard_links(path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    restore(path, backup)
    assert rows(path) == ["old"]
    assert rows(f"{path}.replaced-0001") == ["old", "new"]


def test_one_that_opens_the_file_at_the_last_moment_keeps_it(
    path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the old file open and waits for a lock: it must not go on with what was put aside."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("seen on Linux only")
    real_replace = os.replace
    others: list[subprocess.Popen[str]] = []

    def replace(old: str, new: str) -> None:
        if str(old).endswith(".restoring"):
            program = f"import sys; f = open({str(path)!r}); print(1, flush=True); sys.stdin.read()"
            others.append(
                subprocess.Popen(
                    [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            assert others[0].stdout is not None
            others[0].stdout.readline()
        real_replace(old, new)

    monkeypatch.setattr(os, "replace", replace)
    try:
        error = caught(restore, path, backup)
    finally:
        for other in others:
            other.communicate(timeout=60)
    assert error.code == "file_in_use"
    assert "has just opened" in error.message
    assert rows(path) == ["old", "new"]
    assert not (path.parent / "agents.db.replaced-0001").exists()


def test_a_plain_copy_over_the_file_is_what_this_protects_from(path: Path, backup: Path) -> None:
    """What people do: the -wal of the old database is played back into the restored one."""
    crashed(path, "in the wal")
    shutil.copyfile(backup, path)
    with closing(sqlite3.connect(path)) as connection:
        try:
            played_back = connection.execute("SELECT x FROM t ORDER BY rowid").fetchall() != [("old",)]
        except sqlite3.DatabaseError:
            played_back = True
    assert played_back
