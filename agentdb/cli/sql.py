"""`agentdb sql`."""

from __future__ import annotations

import click
from click.core import ParameterSource

from agentdb.cli import open_database
from agentdb.cli.options import database_options, range_options, upgrade_options
from agentdb.cli.output import Answer, answers, as_document, counted
from agentdb.cli.script import downgrade, script, upgrade
from agentdb.clients.location import MEMORY
from agentdb.engine import planner, rollback_plan
from agentdb.engine.guards.wrong_set import check_set
from agentdb.engine.history import History
from agentdb.engine.history_row import DOWN, UP, Row
from agentdb.engine.migration import Migration
from agentdb.engine.migrator import Migrator
from agentdb.engine.preview import expanded
from agentdb.operations.runners import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient


@click.command(short_help="What would run, as a script for the sqlite3 shell.")
@database_options
@click.option("--all", "everything", is_flag=True, help="All migrations; no database is looked at.")
@click.option(
    "--down", is_flag=True, help="The script that rolls migrations back; without --limit and --target the last."
)
@range_options("N migrations at the most.", "Up: stop after this migration. Down: all above this one, which stays.")
@upgrade_options
@answers
def sql(
    database: str,
    migrations: tuple[Migration, ...],
    table: str,
    busy_timeout: float,
    on_connect: OnConnect | None,
    everything: bool,
    down: bool,
    limit: int | None,
    target: str | None,
    no_transaction: bool,
    no_checksums: bool,
    allow_out_of_order: bool,
) -> Answer:
    """Write what `migrate` would run on DATABASE, or with --down what `rollback` would, as an SQL script.

    The script holds the transactions and the rows of the tracking table, too: run with `sqlite3 -bail FILE`, it leaves
    the state that the command would have left. The database is opened read-only; a file that does not exist has
    everything pending.

    \b
    JSON
      database (null with --all), direction ("up" or "down"),
      migrations (ids, in the order in which they run), script
    """
    if everything and click.get_current_context().get_parameter_source("database") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--all looks at no DATABASE; give one of the two.")
    history = History(table)
    with _opened(database, busy_timeout, on_connect, everything=everything, down=down) as client:
        registered = Migrator(client, migrations, table=table).migrations
        rows = run(client, history.read())
        if not everything and not down:
            run(client, check_set(history, registered))
        if everything and down:
            rows = [Row.of(migration.id, migration.checksum) for migration in registered]
        if down:
            last = 1 if limit is None and target is None else limit
            reversals = rollback_plan.plan_downgrade(registered, rows, limit=last, target=target)
            ids = [reversal.recorded_id for reversal in reversals]
            made = [migration.up for migration in registered] if everything else []
            recorded = {row.id: row for row in rows}
            done = [planner.done_before(recorded[r.recorded_id], DOWN, r.statements) for r in reversals]
            left = [r.statements[number:] for r, number in zip(reversals, done, strict=True)]
            texts = run(client, expanded([*made, *left]))[len(made) :]
            parts = [
                downgrade(history, reversal, statements, recorded[reversal.recorded_id])
                for reversal, statements in zip(reversals, texts, strict=True)
            ]
        else:
            plan = planner.plan_upgrade(
                registered,
                rows,
                limit=limit,
                target=target,
                checksums=not no_checksums,
                allow_out_of_order=allow_out_of_order,
            )
            begun = {planner.recorded_number(row): row for row in rows if row.in_progress == UP}
            done = [planner.done_before(begun[m.number], UP, m.up) if m.number in begun else 0 for m in plan]
            ids = [migration.id for migration in plan]
            texts = run(client, expanded([m.up[number:] for m, number in zip(plan, done, strict=True)]))
            parts = [
                upgrade(
                    history,
                    migration,
                    statements,
                    use_transaction=migration.use_transaction and not (no_transaction and migration.foreign_keys),
                    begun=begun.get(migration.number),
                )
                for migration, statements in zip(plan, texts, strict=True)
            ]
    place = "no database" if everything else database
    text = script(f"agentdb {'rollback' if down else 'migrate'}, {place}: {counted(len(ids), 'migration')}", parts)
    return Answer(
        (),
        as_document(
            database=None if everything else database,
            direction="down" if down else "up",
            migrations=ids,
            script=text,
        ),
        script=text,
    )


def _opened(
    database: str, busy_timeout: float, on_connect: OnConnect | None, *, everything: bool, down: bool
) -> LocalClient:
    """The database to look at; with --all an empty one."""
    if everything:
        return open_database.to_read(MEMORY, busy_timeout, on_connect)
    return (open_database.to_read if down else open_database.to_preview)(database, busy_timeout, on_connect)
