"""`agentdb migrations`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from agentdb.cli import open_database
from agentdb.cli.options import busy_timeout_option, database_argument, on_connect_option
from agentdb.cli.output import Answer, answers, as_document, counted, milliseconds, plain
from agentdb.operations.runners import run
from agentdb.tools.recorded_history import RecordedMigration, merged, recorded_sets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect


@click.command(short_help="What a database has applied, of every set, in the order of time.")
@database_argument
@busy_timeout_option
@on_connect_option
@click.option("--graph", is_flag=True, help="Draw a timeline, with a line for each set.")
@answers
def migrations(database: str, busy_timeout: float, on_connect: OnConnect | None, graph: bool) -> Answer:
    """List the recorded migrations of every set in DATABASE, in the order in which they were applied. Opens read-only.

    No migrations are loaded: the list is what the file remembers, also of sets that this machine does not have.

    \b
    JSON
      database,
      migrations: [{table, id, description, applied_at,
                    execution_time (ms), in_progress, applied_after}]
    """
    with open_database.to_read(database, busy_timeout, on_connect) as client:
        sets = run(client, recorded_sets({}))
    found = merged(sets)
    tables = [one.table for one in sets]
    lines = _graph(found, tables) if graph else [_line(one) for one in found]
    lines.append(f"{plain(database)}: {counted(len(found), 'migration')} of {counted(len(tables), 'set')}")
    documents = [
        as_document(
            table=one.table,
            id=one.row.id,
            description=one.row.description,
            applied_at=one.row.applied_at,
            execution_time=one.row.execution_time,
            in_progress=one.row.in_progress,
            applied_after=one.row.applied_after,
        )
        for one in found
    ]
    return Answer(lines, as_document(database=database, migrations=documents))


def _line(one: RecordedMigration) -> str:
    time = milliseconds(one.row.execution_time)
    at = plain(one.row.applied_at or "")
    return f"{at:<24}  {plain(one.table)}  {plain(one.row.id)}  {plain(one.row.description or '')}  {time}".rstrip()


def _graph(found: Sequence[RecordedMigration], tables: Sequence[str]) -> list[str]:
    """A line for each migration, with a mark in the column of its set; a heading for each day."""
    lines = [f"{'| ' * number}+ {plain(table)}" for number, table in enumerate(tables)]
    day = ""
    for one in found:
        at = plain(one.row.applied_at or "")
        if at[:10] != day:
            day = at[:10]
            lines.append(f"{'| ' * len(tables)} {day or 'without a time'}")
        marks = "".join([f"{'*' if table == one.table else '|'} " for table in tables])
        late = f"  (out of order, behind {plain(one.row.applied_after)})" if one.row.applied_after else ""
        begun = f"  ({one.row.in_progress} in progress)" if one.row.in_progress else ""
        text = f"{plain(one.row.id)} {plain(one.row.description or '')}"
        lines.append(f"{marks} {at[11:19]:<8} {text}  {milliseconds(one.row.execution_time)}{late}{begun}".rstrip())
    return lines
