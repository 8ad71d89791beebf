"""What a migrator tells while it works; enough for a splash screen with a progress bar."""

from __future__ import annotations

from agentdb.engine.migration import Migration
from agentdb.engine.results import MigrationResult
from agentdb.frozen import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Direction: TypeAlias = Literal["up", "down"]


class Planned(Record):
    """What will run, in this order. Empty where nothing is pending."""

    direction: Direction
    migrations: tuple[Migration, ...]


class BackingUp(Record):
    """A backup is being written to `path`: `done` of `total` pages (0 of 0 at its beginning; all of them while it is
    checked). Told at intervals; no lock is held."""

    path: str
    done: int
    total: int


class BackedUp(Record):
    """A backup is whole, checked, and safe at `path`."""

    path: str


class Restoring(Record):
    """A backup is being copied, to replace `path`; as BackingUp."""

    path: str
    done: int
    total: int


class Restored(Record):
    """A copy of `backup` is at `path`; what was there is at `replaced`, or None where nothing was."""

    path: str
    backup: str
    replaced: str | None


class NewerSchemaAccepted(Record):
    """A warning: a newer build has applied these, all of them backward compatible, so this one goes on. Ids, in order."""

    migrations: tuple[str, ...]


class SchemaChanged(Record):
    """A warning, told only where something is pending: the schema is not what the last run has left. Somebody has changed it
    by other means; `agentdb check` shows what differs."""


class Started(Record):
    """One migration is about to run; the write lock is not held yet."""

    direction: Direction
    migration: Migration


class StatementDone(Record):
    """One statement has run, `number` of `total`. Told inside the write lock, unlike the others: be quick."""

    direction: Direction
    migration: Migration
    number: int
    total: int


class StatementProgress(Record):
    """One batch of a Backfill, which is statement `number` of `total`, is done and committed: `rows` of about `of` rows were
    looked at so far. Told outside the write lock."""

    direction: Direction
    migration: Migration
    number: int
    total: int
    rows: int
    of: int


class Applied(Record):
    """One migration is applied, and committed."""

    result: MigrationResult


class Reverted(Record):
    """One migration is rolled back, and committed."""

    result: MigrationResult


class Finished(Record):
    """All that was planned is done."""

    direction: Direction
    results: tuple[MigrationResult, ...]


if TYPE_CHECKING:
    Event: TypeAlias = (
        Planned
        | NewerSchemaAccepted
        | SchemaChanged
        | BackingUp
        | BackedUp
        | Restoring
        | Restored
        | Started
        | StatementDone
        | StatementProgress
        | Applied
        | Reverted
        | Finished
    )
