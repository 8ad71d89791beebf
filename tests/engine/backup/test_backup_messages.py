"""What people read when a backup or a restore cannot be: each message says what, where, and what to do next.

Read this file from top to bottom as a reviewer of words. `FILE` stands for the path of the database.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, caught, make

import agentdb
from agentdb.errors import REMEDIES, AgentDBError

Situation = Callable[[Database, Path], AgentDBError]
SITUATIONS: list[Any] = []


def situation(expected: str) -> Callable[[Situation], Situation]:
    """Registers a situation with the text that a person gets."""

    def register(function: Situation) -> Situation:
        SITUATIONS.append(pytest.param(function, expected.strip(), id=function.__name__))
        return function

    return register


def upgrade(db: Database, **options: Any) -> AgentDBError:
    return caught(db.migrator([make(1), make(2)], **options).migrate)


@situation("""
no backup of FILE could be made: FILE.backups: File exists
Nothing was changed. Make room or give the right to write there, or keep backups in another place with \
Migrator(…, backup_dir=FOLDER); backup=False makes none. [backup_failed]
""")
def no_folder(db: Database, path: Path) -> AgentDBError:
    Path(f"{path}.backups").touch()
    return upgrade(db)


@situation("""
a copy of FILE needs 9,675,702 MB in FILE.backups, and N MB are free
Free some space there, or keep backups in another place with Migrator(…, backup_dir=FOLDER); backup=False makes none. \
[backup_no_space]
""")
def no_space(db: Database, path: Path) -> AgentDBError:
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    try:
        os.truncate(f"{path}-wal", 2**43)
        return upgrade(db)
    except OSError as error:
        pytest.skip(f"no such file here: {error}")
    finally:
        os.truncate(f"{path}-wal", 0)


@situation("""
no backup of FILE could be made: FILE.backups/agents.db.lock (or the -wal and -shm files beside it) cannot be opened: \
unable to open database file
Nothing was changed. Make room or give the right to write there, or keep backups in another place with \
Migrator(…, backup_dir=FOLDER); backup=False makes none. [backup_failed]
""")
def no_lock(db: Database, path: Path) -> AgentDBError:
    Path(f"{path}.backups/agents.db.lock").mkdir(parents=True)
    return upgrade(db)


@situation("""
backup is 0; it is True or False
Name the folder of the backups with backup_dir=, and how many are kept with keep_backups=. [invalid_argument]
""")
def no_setting(db: Database, path: Path) -> AgentDBError:
    return caught(db.migrator, [make(1)], backup=0)


@situation("""
FILE is there already
Name a file that does not exist. [already_exists]
""")
def a_backup_over_a_file(db: Database, path: Path) -> AgentDBError:
    return caught(agentdb.backup, path, path)


@situation("""
a database in memory has no file to back up or to restore
Pass a value that the documentation of this call allows. [invalid_argument]
""")
def in_memory(db: Database, path: Path) -> AgentDBError:
    return caught(agentdb.backup, ":memory:")


@situation("""
FILE is in use by this process
Close every program that has it open, then try again; nothing was changed. [file_in_use]
""")
def a_restore_in_use(db: Database, path: Path) -> AgentDBError:
    return caught(agentdb.restore, database=path, backup=agentdb.backup(path))


@situation("""
FILE.txt is not a SQLite database: file is not a database in: PRAGMA synchronous=NORMAL
Name a whole SQLite database, for instance one of those in the folder DATABASE.backups. [not_a_backup]
""")
def no_backup(db: Database, path: Path) -> AgentDBError:
    Path(f"{path}.txt").write_text("notes " * 1000)
    db.wait(db.client.close())
    return caught(agentdb.restore, database=path, backup=f"{path}.txt")


@situation("""
FILE.empty is an empty database
Name a whole SQLite database, for instance one of those in the folder DATABASE.backups. [not_a_backup]
""")
def an_empty_backup(db: Database, path: Path) -> AgentDBError:
    Path(f"{path}.empty").touch()
    db.wait(db.client.close())
    return caught(agentdb.restore, database=path, backup=f"{path}.empty")


@situation("""
the copy of FILE.holed at FILE.restoring is not whole: database disk image is malformed
Choose another backup; nothing was changed. [backup_damaged]
""")
def a_damaged_backup(db: Database, path: Path) -> AgentDBError:
    db.wait(db.client.close())
    whole = path.read_bytes()
    Path(f"{path}.holed").write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    return caught(agentdb.restore, database=path, backup=f"{path}.holed")


@situation("""
FILE is the database itself
Name a whole SQLite database, for instance one of those in the folder DATABASE.backups. [not_a_backup]
""")
def itself(db: Database, path: Path) -> AgentDBError:
    return caught(agentdb.restore, database=path, backup=path)


@pytest.mark.parametrize(("function", "expected"), SITUATIONS)
def test_the_message_is(function: Situation, expected: str, open_database: Callable[..., Database], path: Path) -> None:
    db = open_database()
    db.migrator([make(1)]).migrate()
    error = function(db, path)
    assert error.code in REMEDIES
    assert re.sub(r"and [\d,]+ MB", "and N MB", str(error).replace(str(path), "FILE")) == expected
