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
from typing import BinaryIO

import pytest
from engine_harness import ask, caught, outside

import agentdb
import agentdb.engine.backup.restore
from agentdb import create_client_sync, restore
from agentdb.engine.backup import overwrite
from agentdb.engine.events import Restored, Restoring
from agentdb.errors import BackupError

restoring = sys.modules["agentdb.engine.backup.restore"]


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
    restored = restore(database=path, backup=backup)
    assert restored == Restored(str(path), str(backup), f"{path}.replaced-0001")
    assert rows(path) == ["old"]
    assert rows(f"{path}.replaced-0001") == ["old", "new"]
    assert rows(backup) == ["old"]
    assert restore(database=path, backup=f"{path}.replaced-0001").replaced == f"{path}.replaced-0002"
    assert rows(path) == ["old", "new"]
    assert not list(path.parent.glob("*.restoring"))


def test_what_a_crash_left_in_the_wal_is_neither_lost_nor_played_back(path: Path, backup: Path) -> None:
    crashed(path, "in the wal")
    restore(database=path, backup=backup)
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
    restore(database=path, backup=backup)
    assert rows(path) == ["old", "in its wal"]


@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_a_database_that_this_process_has_open_is_refused(path: Path, backup: Path, journal_mode: str) -> None:
    fill(path, journal_mode=journal_mode)
    with create_client_sync(path, read_only=True) as client:
        client.execute("SELECT * FROM t")
        error = caught(restore, database=path, backup=backup)
    assert (type(error), error.code) == (BackupError, "file_in_use")
    assert "this process" in error.message
    assert rows(path) == ["old", "new"]
    restore(database=path, backup=backup)


def opened(path: Path) -> subprocess.Popen[str]:
    """A program that has the file open and idle; at the next line it tells what it reads and adds a row."""
    program = f"""
import sqlite3, sys
c = sqlite3.connect({str(path)!r}, isolation_level=None)
c.execute("SELECT * FROM t").fetchall()
print("open", flush=True)
if sys.stdin.readline():
    print([x for (x,) in c.execute("SELECT * FROM t")], flush=True)
    c.execute("INSERT INTO t VALUES ('added')")
"""
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "open\n"
    return other


def test_a_database_in_wal_mode_that_another_process_has_open_and_idle_is_refused(path: Path, backup: Path) -> None:
    other = opened(path)
    try:
        assert caught(restore, database=path, backup=backup).code == "file_in_use"
    finally:
        other.communicate(timeout=60)
    assert rows(path) == ["old", "new"]
    assert not list(path.parent.glob("*.re[ps]*"))
    assert rows(restore(database=path, backup=backup).path) == ["old"]


def test_one_in_another_journal_mode_reads_and_writes_the_new_content_afterwards(path: Path, backup: Path) -> None:
    fill(path, journal_mode="DELETE")
    other = opened(path)
    restore(database=path, backup=backup)
    said, _ = other.communicate("go\n", timeout=60)
    assert said == "['old']\n"
    assert rows(path) == ["old", "added"]
    assert rows(f"{path}.replaced-0001") == ["old", "new"]


def test_the_lock_alone_tells_who_has_it_open(path: Path, backup: Path) -> None:
    """A connection of this process that is not agentdb's, too."""
    with outside(path) as connection:
        connection.execute("SELECT * FROM t").fetchall()
        error = caught(restore, database=path, backup=backup)
    assert error.code == "file_in_use"
    assert "another program" in error.message


