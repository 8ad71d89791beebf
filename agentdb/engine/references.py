"""References that point to nothing, compared before and after a migration; and who still refers to what a down drops."""

from __future__ import annotations

from collections import Counter

from agentdb.engine.names import Statement, folded, quoted
from agentdb.errors import DanglingReferencesError, DependentRowsError, StatementError
from agentdb.requests import execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeAlias

    from agentdb.engine.migration import Item
    from agentdb.requests import Steps

    #: How often each reference dangles: the table that refers, the one referred to, the columns and their values. Not the
    #: rowid, which a rebuild may change. None for columns and values stands for what cannot be checked at all.
    Dangling: TypeAlias = Counter[tuple[Any, ...]]

_REFERRING = (
    "SELECT t.name FROM pragma_table_list t WHERE t.schema = 'main' AND t.type = 'table' "
    "AND EXISTS (SELECT 1 FROM pragma_foreign_key_list(t.name)) ORDER BY t.name"
)
_ROWID_NAMES = ("rowid", "_rowid_", "oid")
_KEEP_UNIQUE = (
    "Nothing was changed. Give the columns that they refer to a UNIQUE index: keep UNIQUE in the table's `create`, or make the "
    "index in the same migration; or let the tables that refer go to another column first."
)


def dangling() -> Steps[Dangling]:
    """All references that point to nothing now."""
    found: Dangling = Counter()
    for (table,) in (yield from execute(_REFERRING)).tuples:
        try:
            violations = yield from execute(f"PRAGMA foreign_key_check({quoted(table)})")
        except StatementError:  # what it refers to has no such column, or no unique index there
            found[folded(table), None, None, None] += 1
            continue
        if violations.tuples:
            yield from _identify(found, table, violations.tuples)
    return found


def _identify(found: Dangling, table: str, violations: list[tuple[Any, ...]]) -> Steps[None]:
    keys: dict[int, list[str]] = {}
    for row in (yield from execute(f"PRAGMA foreign_key_list({quoted(table)})")).tuples:
        keys.setdefault(row[0], []).append(row[3])
    columns = {folded(row[1]) for row in (yield from execute(f"PRAGMA table_xinfo({quoted(table)})")).tuples}
    rowid = next((name for name in _ROWID_NAMES if name not in columns), None)
    for _, at, parent, key in violations:
        values: tuple[Any, ...] | None = None
        if at is not None and rowid is not None:
            wanted = ", ".join(map(quoted, keys[key]))
            (values,) = (yield from execute(f"SELECT {wanted} FROM {quoted(table)} WHERE {rowid} = ?", (at,))).tuples
        found[folded(table), folded(parent), tuple(map(folded, keys[key])), values] += 1


def check_dangling(before: Dangling) -> Steps[None]:
    """Compare with what dangled before: an old violation is not this migration's fault. Raises DanglingReferencesError."""
    after = yield from dangling()
    new = after - before
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


def _why_unchecked(tables: Iterable[str]) -> Steps[str]:
    said = []
    for table in tables:
        try:
            yield from execute(f"PRAGMA foreign_key_check({quoted(table)})")
        except StatementError as error:
            said.append(error.message.partition(" in: PRAGMA")[0])
    return "; ".join(said)


def _of_table(found: Dangling, table: str) -> int:
    return sum([number for key, number in found.items() if key[0] == table])


def check_dependents(items: Iterable[Item]) -> Steps[None]:
    """Before a down runs: who holds rows under a table that it drops for good, and does not drop as well?

    Raises DependentRowsError.
    """
    dropped: dict[str, str] = {}
    touched: set[str] = set()
    for item in items:
        if not isinstance(item, str):
            continue
        statement = Statement(item)
        if statement.verb == "DROP TABLE" and statement.table is not None:
            dropped[folded(statement.table)] = statement.table
        elif statement.verb in ("DELETE", "UPDATE") and statement.table is not None:
            touched.add(folded(statement.table))  # it looks after these itself
        renamed = statement.renamed_table
        if renamed is not None:
            dropped.pop(renamed[1], None)  # a rebuild: the name comes back
    if not dropped:
        return
    held: dict[str, tuple[int, int]] = {}
    for (table,) in (yield from execute(_REFERRING)).tuples:
        if folded(table) in dropped or folded(table) in touched:
            continue
        number = yield from _rows_under(table, dropped.keys())
        if number:
            held[table] = (number, 0)
    if held:
        told = ", ".join([f"{table} ({number})" for table, (number, _) in held.items()])
        raise DependentRowsError(
            f"it would drop {', '.join(dropped.values())}, and other tables hold rows under that: {told}", tables=held
        )


def _rows_under(table: str, parents: Iterable[str]) -> Steps[int]:
    """How many rows of a table refer to one of those."""
    keys: dict[int, list[str]] = {}
    wanted = set(parents)
    for row in (yield from execute(f"PRAGMA foreign_key_list({quoted(table)})")).tuples:
        if folded(row[2]) in wanted:
            keys.setdefault(row[0], []).append(row[3])
    if not keys:
        return 0
    refers = " OR ".join([" AND ".join([f"{quoted(c)} IS NOT NULL" for c in columns]) for columns in keys.values()])
    ((number,),) = (yield from execute(f"SELECT count(*) FROM {quoted(table)} WHERE {refers}")).tuples
    return int(number)
