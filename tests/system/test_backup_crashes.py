"""Backups and restores of real processes: killed at every step, beside writers, started sixteen at a time, out of space."""

from __future__ import annotations

import importlib
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import BinaryIO

import pytest

import agentdb
from agentdb import Migrator, create_client_sync
from agentdb.engine.backup import overwrite
from system import upgrade
from system.kills import in_a_process, killed_everywhere
from system.processes import run, workers
from system.test_bad_files import NOBODY, private_mount

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def backups(path: Path) -> list[Path]:
    return sorted(path.with_name(path.name + ".backups").glob("*.backup"))


def migrate(path: Path, **options: object) -> list[str]:
    with create_client_sync(path, busy_timeout=30) as client:
        results = Migrator(client, upgrade.MIGRATIONS, **options).migrate()  # type: ignore[arg-type]
    return [result.migration.id for result in results]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with data, three of ten migrations applied."""
    path = tmp_path_factory.mktemp("template") / "a.db"
    upgrade.create(path, applied=3, journal_mode="WAL")
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "a.db"))


def test_a_backup_killed_at_any_step_leaves_whole_backups_or_none_and_the_next_start_makes_the_one(
    template: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"

    def prepare() -> None:
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
        shutil.copy(template, path)

    def check() -> None:
        for backup in backups(path):
            assert upgrade.applied_in(backup) == 3
        applied = upgrade.applied_in(path)
        assert applied == 3 or len(backups(path)) == 1
        assert len(migrate(path)) == upgrade.STEPS - applied
        (backup,) = backups(path)
        assert upgrade.applied_in(backup) == 3
        left = {file.name for file in backup.parent.iterdir()}
        assert left <= {backup.name, "a.db.lock"} or applied == upgrade.STEPS

    # Two of seven migrations: what is of interest here comes before them.
    assert killed_everywhere(prepare, lambda: migrate(path), check) > 15


def test_a_restore_killed_at_any_step_leaves_the_old_or_the_new_database(template: Path, tmp_path: Path) -> None:
    path, backup = tmp_path / "a.db", tmp_path / "kept.db"
    shutil.copy(template, backup)
    grown = tmp_path / "grown.db"
    shutil.copy(template, grown)
    migrate(grown, backup=False)
    seen = []

    def prepare() -> None:
        for file in tmp_path.glob("a.db*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        shutil.copy(grown, path)

    def check() -> None:
        seen.append(upgrade.applied_in(path))
        assert seen[-1] in (3, upgrade.STEPS)
        if seen[-1] == 3:
            assert upgrade.applied_in(tmp_path / "a.db.replaced-0001") == upgrade.STEPS
        agentdb.restore(database=path, backup=backup)  # the next one is not hindered by what the kill left
        assert upgrade.applied_in(path) == 3
        assert not (tmp_path / "a.db.restoring").exists()
        files = [path, *tmp_path.glob("a.db.replaced-????")]
        assert len({file.stat().st_ino for file in files}) == len(files)  # no file has two names

    assert killed_everywhere(prepare, lambda: agentdb.restore(database=path, backup=backup), check) > 10
    assert set(seen) == {3, upgrade.STEPS}


def big(path: Path, page_size: int, pages: int, marker: str) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={page_size}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (marker, ballast)")
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?)", [(marker, os.urandom(page_size - 200)) for _ in range(pages)]
        )
        connection.execute("COMMIT")
    return path


def markers(path: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute("SELECT marker, count(*) FROM t GROUP BY marker").fetchall()


@pytest.mark.parametrize(("old", "new"), [((1024, 3500), (4096, 2500)), ((4096, 2500), (1024, 3500))])
@pytest.mark.parametrize("damaged", [False, True])
def test_a_restore_killed_in_the_middle_of_its_writing(
    tmp_path: Path, old: tuple[int, int], new: tuple[int, int], damaged: bool
) -> None:
    """Within the writing, which is many steps of SQLite's and few of ours. A sound file is rolled back, a damaged one is
    damaged still, and never looks sound."""
    template, backup, path = big(tmp_path / "t.db", *old, "old"), big(tmp_path / "b.db", *new, "new"), tmp_path / "a.db"
    if damaged:
        template.write_bytes(b"SQLite format 4\0" + template.read_bytes()[16:])
    steps = 0

    def restore_and_die_at(number: int) -> None:
        def step(*_: object) -> None:
            nonlocal steps
            steps += 1
            if steps == number:
                os.kill(os.getpid(), signal.SIGKILL)

        def write(target: BinaryIO, content: bytes) -> None:
            step()
            real_write(target, content)

        real_write = overwrite._write
        overwrite._write = write
        importlib.import_module("agentdb.engine.backup.restore").paced = lambda tell, beat: step  # type: ignore[attr-defined]
        agentdb.restore(database=path, backup=backup)

    seen = []
    for number in range(1, 100):
        for file in tmp_path.glob("a.db*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        shutil.copy(template, path)
        ended = in_a_process(lambda number=number: restore_and_die_at(number)) == 0  # type: ignore[misc]
        try:
            seen.append(markers(path))
        except sqlite3.DatabaseError as error:
            seen.append([("damaged" if damaged else str(error), 0)])
            kept = path.with_name("a.db.replaced-0001")
            if path.read_bytes() != template.read_bytes():
                assert kept.read_bytes() == template.read_bytes()
        agentdb.restore(database=path, backup=backup)
        assert markers(path) == [("new", new[1])]
        if ended:
            break
    assert len(seen) > 10
    before = ("damaged", 0) if damaged else ("old", old[1])
    after = ("new", new[1])
    changed = seen.index([after])
    assert changed > 8
    assert seen == [[before]] * changed + [[after]] * (len(seen) - changed)


@pytest.mark.soak
def test_backups_killed_at_any_moment(tmp_path: Path) -> None:
    """Within the copying too, which is many steps of SQLite's and few of ours."""
    path = tmp_path / "a.db"
    upgrade.create(path, applied=3, journal_mode="WAL")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE ballast (x)")
        connection.executemany("INSERT INTO ballast VALUES (?)", [(os.urandom(100_000),) for _ in range(500)])
        connection.commit()
    chance = random.Random(1)
    for _ in range(100):
        child = os.fork()
        if child == 0:
            try:
                agentdb.backup(path, tmp_path / "copies" / "c.db")
            finally:
                os._exit(0)
        sleep(chance.uniform(0, 0.3))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        copy = tmp_path / "copies" / "c.db"
        if copy.exists():
            assert upgrade.applied_in(copy) == 3
            copy.unlink()
        assert upgrade.applied_in(path) == 3
    agentdb.backup(path, tmp_path / "copies" / "c.db")
    assert os.listdir(tmp_path / "copies") == ["c.db"]