@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_a_refused_restore_leaves_the_journal_mode(
    path: Path, backup: Path, journal_mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(path, journal_mode=journal_mode)

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("agentdb.engine.backup.restore.sync_file", fail)
    assert caught(restore, database=path, backup=backup).code == "restore_failed"
    assert ask(path, "PRAGMA journal_mode") == [(journal_mode.lower(),)]
    assert rows(path) == ["old", "new"]
    assert not list(path.parent.glob("*.re[ps]*"))


def test_a_place_where_nothing_is(backup: Path, tmp_path: Path) -> None:
    restored = restore(database=tmp_path / "new.db", backup=backup)
    assert restored.replaced is None
    assert rows(tmp_path / "new.db") == ["old"]


def test_a_wal_that_outlived_its_database_is_put_aside(backup: Path, path: Path) -> None:
    crashed(path, "in the wal")
    path.unlink()
    restore(database=path, backup=backup)
    assert rows(path) == ["old"]
    assert (path.parent / "agents.db.replaced-0001-wal").exists()


def test_a_damaged_database_is_replaced_and_kept_byte_for_byte(backup: Path, path: Path) -> None:
    crashed(path, "in the wal")
    damaged = b"not any more a database" + path.read_bytes()[23:]
    path.write_bytes(damaged)
    wal = path.with_name("agents.db-wal").read_bytes()
    restore(database=path, backup=backup)
    assert rows(path) == ["old"]
    assert (path.parent / "agents.db.replaced-0001").read_bytes() == damaged
    assert (path.parent / "agents.db.replaced-0001-wal").read_bytes() == wal


def test_a_damaged_database_that_cannot_be_replaced_keeps_what_is_beside_it(
    path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its -wal may hold all that can still be saved of it."""
    crashed(path, "in the wal")
    path.write_bytes(b"not any more a database" + path.read_bytes()[23:])
    (path.parent / "agents.db-shm").unlink()
    before = {each.name: each.read_bytes() for each in path.parent.glob("agents.db*") if each.is_file()}
    assert "agents.db-wal" in before
    real_pour = overwrite._pour
    poured: list[str] = []

    def pour(source: BinaryIO, target: BinaryIO) -> None:
        poured.append(str(source.name))
        if str(source.name).endswith(".restoring"):
            target.write(b"half of it")
            raise OSError(28, "No space left on device")
        real_pour(source, target)

    monkeypatch.setattr(overwrite, "_pour", pour)
    assert caught(restore, database=path, backup=backup).code == "restore_failed"
    assert [Path(name).suffix for name in poured] == [".db", ".restoring", ".replaced-0001"]
    assert {each.name: each.read_bytes() for each in path.parent.glob("agents.db*") if each.is_file()} == before


@pytest.mark.parametrize("statement", ["SELECT 1 FROM t", "BEGIN EXCLUSIVE"])
def test_a_damaged_database_that_another_process_is_using_is_refused(path: Path, backup: Path, statement: str) -> None:
    """Its header goes while it is open: in WAL mode, and not, whoever uses it holds a lock on the file."""
    fill(path, journal_mode="WAL" if "SELECT" in statement else "DELETE")
    program = f"""
import sqlite3, sys
c = sqlite3.connect({str(path)!r}, isolation_level=None)
c.execute({statement!r}).fetchall()
print("open", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        sound = path.read_bytes()
        path.write_bytes(b"not any more a database" + sound[23:])
        assert caught(restore, database=path, backup=backup).code == "file_in_use"
        path.write_bytes(sound)
        other.communicate(timeout=60)
    assert rows(path) == ["old", "new"]


@pytest.mark.parametrize("size", [1024, 4096, 65536])
@pytest.mark.parametrize("other_size", [512, 4096])
def test_pages_of_another_size(path: Path, tmp_path: Path, size: int, other_size: int) -> None:
    kept = tmp_path / "kept.db"
    for file, page_size, vacuum, count in ((path, size, "NONE", 300), (kept, other_size, "FULL", 40)):
        with outside(file) as connection:
            connection.execute(f"PRAGMA page_size={page_size}")
            connection.execute(f"PRAGMA auto_vacuum={vacuum}")
            connection.execute("CREATE TABLE t (x)")
        fill(file, *[f"{count} {number} {'x' * 500}" for number in range(count)])
    old, new = rows(path), rows(kept)
    restore(database=path, backup=kept)
    assert rows(path) == new
    assert ask(path, "PRAGMA page_size") == [(other_size,)]
    assert ask(path, "PRAGMA auto_vacuum") == [(1,)]
    assert rows(f"{path}.replaced-0001") == old
    restore(database=path, backup=f"{path}.replaced-0001")
    assert rows(path) == old
    assert ask(path, "PRAGMA page_size") == [(size,)]


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
        found[name] = caught(restore, database=path, backup=bad).code
    assert found == {
        "text": "not_a_backup",
        "nothing": "not_a_backup",
        "half": found["half"],
        "holed": "backup_damaged",
    }
    assert found["half"] in ("not_a_backup", "backup_damaged")
    assert caught(restore, database=path, backup=path).code == "not_a_backup"
    assert caught(restore, database=path, backup=tmp_path / "missing").code == "file_missing"
    assert caught(restore, database=":memory:", backup=backup).code == "invalid_argument"
    assert rows(path) == ["old", "new"]
    assert not list(tmp_path.glob("*.re*[!k]"))


@pytest.mark.skipif(os.name == "nt", reason="rights of another kind")
def test_the_database_keeps_its_rights(path: Path, backup: Path) -> None:
    path.chmod(0o600)
    backup.chmod(0o644)
    restore(database=path, backup=backup)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_progress_is_told(path: Path, backup: Path) -> None:
    fill(backup, *[os.urandom(3000) for _ in range(3000)], journal_mode="DELETE")
    events: list[object] = []
    restored = restore(database=path, backup=backup, on_event=events.append)
    assert events[-1] == restored
    assert all(isinstance(event, Restoring) and event.total > 2000 for event in events[:-1])
    assert events[:-1]


def test_a_file_system_without_hard_links(path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    restore(database=path, backup=backup)
    assert rows(path) == ["old"]
    assert rows(f"{path}.replaced-0001") == ["old", "new"]


STARTER = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
print("open", flush=True)
while True:
    try:
        c.execute("PRAGMA journal_mode=WAL").fetchall()
        break
    except sqlite3.OperationalError:
        pass
for number in range(100):
    c.execute("INSERT INTO t VALUES (?)", (f"started {number}",))
print(c.execute("SELECT count(*) FROM t").fetchone()[0], flush=True)
"""


@pytest.mark.parametrize("outcome", ["succeeds", "fails", "replaces a damaged one"])
def test_an_application_that_starts_in_between_loses_nothing(
    path: Path, backup: Path, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has opened the file, and writes as soon as it is let in: into the one file that has the name, which holds the old
    content where the restore fails, and the new one where it succeeds."""
    damaged = outcome == "replaces a damaged one"
    if damaged:
        path.write_bytes(b"SQLite format 4" + path.read_bytes()[15:])
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> object:
        if not started:
            started.append(subprocess.Popen([sys.executable, "-c", STARTER, path], stdout=subprocess.PIPE, text=True))
            assert started[0].stdout is not None
            assert started[0].stdout.readline() == "open\n"
            if outcome == "fails":
                raise OSError(5, "Input/output error")
        return real(*arguments)

    # Each is called while the file is locked: one before the new content is written, the other before its header.
    module, name = (overwrite, "_pour") if damaged else (restoring, "sync_folder")
    real = getattr(module, name)
    monkeypatch.setattr(module, name, start)
    inode = path.stat().st_ino
    if outcome == "fails":
        assert caught(restore, database=path, backup=backup).code == "restore_failed"
    else:
        restore(database=path, backup=backup)
    said, _ = started[0].communicate(timeout=60)
    assert path.stat().st_ino == inode
    expected = ["old", "new"] if outcome == "fails" else ["old"]
    assert said == f"{100 + len(expected)}\n"
    assert rows(path) == expected + [f"started {number}" for number in range(100)]


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
