"""What ANALYZE has found out about a table and its indexes, kept through a rebuild.

Dropping the old table forgets it, and queries over the new one would be planned without them.
"""

from __future__ import annotations

from agentdb.operations.requests import execute
from agentdb.sql.statement_tables import literal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from agentdb.clients.base import ResultSet
    from agentdb.operations.requests import Steps

    Change: TypeAlias = Callable[[str], Steps[ResultSet]]

_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('sqlite_stat1', 'sqlite_stat4') ORDER BY name"
)
_INDEXES = (
    "SELECT iif(l.origin = 'pk' AND (SELECT wr FROM pragma_table_list(:table) WHERE schema = 'main'), :table, l.name), "
    "c.seqno, c.name, c.desc, c.coll FROM pragma_index_list(:table) l, pragma_index_xinfo(l.name) c WHERE c.key"
)


class Statistics:
    """Those of one table, under the name of another while its own is dropped."""

    def __init__(self, table: str, aside: str, change: Change) -> None:
        self._table, self._aside = literal(table), literal(aside)
        self._name = table
        self._change = change
        self._stored_in: list[str] = []
        self._indexes: dict[str, Any] = {}

    def put_aside(self) -> Steps[None]:
        """Before the table is dropped."""
        self._stored_in = [name for (name,) in (yield from execute(_TABLES)).tuples]
        if self._stored_in:
            self._indexes = yield from self._look()
        for name in self._stored_in:
            yield from self._change(f"UPDATE {name} SET tbl = {self._aside} WHERE tbl = {self._table}")

    def put_back(self) -> Steps[None]:
        """When table and indexes are there again: of those that are what they were."""
        if not self._stored_in:
            return
        now = yield from self._look()
        same = ", ".join([literal(name) for name in now if now[name] == self._indexes.get(name)])
        for name in self._stored_in:
            yield from self._change(
                f"UPDATE {name} SET tbl = {self._table} WHERE tbl = {self._aside} AND (idx IS NULL OR idx IN ({same}))"
            )
            yield from self._change(f"DELETE FROM {name} WHERE tbl = {self._aside}")

    def _look(self) -> Steps[dict[str, Any]]:
        """The columns of each index, by the name that it has among statistics: a key WITHOUT ROWID has the table's."""
        found: dict[str, Any] = {}
        for index, *column in (yield from execute(_INDEXES, {"table": self._name})).tuples:
            found.setdefault(index, []).append(column)
        return found
