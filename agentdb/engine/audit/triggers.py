"""The triggers of an audited table.

SQLite fires the trigger first that was made last. So the AFTER triggers of the audit trail are made behind all others of
their table: an entry is written before another trigger changes the row again. Its BEFORE triggers are made before all
others: what another trigger has changed is seen by them.
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

_BEFORE = ("replaced_by_insert", "replaced_by_update")
_AFTER = ("insert", "update", "key", "delete")
_ALL = f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB '{PREFIX}*'"
_OF_TABLE = f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB '{PREFIX}*' AND tbl_name = ?"
_OF_OR_FOR_TABLE = (
    f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB '{PREFIX}*' "
    f"AND (tbl_name = ? OR name IN ({', '.join('?' * len((*_BEFORE, *_AFTER)))}))"
)
_OTHERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? ORDER BY rowid"
ACTOR = "(SELECT actor FROM audit_actor)"
_INTO = "INSERT INTO audit_log (table_name, row_key_json, action, before_json, after_json, actor)"


def triggers(table: AuditedTable) -> dict[str, str]:
    """The triggers of a table: their names, and how each is created."""
    made = {}
    for kind, (head, body) in {**_before_triggers(table), **_after_triggers(table)}.items():
        trigger = f"{PREFIX}{kind}_{table.name}"
        made[trigger] = f"CREATE TRIGGER {quoted(trigger)} {head}\nBEGIN\n  {body}\nEND"
    return made


def _before_triggers(table: AuditedTable) -> dict[str, tuple[str, str]]:
    """What copies the rows whose place an INSERT or an UPDATE may take: head and body of each."""
    place = quoted(table.name)
    conflict = encoding.joined([f"({condition})" for condition in table.conflicts], "OR")
    itself = f"{place}.{table.rowid} IS OLD.{table.rowid}" if table.rowid else _same_key(table, place)
    moved = "" if table.unique_columns is None else f"({_any_changed(table)}) AND "
    others = f"NOT ({itself}) AND ({conflict})"
    return {
        "replaced_by_insert": (
            f"BEFORE INSERT ON {place} WHEN EXISTS (SELECT 1 FROM {place} WHERE {conflict})",
            _copied(table, "insert", conflict),
        ),
        "replaced_by_update": (
            f"BEFORE UPDATE ON {place} WHEN {moved}EXISTS (SELECT 1 FROM {place} WHERE {others})",
            _copied(table, "update", others),
        ),
    }


def _copied(table: AuditedTable, action: str, condition: str) -> str:
    place, name = quoted(table.name), literal(table.name)
    return (
        f"DELETE FROM audit_replaced WHERE table_name = {name} AND action = '{action}';\n"
        "  INSERT INTO audit_replaced (table_name, action, row_key_json, first_key, before_json, log_id)\n  SELECT "
        f"{name}, '{action}', {table.key_json(place)}, {table.column(place, table.key[0])}, {table.row_json(place)}, "
        f"coalesce((SELECT max(id) FROM audit_log), 0)\n  FROM {place} WHERE {condition};"
    )


def _after_triggers(table: AuditedTable) -> dict[str, tuple[str, str]]:
    """What writes the entries: head and body of each."""
    place, name = quoted(table.name), literal(table.name)
    old_key, new_key = table.key_json("OLD"), table.key_json("NEW")
    key_changed = encoding.joined([table.is_changed(column) for column in table.key], "OR")
    changed = encoding.joined([table.is_changed(column) for column in table.columns], "OR")
    before, after = [
        encoding.as_object_where([(table.is_changed(c), c, table.value(row, c)) for c in table.columns])
        for row in ("OLD", "NEW")
    ]
    insertion = f"{_INTO}\n  VALUES ({name}, {new_key}, 'insert', NULL, {table.row_json('NEW')}, {ACTOR});"
    deletion = f"{_INTO}\n  VALUES ({name}, {old_key}, 'delete', {table.row_json('OLD')}, NULL, {ACTOR});"
    of_insert = (
        f"{_replaced(table, 'insert')};\n"
        f"  DELETE FROM audit_replaced WHERE table_name = {name} AND action = 'insert';\n  {insertion}"
    )
    # A REPLACE may fire an UPDATE of the same table, by ON DELETE SET NULL: that clears none of the rows still to go.
    of_update = (
        f"{_replaced(table, 'update')} AND row_key_json <> {old_key};\n  DELETE FROM audit_replaced WHERE id IN "
        f"(SELECT id FROM audit_replaced AS agentdb_r WHERE table_name = {name} AND {_is_told(table)});"
    )
    return {
        "insert": (f"AFTER INSERT ON {place}", of_insert),
        "update": (
            f"AFTER UPDATE ON {place} WHEN ({changed}) AND NOT ({key_changed})",
            f"{of_update}\n  {_INTO}\n  VALUES ({name}, {new_key}, 'update', {before}, {after}, {ACTOR});",
        ),
        "key": (f"AFTER UPDATE ON {place} WHEN {key_changed}", f"{of_update}\n  {deletion}\n  {insertion}"),
        "delete": (f"AFTER DELETE ON {place}", deletion),
    }


def _replaced(table: AuditedTable, action: str) -> str:
    """Write an entry for each row that was copied and is gone, unless its DELETE has written one."""
    place, name = quoted(table.name), literal(table.name)
    is_there = (
        f"SELECT 1 FROM {place} WHERE {table.column(place, table.key[0])} IS agentdb_r.first_key "
        f"AND {table.key_json(place)} = agentdb_r.row_key_json"
    )
    return (
        f"{_INTO}\n  SELECT table_name, row_key_json, 'delete', before_json, NULL, {ACTOR} FROM audit_replaced AS agentdb_r\n"
        f"  WHERE table_name = {name} AND action = '{action}'\n"
        f"  AND (row_key_json = {table.key_json('NEW')} OR NOT EXISTS (\n    {is_there}\n  )) AND NOT {_is_told(table)}"
    )


def _is_told(table: AuditedTable) -> str:
    return (
        f"EXISTS (\n    SELECT 1 FROM audit_log AS agentdb_l WHERE agentdb_l.table_name = {literal(table.name)} AND "
        "agentdb_l.row_key_json = agentdb_r.row_key_json\n"
        "    AND agentdb_l.action = 'delete' AND agentdb_l.id > agentdb_r.log_id\n  )"
    )


def _same_key(table: AuditedTable, place: str) -> str:
    return encoding.joined([f"{table.column(place, c)} IS {table.column('OLD', c)}" for c in table.key], "AND")


def _any_changed(table: AuditedTable) -> str:
    assert table.unique_columns is not None
    return encoding.joined([table.is_changed(c) for c in table.columns if c in table.unique_columns], "OR")


def make(table: AuditedTable) -> Steps[None]:
    """Create the triggers of a table, around all others of it; those that are there go first."""
    yield from drop(table.name)
    others = (yield from execute(_OTHERS, (table.name,))).tuples
    for name, _ in others:
        yield from execute(f"DROP TRIGGER {quoted(name)}")
    own = list(triggers(table).values())
    for sql in (*own[: len(_BEFORE)], *[sql for _, sql in others], *own[len(_BEFORE) :]):
        yield from execute(sql)


def drop(table: str) -> Steps[None]:
    """Drop the triggers of a table, as its name is written now, and those that were made for a table of this name."""
    made = [f"{PREFIX}{kind}_{table}" for kind in (*_BEFORE, *_AFTER)]
    for (name,) in (yield from execute(_OF_OR_FOR_TABLE, (table, *made))).tuples:
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
