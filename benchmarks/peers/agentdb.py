"""agentdb itself: a Migration per step, a Migrator on a local client."""

from __future__ import annotations

import hashlib as hashlib  # the floor has it loaded too, as any application that speaks TLS; a bare start has not
from pathlib import Path

from agentdb import Migration, Migrator, create_client_sync
from agentdb.migrations import MIGRATIONS
from benchmarks.plan import Plan, write_module


def builtin_plan() -> Plan:
    """agentdb's own migrations, as a plan that the floor can apply."""
    return tuple((m.id, m.description, tuple(map(str, m.up))) for m in MIGRATIONS)


class Peer:
    def __init__(self, folder: Path, plan: Plan) -> None:
        self._plan = plan
        lines = ["from agentdb import Migration", "MIGRATIONS = ("]
        lines += [f"    Migration({id!r}, {description!r}, {statements!r})," for id, description, statements in plan]
        write_module(folder / "planned_migrations.py", [*lines, ")"])

    def migrate(self, database: Path) -> None:
        with create_client_sync(str(database)) as client:
            Migrator(client, [Migration(id, description, up) for id, description, up in self._plan]).migrate()

    def script(self, database: Path) -> str:
        return _SCRIPT.format(module="planned_migrations", database=str(database))


class Builtin:
    """agentdb with the migrations that it ships."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        if plan != builtin_plan():
            raise ValueError("these are not the built-in migrations")
        folder.mkdir(parents=True)

    def migrate(self, database: Path) -> None:
        with create_client_sync(str(database)) as client:
            Migrator(client, MIGRATIONS).migrate()

    def script(self, database: Path) -> str:
        return _SCRIPT.format(module="agentdb.migrations", database=str(database))


_SCRIPT = """
import agentdb
from {module} import MIGRATIONS
with agentdb.create_client_sync({database!r}) as client:
    agentdb.Migrator(client, MIGRATIONS).migrate()
"""
