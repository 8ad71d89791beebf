"""The steps that apply one migration under the write lock."""

from __future__ import annotations

from agentdb.engine.events import Applied, Started
from agentdb.engine.history_row import UP, Row
from agentdb.engine.migration_run import Run
from agentdb.engine.planner import done_before
from agentdb.errors import (
    AgentDBError,
    BusyError,
    ClosedError,
    MigrationError,
    NetworkError,
    OutcomeUnknownError,
    StorageError,
    TransactionActiveError,
)
from agentdb.logs import INFO, WARNING, log
from agentdb.operations import atomically, emit, execute
from agentdb.operations.requests import script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.engine.history import History
    from agentdb.engine.migration import Migration
    from agentdb.engine.results import MigrationResult
    from agentdb.operations import Steps


def passes_through(error: AgentDBError) -> bool:
    """Whether an error speaks of the caller's situation, rather than of this migration."""
    return (
        isinstance(error, (BusyError, TransactionActiveError))
        or (isinstance(error, ClosedError) and error.code != "transaction_lost")
        or error.code == "other_application"
    )


def apply(
    history: History,
    migration: Migration,
    *,
    recorded_id: str,
    create_table: bool,
    use_transaction: bool,
    checksums: bool,
    app_version: str | None,
    told: bool,
    is_audited: bool = False,
    application_id: int | None = None,
    applied_after: str | None = None,
) -> Steps[MigrationResult | None]:
    """Apply one migration and record it. None where another process has done so meanwhile.

    recorded_id: of the row of a migration that was begun and not finished, which is written again; else its own.
    create_table: the tracking table was not there. application_id: to mark the file with, or None: nothing is applied yet.
    told: whether anybody hears the events. is_audited: whether some table of the database is. applied_after: the newest
    applied id, where this one is out of order.

    Raises MigrationError with the failed result in `.results`; then it is rolled back whole, except one that runs
    outside a transaction, which stays marked as in progress once a statement of it is done.
    """
    if told:
        yield from emit(Started(UP, migration))
    run = Run(UP, migration, migration.up, recorded_id, told)
    run.is_audited = is_audited
    run.application_id = application_id
    run.applied_after = applied_after
    body = _apply_inside if use_transaction else _apply_outside
    try:
        steps = body(history, run, create_table, checksums, app_version)
        done = yield from (run.on_own_connection(steps) if run.leaves_something else steps)
    except OutcomeUnknownError as error:
        done = yield from _settled(history, run, error)
    except AgentDBError as error:
        if passes_through(error):
            raise
        number = error.script_statement
        if number is not None and number <= len(run.items):  # all were taken before the first one ran
            run.number, run.statement = number, str(run.items[number - 1])
        raise run.failure(error) from error
    if not done:
        return None
    result = run.result()
    log(INFO, "applied migration %s in %.1f ms", migration.label, result.execution_time)
    if told:
        yield from emit(Applied(result))
    return result


def _settled(history: History, run: Run, error: OutcomeUnknownError) -> Steps[bool]:
    """True where a migration was applied although no answer came: its row says so. It is read under the write lock, so that
    what the server still works on is at its end. Raises MigrationError where nothing of it was done, or nobody can tell."""
    try:
        row = yield from atomically(history.find(run.recorded_id))
    except NetworkError:
        raise run.failure(error) from error
    if row is not None and row.in_progress is None and run.migration.is_of(row.checksum):
        log(WARNING, "no answer came to migration %s, but it is applied", run.migration.label)
        return True
    if row is None and not run.is_outside:
        settled = NetworkError(f"{error.message}. It was looked up since: nothing was done")
        raise run.failure(settled) from error
    raise run.failure(error) from error


