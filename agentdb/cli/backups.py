"""`agentdb backups`."""

from __future__ import annotations

import click

from agentdb.cli.options import database_argument
from agentdb.cli.output import Answer, answers, as_document, counted, plain
from agentdb.tools.backup_files import list_backups


@click.command(short_help="List the backups of a database.")
@database_argument
@click.option("--backup-dir", metavar="FOLDER", help="Where they are.  [default: the folder DATABASE.backups]")
@answers
def backups(database: str, backup_dir: str | None) -> Answer:
    """List the backups of DATABASE, the newest first, and what restores have replaced. DATABASE need not be there.

    \b
    JSON
      database,
      backups: [{path, kind ("upgrade", "on_demand" or "replaced"),
                 size (bytes), made_at, before, after (migrations),
                 is_unfinished}]
    """
    found = list_backups(database, backup_dir)
    lines = []
    for one in found:
        what = f"  before {one.before} -> {one.after}" if one.after is not None else f"  {one.kind.replace('_', ' ')}"
        unfinished = "  (that upgrade is not complete)" if one.is_unfinished else ""
        lines.append(
            f"{one.made_at:%Y-%m-%d %H:%M:%SZ}  {one.size / 1e6:>9,.1f} MB{what}{unfinished}  {plain(one.path)}"
        )
    lines.append(f"{plain(database)}: {counted(len(found), 'backup')}")
    documents = [
        as_document(
            path=one.path,
            kind=one.kind,
            size=one.size,
            made_at=f"{one.made_at:%Y-%m-%dT%H:%M:%SZ}",
            before=one.before,
            after=one.after,
            is_unfinished=one.is_unfinished,
        )
        for one in found
    ]
    return Answer(lines, as_document(database=database, backups=documents))
