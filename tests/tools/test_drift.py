from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentdb
from agentdb import AgentDB, Migration, MigrationSet, Migrator, PythonStep, RebuildTable, create_client_sync
from agentdb.operations import execute
from agentdb.tools.drift import find_drift
from agentdb.tools.recorded_history import recorded_sets

NOTES = MigrationSet(
    "notes",
    [
        Migration("001", "Notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, agent_id TEXT REFERENCES agents (id))"),
        Migration("002", "An index", "CREATE INDEX notes_by_agent ON notes (agent_id)"),
    ],
)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drift") / "a.db"
    AgentDB.open(path, migrations=[NOTES]).close()
    return path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for sql in statements:
            connection.execute(sql)


def found(path: Path, *sets: Any, **more: Any) -> list[str]:
    drift = find_drift(path, sets, **more)
    assert drift.problems == ()
    return [str(one) for one in drift.differences]


def test_a_clean_database_has_none(clean: Path) -> None:
    drift = find_drift(clean)
    assert drift.is_clean
    assert drift.is_complete
    assert drift.tables == ("migrations", "notes_migrations")
    assert drift.applied == len(agentdb.migrations.MIGRATIONS) + 2


def copy_of(path: Path, to: Path) -> Path:
    to.write_bytes(path.read_bytes())
    return to


#: What somebody may do by hand: the statements, and what drift says of each.
CHANGES: list[tuple[tuple[str, ...], str]] = [
    (("CREATE TABLE extra (x)",), "table extra: unexpected"),
    (('CREATE TABLE "odd ""name; --" (x)',), 'table odd "name; --: unexpected'),
    (("CREATE INDEX idx_extra ON notes (id, agent_id)",), "index idx_extra: unexpected"),
    (("CREATE VIEW v_extra AS SELECT 1 AS one",), "view v_extra: unexpected"),
    (
        ("CREATE TRIGGER tr_extra AFTER INSERT ON notes BEGIN SELECT 1; END",),
        "trigger tr_extra: unexpected",
    ),
    (("DROP INDEX notes_by_agent",), "index notes_by_agent: missing"),
    (("DROP TABLE session_events",), "table session_events: missing"),
    (("ALTER TABLE module_states ADD COLUMN extra TEXT",), "table module_states: changed"),
    (("ALTER TABLE agents ADD COLUMN extra TEXT",), "table agents: changed"),
    (("CREATE VIRTUAL TABLE extra_fts USING fts5(x)",), "table extra_fts: unexpected"),
]


@given(st.sets(st.integers(0, len(CHANGES) - 1)))
def test_exactly_what_was_changed_is_named(clean: Path, tmp_path_factory: Any, chosen: set[int]) -> None:
    path = copy_of(clean, tmp_path_factory.mktemp("law") / "a.db")
    gone = set()
    if 6 in chosen:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute(
                "SELECT type, name FROM sqlite_master WHERE tbl_name = 'session_events' AND type <> 'table' AND sql IS NOT NULL"
            )
            gone = {f"{kind} {name}: missing" for kind, name in rows}
    change(path, *[sql for number in sorted(chosen) for sql in CHANGES[number][0]])
    assert set(found(path)) == {CHANGES[number][1] for number in chosen} | gone


def test_the_sql_of_a_difference_repairs_it_where_no_rows_are_touched(clean: Path, tmp_path: Path) -> None:
    path = copy_of(clean, tmp_path / "a.db")
    change(
        path,
        "DROP INDEX notes_by_agent",
        "CREATE INDEX notes_by_agent ON notes (id)",
        "CREATE VIEW v AS SELECT 1",
        "DROP TABLE agent_switches",
    )
    drift = find_drift(path)
    assert len(drift.differences) >= 3
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(drift.sql)
    assert found(path) == []


def test_a_missing_table_that_is_made_again_by_another_hand_counts_by_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with create_client_sync(path) as client:
        Migrator(client, [Migration("001", "t", "CREATE TABLE t (\n  x INTEGER -- a number\n)")]).migrate()
    change(path, "DROP TABLE t", 'CREATE TABLE "t" (x INTEGER)')
    assert found(path) == []


