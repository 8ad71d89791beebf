"""Proof of migrations without a database of anybody's: every up and down is run in memory, on empty tables and on full."""

from __future__ import annotations

from agentdb.engine.migration import Migration
from agentdb.engine.migration_set import migrations_of
from agentdb.engine.migrator import Migrator
from agentdb.engine.planner import empty_ups, gaps
from agentdb.engine.results import Finding, ValidationResult
from agentdb.engine.schema_text import normalized
from agentdb.errors import AgentDBError, MigrationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.engine.migration_set import Migrations
    from agentdb.engine.proof.fixtures import Fixtures

    #: What a schema is, for comparison: the rows of sqlite_master, without what means nothing.
    Schema: TypeAlias = frozenset[tuple[Any, ...]]

#: Where the migrations under test, and those they stand on, keep their history while they are proved.
_TABLE, _BASE_TABLE = "agentdb_proof", "agentdb_proof_base"


def validate_migrations(
    migrations: Migrations,
    base: Migrations = (),
    fixtures: Fixtures | None = None,
    *,
    every_version: bool = False,
    on_connect: OnConnect | None = None,
) -> ValidationResult:
    """Prove migrations, for an application's CI.

    It proves that they can be registered, that every up and every down runs, and that up, down, up gives the schema
    that up gave. It also proves that a database at any earlier version, with rows in every table, is upgraded to the
    newest and rolled back. No row may be lost, and the schema must be that of a new file.

    migrations: an iterable of Migration, or a module that has MIGRATIONS. base: migrations that are there before, for a
    host application whose tables refer to agentdb's: `base=agentdb.migrations`. fixtures: rows instead of generated
    ones, for tables that cannot be filled from their definition alone: {"table": [{"column": value}]}. Columns that a
    version does not have are left out. In place of the list there may be a function that returns one for the id of a
    version. An empty list leaves the table empty. on_connect: as for create_client_sync(), for migrations that use
    functions, collations or extensions of the application.

    The rows are made at each version and carried on through one database, so that the work grows with the number of
    migrations. every_version: also upgrade a database of its own from each version, with new rows and all that is
    pending at once. The work then grows with the square. Only this finds what rows of earlier versions hide: a
    migration that fails where all rows of a table, or all values of a small set, are of one version. The same holds for
    one that works only on rows which an earlier step has changed. What a down breaks, or leaves undone, is reported of
    that migration. The later ups are proved from a fresh build.

    Errors: `duplicate_id`, `up_failed`, `down_failed`, `not_repeatable`; with rows: `populated_up_failed`, `data_loss`,
    `schema_differs`, `dangling_references`, `populated_down_failed`, `dependent_rows`, `bad_fixture`. Warnings: `gap`,
    `empty_up`, `no_down`, `down_incomplete` (the schema after up and down is not the one before), `not_filled` (a table
    stayed empty, so nothing is proved of its rows). Raises InvalidArgumentError for what are no migrations, or no fixtures.
    """
    given = sorted(migrations_of(migrations), key=lambda migration: migration.number)
    standing = migrations_of(base)
    errors = _duplicates(given)
    if errors:
        return ValidationResult.of(errors)
    warnings = [*gaps(given), *empty_ups(given)]
    client = _built(standing, (), on_connect)
    if isinstance(client, MigrationError):
        return ValidationResult.of([Finding("up_failed", f"in base: {client.message}", client.migration_id)], warnings)
    proved: list[Migration] = []
    for migration in given:
        known = len(errors) + len(warnings)
        try:
            _prove(client, migration, errors, warnings)
        except AgentDBError as error:
            errors.append(Finding(_failed(error, "up_failed"), error.message, migration.id))
            break  # whatever comes after stands on this one
        proved.append(migration)
        if migration.down and len(errors) + len(warnings) > known:
            client.close()
            client = _built(standing, proved, on_connect)  # what its down has left shall not meet the next one
            if isinstance(client, MigrationError):
                errors.append(Finding("up_failed", client.message, client.migration_id))
                return ValidationResult.of(errors, warnings)
    client.close()
    if proved or not given:
        from agentdb.engine.proof.populated import Proof

        proof = Proof(
            standing,
            proved,
            fixtures,
            tables=(_BASE_TABLE, _TABLE),
            read_schema=_schema,
            difference=_difference,
            every_version=every_version,
            bad_downs=frozenset([finding.migration_id for finding in errors if finding.migration_id is not None]),
            is_whole=len(proved) == len(given),
            on_connect=on_connect,
        )
        try:
            proof.make()
        except MigrationError as error:  # an up that needs what the down of another has left
            errors.append(Finding("up_failed", error.message, error.migration_id))
        errors += proof.errors
        warnings += proof.warnings
    return ValidationResult.of(errors, warnings)


