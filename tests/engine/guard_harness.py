"""The same migration with its guards and without them: the engine's own parts, called directly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine_harness import ask, not_durable, outside

from agentdb import Migration, Migrator, create_client_sync
from agentdb.engine.migration_run import Run
from agentdb.operations.requests import atomically
from agentdb.operations.runners import run


def run_unguarded(client: Any, items: Any, *, foreign_keys: bool = True, direction: Any = "up") -> None:
    """What the executor would do if nobody counted: every item, in one transaction."""
    migration = Migration("999", "unguarded", items)
    work = Run(direction, migration, migration.up, "999", False)
    run(client, atomically(work.execute_all(), foreign_keys=foreign_keys and migration.foreign_keys))


def migrate(path: Path | str, *migrations: Migration, **options: Any) -> Any:
    with create_client_sync(path, **not_durable(path)) as client:
        return Migrator(client, migrations, **options).migrate()


def rows(path: Path | str, sql: str) -> list[tuple[Any, ...]]:
    return ask(path, sql)


def snapshot(path: Path | str, *, without: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, and the schema."""
    with outside(path) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if name != "migrations" and name not in without
        ]
        found = {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall() for name in names}
        found["sqlite_master"] = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
        return found
