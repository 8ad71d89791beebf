"""Migrator and AsyncMigrator: the faces of the engine, one body for both."""

from __future__ import annotations

from agentdb.clients.adapters import BorrowedFile
from agentdb.engine import planner
from agentdb.engine.events import Finished, OpenedNewer, Planned
from agentdb.engine.executor import apply, check_mark
from agentdb.engine.history import History
from agentdb.engine.history_row import DOWN, UP, Row
from agentdb.engine.migration import Migration
from agentdb.engine.registration import migrations_of, refuse_duplicate
from agentdb.engine.results import MigrationResult, MigrationSummary, ValidationResult
from agentdb.errors import AgentDBError, DatabaseTooNewError, InvalidArgumentError
from agentdb.logs import DEBUG, WARNING, log
from agentdb.operations import Async, Operations, Sync, W, atomically, emit, operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from typing import Any

    from agentdb.clients.base import AnyClient, AsyncAnyClient
    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.engine.history_row import Key
    from agentdb.engine.migration import Item
    from agentdb.engine.planner import Reversal
    from agentdb.engine.registration import Migrations
    from agentdb.operations import Steps
    from agentdb.operations.runners import Callback


def _previews(runs: list[tuple[Migration, tuple[Item, ...]]]) -> Steps[list[MigrationResult]]:
    """What a dry run returns."""
    from agentdb.engine.preview import expanded

    statements = yield from expanded([items for _, items in runs])
    return [
        MigrationResult(migration, True, dry_run=True, statements=sql)
        for (migration, _), sql in zip(runs, statements, strict=True)
    ]


