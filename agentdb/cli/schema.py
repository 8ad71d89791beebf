"""`agentdb schema`."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from agentdb.cli import open_database
from agentdb.cli.options import database_options
from agentdb.cli.output import Answer, answers, as_document
from agentdb.cli.sets import SelectedSet
from agentdb.clients import create_client_sync
from agentdb.clients.location import MEMORY
from agentdb.engine.migrator import Migrator
from agentdb.operations.runners import run
from agentdb.tools.diagram.mermaid import mermaid
from agentdb.tools.diagram.svg import svg
from agentdb.tools.schema_model import Table, read_tables, schema_sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient


@click.command(short_help="The schema as SQL, or as a picture.")
@database_options
@click.option("--all", "everything", is_flag=True, help="Of all migrations, made in memory; no database is looked at.")
@click.option("--diagram", type=click.Choice(["mermaid", "svg"]), help="Draw tables, keys and cardinalities.")
@click.option(
    "--without", metavar="PATTERN", multiple=True, help="Leave these tables out of the picture; may be repeated."
)
@answers
def schema(
    database: str,
    sets: tuple[SelectedSet, ...],
    busy_timeout: float,
    on_connect: OnConnect | None,
    everything: bool,
    diagram: str | None,
    without: tuple[str, ...],
) -> Answer:
    """Show the schema of DATABASE: as an SQL script, as a Mermaid diagram, or as an SVG picture.

    A picture groups tables by the set of migrations that made them. Tracking tables, shadow tables of search indexes and
    SQLite's own tables are left out. Opens read-only.

    \b
    JSON
      database (null with --all), format ("sql", "mermaid" or "svg"), text,
      tables: [{name, set, is_virtual,
                columns: [{name, type, is_nullable, key}],
                references: [{columns, table, to, is_optional, is_single,
                              has_index}]}]
    """
    if everything and click.get_current_context().get_parameter_source("database") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--all looks at no DATABASE; give one of the two.")
    if without and diagram is None:
        raise click.UsageError("--without is for --diagram.")
    with _opened(database, sets, busy_timeout, on_connect, everything) as client:
        tables = run(client, read_tables(without))
        text = run(client, schema_sql()) if diagram is None else {"mermaid": mermaid, "svg": svg}[diagram](tables)
    document = as_document(
        database=None if everything else database,
        format=diagram or "sql",
        text=text,
        tables=[_document(table) for table in tables],
    )
    return Answer((), document, script=text)


def _opened(
    database: str, sets: tuple[SelectedSet, ...], busy_timeout: float, on_connect: OnConnect | None, everything: bool
) -> LocalClient:
    if not everything:
        return open_database.to_read(database, busy_timeout, on_connect)
    client = create_client_sync(MEMORY, on_connect=on_connect)
    try:
        for one in sets:
            Migrator(client, one.migrations, table=one.table).migrate()
    except BaseException:
        client.close()
        raise
    return client


def _document(table: Table) -> dict[str, Any]:
    return as_document(
        name=table.name,
        set=table.set,
        is_virtual=table.is_virtual,
        columns=[
            as_document(name=one.name, type=one.type, is_nullable=one.is_nullable, key=one.key) for one in table.columns
        ],
        references=[
            as_document(
                columns=list(one.columns),
                table=one.table,
                to=list(one.to),
                is_optional=one.is_optional,
                is_single=one.is_single,
                has_index=one.has_index,
            )
            for one in table.references
        ],
    )
