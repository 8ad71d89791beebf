"""Migrator and AsyncMigrator: the public interface of the engine, one implementation for both."""

from __future__ import annotations

from agentdb.clients.adapters import BorrowedFile
from agentdb.engine import planner
from agentdb.engine.events import Finished, Planned
from agentdb.engine.history import History
from agentdb.engine.history_row import DOWN, UP, Row
from agentdb.engine.migration import Migration
from agentdb.engine.migration_set import migrations_of, refuse_duplicate, table_of
from agentdb.engine.results import MigrationSummary, ValidationResult
from agentdb.engine.upgrade import SetUpgrade, upgrade
from agentdb.errors import InvalidArgumentError
from agentdb.operations import Async, Operations, Sync, W, atomically, emit, operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from typing import Any

    from agentdb.clients.base import AnyClient, AsyncAnyClient
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.engine.backup.automatic import Rules
    from agentdb.engine.migration_set import Migrations
    from agentdb.engine.results import MigrationResult
    from agentdb.engine.rollback_plan import Reversal
    from agentdb.operations import Steps
    from agentdb.operations.runners import Callback


class MigratorOperations(Operations[W]):
    """What Migrator and AsyncMigrator do."""

    def __init__(
        self,
        client: Any,
        migrations: Migrations = (),
        *,
        table: str | None = None,
        app_version: str | None = None,
        allow_out_of_order: bool = False,
        on_event: Callback | None = None,
        backup: bool = True,
        backup_dir: str | PathLike[str] | None = None,
        keep_backups: int = 3,
        application_id: int | None = None,
        on_connect: OnConnect | None = None,
    ) -> None:
        self._bind(client, on_event)
        if on_connect is not None:
            if not isinstance(self._target, BorrowedFile):
                raise InvalidArgumentError(
                    "on_connect: the client is open already",
                    remedy="Pass on_connect to create_client_sync(), create_client() or AgentDB.open().",
                )
            self._target.on_connect = on_connect
        if hasattr(client, "savepoint"):
            raise InvalidArgumentError("a migrator works on a client, not inside a transaction", code="foreign_client")
        if app_version is not None and type(app_version) is not str:
            raise InvalidArgumentError(f"app_version is {app_version!r}; it is text")
        if on_event is not None and not callable(on_event):
            raise InvalidArgumentError(f"on_event is {on_event!r}; it is called with an event")
        if backup is not True or backup_dir is not None or keep_backups != 3:
            from agentdb.engine.backup.automatic import check_rules

            check_rules(backup, backup_dir, keep_backups)
        if application_id is not None and not (type(application_id) is int and 0 < application_id < 2**31):
            raise InvalidArgumentError(f"application_id is {application_id!r}; it is a number from 1 to 2147483647")
        is_remote = bool(getattr(self._target, "is_remote", False))
        if is_remote and backup_dir is not None:
            raise InvalidArgumentError(
                "backup_dir: no backup of a server is made before an upgrade",
                remedy="Leave it out, and back the server up with its own means before an upgrade.",
            )
        #: Where backups go, and how many are kept; None: there are none.
        self._backup: Rules | None = (backup_dir, keep_backups) if backup and not is_remote else None
        #: A server lets nobody mark its database.
        self._application_id = None if is_remote else application_id
        self._has_table = table is not None
        self._history = History("migrations" if table is None else table)
        self._app_version = app_version
        self._allow_out_of_order = bool(allow_out_of_order)
        self._by_number: dict[int, Migration] = {}
        self._sorted: list[Migration] | None = None
        self.add_migrations(migrations)

    def add_migration(self, migration: Migration) -> None:
        """Register one. Raises InvalidMigrationError `duplicate_id`, InvalidArgumentError for what is no Migration."""
        self.add_migrations((migration,))

    def add_migrations(self, migrations: Migrations) -> None:
        """Register migrations, or those of a module that has MIGRATIONS: all of them, or none. Errors as above."""
        listed = migrations_of(migrations)
        self._check_table(migrations)
        added = {migration.number: migration for migration in listed}
        if len(added) < len(listed) or not self._by_number.keys().isdisjoint(added):
            refuse_duplicate(dict(self._by_number), listed)
        self._by_number.update(added)
        self._sorted = None

    def _check_table(self, source: object) -> None:
        """Take the tracking table that a set names. Raises InvalidArgumentError where this migrator works on another one."""
        table = table_of(source)
        if table is None or self._has_table or table == self._history.table:
            return
        if self._by_number:
            raise InvalidArgumentError(
                f"{source!r} has the tracking table {table!r}, and this migrator works on {self._history.table!r}",
                remedy="Make a migrator for each set; AgentDB.open(migrations=[...]) starts several together.",
            )
        self._history = History(table)

    @property
    def table(self) -> str:
        """The tracking table."""
        return self._history.table

    @property
    def backup_rules(self) -> Rules | None:
        """Where backups go, and how many are kept; None: there are none."""
        return self._backup

    @property
    def migrations(self) -> tuple[Migration, ...]:
        """The registered migrations, in order."""
        return tuple(self._registered())

    def _registered(self) -> list[Migration]:
        if self._sorted is None:
            self._sorted = [self._by_number[number] for number in sorted(self._by_number)]
        return self._sorted

    @operation
    def initialize(self) -> Steps[None]:
        """Create the tracking table where it is missing; migrate() does so when it must.

        Raises MigrationError `foreign_table`, BusyError, StorageError.
        """
        if (yield from self._history.read_keys()) is None:
            yield from atomically(self._history.create())

    @operation
    def migrate(
        self,
        limit: int | None = None,
        target: str | None = None,
        dry_run: bool = False,
        use_transaction: bool = True,
        validate_checksums: bool = True,
    ) -> Steps[list[MigrationResult]]:
        """Apply what is pending, in order, each migration in a transaction of its own.

        limit: how many at the most. target: the id to stop after. dry_run: return what would run, and write nothing.
        use_transaction: False runs all of them outside a transaction, but those without foreign keys. validate_checksums:
        False accepts applied migrations whose SQL was edited.

        Returns one result for each that this call applied; none that another process applied meanwhile. With nothing
        pending: one SELECT, no lock, no write.

        Migrations of a newer build are accepted where all of them are backward compatible: then there is an event
        NewerSchemaAccepted and a warning in the log; else DatabaseTooNewError is raised.

        Raises MigrationError where the database and the registered migrations do not fit; then nothing was run
        (`checksum_mismatch`, `unknown_migration`, `out_of_order`, …). Raises MigrationError where a migration fails; it
        is rolled back, and `.results` holds the earlier ones and the failed one. Raises BackupError where no backup
        could be made (nothing was run), BusyError where another writer held the lock, InvalidArgumentError.
        """
        one = self.of_this_database()
        if dry_run:
            yield from one.survey(limit=limit, target=target, checksums=validate_checksums)
            from agentdb.engine.preview import previews

            return (yield from previews([(migration, migration.up) for migration in one.plan]))
        return (
            yield from upgrade(
                (one,),
                limit=limit,
                target=target,
                checksums=validate_checksums,
                use_transaction=use_transaction,
                backup=self._backup,
                told=self._on_event is not None,
            )
        )

    def of_this_database(self) -> SetUpgrade:
        """What is to be done of this set, for a start of several."""
        return SetUpgrade(
            self._history,
            self._registered(),
            allow_out_of_order=self._allow_out_of_order,
            app_version=self._app_version,
            application_id=self._application_id,
        )

    @operation
    def rollback_last(self, dry_run: bool = False) -> Steps[MigrationResult | None]:
        """Roll back the migration that was applied last. None if nothing is applied. Errors as in rollback()."""
        results = yield from self._roll_back(1, None, dry_run)
        return results[0] if results else None

    @operation
    def rollback(
        self,
        limit: int | None = None,
        target: str | None = None,
        dry_run: bool = False,
        *,
        planned: Sequence[MigrationResult] | None = None,
    ) -> Steps[list[MigrationResult]]:
        """Roll back the last `limit` migrations, or all above `target`, which stays applied; one of the two is required.

        planned: what a dry run with the same arguments gave, where somebody was asked. Anything else is not rolled back:
        that is MigrationError `changed_meanwhile`.

        The registered down is used where this build has that migration with that checksum, else the one recorded when it
        was applied: a build can roll back migrations that it does not have. Recorded statements can change nothing but the
        database itself. A backup is made before the first step, under the rules of migrate().

        The range is one transaction, so that it is rolled back whole or not at all. It is several where a migration of
        the range runs outside a transaction, or some work without foreign keys and others with them. Then the range is
        first tried in one transaction that is undone. If a later one fails all the same, the earlier ones stay rolled
        back.

        Raises MigrationError before the first step: `no_down`, `recorded_down_refused`; and where it fails: `data_loss`,
        `dependent_rows`, `view_broken`, what SQLite says, and `changed_meanwhile` where another process has changed what is
        applied. BackupError, BusyError, InvalidArgumentError.
        """
        if limit is None and target is None:
            raise InvalidArgumentError("rollback() needs a limit or a target")
        return (yield from self._roll_back(limit, target, dry_run, planned))

    def _roll_back(
        self,
        limit: int | None,
        target: str | None,
        dry_run: bool,
        planned: Sequence[MigrationResult] | None = None,
    ) -> Steps[list[MigrationResult]]:
        from agentdb.engine import rollback_plan

        planner.check_limit(limit)

        def plan_again(rows: Sequence[Row], done: int = 0) -> list[Reversal]:
            left = None if limit is None else limit - done
            return (
                rollback_plan.plan_downgrade(self._registered(), rows, limit=left, target=target) if left != 0 else []
            )

        plan = plan_again((yield from self._history.read()))
        if dry_run:
            from agentdb.engine.preview import previews

            return (yield from previews([(reversal.migration, reversal.statements) for reversal in plan]))
        if planned is not None:
            rollback_plan.check_planned(plan, planned)
        yield from emit(Planned(DOWN, tuple([reversal.migration for reversal in plan])))
        results: list[MigrationResult] = []
        if plan:
            from agentdb.engine.rollback import Rollback

            told, has_target = self._on_event is not None, target is not None
            rollback = Rollback(self._history, plan, plan_again, backup=self._backup, has_target=has_target, told=told)
            results = yield from rollback.run()
            if results:
                from agentdb.engine.schema_fingerprint import record

                yield from record()
        yield from emit(Finished(DOWN, tuple(results)))
        return results

    @operation
    def mark_applied(self, migration_id: str, *, reason: str) -> Steps[None]:
        """Record a migration as applied without running it: it was done by other means, or died half-way and is done.

        reason: why; it is kept in the tracking table, as with the three that follow. Raises MigrationError
        `nothing_to_repair` where that is recorded already, InvalidArgumentError for what is not registered.
        """
        from agentdb.engine import repair

        yield from repair.mark_applied(self._history, self._registered(), migration_id, reason, self._app_version)

    @operation
    def mark_reverted(self, migration_id: str, *, reason: str) -> Steps[None]:
        """Record a migration as not applied without running its down. This build need not know it. Raises MigrationError
        `nothing_to_repair`, InvalidArgumentError."""
        from agentdb.engine import repair

        yield from repair.mark_reverted(self._history, migration_id, reason)

    @operation
    def accept_checksum(self, migration_id: str, *, reason: str) -> Steps[None]:
        """Take the text that is registered now for the one that was applied. Errors as in mark_applied()."""
        from agentdb.engine import repair

        yield from repair.accept_checksum(self._history, self._registered(), migration_id, reason)

    @operation
    def baseline(self, migration_id: str, *, reason: str) -> Steps[None]:
        """Record all migrations up to this one as applied, in a database whose schema was made by other means and that has
        no history. Errors as in mark_applied()."""
        from agentdb.engine import repair

        yield from repair.baseline(self._history, self._registered(), migration_id, reason, self._app_version)

    @operation
    def get_migration_summary(self) -> Steps[MigrationSummary]:
        """The state of the database. Reads only. Raises MigrationError `foreign_table`, `bad_id_in_table`."""
        applied = (yield from self._history.read_keys()) or []
        settled = [row for row in map(Row, applied) if row.in_progress != UP]
        left, _ = planner.survey(self._registered(), applied, checksums=False)
        newest = max(settled, key=planner.recorded_number, default=None)
        return MigrationSummary(
            current_version=newest.id if newest else None,
            total_migrations=len(self._registered()),
            applied_migrations=len(settled),
            pending_migrations=len(left),
            pending_migration_ids=tuple([migration.id for migration in left]),
        )

    @operation
    def validate_migrations(self) -> Steps[ValidationResult]:
        """The registered migrations against this database. Reads only; what it finds is returned, not raised.

        To prove the migrations themselves, without a database: agentdb.validate_migrations().
        """
        applied = yield from self._history.read()
        return ValidationResult.of(
            planner.survey(self._registered(), applied, allow_out_of_order=self._allow_out_of_order)[1],
            planner.warnings(self._registered(), applied),
        )


