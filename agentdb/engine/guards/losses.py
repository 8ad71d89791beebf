"""Sees what a migration would lose, by counting inside its transaction, and refuses it.

`PRAGMA foreign_key_check` does not see the commonest loss: a table that is rebuilt with foreign keys on runs ON DELETE
CASCADE and SET NULL on its children. Deleted rows violate no foreign key.

It counts the rows of every table, and the values that are not NULL in every nullable foreign-key column. Full-text and
R-tree tables count where they keep rows of their own, or the only copy of an index. Equal counts do not prove that the
rows are the same, or that other columns still hold the same values. New rows can hide the loss of others.
"""

from __future__ import annotations

from agentdb.errors import DataLossError
from agentdb.operations.requests import execute
from agentdb.sql.statement_tables import Statement, folded, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet
    from typing import TypeAlias

    from agentdb.engine.migration import Item
    from agentdb.operations.requests import Steps

    #: A table's name and that of its column, folded.
    Column: TypeAlias = tuple[str, str]

_TABLES = (
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
    "AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name"
)
_TABLE = _TABLES.replace("pragma_table_list", "pragma_table_list(?)")
#: So many tables are asked for one by one, before all are listed.
_FEW = 8
_VIRTUAL = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE %'"
_NAMES = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
#: The tables in which FTS and R-tree keep what may be in no other table, and how their names end.
_OWN_ROWS = (
    "SELECT s.name, v.name, m.sql FROM pragma_table_list s JOIN pragma_table_list v ON v.type = 'virtual' AND v.schema = 'main' "
    "AND s.name IN (v.name || '_content', v.name || '_rowid', v.name || '_docsize') JOIN sqlite_master m ON m.name = v.name "
    "WHERE s.schema = 'main' AND s.type = 'shadow'"
)
#: What does more with an INSERT than to put rows beside others: triggers, a REPLACE of the table's own, and the commands
#: that a full-text table takes as INSERT.
_DOES_MORE = (
    "SELECT 1 FROM sqlite_master WHERE (type = 'trigger' AND tbl_name = :name COLLATE NOCASE) OR (name = :name COLLATE NOCASE "
    "AND (type = 'view' OR sql LIKE '%REPLACE%' OR sql LIKE 'CREATE VIRTUAL%')) LIMIT 1"
)
#: All columns of a table: whether they are NOT NULL, and the table that they refer to, or NULL.
_COLUMNS = (
    'SELECT c.name, c."notnull", f."table" FROM pragma_table_xinfo(:table, \'main\') c LEFT JOIN '
    "pragma_foreign_key_list(:table, 'main') f ON c.name = f.\"from\" COLLATE NOCASE"
)
#: Statements that cannot run in a transaction, or need none: they have no rows to lose.
_BARE = frozenset(("VACUUM", "PRAGMA", "ANALYZE", "REINDEX", "ATTACH", "DETACH"))


class Counts(dict[tuple[str, "str | None"], int]):
    """(table, column) -> how many values are not NULL; with None for the column, how many rows. Names as they are written."""

    def __init__(self, reached: AbstractSet[str] | None) -> None:
        super().__init__()
        #: The folded names of the tables that the migration can reach, whether they are there yet or not; None: all.
        self.reached = reached
        #: Each column that there is, and the tables that it refers to, folded.
        self.parents: dict[Column, set[str]] = {}


def can_lose(items: Iterable[Item]) -> Steps[bool]:
    """Whether there is anything among them beyond CREATE, plain INSERT, ADD and RENAME.

    An INSERT is not plain where its table has triggers, or may have by then, or replaces by itself.
    """
    targets: dict[str, None] = {}
    is_settled = True
    for item in items:
        if type(item) is not str:
            return True
        if item[:13] in ("CREATE TABLE ", "CREATE INDEX "):
            continue  # nearly all of nearly every migration
        statement = Statement(item)
        if not statement.is_harmless:
            return True
        if statement.verb == "INSERT" and statement.table is not None:
            targets[folded(statement.table)] = None
        elif statement.creates_trigger or statement.renamed_table is not None:
            is_settled = False
    if not is_settled:
        return bool(targets)
    for name in targets:
        if (yield from execute(_DOES_MORE, {"name": name})).tuples:
            return True
    return False


def is_bare(sql: str) -> bool:
    """Whether a statement cannot run in a transaction, or need not. It loses nothing by being run once more."""
    return Statement(sql).verb in _BARE


def count(reached: AbstractSet[str] | None = None) -> Steps[Counts]:
    """Count everything; or only tables of those folded names, where nothing else can be lost; see affected_tables."""
    counts = Counts(reached)
    for name in (yield from _tables(reached)):
        nullable: dict[str, None] = {}
        for column, required, parent in (yield from execute(_COLUMNS, {"table": name})).tuples:
            parents = counts.parents.setdefault((folded(name), folded(column)), set())
            if parent is not None:
                parents.add(folded(parent))
                if not required:
                    nullable[column] = None
        yield from _count(counts, name, name, [None, *nullable], [None, *nullable])
    for shadow, owner in (yield from _own_rows(reached)):
        yield from _count(counts, owner, shadow, [None], [None])
    return counts


