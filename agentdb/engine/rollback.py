"""The steps that roll migrations back.

Those that may run in a transaction run in one together, with the same switch of foreign keys. So what refuses one of them,
a loss, a row of a host, a view that would break, refuses all before anything has changed; and so does a process that dies.
"""

from __future__ import annotations

from itertools import groupby

from agentdb.engine.connection_state import leave_temporary, renewed_after
from agentdb.engine.events import Reverted, Started
from agentdb.engine.executor import passes_through
from agentdb.engine.history_row import DOWN
from agentdb.engine.migration_run import Run
from agentdb.engine.planner import done_before
from agentdb.errors import AgentDBError, MigrationError
from agentdb.logs import INFO, log
from agentdb.operations import atomically, emit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from agentdb.engine.history import History
    from agentdb.engine.history_row import Row
    from agentdb.engine.planner import Reversal
    from agentdb.engine.results import MigrationResult
    from agentdb.operations import Steps

    #: From the rows that there are, and how many migrations this call has rolled back already, to what is left to do.
    Plan: TypeAlias = Callable[[Sequence[Row], int], list[Reversal]]


class _Rehearsed(Exception):
    """The range ran to its end; all of it is undone again."""


class _Changed(Exception):
    """Another process has changed what is applied since the plan was made; nothing was done."""


def roll_back(
    history: History, plan: list[Reversal], plan_again: Plan, *, has_target: bool, told: bool
) -> Steps[list[MigrationResult]]:
    """Roll back what is planned; a result for each.

    has_target: the range ends at a migration, so what another process has rolled back meanwhile is left out. A range of so
    many migrations would not be the same one: that is MigrationError `changed_meanwhile`.

    Raises MigrationError with the failed result in `.results`, behind those of earlier steps, which stay rolled back; there
    are earlier ones only where a migration of the range runs outside a transaction, or some without foreign keys.
    """
    results: list[MigrationResult] = []
    try:
        yield from leave_temporary()
        segments = _segments(plan)
        if len(segments) > 1:
            yield from _check_together(plan)
            yield from _rehearse(history, plan)
        while segments:
            segment = segments.pop(0)
            step = _inside if segment[0].migration.use_transaction else _outside
            try:
                results += yield from step(history, segment, plan_again, len(results), told)
            except _Changed:
                left = plan_again((yield from history.read()), len(results))
                if left and not has_target:
                    raise MigrationError(
                        "another process has changed what is applied since this rollback was planned; "
                        + ("what is in the results was rolled back" if results else "nothing was rolled back"),
                        code="changed_meanwhile",
                        migration=segment[0].migration,
                    ) from None
                segments = _segments(left)
    except AgentDBError as error:
        error.after(results)
        raise
    return results


def _segments(plan: Sequence[Reversal]) -> list[list[Reversal]]:
    """Parts of the plan that can be in one transaction each; what runs outside one stands alone."""
    parts: list[list[Reversal]] = []
    for (is_inside, _), grouped in groupby(plan, lambda r: (r.migration.use_transaction, r.migration.foreign_keys)):
        part = list(grouped)
        parts += [part] if is_inside else [[reversal] for reversal in part]
    return parts


def _check_together(plan: Sequence[Reversal]) -> Steps[None]:
    """What can be told of a range before its first step, where it is not one transaction. Raises MigrationError."""
    from agentdb.engine.guards.references import check_dependents

    run = Run(DOWN, plan[0].migration, plan[0].statements, plan[0].recorded_id, False)
    try:
        yield from check_dependents(tuple([item for reversal in plan for item in reversal.statements]))
    except AgentDBError as error:
        raise run.failure(error) from error


def _rehearse(history: History, plan: Sequence[Reversal]) -> Steps[None]:
    """Run a range that is no one transaction in one, without foreign keys, and undo it: what fails there fails before the
    first step. Raises MigrationError.

    What only foreign keys forbid is not found. Left out are VACUUM and its like, and all of it where a file is attached.
    """
    from agentdb.engine.connection_state import is_setting
    from agentdb.engine.guards.losses import is_bare
    from agentdb.engine.guards.views_and_triggers import broken, compiling

    runs = []
    for reversal in plan:
        items = reversal.statements
        if not reversal.migration.use_transaction:
            if any(is_setting(item) for item in items):
                return
            items = tuple([item for item in items if type(item) is not str or not is_bare(item)])
        runs.append(Run(DOWN, reversal.migration, items, reversal.recorded_id, False))
    at = runs[0]

    def body() -> Steps[None]:
        nonlocal at
        rows = {row.id: row for row in (yield from history.read())}
        if any(row.in_progress == DOWN for row in rows.values()):
            raise _Rehearsed  # some of it is done
        before = yield from compiling()
        for run in runs:
            at = run
            run.begin()
            yield from run.guarded()
        yield from broken(before)
        raise _Rehearsed

    try:
        yield from atomically(body(), foreign_keys=False, confined=any(reversal.is_recorded for reversal in plan))
    except _Rehearsed:
        pass
    except AgentDBError as error:
        if passes_through(error):
            raise
        raise at.failure(error, "; nothing was rolled back") from error