class Migrator(MigratorOperations[Sync]):
    """Migrates one database, for callers that wait.

    client: of create_client_sync(), or a `file:` client of libsql-client's create_client_sync(). migrations: an iterable
    of Migration, a MigrationSet, or a module that has MIGRATIONS. table: the tracking table; None: that which a set or a
    module names, else "migrations". A host application keeps its own migrations in the same file under a name of its own.
    app_version: recorded with each migration. allow_out_of_order: apply a pending migration below an applied one.
    on_event: called with each event of agentdb.engine.events. backup: have a verified backup before an upgrade or a
    rollback of a file that has something applied. backup_dir: its folder; None: `DATABASE.backups`. keep_backups: how many
    of them are kept. application_id: what the first migration marks a new file with (`PRAGMA application_id`); a file that
    another application has marked is refused with StorageError `other_application`. None: neither. on_connect: as for
    create_client_sync(), for a client of libsql-client; one of agentdb has its own.

    Raises InvalidArgumentError, InvalidMigrationError.
    """

    def __init__(
        self,
        client: AnyClient,
        migrations: Migrations = (),
        *,
        table: str | None = None,
        app_version: str | None = None,
        allow_out_of_order: bool = False,
        on_event: Callback | None = None,
        backup: bool = True,
        backup_dir: str | PathLike[str] | None = None,
        keep_backups: int = 3,
        application_id: int | None = None,
        on_connect: OnConnect | None = None,
    ) -> None:
        super().__init__(
            client,
            migrations,
            table=table,
            app_version=app_version,
            allow_out_of_order=allow_out_of_order,
            on_event=on_event,
            backup=backup,
            backup_dir=backup_dir,
            keep_backups=keep_backups,
            application_id=application_id,
            on_connect=on_connect,
        )
        if self._target.is_async:
            raise InvalidArgumentError("Migrator was given an async client", code="wrong_world")


class AsyncMigrator(MigratorOperations[Async]):
    """The same for callers on an event loop: its methods are awaited, and `on_event` may be a coroutine function."""

    def __init__(
        self,
        client: AsyncAnyClient,
        migrations: Migrations = (),
        *,
        table: str | None = None,
        app_version: str | None = None,
        allow_out_of_order: bool = False,
        on_event: Callback | None = None,
        backup: bool = True,
        backup_dir: str | PathLike[str] | None = None,
        keep_backups: int = 3,
        application_id: int | None = None,
        on_connect: OnConnect | None = None,
    ) -> None:
        super().__init__(
            client,
            migrations,
            table=table,
            app_version=app_version,
            allow_out_of_order=allow_out_of_order,
            on_event=on_event,
            backup=backup,
            backup_dir=backup_dir,
            keep_backups=keep_backups,
            application_id=application_id,
            on_connect=on_connect,
        )
        if not self._target.is_async:
            raise InvalidArgumentError("AsyncMigrator was given a sync client", code="wrong_world")
