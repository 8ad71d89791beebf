"""fastmigrate: a folder of numbered SQL files, create_db, then run_migrations.

Each file opens and commits its own transaction, as its documentation advises for files that must not stay half-applied.
It imports apsw beside sqlite3; the path measured here opens the file through sqlite3 alone.
"""

from __future__ import annotations

from pathlib import Path

from fastmigrate import create_db, run_migrations

from benchmarks.plan import Plan


class Peer:
    def __init__(self, folder: Path, plan: Plan) -> None:
        self._scripts = folder / "fastmigrate_scripts"
        self._scripts.mkdir(parents=True)
        for id, description, statements in plan:
            text = ";\n".join(("BEGIN IMMEDIATE", *statements, "COMMIT")) + ";\n"
            (self._scripts / f"{id}-{description.replace(' ', '-')}.sql").write_text(text, encoding="utf-8")

    def migrate(self, database: Path) -> None:
        create_db(database)
        if not run_migrations(database, self._scripts):
            raise RuntimeError("fastmigrate failed")

    def script(self, database: Path) -> str:
        return (
            "from fastmigrate import create_db, run_migrations\n"
            f"create_db({str(database)!r})\n"
            f"if not run_migrations({str(database)!r}, {str(self._scripts)!r}):\n"
            "    raise SystemExit(1)\n"
        )
