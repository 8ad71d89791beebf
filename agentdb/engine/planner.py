"""Pure: from what is registered and what is applied to what to run, or why not."""

from __future__ import annotations

from agentdb.engine.history_row import DOWN, UP, Row, as_json
from agentdb.engine.migration import MANUAL, MAX_ID_DIGITS, Migration, number_of
from agentdb.engine.results import Finding
from agentdb.errors import DatabaseTooNewError, InvalidArgumentError, InvalidMigrationError, MigrationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.engine.history_row import Key
    from agentdb.engine.migration import Item

#: Ids of so many digits are times, not a sequence; between those there is no gap to warn of.
_TIMESTAMP_DIGITS = 8


def survey(
    registered: Sequence[Migration],
    applied: Sequence[Key],
    *,
    checksums: bool = True,
    allow_out_of_order: bool = False,
) -> tuple[list[Migration], list[Finding]]:
    """What is pending, in order, and what forbids to run it, the gravest kind first. `registered` is sorted by number.

    An applied one that is not registered forbids it, unless it is known to be backward compatible: of a Key, which does
    not hold that, it is not known. One that began outside a transaction and did not end counts as pending.
    """
    rows, found = _by_number(applied)
    waiting: list[Migration] = []
    mismatched: list[Finding] = []
    of_development: list[Finding] = []
    for migration in registered:
        row = rows.pop(migration.number, None)
        if row is None or row.in_progress == UP:
            waiting.append(migration)
        elif not migration.is_of(row.checksum):
            of_development += _of_development(row)
            if not checksums:
                continue
            mismatched.append(
                Finding(
                    "checksum_mismatch",
                    f"the SQL of migration {migration.label} is not what was applied "
                    f"(recorded {_brief(row.checksum)}, here {_brief(migration.checksum)})",
                    migration.id,
                )
            )
    for number in sorted(rows):
        row = rows[number]
        if row.is_struck_out or (row.backward_compatible and row.in_progress is None):
            continue  # full rows tell
        about = f" ({row.description})" if row.description else ""
        found.append(
            Finding("unknown_migration", f"migration {row.id}{about} is applied and unknown to this build", row.id)
        )
    found = of_development + found + mismatched
    if waiting and not allow_out_of_order:
        found += _late(waiting, applied)
    return waiting, found


def _of_development(row: Row) -> list[Finding]:
    from agentdb.engine.development_builds import told

    what = told(row.checksum)
    return [] if what is None else [Finding("development_build", what, row.id)]


def newer(registered: Sequence[Migration], applied: Sequence[Row]) -> list[Row]:
    """What a newer build has applied and this one accepts, in order. It needs full rows."""
    rows, _ = _by_number(applied)
    for migration in registered:
        rows.pop(migration.number, None)
    return [row for _, row in sorted(rows.items()) if row.backward_compatible and row.in_progress is None]


def newest(applied: Sequence[Key]) -> tuple[int, str] | None:
    """The number and the id of the newest migration that is applied, or None."""
    rows, _ = _by_number(applied)
    return max([(number, row.id) for number, row in rows.items() if row.in_progress != UP], default=None)


def _by_number(applied: Sequence[Key]) -> tuple[dict[int, Row], list[Finding]]:
    rows: dict[int, Row] = {}
    found: list[Finding] = []
    for row in map(Row, applied):
        recorded = row.id
        if not (recorded.isdigit() and recorded.isascii() and len(recorded) <= MAX_ID_DIGITS):
            found.append(Finding("bad_id_in_table", f"the tracking table holds the id {recorded!r}", recorded))
            continue
        number = int(recorded)
        if number in rows:
            found.append(
                Finding(
                    "duplicate_in_table", f"the tracking table holds {rows[number].id!r} and {recorded!r}", recorded
                )
            )
        rows[number] = row
        if row.in_progress == DOWN:
            found.append(
                Finding(
                    "interrupted_rollback", f"rolling back migration {recorded} was begun and not finished", recorded
                )
            )
    return rows, found


def _late(waiting: Sequence[Migration], applied: Sequence[Key]) -> list[Finding]:
    begun, _ = _by_number(applied)
    newest = max((number for number, row in begun.items() if row.in_progress != UP), default=-1)
    return [
        Finding("out_of_order", f"migration {migration.label} is pending below the newest applied one", migration.id)
        for migration in waiting
        if migration.number < newest and migration.number not in begun
    ]


def _brief(checksum: str | None) -> str:
    return checksum[:15] + "…" if type(checksum) is str and len(checksum) > 16 else repr(checksum)


