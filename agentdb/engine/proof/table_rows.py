"""Rows for one table: each value that a CHECK names, NULL and not, every foreign key with somebody on it, and for each
column that is not unique two rows that have the same."""

from __future__ import annotations

from dataclasses import dataclass

from agentdb.engine.proof.column_values import Column, Domains, candidates, checks_of, free_value, names_in
from agentdb.errors import AgentDBError
from agentdb.sql.statement_tables import folded, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    from agentdb.clients.local.sync_client import LocalClient, LocalTransaction

    Connection: TypeAlias = LocalClient | LocalTransaction

#: Rows that a table gets at the least, and at the most; rows beside them that share values with those.
_FEWEST, _MOST, _COPIES = 4, 12, 4
#: Tries for one row: with other values of the usual kind each, then with what is worth a try.
_TRIES, _ODD_TRIES = 8, 40

_NOBODY = "it refers to a table that has no rows"

_COLUMNS = 'SELECT name, type, "notnull", pk, hidden, dflt_value FROM pragma_table_xinfo(?) ORDER BY cid'
_KEYS = 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq'
_UNIQUES = (
    "SELECT l.name, l.origin, l.partial, s.sql FROM pragma_index_list(?) l LEFT JOIN sqlite_master s "
    "ON s.type = 'index' AND s.name = l.name WHERE l.\"unique\""
)


@dataclass(frozen=True)
class Key:
    """A foreign key: its columns, and those of the parent in the same order."""

    parent: str
    columns: tuple[str, ...]
    referred: tuple[str, ...]


class Table:
    """What a table takes."""

    def __init__(self, client: LocalClient, name: str, without_rowid: bool, sql: str) -> None:
        self.name = name
        self.sql = sql
        found = client.execute(_COLUMNS, (name,)).tuples
        self.primary = [
            column for column, _, _, pk, _ in sorted([row[:5] for row in found], key=lambda row: int(row[3])) if pk
        ]
        #: Columns of which no two rows may have the same; and those in an index that is so under a condition.
        self.uniques: list[tuple[str, ...]] = []
        self.conditional: set[str] = set()
        has_index = self._read_uniques(client, [column[0] for column in found])
        kinds = {column: kind.upper() for column, kind, *_ in found}
        is_alias = len(self.primary) == 1 and kinds[self.primary[0]] == "INTEGER" and not (without_rowid or has_index)
        #: The column that is another name of the rowid: SQLite numbers it. (INTEGER PRIMARY KEY DESC is none.)
        self.rowid = self.primary[0] if is_alias else None
        #: What tells its rows apart.
        self.identity = [quoted(column) for column in self.primary] if without_rowid else ["rowid"]
        self.columns = [
            Column(column, kind, not notnull and not (pk and without_rowid))
            for column, kind, notnull, pk, hidden, _ in found
            if not hidden and column != self.rowid
        ]
        with_default = {column for column, *_, default in found if default is not None}
        #: What may be left out of a row where triggers refuse it: nothing; numbers that have a default, for a number that
        #: triggers keep, as a counter, begins with that; all that have one.
        self.spares = [set(), {column for column in with_default if _is_number(kinds[column])}, with_default]
        self.nullable = {column.name for column in self.columns if column.nullable}
        self.generated = {column for column, _, _, _, hidden, _ in found if hidden}
        #: Those that can be written; where a column of one is generated, the value comes as it may.
        self.keys = [key for key in self._keys(client) if self.generated.isdisjoint(key.columns)]

    def _read_uniques(self, client: LocalClient, columns: list[str]) -> bool:
        """Whether the primary key has an index of its own."""
        has_index = False
        for index, origin, partial, sql in client.execute(_UNIQUES, (self.name,)).tuples:
            has_index = has_index or origin == "pk"
            names = [name for (name,) in client.execute("SELECT name FROM pragma_index_info(?)", (index,)).tuples]
            if partial or None in names:
                named = names_in(sql or "")
                self.conditional |= {column for column in columns if folded(column) in named}
            else:
                self.uniques.append(tuple(names))
        return has_index

    def _keys(self, client: LocalClient) -> list[Key]:
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
            if len(referred) != len(parts):  # there is no such table, or its primary key is another
                referred = [part[1] for part in parts]
            keys.append(Key(parent, tuple([part[1] for part in parts]), tuple([str(name) for name in referred])))
        return keys

    @property
    def writable(self) -> set[str]:
        """The folded names of what a row can be given."""
        return {folded(column.name) for column in self.columns} | {folded(self.rowid or "")}

    def is_of(self, key: Key) -> bool:
        """Whether the key refers to the table itself."""
        return folded(key.parent) == folded(self.name)

    def must_have(self, key: Key) -> bool:
        """Whether the key can never be NULL."""
        return self.nullable.isdisjoint(key.columns)


