"""The floor once more, with SQLite's own defaults: a rollback journal and synchronous=FULL.

The peers leave both at their defaults, so this row says how much of a peer's time is the journal's and not its own.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from benchmarks.peers import floor
from benchmarks.plan import Plan


class Peer:
    def __init__(self, folder: Path, plan: Plan) -> None:
        folder.mkdir(parents=True)
        self._plan = plan

    def migrate(self, database: Path) -> None:
        connection = sqlite3.connect(database, timeout=5.0, isolation_level=None)
        try:
            floor.migrate(connection, self._plan)
        finally:
            connection.close()

    def script(self, database: Path) -> None:
        """The journal makes no difference to a process that writes nothing."""
