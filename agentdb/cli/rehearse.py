"""`agentdb rehearse`."""

from __future__ import annotations

from typing import Any

import click

from agentdb.cli.options import database_options
from agentdb.cli.output import Answer, answers, as_document, counted, lines_of_results, plain, result_document
from agentdb.cli.progress import Progress
from agentdb.cli.remedies import remedy
from agentdb.cli.sets import SelectedSet
from agentdb.tools.rehearsal import Rehearsal, rehearse_tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect


@click.command(short_help="Try the pending migrations on a verified copy.")
@database_options
@click.option("--keep", is_flag=True, help="Leave the copy where it is, and say where.")
@click.option("--folder", metavar="FOLDER", help="Where the copy is made.  [default: beside DATABASE]")
@answers
def rehearse(
    database: str,
    sets: tuple[SelectedSet, ...],
    busy_timeout: float,
    on_connect: OnConnect | None,
    keep: bool,
    folder: str | None,
) -> Answer:
    """Apply what is pending of DATABASE to a verified copy, and show what it did.

    It shows times, rows of each table before and after, the change of the schema, and violations. It also tells the disk
    space that the real run needs.

    DATABASE is only read, and programs may use it meanwhile. The exit code is 1 where a migration fails or something is
    violated.

    \b
    JSON
      database, is_good,
      results: [{id, description, success, executed_at,
                 execution_time (ms), dry_run, statements}],
      error (null or {code, message, remedy}),
      tables: [{table, before, after}] (rows),
      schema: [{type, name, change ("new", "gone" or "changed")}],
      violations, copy_seconds, migrate_seconds,
      size_before, size_after, wal_peak, space_needed (bytes), copy
    """
    with Progress() as progress:
        found = rehearse_tables(
            database,
            {one.table: one.migrations for one in sets},
            keep=keep,
            folder=folder,
            on_event=progress,
            busy_timeout=busy_timeout,
            on_connect=on_connect,
        )
    return Answer(_lines(database, found), _document(database, found), found.is_good)


#: What a difference is called that is meant to be one.
_CHANGES = {"unexpected": "new", "missing": "gone", "changed": "changed"}


def _lines(database: str, found: Rehearsal) -> list[str]:
    lines = lines_of_results([result for result in found.results if result.success], "would apply")
    if found.error is not None:
        lines += [f"error: {plain(found.error.message)}", f"  {plain(remedy(found.error.code, found.error.remedy))}"]
    lines += [f"{_CHANGES[one.change]}: {one.type} {plain(one.name)}" for one in found.schema]
    for one in found.tables:
        if one.before != one.after:
            lines.append(f"rows of {plain(one.table)}: {_rows(one.before)} -> {_rows(one.after)}")
    lines += [f"violation: {plain(line)}" for line in found.violations]
    if found.copy is not None:
        lines.append(f"The copy is {plain(found.copy)}.")
    ran = counted(len([one for one in found.results if one.success]), "migration")
    lines.append(
        f"{plain(database)}: {ran} in {found.migrate_seconds:,.2f} s on a copy that took {found.copy_seconds:,.2f} s; "
        f"the real run needs {found.space_needed / 1e6:,.1f} MB of free space."
    )
    return lines


def _rows(count: int | None) -> str:
    return "none" if count is None else f"{count:,}"


def _document(database: str, found: Rehearsal) -> dict[str, Any]:
    error = found.error
    told = error and as_document(code=error.code, message=error.message, remedy=remedy(error.code, error.remedy))
    return as_document(
        database=database,
        is_good=found.is_good,
        results=[result_document(result) for result in found.results],
        error=told,
        tables=[as_document(table=one.table, before=one.before, after=one.after) for one in found.tables],
        schema=[as_document(type=one.type, name=one.name, change=_CHANGES[one.change]) for one in found.schema],
        violations=list(found.violations),
        copy_seconds=round(found.copy_seconds, 3),
        migrate_seconds=round(found.migrate_seconds, 3),
        size_before=found.size_before,
        size_after=found.size_after,
        wal_peak=found.wal_peak,
        space_needed=found.space_needed,
        copy=found.copy,
    )
