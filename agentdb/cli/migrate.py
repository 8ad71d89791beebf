"""`agentdb migrate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from click.core import ParameterSource

from agentdb.cli import interruptible, open_database
from agentdb.cli.migrate_files import migrate_files
from agentdb.cli.options import backup_options, database_options, range_options, upgrade_options
from agentdb.cli.output import Answer, answers, of_all, plain
from agentdb.cli.progress import Progress
from agentdb.cli.run_report import report
from agentdb.cli.sets import SelectedSet, only
from agentdb.engine.joint_migrator import JointMigrator
from agentdb.engine.migrator import AsyncMigrator, Migrator
from agentdb.engine.results import MigrationResult, MigrationSummary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect

_VERBS = ("apply", "applied")


@click.command(short_help="Apply what is pending; creates the database where there is none.")
@database_options
@range_options("Apply N migrations at the most.", "Stop after this migration.")
@click.option(
    "--all", "patterns", metavar="PATTERN", multiple=True, help="Every file of this pattern; may be repeated."
)
@click.option(
    "--jobs", metavar="N", type=click.IntRange(min=1), help="With --all: how many files at once.  [default: 8]"
)
@click.option("--dry-run", is_flag=True, help="Show what would run; open read-only, create nothing.")
@upgrade_options
@backup_options
@answers
def migrate(
    database: str,
    sets: tuple[SelectedSet, ...],
    busy_timeout: float,
    on_connect: OnConnect | None,
    limit: int | None,
    target: str | None,
    patterns: tuple[str, ...],
    jobs: int | None,
    dry_run: bool,
    no_transaction: bool,
    no_checksums: bool,
    allow_out_of_order: bool,
    backups: dict[str, Any],
) -> Answer:
    """Apply the pending migrations to DATABASE, in order, each in a transaction of its own.

    A file that does not exist is created, in a folder that exists. Where a migration fails it is rolled back, the ones
    before it stay applied, and the next run goes on from there. With nothing pending nothing is written.

    Before the first change a verified backup is made of a file that has something applied, one for each upgrade, however often
    it is begun, in the folder DATABASE.backups; the newest three are kept. `agentdb restore` puts one back.

    \b
    JSON
      database, dry_run, current_version, pending (ids that are left),
      backup (the path of the one that was made, or null),
      results: [{id, description, success, executed_at,
                 execution_time (ms), dry_run, statements}]
      of several sets: database, dry_run, backup, and
      sets: [{set, table, current_version, pending, results}]
      with --all one line of JSON for each file when it is done:
      {database, success, applied, backup, error, seconds}, and a last
      line {files, migrated, up_to_date, failed}

    With --all every file that the pattern names is brought up to date: 'workspaces/*/agents.db'. Quote it. No file is created.
    One that fails stops no other, and the exit code is 1. To resume, run the same command again.
    """
    if patterns:
        _only_with_all(limit, target, dry_run, no_transaction, no_checksums)
        options = {**backups, "allow_out_of_order": allow_out_of_order}
        return migrate_files(patterns, sets, jobs, busy_timeout, on_connect, options)
    if jobs is not None:
        raise click.UsageError("--jobs is for --all.")
    if limit is not None or target is not None:
        only(sets, "--limit" if limit is not None else "--target")
    rules: dict[str, Any] = {"allow_out_of_order": allow_out_of_order}
    extent: dict[str, Any] = {"use_transaction": not no_transaction, "validate_checksums": not no_checksums}
    if len(sets) == 1:
        extent |= {"limit": limit, "target": target}
    if dry_run:
        with open_database.to_preview(database, busy_timeout, on_connect) as client:
            migrators = [Migrator(client, one.migrations, table=one.table, **rules) for one in sets]
            start = migrators[0] if len(sets) == 1 else JointMigrator(migrators)
            results = start.migrate(dry_run=True, **extent)
            summaries = [migrator.get_migration_summary() for migrator in migrators]
        return _report(database, sets, results, summaries, dry_run=True, backup=None)

    progress = Progress()

    async def upgrade() -> tuple[list[MigrationResult], list[MigrationSummary]]:
        async with open_database.to_write(database, busy_timeout, on_connect) as client:
            with progress:
                migrators = [
                    AsyncMigrator(client, one.migrations, table=one.table, on_event=progress, **backups, **rules)
                    for one in sets
                ]
                start = migrators[0] if len(sets) == 1 else JointMigrator(migrators)
                results = await start.migrate(**extent)
            return results, [await migrator.get_migration_summary() for migrator in migrators]

    results, summaries = interruptible.run(upgrade())
    return _report(database, sets, results, summaries, dry_run=False, backup=progress.backup)


def _only_with_all(*others: Any) -> None:
    if click.get_current_context().get_parameter_source("database") is ParameterSource.COMMANDLINE:
        raise click.UsageError(
            "--all names the files; give no DATABASE. Quote the pattern, so that the shell leaves it alone."
        )
    if any(other not in (None, False) for other in others):
        raise click.UsageError("--all goes without --limit, --target, --dry-run, --no-transaction and --no-checksums.")


def _report(
    database: str,
    sets: Sequence[SelectedSet],
    results: Sequence[MigrationResult],
    summaries: Sequence[MigrationSummary],
    *,
    dry_run: bool,
    backup: str | None,
) -> Answer:
    if len(sets) == 1:
        return report(database, results, summaries[0], verbs=_VERBS, dry_run=dry_run, backup=backup)
    named = []
    for one, summary in zip(sets, summaries, strict=True):
        own = {id(migration) for migration in one.migrations}
        ran = [result for result in results if id(result.migration) in own]
        named.append((one.name, report(database, ran, summary, verbs=_VERBS, dry_run=dry_run, table=one.table)))
    first = [] if backup is None else [f"backup: {plain(backup)}"]
    return of_all(named, first, database=database, dry_run=dry_run, backup=backup)
