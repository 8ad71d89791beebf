"""The triggers of an audited table.

SQLite fires the trigger first that was made last. So those of the audit trail are made behind all others of their table:
an entry is written before another trigger changes the row again.
"""

from __future__ import annotations

from agentdb.engine.audit import encoding
from agentdb.engine.audit.state import PREFIX
from agentdb.operations.requests import execute
from agentdb.sql.statement_tables import literal, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.engine.audit.table import AuditedTable
    from agentdb.operations.requests import Steps

_KINDS = ("replaced_by_insert", "replaced_by_update", "insert", "update", "key", "delete")
_ALL = f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB '{PREFIX}*'"
_OF_TABLE = f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB '{PREFIX}*' AND tbl_name = ?"
ACTOR = "(SELECT actor FROM audit_actor)"
_INTO = "INSERT INTO audit_log (table_name, row_key_json, action, before_json, after_json, actor)"


def triggers(table: AuditedTable) -> dict[str, str]:
    """The triggers of a table: their names, and how each is created."""
    place, name = quoted(table.name), literal(table.name)
    old_key, new_key = table.key_json("OLD"), table.key_json("NEW")
    key_changed = encoding.joined([table.is_changed(column) for column in table.key], "OR")
    changed = encoding.joined([table.is_changed(column) for column in table.columns], "OR")
    before, after = [
        encoding.as_object_where([(table.is_changed(c), c, table.value(row, c)) for c in table.columns])
        for row in ("OLD", "NEW")
    ]
    conflict = encoding.joined([f"({condition})" for condition in table.conflicts], "OR")
    itself = f"{place}.{table.rowid} IS OLD.{table.rowid}" if table.rowid else _same_key(table, place)
    moved = "" if table.unique_columns is None else f"({_any_changed(table)}) AND "
    # What an UPDATE puts aside is kept apart: a trigger that fires before the INSERT may update rows of the same table, and
    # must not take what the INSERT has put aside. No name of a table has a NUL.
    by_update = f"{name} || char(0)"

    def taken(whose: str) -> str:
        return f"DELETE FROM audit_replaced WHERE table_name = {whose}"

    def put_aside(whose: str, condition: str) -> str:
        return (
            f"{taken(whose)};\n  INSERT INTO audit_replaced (table_name, row_key_json, first_key, before_json, log_id)\n  "
            f"SELECT {whose}, {table.key_json(place)}, {table.column(place, table.key[0])}, {table.row_json(place)}, "
            f"coalesce((SELECT max(id) FROM audit_log), 0)\n  FROM {place} WHERE {condition};"
        )

    def replaced(whose: str) -> str:
        return (
            f"{_INTO}\n  SELECT {name}, row_key_json, 'delete', before_json, NULL, {ACTOR} FROM audit_replaced AS agentdb_r\n"
            f"  WHERE table_name = {whose} AND (row_key_json = {new_key} OR NOT EXISTS (\n    SELECT 1 FROM {place} WHERE "
            f"{table.column(place, table.key[0])} IS agentdb_r.first_key AND {table.key_json(place)} = agentdb_r.row_key_json"
            f"\n  )) AND NOT EXISTS (\n    SELECT 1 FROM audit_log WHERE table_name = {name} AND row_key_json = "
            f"agentdb_r.row_key_json AND action = 'delete' AND id > agentdb_r.log_id\n  )"
        )

    insertion = f"{_INTO}\n  VALUES ({name}, {new_key}, 'insert', NULL, {table.row_json('NEW')}, {ACTOR});"
    deletion = f"{_INTO}\n  VALUES ({name}, {old_key}, 'delete', {table.row_json('OLD')}, NULL, {ACTOR});"
    of_update = f"{replaced(by_update)} AND row_key_json <> {old_key};\n  {taken(by_update)};"
    bodies = {
        "replaced_by_insert": (
            f"BEFORE INSERT ON {place} WHEN EXISTS (SELECT 1 FROM {place} WHERE {conflict})",
            put_aside(name, conflict),
        ),
        "replaced_by_update": (
            f"BEFORE UPDATE ON {place} WHEN {moved}EXISTS (SELECT 1 FROM {place} WHERE NOT ({itself}) AND ({conflict}))",
            put_aside(by_update, f"NOT ({itself}) AND ({conflict})"),
        ),
        "insert": (f"AFTER INSERT ON {place}", f"{replaced(name)};\n  {taken(name)};\n  {insertion}"),
        "update": (
            f"AFTER UPDATE ON {place} WHEN ({changed}) AND NOT ({key_changed})",
            f"{of_update}\n  {_INTO}\n  VALUES ({name}, {new_key}, 'update', {before}, {after}, {ACTOR});",
        ),
        "key": (f"AFTER UPDATE ON {place} WHEN {key_changed}", f"{of_update}\n  {deletion}\n  {insertion}"),
        "delete": (f"AFTER DELETE ON {place}", deletion),
    }
    made = {}
    for kind in _KINDS:
        head, body = bodies[kind]
        trigger = f"{PREFIX}{kind}_{table.name}"
        made[trigger] = f"CREATE TRIGGER {quoted(trigger)} {head}\nBEGIN\n  {body}\nEND"
    return made


def _same_key(table: AuditedTable, place: str) -> str:
    return encoding.joined([f"{table.column(place, c)} IS {table.column('OLD', c)}" for c in table.key], "AND")


def _any_changed(table: AuditedTable) -> str:
    assert table.unique_columns is not None
    return encoding.joined([table.is_changed(c) for c in table.columns if c in table.unique_columns], "OR")


def make(table: AuditedTable) -> Steps[None]:
    """Create the triggers of a table, behind all others of it; those that are there go first."""
    yield from drop(table.name)
    for sql in triggers(table).values():
        yield from execute(sql)


def drop(table: str) -> Steps[None]:
    """Drop the triggers of a table, as its name is written now."""
    for name, _ in (yield from execute(_OF_TABLE, (table,))).tuples:
        yield from execute(f"DROP TRIGGER {quoted(name)}")


def drop_all() -> Steps[None]:
    """Drop the triggers of every table."""
    for (name,) in (yield from execute(_ALL)).tuples:
        yield from execute(f"DROP TRIGGER {quoted(name)}")


def are_there() -> Steps[bool]:
    """Whether any table has such triggers."""
    return len((yield from execute(_ALL)).tuples) > 0


def are_current(table: AuditedTable) -> Steps[bool]:
    """Whether the triggers of a table are there, and fit the columns that it has now."""
    return dict((yield from execute(_OF_TABLE, (table.name,))).tuples) == triggers(table)
