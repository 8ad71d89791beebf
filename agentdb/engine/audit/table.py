"""What the triggers of an audited table must know of it."""

from __future__ import annotations

from agentdb.engine.audit import encoding
from agentdb.errors import InvalidArgumentError, NotFoundError
from agentdb.operations.requests import execute
from agentdb.sql.lexer import OTHER, tokens
from agentdb.sql.statement_tables import folded, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agentdb.operations.requests import Steps

#: The tables of the audit trail itself.
OWN = frozenset(("audit_log", "audit_tables", "audit_actor", "audit_replaced", "audit_snapshot"))
#: Names that a tracking table of migrations has among its columns.
_TRACKING = frozenset(("applied_at", "execution_time", "checksum"))
_ROWID_NAMES = ("rowid", "_rowid_", "oid")
_TABLE = (
    "SELECT name, type, strict, wr FROM pragma_table_list(?) WHERE schema = 'main' AND name = ? COLLATE NOCASE LIMIT 1"
)
_ALL = (
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' "
    "AND name NOT IN ('replace_guard', 'session_tags') ORDER BY name"
)
_COLUMNS = (
    "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?, 'main') WHERE hidden <> 1 ORDER BY cid"
)
_INDEXES = (
    "SELECT l.name, l.origin, m.sql FROM pragma_index_list(?) l LEFT JOIN sqlite_master m ON m.type = 'index' "
    'AND m.name = l.name WHERE l."unique" ORDER BY l.seq'
)
_INDEXED = 'SELECT cid, name, coll FROM pragma_index_xinfo(?) WHERE "key" ORDER BY seqno'
_OWN_REFERENCES = (
    'SELECT on_update FROM pragma_foreign_key_list(?) WHERE "table" = ? COLLATE NOCASE AND on_update NOT IN '
    "('NO ACTION', 'RESTRICT')"
)


class AuditedTable:
    """The columns of a table, its key, and when two of its rows are in each other's place."""

    def __init__(self, name: str, columns: list[tuple[Any, ...]], *, strict: bool, rowid: bool) -> None:
        """columns: (name, declared type, whether NOT NULL, place in the primary key from 1 or 0, not 0 where generated)."""
        self.name = name
        self.columns = [row[0] for row in columns]
        # STRICT does not check what a generated column holds: a sum of INTEGERs that overflows is a REAL.
        self._kinds = {row[0]: _kind(row[1]) if strict and not row[4] else None for row in columns}
        self._is_any = {row[0]: not strict or row[4] or row[1].upper() == "ANY" for row in columns}
        self.key = [row[0] for row in sorted(columns, key=lambda row: row[3]) if row[3]]
        #: The declared type of each column of the key, in its order.
        self.key_types = [row[1].upper() for row in sorted(columns, key=lambda row: row[3]) if row[3]]
        taken = {folded(name) for name in self.columns}
        self.rowid = next((name for name in _ROWID_NAMES if name not in taken), None) if rowid else None
        self._nullable = [row[0] for row in columns if row[3] and not row[2] and rowid and not strict]
        #: The column that is the rowid.
        self.alias: str | None = None
        #: For each unique index: its conditions on a row of the table and on NEW.
        self.conflicts: list[str] = []
        #: The columns of all unique indexes and of the key; None: any, for there are indexes on expressions.
        self.unique_columns: set[str] | None = set(self.key)

    def take_alias(self) -> None:
        """Its primary key is the rowid."""
        self.alias = self.key[0]
        self._kinds[self.alias] = "integer"
        self._nullable = []

    @property
    def needs_rowid(self) -> bool:
        """Whether NULL may be in its key: SQLite allows that outside STRICT, any number of times."""
        return bool(self._nullable)

    def column(self, prefix: str, name: str) -> str:
        """A column of a row: of NEW, of OLD, or of the table."""
        return f"{prefix}.{quoted(name)}"

    def value(self, prefix: str, name: str) -> str:
        """A column of a row as JSON."""
        return encoding.value(self.column(prefix, name), self._kinds[name])

    def key_json(self, prefix: str) -> str:
        """The key of a row as a JSON array. Where it holds NULL, the rowid tells the row from others like it."""
        items = [encoding.key_value(self.column(prefix, name), self._kinds[name]) for name in self.key]
        array = encoding.as_array(items)
        if not self._nullable:
            return array
        has_null = encoding.joined([f"{self.column(prefix, name)} IS NULL" for name in self._nullable], "OR")
        marked = encoding.as_array([*items, f"'{{\"$rowid\":' || {prefix}.{self.rowid} || '}}'"])
        return f"CASE WHEN {has_null} THEN {marked} ELSE {array} END"

    def row_json(self, prefix: str) -> str:
        """A row as a JSON object."""
        return encoding.as_object([(name, self.value(prefix, name)) for name in self.columns])

    def cells_json(self, prefix: str) -> str:
        """A row as a JSON array, in the order of its columns."""
        return encoding.as_array([self.value(prefix, name) for name in self.columns])

    def is_changed(self, name: str) -> str:
        """Whether an UPDATE changed a column, byte for byte: its own collation may call two texts equal."""
        old, new = self.column("OLD", name), self.column("NEW", name)
        changed = f"({old} COLLATE BINARY) IS NOT {new}"
        return f"({changed} OR typeof({old}) <> typeof({new}))" if self._is_any[name] else changed