def _tables(wanted: AbstractSet[str] | None) -> Steps[list[str]]:
    """The ordinary tables that there are, as they are written; of those folded names only, or all."""
    if wanted is None or len(wanted) > _FEW:
        listed = (yield from execute(_TABLES)).tuples
        return [name for (name,) in listed if wanted is None or folded(name) in wanted]
    found = []
    for wish in sorted(wanted):
        found += [name for (name,) in (yield from execute(_TABLE, (wish,))).tuples]
    return found


def _own_rows(wanted: AbstractSet[str] | None) -> Steps[list[tuple[str, str]]]:
    """For each full-text or R-tree table that has what no other table has: where it keeps that, and its name.

    A full-text index without contents, or with those of another table, has no `_content`; of the first kind nothing can
    make the index again.
    """
    owners = {folded(name) for (name,) in (yield from execute(_VIRTUAL)).tuples}
    if wanted is not None:
        owners &= wanted
    if not owners:
        return []
    found = []
    for shadow, owner, sql in (yield from execute(_OWN_ROWS)).tuples:
        if folded(owner) not in owners:
            continue
        options = "".join(sql.split()).replace('"', "'").replace("`", "'").lower()
        if not shadow.endswith("_docsize") or "content=''" in options:
            found.append((shadow, owner))
    return found


def _count(
    counts: Counts, name: str, table: str, keys: Sequence[str | None], columns: Sequence[str | None]
) -> Steps[None]:
    """Count `columns` of `table`, as `keys` of `name`. Each scan can keep to one index: two columns in one could not."""
    pairs = list(zip(keys, columns, strict=True))
    # The rows together with the first column: its index has them all.
    for group in ([pairs[:2]] if len(pairs) > 1 else [pairs]) + [[pair] for pair in pairs[2:]]:
        wanted = ", ".join(["count(*)" if column is None else f"count({quoted(column)})" for _, column in group])
        (values,) = (yield from execute(f"SELECT {wanted} FROM main.{quoted(table)}")).tuples
        for (key, _), value in zip(group, values, strict=True):
            counts[name, key] = value


def check(before: Counts, ran: Sequence[Item], allowed: Iterable[str], dropped: Iterable[str] = ()) -> Steps[None]:
    """Count again what was counted before, and compare. ran: the items that ran between; renames are followed.

    allowed: "table", "table.column" or "table.*", which is all columns of it. dropped: tables that are dropped by name,
    which agrees to lose their rows where no table has their name in the end. Raises DataLossError.
    """
    renames = Renames(ran)
    names = {folded(table) for table, _ in before}
    there = names | {renames.table(name) for name in names}
    present = {folded(name): name for name in (yield from _tables(there))}
    for shadow, owner in (yield from _own_rows(there)):
        present[folded(owner)] = shadow
    #: Where a table that was there before is now: it cannot stand in for one that has gone.
    moved = {renames.table(name): name for name in names if renames.table(name) != name}
    consented = frozenset(map(folded, allowed))
    gone = frozenset(map(folded, dropped))
    # Where another thing, be it a view, has the name now, the rows should be there.
    living = {folded(name) for (name,) in (yield from execute(_NAMES)).tuples} if gone else set()
    refilled: _Refilled | None = None
    lost: dict[str, tuple[int, int]] = {}
    for (table, column), number in before.items():
        key = table if column is None else f"{table}.{column}"
        named = _names_of(folded(table), column and folded(column))
        named |= _names_of(renames.table(folded(table)), renames.column(folded(table), column))
        if number == 0 or table in lost or not named.isdisjoint(consented):
            continue  # of a table that is named for its rows, the columns need not be
        now = {folded(table), renames.table(folded(table))}
        if not now.isdisjoint(gone) and now.isdisjoint(living):
            continue
        left = 0
        # Where the table was renamed and another has its name now, either may hold the rows.
        for name in {folded(table), renames.table(folded(table))} & present.keys():
            if moved.get(name, folded(table)) != folded(table):
                continue
            left = max(left, (yield from _count_left(present[name], column, renames.column(folded(table), column))))
        if left < number and column is not None:
            refilled = refilled or (yield from _refilled(before, renames))
            if refilled.take(before.parents.get((folded(table), folded(column)), ()), number):
                continue
        if left < number:
            lost[key] = (number, left)
    if lost:
        told = ", ".join([f"{key} {before} -> {after}" for key, (before, after) in lost.items()])
        raise DataLossError(f"it would lose rows or references: {told}", tables=lost)


