from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from test_layouts import FOLDERS, write

from agentdb import Migration, Migrator, create_client_sync, load_migrations
from agentdb.errors import AgentDBError
from agentdb.tools.adoption import adopt_folder
from agentdb.tools.takeover import take_over

ONE = Migration("001", "one", "CREATE TABLE one (id INTEGER PRIMARY KEY)", "DROP TABLE one")
TWO = Migration("002", "two", "CREATE TABLE two (id INTEGER PRIMARY KEY)", "DROP TABLE two")
THREE = Migration("003", "three", "CREATE TABLE three (id INTEGER PRIMARY KEY)", "DROP TABLE three")
ALL = [ONE, TWO, THREE]


@pytest.mark.parametrize("layout", FOLDERS)
def test_an_adopted_folder_loads_as_what_it_was(layout: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "theirs", FOLDERS[layout][0])
    done = adopt_folder(folder, layout, tmp_path / "ours")
    assert [
        (one.number, one.foreign_keys, one.use_transaction, len(one.up), len(one.down)) for one in done.migrations
    ] == [
        (one.number, one.foreign_keys, one.use_transaction, len(one.up), len(one.down))
        for one in load_migrations(folder, layout)
    ]
    assert load_migrations(tmp_path / "ours") == done.migrations
    assert all(os.path.exists(path) for path in done.files)


def test_an_adopted_allows_loss_is_in_the_file_and_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "theirs", {"1_a.sql": "CREATE TABLE a (x); INSERT INTO a VALUES (1);", "2_b.sql": "DELETE FROM a;"}
    )
    adopt_folder(folder, "plain", tmp_path / "ours", dry_run=True)
    assert not (tmp_path / "ours").exists()
    done = adopt_folder(folder, "plain", tmp_path / "ours")
    assert done.migrations[1].allows_loss == ("a",)
    with create_client_sync(":memory:") as client:
        assert len(Migrator(client, done.migrations).migrate()) == 2


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = write(tmp_path / "theirs", {"1_a.sql": "CREATE TABLE a (x)"})
    with pytest.raises(AgentDBError) as raised:
        adopt_folder(folder, "plain", folder)
    assert raised.value.code == "already_exists"
    assert os.listdir(tmp_path) == ["theirs"]


def database(tmp_path: Path, *statements: str, tables: tuple[Migration, ...] = (ONE, TWO)) -> Path:
    path = tmp_path / "live.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for sql in (*[str(item) for one in tables for item in one.up], *statements):
            connection.execute(sql)
    return path


#: What each tool has in a database with migrations 1 and 2.
HISTORIES: dict[str, tuple[str, ...]] = {
    "diesel": (
        "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP)",
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('001'), ('002')",
    ),
    "sqlx": (
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT, success BOOLEAN, checksum BLOB)",
        "INSERT INTO _sqlx_migrations VALUES (1, 'one', 1, x''), (2, 'two', TRUE, x'')",
    ),
    "goose": (
        "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER, is_applied INTEGER)",
        "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1), (3, 1), (3, 0)",
    ),
    "sql-migrate": (
        "CREATE TABLE gorp_migrations (id VARCHAR(255) PRIMARY KEY, applied_at DATETIME)",
        "INSERT INTO gorp_migrations (id) VALUES ('001_one.sql'), ('2-two.sql')",
    ),
    "dbmate": (
        "CREATE TABLE schema_migrations (version VARCHAR(128) PRIMARY KEY)",
        "INSERT INTO schema_migrations VALUES ('001'), ('002')",
    ),
    "golang-migrate": (
        "CREATE TABLE schema_migrations (version uint64, dirty bool)",
        "CREATE UNIQUE INDEX version_unique ON schema_migrations (version)",
        "INSERT INTO schema_migrations VALUES (2, 0)",
    ),
    "drizzle": (
        "CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)",
        "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('a', 1), ('b', 2)",
    ),
    "prisma": (
        "CREATE TABLE _prisma_migrations (id TEXT, migration_name TEXT, finished_at DATETIME, rolled_back_at DATETIME)",
        "INSERT INTO _prisma_migrations VALUES ('a', '001_one', 1, NULL), ('b', '002_two', 1, NULL), ('c', '003_x', NULL, 1)",
    ),
    "PRAGMA user_version": ("PRAGMA user_version = 2",),
}


