"""What the engine says about migrations: results, findings, summaries."""

from __future__ import annotations

from agentdb.frozen import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from agentdb.engine.migration import Migration


class MigrationResult(Record):
    """What became of one migration.

    executed_at: aware UTC, None for a preview. execution_time: milliseconds. statements: those that ran, or would.
    """

    migration: Migration
    success: bool
    error: Exception | None = None
    executed_at: datetime | None = None
    execution_time: float = 0.0
    dry_run: bool = False
    statements: tuple[str, ...] = ()


class MigrationSummary(Record):
    """The state of a database.

    current_version: the newest applied id, None if nothing is applied. total_migrations: the registered ones.
    applied_migrations: those that the database has, also those that this build does not know.
    """

    current_version: str | None
    total_migrations: int
    applied_migrations: int
    pending_migrations: int
    pending_migration_ids: tuple[str, ...]


class Finding(Record):
    """One thing that validation has to say; prints as a line."""

    code: str
    message: str
    migration_id: str | None = None

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class ValidationResult(Record):
    """What validation found. `is_valid` where there is no error; warnings do not count."""

    is_valid: bool
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, errors: Iterable[Finding], warnings: Iterable[Finding] = ()) -> ValidationResult:
        """From findings."""
        found = tuple(errors)
        return cls(not found, found, tuple(warnings))

    def __bool__(self) -> bool:
        return self.is_valid
