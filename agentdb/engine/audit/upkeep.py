"""How a migration changes audited tables, in its own transaction.

A trigger that names a column stops the migration that drops the column. A trigger that does not name it writes nothing of it.
So before a migration changes an audited table, its triggers are dropped and its rows are copied to audit_snapshot. After it,
the rows are compared with the copies, every difference is an entry, and the triggers are created again. Whatever the
migration did, the log leads to the rows.
"""

from __future__ import annotations

from agentdb.engine.audit import encoding
from agentdb.engine.audit.table import OWN, find
from agentdb.engine.audit.triggers import ACTOR, are_there, drop, drop_all, make
from agentdb.engine.guards.losses import Renames
from agentdb.errors import InvalidArgumentError, NotFoundError
from agentdb.logs import WARNING, log
from agentdb.operations.requests import execute
from agentdb.sql.lexer import tokens
from agentdb.sql.statement_tables import Statement, folded, literal, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeVar

    from agentdb.engine.audit.table import AuditedTable
    from agentdb.engine.migration import Item
    from agentdb.operations.requests import Steps

    T = TypeVar("T")

_TABLES = "SELECT table_name FROM audit_tables ORDER BY table_name"
_NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
_INTO = "INSERT INTO audit_log (table_name, row_key_json, action, before_json, after_json, actor)"
#: What changes the columns or the rows of a table without its triggers.
_CHANGING = ("DROP TABLE", "ALTER ADD", "ALTER DROP", "ALTER RENAME")


def audited(items: Sequence[Item], steps: Steps[T]) -> Steps[T]:
    """The steps that run these items, with the audit trail kept true. Inside a transaction."""
    if not (yield from are_there()):
        return (yield from steps)
    changed = _changed(items)
    if changed is not None and not OWN.isdisjoint(changed):  # the audit trail itself is rolled back
        yield from drop_all()
        return (yield from steps)
    # An INSERT of the migration would clear it, which the guard of rows would take for a loss.
    yield from execute("DELETE FROM audit_replaced")
    names = [name for (name,) in (yield from execute(_TABLES)).tuples]
    before: list[AuditedTable] = []
    for name in names:
        if changed is None or folded(name) in changed:
            table = yield from _found(name)
            if table is None:
                continue
            yield from execute(
                f"INSERT INTO audit_snapshot SELECT {literal(name)}, {table.key_json(quoted(name))}, "
                f"{table.cells_json(quoted(name))} FROM {quoted(name)}"
            )
            yield from drop(name)
            before.append(table)
    result = yield from steps
    # What a PythonStep renames is not known.
    renames = Renames([item for item in items if isinstance(item, str) or hasattr(item, "table")])
    compared = {folded(table.name) for table in before}
    for table in before:
        yield from _compare(table, renames, compared)
    if any(map(_orders_triggers, items)):
        for name in names:
            if folded(name) not in compared and (table := (yield from _found(name))) is not None:
                yield from make(table)
    return result


def _found(name: str) -> Steps[AuditedTable | None]:
    """An audited table. None where raw SQL has renamed, dropped or replaced it: nothing can be said of its rows then."""
    try:
        return (yield from find(name))
    except (NotFoundError, InvalidArgumentError) as error:
        log(WARNING, "the audit of %s has ended: %s", name, error.message)
        return None


def _changed(items: Iterable[Item]) -> set[str] | None:
    """The folded names of the tables that items change otherwise than row by row. None: any of them."""
    changed: set[str] = set()
    for item in items:
        if isinstance(item, str):
            if item[:6] == "CREATE":
                continue
            statement = Statement(item)
            if statement.verb not in _CHANGING:
                continue
            table = statement.table
        else:
            table = getattr(item, "table", None)
        if table is None:
            return None
        changed.add(folded(table))
    return changed


def _orders_triggers(item: Item) -> bool:
    """Whether an item makes a trigger, which would fire before those of the audit trail, or changes what is unique."""
    if not isinstance(item, str):
        return True
    words = [token.text.upper() for token in tokens(item[:200])[:3]]
    return words[:1] in (["CREATE"], ["DROP"]) and not {"TRIGGER", "UNIQUE", "INDEX"}.isdisjoint(words)


