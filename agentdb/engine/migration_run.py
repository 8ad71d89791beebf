"""One migration on its way, one direction: its items are executed, guarded, and what went wrong is told."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter

from agentdb.engine.audit.optional import audited_where
from agentdb.engine.events import StatementDone, StatementProgress
from agentdb.engine.history_row import DOWN, UP
from agentdb.engine.results import MigrationResult
from agentdb.errors import AgentDBError, GuardError, MigrationError, StatementError
from agentdb.operations import atomically, emit, execute
from agentdb.operations.requests import confined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any, TypeVar

    from agentdb.clients.base import ResultSet
    from agentdb.engine.backfill.execution import BackfillRun
    from agentdb.engine.backfill.specification import Backfill
    from agentdb.engine.events import Direction
    from agentdb.engine.guards.losses import Counts
    from agentdb.engine.history import History
    from agentdb.engine.history_row import Row
    from agentdb.engine.migration import Item, Migration
    from agentdb.engine.python_step.execution import StepRun
    from agentdb.engine.python_step.specification import PythonStep
    from agentdb.operations import Steps

    T = TypeVar("T")

#: How far a rollback has come that has done nothing.
NOTHING_DONE = "; nothing was rolled back"


class Run:
    """One migration on its way, one direction: what it is, when it began, and how far it has come."""

    row: Row | None = None  # what is recorded of it already
    is_outside = False  # of a transaction
    is_audited = False  # some table of the database is
    done = 0  # statements that an earlier run outside a transaction has done
    drops: Mapping[str, str] = {}  # statements that drop a table for good, and which
    number = 0
    statement: str | None = None
    steps: Mapping[int, StepRun] = {}  # by the number of the item
    backfill: BackfillRun | None = None  # the one that is in progress
    application_id: int | None = None
    confined = False  # its statements are recorded ones
    applied_after: str | None = None
    ended: float | None = None
    at: datetime | None = None

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
        self.only_creates = all(type(item) is str and item[:7] == "CREATE " for item in items)
        #: Whether it may leave something on the connection: what only creates tables costs no look.
        self.leaves_something = not self.only_creates or "temp" in " ".join(texts(items)).lower()
        self.began = perf_counter()

    def begin(self) -> None:
        """The write lock is ours, so it begins now: the wait for it is not part of it."""
        self.began = perf_counter()
        self.ended = None
        self.at = datetime.now(UTC)

    def end(self) -> None:
        """Its part of a longer transaction is done: what follows is not part of it."""
        self.ended = perf_counter()

    @property
    def is_plain(self) -> bool:
        """Whether it can be one script: it needs no guard, leaves nothing on the connection, and nobody hears of it."""
        return not (self.told or self.leaves_something or self.is_audited) and self.migration.foreign_keys

    def statements(self, history: History, app_version: str | None) -> Iterator[tuple[str, Any]]:
        """What a script of it consists of: its items, and then its row."""
        self.begin()
        items = texts(self.items)
        for number, item in enumerate(items, 1):
            self.number = number
            self.statement = item
            yield item, ()
        self.number = 0
        self.statement = None
        self.ran = list(items)
        yield history.insertion(self.migration, self.timestamp, self.milliseconds, app_version, self.applied_after)

    def on_own_connection(self, steps: Steps[T]) -> Steps[T]:
        """The steps, and then a new connection where something was left on theirs."""
        from agentdb.engine.connection_state import renewed_after

        return (yield from renewed_after(steps, self.items))

    @property
    def milliseconds(self) -> float:
        return int(((self.ended or perf_counter()) - self.began) * 1_000_000) / 1000

    @property
    def timestamp(self) -> str:
        return (self.at or datetime.now(UTC)).isoformat(timespec="milliseconds")[:23] + "Z"

    @property
    def is_repeated(self) -> bool:
        """Whether it was begun before and did not end."""
        if self.direction == DOWN:
            return self.done > 0 or (self.row is not None and self.row.in_progress == DOWN)
        return self.row is not None and not self.row.is_struck_out

    def execute_all(self) -> Steps[None]:
        """Every item that is not done, without the guard of rows; see guarded()."""
        for number, item in self._left():
            yield from self._execute_item(item)
            if self.told:
                yield from self._tell_done(number)
        self.number = 0
        self.statement = None
        yield from self._drop_temporary()

    def _drop_temporary(self) -> Steps[None]:
        if self.leaves_something:
            from agentdb.engine.connection_state import drop_temporary

            yield from drop_temporary(self._known_items())

    def _set_again(self) -> Steps[None]:
        """What an earlier process had set on its connection, in its order: ours has none of it."""
        from agentdb.engine.connection_state import lost, run_again

        done = self.items[: self.done]
        again = run_again(done)
        names = lost([item for item in done if item not in again], self.items[self.done :])
        if names:
            raise StatementError(
                f"the process that began it has ended, and these TEMP tables of it are lost: {', '.join(names)}",
                code="temporary_gone",
            )
        for item in again:
            self.statement = str(item)
            if self.confined:
                yield from atomically(confined(execute(str(item))))
            else:
                yield from execute(str(item))
        self.statement = None

    def _left(self) -> Iterator[tuple[int, Item]]:
        for number, item in enumerate(self.items, 1):
            if number > self.done:
                self.number = number
                yield number, item

    def _execute_item(self, item: Item) -> Steps[None]:
        if isinstance(item, str):
            self.statement = item
            if item in self.drops:  # by then it may have been renamed, or others have come to refer to it
                from agentdb.engine.guards.references import check_dependents

                yield from check_dependents((item,), self.drops.values())
            yield from execute(item)
            self.ran.append(item)
            return
        self.statement = None
        if item.is_opaque:
            yield from self._execute_step(item)  # type: ignore[arg-type]
        else:
            from agentdb.engine.rebuild.execution import rebuild

            yield from rebuild(item, self.change)  # type: ignore[arg-type]

    def _execute_step(self, step: PythonStep) -> Steps[None]:
        from agentdb.engine.python_step.execution import StepRun

        running = StepRun(step, self.migration, self.direction, self.number)
        self.steps = {**self.steps, self.number: running}
        try:
            yield from running.run(self.drops.values())
        finally:
            self.statement = running.statement
        self.ran.append(str(step))

    def _known_items(self) -> list[Item]:
        """The items that are not done, with what each Python step has executed in its place."""
        found: list[Item] = []
        for number, item in enumerate(self.items, 1):
            if number > self.done:
                found += self.steps[number].texts if number in self.steps else (item,)
        return found

    def _tell_done(self, number: int) -> Steps[None]:
        yield from emit(StatementDone(self.direction, self.migration, number, len(self.items)))

    def execute_outside(self, history: History) -> Steps[bool]:
        """Every item that is not done, each in a transaction of its own that records it as done, where it can have one.

        So a process that takes up what another has left, or that runs beside it, does each once. False where another
        process has completed it meanwhile.
        """
        from agentdb.engine.guards.losses import is_bare

        self.is_outside = True
        if self.direction == DOWN:
            from agentdb.engine.guards.references import drops

            self.drops = drops(self.items)
        if self.done:
            yield from self._set_again()
        for number, item in self._left():
            self.statement = str(item)
            if not isinstance(item, str):
                is_wanted = yield from self._backfill(history, number, item)  # type: ignore[arg-type]
            elif is_bare(item):
                is_wanted = yield from self._is_wanted(history, number)
                if is_wanted:
                    yield from self._execute_item(item)
                    yield from atomically(self._record_done(history, number))
            else:
                work = self._execute_and_record(history, number, item)
                is_wanted = yield from atomically(work)
            if is_wanted is None:
                return False
            if is_wanted and self.told:
                yield from self._tell_done(number)
        self.number = 0
        self.statement = None
        yield from self._drop_temporary()
        return True

    def _backfill(self, history: History, number: int, item: Backfill) -> Steps[bool | None]:
        from agentdb.engine.backfill.execution import BackfillRun

        def tell(rows: int, of: int) -> Steps[None]:
            yield from emit(StatementProgress(self.direction, self.migration, number, len(self.items), rows, of))

        running = self.backfill = BackfillRun(
            item,
            number,
            history=history,
            migration=self.migration,
            items=self.items,
            recorded_id=self.recorded_id,
            direction=self.direction,
        )
        try:
            is_last = yield from running.run(tell if self.told else None)
        finally:
            self.statement = running.statement
        self.backfill = None
        if is_last:
            self.ran.append(str(item))
        return is_last

    def _is_wanted(self, history: History, number: int) -> Steps[bool | None]:
        """Whether this item is not done yet. None where the whole is, or where another build has others under way."""
        row = yield from history.find(self.recorded_id)
        if row is None or row.in_progress != self.direction or row.is_struck_out:
            return None
        done = row.done_of(self.direction, self.items)
        return None if done is None else done < number

    def _record_done(self, history: History, number: int) -> Steps[None]:
        row = yield from history.find(self.recorded_id)
        if row is not None and row.in_progress == self.direction and row.statements_done(self.direction) < number:
            yield from history.progress(row, self.direction, self.items[:number])

    def _execute_and_record(self, history: History, number: int, item: Item) -> Steps[bool | None]:
        is_wanted = yield from self._is_wanted(history, number)
        if is_wanted:
            if self.confined:
                yield from self._confined_one(history, str(item))
            else:
                yield from audited_where(self.is_audited, (str(item),), self._guarded_one(str(item)))
            yield from self._record_done(history, number)
        return is_wanted

    def _confined_one(self, history: History, sql: str) -> Steps[None]:
        """A recorded statement: it changes nothing but the database, and no row of the tracking table."""
        before = (yield from history.read()), (yield from history.shape())
        yield from confined(audited_where(self.is_audited, (sql,), self._guarded_one(sql)))
        if ((yield from history.read()), (yield from history.shape())) != before:
            raise MigrationError(
                f"statement {self.number} of the recorded down changes the table {history.table!r}",
                code="tracking_table_changed",
            )

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
        yield from audited_where(self.is_audited, self.items[self.done :], self._guarded())

    def _guarded(self) -> Steps[None]:
        is_enforced = self.migration.foreign_keys
        if is_enforced and self.only_creates:
            yield from self.execute_all()
            return
        from agentdb.engine.guards import references

        left = self.items[self.done :]
        if self.direction == DOWN:
            yield from references.check_dependents(self.items)
            self.drops = references.drops(self.items)
        counts = yield from _counted(left)
        dangling = None if is_enforced else (yield from references.dangling())
        yield from self.execute_all()
        ran = self._known_items() if self.steps else left
        if counts is not None:
            yield from self._check_losses(counts, ran)
        if dangling is not None:
            yield from references.check_dangling(dangling, ran)

    def _guarded_one(self, sql: str) -> Steps[None]:
        """A statement of a migration that runs outside a transaction, in one of its own."""
        counts = yield from _counted((sql,))
        yield from self._execute_item(sql)
        if counts is not None:
            yield from self._check_losses(counts, (sql,))

    def _check_losses(self, counts: Counts, ran: Sequence[Item]) -> Steps[None]:
        from agentdb.engine.guards.consent import consented, dropped
        from agentdb.engine.guards.losses import check

        items = self._known_items() if self.steps else self.items
        gone = dropped(items, is_outside=self.is_outside) if self.direction == UP else ()
        yield from check(counts, ran, consented(self.direction, self.migration, items), gone)

    def result(self, error: Exception | None = None) -> MigrationResult:
        """Its MigrationResult: a success, or a failure with this error."""
        statements = tuple(self.ran) if error is None else texts(self.items)
        at = self.at or datetime.now(UTC)
        return MigrationResult(self.migration, error is None, error, at, self.milliseconds, False, statements)

    def failure(self, error: AgentDBError, how_far: str = "") -> MigrationError:
        """What to raise. how_far: what the message says at its end."""
        doing = "applying" if self.direction == UP else "rolling back"
        number = self.number or None
        where = f", statement {number} of {len(self.items)}" if number else ""
        if number is not None and number in self.steps:
            where += f" ({self.steps[number].step.label})"
        rows = 0 if self.backfill is None else self.backfill.rows
        has_begun = self.is_outside and (rows or (number and number > 1))
        remedy = error.remedy
        if self.direction == DOWN and error.code == "data_loss":
            remedy = (
                "Nothing was changed. Let the down keep those rows: copy them to a table that stays, or use RebuildTable. "
                "A table that it drops by name may go with its own rows."
            )
        if self.direction == UP:
            from agentdb.engine.remedies import of_a_migration

            remedy = of_a_migration(error, self.statement) or remedy
        if (how_far and how_far != NOTHING_DONE) or has_begun:
            remedy = remedy.removeprefix("Nothing was changed. ")
        if self.migration.is_of_file:
            from agentdb.engine.file_remedies import in_file

            remedy = in_file(remedy, error.tables if isinstance(error, GuardError) else ())
        if has_begun:
            next_time = "the next start continues here" if self.direction == UP else "the next rollback continues here"
            stays = f"what is done of it stays done, {rows} rows" if rows else "the statements before it stay done"
            remedy += f" It ran outside a transaction: {stays}, and {next_time}."
        if self.is_outside and self.is_repeated:
            remedy += (
                " It was begun before and did not end, so part of it may be done. If all of it is done, record that with "
                f"mark_applied({self.migration.id!r}, reason=…) or `agentdb repair mark-applied {self.migration.id}`. If you "
                "have undone it by hand, record that with mark_reverted() or `agentdb repair mark-reverted`."
            )
        about: dict[str, Any] = {
            "code": error.code,
            "remedy": remedy,
            "engine_code": error.engine_code,
            "migration": self.migration,
            "statement": self.statement,
            "statement_number": number,
        }
        message = f"{doing} migration {self.migration.label} failed{where}: {error.message}{how_far}"
        failure: MigrationError
        if isinstance(error, GuardError):
            failure = type(error)(message, tables=error.tables, **about)
        else:
            failure = MigrationError(message, **about)
        failure.results = (self.result(failure),)
        return failure


def _counted(items: tuple[Item, ...]) -> Steps[Counts | None]:
    """What there is before the items run, of all that they could lose; None where they can lose nothing."""
    from agentdb.engine.guards import losses
    from agentdb.engine.guards.affected_tables import reached

    if not (yield from losses.can_lose(items)):
        return None
    return (yield from losses.count((yield from reached(items))))


def texts(items: Iterable[Item]) -> tuple[str, ...]:
    """Items as text, where no database has been asked what they come to."""
    return tuple(map(str, items))
