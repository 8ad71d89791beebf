from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import agentdb
from agentdb import Migration, MigrationSet
from agentdb.errors import AgentDBError
from agentdb.tools.many_files import FileResult, files_of, migrate_all

ONE = Migration("001", "one", "CREATE TABLE one (x)", "DROP TABLE one")
TWO = Migration("002", "two", "CREATE TABLE two (x)", "DROP TABLE two")


def notes(*migrations: Migration) -> list[Any]:
    return [MigrationSet("notes", migrations)]


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    for number in range(12):
        folder = tmp_path / f"w{number:02}"
        folder.mkdir()
        (folder / "a.db").touch()
    return sorted(tmp_path.glob("*/a.db"))


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@pytest.mark.parametrize("jobs", [1, 3, None])
def test_one_failure_does_not_stop_the_rest(paths: list[Path], jobs: int | None) -> None:
    paths[1].write_bytes(b"no database" * 1000)
    paths[2].unlink()
    with closing(sqlite3.connect(paths[3], isolation_level=None)) as locker:
        locker.execute("BEGIN IMMEDIATE")
        results = migrate_all(paths, notes(ONE, TWO), jobs=jobs, busy_timeout=0.05)
    assert [result.path for result in results] == [str(path) for path in paths]
    codes = {number: result.error.code for number, result in enumerate(results) if result.error is not None}
    assert codes == {1: "not_a_database", 2: "file_missing", 3: "busy"}
    assert not paths[2].exists()
    for number in (0, 4, 11):
        assert tables(paths[number]) == {"one", "two", "notes_migrations"}
        assert results[number].applied == (ONE.label, TWO.label)


def test_the_same_call_again_resumes(paths: list[Path]) -> None:
    class Stop(Exception):
        pass

    seen: list[FileResult] = []

    def stop(result: FileResult) -> None:
        seen.append(result)
        if len(seen) == 3:
            raise Stop

    with pytest.raises(Stop):
        migrate_all(paths, notes(ONE), jobs=1, on_result=stop)
    done = [path for path in paths if "one" in tables(path)]
    assert 3 <= len(done) < len(paths)
    results = migrate_all(paths, notes(ONE))
    assert [bool(result.applied) for result in results] == [path not in done for path in paths]


def test_results_come_in_the_thread_of_the_caller(paths: list[Path]) -> None:
    threads = set()
    migrate_all(paths, notes(ONE), on_result=lambda _: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


def test_a_file_under_two_names_is_migrated_once(paths: list[Path]) -> None:
    link = paths[0].with_name("link.db")
    link.symlink_to(paths[0])
    assert len(migrate_all([paths[0], link, str(paths[0])], notes(ONE))) == 1


def test_an_upgrade_has_its_backup_and_a_failure_keeps_what_was_applied(paths: list[Path]) -> None:
    migrate_all(paths[:2], notes(ONE))
    bad = Migration("003", "bad", "INSERT INTO none VALUES (1)")
    results = migrate_all(paths[:2], notes(ONE, TWO, bad))
    for result in results:
        assert result.applied == (TWO.label,)
        assert result.error is not None
        assert result.backup is not None
        assert os.path.exists(result.backup)
    assert migrate_all(paths[2:3], notes(ONE, TWO), backup=False)[0].backup is None


def test_several_sets_are_one_start_for_each_file(paths: list[Path]) -> None:
    own = MigrationSet("own", [Migration("001", "own", "CREATE TABLE own (agent_id REFERENCES agents (id))")])
    (result,) = migrate_all(paths[:1], [agentdb.migrations, own])
    assert result.applied[-1] == "001 (own)"


@pytest.mark.parametrize(
    ("paths_", "more"), [("a.db", {}), ([], {"jobs": 0}), ([], {"jobs": True}), ([], {"jobs": "2"})]
)
def test_arguments_are_checked(paths_: Any, more: dict[str, Any]) -> None:
    with pytest.raises(AgentDBError) as raised:
        migrate_all(paths_, notes(ONE), **more)
    assert raised.value.code == "invalid_argument"


def test_what_sqlite_keeps_beside_a_database_is_no_database(tmp_path: Path) -> None:
    for name in ("a.db", "a.db-wal", "a.db-shm", "b-wal"):
        (tmp_path / name).touch()
    assert files_of([str(tmp_path / "*")]) == [str(tmp_path / "a.db"), str(tmp_path / "b-wal")]
