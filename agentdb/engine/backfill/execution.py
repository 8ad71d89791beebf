"""How a Backfill runs: batch after batch, each in a transaction that records where it stands.

The position is read again under the write lock of each batch. So a process that continues the work of another, or that runs
at the same time, changes no row twice.
"""

from __future__ import annotations

from time import perf_counter

from agentdb.engine.backfill.position import Position
from agentdb.engine.backfill.table import Table, look, refused
from agentdb.engine.guards.affected_tables import reached
from agentdb.engine.guards.losses import check, count
from agentdb.errors import DataLossError, MigrationError
from agentdb.operations.requests import atomically, execute, pause
from agentdb.sql.statement_tables import folded, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from agentdb.engine.backfill.position import Key
    from agentdb.engine.backfill.specification import Backfill
    from agentdb.engine.history import History
    from agentdb.engine.history_row import Row
    from agentdb.engine.migration import Item, Migration
    from agentdb.operations.requests import Steps

#: Between two batches nobody holds the lock, for this part of the time that the batch has held it. Other processes try for
#: the lock at intervals; without a pause they would hardly ever meet it free.
_PAUSE = 0.5


class BackfillRun:
    """One Backfill, as this process runs it."""

    def __init__(
        self,
        item: Backfill,
        number: int,
        *,
        history: History,
        migration: Migration,
        items: tuple[Item, ...],
        recorded_id: str,
        direction: str,
    ) -> None:
        """number: which of the items it is, from 1."""
        self.item = item
        #: Rows that are done, by this process or by others.
        self.rows = 0
        #: What is executed now.
        self.statement = item.update()
        self._number = number
        self._history = history
        self._migration = migration
        self._items = items
        self._recorded_id = recorded_id
        self._direction = direction
        self._table: Table | None = None
        self._began = 0.0

    def run(self, tell: Callable[[int, int], Steps[None]] | None) -> Steps[bool | None]:
        """All batches that are left. Whether the last one was ours; None where the migration is not under way any more.

        tell: is given how many rows are done, and about how many there are; behind each batch, outside its transaction.

        Raises MigrationError `backfill_refused` where there is no such table, or the key would change; DataLossError; and
        what the database says. What was done before a batch that fails stays done, and is recorded.
        """
        total = -1  # not counted yet
        while True:
            is_last = yield from atomically(self._batch())
            held = perf_counter() - self._began
            if is_last is None or self._position is None:
                return is_last
            if tell is not None:
                if total < 0:
                    counted = yield from execute(f"SELECT count(*) FROM main.{quoted(self.item.table)}")
                    total = counted.tuples[0][0]
                yield from tell(self.rows, max(total, self.rows))
            yield from pause(held * _PAUSE)

    _position: Position | None = None

    def _batch(self) -> Steps[bool | None]:
        """Whether it was the last; False also where another process has done the last. None as above."""
        row = yield from self._history.find(self._recorded_id)
        self._began = perf_counter()
        self._position = None
        if row is None or row.in_progress != self._direction or row.is_struck_out:
            return None
        done = row.done_of(self._direction, self._items)
        if done is None or done >= self._number:
            return None if done is None else False
        is_first = self._table is None
        table = self._table = self._table or (yield from self._looked())
        position = yield from self._start(row, table)
        if position is not None:
            self.rows = position.rows
            end = yield from self._end(table, position)
            yield from self._update(table, position, end, is_first=is_first)
            if end is not None:
                self._position = position.behind(end, self.item.batch)
                self.rows = self._position.rows
                done_items = self._items[: self._number - 1]
                yield from self._history.progress(row, self._direction, done_items, self._position.written())
                return False
        yield from self._history.progress(row, self._direction, self._items[: self._number])
        return True

    def _looked(self) -> Steps[Table]:
        item = self.item
        if folded(item.table) == folded(self._history.table):
            raise refused(item, "it is the tracking table")
        table = yield from look(item)
        # No row may be there, and nothing would be compiled.
        self.statement = item.update()
        yield from execute(f"EXPLAIN QUERY PLAN {self.statement}")
        return table

    def _start(self, row: Row, table: Table) -> Steps[Position | None]:
        """Where it stands. None where there is no row."""
        if row.position is not None:
            found = Position.read(row.position)
            if found is None or len(found.last) != len(table.key):
                raise MigrationError(
                    f"the recorded position of the Backfill of {self.item.table!r} is not a key of that table",
                    code="begun_otherwise",
                )
            return found
        backwards = ", ".join([f"{column} DESC" for column in table.key])
        last = (yield from execute(f"SELECT {table.keys} FROM {table.name} ORDER BY {backwards} LIMIT 1")).tuples
        return Position(self.item.table, last[0]) if last else None

    def _end(self, table: Table, position: Position) -> Steps[Key | None]:
        """The key of the last row of a full batch; None where fewer are left."""
        within, values = table.between(position.at, position.last)
        found = yield from execute(
            f"SELECT {table.keys} FROM {table.name} WHERE {within} ORDER BY {table.keys} "
            f"LIMIT 1 OFFSET {self.item.batch - 1}",
            values,
        )
        return found.tuples[0] if found.tuples else None

    def _update(self, table: Table, position: Position, end: Key | None, *, is_first: bool) -> Steps[None]:
        """Change the rows of one batch. Raises DataLossError.

        Of the rows themselves, an UPDATE can take away references, which are counted in each batch. Where it fires triggers,
        or changes rows that refer to these, all that these reach is counted around the first batch of each process.
        """
        within, values = table.between(position.at, position.last if end is None else end)
        sql = self.statement = self.item.update(within)
        allowed = self._migration.allows_loss
        counts = None
        if is_first and table.reaches_others:
            counts = yield from count((yield from reached((self.item,))))
        before = yield from self._references(table, within, values)
        yield from execute(sql, values)
        after = yield from self._references(table, within, values)
        lost = {
            f"{table.written}.{column}": (number, left)
            for column, number, left in zip(table.references, before, after, strict=True)
            if left < number and _names(table, column).isdisjoint(map(folded, allowed))
        }
        if lost:
            told = ", ".join([f"{key} {number} -> {left}" for key, (number, left) in lost.items()])
            raise DataLossError(f"it would lose references: {told}", tables=lost)
        if counts is not None:
            yield from check(counts, (sql,), allowed)

    def _references(self, table: Table, within: str, values: dict[str, Any]) -> Steps[Sequence[int]]:
        """How many values are not NULL in each column that refers and that it sets, within one batch."""
        if not table.references:
            return ()
        wanted = ", ".join([f"count({quoted(column)})" for column in table.references])
        (counted,) = (yield from execute(f"SELECT {wanted} FROM {table.name} WHERE {within}", values)).tuples
        return counted


def _names(table: Table, column: str) -> set[str]:
    """How the values of a column may be named in what may be lost."""
    name = folded(table.written)
    return {name, f"{name}.*", f"{name}.{folded(column)}"}
