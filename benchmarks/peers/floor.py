"""The floor: the least that a careful program does by hand with the standard library.

The same pragmas as agentdb, one BEGIN IMMEDIATE transaction and one history row per migration. With nothing pending:
open, read the ids, compare. A copy of this file is the "bare sqlite3" of the whole-process rows, so it imports nothing
but sqlite3 (which has imported time already) until there is something to apply.
"""

from __future__ import annotations

import sqlite3
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.plan import Plan

CREATE_HISTORY = """
CREATE TABLE migrations (
    id TEXT PRIMARY KEY,
    description TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    execution_time REAL NOT NULL,
    checksum TEXT NOT NULL
)"""
RECORD = "INSERT INTO migrations VALUES (?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?, ?)"


def connect(database: str) -> sqlite3.Connection:
    connection = sqlite3.connect(database, timeout=5.0, isolation_level=None)
    connection.execute("PRAGMA foreign_keys=ON")
    if connection.execute("PRAGMA foreign_keys").fetchone() != (1,):
        raise RuntimeError("foreign keys are off")
    connection.execute("PRAGMA journal_mode=WAL").fetchone()
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA journal_size_limit=67108864").fetchone()
    return connection


def migrate(connection: sqlite3.Connection, plan: Plan) -> None:
    try:
        applied = {row[0] for row in connection.execute("SELECT id FROM migrations")}
    except sqlite3.OperationalError:
        connection.execute(CREATE_HISTORY)
        applied = set()
    pending = [planned for planned in plan if planned[0] not in applied]
    if pending:
        apply(connection, pending)


def apply(connection: sqlite3.Connection, pending: list[tuple[str, str, tuple[str, ...]]]) -> None:
    from hashlib import sha256

    for id, description, statements in pending:
        started = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        checksum = sha256("\n".join((id, *statements)).encode()).hexdigest()
        connection.execute(RECORD, (id, description, (time.perf_counter() - started) * 1000, checksum))
        connection.execute("COMMIT")


def migrate_file(database: str, plan: Plan) -> None:
    connection = connect(database)
    try:
        migrate(connection, plan)
    finally:
        connection.close()


class Peer:
    def __init__(self, folder: Path, plan: Plan) -> None:
        from shutil import copyfile

        from benchmarks.plan import write_module

        self._plan = plan
        write_module(folder / "planned_migrations.py", [f"PLAN = {plan!r}"])
        copyfile(__file__, folder / "floor.py")

    def migrate(self, database: Path) -> None:
        migrate_file(str(database), self._plan)

    def script(self, database: Path) -> str:
        return (
            "from floor import migrate_file\n"
            "from planned_migrations import PLAN\n"
            f"migrate_file({str(database)!r}, PLAN)\n"
        )
