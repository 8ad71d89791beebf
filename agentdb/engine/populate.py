"""Rows for every table of a database: each value that a CHECK names, NULL and not, every foreign key with somebody on it."""

from __future__ import annotations

from agentdb.engine.domains import Column, Domains, checks_of, free_value
from agentdb.engine.fixtures import checked, rows_of
from agentdb.engine.migration import Finding
from agentdb.engine.names import folded, quoted
from agentdb.errors import AgentDBError
from agentdb.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from agentdb.clients.local import LocalClient
    from agentdb.engine.fixtures import Fixtures

#: Rows that a table gets at the least, and at the most.
_FEWEST, _MOST = 4, 12
#: Tries for one row, each with other values.
_TRIES = 8

_TABLES = (
    "SELECT l.name, l.wr, s.sql FROM pragma_table_list l JOIN sqlite_master s ON s.type = 'table' AND s.name = l.name "
    "WHERE l.schema = 'main' AND l.type = 'table' AND l.name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY s.rowid"
)
_COLUMNS = 'SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?) ORDER BY cid'
_KEYS = 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq'


class _Key(Record):
    """A foreign key: its columns, and those of the parent in the same order."""

    parent: str
    columns: tuple[str, ...]
    referred: tuple[str, ...]


class _Table:
    def __init__(self, client: LocalClient, name: str, without_rowid: bool, sql: str) -> None:
        self.name = name
        self.sql = sql
        self.without_rowid = without_rowid
        found = client.execute(_COLUMNS, (name,)).tuples
        primary = [column for column in found if column[3]]
        #: The column that is another name of the rowid: SQLite numbers it.
        self.rowid = (
            primary[0][0] if len(primary) == 1 and primary[0][1].upper() == "INTEGER" and not without_rowid else None
        )
        self.columns = [
            Column(column, kind, not notnull and not (pk and without_rowid))
            for column, kind, notnull, pk, hidden in found
            if not hidden and column != self.rowid
        ]
        self.generated = {folded(column) for column, _, _, _, hidden in found if hidden}
        self.keys = self._keys(client)

    def _keys(self, client: LocalClient) -> list[_Key]:
        grouped: dict[int, list[tuple[str, str, str | None]]] = {}
        for number, parent, column, referred in client.execute(_KEYS, (self.name,)).tuples:
            grouped.setdefault(number, []).append((parent, column, referred))
        keys = []
        for parts in grouped.values():
            parent = parts[0][0]
            referred = [part[2] for part in parts]
            if None in referred:  # the primary key of the parent, unnamed
                primary = client.execute(
                    "SELECT name FROM pragma_table_xinfo(?) WHERE pk ORDER BY pk", (parent,)
                ).tuples
                referred = [name for (name,) in primary]
            keys.append(_Key(parent, tuple([part[1] for part in parts]), tuple([str(name) for name in referred])))
        return keys


class Populator:
    """Fills databases; remembers which tables it could not fill, to say it once."""

    def __init__(self, fixtures: Fixtures | None, ignored: Iterable[str]) -> None:
        """ignored: tables that are not the application's. Raises InvalidArgumentError for fixtures of another shape."""
        self._fixtures = checked({} if fixtures is None else fixtures)
        self._ignored = {folded(name) for name in ignored}
        self._told: set[str] = set()
        self.seen: set[str] = set()
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []

    def fill(self, client: LocalClient, version: str) -> None:
        """Rows into every table of the database, which is at this version."""
        from agentdb.clients import create_client_sync

        tables = [
            _Table(client, name, bool(without_rowid), sql)
            for name, without_rowid, sql in client.execute(_TABLES).tuples
            if folded(name) not in self._ignored
        ]
        with create_client_sync(":memory:") as scratch:
            for table in _parents_first(tables):
                self.seen.add(folded(table.name))
                fixture = self._fixtures.get(folded(table.name))
                given = fixture is not None
                why = self._given(client, table, fixture, version) if given else _made(client, scratch, table)
                if fixture != [] and not _count(client, table.name):  # an empty list says: leave it empty
                    self._tell_empty(table.name, version, why)
            for table in tables:
                _close_circles(client, table)

    def unused(self) -> list[Finding]:
        """A finding for each fixture that no version had a table for."""
        return [
            Finding("bad_fixture", f"there are fixtures for {name!r}, and no version has a table of that name")
            for name in self._fixtures
            if name not in self.seen
        ]

    def _given(self, client: LocalClient, table: _Table, fixture: Any, version: str) -> str:
        there = {folded(column.name) for column in table.columns} | {folded(table.rowid or "")}
        try:
            for row in rows_of(fixture, version):
                # A row is written once, for all versions: columns of later ones, or of earlier ones, are left out.
                _insert(client, table.name, {name: value for name, value in row.items() if folded(name) in there})
        except AgentDBError as error:
            if table.name not in self._told:
                self._told.add(table.name)
                self.errors.append(
                    Finding(
                        "bad_fixture", f"a fixture of {table.name} is refused at {version}: {error.message}", version
                    )
                )
        return "its fixtures have no row for this version"

    def _tell_empty(self, table: str, version: str, why: str) -> None:
        if table not in self._told:
            self._told.add(table)
            self.warnings.append(
                Finding("not_filled", f"no row could be made for table {table} at {version}: {why}", version)
            )


def _parents_first(tables: list[_Table]) -> list[_Table]:
    """In an order in which parents come before their children, as far as there is one."""
    left = {folded(table.name): table for table in tables}
    order: list[_Table] = []
    while left:
        ready = [name for name, table in left.items() if not (_parents(table) & left.keys() - {name})]
        # In a circle: one whose keys there may be NULL, else any.
        chosen = ready or [min(left, key=lambda name: _must_wait(left[name], left.keys()))]
        order += [left.pop(name) for name in chosen]
    return order


