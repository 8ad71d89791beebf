"""The migrations that a file has recorded, of every set in it, in the order in which they were applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentdb.engine.history import History
from agentdb.engine.history_row import UP
from agentdb.engine.migration import MANUAL, Migration
from agentdb.engine.migration_set import set_of
from agentdb.engine.planner import recorded_number
from agentdb.engine.rollback_plan import items_of, order_of
from agentdb.errors import AgentDBError, MigrationError
from agentdb.operations.requests import execute
from agentdb.sql.lexer import keyword

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import ModuleType

    from agentdb.engine.history_row import Row
    from agentdb.engine.migration import Item
    from agentdb.engine.migration_set import MigrationSet
    from agentdb.operations.requests import Steps

#: Ordinary tables that have the columns of a tracking table. Whether one is such is told by reading it.
_CANDIDATES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND sql LIKE '%checksum%' "
    "AND sql LIKE '%in_progress%' AND sql LIKE '%applied_at%' ORDER BY rowid"
)
#: What changes no schema, or would only change the connection.
_SKIPPED = frozenset(("PRAGMA", "EXPLAIN", "ANALYZE", "VACUUM", "REINDEX", "SELECT"))
#: What would reach another file.
_REFUSED = frozenset(("ATTACH", "DETACH"))


@dataclass(frozen=True)
class RecordedMigration:
    """One applied migration: its set's tracking table, its row, and what can be run again of it.

    problem: why nothing can be run again; None where it can.
    """

    table: str
    row: Row
    migration: Migration | None
    problem: str | None = None

    @property
    def label(self) -> str:
        """`001 (description) of the table migrations`."""
        return f"{self.row.id} ({self.row.description or 'unknown'}) of the table {self.table}"


@dataclass(frozen=True)
class RecordedSet:
    """The migrations of one tracking table, in the order in which they were applied."""

    table: str
    migrations: tuple[RecordedMigration, ...]


def by_table(sets: Iterable[MigrationSet | ModuleType]) -> dict[str, tuple[Migration, ...]]:
    """The migrations of sets by their tracking tables; that of `agentdb.migrations` is `migrations`, as of AgentDB.open().

    Raises InvalidArgumentError for what is no set.
    """
    found = {}
    for one in sets:
        made = set_of(one)
        is_built_in = getattr(one, "__name__", None) == "agentdb.migrations"
        found["migrations" if is_built_in else made.table] = made.migrations
    return found


def recorded_sets(registered: Mapping[str, Sequence[Migration]]) -> Steps[tuple[RecordedSet, ...]]:
    """Every set that a file has recorded. registered: what this build knows, by tracking table.

    A table that only looks like a tracking table is left out.
    """
    sets = []
    for (table,) in (yield from execute(_CANDIDATES)).tuples:
        try:
            rows = yield from History(table).read()
        except AgentDBError:
            continue
        known = {migration.number: migration for migration in registered.get(table, ())}
        sets.append(RecordedSet(table, _in_order(table, rows, known)))
    return tuple(sets)


def _in_order(table: str, rows: Sequence[Row], known: Mapping[int, Migration]) -> tuple[RecordedMigration, ...]:
    found = []
    for row in rows:
        if row.is_struck_out:
            continue
        try:
            number = recorded_number(row)
        except MigrationError as error:
            found.append(((-1, 0, -1), RecordedMigration(table, row, None, error.message)))
            continue
        found.append((order_of(number, row), _recorded(table, row, known.get(number))))
    return tuple([one for _, one in sorted(found, key=lambda pair: pair[0])])


def _recorded(table: str, row: Row, known: Migration | None) -> RecordedMigration:
    if row.in_progress == UP:
        return RecordedMigration(table, row, None, "it was begun outside a transaction and has not ended")
    if known is not None and known.is_of(row.checksum) and (known.checksum == row.checksum or row.up is None):
        return RecordedMigration(table, row, known)
    if row.up is None:
        return RecordedMigration(table, row, None, "the tracking table has no statements of it")
    try:
        items = items_of(row, row.up)
        whole = _made(row, items)
        migration = _made(row, _safe(items))
    except AgentDBError as error:
        return RecordedMigration(table, row, None, error.message)
    if any(not isinstance(item, str) and item.is_opaque for item in items):
        return RecordedMigration(table, row, None, "it has a Python step, and this build does not have that migration")
    # The row says `manual` where somebody has inserted it; then the text may be any.
    if row.checksum not in (whole.checksum, MANUAL, None):
        return RecordedMigration(table, row, migration, "its recorded statements do not have the recorded checksum")
    return RecordedMigration(table, row, migration)


def _made(row: Row, items: tuple[Item, ...]) -> Migration:
    return Migration.recorded(row.id, row.description or "unknown", items, (), row.use_transaction, row.foreign_keys)


def _safe(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The items that change the schema. Raises MigrationError for what would reach beyond the database."""
    left: list[Item] = []
    for item in items:
        word = keyword(item) if isinstance(item, str) else ""
        if word in _REFUSED:
            raise MigrationError(f"its recorded statements have {word}", code="recorded_down_refused")
        if word not in _SKIPPED:
            left.append(item)
    return tuple(left)


def merged(sets: Sequence[RecordedSet]) -> list[RecordedMigration]:
    """The migrations of several sets in the order of their times; those of one set keep their order."""
    heads = [list(one.migrations) for one in sets]
    found: list[RecordedMigration] = []
    while any(heads):
        first = min([head for head in heads if head], key=lambda head: head[0].row.applied_at or "")
        found.append(first.pop(0))
    return found