class _Refilled:
    """Columns that refer to more rows than before: values of another column may have moved there, all of them."""

    def __init__(self) -> None:
        self._gains: list[tuple[str, int]] = []  # the table referred to, by its name before, and how many values more

    def add(self, parent: str, gain: int) -> None:
        self._gains.append((parent, gain))

    def take(self, parents: Iterable[str], number: int) -> bool:
        """Whether one of them has come to so many more references to the same table. It cannot stand for two."""
        fits = [gain for gain in self._gains if gain[0] in parents and gain[1] >= number]
        if fits:
            self._gains.remove(min(fits, key=lambda gain: gain[1]))
        return bool(fits)


def _refilled(before: Counts, renames: Renames) -> Steps[_Refilled]:
    found = _Refilled()
    # Only what was reached was counted; another column's values are no gain.
    reached = before.reached
    tables = yield from _tables(None if reached is None else reached | {renames.table(name) for name in reached})
    # A column that was there and referred to nothing has its values from elsewhere.
    known = {
        (name, renamed)
        for table, column in before.parents
        for name in (table, renames.table(table))
        for renamed in (column, renames.column(table, column))
    }
    counted = {
        (renames.table(folded(table)), renames.column(folded(table), column)): number
        for (table, column), number in before.items()
        if column is not None
    }
    parents = {renames.table(parent): parent for of_one in before.parents.values() for parent in of_one}
    for table in tables:
        for column, _, parent in (yield from execute(_COLUMNS, {"table": table})).tuples:
            here = folded(table), folded(column)
            if parent is None or (here in known and here not in counted):
                continue
            ((values,),) = (yield from execute(f"SELECT count({quoted(column)}) FROM main.{quoted(table)}")).tuples
            gain = values - counted.get(here, 0)
            if gain > 0:
                found.add(parents.get(folded(parent), folded(parent)), gain)
    return found


def _names_of(table: str, column: str | None) -> set[str]:
    """How the rows of a table, or the values of a column, may be named in what may be lost."""
    return {table} if column is None else {table, f"{table}.{column}", f"{table}.*"}


def _count_left(table: str, column: str | None, renamed: str | None) -> Steps[int]:
    if column is None:
        wanted = "count(*)"
    else:
        names = (yield from execute("SELECT name FROM pragma_table_xinfo(?, 'main')", (table,))).tuples
        there = {folded(name) for (name,) in names}
        kept = [name for name in (folded(column), renamed) if name in there and name is not None]
        if not kept:
            return 0
        wanted = f"max({', '.join([f'count({quoted(name)})' for name in kept])}, 0)"
    ((left,),) = (yield from execute(f"SELECT {wanted} FROM main.{quoted(table)}")).tuples
    return int(left)


class Renames:
    """What tables and columns are called in the end."""

    def __init__(self, ran: Sequence[Item]) -> None:
        #: A table's name, and its new one; or those of its columns that got others at once.
        self._steps: list[tuple[str, str | dict[str, str]]] = []
        for item in ran:
            if not isinstance(item, str):
                if item.changed_table is not None:
                    self._steps.append((folded(item.changed_table), dict(item.renamed_columns)))
            elif "rename" in item.lower():
                statement = Statement(item)
                if statement.renamed_table is not None:
                    self._steps.append(statement.renamed_table)
                elif statement.renamed_column is not None:
                    table, before, after = statement.renamed_column
                    self._steps.append((table, {before: after}))

    def table(self, name: str) -> str:
        """What a table is called in the end, by its folded name."""
        for table, change in self._steps:
            if table == name and isinstance(change, str):
                name = change
        return name

    def column(self, table: str, column: str | None) -> str | None:
        """What a column of a table is called in the end."""
        if column is None:
            return None
        column = folded(column)
        for name, change in self._steps:
            if name == table:
                if isinstance(change, str):
                    table = change
                else:
                    column = change.get(column, column)
        return column


#: What changes values, and takes no rows away.
_CHANGING = ("UPDATE", "UPSERT", "ALTER DROP")


def consent_of(items: Iterable[Item]) -> set[str]:
    """What a rollback agrees to lose, for check(): the tables that its down drops, deletes from or replaces in, and columns
    of those that it updates or rebuilds."""
    agreed: set[str] = set()
    origins = Origins()
    for item in items:
        if not isinstance(item, str):
            if item.changed_table is not None:
                agreed |= {f"{item.changed_table}.*", f"{origins.of(item.changed_table)}.*"}
            continue
        statement = Statement(item)
        origins.follow(statement)
        if statement.table is not None and not statement.is_harmless:
            columns = ".*" if statement.verb in _CHANGING else ""
            agreed |= {f"{statement.table}{columns}", f"{origins.of(statement.table)}{columns}"}
    return agreed


class Origins:
    """What tables were called before the statements so far have renamed them."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}

    def follow(self, statement: Statement) -> None:
        """One more statement."""
        if statement.renamed_table is not None:
            before, after = statement.renamed_table
            self._before[after] = self._before.pop(before, before)

    def of(self, name: str) -> str:
        """The folded name of then."""
        return self._before.get(folded(name), folded(name))