def test_rebuilds_python_steps_and_migrations_out_of_order_are_run_again(tmp_path: Path) -> None:
    path = tmp_path / "a.db"

    def body() -> Any:
        yield from execute("CREATE TABLE by_step (x)")

    one = Migration("001", "t", "CREATE TABLE t (x, y)")
    late = Migration("002", "late", "CREATE TABLE late AS SELECT x FROM t")
    three = Migration("003", "rebuild", [RebuildTable("t", "CREATE TABLE t (x INTEGER NOT NULL)", columns={"x": "x"})])
    four = Migration("004", "step", [PythonStep("step", body)])
    with create_client_sync(path) as client:
        Migrator(client, [one, three, four]).migrate()
        Migrator(client, [one, late, three, four], allow_out_of_order=True).migrate()
    sets = MigrationSet("s", [one, late, three, four], table="migrations")
    assert found(path, sets) == []
    drift = find_drift(path)
    assert not drift.is_complete
    assert "Python step" in drift.problems[0]
    assert [str(one) for one in drift.differences] == ["table by_step: unexpected"]


def test_a_migration_that_may_lose_rows_is_run_again(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    filled = Migration("001", "t", ["CREATE TABLE t (x)", "INSERT INTO t VALUES (1)"])
    with create_client_sync(path) as client:
        Migrator(client, [filled, Migration("002", "none", "DELETE FROM t", allows_loss=("t",))]).migrate()
    assert found(path) == []
    assert find_drift(path).is_complete


def test_an_audited_database_is_clean(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with AgentDB.open(path) as db:
        db.audit.enable(["agents"])
    assert found(path) == []


def test_tables_of_others_can_be_left_out(clean: Path, tmp_path: Path) -> None:
    path = copy_of(clean, tmp_path / "a.db")
    change(path, "CREATE TABLE cache_a (x)", "CREATE INDEX i ON cache_a (x)")
    assert len(found(path)) == 2
    assert found(path, ignore=["CACHE_*"]) == []


def recorded(path: Path, statements: list[Any], checksum: str = "manual") -> None:
    with create_client_sync(path) as client:
        Migrator(client).initialize()
        client.execute(
            "INSERT INTO migrations (id, description, checksum, up) VALUES ('001', 'theirs', ?, ?)",
            (checksum, json.dumps(statements)),
        )


def test_recorded_statements_reach_no_other_file(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    path = tmp_path / "a.db"
    recorded(path, [f"ATTACH '{other}' AS o", "CREATE TABLE o.t (x)"])
    drift = find_drift(path)
    assert "ATTACH" in drift.problems[0]
    for sql in (f"VACUUM INTO '{other}'", f"PRAGMA temp_store_directory = '{tmp_path}'"):
        (tmp_path / "b.db").unlink(missing_ok=True)
        recorded(tmp_path / "b.db", [sql])
        find_drift(tmp_path / "b.db")
    assert not other.exists()


def test_recorded_statements_without_an_end_are_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    endless = "CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    recorded(path, [endless])
    assert "interrupted" in find_drift(path, timeout=0.2).problems[0]


@pytest.mark.parametrize("up", ["nonsense", "{", '[{"agentdb": "later"}]', '["SELECT 1; SELECT 2"]', '"x"', "[1]"])
def test_what_cannot_be_read_is_a_problem_and_no_traceback(tmp_path: Path, up: str) -> None:
    path = tmp_path / "a.db"
    recorded(path, [])
    change(path, f"UPDATE migrations SET up = '{up}'")
    drift = find_drift(path)
    assert len(drift.problems) == 1 or drift.applied == 1


def test_a_text_that_was_altered_in_the_file_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    recorded(path, ["CREATE TABLE t (x)"], "v1:" + "0" * 64)
    assert "checksum" in find_drift(path).problems[0]


def test_a_file_without_a_history_is_not_complete(tmp_path: Path) -> None:
    change(tmp_path / "a.db", "CREATE TABLE t (x)")
    drift = find_drift(tmp_path / "a.db")
    assert not drift.is_complete
    assert not drift.is_clean


def test_a_table_that_only_looks_like_a_tracking_table_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    change(
        path, "CREATE TABLE theirs (id BLOB, checksum, in_progress, applied_at)", "INSERT INTO theirs VALUES (1,2,3,4)"
    )
    with create_client_sync(path) as client:
        from agentdb.operations.runners import run

        assert run(client, recorded_sets({})) == ()
