"""`agentdb restore`."""

from __future__ import annotations

import click
from click.core import ParameterSource

from agentdb.cli.options import database_argument
from agentdb.cli.output import Answer, answers, as_document, plain
from agentdb.cli.progress import Progress
from agentdb.engine.backup.restore import restore as put_back
from agentdb.tools.backup_files import latest_backup


@click.command(short_help="Put a backup in the place of a database.")
@click.argument("backup", required=False)
@database_argument
@click.option("--latest", is_flag=True, help="The newest backup of DATABASE, which then is the only argument.")
@click.option("--backup-dir", metavar="FOLDER", help="Where --latest looks.  [default: the folder DATABASE.backups]")
@answers
def restore(backup: str | None, database: str, latest: bool, backup_dir: str | None) -> Answer:
    """Put a copy of BACKUP in the place of DATABASE, which no program may have open.

    The copy is checked before anything is changed, and BACKUP is only read. What was there is kept beside it, as
    DATABASE.replaced-0001 and so on: remove it when it is not wanted any more. `agentdb backups` lists what there is.

    \b
    JSON
      database, backup, replaced (the path of what was there, or null)
    """
    if latest:
        if backup is not None:
            if click.get_current_context().get_parameter_source("database") is ParameterSource.COMMANDLINE:
                raise click.UsageError("--latest chooses the backup; give DATABASE alone.")
            database = backup
        backup = latest_backup(database, backup_dir).path
    elif backup is None:
        raise click.UsageError("Name a BACKUP, or choose the newest one with --latest.")
    elif backup_dir is not None:
        raise click.UsageError("--backup-dir is for --latest.")
    with Progress() as progress:
        restored = put_back(backup=backup, database=database, on_event=progress)
    kept = f" What was there is now {plain(restored.replaced)}." if restored.replaced else ""
    return Answer(
        [f"Restored {plain(database)} from {plain(restored.backup)}.{kept}"],
        as_document(database=database, backup=restored.backup, replaced=restored.replaced),
    )
