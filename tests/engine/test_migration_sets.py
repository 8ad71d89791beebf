"""Sets of migrations in one database: one start, one backup, one error; and a set on the table of another."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from engine_harness import Database, applied_ids, ask, caught, ids, make, tables

import agentdb
from agentdb import AgentDB, AsyncAgentDB, Migration, MigrationSet, migrations
from agentdb.errors import InvalidArgumentError, MigrationError

NOTES = MigrationSet("notes", [Migration("001", "Notes", "CREATE TABLE notes (x)", "DROP TABLE notes")])
MORE = Migration("002", "Titles", "ALTER TABLE notes ADD COLUMN title", "ALTER TABLE notes DROP COLUMN title")
TAGS = MigrationSet("tags", [Migration("001", "Tags", "CREATE TABLE tags (x)", "DROP TABLE tags")], table="of_tags")


def opened(is_async: bool, path: Path, **options: Any) -> None:
    """Open, and close."""
    if not is_async:
        AgentDB.open(path, **options).close()
        return

    async def main() -> None:
        async with AsyncAgentDB.open(path, **options):
            pass

    asyncio.run(main())


def module(name: str, **content: Any) -> ModuleType:
    made = ModuleType(name)
    made.__dict__.update(content)
    return made


def test_a_set_has_its_migrations_in_order_and_a_table_of_its_own() -> None:
    one = MigrationSet("notes", [MORE, *NOTES.migrations])
    assert [migration.id for migration in one.migrations] == ["001", "002"]
    assert one.table == "notes_migrations"
    assert one == MigrationSet("notes", one.migrations)
    assert TAGS.table == "of_tags"


@pytest.mark.parametrize(
    "arguments",
    [("", []), (5, []), ("a\nb", []), ("notes", 5), ("notes", ["x"]), ("notes", MORE), ("notes", [MORE, MORE])],
)
def test_what_is_no_set_is_refused(arguments: tuple[Any, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        MigrationSet(*arguments)
    with pytest.raises(InvalidArgumentError):
        MigrationSet("notes", [], table="")


@pytest.mark.parametrize("is_async", [False, True])
def test_a_start_applies_the_built_in_migrations_and_then_the_sets_of_the_host(path: Path, is_async: bool) -> None:
    events: list[Any] = []
    sets = [
        NOTES,
        module("app.tags.migrations", MIGRATIONS=TAGS.migrations, TABLE="of_tags"),
        module("app.migrations", MIGRATIONS=[]),
    ]
    opened(is_async, path, migrations=sets, on_event=events.append)
    assert applied_ids(path) == [migration.id for migration in migrations.MIGRATIONS]
    assert applied_ids(path, "notes_migrations") == applied_ids(path, "of_tags") == ["001"]
    assert {"notes", "tags", "agents"} <= tables(path)
    planned = [event for event in events if type(event).__name__ == "Planned"]
    finished = [event for event in events if type(event).__name__ == "Finished"]
    assert len(planned) == len(finished) == 1
    assert [m.description for m in planned[0].migrations] == [r.migration.description for r in finished[0].results]
    assert planned[0].migrations[-2:] == (NOTES.migrations[0], TAGS.migrations[0])
    events.clear()
    opened(is_async, path, migrations=sets, on_event=events.append)
    assert [event.results for event in events if type(event).__name__ == "Finished"] == [()]


@pytest.mark.parametrize("is_async", [False, True])
def test_one_backup_is_from_before_all_of_them(path: Path, is_async: bool) -> None:
    older = [*migrations.MIGRATIONS][:-1]
    with agentdb.create_client_sync(path) as client:
        agentdb.Migrator(client, older).migrate()
    opened(is_async, path, migrations=[NOTES])
    backups = list(Path(f"{path}.backups").glob("*.backup"))
    assert len(backups) == 1
    with closing(sqlite3.connect(backups[0])) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert connection.execute("SELECT count(*) FROM migrations").fetchone() == (len(older),)
    assert "notes" not in names
    opened(is_async, path, migrations=[MigrationSet("notes", [*NOTES.migrations, MORE])])
    assert len(list(Path(f"{path}.backups").glob("*.backup"))) == 2


@pytest.mark.parametrize("is_async", [False, True])
def test_an_error_says_which_set_failed_and_how_far_the_start_came(path: Path, is_async: bool) -> None:
    bad = MigrationSet("bad", [Migration("001", "Bad", "INSERT INTO nowhere VALUES (1)")])
    with pytest.raises(MigrationError) as failed:
        opened(is_async, path, migrations=[NOTES, bad, TAGS])
    assert (
        f"its tracking table is 'bad_migrations'; before it this start has applied {len(migrations.MIGRATIONS) + 1} migrations, which stay applied"
        in str(failed.value)
    )
    assert [result.success for result in failed.value.results] == [True] * (len(migrations.MIGRATIONS) + 1) + [False]
    assert "tags" not in tables(path)
    opened(is_async, path, migrations=[NOTES, TAGS])
    assert "tags" in tables(path)


@pytest.mark.parametrize("is_async", [False, True])
def test_nothing_of_any_set_runs_where_one_does_not_fit(path: Path, is_async: bool) -> None:
    opened(is_async, path, migrations=[NOTES], migrate=True)
    edited = MigrationSet("notes", [Migration("001", "Notes", "CREATE TABLE notes (x, y)")])
    with pytest.raises(MigrationError) as refused:
        opened(is_async, path, migrations=[TAGS, edited])
    assert refused.value.code == "checksum_mismatch"
    assert "tags" not in tables(path)


def test_two_sets_on_one_table_are_refused(path: Path) -> None:
    other = MigrationSet("other", [], table="NOTES_migrations")
    for sets in ([NOTES, other], [MigrationSet("core", [], table="migrations")]):
        with pytest.raises(InvalidArgumentError, match="two sets"):
            AgentDB.open(path, migrations=sets)


@pytest.mark.parametrize("wrong", [NOTES, "notes", 5, [5], [[MORE]], [MORE], None, module("m", MIGRATIONS=[])])
def test_what_is_no_list_of_sets_is_refused(path: Path, wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        AgentDB.open(path, migrations=wrong)


def test_the_table_of_a_set_or_of_a_module_is_that_of_a_migrator(db: Database, path: Path) -> None:
    assert ids(db.migrator(NOTES).migrate()) == ["001"]
    assert applied_ids(path, "notes_migrations") == ["001"]
    named = module("app.tags", MIGRATIONS=TAGS.migrations, TABLE="of_tags")
    later = db.migrator()
    later.add_migrations(named)
    assert ids(later.migrate()) == ["001"]
    assert applied_ids(path, "of_tags") == ["001"]
    assert caught(later.add_migrations, NOTES).code == "invalid_argument"
    assert caught(db.migrator(TAGS, table="elsewhere").migrate, dry_run=True).code == "wrong_migration_set"


def test_a_set_on_the_table_of_another_is_told_which_tables_there_are(db: Database, path: Path) -> None:
    db.migrator(NOTES).migrate()
    db.migrator([make(1), make(2)]).migrate()
    error = caught(db.migrator(NOTES, table="migrations").migrate)
    assert error.code == "wrong_migration_set"
    assert "'notes_migrations'" in error.message
    for word in ("accept", "rollback", "roll back"):
        assert word not in str(error)
    error = caught(db.migrator([make(1), make(2)], table="nope").migrate)
    assert error.code == "wrong_migration_set"
    assert "'migrations'" in error.message
    assert "nope" not in tables(path)
    assert ask(path, "SELECT count(*) FROM migrations") == [(2,)]


def test_a_set_that_was_edited_is_no_other_set(db: Database) -> None:
    db.migrator([make(1)]).migrate()
    assert caught(db.migrator([make(1, up="CREATE TABLE t1 (x, y)")]).migrate).code == "checksum_mismatch"