@pytest.mark.parametrize("tool", HISTORIES)
def test_what_a_tool_has_applied_is_recorded(tool: str, tmp_path: Path) -> None:
    path = database(tmp_path, *HISTORIES[tool])
    looked = take_over(path, ALL, dry_run=True)
    done = take_over(path, ALL)
    assert done == looked
    assert (done.history.tool, done.recorded, done.pending) == (tool, ("001", "002"), ("003",))
    with create_client_sync(path) as client:
        assert [result.migration.id for result in Migrator(client, ALL).migrate()] == ["003"]
        notes = client.execute("SELECT note FROM migrations WHERE id = '001'").tuples
        assert tool in notes[0][0]


def test_alembic_needs_to_be_told_where_it_is(tmp_path: Path) -> None:
    path = database(tmp_path, "CREATE TABLE alembic_version (version_num VARCHAR(32))")
    with pytest.raises(AgentDBError, match="alembic knows no numbers"):
        take_over(path, ALL)
    assert take_over(path, ALL, at="2", reason="alembic was at ab12").recorded == ("001", "002")


UNFINISHED = {
    "sqlx": ("CREATE TABLE _sqlx_migrations (version, success)", "INSERT INTO _sqlx_migrations VALUES (1, 1), (2, 0)"),
    "golang-migrate": (
        "CREATE TABLE schema_migrations (version, dirty)",
        "INSERT INTO schema_migrations VALUES (2, 1)",
    ),
    "prisma": (
        "CREATE TABLE _prisma_migrations (migration_name, finished_at, rolled_back_at)",
        "INSERT INTO _prisma_migrations VALUES ('001_one', 1, NULL), ('002_two', NULL, NULL)",
    ),
}


@pytest.mark.parametrize("tool", UNFINISHED)
def test_what_is_unfinished_is_refused(tool: str, tmp_path: Path) -> None:
    path = database(tmp_path, *UNFINISHED[tool])
    before = path.read_bytes()
    with pytest.raises(AgentDBError, match="not ended") as raised:
        take_over(path, ALL)
    assert raised.value.code == "takeover_refused"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("CREATE INDEX by_hand ON one (id)",), "index by_hand: unexpected"),
        (("DROP TABLE two",), "table two: missing"),
        (("ALTER TABLE one ADD COLUMN x",), "table one: changed"),
        (("INSERT INTO schema_migrations VALUES ('009')",), "has applied 9, which is not among"),
        (("CREATE TABLE _sqlx_migrations (version, success)",), "several histories"),
        (("DROP TABLE schema_migrations", "CREATE TABLE schema_migrations (other)"), "not as that tool makes it"),
        (
            ("DELETE FROM schema_migrations", "INSERT INTO schema_migrations VALUES ('x')"),
            "does not begin with a number",
        ),
        (("DELETE FROM schema_migrations",), "has applied none"),
    ],
)
def test_what_the_schema_does_not_prove_is_refused(more: tuple[str, ...], why: str, tmp_path: Path) -> None:
    path = database(tmp_path, *HISTORIES["dbmate"], *more)
    before = path.read_bytes()
    with pytest.raises(AgentDBError, match=why) as raised:
        take_over(path, ALL)
    assert raised.value.code == "takeover_refused"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone() is None
    assert path.read_bytes()[100:] == before[100:]


def test_tables_of_others_can_be_left_out(tmp_path: Path) -> None:
    path = database(tmp_path, *HISTORIES["dbmate"], "CREATE TABLE cache (x)")
    assert take_over(path, ALL, ignore=["cache"]).recorded == ("001", "002")


def test_a_second_takeover_records_nothing(tmp_path: Path) -> None:
    path = database(tmp_path, *HISTORIES["dbmate"])
    take_over(path, ALL)
    with pytest.raises(AgentDBError) as raised:
        take_over(path, ALL)
    assert raised.value.code == "nothing_to_repair"


def test_while_another_process_writes_nothing_is_recorded(tmp_path: Path) -> None:
    path = database(tmp_path, *HISTORIES["dbmate"])
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(AgentDBError) as raised:
            take_over(path, ALL, busy_timeout=0.05)
    assert raised.value.code == "busy"


def test_what_is_no_database_is_told_and_no_file_is_made(tmp_path: Path) -> None:
    for name, code in (("missing.db", "file_missing"), (".", "is_a_directory")):
        with pytest.raises(AgentDBError) as raised:
            take_over(tmp_path / name, ALL)
        assert raised.value.code == code
    assert os.listdir(tmp_path) == []


def test_a_hostile_history_is_told(tmp_path: Path) -> None:
    path = database(
        tmp_path,
        "CREATE VIEW schema_migrations AS WITH RECURSIVE n(version) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT version FROM n",
    )
    with pytest.raises(AgentDBError, match="no history"):
        take_over(path, ALL)