def warnings(registered: Sequence[Migration], applied: Sequence[Row]) -> list[Finding]:
    """The warnings: they forbid nothing. It needs full rows."""
    found = [*gaps(registered), *empty_ups(registered)]
    found += [
        Finding("newer_database", f"migration {row.id} is of a newer build, and backward compatible", row.id)
        for row in newer(registered, applied)
    ]
    by_number = {migration.number: migration for migration in registered}
    for row in applied:
        if row.in_progress == UP and not row.is_struck_out:
            found.append(
                Finding(
                    "interrupted_migration",
                    f"migration {row.id} was begun and not finished; the next start continues it",
                    row.id,
                )
            )
        if row.has_bad_time:
            found.append(
                Finding(
                    "bad_value_in_table",
                    f"the tracking table holds an execution_time of migration {row.id} that is not a time",
                    row.id,
                )
            )
        if row.checksum == MANUAL:
            found.append(Finding("manual_row", f"the row of migration {row.id} was put in by hand", row.id))
            continue
        try:
            migration = by_number.get(number_of(row.id))
        except InvalidMigrationError:
            continue
        if migration is None or row.checksum != migration.checksum:
            continue
        if row.description is not None and row.description != migration.description:
            found.append(
                Finding(
                    "changed_description",
                    f"migration {migration.id} was applied as {row.description!r} and is now {migration.description!r}",
                    migration.id,
                )
            )
        if row.down is not None and row.down != as_json(migration.down):
            found.append(
                Finding(
                    "changed_down", f"the down of migration {migration.label} is not the recorded one", migration.id
                )
            )
    return found


def gaps(registered: Sequence[Migration]) -> list[Finding]:
    """Numbers that are left out between the first and the last."""
    found: list[Finding] = []
    for before, after in zip(registered, registered[1:], strict=False):
        if after.number > before.number + 1 and len(str(after.number)) < _TIMESTAMP_DIGITS:
            found.append(Finding("gap", f"there is no migration between {before.id} and {after.id}", after.id))
    return found


def empty_ups(registered: Sequence[Migration]) -> list[Finding]:
    """Migrations that do nothing."""
    return [
        Finding("empty_up", f"migration {migration.label} has no statement, so it does nothing", migration.id)
        for migration in registered
        if not migration.up
    ]


def plan_upgrade(
    registered: Sequence[Migration],
    applied: Sequence[Key],
    *,
    limit: int | None = None,
    target: str | None = None,
    checksums: bool = True,
    allow_out_of_order: bool = False,
) -> list[Migration]:
    """What migrate() runs. Raises MigrationError where survey() finds something, InvalidArgumentError for a bad limit or
    target."""
    check_limit(limit)
    last = None
    if target is not None:
        last = target_number(target)
        if all(migration.number != last for migration in registered):
            raise InvalidArgumentError(
                f"target {target!r} is not registered; there are {listed([m.id for m in registered])}"
            )
    plan, found = survey(registered, applied, checksums=checksums, allow_out_of_order=allow_out_of_order)
    if found:
        raise refusal(found, registered)
    if last is not None:
        _refuse_passed(last, plan, applied)
        plan = [migration for migration in plan if migration.number <= last]
    return plan[:limit]


def _refuse_passed(last: int, pending: Sequence[Migration], applied: Sequence[Key]) -> None:
    """Raises InvalidArgumentError `target_passed` where the database has come further than the target already."""
    there = newest(applied)
    if there is not None and there[0] > last and not any(migration.number <= last for migration in pending):
        raise InvalidArgumentError(
            f"target {last} is passed already: migration {there[1]} is applied; nothing was run",
            code="target_passed",
            remedy=f"To go back to it, call rollback(target={str(last)!r}) or run `agentdb rollback --target {last}`.",
        )


def done_before(row: Row, direction: str, items: tuple[Item, ...]) -> int:
    """How many of these statements an earlier run outside a transaction has done. Raises MigrationError `begun_otherwise`
    where it has done others."""
    done = row.done_of(direction, items)
    if done is None:
        what = f"migration {row.id}" if direction == UP else f"rolling back migration {row.id}"
        raise MigrationError(
            f"{what} was begun with other statements, and {row.statements_done(direction)} of those are done",
            code="begun_otherwise",
            migration_id=row.id,
        )
    return done


def refusal(found: Sequence[Finding], registered: Sequence[Migration]) -> MigrationError:
    """The exception for what survey() found: all findings of the gravest kind in one."""
    code = found[0].code
    same = [finding for finding in found if finding.code == code]
    by_id = {migration.id: migration for migration in registered}
    first = same[0].migration_id
    kind, known = MigrationError, ""
    if code == "unknown_migration":
        kind = DatabaseTooNewError
        known = f"; this build ends at {registered[-1].id}" if registered else "; this build has no migrations"
    return kind(
        "; ".join([finding.message for finding in same]) + known + "; nothing was run",
        code=code,
        migration=by_id.get(first) if first is not None else None,
        migration_id=first,
    )


def check_limit(limit: object) -> None:
    """Raises InvalidArgumentError unless it is None or a positive int."""
    if limit is not None and (type(limit) is not int or limit < 1):
        raise InvalidArgumentError(f"limit is {limit!r}; it is a number from 1 on, or None for no limit")


def target_number(target: object) -> int:
    """The number of a target. Raises InvalidArgumentError."""
    try:
        return number_of(target)
    except InvalidMigrationError:
        raise InvalidArgumentError(f"target is {target!r}; it is the id of a migration") from None


def recorded_number(row: Row) -> int:
    """The number of a row's id. Raises MigrationError `bad_id_in_table`."""
    try:
        return number_of(row.id)
    except InvalidMigrationError:
        raise MigrationError(
            f"the tracking table holds the id {row.id!r}", code="bad_id_in_table", migration_id=str(row.id)
        ) from None


def listed(words: Sequence[str], limit: int = 20) -> str:
    """Words for a message, at most `limit` of them."""
    if not words:
        return "none"
    return ", ".join(words[:limit]) + (f" and {len(words) - limit} more" if len(words) > limit else "")