def _kind(declared: str) -> str | None:
    return {"TEXT": "text", "INT": "integer", "INTEGER": "integer"}.get(declared.upper())


def find(name: str) -> Steps[AuditedTable]:
    """What there is to know of a table.

    Raises NotFoundError where there is none, InvalidArgumentError `not_auditable` for what cannot be audited.
    """
    listed = (yield from execute(_TABLE, (name, name))).tuples
    if not listed:
        raise NotFoundError(f"there is no table {name!r}", remedy="Check the name.")
    name, kind, strict, without_rowid = listed[0]
    if kind != "table" or folded(name).startswith("sqlite_"):
        what = "a table of SQLite's own" if kind == "table" else f"a {kind}"
        raise _refused(name, f"it is {what}, and triggers work on ordinary tables alone")
    if folded(name) in OWN:
        raise _refused(name, "it is a part of the audit trail")
    columns = (yield from execute(_COLUMNS, (name,))).tuples
    if _TRACKING.issubset([folded(row[0]) for row in columns]):
        raise _refused(name, "it is a tracking table of migrations")
    table = AuditedTable(name, columns, strict=bool(strict), rowid=not without_rowid)
    if not table.key:
        raise _refused(name, "it has no primary key, and a VACUUM may renumber its rows")
    if (yield from execute(_OWN_REFERENCES, (name, name))).tuples:
        raise _refused(name, "it refers to itself with an ON UPDATE action, which changes a row before its own entry")
    indexes = (yield from execute(_INDEXES, (name,))).tuples
    if not without_rowid and not any(origin == "pk" for _, origin, _ in indexes):
        table.take_alias()
        place = quoted(name)
        # -1 stands for an id that is not chosen yet.
        new = table.column("NEW", table.key[0])
        table.conflicts.append(f"{table.column(place, table.key[0])} = {new} AND {new} <> -1")
    if table.needs_rowid and table.rowid is None:
        raise _refused(name, "its primary key may hold NULL, and its columns have taken every name of the rowid")
    for index, _, sql in indexes:
        yield from _add_conflict(table, index, sql)
    return table


def _add_conflict(table: AuditedTable, index: str, sql: str | None) -> Steps[None]:
    """When a row stands in the place of NEW in a unique index."""
    place = quoted(table.name)
    expressions, where = _parts(sql) if sql is not None else ([], None)
    row = ", ".join([f"{table.column('NEW', name)} AS {quoted(name)}" for name in table.columns])
    conditions = []
    for at, (cid, name, collation) in enumerate((yield from execute(_INDEXED, (index,))).tuples):
        if cid >= 0:
            conditions.append(f"{table.column(place, name)} COLLATE {quoted(collation)} = {table.column('NEW', name)}")
            if table.unique_columns is not None:
                table.unique_columns.add(name)
        else:
            expression = expressions[at]
            conditions.append(f"({expression}\n) = (SELECT ({expression}\n) FROM (SELECT {row}) AS {place})")
            table.unique_columns = None
    if where is not None:
        conditions += [f"({where}\n)", f"(SELECT ({where}\n) FROM (SELECT {row}) AS {place})"]
        table.unique_columns = None
    table.conflicts.append(" AND ".join(conditions))


def _parts(sql: str) -> tuple[list[str], str | None]:
    """What a CREATE INDEX indexes, without ASC and DESC, and what stands behind its WHERE."""
    items: list[str] = []
    where = None
    depth = begin = 0
    last = None
    for token in tokens(sql):
        mark = token.text if token.kind == OTHER else ""
        if mark == "(":
            depth += 1
            if depth == 1:
                begin = token.start + 1
        elif (mark == ")" and depth == 1) or (mark == "," and depth == 1):
            end = last.start if last is not None and last.is_word("ASC", "DESC") else token.start
            items.append(sql[begin:end])
            begin = token.start + 1
        if mark == ")":
            depth -= 1
        if not depth and token.is_word("WHERE"):
            where = sql[token.start + len("WHERE") :]
        last = token
    return items, where


def candidates() -> Steps[list[str]]:
    """The names of all tables that can be audited."""
    found = []
    for (name,) in (yield from execute(_ALL)).tuples:
        try:
            found.append((yield from find(name)).name)
        except InvalidArgumentError:
            continue
    return found


def _refused(name: str, why: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"the table {name} cannot be audited: {why}", code="not_auditable")
