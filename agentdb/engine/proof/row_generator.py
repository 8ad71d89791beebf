"""Rows for every table of a database, parents before their children, and tables that must refer to each other together."""

from __future__ import annotations

from agentdb.engine.proof.fixtures import checked, rows_of
from agentdb.engine.proof.table_rows import Filling, Table, insert, referable
from agentdb.engine.proof.virtual_tables import virtual_tables
from agentdb.engine.results import Finding
from agentdb.errors import AgentDBError
from agentdb.sql.statement_tables import folded, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet
    from typing import Any

    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.engine.proof.column_values import Domains
    from agentdb.engine.proof.fixtures import Fixtures
    from agentdb.engine.proof.table_rows import Connection, Key
    from agentdb.engine.proof.virtual_tables import VirtualTable

_TABLES = (
    "SELECT l.name, l.wr, s.sql FROM pragma_table_list l JOIN sqlite_master s ON s.type = 'table' AND s.name = l.name "
    "WHERE l.schema = 'main' AND l.type = 'table' AND l.name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY s.rowid"
)


class Populator:
    """Fills databases; remembers which tables it could not fill, to say it once."""

    def __init__(self, fixtures: Fixtures | None, ignored: Iterable[str]) -> None:
        """ignored: tables that are not the application's. Raises InvalidArgumentError for fixtures of another shape."""
        self._fixtures = checked({} if fixtures is None else fixtures)
        self._ignored = {folded(name) for name in ignored}
        self._told: set[str] = set()
        self._solved: dict[Any, Domains] = {}
        self._rows_of_others: set[str] = set()  # tables that have rows of earlier versions
        self._generation = 0
        self.seen: set[str] = set()
        #: Whether a row of a fixture was refused beside those of earlier versions.
        self.crowded = False
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []

    def fill(
        self, client: LocalClient, version: str, only: AbstractSet[str] | None = None, generation: int = 0
    ) -> None:
        """Rows into every table of the database, which is at this version; or into those of the folded names in `only`.

        generation: another number for each time that tables with rows get more, so that the values are others.
        """
        from agentdb.clients import create_client_sync

        self._generation = generation
        tables = [
            Table(client, name, bool(without_rowid), sql)
            for name, without_rowid, sql in _listed(client, only)
            if folded(name) not in self._ignored
        ]
        self._rows_of_others = {folded(table.name) for table in tables if generation and _has_rows(client, table.name)}
        with create_client_sync(":memory:") as scratch:
            for group in _parents_first(tables):
                if len(group) == 1:
                    why = self._fill_one(client, scratch, group[0], version)
                else:
                    why = self._fill_circle(client, scratch, group, version)
                for table in group:
                    self._check_filled(client, table.name, version, why)
            for table in tables:
                _close_circles(client, table)
        for virtual in virtual_tables(client):  # now that the triggers of the others have filled theirs
            self._fill_virtual(client, virtual, version)

    def unused(self) -> list[Finding]:
        """A finding for each fixture that no version had a table for."""
        return [
            Finding("bad_fixture", f"there are fixtures for {name!r}, and no version has a table of that name")
            for name in self._fixtures
            if name not in self.seen
        ]

    def _fill_one(self, client: LocalClient, scratch: LocalClient, table: Table, version: str) -> str:
        """Rows into a table. Why there is none, where there is none."""
        if folded(table.name) in self._fixtures:
            return self._give(client, table.name, table.writable, version)
        return Filling(client, scratch, self._solved, table, generation=self._generation).make()

    def _fill_circle(self, client: LocalClient, scratch: LocalClient, tables: list[Table], version: str) -> str:
        """Rows into tables of which none can have any before the others: at once, the references in the end."""
        later = [folded(table.name) for table in tables]
        owed: list[tuple[Table, Key, tuple[Any, ...]]] = []
        why = ""
        try:
            with client.transaction() as transaction:
                transaction.execute("PRAGMA defer_foreign_keys = ON")
                for table in tables:
                    later.remove(folded(table.name))
                    if folded(table.name) in self._fixtures:
                        self._give(transaction, table.name, table.writable, version)
                    else:
                        filling = Filling(
                            transaction, scratch, self._solved, table, frozenset(later), generation=self._generation
                        )
                        why = filling.make()
                        owed += [(table, key, placeholder) for key, placeholder in filling.owed]
                for number, (table, key, placeholder) in enumerate(owed):
                    _refer(transaction, table, key, placeholder, number)
                transaction.commit()
        except AgentDBError as error:
            why = error.message
            for table in tables:
                if folded(table.name) in self._fixtures:
                    self._refuse(table.name, version, why)
        return why

    def _fill_virtual(self, client: LocalClient, table: VirtualTable, version: str) -> None:
        name = folded(table.name)
        if name in self._fixtures:
            self.seen.add(name)
            self._give(client, table.name, {*map(folded, table.columns), "rowid", "docid"}, version)
        elif name not in self._ignored and table.keeps_rows and table.is_empty:
            why = table.fill()
            if table.is_empty:
                self._tell_empty(table.name, version, why)

    def _give(self, connection: Connection, table: str, writable: set[str], version: str) -> str:
        try:
            for row in rows_of(self._fixtures[folded(table)], version):
                # A row is written once, for all versions: columns of later ones, or of earlier ones, are left out.
                values = {name: value for name, value in row.items() if folded(name) in writable}
                try:
                    insert(connection, table, values)
                except AgentDBError:
                    if folded(table) not in self._rows_of_others:
                        raise
                    self.crowded = (
                        True  # it may be there already: whether it is refused is seen on a table without rows
                    )
        except AgentDBError as error:
            self._refuse(table, version, error.message)
        return "its fixtures have no row for this version"

    def _refuse(self, table: str, version: str, why: str) -> None:
        if table not in self._told:
            self._told.add(table)
            self.errors.append(Finding("bad_fixture", f"a fixture of {table} is refused at {version}: {why}", version))

    def _check_filled(self, client: LocalClient, table: str, version: str, why: str) -> None:
        self.seen.add(folded(table))
        if self._fixtures.get(folded(table)) == []:  # an empty list says: leave it empty
            return
        if not _has_rows(client, table):
            self._tell_empty(table, version, why)

    def _tell_empty(self, table: str, version: str, why: str) -> None:
        if table not in self._told:
            self._told.add(table)
            self.warnings.append(
                Finding("not_filled", f"no row could be made for table {table} at {version}: {why}", version)
            )


