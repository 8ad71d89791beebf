"""The proof of a populated upgrade: from every version there was, with rows in every table, to the newest; and back.

What passes on empty tables fails in the field: ADD COLUMN with a default that is no constant, a NOT NULL that old rows do
not keep, a rebuild that empties the tables that refer to it.
"""

from __future__ import annotations

from agentdb.engine.loss_guard import check, count
from agentdb.engine.migration import Finding
from agentdb.engine.migrator import Migrator
from agentdb.engine.names import quoted
from agentdb.engine.populate import Populator
from agentdb.errors import AgentDBError, DataLossError, MigrationError, StatementError
from agentdb.runners import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from agentdb.clients.local import LocalClient
    from agentdb.clients.on_connect import OnConnect
    from agentdb.engine.fixtures import Fixtures
    from agentdb.engine.migration import Item, Migration

    #: What a schema is, and in words how two of them differ: those of agentdb.engine.validation.
    ReadSchema = Callable[[LocalClient], Any]
    Difference = Callable[[Any, Any], str]

_REFERRING = (
    "SELECT t.name FROM pragma_table_list t WHERE t.schema = 'main' AND t.type = 'table' "
    "AND EXISTS (SELECT 1 FROM pragma_foreign_key_list(t.name)) ORDER BY t.name"
)


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
        on_connect: OnConnect | None = None,
    ) -> None:
        """migrations: sorted, and proved on empty tables. tables: where the base and they keep their history.

        Raises InvalidArgumentError for fixtures of another shape.
        """
        self._base = base
        self._migrations = migrations
        self._base_table, self._table = tables
        self._read_schema = read_schema
        self._difference = difference
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
        for number in range(0 if self._base else 1, len(self._migrations)):
            with self._built(number) as client:
                self._upgrade(client, number, schema)
        with self._built(len(self._migrations)) as client:
            self._downgrade(client)
        self.errors += [*self._populator.errors, *self._populator.unused()]

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

    def _upgrade(self, client: LocalClient, number: int, schema: Any) -> None:
        version = self._version(number)
        where = f"on a database at {version} with rows in it"
        pending = self._migrations[number:]
        self._populator.fill(client, version)
        before = run(client, count())
        if not self._migrate(client, None, where):
            return
        try:
            run(client, check(before, _items(pending), ()))
        except DataLossError:  # perhaps as it was meant
            self._compare_each(number, where)
        found = self._read_schema(client)
        if found != schema:
            self._tell(
                "schema_differs",
                f"{where}, the upgrade gives another schema than a new file has: {self._difference(schema, found)}",
                pending[-1].id,
            )
        self._check_references(client, f"{where}, the upgrade leaves", None)

    def _compare_each(self, number: int, where: str) -> None:
        """Once more, one migration at a time: each may lose what it says, of tables as they are called when it runs."""
        with self._built(number) as client:
            self._populator.fill(client, self._version(number))
            for migration in self._migrations[number:]:
                before = run(client, count())
                if not self._migrate(client, migration.id, where):
                    return
                try:
                    run(client, check(before, _items([migration]), migration.allows_loss))
                except DataLossError as error:
                    self._tell("data_loss", f"{where}, the upgrade to {migration.id}: {error.message}", migration.id)

    def _downgrade(self, client: LocalClient) -> None:
        version = self._version(len(self._migrations))
        self._populator.fill(client, version)
        migrator = Migrator(client, self._migrations, table=self._table)
        for migration in reversed(self._migrations):
            if not migration.down:
                break
            where = f"on a database at {migration.id} with rows in it"
            try:
                migrator.rollback_last()
            except MigrationError as error:
                self._tell(_code(error, "populated_down_failed"), f"{where}: {error.message}", migration.id)
                return
            if not self._check_references(client, f"{where}, the down leaves", migration.id):
                return
        self._migrate(client, None, "after the downs, with rows left")

    def _migrate(self, client: LocalClient, target: str | None, where: str) -> bool:
        try:
            Migrator(client, self._migrations, table=self._table).migrate(target=target)
        except MigrationError as error:
            self._tell(_code(error, "populated_up_failed"), f"{where}: {error.message}", error.migration_id)
            return False
        return True

    def _check_references(self, client: LocalClient, where: str, migration_id: str | None) -> bool:
        dangling = [table for (table,) in client.execute(_REFERRING).tuples if _dangles(client, table)]
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
