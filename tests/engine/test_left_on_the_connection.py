"""What a migration sets on its connection, or leaves in the TEMP schema, does not reach what comes after it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import agentdb
from agentdb import AsyncMigrator, Migration, Migrator, create_client, create_client_sync
from agentdb.errors import InvalidMigrationError, MigrationError

ROOT = Path(agentdb.__file__).parents[1]
SETTINGS = [
    "synchronous",
    "trusted_schema",
    "locking_mode",
    "busy_timeout",
    "max_page_count",
    "cache_size",
    "temp_store",
]
SET = [
    f"PRAGMA {name} = {'EXCLUSIVE' if name == 'locking_mode' else 0 if name != 'max_page_count' else 5000}"
    for name in SETTINGS
]

#: The first cannot be set inside a transaction at all: SQLite says so.


def first(**more: Any) -> Migration:
    return Migration(
        "001", "first", ["CREATE TABLE t (id INTEGER PRIMARY KEY, v)", "INSERT INTO t (v) VALUES (1)"], **more
    )


def of(client: Any) -> list[Any]:
    return [client.execute(f"PRAGMA {name}").tuples for name in SETTINGS]


@pytest.mark.parametrize("use_transaction", [True, False], ids=["inside", "outside"])
def test_a_setting_does_not_outlive_its_migration(tmp_path: Path, use_transaction: bool) -> None:
    with create_client_sync(tmp_path / "a.db") as client:
        Migrator(client, [first()]).migrate()
        client.execute("INSERT INTO t (v) VALUES (2)")
        before = of(client)
        second = Migration(
            "002", "sets", [*SET[use_transaction:], "INSERT INTO t (v) VALUES (3)"], use_transaction=use_transaction
        )
        Migrator(client, [first(), second]).migrate()
        client.execute("INSERT INTO t (v) VALUES (4)")
        assert of(client) == before
        with create_client_sync(tmp_path / "a.db", busy_timeout=0) as other:
            other.execute("INSERT INTO t (v) VALUES (5)")  # nobody is locked out


@pytest.mark.parametrize("use_transaction", [True, False], ids=["inside", "outside"])
def test_a_setting_does_not_outlive_a_migration_that_fails(tmp_path: Path, use_transaction: bool) -> None:
    with create_client_sync(tmp_path / "a.db") as client:
        Migrator(client, [first()]).migrate()
        before = of(client)
        second = Migration(
            "002", "sets", [*SET[use_transaction:], "INSERT INTO nothing VALUES (3)"], use_transaction=use_transaction
        )
        with pytest.raises(MigrationError):
            Migrator(client, [first(), second]).migrate()
        client.execute("INSERT INTO t (v) VALUES (4)")
        assert of(client) == before


def test_a_setting_does_not_outlive_its_migration_on_an_event_loop(tmp_path: Path) -> None:
    async def main() -> None:
        async with create_client(tmp_path / "a.db") as client:
            await AsyncMigrator(client, [first()]).migrate()
            before = [(await client.execute(f"PRAGMA {name}")).tuples for name in SETTINGS]
            second = Migration("002", "sets", [*SET, "ATTACH ':memory:' AS other"], use_transaction=False)
            await AsyncMigrator(client, [first(), second]).migrate()
            assert [(await client.execute(f"PRAGMA {name}")).tuples for name in SETTINGS] == before
            assert len((await client.execute("PRAGMA database_list")).tuples) == 1

    asyncio.run(main())


@pytest.mark.parametrize("use_transaction", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("place", ["file", "memory"])
def test_a_temporary_table_does_not_take_the_writes_of_a_main_table(
    tmp_path: Path, place: str, use_transaction: bool
) -> None:
    two = Migration(
        "002",
        "scratch",
        [
            "CREATE TEMP TABLE keep (v)",
            "CREATE INDEX temp.i ON keep (v)",
            "CREATE TEMP VIEW shown AS SELECT v FROM keep",
            "CREATE TEMP TRIGGER swallow BEFORE INSERT ON t BEGIN SELECT RAISE(IGNORE); END",
        ],
        use_transaction=use_transaction,
    )
    three = Migration("003", "keep", "CREATE TABLE keep (v)")
    with create_client_sync(tmp_path / "a.db" if place == "file" else ":memory:") as client:
        Migrator(client, [first(), two, three], backup=False).migrate()
        assert client.execute("SELECT name FROM sqlite_temp_master").tuples == []
        client.batch(["INSERT INTO keep VALUES (7)", "INSERT INTO t (v) VALUES (8)"])
        assert client.execute("SELECT v FROM main.keep").tuples == [(7,)]
        assert client.execute("SELECT v FROM main.t").tuples == [(1,), (8,)]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "auto_vacuum",
            "journal_mode",
            "main.auto_vacuum",
            "'journal_mode'",
            "/* c */ journal_mode",
            "-- c\nauto_vacuum",
        ),
        *("main/*x*/.auto_vacuum", "auto_vacuum/**/", "main . journal_mode -- c\n"),
    ],
)
@pytest.mark.parametrize("part", ["up", "down"])
def test_what_has_no_effect_inside_a_transaction_is_refused_as_it_is_made(name: str, part: str) -> None:
    for sql in (f"PRAGMA {name} = 1", f"pragma {name}(1)", f"-- c\nPRAGMA {name} = 1", f"/*c*/PRAGMA/**/{name}=1"):
        given: dict[str, Any] = {"up": "CREATE TABLE t (x)", "down": "DROP TABLE t", part: [sql]}
        with pytest.raises(InvalidMigrationError) as refused:
            Migration("001", "m", **given)
        assert refused.value.code == "no_effect_inside"
        assert "use_transaction=False" in refused.value.remedy
        Migration("001", "m", use_transaction=False, **given)
    Migration("001", "m", f"PRAGMA {name}")


KILLED = """
import os, sys
from agentdb import Migration, Migrator, create_client_sync
path, at, resume = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "resume"
exec(open(sys.argv[4]).read())
def strike(event):
    if not resume and type(event).__name__ == "StatementDone" and event.migration.id == "002" and event.number == at:
        os._exit(9)
