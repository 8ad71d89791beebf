"""`agentdb validate`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import click

from agentdb.cli import open_database
from agentdb.cli.ledger import against_ledger
from agentdb.cli.lint import documents_of_lint, lines_of_lint, lint_set
from agentdb.cli.options import busy_timeout_option, on_connect_option, selection_options
from agentdb.cli.output import Answer, answers, as_document, counted, finding_document, lines_of_findings, of_all, plain
from agentdb.cli.sets import SelectedSet, load, of_set, select
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
    from agentdb.tools.lint.findings import LintFinding


@click.command(short_help="Prove the migrations themselves: every up and every down runs.")
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
@selection_options
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
    source: str | None,
    set_name: str | None,
    table: str | None,
    base: tuple[Migration, ...],
    fixtures: Fixtures | None,
    database: str | None,
    busy_timeout: float,
    every_version: bool,
    on_connect: OnConnect | None,
    strict: bool,
) -> Answer:
    """Prove migrations in memory, for a CI.

    It proves that they can be registered, that every up and every down runs, and that up, down, up gives the schema
    that up gave. It also proves that a database at any earlier version, with rows in every table, is upgraded to the
    newest and rolled back without losing a row. A table that cannot be filled is a warning.

    Where the folder of the project has a migrations.lock, they are compared with what has shipped; see `agentdb ledger`.

    Migrations that are proved are also read as `agentdb lint` does; its errors count here.

    With --database they are also compared with what that database has applied; it is opened read-only. Of several sets
    each is proved on top of those before it.

    \b
    JSON
      is_valid, migrations (ids), database,
      errors, warnings: [{code, message, remedy, migration}],
      lint: the findings of `agentdb lint` that are no notes
      of several sets: database, is_valid (of all), and
      sets: [{set, migrations, and so on, as above}]
    """
    sets = select(source, set_name, table, reports_skipped=True)
    named: list[tuple[str, Answer]] = []
    before = [base] if base else []
    for one in sets:
        with of_set(one, sets):
            # First: of a database that cannot be compared nobody hears after a long proof.
            against = None
            if database is not None and len({migration.number for migration in one.migrations}) == len(one.migrations):
                against = _against(database, one, busy_timeout, on_connect)
            proof = validate_migrations(
                one.migrations, _in_one_row(before), fixtures, every_version=every_version, on_connect=on_connect
            )
            shipped = against_ledger(one)
        errors = [*proof.errors, *(shipped.errors if shipped is not None else ())]
        proof = ValidationResult.of(errors, proof.warnings)
        findings = () if proof.errors else lint_set(one, tuple(chain.from_iterable(before)), on_connect=on_connect)
        named.append((one.name, _verdict(one, proof, database, against, strict, findings)))
        before.append(one.migrations)
    return of_all(named, database=database)


def _in_one_row(groups: Sequence[tuple[Migration, ...]]) -> tuple[Migration, ...]:
    """What is there before a set, as migrations of one tracking table. Those of several sets get new numbers."""
    if len(groups) == 1:
        return groups[0]
    return tuple(
        [
            Migration.recorded(str(number), m.description, m.up, m.down, m.use_transaction, m.foreign_keys)
            for number, m in enumerate(chain.from_iterable(groups), 1)
        ]
    )


def _verdict(
    one: SelectedSet,
    proof: ValidationResult,
    database: str | None,
    against: ValidationResult | None,
    strict: bool,
    findings: Sequence[LintFinding],
) -> Answer:
    errors, warnings = list(proof.errors), list(proof.warnings)
    warnings += [
        Finding("skipped_file", f"the file {name} is not a migration; it was left out") for name in one.skipped
    ]
    if against is not None:
        errors += against.errors
        warnings += [finding for finding in against.warnings if finding not in warnings]
    told = [finding for finding in findings if finding.reason is None and finding.severity != "note"]
    is_clean = not any(finding.severity == "error" or strict for finding in told)
    good = not errors and not (strict and warnings) and is_clean
    verdict = "valid" if good else "not valid"
    beside = f" against {plain(database)}" if database is not None else ""
    return Answer(
        [
            *lines_of_findings(errors, warnings),
            *lines_of_lint(told),
            f"{counted(len(one.migrations), 'migration')}{beside}: {verdict}; "
            f"{counted(len(errors), 'error')}, {counted(len(warnings), 'warning')}"
            f"{f'; {len(told)} of lint' if told else ''}.",
        ],
        as_document(
            is_valid=good,
            migrations=[migration.id for migration in one.migrations],
            database=database,
            errors=[finding_document(finding) for finding in errors],
            warnings=[finding_document(finding) for finding in warnings],
            lint=documents_of_lint(told),
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


def _against(database: str, one: SelectedSet, busy_timeout: float, on_connect: OnConnect | None) -> ValidationResult:
    with open_database.to_read(database, busy_timeout, on_connect) as client:
        migrator = Migrator(client, one.migrations, table=one.table)
        run(client, check_set(History(one.table), migrator.migrations))
        return migrator.validate_migrations()
