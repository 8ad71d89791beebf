"""Whose the files are that agentdb makes, who may read them, and names that are nearly too long."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentdb
from agentdb import AgentDB, Migrator, create_client_sync
from agentdb.errors import InvalidArgumentError
from system import upgrade
from system.kills import in_a_process
from system.test_bad_files import NOBODY

pytestmark = pytest.mark.skipif(os.name == "nt", reason="rights of POSIX")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that a process without privileges can reach, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="agentdb-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def migrate(path: Path, limit: int | None = None, **options: object) -> int:
    with create_client_sync(path) as client:
        return len(Migrator(client, upgrade.MIGRATIONS, **options).migrate(limit=limit))  # type: ignore[arg-type]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root, as which it is begun")
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("older", [False, True])
def test_after_one_upgrade_by_root_the_users_application_goes_on(folder: Path, named: bool, older: bool) -> None:
    path = folder / "a.db"
    upgrade.create(path, applied=3, journal_mode="WAL")
    backups = folder / "kept" / "here" if named else folder / "a.db.backups"
    setting = {"backup_dir": str(backups)} if named else {}
    if older and not named:  # an earlier build, as root, has made it
        backups.mkdir()
        (backups / "a.db.lock").touch()
    os.chown(folder, NOBODY, NOBODY)
    os.chown(path, NOBODY, NOBODY)
    assert migrate(path, 1, **setting) == 1
    agentdb.backup(path)
    owners = {str(file): file.stat().st_uid for file in folder.rglob("*")}
    assert set(owners.values()) == {NOBODY}, owners
    for mark in backups.glob("*.backup"):  # as after a crash of the upgrade
        mark.with_name(mark.name + ".upgrading").touch()

    def as_the_user() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        assert migrate(path, **setting) == upgrade.STEPS - 4
        agentdb.restore(database=path, backup=min(backups.glob("*.backup")))

    for mark in backups.glob("*.upgrading"):
        os.chown(mark, NOBODY, NOBODY)
    assert in_a_process(as_the_user) == 0


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root")
def test_root_gives_nothing_away_through_a_link(folder: Path) -> None:
    path, elsewhere = folder / "a.db", folder / "elsewhere"
    upgrade.create(path, applied=3, journal_mode="WAL")
    elsewhere.mkdir()
    secret = elsewhere / "secret"
    secret.touch()
    os.chown(path, NOBODY, NOBODY)
    (folder / "a.db.backups").symlink_to(elsewhere)
    os.link(secret, elsewhere / "a.db.lock")
    migrate(path)
    assert elsewhere.stat().st_uid == secret.stat().st_uid == 0


def test_conversations_are_private(folder: Path) -> None:
    path = folder / "new.db"
    before = os.umask(0)
    try:
        with AgentDB.open(path) as db:
            db.agents.create(name="a", model="m")
            assert {file.name: mode(file) for file in folder.iterdir() if file.is_file()} == {
                "new.db": 0o600,
                "new.db-wal": 0o600,
                "new.db-shm": 0o600,
            }
        assert mode(Path(agentdb.backup(path))) == 0o600
        assert agentdb.restore(database=path, backup=agentdb.backup(path, folder / "kept.db")).replaced is not None
        assert {mode(file) for file in folder.iterdir() if file.is_file()} == {0o600}
    finally:
        os.umask(before)


def test_unless_told(folder: Path) -> None:
    path = folder / "new.db"
    before = os.umask(0o007)
    try:
        with AgentDB.open(path, mode=0o664) as db:
            db.agents.create(name="a", model="m")
            assert mode(path) == mode(folder / "new.db-wal") == 0o660
        assert mode(Path(agentdb.backup(path))) == 0o660
    finally:
        os.umask(before)
    for wrong in (0o400, 0o1777, -1, "0600", True):
        with pytest.raises(InvalidArgumentError):
            create_client_sync(folder / "other.db", mode=wrong)  # type: ignore[arg-type]
    assert not (folder / "other.db").exists()


@pytest.mark.parametrize("there", [0o644, 0o660, 0o600])
def test_the_mode_of_an_existing_file_stays(folder: Path, there: int) -> None:
    path = folder / "old.db"
    upgrade.create(path, applied=3, journal_mode="WAL")
    path.chmod(there)
    migrate(path)
    assert mode(path) == there
    assert {mode(file) for file in (folder / "old.db.backups").glob("*.backup")} == {there}


def test_names_that_are_nearly_too_long(folder: Path) -> None:
    """247 bytes are what SQLite leaves for a name, with its own -journal. Two that begin alike keep apart."""
    one, other = (folder / ("ü" * 121 + end + ".db") for end in "ab")
    assert len(os.fsencode(one.name)) == 246
    for number, path in enumerate((one, other)):
        upgrade.create(path, applied=3 + number, journal_mode="WAL")
    for setting in (None, str(folder / "kept")):
        for path in (one, other):
            assert migrate(path, 1, backup_dir=setting) == 1
    kept = sorted((folder / "kept").glob("*.backup"))
    assert [upgrade.applied_in(file) for file in kept] in ([4, 5], [5, 4])
    assert len({file.name.split(".")[0] for file in kept}) == 2
    for path, applied in ((one, 5), (other, 6)):
        made = agentdb.backup(path)
        assert upgrade.applied_in(Path(made)) == applied
        migrate(path)
        restored = agentdb.restore(database=path, backup=made)
        assert upgrade.applied_in(path) == applied
        assert restored.replaced is not None
        assert upgrade.applied_in(Path(restored.replaced)) == upgrade.STEPS
        path.write_bytes(b"damaged" + path.read_bytes()[7:])
        agentdb.restore(database=path, backup=made)
        assert upgrade.applied_in(path) == applied
    assert len(list(folder.glob("*.replaced-*"))) == 4
