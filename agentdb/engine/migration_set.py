"""Migrations that belong together: a set with a tracking table of its own, or whatever else a migrator is given."""

from __future__ import annotations

from agentdb.engine.migration import Migration
from agentdb.errors import InvalidArgumentError, InvalidMigrationError
from agentdb.frozen import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any, TypeAlias

    #: Migrations, or a module that has them as MIGRATIONS.
    Migrations: TypeAlias = "Iterable[Migration] | MigrationSet | ModuleType"


class MigrationSet(Record):
    """Migrations with a tracking table of their own: those of one package, of one application.

    name: for messages. table: the tracking table; by default `NAME_migrations`. A module that has MIGRATIONS, and TABLE
    where its table is another one, is as good as a set.

    Raises InvalidArgumentError, InvalidMigrationError `duplicate_id`.
    """

    name: str
    migrations: tuple[Migration, ...]
    table: str

    def __init__(self, name: str, migrations: Migrations, *, table: str | None = None) -> None:
        if type(name) is not str or not name or not name.isprintable():
            raise InvalidArgumentError(f"the name of a set of migrations is {name!r}; it is text")
        if table is not None and (type(table) is not str or not table):
            raise InvalidArgumentError(f"table of the set {name} is {table!r}; it is the name of a table")
        listed = tuple(sorted(migrations_of(migrations), key=lambda migration: migration.number))
        refuse_duplicate({}, listed)
        self.__dict__.update(name=name, migrations=listed, table=table or f"{name}_migrations")

    @property
    def MIGRATIONS(self) -> tuple[Migration, ...]:
        """As a module has them."""
        return self.migrations

    @property
    def TABLE(self) -> str:
        """As a module has it."""
        return self.table


def set_of(source: Any) -> MigrationSet:
    """A set as it is, or that of a module. Raises InvalidArgumentError for anything else."""
    if isinstance(source, MigrationSet):
        return source
    name = getattr(source, "__name__", None)
    if not hasattr(source, "MIGRATIONS") or type(name) is not str:
        raise InvalidArgumentError(
            f"{source!r} is not a MigrationSet or a module with MIGRATIONS",
            remedy='Pass a list of sets: migrations=[MigrationSet("notes", [...])].',
        )
    return MigrationSet(set_name(name.split(".")), source.MIGRATIONS, table=table_of(source))


def set_name(parts: Iterable[str]) -> str:
    """The name of a set that has none, after the last part of its module or path that says whose it is: `notes_app` for
    notes_app.migrations; `host` where no part does."""
    named = [part for part in parts if part.strip("./\\") not in ("", "migrations")]
    return named[-1] if named else "host"


def table_of(source: object) -> str | None:
    """The tracking table that a set or a module names. Raises InvalidArgumentError for what is no name."""
    is_source = hasattr(source, "MIGRATIONS") or hasattr(source, "__path__")
    table = getattr(source, "TABLE", None) if is_source else None
    if table is not None and (type(table) is not str or not table):
        raise InvalidArgumentError(f"TABLE of {source!r} is {table!r}; it is the name of a table")
    return table


def migrations_of(source: Any) -> tuple[Migration, ...]:
    """The migrations of an iterable, of a set, or of a module that has MIGRATIONS. Raises InvalidArgumentError."""
    listed = getattr(source, "MIGRATIONS", source)
    if isinstance(listed, (str, bytes, Migration)) or not hasattr(listed, "__iter__"):
        raise InvalidArgumentError(
            f"{source!r} is not an iterable of Migration or a module with MIGRATIONS",
            remedy="Pass migrations.MIGRATIONS, a list, or load_migrations(folder); one by one with add_migration().",
        )
    migrations = tuple(listed)
    for migration in migrations:
        if not isinstance(migration, Migration):
            raise InvalidArgumentError(f"{migration!r} is not a Migration")
    return migrations


def refuse_duplicate(known: dict[int, Migration], added: tuple[Migration, ...]) -> None:
    """Raises InvalidMigrationError for the first of those to be added that has the number of another."""
    for migration in added:
        other = known.get(migration.number)
        if other is not None:
            raise InvalidMigrationError(
                f"migration {migration.label} has the number of {other.label}",
                code="duplicate_id",
                migration=migration,
            )
        known[migration.number] = migration
