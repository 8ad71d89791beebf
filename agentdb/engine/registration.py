"""The migrations that a migrator is given."""

from __future__ import annotations

from agentdb.engine.migration import Migration
from agentdb.errors import InvalidArgumentError, InvalidMigrationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any, TypeAlias

    #: Migrations, or a module that has them as MIGRATIONS.
    Migrations: TypeAlias = Iterable[Migration] | ModuleType


def migrations_of(source: Any) -> tuple[Migration, ...]:
    """The migrations of an iterable, or of a module that has MIGRATIONS. Raises InvalidArgumentError."""
    listed = getattr(source, "MIGRATIONS", source)
    if isinstance(listed, (str, bytes, Migration)) or not hasattr(listed, "__iter__"):
        raise InvalidArgumentError(
            f"{source!r} is no iterable of Migration, and no module with MIGRATIONS",
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