with create_client_sync(path) as client:
    Migrator(client, MIGRATIONS, on_event=strike, backup=False).migrate()
"""
FIRST = (
    'FIRST = Migration("001", "t", ["CREATE TABLE t (id INTEGER PRIMARY KEY, v)", "INSERT INTO t (v) VALUES (1)"])\n'
)


def killed_and_resumed(tmp_path: Path, statements: list[str], at: int, says: str = "") -> Path:
    """says: what the second start must fail with."""
    path, text = tmp_path / "a.db", tmp_path / "migrations.py.txt"
    text.write_text(
        f'{FIRST}MIGRATIONS = [FIRST, Migration("002", "m", {statements!r}, use_transaction=False)]', encoding="utf-8"
    )
    for way, code in (("kill", 9), ("resume", int(bool(says)))):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(path), str(at), way, str(text)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
    assert says in done.stderr
    return path


def test_auto_vacuum_that_was_killed_before_its_vacuum_takes_effect_when_it_goes_on(tmp_path: Path) -> None:
    path = killed_and_resumed(tmp_path, ["PRAGMA auto_vacuum = FULL", "VACUUM"], 1)
    with create_client_sync(path) as client:
        assert client.execute("PRAGMA auto_vacuum").tuples == [(1,)]
        assert client.execute("SELECT count(*) FROM migrations WHERE in_progress IS NULL").tuples == [(2,)]


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_an_attached_file_is_attached_again_where_a_killed_migration_goes_on(tmp_path: Path, at: int) -> None:
    other = tmp_path / "other.db"
    with create_client_sync(other, journal_mode="delete") as client:
        client.batch(["CREATE TABLE there (v)", "INSERT INTO there VALUES (2), (3)"])
    statements = [
        f"ATTACH '{other}' AS other",
        "INSERT INTO t (v) SELECT v FROM other.there WHERE v = 2",
        "INSERT INTO t (v) SELECT v FROM other.there WHERE v = 3",
        "DETACH other",
        "INSERT INTO t (v) VALUES (4)",
    ]
    path = killed_and_resumed(tmp_path, statements, at)
    with create_client_sync(path) as client:
        assert client.execute("SELECT v FROM t ORDER BY id").tuples == [(1,), (2,), (3,), (4,)]


SCRATCH = [
    "PRAGMA synchronous = FULL",
    "CREATE TEMP TABLE IF NOT EXISTS keep AS SELECT v + 10 AS v FROM t",
    "DELETE FROM t WHERE v < 0",
    "INSERT INTO t (v) SELECT v FROM keep",
    "INSERT INTO t (v) VALUES (4)",
]


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_temp_table_is_made_again_where_nothing_has_changed_since_or_nobody_asks_for_it(
    tmp_path: Path, at: int
) -> None:
    with create_client_sync(killed_and_resumed(tmp_path, SCRATCH, at)) as client:
        assert client.execute("SELECT v FROM t ORDER BY id").tuples == [(1,), (11,), (4,)]


def test_a_temp_table_is_not_made_from_what_the_migration_has_changed_meanwhile(tmp_path: Path) -> None:
    path = killed_and_resumed(tmp_path, SCRATCH, 3, says="temporary_gone")
    with create_client_sync(path) as client:
        assert client.execute("SELECT v FROM t").tuples == [(1,)]
        assert client.execute("SELECT in_progress FROM migrations WHERE id = '002'").tuples == [("up",)]


def test_a_connection_that_another_thread_holds_meanwhile_does_not_keep_what_was_set(tmp_path: Path) -> None:
    with create_client_sync(tmp_path / "a.db") as client:
        Migrator(client, [first()]).migrate()
        held = client._take()  # as a long read of another thread
        client.renew()
        client._give(held)
        with pytest.raises(Exception, match="closed"):
            held._sqlite.execute("SELECT 1")
        assert client.execute("SELECT v FROM t").tuples == [(1,)]


def test_temp_objects_of_the_application_do_not_take_what_a_migration_writes(tmp_path: Path) -> None:
    two = Migration("002", "keep", ["CREATE TABLE keep (v)", "INSERT INTO keep SELECT v FROM t"], "DROP TABLE keep")
    three = Migration("003", "more", "INSERT INTO t (v) VALUES (2)", "DELETE FROM t WHERE v = 2")
    with create_client_sync(tmp_path / "a.db") as client:
        Migrator(client, [first()]).migrate()
        client.execute("CREATE TEMP TABLE keep (v)")
        client.execute("CREATE TEMP TRIGGER swallow BEFORE INSERT ON main.t BEGIN SELECT RAISE(IGNORE); END")
        migrator = Migrator(client, [first(), two, three], backup=False)
        migrator.migrate()
        assert client.execute("SELECT v FROM main.keep").tuples == [(1,)]
        assert client.execute("SELECT v FROM main.t ORDER BY v").tuples == [(1,), (2,)]
        client.execute("CREATE TEMP TABLE keep (v)")
        client.execute("CREATE TEMP TRIGGER swallow BEFORE DELETE ON main.t BEGIN SELECT RAISE(IGNORE); END")
        migrator.rollback(limit=2)
        assert client.execute("SELECT v FROM main.t").tuples == [(1,)]
        assert client.execute("SELECT name FROM sqlite_schema WHERE name = 'keep'").tuples == []