class MigratorOperations(Operations[W]):
    """What Migrator and AsyncMigrator do."""

    def __init__(
        self,
        client: Any,
        migrations: Migrations = (),
        *,
        table: str = "migrations",
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
        self._backup = backup
        self._backup_rules = (backup_dir, keep_backups)
        self._application_id = application_id
        self._history = History(table)
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
        added = {migration.number: migration for migration in listed}
        if len(added) < len(listed) or not self._by_number.keys().isdisjoint(added):
            refuse_duplicate(dict(self._by_number), listed)
        self._by_number.update(added)
        self._sorted = None

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

        Migrations of a newer build are borne where all of them are backward compatible: then there is an OpenedNewer event
        and a warning in the log; else DatabaseTooNewError is raised.

        Raises MigrationError where the database and the registered migrations do not fit (`checksum_mismatch`,
        `unknown_migration`, `out_of_order`, …: nothing was run) or one fails (it is rolled back, `.results` holds the
        earlier ones and it), BackupError where no backup could be made (nothing was run), BusyError where the write lock
        was not to be had, InvalidArgumentError.
        """
        rules: dict[str, Any] = {
            "limit": limit,
            "target": target,
            "checksums": validate_checksums,
            "allow_out_of_order": self._allow_out_of_order,
        }
        applied, plan, newer = yield from self._survey(rules)
        if dry_run:
            return (yield from _previews([(migration, migration.up) for migration in plan]))
        if newer:
            yield from self._tell_newer(newer)
        log(DEBUG, "%d migrations to apply", len(plan))
        yield from emit(Planned(UP, tuple(plan)))
        if plan and not applied and self._application_id is not None:
            yield from check_mark(self._application_id)  # also before a write has changed the file's journal mode
        backed_up = False
        if len(plan) > 1:  # one alone is applied whole or not at all
            yield from self._check_names(plan, applied)
        if plan and self._backup and (applied or (yield from self._history.has_company())):
            from agentdb.engine.backup.automatic import before_upgrade

            backed_up = yield from before_upgrade(self._history, self._backup_rules, plan, applied or ())
        results = yield from self._apply_all(plan, applied, use_transaction, rules)
        if backed_up:
            from agentdb.engine.backup.automatic import after_upgrade

            yield from after_upgrade(self._history, self._backup_rules)
        yield from emit(Finished(UP, tuple(results)))
        return results

    def _survey(self, rules: dict[str, Any]) -> Steps[tuple[list[Key] | None, list[Migration], list[Row]]]:
        """What is recorded, what is to be run, and what a newer build has applied that this one can bear. Errors as in
        migrate()."""
        registered = self._registered()
        known: list[Key] = [(migration.id, migration.checksum, None) for migration in registered]
        applied = yield from self._history.read_keys(known)
        if applied is known and rules["limit"] is None and rules["target"] is None and rules["checksums"]:
            return applied, [], []  # nearly every start of nearly every application
        try:
            return applied, planner.plan_upgrade(registered, applied or (), **rules), []
        except DatabaseTooNewError:
            # A newer build was here. Whether this one can bear that is more than every start reads.
            rows = yield from self._history.read()
            plan = planner.plan_upgrade(registered, rows, **rules)
            return applied, plan, planner.newer(registered, rows)

    def _check_names(self, plan: list[Migration], applied: list[Key] | None) -> Steps[None]:
        """Raises MigrationError `name_taken` where a later migration of a plan would find a table in its place: the ones
        before it would stay."""
        from agentdb.engine.guards.taken_names import name_taken, taken

        found = yield from taken(plan, applied or ())
        if found and (yield from self._history.read_keys()) == applied:  # no other process has made them meanwhile
            raise name_taken(found)

    def _tell_newer(self, newer: list[Row]) -> Steps[None]:
        ids = tuple([row.id for row in newer])
        log(WARNING, "a newer build has applied %s, which this one can bear", ", ".join(ids))
        yield from emit(OpenedNewer(ids))

    def _apply_all(
        self, plan: list[Migration], applied: list[Key] | None, use_transaction: bool, rules: dict[str, Any]
    ) -> Steps[list[MigrationResult]]:
        """Apply a plan, one migration after the other; what another process has done meanwhile is left out."""
        results: list[MigrationResult] = []
        newer: list[Row] = []
        begun = [Row(key) for key in applied or () if key[2]] if plan else []
        newest = planner.newest(applied or ()) if self._allow_out_of_order else None
        place: tuple[str, int] | None = None
        if plan:
            from agentdb.engine.connection_state import leave_temporary

            yield from leave_temporary()
        while plan:
            migration = plan.pop(0)
            if newest is None or migration.number > newest[0]:
                place = None
            elif place is None:
                place = planner.place_behind(newest[1], (yield from self._history.read()))
            else:
                place = place[0], place[1] + 1
            try:
                result = yield from apply(
                    self._history,
                    migration,
                    recorded_id=next(
                        (r.id for r in begun if planner.recorded_number(r) == migration.number), migration.id
                    )
                    if begun
                    else migration.id,
                    create_table=applied is None and not results,
                    # Without foreign keys there is no way but in a transaction.
                    use_transaction=(use_transaction or not migration.foreign_keys) and migration.use_transaction,
                    checksums=rules["checksums"],
                    app_version=self._app_version,
                    told=self._on_event is not None,
                    application_id=None if applied or results else self._application_id,
                    applied_after=place and f"{place[0]}.{place[1]}",
                )
            except AgentDBError as error:
                error.after(results)
                raise
            if result is not None:
                results.append(result)
            else:
                # Another process is at it. Look once at all that it has done, instead of once under the lock for each; it
                # may be of a newer build.
                try:
                    applied, left, newer = yield from self._survey({**rules, "limit": None, "target": None})
                except AgentDBError as error:
                    error.after(results)
                    raise
                # This one, too, where it is not applied: another build has others of its statements under way.
                numbers = {other.number for other in (migration, *plan)}
                plan = [other for other in left if other.number in numbers]
        if newer:
            yield from self._tell_newer(newer)
        return results

    @operation
    def rollback_last(self, dry_run: bool = False) -> Steps[MigrationResult | None]:
        """Roll back the migration that was applied last. None if nothing is applied. Errors as in rollback()."""
        results = yield from self._roll_back(1, None, dry_run)
        return results[0] if results else None

    @operation
    def rollback(
        self, limit: int | None = None, target: str | None = None, dry_run: bool = False
    ) -> Steps[list[MigrationResult]]:
        """Roll back the last `limit` migrations, or all above `target`, which stays applied; one of the two is required.

        The registered down is used where this build has that migration with that checksum, else the one recorded when it
        was applied: a build can roll back what it has never heard of. Recorded statements can change nothing but the
        database itself. A backup is made before the first step, under the rules of migrate().

        The range is one transaction, so that it is rolled back whole or not at all. Only where a migration of it runs
        outside a transaction, or some work without foreign keys and others with them, it is several: then it is first tried
        in one transaction that is undone, and the earlier ones stay rolled back where a later one fails all the same.

        Raises MigrationError before the first step: `no_down`, `recorded_down_refused`; and where it fails: `data_loss`,
        `dependent_rows`, `view_broken`, what SQLite says, and `changed_meanwhile` where another process has changed what is
        applied. BackupError, BusyError, InvalidArgumentError.
        """
        if limit is None and target is None:
            raise InvalidArgumentError("rollback() needs a limit or a target")
        return (yield from self._roll_back(limit, target, dry_run))

    def _roll_back(self, limit: int | None, target: str | None, dry_run: bool) -> Steps[list[MigrationResult]]:
        planner.check_limit(limit)
        applied = yield from self._history.read()
        plan = planner.plan_downgrade(self._registered(), applied, limit=limit, target=target)
        if dry_run:
            return (yield from _previews([(reversal.migration, reversal.statements) for reversal in plan]))
        yield from emit(Planned(DOWN, tuple([reversal.migration for reversal in plan])))
        results: list[MigrationResult] = []
        if plan:
            backed_up = False
            if self._backup:
                from agentdb.engine.backup.automatic import before_rollback

                backed_up = yield from before_rollback(self._history, self._backup_rules, plan, applied)

            def plan_again(rows: Sequence[Row], done: int) -> list[Reversal]:
                left = None if limit is None else limit - done
                return planner.plan_downgrade(self._registered(), rows, limit=left, target=target) if left != 0 else []

            from agentdb.engine.rollback import roll_back

            told = self._on_event is not None
            results = yield from roll_back(self._history, plan, plan_again, has_target=target is not None, told=told)
            if backed_up:
                from agentdb.engine.backup.automatic import after_upgrade

                yield from after_upgrade(self._history, self._backup_rules)
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
        """Where the database stands. Reads only. Raises MigrationError `foreign_table`, `bad_id_in_table`."""
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
    of Migration, or a module that has MIGRATIONS. table: the tracking table; a host application keeps its own migrations
    in the same file under a name of its own. app_version: recorded with each migration. allow_out_of_order: apply a
    pending migration below an applied one. on_event: called with each event of agentdb.engine.events. backup: have
    a verified backup before an upgrade or a rollback of a file that has something applied. backup_dir: its folder; None:
    `DATABASE.backups`. keep_backups: how many of them are kept. application_id: what the first migration
    marks a new file with (`PRAGMA application_id`); a file that another application has marked is refused with StorageError
    `other_application`. None: neither. on_connect: as for create_client_sync(), for a client of libsql-client; one of
    agentdb has its own.

    Raises InvalidArgumentError, InvalidMigrationError.
    """

    def __init__(
        self,
        client: AnyClient,
        migrations: Migrations = (),
        *,
        table: str = "migrations",
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
        table: str = "migrations",
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
