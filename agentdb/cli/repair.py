"""`agentdb repair`."""

from __future__ import annotations

import click

from agentdb.cli import interruptible, open_database
from agentdb.cli.options import database_options
from agentdb.cli.output import Answer, answers, as_document, plain
from agentdb.cli.sets import SelectedSet, only
from agentdb.engine.migrator import AsyncMigrator
from agentdb.engine.results import MigrationSummary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect

#: What can be done, and what is said when it is.
_ACTIONS = {
    "mark-applied": "recorded as applied",
    "mark-reverted": "recorded as not applied",
    "accept-checksum": "recorded with the text that it has now",
    "baseline": "recorded as applied, with all below",
}


@click.command(short_help="Correct what the database remembers; runs no migration.")
@click.argument("action", type=click.Choice(list(_ACTIONS)))
@click.argument("migration", metavar="ID")
@database_options
@click.option("--reason", metavar="TEXT", required=True, help="Why this is right; the database keeps it.")
@answers
def repair(
    action: str,
    migration: str,
    database: str,
    sets: tuple[SelectedSet, ...],
    busy_timeout: float,
    on_connect: OnConnect | None,
    reason: str,
) -> Answer:
    """Correct what DATABASE remembers of migration ID, where it is not true. No statement of a migration is run.

    \b
    mark-applied     It is done: by hand, or by a run that died at its end.
    mark-reverted    It was rolled back by hand, or has never been there.
    accept-checksum  Its text has been edited, and the edited one is right.
    baseline         The schema is that of ID, made by other means; nothing
                     is recorded yet.

    \b
    JSON
      database, action, migration, reason, current_version,
      pending (ids that are left)
    """

    one = only(sets, "repair")

    async def mend() -> MigrationSummary:
        async with open_database.to_write(database, busy_timeout, on_connect, must_exist=True) as client:
            migrator = AsyncMigrator(client, one.migrations, table=one.table)
            await getattr(migrator, action.replace("-", "_"))(migration, reason=reason)
            return await migrator.get_migration_summary()

    summary = interruptible.run(mend())
    pending = list(summary.pending_migration_ids)
    where = f"{plain(database)} is at {summary.current_version or 'no migration'}, {len(pending)} pending"
    return Answer(
        [f"{plain(migration)} is {_ACTIONS[action]}; {where}."],
        as_document(
            database=database,
            action=action,
            migration=migration,
            reason=reason,
            current_version=summary.current_version,
            pending=pending,
        ),
    )