def _compare(before: AuditedTable, renames: Renames, compared: set[str]) -> Steps[None]:
    """Write what a migration has done to the rows of a table, and create its triggers again where it is still there.

    compared: the folded names of all tables that are compared so. A table may be there under its old name and under another:
    a migration has renamed it, and made one of the old name.
    """
    after = yield from _after(before, before.name)
    if after is not None:
        yield from _write_differences(before, after)
        yield from make(after)
    else:
        yield from _write_end(before)
        yield from execute("DELETE FROM audit_tables WHERE table_name = ?", (before.name,))
    new_name = renames.table(folded(before.name))
    if new_name not in compared:
        renamed = yield from _after(before, new_name)
        if renamed is not None:
            yield from write_rows(renamed)
            yield from execute(f"INSERT OR REPLACE INTO audit_tables VALUES (?, {_NOW})", (renamed.name,))
            yield from make(renamed)
    yield from execute("DELETE FROM audit_snapshot WHERE table_name = ?", (before.name,))


def _after(before: AuditedTable, name: str) -> Steps[AuditedTable | None]:
    """A table as a migration has left it; None where it is gone, or can be audited no longer."""
    try:
        return (yield from find(name))
    except NotFoundError:
        return None
    except InvalidArgumentError as error:
        log(WARNING, "the audit of %s ends: %s", before.name, error.message)
        return None


def write_rows(table: AuditedTable) -> Steps[None]:
    """An entry `insert` for each row that is there."""
    place = quoted(table.name)
    yield from execute(
        f"{_INTO} SELECT {literal(table.name)}, {table.key_json(place)}, 'insert', NULL, {table.row_json(place)}, {ACTOR} "
        f"FROM {place}"
    )


def write_gone(table: AuditedTable) -> Steps[None]:
    """An entry `delete` for each row that the log has, and that went while the table was not audited."""
    name, place = literal(table.name), quoted(table.name)
    yield from execute(
        f"{_INTO} SELECT table_name, row_key_json, 'delete', NULL, NULL, {ACTOR} FROM audit_log AS newest "
        f"WHERE table_name = {name} AND action <> 'delete' AND NOT EXISTS (SELECT 1 FROM audit_log AS later WHERE "
        f"later.table_name = {name} AND later.row_key_json = newest.row_key_json AND later.id > newest.id) "
        f"AND row_key_json NOT IN (SELECT {table.key_json(place)} FROM {place})"
    )


def _write_end(before: AuditedTable, where: str = "") -> Steps[None]:
    """An entry `delete` for each row that was there."""
    row = encoding.as_object([(name, f"cells_json -> {at}") for at, name in enumerate(before.columns)])
    yield from execute(
        f"{_INTO} SELECT table_name, row_key_json, 'delete', {row}, NULL, {ACTOR} FROM audit_snapshot AS agentdb_was "
        f"WHERE table_name = {literal(before.name)}{where}"
    )


def _write_differences(before: AuditedTable, after: AuditedTable) -> Steps[None]:
    place, name = quoted(after.name), literal(after.name)
    key = after.key_json(place)
    yield from _write_end(before, f" AND row_key_json NOT IN (SELECT {key} FROM {place})")
    at = {column: index for index, column in enumerate(before.columns)}
    olds, news = [], []
    for column in before.columns:
        old = f"agentdb_was.cells_json -> {at[column]}"
        changed = f"({old}) <> ({after.value(place, column)} || '')" if column in after.columns else "1"
        olds.append((changed, column, old))
    for column in after.columns:
        new = after.value(place, column)
        changed = f"(agentdb_was.cells_json -> {at[column]}) <> ({new} || '')" if column in at else "1"
        news.append((changed, column, new))
    differs = encoding.joined([changed for changed, _, _ in (*olds, *news)], "OR")
    yield from execute(
        f"{_INTO} SELECT {name}, agentdb_was.row_key_json, 'update', {encoding.as_object_where(olds)}, "
        f"{encoding.as_object_where(news)}, {ACTOR} FROM {place} JOIN audit_snapshot AS agentdb_was "
        f"ON agentdb_was.table_name = {name} AND agentdb_was.row_key_json = {key} WHERE {differs}"
    )
    yield from execute(
        f"{_INTO} SELECT {name}, {key}, 'insert', NULL, {after.row_json(place)}, {ACTOR} FROM {place} WHERE NOT EXISTS ("
        f"SELECT 1 FROM audit_snapshot AS agentdb_was WHERE agentdb_was.table_name = {name} AND agentdb_was.row_key_json = {key})"
    )
