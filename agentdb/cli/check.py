"""`agentdb check`."""

from __future__ import annotations

from typing import Any

import click

from agentdb.cli import open_database
from agentdb.cli.options import database_options
from agentdb.cli.output import Answer, answers, as_document, counted, plain
from agentdb.cli.sets import SelectedSet
from agentdb.tools.drift import Drift, drift_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect


@click.command(short_help="Compare the schema with what the recorded migrations make.")
@database_options
@click.option(
    "--ignore",
    metavar="PATTERN",
    multiple=True,
    help="Leave out tables and other things of this name, as in 'cache_*'; may be repeated.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(0, 86_400),
    default=60.0,
    show_default=True,
    help="How long the recorded migrations may take in memory.",
)
@answers
def check(
    database: str,
    sets: tuple[SelectedSet, ...],
    busy_timeout: float,
    on_connect: OnConnect | None,
    ignore: tuple[str, ...],
    timeout: float,
) -> Answer:
    """Run the recorded migrations of every set in DATABASE again, in memory, and compare that schema with the real one.

    What differs is shown as SQL, thing by thing. Opens read-only. The exit code is 1 where something differs, and where a
    recorded migration cannot be run again. A Python step needs its migrations: name them with --migrations.

    \b
    JSON
      database, is_clean, is_complete, applied, tables (tracking
      tables), problems (texts), sql,
      differences: [{type, name, table, change ("missing", "unexpected"
                     or "changed"), expected, actual, sql}]
    """
    registered = {one.table: one.migrations for one in sets}
    with open_database.to_read(database, busy_timeout, on_connect) as client:
        drift = drift_of(client, registered, ignore=ignore, timeout=timeout, on_connect=on_connect)
    lines = [f"not run again: {plain(problem)}" for problem in drift.problems]
    for one in drift.differences:
        lines += [f"{plain(str(one))}", *[f"    {plain(line)}" for line in one.sql.split("\n")]]
    if not drift.tables:
        lines.append(f"{plain(database)} has no recorded migrations.")
    lines.append(
        f"{plain(database)}: {counted(drift.applied, 'migration')} run again, {counted(len(drift.differences), 'difference')}"
    )
    return Answer(lines, drift_document(database, drift), drift.is_clean and drift.is_complete)


def drift_document(database: str, drift: Drift) -> dict[str, Any]:
    """The document of the command."""
    return as_document(
        database=database,
        is_clean=drift.is_clean,
        is_complete=drift.is_complete,
        applied=drift.applied,
        tables=list(drift.tables),
        problems=list(drift.problems),
        sql=drift.sql,
        differences=[
            as_document(
                type=one.type,
                name=one.name,
                table=one.table,
                change=one.change,
                expected=one.expected,
                actual=one.actual,
                sql=one.sql,
            )
            for one in drift.differences
        ],
    )
