"""Migration: what it refuses, what it keeps, and that it is a value."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from engine_harness import caught

from agentdb import Finding, Migration, MigrationResult, MigrationSummary, ValidationResult
from agentdb.errors import InvalidArgumentError, InvalidMigrationError, MigrationError

TABLE = "CREATE TABLE t (x)"


def refused(*args: object, **kwargs: object) -> MigrationError:
    error = caught(Migration, *args, **kwargs)
    assert type(error) is InvalidMigrationError
    assert isinstance(error, MigrationError)
    assert isinstance(error, InvalidArgumentError)
    assert isinstance(error, ValueError)
    return error


@pytest.mark.parametrize("id", ["0", "1", "001", "20260101120000", "9" * 32, "0" * 32])
def test_an_id_is_digits(id: str) -> None:
    migration = Migration(id, "d", TABLE)
    assert migration.id == id
    assert migration.number == int(id)


NO_IDS = [
    "",
    "-1",
    "+1",
    "1.0",
    "1e3",
    "1_000",
    " 1",
    "1 ",
    "1\n",
    "0x1",
    "a",
    "1a",
    "\u0661",
    "\uff11",
    "\xb2",
    "\u2460",
]
TOO_LONG = ["9" * 33, "9" * 40, "9" * 5000]


@pytest.mark.parametrize("id", [*NO_IDS, *TOO_LONG, 1, 1.0, None, True, b"1", ["1"]], ids=lambda id: repr(id)[:12])
def test_anything_else_is_no_id(id: object) -> None:
    assert refused(id, "d", TABLE).code == "invalid_id"


@pytest.mark.parametrize("description", ["", None, 1, b"text", "a\0b", "\ud800", ["d"]])
def test_a_description_is_text(description: object) -> None:
    error = refused("1", description, TABLE)
    assert error.code == "invalid_migration"
    assert "migration 1" in error.message


@pytest.mark.parametrize("description", ["ascii", "Ünïcode 🙂", "two\nlines"])
def test_any_text_is_a_description(description: str) -> None:
    assert Migration("1", description, TABLE).description == description


@pytest.mark.parametrize("part", ["up", "down"])
@pytest.mark.parametrize("given", [b"SELECT 1", bytearray(b"SELECT 1"), 1, 1.5, True, False, 0, b"", {}, {"a": TABLE}])
def test_a_part_is_sql_or_a_sequence_of_sql(part: str, given: object) -> None:
    parts = {"up": TABLE, "down": (), part: given}
    error = refused("7", "d", **parts)
    assert error.migration_id == "7"
    assert part in error.message


@pytest.mark.parametrize("part", ["up", "down"])
def test_a_set_has_no_order_so_it_is_refused(part: str) -> None:
    parts = {"up": TABLE, part: {TABLE, "CREATE TABLE u (x)"}}
    assert "set" in refused("1", "d", **parts).message


@pytest.mark.parametrize("part", ["up", "down"])
@pytest.mark.parametrize("sql", [b"SELECT 1", None, 1, ["SELECT 1"], ("SELECT 1",)])
def test_each_statement_is_text(part: str, sql: object) -> None:
    error = refused("7", "d", **{"up": TABLE, part: [TABLE, sql]})
    assert error.statement_number == 2


@pytest.mark.parametrize("up", [(), [], iter(()), "", " \n", "-- nothing on this system", ["/* none */"], ("",), ";"])
def test_an_up_that_is_empty_or_only_a_comment_does_nothing(up: Any) -> None:
    migration = Migration("1", "d", up)
    assert migration.up == ()
    assert migration.checksum == Migration("1", "d", ()).checksum


@pytest.mark.parametrize(
    ("up", "code"), [(None, "invalid_migration"), (..., "no_statement"), ([None], "invalid_migration")]
)
def test_an_up_that_is_not_written_is_refused(up: object, code: str) -> None:
    assert refused("1", "d", up).code == code


@pytest.mark.parametrize("down", [(), [], "", None])
def test_a_down_may_be_missing(down: object) -> None:
    assert Migration("1", "d", TABLE, down).down == ()


@pytest.mark.parametrize("part", ["up", "down"])
@pytest.mark.parametrize(
    "sql", [" ", "\n\t", ";", ";;", "-- only a comment", "/* only */", "-- a\n/* b */ ; -- c", "\ufeff", "\ufeff -- x"]
)
def test_only_a_comment_is_no_statement(part: str, sql: str) -> None:
    error = refused("1", "d", **{"up": TABLE, part: [TABLE, sql]})
    assert error.code == "no_statement"
    assert error.statement_number == 2


@pytest.mark.parametrize("part", ["up", "down"])
@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE a (x); CREATE TABLE b (x)",
        "CREATE TABLE a (x);\nCREATE TABLE b (x);",
        "SELECT ';'; SELECT 2",
        "CREATE TABLE a (x); BEGIN",
        "SELECT 1 -- ; no\n; SELECT 2",
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END; SELECT 1",
    ],
)
def test_two_statements_in_one_are_refused(part: str, sql: str) -> None:
    error = refused("1", "d", **{"up": TABLE, part: sql})
    assert error.code == "many_statements"
    assert error.statement_number == 1
    assert error.statement == sql


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (x);",
        "CREATE TABLE t (x); -- done",
        "/* why */ CREATE TABLE t (x) /* how */;",
        "CREATE TABLE t (x) -- a; b",
        "INSERT INTO t VALUES ('a; b')",
        'CREATE TABLE "a;b" (x)',
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END",
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; END;",
        "CREATE TABLE begin_work (x)",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "PRAGMA user_version = 4",
        "PRAGMA foreign_key_check",
        "SELECT 1",
        "VACUUM",
        "ANALYZE",
    ],
)
def test_one_statement_is_kept_as_it_is_written(sql: str) -> None:
    assert Migration("1", "d", sql, sql).up == (sql,)


BEFORE = ["", " \n", "-- why\n", "/* why */ ", ";", "\ufeff"]
CONTROL = ["BEGIN", "begin immediate", "BEGIN EXCLUSIVE TRANSACTION", "COMMIT", "END", "End Transaction", "ROLLBACK"]
CONTROL += ["ROLLBACK TO a", "SAVEPOINT a", "RELEASE a", "release savepoint a", "COMMIT;"]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("sql", CONTROL)
def test_transaction_control_is_refused_whatever_stands_before_it(sql: str, before: str) -> None:
    for part in ("up", "down"):
        error = refused("1", "d", **{"up": TABLE, part: [TABLE, before + sql]})
        assert error.code == "control_statement"
        assert error.statement_number == 2
        assert sql.split()[0].upper().rstrip(";") in error.message


@pytest.mark.parametrize("use_transaction", [True, False])
@pytest.mark.parametrize(
    "sql",
    [
        "PRAGMA foreign_keys=OFF",
        "pragma FOREIGN_KEYS = 0",
        "PRAGMA foreign_keys(OFF)",
        "PRAGMA main.foreign_keys=off",
        'PRAGMA "foreign_keys" = off',
        "-- rebuild\nPRAGMA/**/foreign_keys=ON",
    ],
)
def test_switching_foreign_keys_is_refused(sql: str, use_transaction: bool) -> None:
    for part in ("up", "down"):
        error = refused("1", "d", use_transaction=use_transaction, **{"up": TABLE, part: sql})
        assert error.code == "foreign_keys_stay_on"


@pytest.mark.parametrize("sql", ["INSERT INTO t VALUES ('a\0b')", "CREATE TABLE t (x) -- \0", "SELECT '\ud800'"])
def test_what_sqlite_would_cut_off_or_cannot_store_is_refused(sql: str) -> None:
    for part in ("up", "down"):
        assert refused("1", "d", **{"up": TABLE, part: sql}).code == "invalid_migration"


@pytest.mark.parametrize("value", ["no", 0, 1, None])
def test_use_transaction_is_a_bool(value: object) -> None:
    assert "use_transaction" in refused("1", "d", TABLE, use_transaction=value).message


@pytest.mark.parametrize("value", [5, b"2026", ["2026"], object()])
def test_created_at_is_a_time_or_text(value: object) -> None:
    assert "created_at" in refused("1", "d", TABLE, created_at=value).message


@pytest.mark.parametrize("value", [None, "2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)])
def test_created_at_is_kept_and_says_nothing_about_the_text(value: object) -> None:
    migration = Migration("1", "d", TABLE, created_at=value)
    assert migration.created_at == value
    assert migration.checksum == Migration("1", "d", TABLE).checksum


def test_one_statement_and_a_sequence_of_one_are_the_same_migration() -> None:
    one = Migration("1", "d", TABLE, "DROP TABLE t")
    assert one == Migration("1", "d", [TABLE], ("DROP TABLE t",))
    assert one == Migration("1", "d", (sql for sql in [TABLE]), iter(["DROP TABLE t"]))
    assert one.up == (TABLE,)
    assert one.down == ("DROP TABLE t",)


def test_arguments_stand_in_the_documented_order() -> None:
    migration = Migration("1", "d", TABLE, "DROP TABLE t", "2026", False)
    assert (migration.description, migration.created_at, migration.use_transaction) == ("d", "2026", False)


def failure() -> MigrationError:
    migration = Migration("1", "d", TABLE)
    error = MigrationError(
        "it failed",
        code="unique",
        remedy="mend it",
        engine_code="SQLITE_CONSTRAINT_UNIQUE",
        migration=migration,
        statement=TABLE,
        statement_number=1,
    )
    error.results = (MigrationResult(migration, False, error, statements=migration.up),)
    return error


VALUES = [
    Migration(
        "001", "d", [TABLE, 'INSERT INTO t VALUES ("é")'], "DROP TABLE t", datetime(2026, 1, 1, tzinfo=UTC), False
    ),
    MigrationResult(Migration("1", "d", TABLE), True, None, datetime(2026, 1, 1, tzinfo=UTC), 1.5, False, (TABLE,)),
    MigrationSummary("001", 2, 1, 1, ("002",)),
    Finding("gap", "there is a gap", "003"),
    ValidationResult.of([Finding("gap", "there is a gap")]),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_frozen_hashable_equal_picklable_and_copyable(value: object) -> None:
    for name in type(value)._fields:
        with pytest.raises(AttributeError, match="frozen"):
            setattr(value, name, "other")
        with pytest.raises(AttributeError, match="frozen"):
            delattr(value, name)
    with pytest.raises(AttributeError, match="frozen"):
        value.something_new = 1
    twins = [copy.copy(value), copy.deepcopy(value)]
    twins += [pickle.loads(pickle.dumps(value, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for twin in twins:
        assert type(twin) is type(value)
        assert twin == value
        assert hash(twin) == hash(value)
        assert repr(twin) == repr(value)
    assert value != "something else"
    assert len({value, *twins}) == 1


def test_values_that_differ_in_one_field_are_not_equal() -> None:
    one = Migration("1", "d", TABLE, "DROP TABLE t")
    others = [
        Migration("01", "d", TABLE, "DROP TABLE t"),
        Migration("1", "e", TABLE, "DROP TABLE t"),
        Migration("1", "d", "CREATE TABLE u (x)", "DROP TABLE t"),
        Migration("1", "d", TABLE),
        Migration("1", "d", TABLE, "DROP TABLE t", "2026"),
        Migration("1", "d", TABLE, "DROP TABLE t", use_transaction=False),
    ]
    assert len({one, *others}) == 7


def test_a_copied_migration_still_knows_its_number_and_checksum() -> None:
    migration = Migration("007", "d", TABLE)
    before = pickle.loads(pickle.dumps(migration))
    assert (before.number, before.checksum) == (7, migration.checksum)
    after = pickle.loads(pickle.dumps(migration))
    assert after.checksum == migration.checksum


def test_a_migration_error_crosses_a_process_boundary_whole() -> None:
    error = failure()
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is MigrationError
        assert str(twin) == str(error)
        for name in ("code", "remedy", "engine_code", "migration", "migration_id", "statement", "statement_number"):
            assert getattr(twin, name) == getattr(error, name)
        (result,) = twin.results
        assert not result.success
        assert result.migration == error.migration
        assert str(result.error) == str(error)


def test_an_invalid_migration_error_can_be_pickled() -> None:
    error = refused("x", "d", TABLE)
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), str(twin), twin.code, twin.migration_id) == (type(error), str(error), "invalid_id", "x")


def test_a_finding_prints_as_a_line_and_a_result_of_validation_is_true_when_valid() -> None:
    assert str(Finding("gap", "there is a gap", "3")) == "there is a gap [gap]"
    assert ValidationResult.of([])
    assert not ValidationResult.of([Finding("gap", "m")])
    assert ValidationResult.of([], [Finding("gap", "m")]).is_valid
    assert isinstance(ValidationResult.of([], [Finding("gap", "m")]).warnings, tuple)


def test_deferring_foreign_keys_inside_the_transaction_is_no_switch() -> None:
    assert Migration("1", "d", ["PRAGMA defer_foreign_keys=ON", "SELECT 1"]).up[0] == "PRAGMA defer_foreign_keys=ON"
    with pytest.raises(InvalidMigrationError) as caught:
        Migration("1", "d", "PRAGMA main.foreign_keys = OFF")
    assert caught.value.code == "foreign_keys_stay_on"