@pytest.mark.parametrize("world", ["sync", "async"])
def test_sixteen_that_start_at_once_make_one_backup_and_upgrade_once(path: Path, world: str) -> None:
    with workers(16, "migrate", path=str(path), world=world, backup=True, busy_timeout=60.0) as started:
        moment = monotonic() + 0.1
        for process in started:
            process.go(moment)
        answers = [process.next() for process in started]
    assert [answer for answer in answers if "error" in answer] == []
    assert sorted(id for answer in answers for id in answer["applied"]) == [m.id for m in upgrade.MIGRATIONS[3:]]
    (backup,) = backups(path)
    assert upgrade.applied_in(backup) == 3
    assert upgrade.applied_in(path) == upgrade.STEPS
    assert sorted(os.listdir(backup.parent)) == [backup.name, "a.db.lock"]


def test_a_killed_maker_does_not_keep_the_others_waiting(path: Path) -> None:
    """The lock is the operating system's: it ends with its process."""
    folder = path.with_name("a.db.backups")
    folder.mkdir()
    program = f"""
import sqlite3, time
c = sqlite3.connect({str(folder / "a.db.lock")!r}, isolation_level=None)
c.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with workers(1, "migrate", path=str(path), backup=True) as (process,):
            process.go()
            with pytest.raises(AssertionError, match="said nothing"):
                process.next(timeout=0.3)
        holder.kill()
    assert len(migrate(path)) == upgrade.STEPS - 3


def writing(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that adds a row to each of two tables, in one transaction, as fast as it can."""
    program = f"""
import sqlite3
c = sqlite3.connect({str(path)!r}, isolation_level=None, timeout=30)
n = 0
while True:
    n += 1
    c.execute("BEGIN IMMEDIATE")
    c.execute("INSERT INTO one VALUES (?, randomblob(2000))", (n,))
    c.execute("INSERT INTO two VALUES (?)", (n,))
    c.execute("COMMIT")
    if n in (1, 200):
        print(n, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_backup_beside_a_writer_is_of_one_moment_and_does_not_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE one (n, x)")
        connection.execute("CREATE TABLE two (n)")
    for process in writing(path):
        assert process.stdout is not None
        process.stdout.readline()
        counts = []
        for number in range(5):
            copy = tmp_path / f"{number}.db"
            agentdb.backup(path, copy)
            with closing(sqlite3.connect(copy)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                (one,) = connection.execute("SELECT count(*) FROM one").fetchone()
                assert connection.execute("SELECT count(*) FROM two").fetchone() == (one,)
            counts.append(one)
        assert process.stdout.readline() == "200\n"  # it was not stopped
    assert counts == sorted(counts)
    assert len(set(counts)) > 1  # it was writing


@pytest.mark.parametrize("eighths", range(1, 8))
def test_a_disk_that_fills_up_while_the_backup_is_written_stops_the_upgrade(path: Path, eighths: int) -> None:
    """The limit on the size of a file stands for a disk: SQLite cannot write on, whatever was free before."""

    def upgrade_with_little_space() -> None:
        limit_files(path.stat().st_size * eighths // 8)
        with pytest.raises(agentdb.errors.BackupError) as caught:
            migrate(path)
        assert caught.value.code == "backup_failed"
        assert caught.value.engine_code

    assert in_a_process(upgrade_with_little_space) == 0
    assert upgrade.applied_in(path) == 3
    assert backups(path) == []
    assert not path.with_name("a.db.backups").joinpath("a.db.partial").exists()
    assert len(migrate(path)) == upgrade.STEPS - 3
    assert len(backups(path)) == 1


@pytest.mark.parametrize("eighths", [1, 4, 7])
def test_a_disk_that_fills_up_while_a_restore_is_under_way_changes_nothing(
    template: Path, path: Path, eighths: int
) -> None:
    migrate(path, backup=False)

    def restore_with_little_space() -> None:
        limit_files(template.stat().st_size * eighths // 8)
        with pytest.raises(agentdb.errors.BackupError) as caught:
            agentdb.restore(database=path, backup=template)
        assert caught.value.code == "restore_failed"

    assert in_a_process(restore_with_little_space) == 0
    assert upgrade.applied_in(path) == upgrade.STEPS
    assert sorted(file.name for file in path.parent.iterdir() if file.is_file()) == ["a.db"]
    agentdb.restore(database=path, backup=template)
    assert upgrade.applied_in(path) == 3


def limit_files(size: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_small_disk_that_is_full(path: Path, tmp_path: Path) -> None:
    """Beside it there is no room for a copy: asked for before, and told with what to do."""
    program = f"""
