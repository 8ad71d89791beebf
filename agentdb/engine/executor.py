"""The steps that apply or take back one migration under the write lock."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter

from agentdb.engine import history as h
from agentdb.engine.events import Applied, Reverted, Started, StatementDone
from agentdb.engine.history import Row
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
    from collections.abc import Iterable, Iterator
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
        self.row: Row | None = None  # what is recorded of it already
        self.is_outside = False  # of a transaction
        self.done = 0  # statements that an earlier run outside a transaction has done
        self.drops: dict[str, str] = {}  # statements that drop a table for good, and which
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

    @property
    def is_repeated(self) -> bool:
        """Whether it was begun before and did not end."""
        return self.row is not None

    def execute_all(self) -> Steps[None]:
        """Every item that is not done, as it stands: without a look at what becomes of the rows; see guarded()."""
        for number, item in self._left():
            yield from self._execute_item(item)
            yield from self._tell_done(number)
        self.number = 0
        self.statement = None

    def _left(self) -> Iterator[tuple[int, Item]]:
        for number, item in enumerate(self.items, 1):
            if number > self.done:
                self.number = number
                yield number, item

    def _execute_item(self, item: Item) -> Steps[None]:
        if type(item) is str:
            self.statement = item
            if item in self.drops:  # by then it may have been renamed, or others have come to refer to it
                from agentdb.engine.references import check_dependents

                yield from check_dependents((item,), self.drops.values())
            yield from execute(item)
            self.ran.append(item)
        else:
            from agentdb.engine.rebuilding import rebuild

            self.statement = None
            yield from rebuild(item, self.change)  # type: ignore[arg-type]

    def _tell_done(self, number: int) -> Steps[None]:
        if self.told:
            yield from emit(StatementDone(self.direction, self.migration, number, len(self.items)))

    def execute_outside(self, history: History) -> Steps[bool]:
        """Every item that is not done, each in a transaction of its own that records it as done, where it can have one.

        So a process that takes up what another has left, or that runs beside it, does each once. False where another
        process has come to the end meanwhile.
        """
        from agentdb.engine.loss_guard import is_bare

        self.is_outside = True
        for number, item in self._left():
            self.statement = str(item)
            if is_bare(str(item)):
                is_wanted = yield from self._is_wanted(history, number)
                if is_wanted:
                    yield from self._execute_item(item)
                    yield from atomically(self._record_done(history, number))
            else:
                is_wanted = yield from atomically(self._execute_and_record(history, number, item))
            if is_wanted is None:
                return False
            if is_wanted:
                yield from self._tell_done(number)
        self.number = 0
        self.statement = None
        return True

    def _is_wanted(self, history: History, number: int) -> Steps[bool | None]:
        """Whether this item is not done yet. None where the whole is."""
        row = yield from history.find(self.recorded_id)
        if row is None or row.in_progress != self.direction or row.is_struck_out:
            return None
        return row.statements_done(self.direction) < number

    def _record_done(self, history: History, number: int) -> Steps[None]:
        row = yield from history.find(self.recorded_id)
        if row is not None and row.in_progress == self.direction and row.statements_done(self.direction) < number:
            yield from history.progress(row, self.direction, number)

    def _execute_and_record(self, history: History, number: int, item: Item) -> Steps[bool | None]:
        is_wanted = yield from self._is_wanted(history, number)
        if is_wanted:
            yield from self._guarded_one(str(item))
            yield from self._record_done(history, number)
        return is_wanted

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
            self.drops = references.drops(self.items)
        counts = (yield from loss_guard.count()) if (yield from loss_guard.can_lose(self.items)) else None
        dangling = None if is_enforced else (yield from references.dangling())
        yield from self.execute_all()
        if counts is not None:
            yield from loss_guard.check(counts, self.items[self.done :], self._consent())
        if dangling is not None:
            yield from references.check_dangling(dangling, self.items[self.done :])

    def _guarded_one(self, sql: str) -> Steps[None]:
        """A statement of a migration that runs outside a transaction, in one of its own."""
        from agentdb.engine import loss_guard

        counts = (yield from loss_guard.count()) if (yield from loss_guard.can_lose((sql,))) else None
        yield from self.change(sql)
        if counts is not None:
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
                " It ran outside a transaction: the statements before it stay done, and the next start goes on here."
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
        run.row = row
        if row is not None and not row.is_struck_out:
            run.done = row.done_of(migration)
            log(WARNING, "migration %s was begun before; it goes on behind statement %d", migration.label, run.done)
        if run.application_id is not None:
            yield from _mark_file(history, run.application_id)
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
            instead_of=run.row,
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
            instead_of=run.row,
            in_progress=h.UP,
        )
        run.recorded_id = run.migration.id
        if run.done:
            yield from history.progress((yield from _found(history, run)), h.UP, run.done)
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
    return row is not None and (yield from history.settle(row, run.milliseconds))


def _withdraw(history: History, run: _Run) -> Steps[None]:
    """Take the row of a migration out, of which nothing is done; another process may be at it by now."""
    row = yield from _found(history, run)
    if row.in_progress == h.UP and not row.statements_done(h.UP):
        yield from history.remove(row.id)


def _found(history: History, run: _Run) -> Steps[Row]:
    return (yield from history.find(run.recorded_id)) or Row.noted(run.recorded_id, None)


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
        row = yield from history.find(run.recorded_id)
        if row is None or row.is_struck_out:
            return False
        run.done = row.statements_done(h.DOWN)
        yield from run.guarded()
        yield from history.forget(row, run.timestamp)
        return True

    return (yield from atomically(body(), foreign_keys=run.migration.foreign_keys))


def _revert_outside(history: History, run: _Run) -> Steps[bool]:
    def begin() -> Steps[bool]:
        run.begin()
        row = yield from history.find(run.recorded_id)
        if row is None or row.is_struck_out:
            return False
        run.done = row.statements_done(h.DOWN)
        if not run.done:
            from agentdb.engine.references import check_dependents

            yield from check_dependents(run.items)
        yield from history.progress(row, h.DOWN, run.done)
        return True

    def end() -> Steps[bool]:
        row = yield from history.find(run.recorded_id)
        if row is None or row.in_progress != h.DOWN:
            return False
        yield from history.forget(row, run.timestamp)
        return True

    if not (yield from atomically(begin())) or not (yield from run.execute_outside(history)):
        return False
    return (yield from atomically(end()))