def _is_applied(history: History, run: Run, checksums: bool) -> Steps[bool]:
    """Read this id again, now that the lock is ours: a process that started with us may have been faster."""
    migration = run.migration
    run.begin()
    row = yield from history.find(run.recorded_id)
    if row is None or row.in_progress == UP:
        run.row = row
        if row is not None and not row.is_struck_out:
            run.done = done_before(row, run.direction, run.items)
            log(WARNING, "migration %s was begun before; it continues after statement %d", migration.label, run.done)
        if run.application_id is not None:
            yield from _mark_file(history, run.application_id)
        return False
    if checksums and not migration.is_of(row.checksum):
        raise MigrationError(
            f"another process has just applied another migration {migration.id}",
            code="checksum_mismatch",
            migration=migration,
        )
    return True


def check_mark(application_id: int) -> Steps[bool]:
    """Whether the file has this mark already. Raises StorageError for a file that another application has marked."""
    ((found,),) = (yield from execute("PRAGMA application_id")).tuples
    if found not in (0, application_id):
        raise StorageError(
            f"the file belongs to another application: its application_id is {found:#x}, not {application_id:#x}",
            code="other_application",
        )
    return bool(found)


def _mark_file(history: History, application_id: int) -> Steps[None]:
    """Mark a new file as the application's. Raises StorageError for a file that another application has marked."""
    if not (yield from check_mark(application_id)) and not (yield from history.has_company()):
        yield from execute(f"PRAGMA application_id = {application_id}")


def _apply_inside(
    history: History, run: Run, create_table: bool, checksums: bool, app_version: str | None
) -> Steps[bool]:
    if run.is_plain and not create_table and run.application_id is None:
        statements = run.statements(history, app_version)
        if (yield from script(statements, unless=history.any_row(run.recorded_id))):
            return True

    def body() -> Steps[bool]:
        if create_table:
            yield from history.create()
        if (yield from _is_applied(history, run, checksums)):
            return False
        yield from run.guarded()
        yield from history.write(
            run.migration,
            applied_at=run.timestamp,
            execution_time=run.milliseconds,
            app_version=app_version,
            instead_of=run.row,
            applied_after=run.applied_after,
        )
        return True

    return (yield from atomically(body(), foreign_keys=run.migration.foreign_keys))


def _apply_outside(
    history: History, run: Run, create_table: bool, checksums: bool, app_version: str | None
) -> Steps[bool]:
    def begin() -> Steps[bool]:
        if create_table:
            yield from history.create()
        if (yield from _is_applied(history, run, checksums)):
            return False
        yield from history.write(
            run.migration,
            applied_at=run.timestamp,
            execution_time=None,
            app_version=app_version,
            instead_of=run.row,
            in_progress=UP,
            applied_after=run.applied_after,
        )
        run.recorded_id = run.migration.id
        position = run.row.position if run.row is not None else None
        if run.done or position is not None:
            found = yield from _found(history, run)
            yield from history.progress(found, UP, run.items[: run.done], position)
        return True

    if not (yield from atomically(begin())):
        return False
    try:
        if not (yield from run.execute_outside(history)):
            return False
    except AgentDBError:
        if run.number == 1 and not run.is_repeated:  # nothing of it is done, so nothing is in progress
            yield from atomically(_withdraw(history, run))
        raise
    row = yield from history.find(run.recorded_id)
    if row is None or row.done_of(UP, run.items) != len(run.items):
        return False
    return (yield from history.settle(row, run.milliseconds))


def _withdraw(history: History, run: Run) -> Steps[None]:
    """Take the row of a migration out, of which nothing is done; another process may be at it by now."""
    row = yield from _found(history, run)
    if row.in_progress == UP and not row.statements_done(UP) and row.position is None:
        if run.row is not None:  # it was there for the sake of its note
            yield from history.restore(Row.noted(row.id, run.row.note, None, UP))
        else:
            yield from history.remove(row.id)


def _found(history: History, run: Run) -> Steps[Row]:
    return (yield from history.find(run.recorded_id)) or Row.noted(run.recorded_id, None)
