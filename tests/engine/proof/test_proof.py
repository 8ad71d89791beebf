"""The proof of a populated upgrade finds what empty tables do not show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agentdb import Migration, RebuildTable, migrations, validate_migrations
from agentdb.clients.local.sync_client import LocalClient
from agentdb.engine.proof.populated import Proof
from agentdb.engine.results import Finding, ValidationResult
from agentdb.errors import REMEDIES, InvalidArgumentError
from agentdb.operations.requests import Steps

PARENT = "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT)"
CHILD = "CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE {action})"


def step(number: int, *up: Any, down: Any = "SELECT 1", **more: Any) -> Migration:
    return Migration(f"{number:03}", f"step {number}", up, down, **more)


def errors(result: ValidationResult) -> list[tuple[str, str | None]]:
    for finding in (*result.errors, *result.warnings):
        assert finding.code in REMEDIES
    return [(finding.code, finding.migration_id) for finding in result.errors]


def the(result: ValidationResult, code: str) -> Finding:
    (finding,) = [finding for finding in (*result.errors, *result.warnings) if finding.code == code]
    return finding


# -- what it finds


def test_the_built_in_migrations_are_proved() -> None:
    result = validate_migrations(migrations)
    assert (result.errors, result.warnings) == ((), ())


def test_a_default_that_only_an_empty_table_bears() -> None:
    result = validate_migrations(
        [
            step(1, "CREATE TABLE t (x)", down="DROP TABLE t"),
            step(2, "ALTER TABLE t ADD COLUMN at TEXT DEFAULT CURRENT_TIMESTAMP", down="ALTER TABLE t DROP COLUMN at"),
        ]
    )
    assert errors(result) == [("populated_up_failed", "002")]
    assert "on a database at 001 with rows in it" in the(result, "populated_up_failed").message


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
def test_a_rebuild_by_hand_that_empties_the_children(action: str) -> None:
    by_hand = (
        "CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT '')",
        "INSERT INTO parent_new SELECT id, coalesce(name, '') FROM parent",
        "DROP TABLE parent",
        "ALTER TABLE parent_new RENAME TO parent",
    )
    first = step(1, PARENT, CHILD.format(action=action), down=("DROP TABLE child", "DROP TABLE parent"))
    assert errors(validate_migrations([first, step(2, *by_hand)])) == [("data_loss", "002")]
    rebuilt = RebuildTable("parent", by_hand[0].replace("parent_new", "parent"), {"name": "coalesce(name, '')"})
    assert errors(validate_migrations([first, step(2, rebuilt)])) == []


def test_a_new_rule_that_old_rows_do_not_keep() -> None:
    result = validate_migrations(
        [
            step(1, "CREATE TABLE t (x TEXT)", down="DROP TABLE t"),
            step(2, RebuildTable("t", "CREATE TABLE t (x TEXT NOT NULL)")),
        ]
    )
    assert errors(result) == [("populated_up_failed", "002")]


def test_each_version_is_a_start_of_its_own() -> None:
    """The third breaks on rows that only a database at the first can hold: the second forbids them."""
    result = validate_migrations(
        [
            step(1, "CREATE TABLE t (x INTEGER CHECK (x BETWEEN 0 AND 9))", down="DROP TABLE t"),
            step(
                2,
                "CREATE TRIGGER small BEFORE INSERT ON t WHEN NEW.x > 5 BEGIN SELECT RAISE(ABORT, 'big'); END",
                down="DROP TRIGGER small",
            ),
            step(3, "CREATE TABLE u (x CHECK (x < 6))", "INSERT INTO u SELECT x FROM t", down="DROP TABLE u"),
        ]
    )
    assert errors(result) == [("populated_up_failed", "003")]
    assert "at 001" in result.errors[0].message


def test_a_down_that_fails_on_rows() -> None:
    result = validate_migrations(
        [
            step(1, "CREATE TABLE t (x INTEGER NOT NULL)", down="DROP TABLE t"),
            step(
                2,
                "ALTER TABLE t ADD COLUMN y",
                down=("INSERT INTO t (x) SELECT NULL FROM t", "ALTER TABLE t DROP COLUMN y"),
            ),
        ]
    )
    assert errors(result) == [("populated_down_failed", "002")]


def test_a_loss_that_was_meant_is_none() -> None:
    first = step(1, "CREATE TABLE t (x)", down="DROP TABLE t")
    assert errors(validate_migrations([first, step(2, "DELETE FROM t")])) == [("data_loss", "002")]
    assert errors(validate_migrations([first, step(2, "DELETE FROM t", allows_loss=("t",))])) == []


def test_a_loss_that_was_meant_is_none_under_the_name_that_the_table_has_by_then() -> None:
    chain = [
        step(1, "CREATE TABLE p (id INTEGER PRIMARY KEY, n INT)", down="DROP TABLE p"),
        step(2, "ALTER TABLE p RENAME TO q", down="ALTER TABLE q RENAME TO p"),
    ]
    assert errors(validate_migrations([*chain, step(3, "DELETE FROM q", allows_loss=("q",))])) == []
    again = step(3, "CREATE TABLE p (id INTEGER PRIMARY KEY)", down="DROP TABLE p")
    result = validate_migrations([*chain, again, step(4, "DELETE FROM q", allows_loss=("p",))])
    assert errors(result) == [("data_loss", "004")]


def test_a_reference_that_was_meant_to_go_is_none_under_the_name_that_its_column_has_by_then() -> None:
    chain = [
        step(1, PARENT, CHILD.format(action="CASCADE"), down=("DROP TABLE child", "DROP TABLE parent")),
        step(
            2, "ALTER TABLE child RENAME COLUMN parent_id TO p", down="ALTER TABLE child RENAME COLUMN p TO parent_id"
        ),
        step(3, "ALTER TABLE child RENAME TO kid", down="ALTER TABLE kid RENAME TO child"),
        step(4, "UPDATE kid SET p = NULL", allows_loss=("kid.p",)),
    ]
    assert errors(validate_migrations(chain)) == []


def test_the_comparison_stands_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the guard of the engine is off, the proof still counts."""

    def never(items: Any) -> Steps[bool]:
        yield from ()
        return False

    monkeypatch.setattr("agentdb.engine.guards.losses.can_lose", never)
    first = step(1, "CREATE TABLE t (x)", down="DROP TABLE t")
    result = validate_migrations([first, step(2, "DELETE FROM t")])
    assert errors(result) == [("data_loss", "002")]
    assert "the upgrade to 002" in result.errors[0].message


