"""sqlite-utils: functions registered with its Migrations decorator, applied to a Database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlite_utils import Database, Migrations

from benchmarks.plan import Plan, Planned, write_module


class Peer:
    def __init__(self, folder: Path, plan: Plan) -> None:
        self._plan = plan
        lines = ["from sqlite_utils import Migrations", "migrations = Migrations('benchmark')"]
        for id, description, statements in plan:
            lines += [f"@migrations(name={description!r})", f"def m{id}(db):"]
            lines += [f"    db.execute({statement!r})" for statement in statements]
        write_module(folder / "planned_migrations.py", lines)

    def migrate(self, database: Path) -> None:
        migrations = Migrations("benchmark")
        for planned in self._plan:
            migrations(name=planned[1])(_function(planned))
        db = Database(str(database))
        try:
            migrations.apply(db)
        finally:
            db.close()

    def script(self, database: Path) -> str:
        return (
            "from sqlite_utils import Database\n"
            "from planned_migrations import migrations\n"
            f"db = Database({str(database)!r})\n"
            "migrations.apply(db)\n"
            "db.close()\n"
        )


def _function(planned: Planned) -> Callable[[Database], None]:
    def create(db: Database) -> None:
        for statement in planned[2]:
            db.execute(statement)

    return create