def _built(
    base: Sequence[Migration], migrations: Sequence[Migration], on_connect: OnConnect | None
) -> LocalClient | MigrationError:
    """A database with both; or why there is none."""
    from agentdb.clients import create_client_sync

    client = create_client_sync(":memory:", on_connect=on_connect)
    try:
        Migrator(client, base, table=_BASE_TABLE).migrate()
        migrator = Migrator(client, migrations, table=_TABLE)
        migrator.initialize()
        migrator.migrate()
    except MigrationError as error:
        client.close()
        return error
    return client


def _duplicates(migrations: list[Migration]) -> list[Finding]:
    return [
        Finding("duplicate_id", f"migration {after.label} has the number of {before.label}", after.id)
        for before, after in zip(migrations, migrations[1:], strict=False)
        if before.number == after.number
    ]


def _prove(
    client: LocalClient,
    migration: Migration,
    errors: list[Finding],
    warnings: list[Finding],
) -> None:
    client.execute(f"DELETE FROM {_TABLE}")  # a step that read all before it would make the work grow with their square
    migrator = Migrator(client, [migration], table=_TABLE)
    before = _rows(client)
    migrator.migrate()
    first = _rows(client)
    if not migration.down and not migration.up:
        return
    if not migration.down:
        warnings.append(Finding("no_down", f"migration {migration.label} has no down", migration.id))
        return
    try:
        migrator.rollback_last()
    except AgentDBError as error:
        errors.append(Finding(_failed(error, "down_failed"), error.message, migration.id))
        return
    after_down = _rows(client)
    if not _is_same(after_down, before):
        warnings.append(
            Finding(
                "down_incomplete",
                f"the down of migration {migration.label} does not restore the schema: {_difference(before, after_down)}",
                migration.id,
            )
        )
    try:
        migrator.migrate()
    except AgentDBError as error:
        errors.append(
            Finding(
                "not_repeatable", f"after its down, migration {migration.label} fails: {error.message}", migration.id
            )
        )
        return
    second = _rows(client)
    if not _is_same(second, first):
        errors.append(
            Finding(
                "not_repeatable",
                f"up, down, up of migration {migration.label} gives another schema: {_difference(first, second)}",
                migration.id,
            )
        )


def _failed(error: AgentDBError, code: str) -> str:
    """The code of a finding: that something failed; but what agentdb itself refuses keeps its own code."""
    return code if isinstance(error, MigrationError) else error.code


def _rows(client: LocalClient) -> Schema:
    """The schema as it is written."""
    rows = client.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'"
    )
    return frozenset(rows.tuples)


def _compared(rows: Schema) -> Schema:
    """The same as it is compared."""
    return frozenset([(kind, name, table, normalized(sql or "")) for kind, name, table, sql in rows])


def _schema(client: LocalClient) -> Schema:
    return _compared(_rows(client))


def _is_same(one: Schema, other: Schema) -> bool:
    return one == other or _compared(one - other) == _compared(other - one)


def _difference(one: Schema, other: Schema) -> str:
    one, other = _compared(one), _compared(other)
    missing = [f"{row[0]} {row[1]}" for row in sorted(one - other)]
    more = [f"{row[0]} {row[1]}" for row in sorted(other - one)]
    changed = [name for name in missing if name in more]
    parts = [
        ("missing", [name for name in missing if name not in more]),
        ("left over", [name for name in more if name not in missing]),
        ("changed", changed),
    ]
    return "; ".join([f"{word}: {', '.join(names)}" for word, names in parts if names])
