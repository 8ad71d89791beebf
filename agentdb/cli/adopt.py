"""`agentdb adopt`."""

from __future__ import annotations

import click

from agentdb.cli.options import busy_timeout_option, on_connect_option
from agentdb.cli.output import Answer, answers, as_document, counted, plain
from agentdb.cli.sets import load
from agentdb.engine.layouts import LAYOUTS
from agentdb.engine.loader import load_migrations
from agentdb.tools.adoption import adopt_folder
from agentdb.tools.takeover import take_over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect


@click.command(short_help="Take over the migrations, or a database, of another tool.")
@click.argument("folder", metavar="FOLDER")
@click.option("--layout", type=click.Choice(list(LAYOUTS)), help="The tool that FOLDER is of.")
@click.option("--to", metavar="FOLDER", help="Where the migrations are written; a new or an empty folder.")
@click.option("--database", metavar="FILE", help="Record what the other tool has applied to this file as applied.")
@click.option("--table", default="migrations", show_default=True, metavar="NAME", help="The tracking table to write.")
@click.option("--at", metavar="ID", help="The newest applied id, where the other tool knows no numbers.")
@click.option("--reason", metavar="TEXT", help="Why; the database keeps it.  [default: names the other tool]")
@click.option(
    "--ignore", metavar="PATTERN", multiple=True, help="Tables that are not of these migrations; may be repeated."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@busy_timeout_option
@on_connect_option
@answers
def adopt(
    folder: str,
    layout: str | None,
    to: str | None,
    database: str | None,
    table: str,
    at: str | None,
    reason: str | None,
    ignore: tuple[str, ...],
    dry_run: bool,
    busy_timeout: float,
    on_connect: OnConnect | None,
) -> Answer:
    """Read FOLDER in the layout of another tool, and write it as agentdb has it. It says what was not carried over.

    With --database nothing is written but the tracking table of that file: what the other tool has recorded there is recorded
    as applied, where the schema is just what those migrations make. FOLDER is then that of the adopted migrations, or with
    --layout that of the other tool. No migration is run, and the table of the other tool stays.

    \b
    JSON
      with --to or --dry-run: folder, to,
      migrations: [{id, description, file, foreign_keys, use_transaction,
                    allows_loss, notes, lost}], files
      with --database: database, tool, tool_table, table, recorded, pending
    """
    if database is None:
        if layout is None:
            raise click.UsageError("Name the tool that FOLDER is of with --layout.")
        if (to is None) != dry_run:
            raise click.UsageError("Name the new folder with --to, or only look with --dry-run.")
        if at is not None or reason is not None or ignore:
            raise click.UsageError("--at, --reason and --ignore are for --database.")
        return _adopted(folder, layout, to, dry_run)
    if to is not None:
        raise click.UsageError("--to writes a folder, and --database a file; give one of the two.")
    migrations = load(folder) if layout is None else load_migrations(folder, layout)
    done = take_over(
        database,
        migrations,
        table=table,
        at=at,
        reason=reason,
        ignore=ignore,
        dry_run=dry_run,
        busy_timeout=busy_timeout,
        on_connect=on_connect,
    )
    verb = "would be recorded" if dry_run else "recorded"
    line = (
        f"{plain(database)}: {counted(len(done.recorded), 'migration')} of {done.history.tool} {verb} as applied, "
        f"{len(done.pending)} pending."
    )
    document = as_document(
        database=database,
        tool=done.history.tool,
        tool_table=done.history.table or None,
        table=table,
        recorded=list(done.recorded),
        pending=list(done.pending),
    )
    return Answer([line], document)


def _adopted(folder: str, layout: str, to: str | None, dry_run: bool) -> Answer:
    done = adopt_folder(folder, layout, to or "", dry_run=dry_run)
    lines = []
    for one in done.carried:
        name = f"{plain(one.migration.label)}, from {plain(one.source.file)}"
        lines += [f"{name}: {plain(note)}" for note in one.notes]
        lines += [f"not carried over: {name}: {plain(what)}" for what in one.lost]
    where = f" written to {plain(to)}" if to is not None else " would be written"
    lines.append(f"{counted(len(done.carried), 'migration')}{where}.")
    documents = [
        as_document(
            id=one.migration.id,
            description=one.migration.description,
            file=one.source.file,
            foreign_keys=one.migration.foreign_keys,
            use_transaction=one.migration.use_transaction,
            allows_loss=list(one.migration.allows_loss),
            notes=list(one.notes),
            lost=list(one.lost),
        )
        for one in done.carried
    ]
    return Answer(lines, as_document(folder=folder, to=to, migrations=documents, files=list(done.files)))