def _parents(table: _Table) -> set[str]:
    return {folded(key.parent) for key in table.keys}


def _must_wait(table: _Table, left: Iterable[str]) -> bool:
    nullable = {column.name for column in table.columns if column.nullable}
    return any(
        folded(key.parent) in left and folded(key.parent) != folded(table.name) and nullable.isdisjoint(key.columns)
        for key in table.keys
    )


def _made(client: LocalClient, scratch: LocalClient, table: _Table) -> str:
    """Make rows. Why there is none, where there is none."""
    alone = {
        key.columns[0]: key for key in table.keys if len(key.columns) == 1 and folded(key.parent) != folded(table.name)
    }
    columns = [
        Column(column.name, column.type, column.nullable, tuple(_referable(client, alone[column.name])))
        if column.name in alone
        else column
        for column in table.columns
    ]
    others = {folded(name) for key in table.keys for name in key.columns if name not in alone}
    bound = frozenset(others | table.generated | ({folded(table.rowid)} if table.rowid else set()))
    domains = Domains(scratch, table.name, columns, checks_of(table.sql), bound)
    if domains.trouble:
        return domains.trouble[0]
    why = ""
    for row in range(min(_MOST, max(_FEWEST, domains.variety))):
        for shift in range(_TRIES):
            values = _row(client, table, columns, domains, row, shift)
            if values is None:
                why = why or "it refers to a table that has no rows"
                continue
            try:
                _insert(client, table.name, values)
                break
            except AgentDBError as error:
                why = error.message
    return why


def _row(
    client: LocalClient, table: _Table, columns: list[Column], domains: Domains, row: int, shift: int
) -> dict[str, Any] | None:
    """Values for one row: the first with all that there can be, the second with NULL wherever it may be, the others mixed.

    None where it would have to refer to what is not there.
    """
    values = domains.constrained(row, shift)
    keyed = {name for key in table.keys for name in key.columns}
    for at, column in enumerate(columns):
        if column.name in values or column.name in keyed:
            continue
        is_null = column.nullable and (row == 1 or (row > 1 and (row + at) % 2 == 0))
        values[column.name] = None if is_null else free_value(column, row, shift)
    nullable = {column.name for column in columns if column.nullable}
    for key in table.keys:
        if all(name in values for name in key.columns):
            continue
        missing = [name for name in key.columns if name not in values]
        if row != 1 or nullable.isdisjoint(missing):
            known = {
                referred: values[name]
                for name, referred in zip(key.columns, key.referred, strict=True)
                if name in values
            }
            found = _referable(client, key, known)
            if found:
                chosen = found[(row + shift) % len(found)]
                values.update(zip(key.columns, chosen if isinstance(chosen, tuple) else (chosen,), strict=True))
                continue
            if nullable.isdisjoint(missing) and folded(key.parent) == folded(table.name):
                _refer_to_itself(table, key, values, row)
        for name in missing:
            if name in nullable:
                values[name] = None
            elif name not in values:
                return None
    return values


def _refer_to_itself(table: _Table, key: _Key, values: dict[str, Any], row: int) -> None:
    """The first row of a table whose every row must refer to one of it."""
    for name, referred in zip(key.columns, key.referred, strict=True):
        if referred == table.rowid:
            values[referred] = row + 1
        if name not in values and referred in values:
            values[name] = values[referred]


def _referable(client: LocalClient, key: _Key, known: Mapping[str, Any] | None = None) -> list[Any]:
    """Keys of the parent: tuples, or values where the key is of one column."""
    wanted = ", ".join([quoted(name) for name in key.referred])
    where = " AND ".join(
        [f"{quoted(name)} IS NOT NULL" for name in key.referred] + [f"{quoted(name)} = ?" for name in known or ()]
    )
    try:
        found = client.execute(
            f"SELECT {wanted} FROM {quoted(key.parent)} WHERE {where} LIMIT 20", list((known or {}).values())
        ).tuples
    except AgentDBError:  # no such table: SQLite lets one be named that does not exist yet
        return []
    return [row[0] for row in found] if len(key.referred) == 1 else list(found)


def _close_circles(client: LocalClient, table: _Table) -> None:
    """Foreign keys that stayed NULL because their parents came later get somebody to refer to."""
    if table.without_rowid:
        return
    for key in table.keys:
        columns = [quoted(name) for name in key.columns]
        name = quoted(table.name)
        if client.execute(
            f"SELECT 1 FROM {name} WHERE {' AND '.join([f'{c} IS NOT NULL' for c in columns])} LIMIT 1"
        ).tuples:
            continue
        for found in _referable(client, key):
            try:
                client.execute(
                    f"UPDATE {name} SET {', '.join([f'{column} = ?' for column in columns])} "
                    f"WHERE rowid = (SELECT max(rowid) FROM {name})",
                    found if isinstance(found, tuple) else (found,),
                )
                break
            except AgentDBError:
                continue


def _insert(client: LocalClient, table: str, values: Mapping[str, Any]) -> None:
    if not values:
        client.execute(f"INSERT INTO {quoted(table)} DEFAULT VALUES")
        return
    names = ", ".join([quoted(name) for name in values])
    client.execute(
        f"INSERT INTO {quoted(table)} ({names}) VALUES ({', '.join(['?'] * len(values))})", list(values.values())
    )


def _count(client: LocalClient, table: str) -> int:
    ((number,),) = client.execute(f"SELECT count(*) FROM {quoted(table)}").tuples
    return int(number)
