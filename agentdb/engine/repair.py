"""The tracking table, corrected by hand: nothing is run, and every change says in the row's note who wanted it and why.

A migration that is declared not to be applied keeps its row, struck out, for the sake of the note.
"""

from __future__ import annotations

from datetime import UTC, datetime

from agentdb.engine.canonical_text import is_encodable
from agentdb.engine.history_row import STRUCK_OUT, UP, Row
from agentdb.engine.migration import number_of
from agentdb.engine.planner import recorded_number
from agentdb.errors import InvalidArgumentError, InvalidMigrationError, MigrationError
from agentdb.logs import WARNING, log
from agentdb.operations.requests import atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from agentdb.engine.history import History
    from agentdb.engine.migration import Migration
    from agentdb.operations.requests import Steps

    #: What a repair does, with what it finds: the rows by number, and the line for the note.
    Body: TypeAlias = Callable[[dict[int, Row], str], Steps[None]]


def mark_applied(
    history: History, registered: Sequence[Migration], migration_id: str, reason: str, app_version: str | None
) -> Steps[None]:
    """Record one as applied that has been done by other means, or that died half-way and is done."""
    migration = _registered(registered, migration_id)

    def body(rows: dict[int, Row], line: str) -> Steps[None]:
        row = rows.get(migration.number)
        if row is not None and row.in_progress is None:
            raise _nothing(migration, "is applied already")
        yield from _record(history, migration, row, line, app_version)

    yield from _repair(history, "mark_applied", migration.label, reason, body)


def mark_reverted(history: History, migration_id: str, reason: str) -> Steps[None]:
    """Record one as not applied that was rolled back by other means. This build need not know it."""
    number = number_of_id(migration_id)

    def body(rows: dict[int, Row], line: str) -> Steps[None]:
        row = rows.get(number)
        if row is None or row.is_struck_out:
            raise MigrationError(
                f"migration {migration_id} is not applied", code="nothing_to_repair", migration_id=migration_id
            )
        yield from history.annotate(row, line, UP)

    yield from _repair(history, STRUCK_OUT.strip(" :"), migration_id, reason, body)


def accept_checksum(history: History, registered: Sequence[Migration], migration_id: str, reason: str) -> Steps[None]:
    """Take the text that this build has for the one that was applied, where the two differ."""
    migration = _registered(registered, migration_id)

    def body(rows: dict[int, Row], line: str) -> Steps[None]:
        row = rows.get(migration.number)
        if row is None or row.in_progress is not None:
            raise _nothing(migration, "is not applied")
        if row.checksum == migration.checksum:
            raise _nothing(migration, "has the recorded checksum")
        yield from history.accept(row.id, migration)
        yield from history.annotate(row, line, None)

    yield from _repair(history, "accept_checksum", migration.label, reason, body)


def baseline(
    history: History, registered: Sequence[Migration], migration_id: str, reason: str, app_version: str | None
) -> Steps[None]:
    """Record all up to one as applied, in a database that has their schema and no history."""
    last = _registered(registered, migration_id)

    def body(rows: dict[int, Row], line: str) -> Steps[None]:
        there = [row.id for row in rows.values() if not row.is_struck_out]
        if there:
            raise _nothing(last, f"cannot be a baseline: {', '.join(there[:20])} applied already")
        for migration in registered:
            if migration.number <= last.number:
                yield from _record(history, migration, rows.get(migration.number), line, app_version)

    yield from _repair(history, "baseline", last.label, reason, body)


def _record(history: History, migration: Migration, row: Row | None, line: str, app_version: str | None) -> Steps[None]:
    yield from history.write(migration, applied_at=now(), execution_time=None, app_version=app_version, instead_of=row)
    yield from history.annotate(Row.noted(migration.id, row.own_note if row else None), line, None)


def _repair(history: History, action: str, what: str, reason: str, body: Body) -> Steps[None]:
    line = f"{now()} {action}: {_reason(reason)}"

    def inside() -> Steps[None]:
        yield from history.create()
        rows = yield from history.read()
        yield from body({recorded_number(row): row for row in rows}, line)

    yield from atomically(inside())
    log(WARNING, "%s of migration %s in the table %s", action, what, history.table)


def _reason(reason: object) -> str:
    if type(reason) is not str or not reason.strip() or "\0" in reason or not is_encodable(reason):
        raise InvalidArgumentError(f"reason is {reason!r}; say in plain text why this is right: it is recorded")
    return " ".join(reason.split())


def number_of_id(migration_id: object) -> int:
    """The number of an id that a caller names. Raises InvalidArgumentError."""
    try:
        return number_of(migration_id)
    except InvalidMigrationError:
        raise InvalidArgumentError(
            f"{migration_id!r} is not the id of a migration; it is spelled out in digits"
        ) from None


def _registered(registered: Sequence[Migration], migration_id: object) -> Migration:
    number = number_of_id(migration_id)
    for migration in registered:
        if migration.number == number:
            return migration
    raise InvalidArgumentError(f"migration {migration_id} is not registered, so nothing is known of it to record")


def _nothing(migration: Migration, why: str) -> MigrationError:
    return MigrationError(f"migration {migration.label} {why}", code="nothing_to_repair", migration=migration)


def now() -> str:
    """The time as the tracking table has it, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:23] + "Z"
