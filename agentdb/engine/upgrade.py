"""The steps of one start: what is pending of one set of migrations or of several, one backup from before all, one plan."""

from __future__ import annotations

from agentdb.engine import planner
from agentdb.engine.events import Finished, NewerSchemaAccepted, Planned
from agentdb.engine.executor import apply, check_mark
from agentdb.engine.history_row import UP, Row
from agentdb.errors import AgentDBError, DatabaseTooNewError, MigrationError
from agentdb.logs import DEBUG, WARNING, log
from agentdb.operations import emit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from agentdb.engine.backup.automatic import Rules
    from agentdb.engine.history import History
    from agentdb.engine.history_row import Key
    from agentdb.engine.migration import Migration
    from agentdb.engine.results import MigrationResult
    from agentdb.operations import Steps

#: What is said where a set and a tracking table do not fit, which may be because they are not of each other.
_MISFITS = ("checksum_mismatch", "unknown_migration", "out_of_order")


class SetUpgrade:
    """One set of migrations in one database: what is applied of it, and what is to be run."""

    def __init__(
        self,
        history: History,
        registered: Sequence[Migration],
        *,
        allow_out_of_order: bool = False,
        app_version: str | None = None,
        application_id: int | None = None,
    ) -> None:
        self.history = history
        self.plan: list[Migration] = []
        self.applied: list[Key] | None = None
        self._registered = registered
        self._allow_out_of_order = allow_out_of_order
        self._app_version = app_version
        self._application_id = application_id
        self._newer: list[Row] = []

    def survey(self, **rules: Any) -> Steps[None]:
        """Read what is recorded, what is pending, and what a newer build has applied that this one accepts. rules: `limit`,
        `target` and `checksums` of planner.plan_upgrade().

        Raises MigrationError, InvalidArgumentError.
        """
        registered = self._registered
        known: list[Key] = [(migration.id, migration.checksum, None) for migration in registered]
        applied = self.applied = yield from self.history.read_keys(known)
        self.plan, self._newer = [], []
        if applied is known and rules["limit"] is None and rules["target"] is None and rules["checksums"]:
            return  # nearly every start of nearly every application
        rules["allow_out_of_order"] = self._allow_out_of_order
        rows: list[Row] | None = None
        try:
            try:
                self.plan = planner.plan_upgrade(registered, applied or (), **rules)
            except DatabaseTooNewError:
                # A newer build was here. Whether this one can bear that is more than every start reads.
                rows = yield from self.history.read()
                self.plan = planner.plan_upgrade(registered, rows, **rules)
                self._newer = planner.newer(registered, rows)
        except MigrationError as error:
            if error.code in _MISFITS:
                yield from self._check_set(rows)
            raise
        if self.plan and applied is None and (yield from self.history.has_company()):
            yield from self._check_set()

    def _check_set(self, rows: list[Row] | None = None) -> Steps[None]:
        from agentdb.engine.guards.wrong_set import check_set

        yield from check_set(self.history, self._registered, rows)

    def check(self) -> Steps[None]:
        """What forbids the plan before its first step. Raises StorageError `other_application`, MigrationError `name_taken`
        where a later migration would find a table in its place: the ones before it would stay."""
        if self.plan and not self.applied and self._application_id is not None:
            yield from check_mark(self._application_id)  # also before a write has changed the file's journal mode
        if len(self.plan) > 1:  # one alone is applied whole or not at all
            from agentdb.engine.guards.taken_names import name_taken, taken

            found = yield from taken(self.plan, self.applied or ())
            if (
                found and (yield from self.history.read_keys()) == self.applied
            ):  # no other process has made them meanwhile
                raise name_taken(found)

    def tell_newer(self) -> Steps[None]:
        """Say what a newer build has applied, where there is something."""
        if self._newer:
            ids = tuple([row.id for row in self._newer])
            log(WARNING, "a newer build has applied %s; all are backward compatible", ", ".join(ids))
            yield from emit(NewerSchemaAccepted(ids))

    def apply(
        self,
        results: list[MigrationResult],
        *,
        use_transaction: bool,
        checksums: bool,
        told: bool,
        is_audited: bool,
    ) -> Steps[None]:
        """Apply the plan, one migration after the other, each into `results`; what another process has done meanwhile is
        left out. Raises MigrationError, BusyError."""
        plan = list(self.plan)
        begun = [Row(key) for key in self.applied or () if key[2]]
        is_new = self.applied is None
        is_unmarked = not self.applied
        are_placed = bool(self.applied) and (yield from self.history.has_places())
        newest = planner.newest(self.applied or ()) if self._allow_out_of_order or are_placed else None
        changed = False
        while plan:
            migration = plan.pop(0)
            place = None
            if newest is not None and (are_placed or migration.number <= newest[0]):
                from agentdb.engine.rollback_plan import place_of

                place = place_of(migration.number, (yield from self.history.read()))
            recorded_id = migration.id
            if begun:
                recorded_id = next(
                    (row.id for row in begun if planner.recorded_number(row) == migration.number), recorded_id
                )
            result = yield from apply(
                self.history,
                migration,
                recorded_id=recorded_id,
                create_table=is_new,
                # Without foreign keys, or with a PythonStep, there is no way but in a transaction.
                use_transaction=migration.use_transaction and (use_transaction or migration.needs_transaction),
                checksums=checksums,
                app_version=self._app_version,
                told=told,
                is_audited=is_audited,
                application_id=self._application_id if is_unmarked else None,
                applied_after=place,
            )
            if result is not None:
                results.append(result)
                is_new = is_unmarked = False
            else:
                # Another process is at it. Look once at all that it has done, instead of once under the lock for each; it
                # may be of a newer build.
                yield from self.survey(limit=None, target=None, checksums=checksums)
                is_new, is_unmarked = self.applied is None, not self.applied
                # This one, too, where it is not applied: another build has others of its statements under way.
                numbers = {other.number for other in (migration, *plan)}
                plan = [other for other in self.plan if other.number in numbers]
                changed = True
        if changed:
            yield from self.tell_newer()


