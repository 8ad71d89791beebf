"""The steps that apply or take back one migration under the write lock."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter

from agentdb.engine import history as h
from agentdb.engine.events import Applied, Reverted, Started, StatementDone
from agentdb.engine.migration import MANUAL, MigrationResult
from agentdb.errors import (
    AgentDBError,
    BusyError,
    ClosedError,
    GuardError,
    MigrationError,
    StorageError,
    TransactionActiveError,
)
from agentdb.logs import INFO, WARNING, log
from agentdb.operations import atomically, emit, execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from agentdb.clients.base import ResultSet
    from agentdb.engine.events import Direction
    from agentdb.engine.history import History
    from agentdb.engine.migration import Item, Migration
    from agentdb.engine.planner import Reversal
    from agentdb.operations import Steps


class _Run:
    """One migration on its way, one direction: what it is, when it began, and how far it has come."""

    def __init__(
        self,
        direction: Direction,
        migration: Migration,
        items: tuple[Item, ...],
        recorded_id: str,
        told: bool,
    ) -> None:
        self.direction: Direction = direction
        self.migration = migration
        self.items = items
        self.ran: list[str] = []
        self.recorded_id = recorded_id  # as the build that wrote the row spelled it: '1' is '001'
        self.told = told  # whether anybody hears of it
        self.is_repeated = False
        self.is_outside = False  # of a transaction
        self.number = 0
        self.statement: str | None = None
        self.application_id: int | None = None
        self.begin()

    def begin(self) -> None:
        """The write lock is ours, so it begins now: the wait for it is not part of it."""
        self.began = perf_counter()
        self.at = datetime.now(UTC)

    @property
    def milliseconds(self) -> float:
        return round((perf_counter() - self.began) * 1000, 3)

    @property
    def timestamp(self) -> str:
        return self.at.isoformat(timespec="milliseconds")[:23] + "Z"

    def execute_all(self) -> Steps[None]:
        """Every item, as it stands: without a look at what becomes of the rows; see guarded()."""
        total = len(self.items)
        for number, item in enumerate(self.items, 1):
            self.number = number
            if type(item) is str:
                if self.is_outside and _has_rows_to_lose(item):
                    yield from atomically(self._guarded_one(item))
                else:
                    self.statement = item
                    yield from execute(item)
                    self.ran.append(item)
            else:
                from agentdb.engine.rebuilding import rebuild

                self.statement = None
                yield from rebuild(item, self.change)  # type: ignore[arg-type]
            if self.told:
                yield from emit(StatementDone(self.direction, self.migration, number, total))
        self.number = 0
        self.statement = None

    def change(self, sql: str) -> Steps[ResultSet]:
        """One statement."""
        self.statement = sql
        result = yield from execute(sql)
        self.ran.append(sql)
        return result

    def guarded(self) -> Steps[None]:
        """Every item, inside a transaction; raises GuardError where rows or references would be lost by it.

        Counting costs a scan before and one behind, so it is done only where something could be.
        """
        is_enforced = self.migration.foreign_keys
        if is_enforced and _only_creates(self.items):
            yield from self.execute_all()
            return
        from agentdb.engine import loss_guard, references

        if self.direction == h.DOWN:
            yield from references.check_dependents(self.items)
        counts = (yield from loss_guard.count()) if loss_guard.can_lose(self.items) else None
        dangling = None if is_enforced else (yield from references.dangling())
        yield from self.execute_all()
        if counts is not None:
            yield from loss_guard.check(counts, self.ran, self._consent())
        if dangling is not None:
            yield from references.check_dangling(dangling)

    def _guarded_one(self, sql: str) -> Steps[None]:
        """A statement of a migration that runs outside a transaction, in one of its own."""
        from agentdb.engine import loss_guard

        counts = yield from loss_guard.count()
        yield from self.change(sql)
        yield from loss_guard.check(counts, (sql,), self._consent())

    def _consent(self) -> Iterable[str]:
        """What it may lose: what it says when it is applied, and what its down names when it is taken back."""
        if self.direction == h.UP:
            return self.migration.allows_loss
        from agentdb.engine.loss_guard import consent_of

        return consent_of(self.items)

    def result(self, error: Exception | None = None) -> MigrationResult:
        statements = tuple(self.ran) if error is None else texts(self.items)
        return MigrationResult(self.migration, error is None, error, self.at, self.milliseconds, False, statements)

    def failure(self, error: AgentDBError) -> MigrationError:
        doing = "applying" if self.direction == h.UP else "rolling back"
        number = self.number or None
        where = f", statement {number} of {len(self.items)}" if number else ""
        remedy = error.remedy
        if self.is_outside and number and number > 1:
            remedy += (
                " It ran outside a transaction: the statements before it stay done, and it is run again from its first."
            )
        if self.is_outside and self.is_repeated:
            remedy += (
                " It was begun once before and did not end, so some of it may be there. If all of it is, "
                f"mark_applied({self.migration.id!r}, reason=…) or `agentdb repair mark-applied {self.migration.id}` says so; "
                "if you have taken it back by hand, mark_reverted() or `agentdb repair mark-reverted`."
            )
        about: dict[str, Any] = {
            "code": error.code,
            "remedy": remedy,
            "engine_code": error.engine_code,
            "migration": self.migration,
            "statement": self.statement,
            "statement_number": number,
        }
        message = f"{doing} migration {self.migration.label} failed{where}: {error.message}"
        failure: MigrationError
        if isinstance(error, GuardError):
            failure = type(error)(message, tables=error.tables, **about)
        else:
            failure = MigrationError(message, **about)
        failure.results = (self.result(failure),)
        return failure


def _only_creates(items: Iterable[Item]) -> bool:
    return all(type(item) is str and item[:7] == "CREATE " for item in items)


def texts(items: Iterable[Item]) -> tuple[str, ...]:
    """Items as text, where no database has been asked what they come to."""
    return tuple(map(str, items))


def _has_rows_to_lose(sql: str) -> bool:
    from agentdb.engine.loss_guard import has_rows_to_lose

    return has_rows_to_lose(sql)


def _passes_through(error: AgentDBError) -> bool:
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
    application_id: int | None = None,
) -> Steps[MigrationResult | None]:
    """Apply one migration and record it. None where another process has done so meanwhile.

    recorded_id: of the row of a migration that was begun and not finished, which is written anew; else its own.
    create_table: the tracking table was not there. application_id: to mark the file with, or None: nothing is applied yet.
    told: whether anybody hears the events.

    Raises MigrationError with the failed result in `.results`; then it is rolled back whole, except one that runs
    outside a transaction, which stays marked as in progress once a statement of it is done.
    """
    if told:
        yield from emit(Started(h.UP, migration))
    run = _Run(h.UP, migration, migration.up, recorded_id, told)
    run.application_id = application_id
    body = _apply_inside if use_transaction else _apply_outside
    try:
        done = yield from body(history, run, create_table, checksums, app_version)
    except AgentDBError as error:
        if _passes_through(error):
            raise
        raise run.failure(error) from error
    if not done:
        return None
    result = run.result()
    log(INFO, "applied migration %s in %.1f ms", migration.label, result.execution_time)
    if told:
        yield from emit(Applied(result))
    return result


def _is_applied(history: History, run: _Run, checksums: bool) -> Steps[bool]:
    """Read this id again, now that the lock is ours: a process that started with us may have been faster."""
    migration = run.migration
    run.begin()
    row = yield from history.find(run.recorded_id)
    if row is None or row.in_progress == h.UP:
        run.is_repeated = row is not None
        if run.is_repeated:
            log(WARNING, "migration %s was begun before; it is run again", migration.label)
        if run.application_id is not None:
            yield from _mark_file(history, run.application_id)
        if run.recorded_id != migration.id:
            yield from history.remove(run.recorded_id)
        return False
    if checksums and row.checksum not in (migration.checksum, MANUAL):
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
    history: History, run: _Run, create_table: bool, checksums: bool, app_version: str | None
) -> Steps[bool]:
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
            again=run.is_repeated,
        )
        return True

    return (yield from atomically(body(), foreign_keys=run.migration.foreign_keys))


def _apply_outside(
    history: History, run: _Run, create_table: bool, checksums: bool, app_version: str | None
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
            again=run.is_repeated,
            in_progress=h.UP,
        )
        return True

    if not (yield from atomically(begin())):
        return False
    run.is_outside = True
    try:
        yield from run.execute_all()
    except AgentDBError:
        if run.number == 1 and not run.is_repeated:  # nothing of it is done, so nothing is in progress
            yield from history.remove(run.migration.id)
        raise
    yield from history.settle(run.migration.id, run.milliseconds)
    return True


def revert(history: History, reversal: Reversal, *, use_transaction: bool, told: bool) -> Steps[MigrationResult | None]:
    """Take one migration back and forget it. None where another process has done so meanwhile. Errors as in apply()."""
    if told:
        yield from emit(Started(h.DOWN, reversal.migration))
    run = _Run(h.DOWN, reversal.migration, reversal.statements, reversal.recorded_id, told)
    body = _revert_inside if use_transaction else _revert_outside
    try:
        done = yield from body(history, run)
    except AgentDBError as error:
        if _passes_through(error):
            raise
        raise run.failure(error) from error
    if not done:
        return None
    result = run.result()
    log(INFO, "took back migration %s in %.1f ms", reversal.migration.label, result.execution_time)
    if told:
        yield from emit(Reverted(result))
    return result


def _revert_inside(history: History, run: _Run) -> Steps[bool]:
    def body() -> Steps[bool]:
        run.begin()
        if (yield from history.find(run.recorded_id)) is None:
            return False
        yield from run.guarded()
        yield from history.remove(run.recorded_id)
        return True

    return (yield from atomically(body(), foreign_keys=run.migration.foreign_keys))


def _revert_outside(history: History, run: _Run) -> Steps[bool]:
    def begin() -> Steps[bool]:
        run.begin()
        if (yield from history.find(run.recorded_id)) is None:
            return False
        yield from history.mark(run.recorded_id, h.DOWN)
        return True

    if not (yield from atomically(begin())):
        return False
    run.is_outside = True
    yield from run.execute_all()
    yield from history.remove(run.recorded_id)
    return True
