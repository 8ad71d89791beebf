"""What `migrate` and `rollback` have in common: what they say of what they did, or would do."""

from __future__ import annotations

import click

from agentdb.cli.output import (
    Answer,
    as_document,
    counted,
    lines_of_previews,
    lines_of_results,
    plain,
    result_document,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.engine.results import MigrationResult, MigrationSummary


def report(
    database: str,
    results: Sequence[MigrationResult],
    summary: MigrationSummary,
    *,
    verbs: tuple[str, str],
    dry_run: bool,
    good: bool = True,
    **more: str | None,
) -> Answer:
    """The answer to a run. verbs: as in ("apply", "applied"). more: what else the JSON says; a path is a line, too."""
    verb, done = verbs
    where = f"{plain(database)} is at {summary.current_version or 'no migration'}"
    if summary.pending_migrations:
        where += f", {summary.pending_migrations} pending"
    if dry_run:
        lines = [*lines_of_previews(results, verb), f"Nothing was written; {where}."]
    elif results:
        lines = [*lines_of_results(results, done), f"{counted(len(results), 'migration')} {done}; {where}."]
    else:
        lines = [f"Nothing {'was ' + done if not good else 'to ' + verb}; {where}."]
    lines[:0] = [f"{name}: {plain(path)}" for name, path in more.items() if path is not None]
    return Answer(
        lines,
        as_document(
            database=database,
            dry_run=dry_run,
            current_version=summary.current_version,
            pending=list(summary.pending_migration_ids),
            **more,
            results=[result_document(result) for result in results],
        ),
        good,
    )


def agreed(previews: Sequence[MigrationResult]) -> bool:
    """Show on stderr what would be rolled back, and ask."""
    for line in lines_of_previews(previews, "roll back"):
        click.echo(line, err=True)
    return click.confirm(f"Roll back {counted(len(previews), 'migration')}, and lose what is in it?", err=True)
