"""Pure: from what is registered and what is applied to what to run, or why not."""

from __future__ import annotations

from agentdb.engine.history_row import DOWN, UP, Row, as_json
from agentdb.engine.migration import MANUAL, MAX_ID_DIGITS, Migration, number_of
from agentdb.engine.results import Finding
from agentdb.errors import DatabaseTooNewError, InvalidArgumentError, InvalidMigrationError, MigrationError
from agentdb.frozen import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.engine.history_row import Key
    from agentdb.engine.migration import Item

#: Ids of so many digits are times, not a sequence; between those there is no gap to warn of.
_TIMESTAMP_DIGITS = 8


class Reversal(Record):
    """One migration to roll back: its statements, and whether they are those that the database recorded."""

    migration: Migration
    recorded_id: str
    statements: tuple[Item, ...]
    is_recorded: bool = False


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
        elif row.checksum != migration.checksum and row.checksum != MANUAL:
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
    """What a newer build has applied and this one can bear, in order. Wants full rows."""
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
    """What is worth a look and forbids nothing. Wants full rows."""
    found = gaps(registered)
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
                    f"migration {row.id} was begun and not finished; the next start goes on with it",
                    row.id,
                )
            )
        if row.has_bad_time:
            found.append(
                Finding(
                    "bad_value_in_table",
                    f"the tracking table holds an execution_time of migration {row.id} that is no time",
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
        last = _target(target)
        if all(migration.number != last for migration in registered):
            raise InvalidArgumentError(
                f"target {target!r} is not registered; there are {_listed([m.id for m in registered])}"
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


def plan_downgrade(
    registered: Sequence[Migration],
    applied: Sequence[Row],
    *,
    limit: int | None = None,
    target: str | None = None,
) -> list[Reversal]:
    """What rollback() runs: what was applied last comes first. `target` and what has a lower number stay. Wants full rows.

    Raises MigrationError before anything runs: `no_down` where one of them cannot be rolled back, `recorded_down_refused`
    where the recorded statements are none that a migration may have.
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
    numbers = sorted(rows, key=lambda number: _order(number, rows[number]), reverse=True)
    if target is not None:
        last = _target(target)
        if last not in rows:
            raise InvalidArgumentError(
                f"target {target!r} is not applied; there are {_listed([rows[n].id for n in sorted(rows)])}"
            )
        numbers = [number for number in numbers if number > last]
    by_number = {migration.number: migration for migration in registered}
    plan = [_reversal(by_number.get(number), rows[number]) for number in numbers[:limit]]
    lacking = [reversal.migration for reversal in plan if not reversal.statements]
    if lacking:
        raise MigrationError(
            f"there is no down for {_listed([migration.label for migration in lacking])}; nothing was rolled back",
            code="no_down",
            migration=lacking[0],
        )
    return plan


def place_behind(newest: str, applied: Sequence[Row]) -> tuple[str, int]:
    """For what is applied out of order next: the id that it comes behind, and the how-manieth it is there."""
    number = number_of(newest)
    places = [_place(row) for row in applied if not row.is_struck_out]
    return newest, max([place[1] for place in places if place is not None and place[0] == number], default=0) + 1


def _place(row: Row) -> tuple[int, int] | None:
    """The number that a row was applied behind, out of order, and the how-manieth it was there."""
    if row.applied_after is None:
        return None
    id, _, count = row.applied_after.partition(".")
    try:
        return number_of(id), number_of(count)
    except InvalidMigrationError:  # somebody has altered it
        return None


def _order(number: int, row: Row) -> tuple[int, int, int]:
    """What sorts migrations in the order in which they were applied: by number, but for those that came out of order."""
    place = _place(row)
    return (number, 0, number) if place is None else (*place, number)


def _reversal(migration: Migration | None, row: Row) -> Reversal:
    """The registered down where this build has that very migration, else the recorded one."""
    if migration is not None and row.checksum in (migration.checksum, MANUAL):
        return Reversal(migration, row.id, migration.down)
    down = recorded_down(row.id, _items(row, row.down))
    try:
        up = _items(row, row.up)
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


def _items(row: Row, text: str | None) -> tuple[Item, ...]:
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
    from agentdb.engine.rebuild.specification import from_form

    return tuple([item if isinstance(item, str) else from_form(item, row.id) for item in statements])


def recorded_down(migration_id: str, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The recorded statements of a down, which are input: they pass the checks of a Migration, and more.

    Raises MigrationError `recorded_down_refused`.
    """
    from agentdb.engine.recorded_statements import checked

    return checked(migration_id, items)


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


def _target(target: object) -> int:
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


def _listed(words: Sequence[str], limit: int = 20) -> str:
    if not words:
        return "none"
    return ", ".join(words[:limit]) + (f" and {len(words) - limit} more" if len(words) > limit else "")
