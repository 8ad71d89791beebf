"""The steps that roll migrations back.

Those that may run in a transaction run in one together, with the same switch of foreign keys. So what refuses one of them,
a loss, a row of a host, a view that would break, refuses all before anything has changed; and so does a process that dies.

The backup is made before, and compared again under the write lock of the first change. Where another process has
written since, it is made again.
"""

from __future__ import annotations

from itertools import groupby

from agentdb.engine.audit.state import is_on
from agentdb.engine.connection_state import is_setting, leave_temporary, renewed_after
from agentdb.engine.events import Reverted, Started
from agentdb.engine.executor import passes_through
from agentdb.engine.guards.losses import is_bare
from agentdb.engine.guards.references import check_dependents, drops
from agentdb.engine.guards.views_and_triggers import broken, compiling
from agentdb.engine.history_row import DOWN
from agentdb.engine.migration_run import NOTHING_DONE, Run
from agentdb.engine.planner import done_before
from agentdb.errors import AgentDBError, BackupError, GuardError, MigrationError
from agentdb.logs import INFO, log
from agentdb.operations import atomically, emit
from agentdb.operations.requests import confined
from agentdb.sql.lexer import keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from agentdb.engine.backup.automatic import RollbackBackup, Rules
    from agentdb.engine.history import History
    from agentdb.engine.history_row import Row
    from agentdb.engine.results import MigrationResult
    from agentdb.engine.rollback_plan import Reversal
    from agentdb.operations import Steps

    #: From the rows that there are, and how many migrations this call has rolled back already, to what is left to do.
    Plan: TypeAlias = Callable[[Sequence[Row], int], list[Reversal]]


class _Rehearsed(Exception):
    """The range ran to its end; all of it is undone again."""


class _Changed(Exception):
    """Another process has changed what is applied since the plan was made; nothing was done."""


class _Stale(Exception):
    """Another process has written to the database since the backup was made; nothing was done."""


#: Backups that are made while others may write, before one is made under the write lock, where they wait.
_TRIES = 3


