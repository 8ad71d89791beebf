"""The proof of a populated upgrade: from every version there was, with rows in every table, to the newest; and back.

Some migrations pass on empty tables and fail on those of users. Examples are ADD COLUMN with a default that is not
constant, a NOT NULL that old rows violate, and a rebuild that empties the tables that refer to it.

One database comes through all versions, so that the work grows with the number of migrations and not with its square. At
each version the tables that are new, changed, or empty by now get rows, beside those that are carried on from the
versions before. Where such a table takes no more rows, the next step is proved on a database of its own as well.
"""

from __future__ import annotations

from agentdb.engine.guards import affected_tables
from agentdb.engine.guards.losses import check, count
from agentdb.engine.migrator import Migrator
from agentdb.engine.proof.carried_rows import Carried
from agentdb.engine.proof.observed_steps import Observed
from agentdb.engine.proof.row_generator import Populator
from agentdb.engine.results import Finding
from agentdb.errors import AgentDBError, DataLossError, MigrationError, StatementError
from agentdb.operations.runners import run
from agentdb.sql.lexer import tokens
from agentdb.sql.statement_tables import folded, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.engine.migration import Item, Migration
    from agentdb.engine.proof.fixtures import Fixtures

    #: A row of the tracking table.
    Row = tuple[Any, ...]

    #: What a schema is, and in words how two of them differ: those of agentdb.engine.proof.validation.
    ReadSchema = Callable[[LocalClient], Any]
    Difference = Callable[[Any, Any], str]

_REFERRING = (
    "SELECT t.name FROM pragma_table_list t WHERE t.schema = 'main' AND t.type = 'table' "
    "AND EXISTS (SELECT 1 FROM pragma_foreign_key_list(t.name)) ORDER BY t.name"
)


#: Where a step fails, so many versions are tried for one whose rows alone make it fail.
_STARTS = 20


