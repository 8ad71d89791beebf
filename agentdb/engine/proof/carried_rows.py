"""Which tables of a database that comes through all versions get rows at the version where it is."""

from __future__ import annotations

from agentdb.errors import AgentDBError
from agentdb.sql.statement_tables import folded, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.engine.proof.row_generator import Populator

_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'"


class Carried:
    """What is known of one database on its way."""

    def __init__(self, populator: Populator) -> None:
        self._populator = populator
        self._schema: set[tuple[Any, ...]] | None = None
        self._tables: set[str] = set()
        self._filled: dict[str, list[int]] = {}  # by table: the versions at which it got rows
        #: Those that could not be filled: what a row of them would refer to may come later.
        self._empty: set[str] = set()

    def fill(self, client: LocalClient, version: str, number: int, reached: frozenset[str] | None) -> bool:
        """Rows for the tables that are new, changed, or empty by now. Whether one that had rows takes no more.

        reached: the tables that the step to this version can have taken rows from, or None for any.
        """
        schema = set(client.execute(_SCHEMA).tuples)
        before, self._schema = self._schema, schema
        if before is None:
            self._tables = _tables(schema)
            self._populator.fill(client, version)
            self._note(client, self._tables, number)
            return False
        come, gone = schema - before, before - schema
        known = self._tables
        self._tables = (known - _tables(gone)) | _tables(come)
        wanted = {folded(row[2]) for row in come | gone}
        left = known if reached is None else known & reached
        wanted |= {name for name in left & self._tables if not _rows(client, name)}
        wanted &= self._tables
        if not wanted:
            return False
        wanted |= self._empty & self._tables
        there = {name: _rows(client, name) for name in wanted & known}
        self._populator.crowded = False
        self._populator.fill(client, version, wanted, number)
        self._note(client, wanted, number)
        return self._populator.crowded or any(rows and _rows(client, name) <= rows for name, rows in there.items())

    def _note(self, client: LocalClient, tables: Iterable[str], number: int) -> None:
        for name in tables:
            self._filled.setdefault(name, []).append(number)
            (self._empty.discard if _rows(client, name) else self._empty.add)(name)

    def versions_of(self, tables: Iterable[str]) -> set[int]:
        """At which versions one of these got rows."""
        return {number for name in tables for number in self._filled.get(name, ())}


def _tables(schema: Iterable[tuple[Any, ...]]) -> set[str]:
    return {folded(name) for kind, name, _, _ in schema if kind == "table"}


def _rows(client: LocalClient, table: str) -> int:
    """How many rows; 0 also for a virtual table that does not let them be counted."""
    try:
        return int(client.execute(f"SELECT count(*) FROM main.{quoted(table)}").tuples[0][0])
    except AgentDBError:
        return 0
