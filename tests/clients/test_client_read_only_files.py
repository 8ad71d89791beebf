"""Files that a user may only read: never stale, never in the middle of a write, or a clear error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_harness import outside, rows, run_python

from agentdb import create_client_sync

NOBODY = 65534
pytestmark = pytest.mark.skipif(not hasattr(os, "setuid") or os.getuid() != 0, reason="drops root")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that another user can reach, and not write; pytest's own is for its user alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


#: 2,000 rows whose sum is 2,000,000; then a process that dies in the middle of a change of all.
DIES = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(f"PRAGMA journal_mode={sys.argv[2]}")
connection.execute("CREATE TABLE t (v, filler)")
connection.execute("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000) "
                   "INSERT INTO t SELECT 1000, zeroblob(300) FROM c")
connection.execute("PRAGMA cache_size=5")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE t SET v = 0 WHERE rowid < 1500")
os.kill(os.getpid(), 9)
"""


def left_in_the_middle(file: Path, journal_mode: str) -> None:
    dead = subprocess.run([sys.executable, "-c", DIES, file, journal_mode], check=False)
    assert dead.returncode == -9
    assert Path(f"{file}-journal").stat().st_size > 0
    for found in file.parent.iterdir():
        found.chmod(0o644)


UNFINISHED = " ".join(["recovery_needed"] * 2) + " "
#: Opens a file twice, and says the sum or the code of the error.
SUMS = """
import sys
from agentdb import create_client_sync
from agentdb.errors import StorageError
for read_only in (False, True):
    try:
        with create_client_sync(sys.argv[1], read_only=read_only) as client:
            print(client.execute("SELECT sum(v) FROM t").tuples[0][0], end=" ")
    except StorageError as error:
        assert sys.argv[1] in error.message and len(error.remedy) > 20
        print(error.code, end=" ")
"""


@pytest.mark.parametrize("journal_mode", ["delete", "truncate", "persist"])
def test_a_write_left_unfinished_is_not_read_by_whoever_may_not_roll_it_back(place: Path, journal_mode: str) -> None:
    file = place / "a.db"
    left_in_the_middle(file, journal_mode)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    assert run_python(SUMS, str(file), user=NOBODY) == UNFINISHED
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    with create_client_sync(file) as client:  # whoever may write it
        assert client.execute("SELECT sum(v) FROM t").tuples == [(2_000_000,)]
    assert run_python(SUMS, str(file), user=NOBODY) == "2000000 2000000 "


def test_a_journal_that_may_not_even_be_read_counts_as_unfinished(place: Path) -> None:
    file = place / "a.db"
    left_in_the_middle(file, "delete")
    Path(f"{file}-journal").chmod(0o600)
    assert run_python(SUMS, str(file), user=NOBODY) == UNFINISHED


BACKS_UP = f"""
import contextlib, datetime, os, shutil, sys, urllib.parse
from agentdb import backup
from agentdb.errors import BackupError
os.setgroups([]); os.setuid({NOBODY})
try:
    backup(sys.argv[1], sys.argv[2])
except BackupError as error:
    print(error.code, "middle of a write" in error.message)
"""


def test_a_write_left_unfinished_is_not_backed_up(place: Path) -> None:
    file = place / "a.db"
    left_in_the_middle(file, "delete")
    target = place / "to"
    target.mkdir()
    target.chmod(0o777)
    assert run_python(BACKS_UP, str(file), str(target / "b")) == "backup_failed True\n"
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("folder_mode", [0o755, 0o777])
def test_a_closed_wal_file_is_refused_and_nothing_is_left_beside_it(place: Path, folder_mode: int) -> None:
    file = place / "a.db"
    with create_client_sync(file) as client:
        client.execute("CREATE TABLE t (v)")
    file.chmod(0o644)
    place.chmod(folder_mode)
    assert run_python(SUMS, str(file), user=NOBODY) == "read_only read_only "
    assert list(place.iterdir()) == [file]


READER = """
import sys
from agentdb import create_client_sync
with create_client_sync(sys.argv[1]) as client:
    print("ready", flush=True)
    for line in sys.stdin:
        print(*client.execute("SELECT count(*), sum(v) FROM t").tuples[0], flush=True)
"""


