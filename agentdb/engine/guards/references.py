"""References that point to nothing, compared before and after a migration; and who still refers to what a down drops."""

from __future__ import annotations

from collections import Counter
from itertools import takewhile

from agentdb.engine.guards.affected_tables import referring
from agentdb.engine.guards.losses import Origins, Renames
from agentdb.errors import DanglingReferencesError, DependentRowsError, StatementError
from agentdb.operations.requests import execute
from agentdb.sql.statement_tables import Statement, folded, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, TypeAlias

    from agentdb.engine.migration import Item
    from agentdb.operations.requests import Steps

    #: How often each reference dangles: the table that refers, the one referred to, the columns and their values. Not the
    #: rowid, which a rebuild may change. None for columns and values stands for what cannot be checked at all.
    Dangling: TypeAlias = Counter[tuple[Any, ...]]

_REFERRING = (
    "SELECT t.name FROM pragma_table_list t WHERE t.schema = 'main' AND t.type = 'table' "
    "AND EXISTS (SELECT 1 FROM pragma_foreign_key_list(t.name, 'main')) ORDER BY t.name"
)
#: What a down may do first, so that a table refers no more to the one that it drops.
_TOUCHING = ("DELETE", "UPDATE", "ALTER DROP", "DROP TABLE")
_ROWID_NAMES = ("rowid", "_rowid_", "oid")
_KEYS = (
    'SELECT f.id, f."table", f."from", coalesce(f."to", (SELECT p.name FROM '
    "pragma_table_xinfo(f.\"table\", 'main') p WHERE p.pk = f.seq + 1)) "
    "FROM pragma_foreign_key_list(?, 'main') f ORDER BY f.id, f.seq"
)
_KEEP_UNIQUE = (
    "Nothing was changed. Give the columns that they refer to a UNIQUE index: keep UNIQUE in the table's `create`, or make the "
    "index in the same migration; or let the tables that refer go to another column first."
)


class _Key:
    """A foreign key: the table referred to, the columns that refer, and those referred to in the same order."""

    def __init__(self, parent: str) -> None:
        self.parent = parent
        self.columns: list[str] = []
        self.referred: list[str | None] = []


def dangling() -> Steps[Dangling]:
    """All references that point to nothing now."""
    found: Dangling = Counter()
    for (table,) in (yield from execute(_REFERRING)).tuples:
        try:
            violations = yield from execute(f"PRAGMA main.foreign_key_check({quoted(table)})")
        except StatementError:  # what it refers to has no such column, or no unique index there
            found[folded(table), None, None, None] += 1
            continue
        if violations.tuples:
            yield from _identify(found, table, violations.tuples)
    return found


def _identify(found: Dangling, table: str, violations: list[tuple[Any, ...]]) -> Steps[None]:
    keys: dict[int, _Key] = {}
    for number, parent, column, referred in (yield from execute(_KEYS, (table,))).tuples:
        key = keys.setdefault(number, _Key(parent))
        key.columns.append(column)
        key.referred.append(referred)
    columns = {folded(row[1]) for row in (yield from execute(f"PRAGMA main.table_xinfo({quoted(table)})")).tuples}
    rowid = next((name for name in _ROWID_NAMES if name not in columns), None)
    by_rowid = [(at, key) for _, at, _, key in violations if at is not None and rowid is not None]
    for at, number in by_rowid:
        key = keys[number]
        wanted = ", ".join(map(quoted, key.columns))
        (values,) = (yield from execute(f"SELECT {wanted} FROM main.{quoted(table)} WHERE {rowid} = ?", (at,))).tuples
        found[_named(table, key, values)] += 1
    if len(by_rowid) < len(violations):  # the table has no rowid, or none that can be named
        for number in {number for _, _, _, number in violations}:
            for values in (yield from execute(_orphans(table, keys[number]))).tuples:
                found[_named(table, keys[number], values)] += 1


def _orphans(table: str, key: _Key) -> str:
    """The SELECT of the references by this key that point to nothing, by their values."""
    child = ", ".join([f"c.{quoted(column)}" for column in key.columns])
    is_set = " AND ".join([f"c.{quoted(column)} IS NOT NULL" for column in key.columns])
    if None in key.referred:  # there is no such table
        return f"SELECT {child} FROM main.{quoted(table)} c WHERE {is_set}"
    # The parent's column stands on the left: its collation counts.
    meets = " AND ".join(
        [f"p.{quoted(str(to))} = c.{quoted(column)}" for column, to in zip(key.columns, key.referred, strict=True)]
    )
    return (
        f"SELECT {child} FROM main.{quoted(table)} c WHERE {is_set} "
        f"AND NOT EXISTS (SELECT 1 FROM main.{quoted(key.parent)} p WHERE {meets})"
    )


def _named(table: str, key: _Key, values: tuple[Any, ...]) -> tuple[Any, ...]:
    return folded(table), folded(key.parent), tuple(map(folded, key.columns)), tuple(map(_plain, values))


