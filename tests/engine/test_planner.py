"""The planner: pure, in the order of numbers, and it finds exactly what is wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from engine_harness import caught, make
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdb import Migration
from agentdb.engine.history_row import Row
from agentdb.engine.planner import gaps, plan_upgrade, survey, warnings
from agentdb.engine.rollback_plan import plan_downgrade
from agentdb.errors import DatabaseTooNewError, InvalidArgumentError, MigrationError

LAW = settings(deadline=None, max_examples=100)
NUMBERS = st.one_of(st.integers(0, 12), st.integers(0, 10**20))


def row(migration: Migration, *, id: str | None = None, checksum: str | None = None, doing: str | None = None) -> Row:
    """The row that applying it leaves behind."""
    return Row.of(
        migration.id if id is None else id,
        migration.checksum if checksum is None else checksum,
        doing,
        migration.description,
        json.dumps(migration.up),
        json.dumps(migration.down),
        int(migration.use_transaction),
    )


@st.composite
def spellings(draw: st.DrawFn, number: int) -> str:
    return "0" * draw(st.integers(0, 3)) + str(number)


@st.composite
def registries(draw: st.DrawFn, min_size: int = 0) -> list[Migration]:
    """Registered migrations, in the order of their numbers, as the migrator hands them over."""
    numbers = draw(st.lists(NUMBERS, unique=True, min_size=min_size, max_size=8))
    return [make(draw(spellings(number)), up="SELECT 1", down="SELECT 2") for number in sorted(numbers)]


@st.composite
def databases(draw: st.DrawFn, registered: Sequence[Migration]) -> list[Row]:
    """What a database may hold whose newest migrations are missing; rows come in any order, ids in any spelling."""
    applied = registered[: draw(st.integers(0, len(registered)))]
    rows = [row(migration, id=draw(spellings(migration.number))) for migration in applied]
    return draw(st.permutations(rows))


def numbers(migrations: Sequence[Migration]) -> list[int]:
    return [migration.number for migration in migrations]


def frozen(registered: Sequence[Migration], applied: Sequence[Row]) -> Any:
    return list(registered), [tuple(one) for one in applied]


@LAW
@given(st.data(), registries())
def test_the_plan_is_what_is_missing_in_the_order_of_numbers(data: st.DataObject, registered: list[Migration]) -> None:
    applied = data.draw(databases(registered))
    before = frozen(registered, applied)
    plan = plan_upgrade(registered, applied)
    assert numbers(plan) == sorted(set(numbers(registered)) - {int(one.id) for one in applied})
    assert plan == plan_upgrade(registered, list(reversed(applied)))
    assert frozen(registered, applied) == before  # pure: it neither changes nor remembers
    assert plan == plan_upgrade(registered, applied)


@LAW
@given(st.data(), registries(min_size=1))
def test_limit_and_target_give_prefixes(data: st.DataObject, registered: list[Migration]) -> None:
    applied = data.draw(databases(registered))
    whole = plan_upgrade(registered, applied)
    limit = data.draw(st.none() | st.integers(1, 10))
    target = data.draw(st.sampled_from(registered))
    spelled = data.draw(spellings(target.number))
    assert plan_upgrade(registered, applied, limit=limit) == whole[:limit]
    below = [migration for migration in whole if migration.number <= target.number]
    if not below and any(int(key.id) > target.number for key in applied):
        with pytest.raises(InvalidArgumentError, match="is passed already") as passed:
            plan_upgrade(registered, applied, target=spelled)
        assert passed.value.code == "target_passed"
        return
    up_to = plan_upgrade(registered, applied, target=spelled)
    assert up_to == whole[: len(up_to)]
    assert up_to == [migration for migration in whole if migration.number <= target.number]
    assert plan_upgrade(registered, applied, target=spelled, limit=limit) == up_to[:limit]


@LAW
@given(st.data(), registries(min_size=1))
def test_down_is_up_reversed(data: st.DataObject, registered: list[Migration]) -> None:
    applied = data.draw(databases(registered))
    up = plan_upgrade(registered, applied)
    after = data.draw(st.permutations([*applied, *map(row, up)]))
    down = [reversal.migration for reversal in plan_downgrade(registered, after)]
    assert down[: len(up)] == up[::-1]
    assert numbers(down) == sorted(numbers(down), reverse=True)
    # Taking back those that were added, by their number or down to what stood before, takes back just them.
    if up:
        assert [one.migration for one in plan_downgrade(registered, after, limit=len(up))] == up[::-1]
    if applied:
        newest = max(applied, key=lambda one: int(one.id))
        spelled = data.draw(spellings(int(newest.id)))
        assert [one.migration for one in plan_downgrade(registered, after, target=spelled)] == up[::-1]


@LAW
@given(st.data(), registries(min_size=1))
def test_a_reversal_has_the_statements_and_the_id_that_are_recorded(
    data: st.DataObject, registered: list[Migration]
) -> None:
    applied = data.draw(databases(registered))
    known = data.draw(st.sets(st.sampled_from(registered)))
    this_build = [migration for migration in registered if migration in known]
    plan = plan_downgrade(this_build, applied)
    by_id = {one.id: one for one in applied}
    assert len(plan) == len(applied)
    for reversal in plan:
        assert list(reversal.statements) == json.loads(by_id[reversal.recorded_id].down or "")
        assert reversal.migration.number == int(reversal.recorded_id)


DEFECTS = ("unknown_migration", "checksum_mismatch", "out_of_order", "duplicate_in_table", "bad_id_in_table")
DEFECTS += ("interrupted_rollback",)


@LAW
@given(st.data(), registries(min_size=4), st.sets(st.sampled_from(DEFECTS)))
def test_the_survey_finds_exactly_the_seeded_defects(
    data: st.DataObject, registered: list[Migration], defects: set[str]
) -> None:
    whole = list(registered)
    rows = {migration.number: row(migration) for migration in whole}
    expected: set[tuple[str, str]] = set()
    # Each defect has a migration of its own, so that they do not hide each other. The newest stays applied.
    victims = data.draw(st.permutations(whole[:-1]))
    extra: list[Row] = []
    if "unknown_migration" in defects:
        victim = victims.pop()
        registered = [migration for migration in registered if migration is not victim]
        expected.add(("unknown_migration", victim.id))
    if "checksum_mismatch" in defects:
        victim = victims.pop()
        rows[victim.number] = row(victim, checksum="v1:" + "0" * 64)
        expected.add(("checksum_mismatch", victim.id))
    if "out_of_order" in defects:
        victim = victims.pop()
        del rows[victim.number]
        expected.add(("out_of_order", victim.id))
    if "interrupted_rollback" in defects:
        newest = whole[-1]
        rows[newest.number] = row(newest, doing="down")
        expected.add(("interrupted_rollback", newest.id))
    if "duplicate_in_table" in defects:
        newest = whole[-1]
        extra.append(row(newest, id="000" + newest.id))
        expected.add(("duplicate_in_table", "000" + newest.id))
    if "bad_id_in_table" in defects:
        bad = data.draw(st.sampled_from(["", "x", "-1", "1.0", "\xb2", "\u0661", "9" * 40, "9" * 5000]))
        extra.append(row(whole[0], id=bad))
        expected.add(("bad_id_in_table", bad))
    applied = [*rows.values(), *extra]
    _, found = survey(registered, applied)
    assert {(finding.code, finding.migration_id) for finding in found} == expected
    assert len(found) == len(expected)
    for finding in found:
        assert finding.message
        assert finding.migration_id in finding.message or finding.migration_id == ""
    if expected:
        error = caught(plan_upgrade, registered, applied)
        assert type(error) is (DatabaseTooNewError if error.code == "unknown_migration" else MigrationError)
        assert error.code == found[0].code
    else:
        plan_upgrade(registered, applied)


@pytest.mark.parametrize("recorded", ["1", "01", "001"])
@pytest.mark.parametrize("registered", ["1", "01", "001"])
def test_1_and_001_are_one_id(registered: str, recorded: str) -> None:
    migration = make(registered)
    one = row(migration, id=recorded)
    assert plan_upgrade([migration], [one]) == []
    assert survey([migration], [one]) == ([], [])
    (reversal,) = plan_downgrade([migration], [one])
    assert (reversal.migration, reversal.recorded_id) == (migration, recorded)


def test_ids_are_compared_as_numbers() -> None:
    registered = [make(id) for id in ("1", "2", "9", "10", "100")]
    assert plan_upgrade(registered, [row(registered[0]), row(registered[1])], target="9") == [registered[2]]
    rows = [row(migration) for migration in registered]
    assert [one.recorded_id for one in plan_downgrade(registered, rows)] == ["100", "10", "9", "2", "1"]


def test_both_spellings_in_the_table_are_an_error_that_names_both() -> None:
    migration = make("1")
    rows = [row(migration), row(migration, id="001")]
    for plan in (plan_upgrade, plan_downgrade):
        error = caught(plan, [migration], rows)
        assert error.code == "duplicate_in_table"
        assert "'1'" in error.message
        assert "'001'" in error.message


def test_what_began_outside_a_transaction_and_did_not_end_is_pending_and_not_late() -> None:
    registered = [make(1), make(2)]
    rows = [row(registered[0], doing="up"), row(registered[1])]
    assert plan_upgrade(registered, rows) == [registered[0]]


def test_nothing_is_late_below_one_that_began_and_did_not_end() -> None:
    registered = [make(1), make(2), make(3)]
    rows = [row(registered[0]), row(registered[2], doing="up")]
    assert plan_upgrade(registered, rows) == registered[1:]


@pytest.mark.parametrize("allow", [True, False])
def test_late_migrations_need_leave(allow: bool) -> None:
    registered = [make(1), make(2), make(3)]
    rows = [row(registered[1])]
    if allow:
        assert plan_upgrade(registered, rows, allow_out_of_order=True) == [registered[0], registered[2]]
    else:
        error = caught(plan_upgrade, registered, rows)
        assert (error.code, error.migration) == ("out_of_order", registered[0])


def test_a_row_put_in_by_hand_fits_any_text() -> None:
    migration = make(1)
    assert plan_upgrade([migration], [Row.of("1", "manual")]) == []
    (reversal,) = plan_downgrade([migration], [Row.of("1", "manual")])
    assert reversal.statements == migration.down


def test_a_row_without_a_checksum_fits_none() -> None:
    assert caught(plan_upgrade, [make(1)], [Row.of("001", None)]).code == "checksum_mismatch"


BAD_LIMITS = [0, -1, -(10**30), 1.0, 1.5, "1", True, False, [], float("nan")]
BAD_TARGETS = ["", "x", "-1", "1.0", " 1", "\u0661", "9" * 40, 1, True, b"1", [], make(1)]


@pytest.mark.parametrize("plan", [plan_upgrade, plan_downgrade])
@pytest.mark.parametrize("limit", BAD_LIMITS, ids=repr)
def test_a_bad_limit_is_an_invalid_argument(plan: Any, limit: Any) -> None:
    error = caught(plan, [make(1)], [], limit=limit)
    assert type(error) is InvalidArgumentError
    assert repr(limit) in error.message


@pytest.mark.parametrize("plan", [plan_upgrade, plan_downgrade])
@pytest.mark.parametrize("target", BAD_TARGETS, ids=lambda target: repr(target)[:12])
def test_a_bad_target_is_an_invalid_argument(plan: Any, target: Any) -> None:
    error = caught(plan, [make(1)], [row(make(1))], target=target)
    assert type(error) is InvalidArgumentError
    assert "target" in error.message


def test_a_target_that_is_not_there_is_an_invalid_argument_that_says_which_are() -> None:
    registered = [make(number) for number in range(1, 31)]
    rows = [row(migration) for migration in registered[:2]]
    error = caught(plan_upgrade, registered, rows, target="31")
    assert type(error) is InvalidArgumentError
    assert "020 and 10 more" in error.message
    error = caught(plan_downgrade, registered, rows, target="3")
    assert type(error) is InvalidArgumentError
    assert "there are 001, 002" in error.message


@pytest.mark.parametrize("recorded", ["not json", '{"a": 1}', "[1]", "null", '"DROP TABLE t1"'])
def test_a_recorded_down_that_cannot_be_read_is_refused(recorded: str) -> None:
    unreadable = Row.of("1", "v1:else", None, "d", "[]", recorded, 1)
    assert caught(plan_downgrade, [], [unreadable]).code == "no_down"


def test_all_that_lack_a_down_are_named_before_anything_runs() -> None:
    registered = [make(1, down=()), make(2), make(3, down=())]
    error = caught(plan_downgrade, registered, [row(migration) for migration in registered])
    assert error.code == "no_down"
    assert registered[0].label in error.message
    assert registered[2].label in error.message
    assert error.migration == registered[2]
    assert len(plan_downgrade(registered, [row(migration) for migration in registered[:2]], target="1")) == 1


@LAW
@given(st.sets(st.integers(0, 40)))
def test_each_gap_is_warned_of_once(present: set[int]) -> None:
    registered = [make(f"{number:02}", up="SELECT 1") for number in sorted(present)]
    ordered = sorted(present)
    after_gap = [after for before, after in zip(ordered, ordered[1:], strict=False) if after - before > 1]
    assert [(finding.code, int(finding.migration_id or "")) for finding in gaps(registered)] == [
        ("gap", number) for number in after_gap
    ]


def test_between_ids_that_are_times_there_is_no_gap() -> None:
    assert gaps([make("20260101"), make("20260315"), make("20260315120000")]) == []


def test_a_changed_description_or_down_is_a_warning() -> None:
    then = make(1, description="before")
    for now, code in (
        (make(1, description="after"), "changed_description"),
        (make(1, description="before", down="DROP TABLE IF EXISTS t1"), "changed_down"),
        (make(1, description="before", down=()), "changed_down"),
    ):
        assert survey([now], [row(then)]) == ([], [])
        (finding,) = warnings([now], [row(then)])
        assert (finding.code, finding.migration_id) == (code, "001")
    assert warnings([then], [row(then)]) == []


def test_letters_of_the_world_in_a_down_are_no_change() -> None:
    migration = make(1, down="DELETE FROM t1 WHERE x = 'é🙂'")
    down = json.dumps(migration.down, ensure_ascii=False)
    recorded = Row.of("001", migration.checksum, None, migration.description, None, down)
    assert warnings([migration], [recorded]) == []


def test_manual_and_interrupted_rows_are_warnings() -> None:
    registered = [make(1), make(2)]
    found = warnings(registered, [row(registered[0], checksum="manual"), row(registered[1], doing="up")])
    assert [(finding.code, finding.migration_id) for finding in found] == [
        ("manual_row", "001"),
        ("interrupted_migration", "002"),
    ]