def test_a_schema_that_depends_on_the_rows() -> None:
    first = step(1, "CREATE TABLE t (x)", down="DROP TABLE t")
    second = step(2, "CREATE TABLE u AS SELECT count(*) AS n FROM t", down="DROP TABLE u")

    def read_schema(client: LocalClient) -> list[tuple[Any, ...]]:  # as if the definition of a table held a count
        return client.execute("SELECT n FROM u").tuples

    proof = Proof(
        (),
        (first, second),
        None,
        tables=("agentdb_proof_base", "agentdb_proof"),
        read_schema=read_schema,
        difference=lambda one, other: f"{one} is not {other}",
    )
    proof.make()
    assert [(finding.code, finding.migration_id) for finding in proof.errors] == [("schema_differs", "002")]
    assert "[(0,)] is not [(5,)]" in proof.errors[0].message


def test_host_migrations_are_proved_on_a_filled_base() -> None:
    host = [
        step(
            1,
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE)",
            down="DROP TABLE notes",
        ),
        step(2, "ALTER TABLE notes ADD COLUMN stars INTEGER", down="ALTER TABLE notes DROP COLUMN stars"),
    ]
    assert validate_migrations(host, base=migrations).errors == ()
    wiping = step(3, "DELETE FROM sessions", down="SELECT 1")
    assert errors(validate_migrations([*host, wiping], base=migrations)) == [("data_loss", "003")]


# -- fixtures

ODD = "CREATE TABLE odd (x TEXT NOT NULL CHECK (substr(x, 3, 4) = 'q' || length(x) || 'zz'))"
MORE = step(2, "ALTER TABLE odd ADD COLUMN y", down="ALTER TABLE odd DROP COLUMN y")


def test_a_table_that_it_cannot_fill_is_named_with_what_to_do() -> None:
    result = validate_migrations([step(1, ODD, down="DROP TABLE odd"), MORE])
    assert result.is_valid
    finding = the(result, "not_filled")
    assert finding.message.startswith(
        "no row could be made for table odd at 001: no value was found that CHECK (substr(x,"
    )
    assert "fixtures={'TABLE'" in REMEDIES["not_filled"]