def _listed(client: LocalClient, only: AbstractSet[str] | None) -> list[tuple[Any, ...]]:
    """The name, whether it has no rowid, and the definition of each table, in the order in which they were made."""
    if only is None:
        return client.execute(_TABLES).tuples
    one = _TABLES.replace("pragma_table_list l", "pragma_table_list(?) l")
    return [row for name in sorted(only) for row in client.execute(one, (name,)).tuples]


def _has_rows(client: LocalClient, table: str) -> bool:
    return bool(client.execute(f"SELECT 1 FROM {quoted(table)} LIMIT 1").tuples)


def _parents_first(tables: list[Table]) -> list[list[Table]]:
    """In an order in which parents come before their children, as far as there is one. In groups: of one table, or of those
    that must refer to each other."""
    by_name = {folded(table.name): table for table in tables}
    circles = _circles(by_name)
    left = dict(by_name)
    order: list[list[Table]] = []

    def awaited(name: str, keys_of: Any) -> int:
        parents = {folded(key.parent) for member in circles[name] for key in keys_of(by_name[member])}
        return len((parents & left.keys()) - circles[name])

    while left:
        # In a circle: one whose keys there may be NULL, else any.
        chosen = [name for name in left if not awaited(name, lambda table: table.keys)] or [
            min(left, key=lambda name: awaited(name, _required))
        ]
        for name in chosen:
            if name in left:
                order += [[left.pop(member) for member in by_name if member in circles[name]]]
    return order


def _required(table: Table) -> list[Key]:
    return [key for key in table.keys if table.must_have(key) and not table.is_of(key)]


def _circles(tables: dict[str, Table]) -> dict[str, set[str]]:
    """For each table those that it must have rows of to have any, and that must have rows of it; itself among them."""
    reached: dict[str, set[str]] = {}
    for name in tables:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            parents = {folded(key.parent) for key in _required(tables[waiting.pop()])} & tables.keys()
            waiting += parents - found
            found |= parents
        reached[name] = found
    return {name: {name} | {other for other in found if name in reached[other]} for name, found in reached.items()}


def _refer(connection: Connection, table: Table, key: Key, placeholder: tuple[Any, ...], number: int) -> None:
    """Let rows that were written before those that they refer to refer to one."""
    columns = [quoted(name) for name in key.columns]
    found = referable(connection, key)
    for at in range(len(found)):
        try:
            connection.execute(
                f"UPDATE {quoted(table.name)} SET {', '.join([f'{column} = ?' for column in columns])} "
                f"WHERE {' AND '.join([f'{column} = ?' for column in columns])}",
                [*found[(number + at) % len(found)], *placeholder],
            )
            return
        except AgentDBError:
            continue


def _close_circles(client: LocalClient, table: Table) -> None:
    """Foreign keys that stayed NULL because their parents came later get somebody to refer to."""
    for key in table.keys:
        columns = [quoted(name) for name in key.columns]
        name, identity = quoted(table.name), ", ".join(table.identity)
        if client.execute(
            f"SELECT 1 FROM {name} WHERE {' AND '.join([f'{c} IS NOT NULL' for c in columns])} LIMIT 1"
        ).tuples:
            continue
        for found in referable(client, key):
            try:
                client.execute(
                    f"UPDATE {name} SET {', '.join([f'{column} = ?' for column in columns])} WHERE ({identity}) IN "
                    f"(SELECT {identity} FROM {name} ORDER BY {table.identity[0]} DESC LIMIT 1)",
                    found,
                )
                break
            except AgentDBError:
                continue
