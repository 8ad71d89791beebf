"""`agentdb audit`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from agentdb.cli import interruptible, open_database
from agentdb.cli.options import busy_timeout_option, database_argument, on_connect_option
from agentdb.cli.output import Answer, answers, as_document, plain, shortened
from agentdb.engine.audit.table import find
from agentdb.errors import AgentDBError, NotFoundError
from agentdb.operations.runners import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.operations import Async
    from agentdb.stores.audit.store import AuditStore
    from agentdb.stores.audit.values import AuditEntry

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])

_HAS_TRAIL = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'audit_tables'"


def _options(command: Command) -> Command:
    return database_argument(busy_timeout_option(on_connect_option(answers(command))))  # type: ignore[return-value]


def _tables_option(command: Command) -> Command:
    return click.option(
        "--table", "tables", metavar="NAME", multiple=True, help="One table; may be repeated.  [default: all]"
    )(command)


@click.group(short_help="Who changed which row, when, and what it was before.")
def audit() -> None:
    """Switch the audit trail of a database on or off, table by table, and read it.

    It is off at first. Triggers write it, so changes by raw SQL are in it, too.
    """


def _write(
    database: str, busy_timeout: float, on_connect: OnConnect | None, work: Callable[[AuditStore[Async]], Any]
) -> Any:
    async def working() -> Any:
        async with open_database.to_write(database, busy_timeout, on_connect, must_exist=True) as client:
            _check((await client.execute(_HAS_TRAIL)).tuples, database)
            return await work(_store(client))

    return interruptible.run(working())


def _store(client: Any) -> AuditStore[Any]:
    """Imports the stores: no other command needs them, and they are half the time of its start."""
    from agentdb.stores.audit.store import AuditStore

    return AuditStore(client)


def _check(found: object, database: str) -> None:
    if not found:
        raise NotFoundError(
            f"{database} has no audit trail yet", code="not_audited", remedy="Run `agentdb migrate` on it first."
        )


def _now_audited(database: str, tables: list[str]) -> Answer:
    said = f"audited in {plain(database)}: {', '.join(map(plain, tables)) or 'nothing'}"
    return Answer([said], as_document(database=database, tables=tables))


@audit.command(short_help="Audit tables from now on.")
@_options
@_tables_option
@click.option("--without-existing", is_flag=True, help="Write no entries for the rows that are there already.")
def enable(
    database: str,
    busy_timeout: float,
    on_connect: OnConnect | None,
    tables: tuple[str, ...],
    without_existing: bool,
) -> Answer:
    """Audit tables of DATABASE from now on, beside those that are audited already.

    \b
    JSON
      database, tables (all that are audited now)
    """
    names = list(tables) or None
    return _now_audited(
        database,
        _write(database, busy_timeout, on_connect, lambda store: store.enable(names, existing=not without_existing)),
    )


@audit.command(short_help="Audit tables no longer; the entries stay.")
@_options
@_tables_option
def disable(database: str, busy_timeout: float, on_connect: OnConnect | None, tables: tuple[str, ...]) -> Answer:
    """Audit tables of DATABASE no longer. What is in the log stays there.

    \b
    JSON
      database, tables (all that are audited still)
    """
    names = list(tables) or None
    return _now_audited(database, _write(database, busy_timeout, on_connect, lambda store: store.disable(names)))


@audit.command(short_help="Which tables are audited, and since when.")
@_options
def status(database: str, busy_timeout: float, on_connect: OnConnect | None) -> Answer:
    """Show which tables of DATABASE are audited. Exits with 1 where raw SQL has changed one since: then enable it again.

    \b
    JSON
      database, tables: [{table_name, known_since, is_current}]
    """
    with open_database.to_read(database, busy_timeout, on_connect) as client:
        _check(client.execute(_HAS_TRAIL).tuples, database)
        found = _store(client).status()
    lines = [
        f"{plain(one.table_name)}: known since {one.known_since:%Y-%m-%d %H:%M:%S} UTC"
        f"{'' if one.is_current else '; changed by raw SQL since, enable it again'}"
        for one in found
    ]
    document = as_document(database=database, tables=[one.to_dict() for one in found])
    return Answer(lines or [f"nothing is audited in {plain(database)}"], document, all(one.is_current for one in found))


@audit.command(short_help="What was done to a row, newest first.")
@click.argument("table")
@click.argument("key")
@_options
@click.option("--limit", metavar="N", type=click.IntRange(1, 10_000), default=50, show_default=True)
def history(
    table: str, key: str, database: str, busy_timeout: float, on_connect: OnConnect | None, limit: int
) -> Answer:
    """Show what was done to the row of TABLE in DATABASE whose primary key is KEY, newest first.

    KEY of several columns is a JSON array: '["tides", 3]'.

    \b
    JSON
      database, table, key, entries: [{id, table_name, row_key, action,
      before, after, actor, changed_at}]
    """
    with open_database.to_read(database, busy_timeout, on_connect) as client:
        _check(client.execute(_HAS_TRAIL).tuples, database)
        values = _key(client, table, key)
        found = _store(client).history(table, values, limit=limit).items
    return Answer(
        [_line(entry) for entry in found] or [f"the log has nothing of {plain(table)} {plain(key)}"],
        as_document(database=database, table=table, key=values, entries=[entry.to_dict() for entry in found]),
    )


@audit.command(short_help="Remove old entries.")
@_options
@click.option("--before", metavar="TIME", required=True, help="ISO 8601, with a time zone: 2026-01-01T00:00:00Z.")
def prune(database: str, busy_timeout: float, on_connect: OnConnect | None, before: str) -> Answer:
    """Remove the entries of DATABASE from before a time.

    \b
    JSON
      database, before, removed (how many)
    """
    try:
        time = datetime.fromisoformat(before)
    except ValueError:
        raise click.UsageError(f"--before {before}: write it as 2026-01-01T00:00:00Z.") from None
    removed = _write(database, busy_timeout, on_connect, lambda store: store.prune(time))
    noun = "1 entry" if removed == 1 else f"{removed:,} entries"
    return Answer(
        [f"removed {noun} of {plain(database)}"], as_document(database=database, before=before, removed=removed)
    )


def _key(client: LocalClient, table: str, key: str) -> list[Any]:
    """The values of a key: an integer where the column has integers."""
    if key.startswith("["):
        try:
            values = json.loads(key)
            if isinstance(values, list):
                return values
        except (ValueError, RecursionError):
            pass
    try:
        types = run(client, find(table)).key_types
    except AgentDBError:  # it is gone, and its entries may be there
        types = []
    is_number = bool(types) and "INT" in types[0] and key.lstrip("-").isdigit()
    return [int(key) if is_number else key]


def _line(entry: AuditEntry) -> str:
    what = entry.after if entry.action != "delete" else entry.before
    by = f" by {plain(entry.actor)}" if entry.actor is not None else ""
    shown = shortened(json.dumps(what, ensure_ascii=False)) if what is not None else ""
    return f"{entry.changed_at:%Y-%m-%d %H:%M:%S}  {entry.action}{by}  {shown}".rstrip()