def _inside(
    history: History, segment: Sequence[Reversal], plan_again: Plan, done: int, told: bool
) -> Steps[list[MigrationResult]]:
    runs = [Run(DOWN, r.migration, r.statements, r.recorded_id, told) for r in segment]
    if told:
        for run in runs:
            yield from emit(Started(DOWN, run.migration))
    at = runs[0]

    def body() -> Steps[None]:
        nonlocal at
        from agentdb.engine.guards.views_and_triggers import broken, compiling

        rows = yield from history.read()
        if [_key(reversal) for reversal in plan_again(rows, done)[: len(segment)]] != [_key(r) for r in segment]:
            raise _Changed
        by_id = {row.id: row for row in rows}
        before = yield from compiling()
        for run in runs:
            at = run
            run.begin()
            row = by_id[run.recorded_id]
            run.done = done_before(row, run.direction, run.items)
            yield from run.guarded()
            yield from history.forget(row, run.timestamp)
            run.end()
        yield from broken(before)

    first = segment[0]
    confined = any(reversal.is_recorded for reversal in segment)
    try:
        work = atomically(body(), foreign_keys=first.migration.foreign_keys, confined=confined)
        yield from renewed_after(work, [item for run in runs for item in run.items])
    except AgentDBError as error:
        if passes_through(error):
            raise
        how_far = f"{done} of the range were rolled back before, and stay so" if done else "nothing was rolled back"
        raise at.failure(error, f"; {how_far}") from error
    results = [run.result() for run in runs]
    for result in results:
        yield from _tell(result, told)
    return results


def _key(reversal: Reversal) -> tuple[str, str]:
    return reversal.recorded_id, reversal.migration.checksum


def _tell(result: MigrationResult, told: bool) -> Steps[None]:
    log(INFO, "rolled back migration %s in %.1f ms", result.migration.label, result.execution_time)
    if told:
        yield from emit(Reverted(result))


def _outside(
    history: History, segment: Sequence[Reversal], plan_again: Plan, done: int, told: bool
) -> Steps[list[MigrationResult]]:
    (reversal,) = segment
    if told:
        yield from emit(Started(DOWN, reversal.migration))
    run = Run(DOWN, reversal.migration, reversal.statements, reversal.recorded_id, told)
    run.confined = reversal.is_recorded
    try:
        is_done = yield from renewed_after(_revert_outside(history, run), run.items)
    except AgentDBError as error:
        if passes_through(error):
            raise
        raise run.failure(error) from error
    if not is_done:
        raise _Changed
    result = run.result()
    yield from _tell(result, told)
    return [result]


def _revert_outside(history: History, run: Run) -> Steps[bool]:
    def begin() -> Steps[bool]:
        run.begin()
        row = yield from history.find(run.recorded_id)
        if row is None or row.is_struck_out:
            return False
        run.row = row
        run.done = done_before(row, run.direction, run.items)
        if not run.done:
            from agentdb.engine.guards.references import check_dependents

            yield from check_dependents(run.items)
        yield from history.progress(row, DOWN, run.items[: run.done])
        return True

    def give_up() -> Steps[None]:
        row = yield from history.find(run.recorded_id)
        if row is not None and run.row is not None and row.in_progress == DOWN and not row.statements_done(DOWN):
            yield from history.restore(run.row)

    def end() -> Steps[bool]:
        row = yield from history.find(run.recorded_id)
        if row is None or row.done_of(DOWN, run.items) != len(run.items):
            return False
        yield from history.forget(row, run.timestamp)
        return True

    if not (yield from atomically(begin())):
        return False
    try:
        if not (yield from run.execute_outside(history)):
            return False
    except AgentDBError:
        if run.number == 1:  # nothing of it is done
            yield from atomically(give_up())
        raise
    return (yield from atomically(end()))
