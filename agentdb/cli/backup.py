"""`agentdb backup`."""

from __future__ import annotations

import os

import click

from agentdb.cli.options import busy_timeout_option, database_argument, on_connect_option
from agentdb.cli.output import Answer, answers, as_document, plain
from agentdb.cli.progress import Progress
from agentdb.engine.backup.on_demand import backup as make

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect


@click.command(short_help="Write a verified copy, beside programs that write.")
@database_argument
@click.option(
    "--to", metavar="FOLDER_OR_FILE", help="Where to; a file must not exist.  [default: the folder DATABASE.backups]"
)
@busy_timeout_option
@on_connect_option
@answers
def backup(database: str, to: str | None, busy_timeout: float, on_connect: OnConnect | None) -> Answer:
    """Write a copy of DATABASE as it is at this moment, check it, and tell where it is.

    Other programs may read and write meanwhile. The copy is one file, without -wal and -shm; it has its name only when it is
    whole. Copies made like this are never removed by agentdb.

    \b
    JSON
      database, backup (its path), size (bytes)
    """
    with Progress() as progress:
        path = make(database, to, on_event=progress, busy_timeout=busy_timeout, on_connect=on_connect)
    size = os.path.getsize(path)
    return Answer(
        [f"Backed up {plain(database)} to {plain(path)} ({size / 1e6:,.1f} MB)."],
        as_document(database=database, backup=path, size=size),
    )