import os, shutil, subprocess, sys
disk = {str(tmp_path / "disk")!r}
os.mkdir(disk)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=True)
path = shutil.copy({str(path)!r}, disk)
from agentdb import Migrator, create_client_sync
from agentdb.errors import BackupError
from system import upgrade
from system.kills import in_a_process, killed_everywhere
with create_client_sync(path) as client:
    try:
        Migrator(client, upgrade.MIGRATIONS).migrate()
    except BackupError as error:
        print(error.code, "backup_dir=FOLDER" in error.remedy)
    print(len(Migrator(client, upgrade.MIGRATIONS, backup_dir={str(tmp_path / "elsewhere")!r}).migrate(limit=1)))
"""
    root = Path(agentdb.__file__).parents[1]
    done = subprocess.run(
        [*private_mount(), sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(root), str(root / "tests")))},
    )
    assert done.stdout.split("\n")[:2] == ["backup_no_space True", "1"], done.stderr


def test_a_read_only_folder() -> None:
    """The file may be written, its folder not: no backup beside it, so no upgrade, and no harm."""
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        folder = Path(name)
        path = folder / "a.db"
        upgrade.create(path, applied=3, journal_mode="DELETE")  # in WAL mode it could not even be read there
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        folder.chmod(0o555)
        answer = run("migrate", path=str(path), backup=True, as_nobody=True)
        folder.chmod(0o755)
        assert (answer.get("error"), answer.get("code")) == ("BackupError", "backup_failed"), answer
        assert "a.db.backups: Permission denied" in answer["message"]
        assert os.listdir(folder) == ["a.db"]
        assert upgrade.applied_in(path) == 3
