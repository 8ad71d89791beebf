"""yoyo-migrations: a folder of Python migration files (its default kind), applied under its own lock."""

from __future__ import annotations

from pathlib import Path

from yoyo import get_backend, read_migrations

from benchmarks.plan import Plan, write_module


class Peer:
    def __init__(self, folder: Path, plan: Plan) -> None:
        self._scripts = folder / "yoyo_scripts"
        for id, description, statements in plan:
            lines = ["from yoyo import step", "steps = ["]
            lines += [f"    step({statement!r})," for statement in statements]
            write_module(self._scripts / f"{id}.{description.replace(' ', '-')}.py", [*lines, "]"])

    def migrate(self, database: Path) -> None:
        backend = get_backend(f"sqlite:///{database}")
        try:
            migrations = read_migrations(str(self._scripts))
            with backend.lock():
                backend.apply_migrations(backend.to_apply(migrations))
        finally:
            backend.connection.close()

    def script(self, database: Path) -> str:
        return (
            "from yoyo import get_backend, read_migrations\n"
            f"backend = get_backend({f'sqlite:///{database}'!r})\n"
            f"migrations = read_migrations({str(self._scripts)!r})\n"
            "with backend.lock():\n"
            "    backend.apply_migrations(backend.to_apply(migrations))\n"
            "backend.connection.close()\n"
        )
