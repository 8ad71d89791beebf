from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

import agentdb
from agentdb import AgentDB
from agentdb.errors import AgentDBError
from agentdb.tools.doctor import doctor
from agentdb.tools.doctor.surroundings import file_system, lock_holders

ALL = ["versions", "file", "storage", "space", "wal", "backups", "locks", "clock", "opens"]
INSIDE = ["pragmas", "migrations", "drift", "integrity", "foreign_keys", "sizes"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "agents.db"
    with AgentDB.open(path) as db:
        agent = db.agents.create(name="SECRET-NAME", model="m")
        session = db.sessions.create(name="s", main_agent_id=agent.id)
        db.messages.append(session.id, role="user", content="SECRET-CONTENT")
    return path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for sql in statements:
            connection.execute(sql)


def test_a_sound_database_has_no_problem(path: Path) -> None:
    agentdb.backup(path)
    report = doctor(path, [agentdb.migrations])
    assert [check.name for check in report.checks] == ALL + INSIDE
    assert {check.name for check in report.checks if check.status != "ok"} <= {"space"}
    assert report.is_good


def test_a_report_holds_no_row_and_no_home(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(path.parents[1]))
    change(path, "PRAGMA foreign_keys = OFF", "UPDATE sessions SET main_agent_id = 'SECRET-ID'")
    text = json.dumps(asdict(doctor(path, [agentdb.migrations], fix=True)))
    assert "SECRET" not in text
    assert str(path.parents[1]) not in text


def test_references_that_lead_nowhere_are_counted(path: Path) -> None:
    change(path, "PRAGMA foreign_keys = OFF", "UPDATE sessions SET main_agent_id = 'none'")
    report = doctor(path)
    assert report["foreign_keys"].values == {"violations": {"sessions -> agents": 1}}
    assert not report.is_good


def test_pending_and_drift_are_told(path: Path) -> None:
    last = agentdb.migrations.latest_migration_id()
    change(path, "CREATE TABLE extra (x)", f"DELETE FROM migrations WHERE id = '{last}'")
    report = doctor(path, [agentdb.migrations])
    assert report["migrations"].values["sets"][0]["pending"] == [last]
    assert "table extra: unexpected" in report["drift"].values["differences"]


def test_a_damaged_file_is_a_report_and_is_not_treated(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 60] = os.urandom(4096 * 57)
    path.write_bytes(data)
    before = path.read_bytes()
    report = doctor(path, [agentdb.migrations], fix=True)
    assert not report.is_good
    assert [repair.name for repair in report.repairs if repair.error is None] == []
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"no database at all" * 1000, b"x"])
def test_what_is_no_database_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.db"
    path.write_bytes(content)
    try:
        assert doctor(path)["opens"].values["code"] == "not_a_database"
    except AgentDBError as error:
        assert error.code == "not_a_database"  # noqa: PT017


def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, code in (("missing.db", "file_missing"), (".", "is_a_directory"), ("pipe", "cannot_open")):
        with pytest.raises(AgentDBError) as raised:
            doctor(tmp_path / name)
        assert raised.value.code == code


def test_rights_of_others_are_a_warning(path: Path) -> None:
    path.chmod(0o644)
    assert doctor(path)["file"].status == "warning"


def test_a_cloud_folder_is_a_warning(tmp_path: Path) -> None:
    for name, cloud in (("OneDrive - Company", "OneDrive"), ("Dropbox", "Dropbox"), ("Dropbox (Old)", "Dropbox")):
        folder = tmp_path / name
        folder.mkdir()
        change(folder / "a.db", "CREATE TABLE t (x)")
        assert doctor(folder / "a.db")["storage"].values["cloud"] == cloud


def test_the_file_system_is_that_of_the_longest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/a / ext4 rw 0 0\nserver:/x /mnt/net\\040drive nfs4 rw 0 0\n/dev/b /mnt ext4 rw 0 0\nbad\n")
    assert file_system("/mnt/net drive/a.db", str(mounts)) == "nfs4"
    assert file_system("/mnt/net drivers/a.db", str(mounts)) == "ext4"
    assert file_system("/a.db", str(tmp_path / "none")) is None


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE held (x)")
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc/locks is of Linux")
def test_the_process_that_writes_is_named(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        holders = doctor(path)["locks"].values["holders"]
        process.communicate("")
    assert [(one["process"], one["is_writing"]) for one in holders] == [(process.pid, True)]
    assert lock_holders(str(path)) == []


def test_the_locks_of_this_process_stay(path: Path) -> None:
    """To open and close the file in this process would drop them."""
    with AgentDB.open(path) as db, db.transaction() as tx:
        tx.agents.create(name="n", model="m")
        assert doctor(path).is_good
        probe = "import sqlite3,sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
        done = subprocess.run([sys.executable, "-c", probe, str(path)], capture_output=True, text=True, check=False)
        assert "locked" in done.stderr


def test_fix_cuts_the_wal_and_rebuilds_a_search_index_that_disagrees(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as keeper:
        keeper.execute("INSERT INTO messages_fts (messages_fts) VALUES ('delete-all')")
        report = doctor(path, fix=True)
        assert (path.parent / "agents.db-wal").stat().st_size == 0
    told = {repair.message for repair in report.repairs if repair.error is None}
    assert any("messages_fts did not agree" in text for text in told)
    assert any("messages_fts agrees" in repair.message for repair in doctor(path, fix=True).repairs)
    with AgentDB.open(path) as db:
        found = db.client.execute("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH 'CONTENT'").tuples
    assert found == [(1,)]


def test_fix_rebuilds_a_search_index_of_the_applications_own_table(path: Path) -> None:
    change(
        path,
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)",
        "INSERT INTO notes (text) VALUES ('a word')",
        "CREATE VIRTUAL TABLE notes_fts USING fts5 (text, content = 'notes', content_rowid = 'id')",
    )
    told = {repair.message for repair in doctor(path, fix=True).repairs}
    assert "the search index notes_fts did not agree with its table, and is rebuilt" in told
    told = {repair.message for repair in doctor(path, fix=True).repairs}
    assert "the search index notes_fts agrees with its table" in told


def test_fix_removes_old_partial_files_of_this_database_alone(path: Path) -> None:
    folder = path.with_name("agents.db.backups")
    folder.mkdir()
    names = [
        "agents.db.partial",
        "agents.db.20260101T000000.000000Z.backup.12.partial",
        "others.db.partial",
        "notes.txt",
    ]
    for name in names:
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (time.time() - 7200,) * 2)
    (folder / "agents.db.0001.001-002.backup.13.partial").write_bytes(b"x")
    rehearsal = path.with_name("agents.db.rehearsal-abc")
    rehearsal.mkdir()
    os.utime(rehearsal, (time.time() - 7200,) * 2)
    doctor(path, fix=True)
    assert sorted(os.listdir(folder)) == ["agents.db.0001.001-002.backup.13.partial", "notes.txt", "others.db.partial"]
    assert not rehearsal.exists()


def test_fix_on_a_locked_file_tells_what_it_could_not_do(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        report = doctor(path, fix=True, busy_timeout=0)
    assert any(repair.error for repair in report.repairs)


def test_one_check_that_fails_does_not_stop_the_others(path: Path) -> None:
    change(path, "CREATE TABLE t (x)", "PRAGMA writable_schema = ON")
    change(path, "UPDATE migrations SET checksum = 'v1:x' WHERE id = '003'")
    report = doctor(path, [agentdb.migrations])
    assert report["migrations"].status == "problem"
    assert report["sizes"].status == "ok"