@pytest.mark.parametrize(
    "rows",
    [[{"x": "aaq6zz", "y": 1}], lambda version: [{"x": "aaq6zz"}], [{"X": "aaq6zz"}], []],
    ids=["a column too many", "a function", "upper case", "none"],
)
def test_fixtures_fill_it_and_leave_out_columns_that_a_version_does_not_have(rows: Any) -> None:
    result = validate_migrations([step(1, ODD, down="DROP TABLE odd"), MORE], fixtures={"Odd": rows})
    assert (result.errors, result.warnings) == ((), ())


@pytest.mark.parametrize("fixtures", [{"odd": [{"x": "no"}]}, {"other": [{"x": 1}]}])
def test_fixtures_that_do_not_fit_are_errors(fixtures: Any) -> None:
    result = validate_migrations([step(1, ODD, down="DROP TABLE odd"), MORE], fixtures=fixtures)
    assert [finding.code for finding in result.errors] == ["bad_fixture"]


@pytest.mark.parametrize("fixtures", [[], "odd", {"odd": "x"}, {"odd": {"x": 1}}, {"odd": [1]}, {"odd": 1}])
def test_what_are_no_fixtures_is_refused(fixtures: Any) -> None:
    if fixtures == []:
        fixtures = [("odd", [])]
    with pytest.raises(InvalidArgumentError, match="fixtures"):
        validate_migrations([step(1, ODD, down="DROP TABLE odd"), MORE], fixtures=fixtures)


@pytest.mark.parametrize(
    "fixtures",
    [dict, 0, "", {1: []}, {"odd": [], "ODD": []}, {"odd": [{1: "x"}]}, {"odd": [{None: "x"}]}, {"odd": {"x": 1}}],
    ids=str,
)
def test_fixtures_of_a_wrong_kind_are_refused_with_the_shape_that_they_have(fixtures: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="fixtures") as refused:
        validate_migrations([step(1, ODD, down="DROP TABLE odd"), MORE], fixtures=fixtures)
    assert "{'TABLE': [{'column': value}]}" in refused.value.remedy


def raising(version: str) -> Any:
    raise KeyError(version)


def breaking_off(version: str) -> Iterator[dict[str, Any]]:
    yield {"x": "aaq6zz"}
    raise RuntimeError("no more")


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        (lambda version: None, "gave is None; it is a list of rows"),
        (lambda version: 7, "gave is 7; it is a list of rows"),
        (lambda version: "rows", "gave is 'rows'; it is a list of rows"),
        (lambda version: {"x": "aaq6zz"}, "gave is {'x': 'aaq6zz'}; it is a list of rows"),
        (lambda version: [1], "gave has 1 as row 1; a row is a mapping"),
        (lambda version: [{"x": "aaq6zz"}, {2: 3}], "gave has 2 in row 2 where the name of a column belongs"),
        (lambda version, more: [], "raised TypeError: "),
        (lambda version: [{"x": object()}], "a fixture of odd is refused at 001: "),
        (raising, "raising('001') raised KeyError: '001'"),
        (breaking_off, "breaking_off('001') raised RuntimeError: no more"),
    ],
)
def test_what_gives_no_fixtures_is_an_error_that_names_the_table_and_the_version(gives: Any, said: str) -> None:
    result = validate_migrations([step(1, ODD, down="DROP TABLE odd"), MORE], fixtures={"odd": gives})
    (finding,) = result.errors
    assert (finding.code, finding.migration_id) == ("bad_fixture", "001")
    assert finding.message.startswith("a fixture of odd is refused at 001: ")
    assert said in finding.message


def test_fixtures_say_that_the_application_alone_keeps_a_column_unique() -> None:
    first = step(1, "CREATE TABLE t (n TEXT)", down="DROP TABLE t")
    unique = step(2, "CREATE UNIQUE INDEX u ON t (n)", down="DROP INDEX u")
    assert errors(validate_migrations([first, unique])) == [("populated_up_failed", "002")]
    assert errors(validate_migrations([first, unique], fixtures={"t": [{"n": "a"}, {"n": "b"}, {"n": None}]})) == []