class Proof:
    """One proof, and what it found."""

    def __init__(
        self,
        base: Sequence[Migration],
        migrations: Sequence[Migration],
        fixtures: Fixtures | None,
        *,
        tables: tuple[str, str],
        read_schema: ReadSchema,
        difference: Difference,
        every_version: bool = False,
        bad_downs: frozenset[str] = frozenset(),
        is_whole: bool = True,
        on_connect: OnConnect | None = None,
    ) -> None:
        """migrations: sorted, and proved on empty tables. tables: where the base and they keep their history. every_version:
        each version is also upgraded from a database of its own. bad_downs: ids whose downs are known to fail. is_whole:
        no migration is left out, so that every fixture has its table.

        Raises InvalidArgumentError for fixtures of another shape.
        """
        self._base = base
        self._migrations = migrations
        self._base_table, self._table = tables
        self._read_schema = read_schema
        self._difference = difference
        self._every_version = every_version
        self._bad_downs = bad_downs
        self._is_whole = is_whole
        self._on_connect = on_connect
        self._populator = Populator(fixtures, tables)
        self._told: set[tuple[str, str | None]] = set()
        self.errors: list[Finding] = []

    @property
    def warnings(self) -> list[Finding]:
        """Which tables stayed empty."""
        return self._populator.warnings

    def make(self) -> None:
        """Do all of it."""
        with self._built(len(self._migrations)) as fresh:
            schema = self._read_schema(fresh)
        self._carry(schema)
        if self._every_version:
            for number in range(self._first, len(self._migrations)):
                with self._built(number) as client:
                    self._upgrade(client, number, schema)
        self._downgrade()
        self.errors += self._populator.errors
        if self._is_whole:
            self.errors += self._populator.unused()

    @property
    def _first(self) -> int:
        """The first version that has tables."""
        return 0 if self._base else 1

    def _built(self, number: int) -> LocalClient:
        """A database with the base and the first `number` migrations."""
        from agentdb.clients import create_client_sync

        client = create_client_sync(":memory:", on_connect=self._on_connect)
        Migrator(client, self._base, table=self._base_table).migrate()
        if number:
            Migrator(client, self._migrations[:number], table=self._table).migrate()
        return client

    def _version(self, number: int) -> str:
        return self._migrations[number - 1].id if number else "the base"

    def _carry(self, schema: Any) -> None:
        """One database through all versions, one step at a time. Behind a step that fails a new one is built."""
        client: LocalClient | None = None
        carried = Carried(self._populator)
        reached: frozenset[str] | None = None
        for number in range(self._first, len(self._migrations)):
            if client is None:
                client, carried = self._built(number), Carried(self._populator)
                take_rows(client, self._table)
            is_crowded = carried.fill(client, self._version(number), number, reached)
            reached = run(client, affected_tables.reached(self._migrations[number].up))
            failed = self._step(client, number, reached)
            if failed is not None:
                self._trace(number, failed, carried, reached)
                client.close()
                client = None
            elif is_crowded:
                failed = self._step_from(number, number)
                if failed is not None:
                    self._tell_step(number, self._at(number), failed)
        if client is not None:
            with client:
                found = self._read_schema(client)
                if found != schema:
                    number = self._culprit()
                    self._tell_schema(self._at(number), schema, found, self._migrations[number].id)
                where = "on a database that came through the versions with rows in it"
                self._check_references(client, f"{where}, the upgrade leaves", None)

    def _step(self, client: LocalClient, number: int, reached: frozenset[str] | None = None) -> tuple[str, str] | None:
        """From one version to the next. Where it fails: the code of a finding, and what it says behind the place."""
        migration = self._migrations[number]
        before = run(client, count(reached))
        observed = Observed(migration)
        try:
            Migrator(client, [observed.migration], table=self._table).migrate()
        except MigrationError as error:
            return _code(error, "populated_up_failed"), f": {error.message}"
        take_rows(client, self._table)
        try:
            run(client, check(before, observed.items, migration.allows_loss))
        except DataLossError as error:
            return "data_loss", f", the upgrade to {migration.id}: {error.message}"
        if not migration.foreign_keys and (dangling := _dangling(client)):
            return "dangling_references", f", the upgrade leaves rows that refer to nothing in {', '.join(dangling)}"
        return None

    def _step_from(self, start: int, number: int) -> tuple[str, str] | None:
        """The same on a database with rows of one version, which comes to that step first."""
        with self._built(start) as client:
            take_rows(client, self._table)
            self._populator.fill(client, self._version(start))
            for before in range(start, number):
                if self._step(client, before) is not None:
                    return None
            return self._step(client, number)

    def _trace(self, number: int, failed: tuple[str, str], carried: Carried, reached: frozenset[str] | None) -> None:
        """Tell a failure, with the newest version whose rows alone are enough for it."""
        named = {folded(token.text) for item in self._migrations[number].up for token in tokens(str(item))}
        starts = {number} | carried.versions_of(named | (reached or frozenset()))
        for start in sorted(starts, reverse=True)[:_STARTS]:
            found = self._step_from(start, number)
            if found is not None:
                self._tell_step(number, self._at(start), found)
                return
        self._tell_step(number, f"{self._at(number)}, of this and of earlier versions", failed)

    def _tell_step(self, number: int, where: str, failed: tuple[str, str]) -> None:
        code, message = failed
        self._tell(code, f"{where}{message}", self._migrations[number].id)

    def _at(self, number: int) -> str:
        return f"on a database at {self._version(number)} with rows in it"

    def _culprit(self) -> int:
        """The first step that makes another schema where there are rows."""
        last = len(self._migrations) - 1
        with self._built(self._first) as full, self._built(self._first) as empty:
            carried = Carried(self._populator)
            for client in (full, empty):
                take_rows(client, self._table)
            for number in range(self._first, last):
                carried.fill(full, self._version(number), number, None)
                for client in (full, empty):
                    self._step(client, number)
                if self._read_schema(full) != self._read_schema(empty):
                    return number
        return last

    def _tell_schema(self, where: str, schema: Any, found: Any, migration_id: str) -> None:
        self._tell(
            "schema_differs",
            f"{where}, the upgrade gives another schema than a new file has: {self._difference(schema, found)}",
            migration_id,
        )

    def _upgrade(self, client: LocalClient, number: int, schema: Any) -> None:
        """From one version to the newest at once."""
        where = self._at(number)
        pending = self._migrations[number:]
        self._populator.fill(client, self._version(number))
        before = run(client, count())
        if not self._migrate(client, None, where):
            return
        try:
            run(client, check(before, _items(pending), ()))
        except DataLossError:  # perhaps as it was meant
            self._compare_each(number, where)
        found = self._read_schema(client)
        if found != schema:
            self._tell_schema(where, schema, found, pending[-1].id)
        self._check_references(client, f"{where}, the upgrade leaves", None)

    def _compare_each(self, number: int, where: str) -> None:
        """Once more, one migration at a time: each may lose what it says, of tables as they are called when it runs."""
        with self._built(number) as client:
            self._populator.fill(client, self._version(number))
            for migration in self._migrations[number:]:
                before = run(client, count())
                observed = Observed(migration)
                if not self._migrate(client, migration.id, where, observed.migration):
                    return
                try:
                    run(client, check(before, observed.items, migration.allows_loss))
                except DataLossError as error:
                    self._tell("data_loss", f"{where}, the upgrade to {migration.id}: {error.message}", migration.id)

    def _downgrade(self) -> None:
        """From the newest back, one down after the other. Behind one that fails, or is not there, a new database is built."""
        last = len(self._migrations)
        newest = self._built(last)
        self._populator.fill(newest, self._version(last))  # whether it goes down or not: no table stays unseen
        rows = take_rows(newest, self._table)
        client: LocalClient | None = newest
        for number in range(last, 0, -1):
            migration = self._migrations[number - 1]
            if not migration.down or migration.id in self._bad_downs:
                self._come_back(client, rows[:number])
                client = None
                continue
            if client is None:
                client = self._built(number)
                self._populator.fill(client, self._version(number))
                take_rows(client, self._table)
            if not self._go_down(client, migration, rows[number - 1]):
                client.close()
                client = None
        self._come_back(client, [])

    def _go_down(self, client: LocalClient, migration: Migration, row: Row) -> bool:
        where = f"on a database at {migration.id} with rows in it"
        put_rows(client, self._table, [row])
        try:
            Migrator(client, [migration], table=self._table).rollback_last()
        except MigrationError as error:
            self._tell(_code(error, "populated_down_failed"), f"{where}: {error.message}", migration.id)
            return False
        return migration.foreign_keys or self._check_references(client, f"{where}, the down leaves", migration.id)

    def _come_back(self, client: LocalClient | None, applied: Sequence[Row]) -> None:
        """To the newest again, with what the downs have left. applied: what the tracking table should hold by now."""
        if client is not None:
            with client:
                put_rows(client, self._table, applied)
                if self._check_references(client, "on a database with rows in it, the downs leave", None):
                    self._migrate(client, None, "after the downs, with rows left")

    def _migrate(self, client: LocalClient, target: str | None, where: str, observed: Migration | None = None) -> bool:
        migrations = [observed if observed and observed.id == one.id else one for one in self._migrations]
        try:
            Migrator(client, migrations, table=self._table).migrate(target=target)
        except MigrationError as error:
            self._tell(_code(error, "populated_up_failed"), f"{where}: {error.message}", error.migration_id)
            return False
        return True

    def _check_references(self, client: LocalClient, where: str, migration_id: str | None) -> bool:
        dangling = _dangling(client)
        if dangling:
            self._tell(
                "dangling_references", f"{where} rows that refer to nothing in {', '.join(dangling)}", migration_id
            )
        return not dangling

    def _tell(self, code: str, message: str, migration_id: str | None) -> None:
        """Once for each migration: what fails from one version mostly fails from all before it."""
        if (code, migration_id) not in self._told:
            self._told.add((code, migration_id))
            self.errors.append(Finding(code, message, migration_id))


