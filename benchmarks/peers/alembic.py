"""Alembic: its generic template, one revision file per migration, command.upgrade with a Config made in code.

Without an ini file the template's env.py leaves logging alone: nothing is printed, which is the faster way. The
statements go through op.execute, because everybody applies the same text.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from alembic import command
from alembic.config import Config

from benchmarks.plan import Plan, write_module


class Peer:
    def __init__(self, folder: Path, plan: Plan) -> None:
        self._scripts = folder / "alembic_scripts"
        folder.mkdir(parents=True)
        with contextlib.redirect_stdout(io.StringIO()):
            command.init(Config(folder / "alembic.ini"), str(self._scripts), template="generic")
        previous: str | None = None
        for id, description, statements in plan:
            lines = [
                f'"""{description}"""',
                "from alembic import op",
                f"revision = {id!r}",
                f"down_revision = {previous!r}",
                "branch_labels = None",
                "depends_on = None",
                "def upgrade() -> None:",
                *(f"    op.execute({statement!r})" for statement in statements),
            ]
            write_module(self._scripts / "versions" / f"{id}_{description.replace(' ', '_')}.py", lines)
            previous = id

    def migrate(self, database: Path) -> None:
        config = Config()
        config.set_main_option("script_location", str(self._scripts))
        config.set_main_option("sqlalchemy.url", f"sqlite:///{database}")
        command.upgrade(config, "head")

    def script(self, database: Path) -> str:
        return (
            "from alembic import command\n"
            "from alembic.config import Config\n"
            "config = Config()\n"
            f"config.set_main_option('script_location', {str(self._scripts)!r})\n"
            f"config.set_main_option('sqlalchemy.url', {f'sqlite:///{database}'!r})\n"
            "command.upgrade(config, 'head')\n"
        )
