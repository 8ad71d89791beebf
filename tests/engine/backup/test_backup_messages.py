"""What people read when a backup or a restore cannot be, in both worlds. The texts are in tests/error_table.py."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_harness import Database, caught, make
from error_table import expected

import agentdb
from agentdb.errors import AgentDBError

Situation = Callable[[Database, Path], AgentDBError]
SITUATIONS: list[Situation] = []


def situation(function: Situation) -> Situation:
    """Registers a situation, whose text is in error_table.py."""
    SITUATIONS.append(function)
    return function


def upgrade(db: Database, **options: Any) -> AgentDBError:
    return caught(db.migrator([make(1), make(2)], **options).migrate)


@situation
def a_file_in_the_place_of_the_backups(db: Database, path: Path) -> AgentDBError:
    Path(f"{path}.backups").touch()
    return upgrade(db)


@situation
def a_disk_too_small_for_a_backup(db: Database, path: Path) -> AgentDBError:
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    try:
        os.truncate(f"{path}-wal", 2**43)
        return upgrade(db)
    except OSError as error:
        pytest.skip(f"no such file here: {error}")
    finally:
        os.truncate(f"{path}-wal", 0)


@situation
def a_lock_of_backups_that_cannot_be_opened(db: Database, path: Path) -> AgentDBError:
    Path(f"{path}.backups/agents.db.lock").mkdir(parents=True)
    return upgrade(db)


@situation
def a_number_for_backup(db: Database, path: Path) -> AgentDBError:
    return caught(db.migrator, [make(1)], backup=0)


@situation
def a_backup_over_a_file(db: Database, path: Path) -> AgentDBError:
    return caught(agentdb.backup, path, path)


@situation
def a_backup_of_a_database_in_memory(db: Database, path: Path) -> AgentDBError:
    return caught(agentdb.backup, ":memory:")


@situation
def a_restore_in_use(db: Database, path: Path) -> AgentDBError:
    return caught(agentdb.restore, database=path, backup=agentdb.backup(path))


@situation
def a_restore_from_a_text_file(db: Database, path: Path) -> AgentDBError:
    Path(f"{path}.txt").write_text("notes " * 1000)
    db.wait(db.client.close())
    return caught(agentdb.restore, database=path, backup=f"{path}.txt")


@situation
def a_restore_from_an_empty_file(db: Database, path: Path) -> AgentDBError:
    Path(f"{path}.empty").touch()
    db.wait(db.client.close())
    return caught(agentdb.restore, database=path, backup=f"{path}.empty")


@situation
def a_restore_from_a_damaged_file(db: Database, path: Path) -> AgentDBError:
    db.wait(db.client.close())
    whole = path.read_bytes()
    Path(f"{path}.holed").write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    return caught(agentdb.restore, database=path, backup=f"{path}.holed")


@situation
def a_restore_from_the_database_itself(db: Database, path: Path) -> AgentDBError:
    return caught(agentdb.restore, database=path, backup=path)


@pytest.mark.parametrize("function", SITUATIONS, ids=lambda function: function.__name__)
def test_the_message_is(function: Situation, open_database: Callable[..., Database], path: Path) -> None:
    db = open_database()
    db.migrator([make(1)]).migrate()
    text = str(function(db, path)).replace(str(path), "FILE")
    assert re.sub(r"and [\d,]+ MB", "and N MB", text) == expected(function)