def take_rows(client: LocalClient, table: str) -> list[Row]:
    """Empty the tracking table, and return what it held.

    Each step then reads and plans its own migration alone: with all before it, the work would grow with their square.
    """
    if not client.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [table]).tuples:
        return []
    rows = client.execute(f"SELECT * FROM {quoted(table)} ORDER BY CAST(id AS INTEGER)").tuples
    client.execute(f"DELETE FROM {quoted(table)}")
    return rows


def put_rows(client: LocalClient, table: str, rows: Sequence[Row]) -> None:
    """Give the tracking table rows that it held before."""
    for row in rows:
        client.execute(f"INSERT INTO {quoted(table)} VALUES ({', '.join('?' * len(row))})", row)


def _dangling(client: LocalClient) -> list[str]:
    """The tables that have rows which refer to nothing."""
    return [table for (table,) in client.execute(_REFERRING).tuples if _dangles(client, table)]


def _dangles(client: LocalClient, table: str) -> bool:
    try:
        return bool(client.execute(f"PRAGMA foreign_key_check({quoted(table)})").tuples)
    except StatementError:  # what it refers to has no such column, or no unique index there: then it holds no reference
        return False


def _items(migrations: Iterable[Migration]) -> list[Item]:
    return [item for migration in migrations for item in migration.up]


def _code(error: AgentDBError, code: str) -> str:
    """What a guard of the engine found keeps its own name."""
    return error.code if isinstance(error, DataLossError) or error.code in _GUARDS else code


_GUARDS = ("dangling_references", "dependent_rows")
