"""`agentdb rollback`."""

from __future__ import annotations

import sys
from typing import Any

import click

from agentdb.cli import interruptible, open_database
from agentdb.cli.options import backup_options, database_options, range_options
from agentdb.cli.output import Answer, answers
from agentdb.cli.progress import Progress
from agentdb.cli.run_report import agreed, report
from agentdb.cli.sets import SelectedSet, only
from agentdb.engine.migrator import AsyncMigrator, Migrator
from agentdb.engine.results import MigrationResult, MigrationSummary
from agentdb.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect

_VERBS = ("roll back", "rolled back")


@click.command(short_help="Roll migrations back, the last first; without options one.")
@database_options
@range_options("Roll back N migrations.", "Roll back all above this one, which stays applied.")
@click.option("--dry-run", is_flag=True, help="Show what would run; open read-only.")
@click.option("--yes", is_flag=True, help="Do not ask. Required where stdin is not a terminal.")
@backup_options
@answers
def rollback(
    database: str,
    sets: tuple[SelectedSet, ...],
    busy_timeout: float,
    on_connect: OnConnect | None,
    limit: int | None,
    target: str | None,
    dry_run: bool,
    yes: bool,
    backups: dict[str, Any],
) -> Answer:
    """Roll applied migrations of DATABASE back, in one transaction: all of the range, or none.

    Rolling back drops tables, with the rows in them: it shows what would run, and asks. Before the first change a backup
    is made, as by `agentdb migrate`. A migration that this version does not know is rolled back with the statements that
    the database recorded; they can change nothing but the database itself.

    \b
    JSON
      database, dry_run, current_version, pending (ids that are left),
      backup (the path of the one that was made, or null),
      results: [{id, description, success, executed_at,
                 execution_time (ms), dry_run, statements}]
    """
    one = only(sets, "rollback")
    if limit is None and target is None:
        limit = 1
    asking = not yes and not dry_run
    planned: list[MigrationResult] | None = None
    if asking and not (sys.stdin is not None and sys.stdin.isatty()):
        raise InvalidArgumentError(
            "rollback asks first, and stdin is not a terminal; nothing was rolled back",
            remedy="Look at what would run with --dry-run, then pass --yes.",
        )
    if dry_run or asking:
        with open_database.to_read(database, busy_timeout, on_connect) as client:
            reader = Migrator(client, one.migrations, table=one.table)
            previews = reader.rollback(limit, target, dry_run=True)
            summary = reader.get_migration_summary()
        if dry_run:
            return report(database, previews, summary, verbs=_VERBS, dry_run=True, backup=None)
        planned = previews
        if previews and not agreed(previews):
            return report(database, [], summary, verbs=_VERBS, dry_run=False, good=False, backup=None)

    progress = Progress()

    async def downgrade() -> tuple[list[MigrationResult], MigrationSummary]:
        async with open_database.to_write(database, busy_timeout, on_connect, must_exist=True) as client:
            with progress:
                migrator = AsyncMigrator(client, one.migrations, table=one.table, on_event=progress, **backups)
                results = await migrator.rollback(limit, target, planned=planned)
            return results, await migrator.get_migration_summary()

    results, summary = interruptible.run(downgrade())
    return report(database, results, summary, verbs=_VERBS, dry_run=False, backup=progress.backup)
