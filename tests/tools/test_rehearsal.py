from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import agentdb
from agentdb import AgentDB, Migration, MigrationSet, Migrator, create_client_sync
from agentdb.errors import AgentDBError
from agentdb.tools.rehearsal import rehearse

FIRST = Migration("001", "notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)", "DROP TABLE notes")
INDEX = Migration("002", "index", "CREATE INDEX notes_by_text ON notes (text)", "DROP INDEX notes_by_text")
EMPTIES = Migration("003", "empties", "DELETE FROM notes WHERE id > 10")


def notes(*migrations: Migration) -> MigrationSet:
    return MigrationSet("notes", migrations)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    with create_client_sync(path) as client:
        Migrator(client, notes(FIRST)).migrate()
        client.batch([("INSERT INTO notes (text) VALUES (?)", ("x" * 100,))] * 200)
    return path


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def test_it_tells_what_the_real_run_does_and_changes_nothing(path: Path) -> None:
    before = bytes_of(path.parent)
    found = rehearse(path, [notes(FIRST, INDEX)])
    assert bytes_of(path.parent) == before
    assert found.is_good
    assert [result.migration.id for result in found.results] == ["002"]
    assert [(one.name, one.change) for one in found.schema] == [("notes_by_text", "unexpected")]
    assert [(one.table, one.before, one.after) for one in found.tables] == [("notes", 200, 200)]
    assert found.space_needed >= found.size_before + found.wal_peak > found.size_before
    assert found.copy is None


def test_a_failure_is_told_and_not_raised(path: Path) -> None:
    found = rehearse(path, [notes(FIRST, INDEX, EMPTIES)])
    assert not found.is_good
    assert found.error is not None
    assert found.error.code == "data_loss"
    assert [(result.migration.id, result.success) for result in found.results] == [("002", True), ("003", False)]
    assert os.listdir(path.parent) == ["a.db"]


def test_new_violations_are_told_and_old_ones_are_not(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE old (note INTEGER REFERENCES notes (id))")
        connection.execute("INSERT INTO old VALUES (999)")
    assert rehearse(path, [notes(FIRST, INDEX)]).violations == ()


def test_a_kept_copy_has_the_migrations(path: Path) -> None:
    found = rehearse(path, [notes(FIRST, INDEX)], keep=True)
    assert found.copy is not None
    with create_client_sync(found.copy) as client:
        assert Migrator(client, notes(FIRST, INDEX)).get_migration_summary().pending_migrations == 0


def test_with_several_sets_each_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    AgentDB.open(path).close()
    own = MigrationSet("own", [Migration("001", "own", "CREATE TABLE own (agent_id TEXT REFERENCES agents (id))")])
    found = rehearse(path, [agentdb.migrations, own])
    assert [result.migration.description for result in found.results] == ["own"]


def test_a_writer_goes_on_meanwhile(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO notes (text) VALUES ('not committed')")
        found = rehearse(path, [notes(FIRST, INDEX)])
        writer.execute("COMMIT")
    assert found.tables[0].before == 200


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: path.unlink(), "file_missing"),
        (lambda path: path.write_bytes(b"no database" * 1000), "backup_failed"),
    ],
)
def test_what_cannot_be_copied_leaves_nothing(path: Path, make: Callable[[Path], Any], code: str) -> None:
    make(path)
    before = os.listdir(path.parent)
    with pytest.raises(AgentDBError) as raised:
        rehearse(path, [notes(FIRST, INDEX)])
    assert raised.value.code == code
    assert os.listdir(path.parent) == before


def test_a_folder_that_is_not_there_is_told(path: Path) -> None:
    with pytest.raises(AgentDBError, match="no folder for a copy") as raised:
        rehearse(path, [notes(FIRST)], folder=path.parent / "none")
    assert raised.value.code == "backup_failed"


def test_a_disk_that_is_full_is_told_and_leaves_nothing(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO notes (text) SELECT zeroblob(2000) FROM notes")
    code = f"""
import signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_rehearsal import *
try:
    rehearse({str(path)!r}, [notes(FIRST, INDEX)])
except AgentDBError as error:
    print(error.code)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)),
    )
    assert done.stdout.split() in (["disk_full"], ["io_error"], ["backup_failed"]), done.stderr
    assert os.listdir(path.parent) == ["a.db"]
