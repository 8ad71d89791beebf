"""`agentdb sql`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from agentdb.cli import open_database
from agentdb.cli.options import database_options, range_options, upgrade_options
from agentdb.cli.output import Answer, answers, as_document, counted, plain
from agentdb.cli.script import downgrade, script, unfinished, upgrade
from agentdb.cli.sets import SelectedSet, of_set, only
from agentdb.clients.location import MEMORY
from agentdb.engine import planner, rollback_plan
from agentdb.engine.guards.wrong_set import check_set
from agentdb.engine.history import History
from agentdb.engine.history_row import DOWN, UP, Row
from agentdb.engine.migration import Migration
from agentdb.engine.migrator import Migrator
from agentdb.engine.preview import expanded
from agentdb.operations.runners import run

if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.engine.migration import Item
    from agentdb.engine.rollback_plan import Reversal


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
    sets: tuple[SelectedSet, ...],
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

    The shell cannot run a PythonStep, and it cannot continue a Backfill that was begun. The script ends before the first
    migration that has one to run. Then the exit code is 1.

    \b
    JSON
      database (null with --all), direction ("up" or "down"),
      migrations (ids, in the order in which they run),
      stopped_at (the id of the first one that a script cannot run, or null),
      script
      of several sets: in place of migrations
      sets: [{set, table, migrations}]
    """
    if everything and click.get_current_context().get_parameter_source("database") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--all looks at no DATABASE; give one of the two.")
    if down or limit is not None or target is not None:
        only(sets, "--down" if down else "--limit" if limit is not None else "--target")
    rules: dict[str, Any] = {"limit": limit, "target": target}
    if not down:
        rules |= {"checksums": not no_checksums, "allow_out_of_order": allow_out_of_order}
    with _opened(database, busy_timeout, on_connect, everything=everything, down=down) as client:
        runs: list[_Run] = []
        for one in sets:
            with of_set(one, sets):
                runs += (
                    _downgrades(client, one, rules, everything) if down else _upgrades(client, one, rules, everything)
                )
        stopped = next((one for one in runs if one.needs_command), None)
        if stopped is not None:
            runs = runs[: runs.index(stopped)]
        # Before the first down of --all stands what the ups have made.
        ups = sorted(sets[0].migrations, key=lambda migration: migration.number) if everything and down else []
        texts = run(client, expanded([*[migration.up for migration in ups], *[one.left for one in runs]]))[len(ups) :]
    parts: list[list[str]] = []
    headed: str | None = None
    for one_run, statements in zip(runs, texts, strict=True):
        part = one_run.written(statements, no_transaction)
        if len(sets) > 1 and one_run.set.name != headed:
            headed = one_run.set.name
            part = [f"-- The set {plain(headed)}, tracking table {plain(one_run.set.table)}", "", *part]
        parts.append(part)
    notice = ""
    if stopped is not None:
        command = "agentdb rollback" if down else "agentdb migrate"
        parts.append(unfinished(stopped.label, command))
        notice = f"The script ends before migration {plain(stopped.label)}. The sqlite3 shell cannot run it; `{command}` can."
    place = "no database" if everything else database
    text = script(f"agentdb {'rollback' if down else 'migrate'}, {place}: {counted(len(runs), 'migration')}", parts)
    shared = {"database": None if everything else database, "direction": "down" if down else "up"}
    if len(sets) == 1:
        ids = [one.id for one in runs]
        document = as_document(**shared, migrations=ids, stopped_at=stopped and stopped.id, script=text)
        return Answer((), document, stopped is None, script=text, notice=notice)
    listed = [
        as_document(set=one.name, table=one.table, migrations=[found.id for found in runs if found.set is one])
        for one in sets
    ]
    document = as_document(**shared, sets=listed, stopped_at=stopped and stopped.id, script=text)
    return Answer((), document, stopped is None, script=text, notice=notice)


@dataclass(frozen=True)
class _Run:
    """One up or down that a script holds. left: what is still to be run of it. is_halfway: a part of the first item is done."""

    set: SelectedSet
    id: str
    label: str
    left: Sequence[Item]
    written: Callable[[Sequence[str], bool], list[str]]
    is_halfway: bool = False

    @property
    def needs_command(self) -> bool:
        """Whether no script can do it."""
        return self.is_halfway or any(not isinstance(item, str) and item.is_opaque for item in self.left)


def _upgrades(client: LocalClient, one: SelectedSet, rules: dict[str, Any], everything: bool) -> list[_Run]:
    history = History(one.table)
    rows = run(client, history.read())
    registered = Migrator(client, one.migrations, table=one.table).migrations
    if not everything:
        run(client, check_set(history, registered))
    begun = {planner.recorded_number(row): row for row in rows if row.in_progress == UP}

    def of(migration: Migration) -> _Run:
        row = begun.get(migration.number)
        done = planner.done_before(row, UP, migration.up) if row is not None else 0

        def written(statements: Sequence[str], no_transaction: bool) -> list[str]:
            use_transaction = migration.use_transaction and (not no_transaction or migration.needs_transaction)
            return upgrade(history, migration, statements, use_transaction=use_transaction, begun=row)

        is_halfway = row is not None and row.position is not None
        return _Run(one, migration.id, migration.label, migration.up[done:], written, is_halfway)

    return [of(migration) for migration in planner.plan_upgrade(registered, rows, **rules)]


def _downgrades(client: LocalClient, one: SelectedSet, rules: dict[str, Any], everything: bool) -> list[_Run]:
    history = History(one.table)
    registered = Migrator(client, one.migrations, table=one.table).migrations
    rows = run(client, history.read())
    if everything:
        rows = [Row.of(migration.id, migration.checksum) for migration in registered]
    recorded = {row.id: row for row in rows}
    if rules["limit"] is None and rules["target"] is None:
        rules = {**rules, "limit": 1}

    def of(reversal: Reversal) -> _Run:
        row = recorded[reversal.recorded_id]
        done = planner.done_before(row, DOWN, reversal.statements)
        return _Run(
            one,
            reversal.recorded_id,
            reversal.migration.label,
            reversal.statements[done:],
            lambda statements, _: downgrade(history, reversal, statements, row),
        )

    return [of(reversal) for reversal in rollback_plan.plan_downgrade(registered, rows, **rules)]


def _opened(
    database: str, busy_timeout: float, on_connect: OnConnect | None, *, everything: bool, down: bool
) -> LocalClient:
    """The database to look at; with --all an empty one."""
    if everything:
        return open_database.to_read(MEMORY, busy_timeout, on_connect)
    return (open_database.to_read if down else open_database.to_preview)(database, busy_timeout, on_connect)
