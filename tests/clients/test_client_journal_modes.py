"""The journal mode that is asked for, and what happens where WAL is not to be had."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client_harness import Both, outside, rows

from agentdb import AgentDB
from agentdb.clients.local import journal_mode
from agentdb.clients.local.error_translation import translate
from agentdb.errors import BusyError, InvalidArgumentError, StorageError

MODES = ("wal", "delete", "truncate", "persist")


def mode_of(both: Both, client: Any) -> str:
    return str(both(client.execute("PRAGMA journal_mode")).tuples[0][0])


def in_header(path: str) -> tuple[int, int]:
    header = Path(path).read_bytes()
    return header[18], header[19]


@pytest.mark.parametrize("mode", MODES)
def test_a_file_is_written_in_the_mode_that_is_asked_for(both: Both, path: str, mode: str) -> None:
    client = both.open(path, is_durable=True, journal_mode=mode)
    both(client.execute("CREATE TABLE t (v)"))
    assert mode_of(both, client) == mode
    # NORMAL is safe against a power cut with WAL only.
    assert both(client.execute("PRAGMA synchronous")).tuples == [(1 if mode == "wal" else 2,)]
    both(client.close())
    assert in_header(path) == ((2, 2) if mode == "wal" else (1, 1))


@pytest.mark.parametrize("mode", MODES)
def test_a_file_in_another_mode_is_switched_at_the_first_write(both: Both, path: str, mode: str) -> None:
    for before in ("wal", "delete"):
        with outside(path) as connection:
            connection.execute(f"PRAGMA journal_mode={before}")
            connection.execute("CREATE TABLE IF NOT EXISTS t (v)")
        client = both.open(path, journal_mode=mode)
        both(client.execute("INSERT INTO t VALUES (1)"))
        assert mode_of(both, client) == mode
        both(client.close())


def test_a_file_that_is_in_use_stays_as_it_is(both: Both, path: str, caplog: pytest.LogCaptureFixture) -> None:
    first = both.open(path)
    both(first.execute("CREATE TABLE t (v)"))
    client = both.open(path, journal_mode="delete", busy_timeout=0.1)
    with caplog.at_level(logging.WARNING, "agentdb"):
        both(client.execute("INSERT INTO t VALUES (1)"))
    assert mode_of(both, client) == "wal"
    assert "stays in its journal mode" in caplog.text


@pytest.mark.parametrize("wrong", ["memory", "off", "WAL", "", None, 1])
def test_any_other_mode_is_refused(both: Both, path: str, wrong: object) -> None:
    with pytest.raises(InvalidArgumentError, match="wal, delete, truncate, persist"):
        both.open(path, journal_mode=wrong)


def test_a_database_takes_it_too(path: str) -> None:
    with AgentDB.open(path, journal_mode="truncate") as db:
        assert db.client.execute("PRAGMA journal_mode").tuples == [("truncate",)]


# -- no shared memory


def loop(path: str) -> None:
    """-shm cannot be opened at all."""
    os.symlink(f"{path}-shm", f"{path}-shm")


def folder(path: str) -> None:
    """-shm can be opened, and not be written."""
    os.mkdir(f"{path}-shm")


OBSTACLES = [
    loop,
    pytest.param(folder, marks=pytest.mark.skipif(sys.platform != "linux", reason="as Linux opens folders")),
]


@pytest.mark.parametrize("foreseen", [True, False])
@pytest.mark.parametrize("obstruct", OBSTACLES)
def test_a_file_for_which_there_is_no_shared_memory_stays_in_the_rollback_journal_or_comes_back_to_it(
    both: Both,
    path: str,
    obstruct: Callable[[str], None],
    foreseen: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """foreseen: False where what is tried before the switch goes well, and SQLite fails all the same."""
    obstruct(path)
    if not foreseen:
        monkeypatch.setattr(journal_mode, "wal_is_possible", lambda _: True)
    client = both.open(path, is_durable=True)
    with caplog.at_level(logging.WARNING, "agentdb"):
        both(client.batch(["CREATE TABLE t (v)", "INSERT INTO t VALUES (1)"]))
    assert caplog.text.count("journal_mode='delete'") == 1
    both(client.execute("INSERT INTO t VALUES (2)"))
    assert mode_of(both, client) == "delete"
    assert both(client.execute("PRAGMA synchronous")).tuples == [(2,)]
    assert in_header(path) == (1, 1)
    assert rows(path) == [(1,), (2,)]  # anybody can use it
    transaction = both.begin(client)
    both(transaction.execute("INSERT INTO t VALUES (3)"))
    both(transaction.commit())
    assert rows(path) == [(1,), (2,), (3,)]


def test_nothing_is_left_of_what_is_tried_before_the_switch(both: Both, path: str) -> None:
    client = both.open(path)
    both(client.execute("CREATE TABLE t (v)"))
    assert {found.name for found in Path(path).parent.iterdir()} == {"test.db", "test.db-wal", "test.db-shm"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of the memory that can be mapped")
def test_a_folder_whose_files_cannot_be_mapped_is_seen_before_the_switch(path: str) -> None:
    """Where no address space is left, no file can be mapped; the file system need not be a special one."""
    program = """