def upgrade(
    sets: Sequence[SetUpgrade],
    *,
    limit: int | None = None,
    target: str | None = None,
    checksums: bool = True,
    use_transaction: bool = True,
    backup: Rules | None,
    told: bool,
) -> Steps[list[MigrationResult]]:
    """Apply what is pending of each set, in their order; a result for each migration.

    Every set is looked at before the first migration runs. backup: where it goes, and how many stay; None: none is wanted.
    It is made once, from before all. told: whether anybody hears the events.

    Raises MigrationError with what was applied before in `.results`; BackupError, BusyError, InvalidArgumentError.
    """
    for one in sets:
        yield from one.survey(limit=limit, target=target, checksums=checksums)
        yield from one.tell_newer()
    plan = [migration for one in sets for migration in one.plan]
    log(DEBUG, "%d migrations to apply", len(plan))
    yield from emit(Planned(UP, tuple(plan)))
    results: list[MigrationResult] = []
    if plan:
        pending = [one for one in sets if one.plan]
        for one in pending:
            yield from one.check()
        from agentdb.engine import schema_fingerprint

        if any(one.applied for one in pending):
            yield from schema_fingerprint.check()
        backed_up, path = (None, None) if backup is None else (yield from _back_up(pending, backup))
        from agentdb.engine.connection_state import leave_temporary

        yield from leave_temporary()
        from agentdb.engine.audit.state import is_on

        is_audited = yield from is_on()
        one = pending[0]
        try:
            for one in pending:
                yield from one.apply(
                    results, use_transaction=use_transaction, checksums=checksums, told=told, is_audited=is_audited
                )
        except AgentDBError as error:
            if isinstance(error, MigrationError):
                error.backup = path
            if len(sets) > 1:
                error.args = (f"{error.message}; its tracking table is {one.history.table!r}{_before(results)}",)
            error.after(results)
            if results:
                yield from schema_fingerprint.record()
            raise
        if results:
            yield from schema_fingerprint.record()
        if backup is not None and backed_up is not None:
            from agentdb.engine.backup.automatic import after_upgrade

            yield from after_upgrade(backed_up.history, backup)
    yield from emit(Finished(UP, tuple(results)))
    return results


def _before(results: Sequence[MigrationResult]) -> str:
    """What an error says of the other sets, whose migrations have ids of their own."""
    if not results:
        return ""
    counted = "1 migration" if len(results) == 1 else f"{len(results)} migrations"
    return f"; before it this start has applied {counted}, which stay applied"


def _back_up(pending: Sequence[SetUpgrade], backup: Rules) -> Steps[tuple[SetUpgrade | None, str | None]]:
    """The backup from before all sets: the set whose upgrade it is of, and its path. None where there is nothing to lose."""
    if any(one.applied for one in pending) or (yield from pending[0].history.has_company()):
        from agentdb.engine.backup.automatic import before_upgrade

        for one in pending:
            path = yield from before_upgrade(one.history, backup, one.plan, one.applied or ())
            if path is not None:
                return one, path
    return None, None
