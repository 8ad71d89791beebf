"""Pure: from what is registered and what is applied to what to roll back, or why not."""

from __future__ import annotations

from dataclasses import dataclass

from agentdb.engine.history_row import UP, Row
from agentdb.engine.migration import MANUAL, Migration, number_of
from agentdb.engine.planner import check_limit, listed, recorded_number, target_number
from agentdb.errors import InvalidArgumentError, InvalidMigrationError, MigrationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.engine.migration import Item
    from agentdb.engine.results import MigrationResult


@dataclass(frozen=True)
class Reversal:
    """One migration to roll back: its statements, and whether they are those that the database recorded."""

    migration: Migration
    recorded_id: str
    statements: tuple[Item, ...]
    is_recorded: bool = False


def plan_downgrade(
    registered: Sequence[Migration],
    applied: Sequence[Row],
    *,
    limit: int | None = None,
    target: str | None = None,
) -> list[Reversal]:
    """What rollback() runs: what was applied last comes first. `target` and what has a lower number stay. It needs full rows.

    Raises MigrationError before anything runs: `no_down` where one of them cannot be rolled back, `recorded_down_refused`
    where the recorded statements are none that a migration may have, `python_step_missing` where this build lacks a step.
    """
    check_limit(limit)
    rows: dict[int, Row] = {}
    for row in applied:
        if row.is_struck_out:
            continue
        number = recorded_number(row)
        if number in rows:
            raise MigrationError(
                f"the tracking table holds {rows[number].id!r} and {row.id!r}",
                code="duplicate_in_table",
                migration_id=row.id,
            )
        rows[number] = row
    numbers = sorted(rows, key=lambda number: order_of(number, rows[number]), reverse=True)
    if target is not None:
        last = target_number(target)
        if last not in rows:
            raise InvalidArgumentError(
                f"target {target!r} is not applied; there are {listed([rows[n].id for n in sorted(rows)])}"
            )
        numbers = [number for number in numbers if number > last]
    by_number = {migration.number: migration for migration in registered}
    plan = [_reversal(by_number.get(number), rows[number]) for number in numbers[:limit]]
    nothing = {row.id for row in rows.values() if row.up == "[]"}  # with nothing to undo
    lacking = [
        reversal.migration for reversal in plan if not reversal.statements and reversal.recorded_id not in nothing
    ]
    if lacking:
        raise MigrationError(
            f"there is no down for {listed([migration.label for migration in lacking])}; nothing was rolled back",
            code="no_down",
            migration=lacking[0],
        )
    return plan


def place_of(number: int, applied: Sequence[Row]) -> str | None:
    """What to record of the next migration, where its number is not above all that are applied: the id that it comes
    behind, a dot, and its position there."""
    living = [row for row in applied if not row.is_struck_out and row.in_progress != UP]
    last = max([order_of(recorded_number(row), row) for row in living], default=None)
    if last is None or (number, 0, number) > last:
        return None
    base, count, _ = last
    behind = next((row.id for row in living if recorded_number(row) == base), str(base))
    return f"{behind}.{count + 1}"


def check_planned(plan: Sequence[Reversal], planned: Sequence[MigrationResult]) -> None:
    """Raises MigrationError `changed_meanwhile` where a plan is not the one that somebody was shown; InvalidArgumentError for
    what is no preview."""
    try:
        shown = [(result.migration.id, result.migration.checksum) for result in planned]
    except (AttributeError, TypeError):
        raise InvalidArgumentError(
            "planned is not a list of previews", remedy="Pass what rollback(…, dry_run=True) has returned."
        ) from None
    found = [(reversal.migration.id, reversal.migration.checksum) for reversal in plan]
    if shown != found:
        raise MigrationError(
            f"another process has changed what is applied: now {listed([id for id, _ in found])} would be rolled back, "
            f"and {listed([id for id, _ in shown])} was planned; nothing was rolled back",
            code="changed_meanwhile",
        )


def _place(row: Row) -> tuple[int, int] | None:
    """The number that a row was applied behind, out of order, and its position there."""
    if row.applied_after is None:
        return None
    id, _, count = row.applied_after.partition(".")
    try:
        return number_of(id), number_of(count)
    except InvalidMigrationError:  # somebody has altered it
        return None


def order_of(number: int, row: Row) -> tuple[int, int, int]:
    """A key that sorts migrations in the order in which they were applied: by number, except those that came out of
    order."""
    place = _place(row)
    return (number, 0, number) if place is None else (*place, number)


def _reversal(migration: Migration | None, row: Row) -> Reversal:
    """The registered down where this build has that very migration, else the recorded one."""
    if migration is not None and row.checksum in (migration.checksum, MANUAL):
        return Reversal(migration, row.id, migration.down)
    down = recorded_down(row.id, items_of(row, row.down))
    if any(not isinstance(item, str) and item.is_opaque for item in down):
        down = _with_bodies(migration, row, down)
    try:
        up = items_of(row, row.up)
    except MigrationError:  # of a newer build; what takes it back is another thing
        up = ()
    recorded = Migration.recorded(
        row.id,
        row.description or "unknown",
        up,
        down,
        row.use_transaction,
        row.foreign_keys,
    )
    return Reversal(recorded, row.id, recorded.down, True)


def _with_bodies(migration: Migration | None, row: Row, down: tuple[Item, ...]) -> tuple[Item, ...]:
    """A recorded down with the bodies of its Python steps. They are those of the same name and version in the registered down,
    if that belongs to the same migration. Raises MigrationError `python_step_missing`."""
    known = {}
    if migration is not None and migration.is_of(row.checksum):
        known = {item: item for item in migration.down if not isinstance(item, str) and item.is_opaque}
    found: list[Item] = []
    for item in down:
        if not isinstance(item, str) and item.is_opaque:
            if item not in known:
                about = f" ({row.description})" if row.description else ""
                raise MigrationError(
                    f"rolling back migration {row.id}{about} needs the {item.label}, which this build does not have; "  # type: ignore[union-attr]
                    "nothing was rolled back",
                    code="python_step_missing",
                    migration=migration,
                    migration_id=row.id,
                )
            item = known[item]
        found.append(item)
    return tuple(found)


def items_of(row: Row, text: str | None) -> tuple[Item, ...]:
    """The items of a recorded up or down. Raises MigrationError where they cannot be read."""
    if text is None:
        return ()
    import json

    try:
        statements = json.loads(text)
        json.dumps(statements, ensure_ascii=False).encode()  # an escape can hold a lone surrogate, which is no text
    except (ValueError, RecursionError):
        statements = None
    if not isinstance(statements, list) or not all(isinstance(item, (str, dict)) for item in statements):
        raise MigrationError(
            f"the recorded statements of migration {row.id} cannot be read",
            code="no_down",
            migration_id=row.id,
            remedy="Run a build that has this migration, or correct the row in the tracking table.",
        )
    if all(isinstance(item, str) for item in statements):
        return tuple(statements)
    from agentdb.engine.recorded_items import from_form

    return tuple([item if isinstance(item, str) else from_form(item, row.id) for item in statements])


def recorded_down(migration_id: str, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The recorded statements of a down, which are input: they pass the checks of a Migration, and more.

    Raises MigrationError `recorded_down_refused`.
    """
    from agentdb.engine.recorded_statements import checked

    return checked(migration_id, items)