@pytest.mark.parametrize("wal", [True, False])
def test_a_reader_without_the_right_to_write_sees_every_commit(place: Path, wal: bool) -> None:
    file = place / "a.db"
    with create_client_sync(file, journal_mode="wal" if wal else "delete") as client:
        client.execute("CREATE TABLE t (v)")
        client.batch(["INSERT INTO t VALUES (1)"] * 300)
        for path in place.iterdir():
            path.chmod(0o644)
        program = f"import os, agentdb.clients.local.sync_client, urllib.parse\nos.setgroups([]); os.setuid({NOBODY})\n{READER}"
        with subprocess.Popen(
            [sys.executable, "-c", program, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as reader:
            assert reader.stdin is not None
            assert reader.stdout is not None

            def asked() -> str:
                assert reader.stdin is not None
                assert reader.stdout is not None
                reader.stdin.write("\n")
                reader.stdin.flush()
                return reader.stdout.readline()

            assert reader.stdout.readline() == "ready\n"
            assert asked() == "300 300\n"
            for number in range(301, 341):
                client.batch(
                    [f"INSERT INTO t VALUES ({number})", f"UPDATE t SET v = v - {number} WHERE rowid = {number}"]
                )
                if wal and number % 10 == 0:
                    client.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                assert asked() == f"{number} 300\n"
            reader.stdin.close()
            assert reader.wait() == 0


# -- a medium that nobody can write


def in_a_room_of_its_own(place: Path, *steps: str, program: str = SUMS, file: Path) -> str:
    """What the program says where these mounts are, which nobody else sees."""
    script = " && ".join([*steps, 'exec "$0" -c "$1" "$2"'])
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, sys.executable, program, file],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 and ("unshare" in done.stderr or "mount" in done.stderr):
        pytest.skip(f"mounts are not permitted here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def on_a_read_only_medium(place: Path, source: Path) -> str:
    disk = place / "disk"
    disk.mkdir()
    return in_a_room_of_its_own(
        place,
        f"mount -t tmpfs tmpfs {disk}",
        f"cp {source}* {disk}/",
        f"mount -o remount,ro {disk}",
        file=disk / source.name,
    )


needs_mounts = pytest.mark.skipif(shutil.which("unshare") is None, reason="needs mounts of its own")


@needs_mounts
@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_a_read_only_medium_is_read(place: Path, journal_mode: str) -> None:
    source = place / "a.db"
    with create_client_sync(source, journal_mode=journal_mode) as client:
        client.execute("CREATE TABLE t (v)")
        client.execute("INSERT INTO t VALUES (7)")
    assert on_a_read_only_medium(place, source) == "7 7 "


@needs_mounts
def test_a_write_left_unfinished_on_a_read_only_medium_is_not_read(place: Path) -> None:
    source = place / "a.db"
    left_in_the_middle(source, "delete")
    assert on_a_read_only_medium(place, source) == UNFINISHED


@needs_mounts
def test_what_only_the_wal_file_of_a_read_only_medium_holds_is_not_left_out(place: Path) -> None:
    source = place / "a.db"
    with outside(str(source)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (v)")
        connection.execute("PRAGMA wal_checkpoint")
        connection.execute("INSERT INTO t VALUES (7)")
        assert on_a_read_only_medium(place, source) == "7 7 "
        (place / "b.db").write_bytes(source.read_bytes())
        (place / "b.db-wal").write_bytes(Path(f"{source}-wal").read_bytes())
        (place / "disk").rmdir()
        assert on_a_read_only_medium(place, place / "b.db") == "read_only read_only "


@needs_mounts
def test_a_read_only_view_of_a_folder_that_others_write_is_current(place: Path) -> None:
    folder, view = place / "folder", place / "view"
    folder.mkdir()
    view.mkdir()
    with create_client_sync(folder / "a.db") as client:
        client.execute("CREATE TABLE t (v)")
        client.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        client.execute("INSERT INTO t VALUES (7)")
        steps = (f"mount --bind {folder} {view}", f"mount -o remount,bind,ro {view}")
        assert in_a_room_of_its_own(place, *steps, file=view / "a.db") == "7 7 "
    # Closed, it can be opened by others at any time: without a lock it is not read.
    assert in_a_room_of_its_own(place, *steps, file=view / "a.db") == "read_only read_only "
    assert rows(str(folder / "a.db")) == [(7,)]
