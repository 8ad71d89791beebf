"""Files, folders and disks that cannot be what they should: a clear error, nothing changed, and all well afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentdb import AsyncMigrator, Migrator, create_client, create_client_sync
from agentdb.errors import MigrationError
from system import upgrade
from system.processes import run
from system.worker import contents

WORLDS = ("sync", "async")
JOURNAL_MODES = ("WAL", "DELETE")
NOBODY = 65534

pytestmark = pytest.mark.parametrize("world", WORLDS)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that a process without privileges can reach and own, unlike pytest's own."""
    outer = Path(tempfile.mkdtemp(prefix="agentdb-test-"))
    outer.chmod(0o755)
    inner = outer / "folder"
    inner.mkdir()
    yield inner
    inner.chmod(0o755)
    shutil.rmtree(outer)


def give_away(*paths: Path) -> None:
    """To the user that the process under test becomes, where these tests run as root, for whom nothing is forbidden."""
    if os.getuid() == 0:
        for path in paths:
            os.chown(path, NOBODY, NOBODY)


def attempt(path: Path, world: str) -> dict[str, Any]:
    """What a start without privileges gets."""
    return run("migrate", path=str(path), world=world, as_nobody=True)


def check_error(answer: dict[str, Any], kind: str, code: str, path: Path) -> None:
    assert (answer.get("error"), answer.get("code")) == (kind, code), answer
    assert str(path) in answer["message"]
    assert len(answer["remedy"]) > 20


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_read_only_file(world: str, journal_mode: str, folder: Path) -> None:
    path = folder / "a.db"
    upgrade.create(path, applied=3, journal_mode=journal_mode)
    give_away(folder, path)
    path.chmod(0o444)
    before = contents(folder)
    # A WAL file cannot be locked by a user who may only read it; any other can be read, and its migration fails.
    check_error(attempt(path, world), "StorageError" if journal_mode == "WAL" else "MigrationError", "read_only", path)
    assert contents(folder) == before
    path.chmod(0o644)
    assert len(attempt(path, world)["applied"]) == upgrade.STEPS - 3


def test_a_read_only_file_with_nothing_pending_is_no_error(world: str, folder: Path) -> None:
    path = folder / "a.db"
    upgrade.create(path, applied=upgrade.STEPS, journal_mode="DELETE")
    give_away(folder, path)
    path.chmod(0o444)
    before = contents(folder)
    assert attempt(path, world).get("applied") == []
    assert contents(folder) == before


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_read_only_folder(world: str, journal_mode: str, folder: Path) -> None:
    path = folder / "a.db"
    upgrade.create(path, applied=3, journal_mode=journal_mode)
    give_away(folder, path)
    folder.chmod(0o555)
    before = contents(folder)
    # A WAL file cannot even be read there; any other can, and its migration fails.
    check_error(attempt(path, world), "StorageError" if journal_mode == "WAL" else "MigrationError", "read_only", path)
    assert contents(folder) == before
    folder.chmod(0o755)
    assert len(attempt(path, world)["applied"]) == upgrade.STEPS - 3


def test_no_database_in_a_read_only_folder(world: str, folder: Path) -> None:
    path = folder / "new.db"
    give_away(folder)
    folder.chmod(0o555)
    check_error(attempt(path, world), "StorageError", "read_only", path)
    assert contents(folder) == {}
    folder.chmod(0o755)
    assert len(attempt(path, world)["applied"]) == upgrade.STEPS


def test_a_folder_that_may_not_be_entered(world: str, folder: Path) -> None:
    path = folder / "a.db"
    upgrade.create(path, applied=3, journal_mode="WAL")
    give_away(folder, path)
    before = contents(folder)
    folder.chmod(0o600)
    check_error(attempt(path, world), "StorageError", "cannot_open", path)
    assert contents(folder) == before
    folder.chmod(0o755)
    assert len(attempt(path, world)["applied"]) == upgrade.STEPS - 3


