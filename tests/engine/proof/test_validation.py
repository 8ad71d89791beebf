"""agentdb.validate_migrations(): what an application's CI is told about its migrations, without a database."""

from __future__ import annotations

import pytest

from agentdb import Migration, ValidationResult, migrations, validate_migrations
from agentdb.errors import InvalidArgumentError


def codes(result: ValidationResult) -> tuple[list[str], list[str]]:
    return [finding.code for finding in result.errors], [finding.code for finding in result.warnings]


def test_the_built_in_migrations_are_valid_without_a_warning() -> None:
    assert validate_migrations(migrations) == ValidationResult(True, (), ())


def test_sound_migrations_are_valid_and_true() -> None:
    result = validate_migrations(
        [
            Migration("1", "a", "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT)", "DROP TABLE a"),
            Migration("2", "b", "ALTER TABLE a ADD COLUMN note TEXT", "ALTER TABLE a DROP COLUMN note"),
            Migration("3", "c", "VACUUM", "VACUUM", use_transaction=False),
        ]
    )
    assert codes(result) == ([], [])
    assert result


@pytest.mark.parametrize(
    ("up", "down", "errors", "warnings"),
    [
        ("CREATE TABLE a (x nonsense y z (", "DROP TABLE a", ["up_failed"], []),
        ("SELECT * FROM nowhere", "SELECT 1", ["up_failed"], []),
        ("CREATE TABLE a (x)", "DROP TABLE b", ["down_failed"], []),
        ("CREATE TABLE a (x)", "SELECT 1", ["not_repeatable"], ["down_incomplete"]),
        ("CREATE TABLE IF NOT EXISTS a (x)", "SELECT 1", [], ["down_incomplete"]),
        ("CREATE TABLE a (x)", (), [], ["no_down"]),
        # The second up finds another beginning, and takes another way.
        (
            ["CREATE TABLE IF NOT EXISTS a (x)", "ALTER TABLE a RENAME TO b", "CREATE TABLE IF NOT EXISTS a (y)"],
            "DROP TABLE b",
            ["not_repeatable"],
            ["down_incomplete"],
        ),
    ],
)
def test_each_defect_has_its_own_code(up: str, down: str, errors: list[str], warnings: list[str]) -> None:
    assert codes(validate_migrations([Migration("001", "defect", up, down)])) == (errors, warnings)


def test_a_finding_names_the_migration_the_statement_and_the_difference() -> None:
    (finding,) = validate_migrations(
        [
            Migration(
                "007",
                "two tables",
                ["CREATE TABLE IF NOT EXISTS a (x)", "CREATE TABLE IF NOT EXISTS b (x)"],
                "DROP TABLE a",
            )
        ]
    ).warnings
    assert finding.migration_id == "007"
    assert str(finding) == (
        "the down of migration 007 (two tables) does not restore the schema: left over: table b [down_incomplete]"
    )


@pytest.mark.parametrize(
    ("table", "renamed", "back"),
    [
        ("CREATE TABLE t (a TEXT, CHECK (t.a <> 'x'))", "ALTER TABLE t RENAME TO u", "ALTER TABLE u RENAME TO t"),
        (
            "CREATE TABLE t (a INT PRIMARY KEY REFERENCES t (a))",
            "ALTER TABLE t RENAME TO [u v]",
            "ALTER TABLE 'u v' RENAME TO t",
        ),
        ("CREATE VIRTUAL TABLE t USING fts5 (a)", "ALTER TABLE t RENAME TO u", "ALTER TABLE u RENAME TO t"),
        ("CREATE TABLE t (a) -- old", "ALTER TABLE t RENAME a TO b", 'ALTER TABLE t RENAME b TO "a"'),
    ],
)
def test_a_table_that_was_renamed_and_back_is_the_same(table: str, renamed: str, back: str) -> None:
    result = validate_migrations(
        [Migration("1", "a table", table, "DROP TABLE t"), Migration("2", "renamed", renamed, back)]
    )
    assert codes(result) == ([], [])


@pytest.mark.parametrize(
    ("one", "other"),
    [("a DEFAULT 'x'", "a DEFAULT 'X'"), ("a DEFAULT 'x  y'", "a DEFAULT 'x y'"), ("a", "b"), ('"a b"', "a b")],
)
def test_what_differs_in_meaning_is_not_the_same(one: str, other: str) -> None:
    first = Migration("1", "a table", f"CREATE TABLE t ({one})", "DROP TABLE t")
    second = Migration("2", "another", ("DROP TABLE t", f"CREATE TABLE t ({other})"), "SELECT 1", allows_loss=("t",))
    assert codes(validate_migrations([first, second])) == ([], ["down_incomplete"])


def test_a_gap_is_a_warning_but_not_between_time_stamps() -> None:
    def table(migration_id: str) -> Migration:
        return Migration(migration_id, "t", f"CREATE TABLE t{migration_id} (x)", f"DROP TABLE t{migration_id}")

    assert codes(validate_migrations([table("1"), table("2"), table("4")])) == ([], ["gap"])
    assert codes(validate_migrations([table("20240101120000"), table("20240102120000")])) == ([], [])


def test_a_duplicate_number_is_an_error_and_nothing_is_run() -> None:
    result = validate_migrations([Migration("1", "a", "SELECT 1"), Migration("001", "b", "SELECT * FROM nowhere")])
    assert codes(result) == (["duplicate_id"], [])


def test_host_migrations_stand_on_the_base() -> None:
    notes = Migration(
        "001",
        "notes of a session",
        "CREATE TABLE notes (session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, text TEXT) STRICT",
        "DROP TABLE notes",
    )
    extra = Migration(
        "002",
        "a row",
        "INSERT OR IGNORE INTO agents (id, name, model) VALUES ('a', 'n', 'm')",
        "UPDATE agents SET name = 'gone' WHERE id = 'a'",
    )
    assert validate_migrations([notes, extra], base=migrations).is_valid
    assert codes(validate_migrations([notes, extra]))[0] == ["up_failed"]


def test_a_base_that_fails_is_said_to_be_the_base() -> None:
    result = validate_migrations(
        [Migration("1", "a", "SELECT 1", "SELECT 1")], base=[Migration("1", "b", "SELECT nope")]
    )
    (finding,) = result.errors
    assert finding.message.startswith("in base: ")
    assert finding.code == "up_failed"


def test_what_are_no_migrations_is_refused() -> None:
    for nonsense in ("001", [1, 2], None, Migration("1", "a", "SELECT 1")):
        with pytest.raises(InvalidArgumentError):
            validate_migrations(nonsense)  # type: ignore[arg-type]