def _plain(value: Any) -> Any:
    """A value as it is compared before and after: a number is its text, for a rebuild may give the column another type."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, bytes) else str(value)


def check_dangling(before: Dangling, ran: Sequence[Item] = ()) -> Steps[None]:
    """Compare with what dangled before: an old violation is not this migration's fault. Raises DanglingReferencesError.

    ran: the items that ran between; renames are followed.
    """
    after = yield from dangling()
    new = after - _renamed(before, Renames(ran))
    if new:
        tables = {key[0]: (_of_table(before, key[0]), _of_table(after, key[0])) for key in new}
        told = ", ".join(
            [
                f"{table} -> {parent} ({', '.join(columns)})" if columns is not None else f"{table} (cannot be checked)"
                for table, parent, columns, _ in dict.fromkeys([(*key[:3], None) for key in new])
            ]
        )
        unchecked = [table for table, _, columns, _ in new if columns is None]
        if len(unchecked) == len(new):
            why = yield from _why_unchecked(unchecked)
            raise DanglingReferencesError(
                f"it would leave references that SQLite refuses: {told}: {why}", tables=tables, remedy=_KEEP_UNIQUE
            )
        raise DanglingReferencesError(f"it would leave references that point to nothing: {told}", tables=tables)


def _renamed(before: Dangling, renames: Renames) -> Dangling:
    """What dangled before, by the names that it has now."""
    found: Dangling = Counter()
    for (table, parent, columns, values), number in before.items():
        now = columns and tuple([renames.column(table, column) for column in columns])
        found[renames.table(table), parent and renames.table(parent), now, values] += number
    return found


def _why_unchecked(tables: Iterable[str]) -> Steps[str]:
    said = []
    for table in tables:
        try:
            yield from execute(f"PRAGMA main.foreign_key_check({quoted(table)})")
        except StatementError as error:
            said.append(error.message.partition(" in: PRAGMA")[0])
    return "; ".join(said)


def _of_table(found: Dangling, table: str) -> int:
    return sum([number for key, number in found.items() if key[0] == table])


def drops(items: Iterable[Item]) -> dict[str, str]:
    """The statements that drop a table for good, and its name. One whose name comes back is rebuilt."""
    found: dict[str, tuple[str, str]] = {}
    for item in items:
        if isinstance(item, str):
            statement = Statement(item)
            if statement.verb == "DROP TABLE" and statement.table is not None:
                found[folded(statement.table)] = (item, statement.table)
            elif statement.renamed_table is not None:
                found.pop(statement.renamed_table[1], None)
    return dict(found.values())


def check_dependents(items: Iterable[Item], gone: Iterable[str] = ()) -> Steps[None]:
    """Before a down, or a part of it, runs: who holds rows under a table that it drops for good, and does not drop as well?

    gone: tables that the rest of it drops. Raises DependentRowsError.
    """
    listed = list(items)
    going = drops(listed)
    # Nobody can tell what a PythonStep does to the tables that refer, so what is dropped behind one is looked at then.
    known = [*takewhile(lambda item: isinstance(item, str) or not item.is_opaque, listed)]
    dropped = {folded(table): table for sql, table in going.items() if sql in known}
    if not dropped:
        return
    spared = {*map(folded, going.values()), *map(folded, gone), *_touched(listed)}
    held: dict[str, tuple[int, int]] = {}
    for table in sorted({child for child, _ in (yield from referring(dropped.keys()))}):
        if folded(table) in spared:
            continue
        number = yield from _rows_under(table, dropped.keys())
        if number:
            held[table] = (number, 0)
    if held:
        told = ", ".join([f"{table} ({number})" for table, (number, _) in held.items()])
        raise DependentRowsError(
            f"it would drop {', '.join(dropped.values())}, and other tables hold rows under that: {told}", tables=held
        )


def _touched(items: Iterable[Item]) -> set[str]:
    """The tables that the items look after themselves, by the folded names that they have before. What becomes of their
    references is seen when it comes to the drop."""
    touched: set[str] = set()
    origins = Origins()
    for item in items:
        if not isinstance(item, str):
            if item.changed_table is not None:
                touched.add(origins.of(item.changed_table))
            continue
        statement = Statement(item)
        origins.follow(statement)
        if statement.verb in _TOUCHING and statement.table is not None:
            touched.add(origins.of(statement.table))
    return touched


def _rows_under(table: str, parents: Iterable[str]) -> Steps[int]:
    """How many rows of a table refer to one of those."""
    keys: dict[int, list[str]] = {}
    wanted = set(parents)
    for row in (yield from execute(f"PRAGMA main.foreign_key_list({quoted(table)})")).tuples:
        if folded(row[2]) in wanted:
            keys.setdefault(row[0], []).append(row[3])
    if not keys:
        return 0
    refers = " OR ".join([" AND ".join([f"{quoted(c)} IS NOT NULL" for c in columns]) for columns in keys.values()])
    ((number,),) = (yield from execute(f"SELECT count(*) FROM main.{quoted(table)} WHERE {refers}")).tuples
    return int(number)
