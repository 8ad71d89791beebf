"""`agentdb doctor`."""

from __future__ import annotations

import click

from agentdb.cli.options import database_options
from agentdb.cli.output import Answer, answers, as_document, plain
from agentdb.cli.sets import SelectedSet
from agentdb.tools.doctor.examination import examine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect


@click.command(short_help="The state of a database, as a report for support.")
@database_options
@click.option(
    "--fix", is_flag=True, help="First do what is safe: checkpoint, ANALYZE, search indexes, old partial files."
)
@click.option("--deep", is_flag=True, help="Also compare indexes with their tables (integrity_check).")
@click.option("--backup-dir", metavar="FOLDER", help="Where backups are.  [default: the folder DATABASE.backups]")
@answers
def doctor(
    database: str,
    sets: tuple[SelectedSet, ...],
    busy_timeout: float,
    on_connect: OnConnect | None,
    fix: bool,
    deep: bool,
    backup_dir: str | None,
) -> Answer:
    """Examine DATABASE: versions, settings, migrations, drift, integrity, references, sizes, backups, locks, clock, rights,
    and whether its folder is synchronised or on a network.

    The report holds no row, no statement and no token. Opens read-only, unless --fix is given. The exit code is 1 where
    there is a problem; warnings do not count.

    \b
    JSON
      database (with ~ for the home folder), is_good,
      checks: [{name, status ("ok", "warning", "problem" or "unknown"),
                message, remedy, values}],
      repairs: [{name, message, error}]
    """
    registered = {one.table: one.migrations for one in sets}
    report = examine(
        database,
        registered,
        fix=fix,
        deep=deep,
        backup_dir=backup_dir,
        busy_timeout=busy_timeout,
        on_connect=on_connect,
    )
    lines = [f"fix      {plain(one.message)}{f': {plain(one.error)}' if one.error else ''}" for one in report.repairs]
    for check in report.checks:
        lines.append(f"{check.status:<8} {check.name}: {plain(check.message)}")
        if check.remedy and check.status != "ok":
            lines.append(f"         {plain(check.remedy)}")
    document = as_document(
        database=report.database,
        is_good=report.is_good,
        checks=[
            as_document(
                name=one.name, status=one.status, message=one.message, remedy=one.remedy or None, values=one.values
            )
            for one in report.checks
        ],
        repairs=[as_document(name=one.name, message=one.message, error=one.error) for one in report.repairs],
    )
    return Answer(lines, document, report.is_good)
