"""`agentdb restore`."""

from __future__ import annotations

import click

from agentdb.cli.options import database_argument
from agentdb.cli.output import Answer, answers, as_document, plain
from agentdb.cli.progress import Progress
from agentdb.engine.backup.restore import restore as put_back


@click.command(short_help="Put a backup in the place of a database.")
@click.argument("backup")
@database_argument
@answers
def restore(backup: str, database: str) -> Answer:
    """Put a copy of BACKUP in the place of DATABASE, which no program may have open.

    The copy is checked before anything is changed, and BACKUP is only read. What was there is kept beside it, as
    DATABASE.replaced-0001 and so on: remove it when it is not wanted any more.

    \b
    JSON
      database, backup, replaced (the path of what was there, or null)
    """
    with Progress() as progress:
        restored = put_back(backup=backup, database=database, on_event=progress)
    kept = f" What was there is now {plain(restored.replaced)}." if restored.replaced else ""
    return Answer(
        [f"Restored {plain(database)} from {plain(backup)}.{kept}"],
        as_document(database=database, backup=restored.backup, replaced=restored.replaced),
    )
