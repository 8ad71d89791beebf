"""A damaged database is told as one, whoever asks, and its good backup can always be put in its place."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from engine_harness import ask

import agentdb
from agentdb import AgentDB
from agentdb.errors import AgentDBError, MigrationError, StorageError


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a database with the built-in tables and one session."""
    path = tmp_path_factory.mktemp("good") / "agents.db"
    with AgentDB.open(path) as db:
        db.agents.create(name="kept", model="m")
    return Path(agentdb.backup(path, path.with_name("kept.db")))


def with_format(content: bytearray) -> None:
    content[44:48] = (5).to_bytes(4, "big")


def with_write_version(content: bytearray) -> None:
    content[18] = 3


def with_read_version(content: bytearray) -> None:
    content[19] = 2  # of WAL, where the write version is of the rollback journal


def without_header(content: bytearray) -> None:
    content[:16] = bytes(16)


def _agents(content: bytearray) -> int:
    """Where the schema defines the table; the tracking table holds the same text."""
    found = re.search(rb"tableagentsagents.{1,4}(?=CREATE TABLE agents)", content, re.DOTALL)
    assert found
    return found.end()


def in_a_keyword(content: bytearray) -> None:
    content[_agents(content) + 3] = 0xFF


def in_a_name(content: bytearray) -> None:
    content[_agents(content) + 14] = 0xFF


def in_a_column(content: bytearray) -> None:
    content[_agents(content) + 40] = 0xFF


def in_the_type(content: bytearray) -> None:
    content[_agents(content) - 20] = 0xFF


TOLD = [with_format, without_header, in_a_keyword, in_a_name, in_a_column]
DAMAGE = [*TOLD, in_the_type, with_write_version, with_read_version]


def damaged(backup: Path, path: Path, damage: Callable[[bytearray], None]) -> bytes:
    content = bytearray(backup.read_bytes())
    damage(content)
    path.write_bytes(content)
    return bytes(content)


@pytest.mark.parametrize("damage", TOLD)
def test_a_damaged_schema_is_a_storage_error_everywhere(
    backup: Path, path: Path, damage: Callable[[bytearray], None]
) -> None:
    before = damaged(backup, path, damage)
    for migrate in (True, False):
        with pytest.raises(StorageError) as caught:
            AgentDB.open(path, migrate=migrate)
        assert caught.value.code in ("corrupt", "not_a_database")
        assert str(path) in caught.value.message
        assert "backup" in caught.value.remedy
    for command in ("status", "migrate"):
        done = subprocess.run(
            [sys.executable, "-m", "agentdb", command, path],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
        )
        assert done.returncode == 1, done.stderr
        assert "corrupt" in done.stderr or "not_a_database" in done.stderr
        assert "Traceback" not in done.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", DAMAGE)
def test_its_good_backup_replaces_it(backup: Path, path: Path, damage: Callable[[bytearray], None]) -> None:
    before = damaged(backup, path, damage)
    inode = path.stat().st_ino
    restored = agentdb.restore(database=path, backup=backup)
    assert restored.replaced is not None
    if damage in TOLD:
        assert Path(restored.replaced).read_bytes() == before
    assert path.stat().st_ino == inode
    check_whole(path)


def check_whole(path: Path) -> None:
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    with AgentDB.open(path) as db:
        assert "kept" in [agent.name for agent in db.agents.list().items]


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_of_the_first_pages(backup: Path, path: Path, seed: int) -> None:
    """The header, the schema, and what stands behind: success, or an error that says that the database is damaged."""
    chance = random.Random(seed)

    def flip(content: bytearray) -> None:
        for _ in range(chance.choice((1, 1, 3, 30))):
            content[chance.randrange(chance.choice((100, 8192)))] = chance.randrange(256)

    refused = []
    for _ in range(25):
        content = damaged(backup, path, flip)
        try:
            with AgentDB.open(path) as db:
                db.migrator.get_migration_summary()
        except AgentDBError as error:
            refused.append((type(error), error.code))
        for suffix in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.write_bytes(content)
        agentdb.restore(database=path, backup=backup)
        check_whole(path)
    assert len(refused) > 3
    assert set(refused) <= {
        (StorageError, "corrupt"),
        (StorageError, "not_a_database"),
        (MigrationError, "foreign_table"),  # rows of the tracking table are on these pages, too
        (MigrationError, "checksum_mismatch"),
        (MigrationError, "corrupt"),
    }
