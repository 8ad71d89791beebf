"""`agentdb validate`."""

from __future__ import annotations

from typing import Any

import click

from agentdb.cli import open_database
from agentdb.cli.options import SKIPPED, busy_timeout_option, load, migrations_option, on_connect_option, table_option
from agentdb.cli.output import Answer, answers, as_document, counted, finding_document, lines_of_findings, plain
from agentdb.engine.guards.wrong_set import check_set
from agentdb.engine.history import History
from agentdb.engine.migration import Migration
from agentdb.engine.migrator import Migrator
from agentdb.engine.proof.validation import validate_migrations
from agentdb.engine.results import Finding, ValidationResult
from agentdb.operations.runners import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.engine.proof.fixtures import Fixtures


class _Validate(click.Command):
    """Has the files that are no migrations told to it."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        if parent is not None:
            parent.meta[SKIPPED] = []
        return super().make_context(info_name, args, parent, **extra)


@click.command(cls=_Validate, short_help="Prove the migrations themselves: every up and every down runs.")
@migrations_option
@click.option(
    "--base",
    metavar="MODULE_OR_FOLDER",
    callback=lambda _context, _option, source: () if source is None else load(source),
    help="Migrations that are there before, for instance agentdb.migrations.",
)
@click.option(
    "--fixtures",
    metavar="FILE",
    callback=lambda _context, _option, path: None if path is None else _fixtures(path),
    help='Rows for tables that cannot be filled from their definition: a JSON file, {"table": [{"column": value}]}.',
)
@click.option("--database", metavar="DATABASE", help="Compare the migrations with this database, too.")
@table_option
@busy_timeout_option
@click.option(
    "--every-version",
    is_flag=True,
    help="Also upgrade a database of its own from each version. The time grows with the square of their number.",
)
@on_connect_option
@click.option("--strict", is_flag=True, help="Let warnings count as errors.")
@answers
def validate(
    migrations: tuple[Migration, ...],
    base: tuple[Migration, ...],
    fixtures: Fixtures | None,
    database: str | None,
    table: str,
    busy_timeout: float,
    every_version: bool,
    on_connect: OnConnect | None,
    strict: bool,
) -> Answer:
    """Prove migrations in memory, for a CI: that they can be registered, that every up and every down runs, and that up,
    down, up gives the schema that up gave; and that a database at any earlier version, with rows in every table, comes to the
    newest without losing one, and back. A table that cannot be filled is a warning.

    With --database they are also compared with what that database has applied; it is opened read-only.

    \b
    JSON
      is_valid, migrations (ids), database,
      errors, warnings: [{code, message, remedy, migration}]
    """
    proof = validate_migrations(migrations, base, fixtures, every_version=every_version, on_connect=on_connect)
    errors, warnings = list(proof.errors), list(proof.warnings)
    warnings += [
        Finding("skipped_file", f"the file {name} is no migration; it was left out")
        for name in click.get_current_context().meta.get(SKIPPED, ())
    ]
    if database is not None and not any(finding.code == "duplicate_id" for finding in errors):
        against = _against(database, migrations, table, busy_timeout, on_connect)
        errors += against.errors
        warnings += [finding for finding in against.warnings if finding not in warnings]
    good = not errors and not (strict and warnings)
    verdict = "valid" if good else "not valid"
    beside = f" against {plain(database)}" if database is not None else ""
    return Answer(
        [
            *lines_of_findings(errors, warnings),
            f"{counted(len(migrations), 'migration')}{beside}: {verdict}; "
            f"{counted(len(errors), 'error')}, {counted(len(warnings), 'warning')}.",
        ],
        as_document(
            is_valid=good,
            migrations=[migration.id for migration in migrations],
            database=database,
            errors=[finding_document(finding) for finding in errors],
            warnings=[finding_document(finding) for finding in warnings],
        ),
        good,
    )


def _fixtures(path: str) -> Any:
    import json

    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"the fixtures of {path} cannot be read: {error}") from error


def _against(
    database: str,
    migrations: tuple[Migration, ...],
    table: str,
    busy_timeout: float,
    on_connect: OnConnect | None,
) -> ValidationResult:
    with open_database.to_read(database, busy_timeout, on_connect) as client:
        migrator = Migrator(client, migrations, table=table)
        run(client, check_set(History(table), migrator.migrations))
        return migrator.validate_migrations()