class Rollback:
    """One range that is rolled back: what is left of it, what was done, and its backup."""

    def __init__(
        self,
        history: History,
        plan: list[Reversal],
        plan_again: Plan,
        *,
        backup: Rules | None,
        has_target: bool,
        told: bool,
    ) -> None:
        """backup: where, and how many; None: none is wanted. has_target: the range ends at a migration, so what another
        process has rolled back meanwhile is left out. A range of so many migrations would not be the same one."""
        self._history = history
        self._left = plan
        self._plan_again = plan_again
        self._backup = backup
        self._has_target = has_target
        self._told = told
        self._task: RollbackBackup | None = None  # of a backup that is there, and not yet looked at again
        self._is_backed_up = backup is None
        self._path: str | None = None  # of the backup
        self._tries = 0
        self._is_audited = False
        self._started: set[tuple[str, str]] = set()  # what was told to begin
        self._results: list[MigrationResult] = []

    def run(self) -> Steps[list[MigrationResult]]:
        """Roll back what is planned; a result for each.

        Raises MigrationError with the failed result in `.results`, behind those of earlier steps, which stay rolled
        back. There are earlier steps only where a migration of the range runs outside a transaction, or some without
        foreign keys. `changed_meanwhile` where the range is not what it was when it was planned.
        """
        is_tried = False
        try:
            yield from leave_temporary()
            self._is_audited = yield from is_on()
            while self._left:
                segments = _segments(self._left)
                try:
                    if not is_tried and (len(segments) > 1 or not self._left[0].migration.use_transaction):
                        yield from self._check_together()
                        yield from self._rehearse()
                    is_tried = True
                    if not self._is_backed_up and self._task is None and self._tries < _TRIES:
                        yield from self._back_up((yield from self._history.read()))
                    step = self._inside if segments[0][0].migration.use_transaction else self._outside
                    yield from step(segments[0])
                    self._left = self._left[len(segments[0]) :]
                except _Stale:
                    pass
                except _Changed:
                    self._left = yield from self._planned_anew()
                    is_tried = False
            if self._backup is not None and self._path is not None:
                from agentdb.engine.backup.automatic import after_upgrade

                yield from after_upgrade(self._history, self._backup)
        except AgentDBError as error:
            if isinstance(error, MigrationError):
                error.backup = self._path
            error.after(self._results)
            raise
        finally:
            if self._task is not None:
                self._task.close()
        return self._results

    @property
    def _how_far(self) -> str:
        done = len(self._results)
        if not done:
            return NOTHING_DONE
        return (
            f"; {done} {'was' if done == 1 else 'were'} rolled back before, and {'stays' if done == 1 else 'stay'} so"
        )

    def _planned_anew(self) -> Steps[list[Reversal]]:
        """What is left after another process was at it. Raises MigrationError `changed_meanwhile` where that is not a part
        of what was planned: nobody has asked for the rest, and no backup may hold it."""
        wanted = {_key(reversal) for reversal in self._left}
        left = self._plan_again((yield from self._history.read()), len(self._results))
        if left and not (self._has_target and wanted.issuperset(map(_key, left))):
            raise MigrationError(
                f"another process has changed what is applied since this rollback was planned{self._how_far}",
                code="changed_meanwhile",
                migration=self._left[0].migration,
            )
        return left

    def _check_plan(self, rows: Sequence[Row], segment: Sequence[Reversal]) -> None:
        """Under the write lock: raises _Changed where these are not what comes next any more."""
        there = self._plan_again(rows, len(self._results))[: len(segment)]
        if [_key(reversal) for reversal in there] != [_key(reversal) for reversal in segment]:
            raise _Changed

    def _back_up(self, rows: Sequence[Row]) -> Steps[None]:
        """Raises BackupError, BusyError."""
        from agentdb.engine.backup.automatic import before_rollback

        assert self._backup is not None
        self._tries += 1
        self._task = yield from before_rollback(self._history, self._backup, self._left, rows)
        self._path = self._task.path

    def _check_backup(self, rows: Sequence[Row]) -> Steps[None]:
        """Under the write lock, before the first change: raises _Stale where the backup is not of what there is now."""
        if self._is_backed_up:
            return
        from agentdb.engine.backup.automatic import is_current

        if self._task is None:  # others write all the time: now they wait
            yield from self._back_up(rows)
        task, self._task = self._task, None
        if task is not None and not (yield from is_current(task)):
            raise _Stale
        self._is_backed_up = True

    def _check_together(self) -> Steps[None]:
        """What can be told of a range before its first step, where it is not one transaction. Raises MigrationError."""
        try:
            yield from check_dependents([item for reversal in self._left for item in reversal.statements])
        except AgentDBError as error:
            culprit = yield from self._culprit()
            run = Run(DOWN, culprit.migration, culprit.statements, culprit.recorded_id, False)
            raise run.failure(error, self._how_far) from error

    def _culprit(self) -> Steps[Reversal]:
        """The first of the range that drops a table under which others hold rows."""
        gone = [table for reversal in self._left for table in drops(reversal.statements).values()]
        for reversal in self._left:
            try:
                yield from check_dependents(reversal.statements, gone)
            except GuardError:
                return reversal
        return self._left[0]

    def _rehearse(self) -> Steps[None]:
        """Run a range that is no one transaction in one, and undo it: what fails there fails before the first step. Raises
        MigrationError, _Changed.

        Where one of it works without foreign keys all run without them, and what only foreign keys forbid is not found.
        Left out are VACUUM and its like, PRAGMA, and all of it where a file is attached.
        """
        runs = []
        for reversal in self._left:
            items = reversal.statements
            if not reversal.migration.use_transaction:
                if any(type(item) is str and keyword(item) in ("ATTACH", "DETACH") for item in items):
                    return
                items = tuple([i for i in items if type(i) is not str or not (is_bare(i) or is_setting(i))])
            run = Run(DOWN, reversal.migration, items, reversal.recorded_id, False)
            run.confined = reversal.is_recorded
            run.is_audited = self._is_audited
            runs.append(run)
        foreign_keys = all(reversal.migration.foreign_keys for reversal in self._left)
        at = runs[0]

        def body() -> Steps[None]:
            nonlocal at
            rows = yield from self._history.read()
            self._check_plan(rows, self._left)
            if any(row.in_progress == DOWN for row in rows):
                raise _Rehearsed  # some of it is done
            before = yield from compiling()
            for run in runs:
                at = run
                run.begin()
                yield from _guarded(run)
            yield from broken(before)
            raise _Rehearsed

        try:
            yield from atomically(body(), foreign_keys=foreign_keys)
        except _Rehearsed:
            pass
        except AgentDBError as error:
            if passes_through(error):
                raise
            failure = at.failure(error, self._how_far)
            if not foreign_keys and len(runs) > 1:
                failure.remedy += (
                    " It was tried in one transaction, without foreign keys. If it needs them, roll back one by one: "
                    "rollback(limit=1)."
                )
            raise failure from error

    def _inside(self, segment: Sequence[Reversal]) -> Steps[None]:
        runs = [Run(DOWN, r.migration, r.statements, r.recorded_id, self._told) for r in segment]
        for run, reversal in zip(runs, segment, strict=True):
            run.confined = reversal.is_recorded
            run.is_audited = self._is_audited
            yield from self._tell_started(reversal)
        at = runs[0]

        def body() -> Steps[None]:
            nonlocal at
            rows = yield from self._history.read()
            self._check_plan(rows, segment)
            yield from self._check_backup(rows)
            by_id = {row.id: row for row in rows}
            before = yield from compiling()
            for run in runs:
                at = run
                run.begin()
                run.done = done_before(by_id[run.recorded_id], run.direction, run.items)
                shape = yield from self._history.shape()
                yield from _guarded(run)
                rows = yield from self._forget(run, rows, shape)
                run.end()
            yield from broken(before)

        try:
            work = atomically(body(), foreign_keys=segment[0].migration.foreign_keys)
            yield from renewed_after(work, [item for run in runs for item in run.items])
        except AgentDBError as error:
            if passes_through(error) or isinstance(error, BackupError):
                raise
            raise at.failure(error, self._how_far) from error
        for run in runs:
            yield from self._tell(run)

    def _outside(self, segment: Sequence[Reversal]) -> Steps[None]:
        (reversal,) = segment
        yield from self._tell_started(reversal)
        run = Run(DOWN, reversal.migration, reversal.statements, reversal.recorded_id, self._told)
        run.confined = reversal.is_recorded
        run.is_audited = self._is_audited
        try:
            is_done = yield from renewed_after(self._revert_outside(run, segment), run.items)
        except AgentDBError as error:
            if passes_through(error) or isinstance(error, BackupError):
                raise
            raise run.failure(error, self._how_far if self._results else "") from error
        if not is_done:
            raise _Changed
        yield from self._tell(run)

    def _revert_outside(self, run: Run, segment: Sequence[Reversal]) -> Steps[bool]:
        history = self._history

        def begin() -> Steps[None]:
            run.begin()
            rows = yield from history.read()
            self._check_plan(rows, segment)
            yield from self._check_backup(rows)
            row = run.row = next(row for row in rows if row.id == run.recorded_id)
            run.done = done_before(row, run.direction, run.items)
            if not run.done:
                yield from check_dependents(run.items)
            yield from history.progress(row, DOWN, run.items[: run.done])

        def give_up() -> Steps[None]:
            row = yield from history.find(run.recorded_id)
            if row is not None and run.row is not None and row.in_progress == DOWN and not row.statements_done(DOWN):
                yield from history.restore(run.row)

        def end() -> Steps[bool]:
            rows = yield from history.read()
            row = next((row for row in rows if row.id == run.recorded_id), None)
            if row is None or row.done_of(DOWN, run.items) != len(run.items):
                return False
            yield from self._forget(run, rows, (yield from history.shape()))
            return True

        try:
            yield from atomically(begin())
            if not (yield from run.execute_outside(history)):
                return False
        except GeneratorExit:  # nobody drives this any more
            raise
        except BaseException:  # also a cancellation, or Ctrl-C
            if run.number <= 1 and run.row is not None:  # nothing of it is done
                yield from atomically(give_up())
            raise
        return (yield from atomically(end()))

    def _forget(self, run: Run, rows: Sequence[Row], shape: object) -> Steps[list[Row]]:
        """Take the migration's row out; the others stay as they were. Returns what is there now.

        Raises MigrationError `tracking_table_changed` where its statements, or a trigger, have seen to something else.
        """
        row = next(row for row in rows if row.id == run.recorded_id)
        others = [other for other in rows if other.id != row.id]
        try:
            found = yield from self._history.read()
            is_same = [other for other in found if other.id != row.id] == others and len(found) == len(rows)
            if is_same and (yield from self._history.shape()) == shape:
                yield from self._history.forget(row, run.timestamp)
                found = yield from self._history.read()
                left = [other for other in found if other.id == row.id]
                if [other for other in found if other.id != row.id] == others and all(o.is_struck_out for o in left):
                    return found
            why = "other rows than those of the migrations that stay"
        except MigrationError as error:  # it has another shape now
            why = f"another table ({error.message})"
        raise MigrationError(
            f"it would leave {why} as the tracking table {self._history.table!r}", code="tracking_table_changed"
        )

    def _tell_started(self, reversal: Reversal) -> Steps[None]:
        if self._told and _key(reversal) not in self._started:
            self._started.add(_key(reversal))
            yield from emit(Started(DOWN, reversal.migration))

    def _tell(self, run: Run) -> Steps[None]:
        result = run.result()
        self._results.append(result)
        log(INFO, "rolled back migration %s in %.1f ms", result.migration.label, result.execution_time)
        if self._told:
            yield from emit(Reverted(result))


def _segments(plan: Sequence[Reversal]) -> list[list[Reversal]]:
    """Parts of the plan that can be in one transaction each; what runs outside one is a part of its own."""
    parts: list[list[Reversal]] = []
    for (is_inside, _), grouped in groupby(plan, lambda r: (r.migration.use_transaction, r.migration.foreign_keys)):
        part = list(grouped)
        parts += [part] if is_inside else [[reversal] for reversal in part]
    return parts


def _guarded(run: Run) -> Steps[None]:
    """All of a run, inside a transaction; what was recorded can change nothing but the database itself."""
    if run.confined:
        yield from confined(run.guarded())
    else:
        yield from run.guarded()


def _key(reversal: Reversal) -> tuple[str, str]:
    return reversal.recorded_id, reversal.migration.checksum
