"""The proof carries one database through all versions: what one bad migration costs, what it finds, what it leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from agentdb import Migration, RebuildTable, migrations, validate_migrations
from agentdb.clients.local.connection import Connection
from agentdb.engine.results import ValidationResult


def step(number: int, *up: Any, down: Any = "SELECT 1", **more: Any) -> Migration:
    return Migration(f"{number:03}", f"step {number}", up, down, **more)


def errors(result: ValidationResult) -> list[tuple[str, str | None]]:
    return [(finding.code, finding.migration_id) for finding in result.errors]


def table(number: int, **more: Any) -> Migration:
    return step(number, f"CREATE TABLE t{number} (x)", down=more.pop("down", f"DROP TABLE t{number}"), **more)


TABLE = step(1, "CREATE TABLE t (x)", down="DROP TABLE t")
WIPES = step(4, "DELETE FROM t")


# -- one bad migration


BAD_DOWNS = {
    "down_failed": (table(2, down="DROP TABLE nowhere"), "down_failed"),
    "half of it done": (
        step(
            2, "CREATE TABLE t2 (x)", "CREATE TABLE s2 (x)", down=("DROP TABLE t2", "nonsense"), use_transaction=False
        ),
        "down_failed",
    ),
    "not_repeatable": (table(2, down="SELECT 1"), "not_repeatable"),
    "another schema": (
        step(
            2,
            *("CREATE TABLE IF NOT EXISTS a (x)", "ALTER TABLE a RENAME TO b", "CREATE TABLE IF NOT EXISTS a (y)"),
            down="DROP TABLE b",
        ),
        "not_repeatable",
    ),
}


@pytest.mark.parametrize(("bad", "code"), BAD_DOWNS.values(), ids=BAD_DOWNS)
def test_a_bad_down_is_its_own_fault_and_the_ups_are_proved_on(bad: Migration, code: str) -> None:
    result = validate_migrations([TABLE, bad, table(3), WIPES])
    assert errors(result) == [(code, "002"), ("data_loss", "004")]


def test_what_a_down_leaves_does_not_meet_the_next() -> None:
    second = step(2, "CREATE TABLE IF NOT EXISTS a (x)", down="SELECT 1")
    third = step(3, "CREATE TABLE b (x)", down=("DROP TABLE b", "CREATE TABLE left_over (x)"))
    fourth = step(4, "CREATE TABLE left_over (y)", down="DROP TABLE left_over")
    result = validate_migrations([TABLE, second, third, fourth])
    assert [(finding.code, finding.migration_id) for finding in result.warnings] == [
        ("down_incomplete", "002"),
        ("down_incomplete", "003"),
    ]
    assert {id for _, id in errors(result)} <= {"003", "004"}
    assert ("up_failed", "004") not in errors(result)


def test_many_bad_downs_are_told_each() -> None:
    result = validate_migrations([table(n, down="DROP TABLE nowhere") for n in range(1, 8)])
    assert errors(result) == [("down_failed", f"{n:03}") for n in range(1, 8)]


def test_those_before_an_up_that_fails_are_proved_with_rows() -> None:
    broken = step(5, "SELECT * FROM nowhere")
    result = validate_migrations([TABLE, table(2), table(3), WIPES, broken], fixtures={"of_a_later_one": [{"x": 1}]})
    assert errors(result) == [("up_failed", "005"), ("data_loss", "004")]


def test_each_up_that_fails_on_rows_is_told() -> None:
    late = [
        step(n, f"ALTER TABLE t ADD COLUMN c{n} DEFAULT CURRENT_TIMESTAMP", down=f"ALTER TABLE t DROP COLUMN c{n}")
        for n in (2, 3)
    ]
    result = validate_migrations([TABLE, *late, WIPES])
    assert errors(result) == [("populated_up_failed", "002"), ("populated_up_failed", "003"), ("data_loss", "004")]


def test_each_down_that_fails_on_rows_is_told() -> None:
    bad = "INSERT INTO t (x) SELECT NULL FROM t"
    chain = [step(1, "CREATE TABLE t (x NOT NULL)", down="DROP TABLE t")]
    chain += [step(n, f"ALTER TABLE t ADD COLUMN c{n}", down=(bad, f"ALTER TABLE t DROP COLUMN c{n}")) for n in (2, 3)]
    assert errors(validate_migrations(chain)) == [("populated_down_failed", "003"), ("populated_down_failed", "002")]


def test_downs_below_one_that_is_not_there_are_proved_with_rows() -> None:
    bad = ("INSERT INTO t (x) SELECT NULL FROM t", "ALTER TABLE t DROP COLUMN c")
    chain = [
        step(1, "CREATE TABLE t (x NOT NULL)", down="DROP TABLE t"),
        step(2, "ALTER TABLE t ADD COLUMN c", down=bad),
        Migration("003", "no way back", "CREATE TABLE u (x)"),
    ]
    assert errors(validate_migrations(chain)) == [("populated_down_failed", "002")]


# -- what the chain finds


def test_rows_of_each_version_have_the_columns_of_that_version() -> None:
    chain = [
        TABLE,
        step(2, "ALTER TABLE t ADD COLUMN y TEXT", down="ALTER TABLE t DROP COLUMN y"),
        table(3),
        step(4, "CREATE UNIQUE INDEX one_y ON t (y)", down="DROP INDEX one_y"),
    ]
    assert errors(validate_migrations(chain)) == [("populated_up_failed", "004")]


def test_a_table_that_is_emptied_on_purpose_gets_rows_again() -> None:
    chain = [TABLE, step(2, "DELETE FROM t", allows_loss=("t",)), table(3), WIPES]
    assert errors(validate_migrations(chain)) == [("data_loss", "004")]


def test_a_child_that_was_there_before_its_parent_gets_somebody_to_refer_to() -> None:
    chain = [
        step(
            1,
            "CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES parent ON DELETE CASCADE)",
            down="DROP TABLE child",
        ),
        step(2, "CREATE TABLE parent (id INTEGER PRIMARY KEY)", down="DROP TABLE parent"),
        table(3),
        step(4, "DELETE FROM parent", allows_loss=("parent",)),
    ]
    assert errors(validate_migrations(chain)) == [("data_loss", "004"), ("dependent_rows", "002")]


def test_a_table_that_takes_no_more_rows_is_proved_on_a_database_of_its_own() -> None:
    chain = [
        step(1, "CREATE TABLE t (id INTEGER PRIMARY KEY CHECK (id = 1), x)", down="DROP TABLE t"),
        step(2, "ALTER TABLE t ADD COLUMN y TEXT NOT NULL DEFAULT ''", down="ALTER TABLE t DROP COLUMN y"),
        step(3, "CREATE TABLE u (y CHECK (y = ''))", "INSERT INTO u SELECT y FROM t", down="DROP TABLE u"),
    ]
    result = validate_migrations(chain)
    assert errors(result) == [("populated_up_failed", "003")]
    assert "on a database at 002 with rows in it: " in result.errors[0].message


def test_fixtures_that_are_there_already_are_no_error() -> None:
    chain = [
        step(1, "CREATE TABLE t (k TEXT PRIMARY KEY)", down="DROP TABLE t"),
        step(2, "ALTER TABLE t ADD COLUMN y", down="ALTER TABLE t DROP COLUMN y"),
        step(3, "ALTER TABLE t ADD COLUMN z", down="ALTER TABLE t DROP COLUMN z"),
    ]
    assert errors(validate_migrations(chain, fixtures={"t": [{"k": "a", "y": 1}, {"k": "b", "y": 2}]})) == []


def test_a_table_of_the_newest_version_is_seen_where_there_is_no_way_back() -> None:
    chain = [TABLE, Migration("002", "no way back", "CREATE TABLE u (k TEXT PRIMARY KEY)")]
    assert errors(validate_migrations(chain, fixtures={"u": [{"k": "a"}]})) == []
    assert errors(validate_migrations(chain, fixtures={"u": [{"k": "a"}, {"k": "a"}]})) == [("bad_fixture", "002")]


def test_a_refused_row_of_a_fixture_is_told_also_beside_rows_that_a_migration_brings() -> None:
    chain = [
        TABLE,
        step(2, "CREATE TABLE u (k TEXT PRIMARY KEY)", "INSERT INTO u VALUES ('a')", down="DROP TABLE u"),
        table(3),
    ]
    assert errors(validate_migrations(chain, fixtures={"u": [{"k": "a"}]})) == [("bad_fixture", "002")]


def test_a_schema_that_differs_is_the_fault_of_the_one_that_made_it_so() -> None:
    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.engine.proof.populated import Proof

    def read_schema(client: LocalClient) -> Any:  # as if the definition of a table held a count
        return client.execute("SELECT n FROM u").tuples

    proof = Proof(
        (),
        (
            step(1, "CREATE TABLE t (x)", "CREATE TABLE u (n)", down=("DROP TABLE u", "DROP TABLE t")),
            step(2, "CREATE TRIGGER no BEFORE INSERT ON u BEGIN SELECT RAISE(IGNORE); END", down="DROP TRIGGER no"),
            step(3, "DELETE FROM u", allows_loss=("u",)),
            step(4, "DROP TRIGGER no", "INSERT INTO u SELECT count(*) FROM t", down="SELECT 1"),
            table(5),
        ),
        {"u": []},
        tables=("agentdb_proof_base", "agentdb_proof"),
        read_schema=read_schema,
        difference=lambda one, other: f"{one} is not {other}",
    )
    proof.make()
    assert ("schema_differs", "004") in [(finding.code, finding.migration_id) for finding in proof.errors]


# -- what it leaves to every_version


def only_rows_of_one_version() -> list[Migration]:
    """The fourth fails where no row is from before the second, which a database that comes through all never shows."""
    return [
        TABLE,
        step(2, "ALTER TABLE t ADD COLUMN y INTEGER NOT NULL DEFAULT 0", down="ALTER TABLE t DROP COLUMN y"),
        table(3),
        step(
            4,
            "CREATE TABLE u (y NOT NULL)",
            "INSERT INTO u SELECT (SELECT y FROM t WHERE y = 0 LIMIT 1) WHERE (SELECT count(*) FROM t) > 0",
            down="DROP TABLE u",
        ),
    ]


def test_every_version_finds_what_rows_of_earlier_versions_hide() -> None:
    chain = only_rows_of_one_version()
    assert errors(validate_migrations(chain)) == []
    result = validate_migrations(chain, every_version=True)
    assert errors(result) == [("populated_up_failed", "004")]


def test_the_built_in_migrations_are_proved_from_every_version() -> None:
    result = validate_migrations(migrations, every_version=True)
    assert (result.errors, result.warnings) == ((), ())


# -- what it costs


def test_the_work_grows_with_the_number_of_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = 0
    execute = Connection.execute

    def counted(self: Connection, sql: str, *args: Any, **options: Any) -> Any:
        nonlocal ran
        ran += 1
        return execute(self, sql, *args, **options)

    def work(number: int, **options: Any) -> int:
        nonlocal ran
        ran = 0
        chain: list[Migration] = []
        for n in range(1, number + 1, 2):
            chain += [table(n), step(n + 1, f"ALTER TABLE t{n} ADD COLUMN y", down=f"ALTER TABLE t{n} DROP COLUMN y")]
        assert validate_migrations(chain, **options).is_valid
        return ran

    monkeypatch.setattr(Connection, "execute", counted)
    few, many = work(20), work(60)
    assert many < 3.5 * few
    assert work(60, every_version=True) > 5 * work(20, every_version=True)  # so the measure can tell


def test_a_rebuild_among_many_tables_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = [table(n) for n in range(1, 30)]
    chain.append(step(30, RebuildTable("t3", "CREATE TABLE t3 (x NOT NULL)")))
    assert errors(validate_migrations(chain)) == [("populated_up_failed", "030")]


def test_an_up_that_needs_what_a_down_has_left_fails() -> None:
    chain = [
        TABLE,
        step(2, "CREATE TABLE u (x)", down=("INSERT INTO t VALUES (1)", "DROP TABLE u")),
        step(3, "CREATE TABLE v (x NOT NULL)", "INSERT INTO v VALUES ((SELECT max(x) FROM t))", down="DROP TABLE v"),
    ]
    assert errors(validate_migrations(chain)) == [("up_failed", "003")]
