"""Writers, starters and restorers on one file: no acknowledged row is lost, but those that a restore says it has replaced."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import agentdb

SECONDS = 60

#: Each says on a line of its own what it has been told is done, once it has been told.
WRITER = """
import json, sqlite3, sys, time
path, name, end = sys.argv[1], sys.argv[2], time.time() + float(sys.argv[3])
number = 0
while time.time() < end:
    try:
        connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None, timeout=5)
        for sql in (["PRAGMA journal_mode=WAL"] if number % 2 else []):
            connection.execute(sql).fetchall()
        for _ in range(20):
            number += 1
            connection.execute("INSERT INTO t VALUES (?)", (f"{name}-{number}",))
            print(json.dumps(f"{name}-{number}"), flush=True)
        connection.close()
    except sqlite3.OperationalError as error:
        assert "locked" in str(error) or "unable to open" in str(error), error
    time.sleep(0.03)
"""
STARTER = """
import json, sys, time
from agentdb import create_client_sync
from agentdb.errors import BusyError
path, name, end = sys.argv[1], sys.argv[2], time.time() + float(sys.argv[3])
number = 0
while time.time() < end:
    try:
        with create_client_sync(path) as client:
            number += 1
            client.execute("INSERT INTO t VALUES (?)", [f"{name}-{number}"])
            print(json.dumps(f"{name}-{number}"), flush=True)
    except BusyError:
        pass
    time.sleep(0.02)
"""
RESTORER = """
import json, os, sys, time
import agentdb
from agentdb.errors import BackupError, BusyError
path, name, end = sys.argv[1], sys.argv[2], time.time() + float(sys.argv[3])
if sys.argv[5] == "hidden":
    real = os.listdir
    os.listdir = lambda place=".": [] if str(place).startswith("/proc") else real(place)
while time.time() < end:
    try:
        print(json.dumps({"replaced": agentdb.restore(database=path, backup=sys.argv[4]).replaced}), flush=True)
    except BusyError:
        print(json.dumps({"refused": "busy"}), flush=True)
    except BackupError as error:
        assert error.code == "file_in_use", error
        print(json.dumps({"refused": error.code}), flush=True)
    time.sleep(0.1)
"""


def held(path: Path | str) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {row for (row,) in connection.execute("SELECT x FROM t")}


@pytest.mark.soak
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("proc", ["seen", "hidden"])
def test_no_acknowledged_row_is_lost_that_no_restore_announced(tmp_path: Path, proc: str) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES ('first')")
        connection.commit()
    backup = agentdb.backup(path, tmp_path / "kept.db")
    programs = [WRITER] * 3 + [STARTER] * 2 + [RESTORER] * 2
    root = Path(agentdb.__file__).parents[1]
    started = []
    for number, program in enumerate(programs):
        with open(tmp_path / f"{number}.out", "wb") as out, open(tmp_path / f"{number}.err", "wb") as err:
            command = [sys.executable, "-c", program, path, f"p{number}", str(SECONDS), backup, proc]
            started.append(
                subprocess.Popen(command, stdout=out, stderr=err, env={**os.environ, "PYTHONPATH": str(root)})
            )
    try:
        for number, process in enumerate(started):
            assert process.wait(SECONDS + 60) == 0, (tmp_path / f"{number}.err").read_text()
    finally:
        for process in started:
            process.kill()
            process.wait()
    said = [[json.loads(line) for line in (tmp_path / f"{n}.out").read_text().splitlines()] for n in range(7)]
    acknowledged = {row for lines in said[:5] for row in lines}
    announced = [line["replaced"] for lines in said[5:] for line in lines if "replaced" in line]
    left = {str(file) for file in tmp_path.glob("a.db.replaced-*")}
    print(f"{len(acknowledged)} rows, {len(announced)} restores of {sum(map(len, said[5:]))} tries")
    assert len(acknowledged) > 500
    assert len(announced) > 5
    assert left == set(announced)  # what was refused has left nothing
    kept = set[str]().union(*[held(file) for file in announced])
    assert acknowledged - held(path) - kept == set()