class Filling:
    """The rows of one table, on their way into it."""

    def __init__(
        self,
        connection: Connection,
        scratch: LocalClient,
        solved: dict[Any, Domains],
        table: Table,
        later: frozenset[str] = frozenset(),
        *,
        generation: int = 0,
    ) -> None:
        """solved: the domains that were found before; a table is mostly the same in many versions. later: folded names of
        tables that get their rows after this one, where foreign keys are deferred. generation: another number where the
        table may have rows already."""
        self._connection = connection
        self._table = table
        self._generation = generation
        self._spared: set[str] = set()  # left out of every row, to have their defaults
        self._later = later
        #: References that were written before there was somebody to refer to.
        self.owed: dict[tuple[Key, tuple[Any, ...]], None] = {}
        alone = {key.columns[0]: key for key in table.keys if len(key.columns) == 1 and not table.is_of(key)}
        self._columns = [
            Column(
                column.name,
                column.type,
                column.nullable,
                tuple([k for (k,) in referable(connection, alone[column.name])]),
            )
            if column.name in alone and folded(alone[column.name].parent) not in later
            else column
            for column in table.columns
        ]
        self._keyed = {name for key in table.keys for name in key.columns}
        bound = frozenset((self._keyed - alone.keys()) | table.generated)
        asked = (table.sql, tuple(self._columns), bound)
        if asked not in solved:
            solved[asked] = _domains(scratch, table, self._columns, bound)
        self._domains = solved[asked]

    def make(self) -> str:
        """Make rows. Why there is none, where there is none."""
        if any(column.references == () and not column.nullable for column in self._columns):
            return _NOBODY
        if self._domains.trouble:
            return self._domains.trouble[0]
        number = min(_MOST, max(_FEWEST, self._domains.variety))
        made: list[dict[str, Any]] = []
        why = ""
        for spared in self._table.spares:
            self._spared = spared - self._keyed
            why = self._make(made, number) or why
            if len(made) == number:
                break
        self._share(made, number)
        return why or "it takes rows and keeps none"

    def _make(self, made: list[dict[str, Any]], number: int) -> str:
        """Make those of so many rows that are not made yet. Why not, for one that is refused."""
        why = ""
        for row in range(len(made), number):
            for shift in range(_TRIES if made else _TRIES + _ODD_TRIES):
                values = self._row(row, shift, {})
                if values is None:
                    why = why or _NOBODY
                    continue
                refused = self._insert(values)
                if refused is None:
                    made.append(values)
                    break
                why = refused
        return why

    def _insert(self, values: Mapping[str, Any]) -> str | None:
        """Why not, where it is refused."""
        try:
            insert(self._connection, self._table.name, values)
        except AgentDBError as error:
            return error.message
        for key in self._table.keys:
            if folded(key.parent) in self._later:
                owed = tuple([values[name] for name in key.columns])
                if None not in owed:
                    self.owed[key, owed] = None
        return None

    def _row(self, row: int, shift: int, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """Values for one row: the first with all that there can be, the second with NULL wherever it may be, the others
        mixed. given: values that it must have.

        None where it would have to refer to what is not there.
        """
        table = self._table
        values = {**self._domains.constrained(row, shift), **given}
        values = {name: value for name, value in values.items() if name not in self._spared}
        for at, column in enumerate(self._columns):
            if column.name in values or column.name in self._keyed or column.name in self._spared:
                continue
            is_null = column.nullable and (row == 1 or (row > 1 and (row + at) % 2 == 0))
            values[column.name] = None if is_null else self._free(column, row, shift)
        for key in table.keys:
            missing = [name for name in key.columns if name not in values]
            if not missing:
                continue
            may_be_null = [name for name in missing if name in table.nullable]
            if row != 1 or not may_be_null:
                known = {
                    referred: values[name]
                    for name, referred in zip(key.columns, key.referred, strict=True)
                    if name in values
                }
                found = referable(self._connection, key, known)
                if found:
                    values.update(zip(key.columns, found[(row + shift) % len(found)], strict=True))
                    continue
                if table.is_of(key) and (not may_be_null or shift % 2):
                    self._refer_to_itself(key, values, row, shift)
                elif not may_be_null and folded(key.parent) in self._later:
                    values.update({name: self._unbound(name, row, shift) for name in missing})
            unset = [name for name in may_be_null if name not in values]
            if unset:  # then it refers to nobody, whatever its other columns hold
                values[unset[0]] = None
        for name in self._keyed - values.keys():
            if name in table.nullable:
                values[name] = None
            elif all(
                any(values.get(name, 0) is None for name in key.columns) for key in table.keys if name in key.columns
            ):
                values[name] = self._unbound(name, row, shift)
            else:
                return None
        return values

    def _refer_to_itself(self, key: Key, values: dict[str, Any], row: int, shift: int) -> None:
        """The first row of a table whose every row must refer to one of it."""
        table = self._table
        for name, referred in zip(key.columns, key.referred, strict=True):
            if folded(referred) == folded(table.rowid or ""):
                values.setdefault(str(table.rowid), row + 1)
            if folded(referred) == folded(name):
                values.setdefault(name, self._unbound(name, row, shift))
        there = {folded(name): value for name, value in values.items()}
        for name, referred in zip(key.columns, key.referred, strict=True):
            if name not in values and folded(referred) in there:
                values[name] = there[folded(referred)]

    def _unbound(self, name: str, row: int, shift: int) -> Any:
        """A value for a column of a foreign key that need not refer to anybody, or not yet."""
        (column,) = [column for column in self._columns if column.name == name]
        return self._free(column, row, shift)

    def _free(self, column: Column, row: int, shift: int) -> Any:
        """A value for a column that no CHECK speaks of: of the usual kind, and in the end any that is worth a try."""
        if shift < _TRIES:
            return free_value(column, row, shift + _TRIES * self._generation)
        tried = candidates(column)
        return tried[(row + shift) % len(tried)]

    def _share(self, made: list[dict[str, Any]], row: int) -> None:
        """Rows that have values of those that there are, until each column has two rows with the same: users have them, and
        what makes a column unique must not pass. Where something is in the way the table goes without."""
        table = self._table
        alone = {unique[0] for unique in table.uniques if len(unique) == 1} | {table.rowid or ""}
        left = {column.name for column in self._columns} - alone
        last = row + _COPIES
        for base in made:
            while row < last:
                wanted = {name for name in left if base.get(name) is not None}
                shared = self._copy(base, wanted, alone, row) if wanted else set()
                if not shared & wanted:
                    break
                left -= shared
                row += 1
        for unique in [unique for unique in table.uniques if len(unique) > 2 and made]:
            for name in unique:  # each of them may be all that two rows differ in
                self._copy(made[0], set(unique) - {name}, alone | {name}, row)
                row += 1
        for name in sorted(left - (self._keyed if self._later else set())):
            self._repeat(name)

    def _repeat(self, name: str) -> None:
        """One row's value of a column into another: where the table takes no more rows."""
        table, column = quoted(self._table.name), quoted(name)
        identity = ", ".join(self._table.identity)
        try:
            self._connection.execute(
                f"UPDATE {table} SET {column} = (SELECT min({column}) FROM {table}) WHERE ({identity}) IN "
                f"(SELECT {identity} FROM {table} WHERE {column} > (SELECT min({column}) FROM {table}) LIMIT 1)"
            )
        except AgentDBError:
            return

    def _copy(self, base: Mapping[str, Any], wanted: set[str], alone: set[str], row: int) -> set[str]:
        """One more row, like another in as much as it can be. In what it is, for nothing that could be inserted: nothing."""
        one = min(wanted)
        for fresh in (alone, alone | self._table.conditional, base.keys() - {one}):
            kept = {name: base[name] for name in base.keys() - self._fresh(set(fresh), wanted)}
            if kept.keys().isdisjoint(wanted):
                continue
            for shift in range(_TRIES):
                values = self._row(row, shift, kept)
                if values is not None and self._insert(values) is None:
                    return {name for name, value in kept.items() if value is not None}
        return set()

    def _fresh(self, fresh: set[str], wanted: set[str]) -> set[str]:
        """Those columns, and with them what cannot stay as it is beside."""
        for unique in self._table.uniques:
            if fresh.isdisjoint(unique):
                fresh.add(([name for name in unique if name not in wanted] or unique)[-1])
        for columns, _ in self._domains.groups:
            names = {column.name for column in columns}
            if not fresh.isdisjoint(names):
                fresh |= names
        return fresh


def _domains(scratch: LocalClient, table: Table, columns: list[Column], bound: frozenset[str]) -> Domains:
    checks, rowid = checks_of(table.sql), table.rowid
    if rowid is not None:
        others = {folded(column.name) for column in table.columns} | set(map(folded, bound))
        # What every number fulfils is left to SQLite, which numbers rows itself: the few that are tried are soon used up.
        checks = [
            check
            for check in checks
            if not names_in(check).isdisjoint(others) or not _takes_numbers(scratch, table.name, rowid, check)
        ]
        if any(folded(rowid) in names_in(check) for check in checks):
            columns = [Column(rowid, "INTEGER", False), *columns]
    return Domains(scratch, table.name, columns, checks, frozenset(map(folded, bound)))


def _takes_numbers(scratch: LocalClient, table: str, rowid: str, check: str) -> bool:
    """Whether a CHECK on the number of a row alone holds for those that SQLite would give."""
    name = quoted(rowid)
    numbers = f"WITH RECURSIVE n ({name}) AS (SELECT 1 UNION ALL SELECT {name} + 1 FROM n WHERE {name} < 1000) SELECT * FROM n"
    try:
        found = scratch.execute(
            f"SELECT min(CASE WHEN NOT ({check}\n) THEN 0 ELSE 1 END) FROM ({numbers}) AS {quoted(table)}"
        )
    except AgentDBError:
        return False
    return bool(found.tuples[0][0])


def _is_number(kind: str) -> bool:
    return any(word in kind for word in ("INT", "REAL", "FLOA", "DOUB", "NUM", "DEC"))


def referable(connection: Connection, key: Key, known: Mapping[str, Any] | None = None) -> list[Any]:
    """Keys of the parent."""
    wanted = ", ".join([quoted(name) for name in key.referred])
    where = " AND ".join(
        [f"{quoted(name)} IS NOT NULL" for name in key.referred] + [f"{quoted(name)} = ?" for name in known or ()]
    )
    try:
        return list(
            connection.execute(
                f"SELECT {wanted} FROM {quoted(key.parent)} WHERE {where} LIMIT 20", list((known or {}).values())
            ).tuples
        )
    except AgentDBError:  # no such table: SQLite lets one be named that does not exist yet
        return []


def insert(connection: Connection, table: str, values: Mapping[str, Any]) -> None:
    """One row."""
    if not values:
        connection.execute(f"INSERT INTO {quoted(table)} DEFAULT VALUES")
        return
    names = ", ".join([quoted(name) for name in values])
    connection.execute(
        f"INSERT INTO {quoted(table)} ({names}) VALUES ({', '.join(['?'] * len(values))})", list(values.values())
    )