import fcntl, mmap, resource, sqlite3, sys, agentdb.clients.local.journal_mode as journal_mode
assert journal_mode.wal_is_possible(sys.argv[1])
with open("/proc/self/statm") as status:
    used = int(status.read().split()[0]) * resource.getpagesize()
journal_mode._SHM_SIZE = 1 << 30
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 28), -1))
assert not journal_mode.wal_is_possible(sys.argv[1])
"""
    subprocess.run([sys.executable, "-c", program, path], check=True)
    assert list(Path(path).parent.iterdir()) == []


def test_a_client_tries_wal_once_only(both: Both, path: str, caplog: pytest.LogCaptureFixture) -> None:
    loop(path)
    client = both.open(path)
    both(client.execute("CREATE TABLE t (v)"))
    caplog.clear()
    with caplog.at_level(logging.WARNING, "agentdb"):
        client.close_idle_files()  # as before a fork: the next connection is a new one
        both(client.execute("INSERT INTO t VALUES (1)"))
    assert caplog.text == ""
    assert rows(path) == [(1,)]


@pytest.mark.parametrize("in_wal", [False, True])
def test_a_file_that_was_left_in_wal_there_is_made_usable_and_nothing_of_it_is_lost(
    both: Both, path: str, in_wal: bool
) -> None:
    """in_wal: its last rows are in its -wal, after a crash, or as it was copied."""
    program = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("CREATE TABLE t (v)")
connection.execute("INSERT INTO t VALUES (1)")
if sys.argv[2] == "True":
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", program, path, str(in_wal)], check=True)
    assert Path(f"{path}-wal").exists() is in_wal
    Path(f"{path}-shm").unlink(missing_ok=True)
    loop(path)
    with pytest.raises(sqlite3.OperationalError), outside(path) as connection:
        connection.execute("SELECT * FROM t")
    client = both.open(path)
    assert both(client.execute("SELECT v FROM t")).tuples == [(1,)]
    both(client.execute("INSERT INTO t VALUES (2)"))
    assert in_header(path) == (1, 1)
    assert rows(path) == [(1,), (2,)]


def test_a_reader_changes_nothing_where_there_is_no_shared_memory(both: Both, path: str) -> None:
    client = both.open(path)
    both(client.execute("CREATE TABLE t (v)"))
    both(client.close())
    loop(path)
    before = Path(path).read_bytes()
    with pytest.raises(StorageError):
        both.open(path, read_only=True)
    assert Path(path).read_bytes() == before


STARTS_AGAIN_AND_AGAIN = """
import sys
from agentdb import create_client_sync
print("ready", flush=True)
while sys.stdin.read(1):
    with create_client_sync(sys.argv[1]) as client:
        client.execute("INSERT INTO t VALUES (2)")
    print("done", flush=True)
"""


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_other_processes_that_start_there_do_no_harm(both: Both, path: str, journal_mode: str) -> None:
    """A switch to WAL, if only for a moment, would lock everybody out: whoever has the file open cannot go on, or let go."""
    loop(path)
    client = both.open(path, journal_mode=journal_mode)
    both(client.execute("CREATE TABLE t (v)"))
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_AGAIN_AND_AGAIN, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        written = 0
        for _ in range(25):
            other.stdin.write("x")
            other.stdin.flush()
            for _ in range(20):
                both(client.execute("SELECT count(*) FROM t"))
                both(client.execute("INSERT INTO t VALUES (1)"))
                written += 1
            assert other.stdout.readline() == "done\n"
        other.stdin.close()
        assert other.wait() == 0
    assert both(client.execute("SELECT v, count(*) FROM t GROUP BY v")).tuples == [(1, written), (2, 25)]
    assert in_header(path) == (1, 1)


# -- what it is called


def fault(name: str, code: int, text: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname = name
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SQLITE_PROTOCOL", 15),
        ("SQLITE_IOERR_SHMOPEN", 4618),
        ("SQLITE_IOERR_SHMSIZE", 4874),
        ("SQLITE_IOERR_SHMLOCK", 5130),
        ("SQLITE_IOERR_SHMMAP", 5386),
    ],
)
def test_an_error_of_the_locks_beside_the_file_is_not_called_another_writer(path: str, name: str, code: int) -> None:
    told = translate(fault(name, code, "locking protocol"), path)
    assert not isinstance(told, BusyError)
    assert isinstance(told, StorageError)
    assert (told.code, told.engine_code) == ("wal_unavailable", name)
    assert "another writer" not in str(told)
    assert "journal_mode='delete'" in told.remedy
