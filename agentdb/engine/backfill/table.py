"""The table of a Backfill: the key that orders its rows, and what a change of its rows can reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentdb.engine.guards.affected_tables import referring
from agentdb.errors import MigrationError
from agentdb.operations.requests import execute
from agentdb.sql.statement_tables import folded, quoted

if TYPE_CHECKING:
    from agentdb.engine.backfill.position import Key
    from agentdb.engine.backfill.specification import Backfill
    from agentdb.operations.requests import Steps

_KINDS = "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE"
_COLUMNS = "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?, 'main')"
#: The primary key has an index of its own, so it is not the rowid: INTEGER PRIMARY KEY DESC is none.
_KEY_INDEX = "SELECT 1 FROM pragma_index_list(?, 'main') WHERE origin = 'pk'"
_REFERENCES = "SELECT \"from\" FROM pragma_foreign_key_list(?, 'main')"
_TRIGGERS = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE LIMIT 1"
#: What does more to a row that refers than to forbid the change.
_ACTIONS = (
    "SELECT 1 FROM pragma_foreign_key_list(?, 'main') WHERE \"table\" = ? COLLATE NOCASE "
    "AND on_update NOT IN ('NO ACTION', 'RESTRICT') LIMIT 1"
)
_ROWID_NAMES = ("rowid", "_rowid_", "oid")


@dataclass(frozen=True)
class Table:
    """An ordinary table of the main schema.

    written: its name; name: the same as SQL. key: the columns of the key, as SQL. references: the columns that are set, may
    be NULL, and refer to rows. reaches_others: whether an UPDATE of it can change rows of other tables.
    """

    written: str
    key: tuple[str, ...]
    references: tuple[str, ...]
    reaches_others: bool

    @property
    def name(self) -> str:
        """As SQL."""
        return f"main.{quoted(self.written)}"

    @property
    def keys(self) -> str:
        """The columns of the key as a list."""
        return ", ".join(self.key)

    def between(self, after: Key | None, last: Key) -> tuple[str, dict[str, Any]]:
        """The condition for keys behind `after` up to `last`, and the values in it."""
        values: dict[str, Any] = {}
        parts = []
        for sign, name, key in ((">", "after", after), ("<=", "last", last)):
            if key is None:
                continue
            terms = [self._term(f"{name}_{number}", value, values) for number, value in enumerate(key)]
            one = len(terms) == 1
            parts.append(f"{self.keys} {sign} {terms[0]}" if one else f"({self.keys}) {sign} ({', '.join(terms)})")
        return " AND ".join(parts), values

    @staticmethod
    def _term(name: str, value: Any, values: dict[str, Any]) -> str:
        if isinstance(value, float) and value in (float("inf"), float("-inf")):
            return "9e999" if value > 0 else "-9e999"  # no client binds infinity
        values[name] = value
        return f":{name}"


def look(item: Backfill) -> Steps[Table]:
    """The table. Raises MigrationError `backfill_refused` where there is none, or where nothing can name the key of its rows."""
    listed = (yield from execute(_KINDS, (item.table,))).tuples
    if not listed:
        raise refused(item, "there is no such table")
    name, kind, without_rowid = listed[0]
    if kind != "table":
        raise refused(
            item, f"it is a {kind}{'' if kind == 'view' else ' table'}; only the rows of ordinary tables have a key"
        )
    columns = (yield from execute(_COLUMNS, (name,))).tuples
    keys = [column for column, _, _, place in sorted(columns, key=lambda row: row[3]) if place]
    there = {folded(column) for column, _, _, _ in columns}
    if without_rowid:
        key, moved = tuple(map(quoted, keys)), {folded(column) for column in keys}
    else:
        is_alias = len(keys) == 1 and any(place and kind.upper() == "INTEGER" for _, kind, _, place in columns)
        is_alias = is_alias and not (yield from execute(_KEY_INDEX, (name,))).tuples
        free = [rowid for rowid in _ROWID_NAMES if rowid not in there]
        if not free and not is_alias:
            raise refused(item, "columns have all the names of its rowid, so nothing can name its key")
        key = (quoted(keys[0]),) if is_alias else (free[0],)
        moved = {*free, folded(keys[0])} if is_alias else {*free}
    changed = sorted(moved & item.assigned)
    if changed:
        raise refused(item, f"it sets {', '.join(changed)}, which is the key that orders the rows")
    refer = {folded(column) for (column,) in (yield from execute(_REFERENCES, (name,))).tuples}
    references = tuple(
        [column for column, _, required, _ in columns if not required and folded(column) in refer & item.assigned]
    )
    return Table(name, key, references, (yield from _reaches_others(name)))


def _reaches_others(table: str) -> Steps[bool]:
    if (yield from execute(_TRIGGERS, (table,))).tuples:
        return True
    for child, _ in (yield from referring(frozenset((folded(table),)))):
        if (yield from execute(_ACTIONS, (child, table))).tuples:
            return True
    return False


def refused(item: Backfill, why: str) -> MigrationError:
    """The error of a Backfill that cannot run on this database."""
    return MigrationError(f"the Backfill of {item.table!r} was not begun: {why}", code="backfill_refused")