def test_a_folder_behind_one_that_may_not_be_entered_is_not_called_missing(world: str, folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    path = inner / "a.db"
    upgrade.create(path, applied=3, journal_mode="WAL")
    give_away(folder, inner, path)
    folder.chmod(0o600)
    check_error(attempt(path, world), "StorageError", "cannot_open", path)
    folder.chmod(0o755)
    assert len(attempt(path, world)["applied"]) == upgrade.STEPS - 3


def test_a_file_that_may_not_be_read(world: str, folder: Path) -> None:
    path = folder / "a.db"
    upgrade.create(path, applied=3, journal_mode="WAL")
    give_away(folder, path)
    before = contents(folder)
    path.chmod(0)
    answer = attempt(path, world)
    assert answer.get("code") in ("cannot_open", "read_only"), answer
    check_error(answer, "StorageError", answer["code"], path)
    assert contents(folder) == before
    path.chmod(0o644)
    assert len(attempt(path, world)["applied"]) == upgrade.STEPS - 3


# -- files of another kind


def half_of_a_database(path: Path) -> None:
    """Cut off in the middle of the pages that every start reads, and of all the others."""
    upgrade.create(path, applied=3, journal_mode="DELETE")
    os.truncate(path, path.stat().st_size // 2)


def first_page_of_a_database(path: Path) -> None:
    upgrade.create(path, applied=3, journal_mode="DELETE")
    os.truncate(path, 4096)


def piece_of_the_header(path: Path) -> None:
    upgrade.create(path, applied=0, journal_mode="DELETE")
    os.truncate(path, 60)


def text(path: Path) -> None:
    path.write_text("These are my notes, and not a database.\n" * 200)


def short_text(path: Path) -> None:
    path.write_text("notes\n")


def random_bytes(path: Path) -> None:
    path.write_bytes(os.urandom(8192))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (text, "not_a_database"),
        (short_text, "not_a_database"),
        (random_bytes, "not_a_database"),
        (piece_of_the_header, "corrupt"),
        (first_page_of_a_database, "corrupt"),
        (half_of_a_database, "corrupt"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_sound_database_is_named_and_left_alone(
    world: str, make: Callable[[Path], None], code: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    make(path)
    before = contents(tmp_path)
    answer = run("migrate", path=str(path), world=world)
    assert answer.get("error") in ("StorageError", "MigrationError"), answer
    assert answer["code"] == code
    assert str(path) in answer["message"]
    assert answer["remedy"]
    assert contents(tmp_path) == before
    path.unlink()
    assert len(run("migrate", path=str(path), world=world)["applied"]) == upgrade.STEPS


def test_a_directory(world: str, tmp_path: Path) -> None:
    check_error(run("migrate", path=str(tmp_path), world=world), "StorageError", "is_a_directory", tmp_path)
    assert contents(tmp_path) == {}


def test_a_missing_folder(world: str, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "a.db"
    check_error(run("migrate", path=str(path), world=world), "StorageError", "folder_missing", path.parent)
    assert contents(tmp_path) == {}
    path.parent.mkdir()
    assert len(run("migrate", path=str(path), world=world)["applied"]) == upgrade.STEPS


def test_a_file_where_the_folder_should_be(world: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    path = tmp_path / "file" / "a.db"
    check_error(run("migrate", path=str(path), world=world), "StorageError", "folder_missing", path.parent)
    assert list(contents(tmp_path)) == ["file"]


def test_a_zero_byte_file_is_a_new_database(world: str, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    assert len(run("migrate", path=str(path), world=world)["applied"]) == upgrade.STEPS
    assert upgrade.applied_in(path) == upgrade.STEPS


# -- a full disk


def private_mount() -> tuple[str, ...]:
    """A command in whose mounts nobody else shares, so that a small disk of it goes away with it. Skips without one."""
    reason = "there is no unshare"
    for command in (("unshare", "--mount"), ("unshare", "--map-root-user", "--mount")):
        if shutil.which(command[0]):
            probe = [
                "sh",
                "-c",
                'd=$(mktemp -d) && mount -t tmpfs -o size=64k tmpfs "$d"; s=$?; umount "$d"; rmdir "$d"; exit $s',
            ]
            tried = subprocess.run([*command, *probe], capture_output=True, text=True, timeout=30)
            if tried.returncode == 0:
                return command
            reason = tried.stderr.strip()
    pytest.skip(f"no disk can be mounted here: {reason}")


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
@pytest.mark.parametrize("pages_left", [0, 3, 30])
def test_a_full_disk(world: str, journal_mode: str, pages_left: int, tmp_path: Path) -> None:
    """The disk is full before, while, and after the file is opened and switched to WAL."""
    said = run(
        "full_disk",
        wrapped_in=private_mount(),
        path=str(tmp_path),
        world=world,
        journal_mode=journal_mode,
        pages_left=pages_left,
    )
    assert said["answer"].get("code") == "disk_full", said["answer"]
    assert str(tmp_path) in said["answer"]["message"]
    assert said["answer"]["remedy"]
    assert said["after"] == said["before"]
    # Where there is no room for the -shm file, SQLite leaves its beginning, and an empty -wal; neither holds anything.
    assert set(said["beside"]) <= {"a.db-shm", "a.db-wal"}
    assert said["beside"].get("a.db-wal", 0) == 0
    assert said["applied"] == 3
    assert len(said["once there is space"].get("applied", ())) == upgrade.STEPS - 3, said["once there is space"]
    assert said["applied in the end"] == upgrade.STEPS
    assert said["beside in the end"] == []


def test_a_database_that_may_not_grow(world: str, tmp_path: Path) -> None:
    """The same without any privileges: SQLite's own limit gives its error for a full disk."""
    path = tmp_path / "a.db"
    upgrade.create(path, applied=3, journal_mode="WAL")
    limit = f"PRAGMA max_page_count={path.stat().st_size // 4096 + 8}"
    before = contents(tmp_path)

    async def in_a_loop() -> None:
        async with create_client(path) as client:
            await client.execute(limit)
            await AsyncMigrator(client, upgrade.MIGRATIONS, backup=False).migrate()

    def in_a_thread() -> None:
        with create_client_sync(path) as client:
            client.execute(limit)
            Migrator(client, upgrade.MIGRATIONS, backup=False).migrate()

    with pytest.raises(MigrationError) as caught:
        asyncio.run(in_a_loop()) if world == "async" else in_a_thread()
    assert caught.value.code == "disk_full"
    assert caught.value.migration == upgrade.MIGRATIONS[3]
    assert contents(tmp_path) == before
    assert len(run("migrate", path=str(path), world=world)["applied"]) == upgrade.STEPS - 3
