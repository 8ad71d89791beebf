from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentdb.migrations import MIGRATIONS

BUILT_IN = [migration.id for migration in MIGRATIONS]


def test_creates_a_database_and_applies_everything(cli: Any, place: Path, tables: Any) -> None:
    result = cli("migrate", "agents.db")
    assert {"agents", "migrations", "session_logs", "sessions", "messages"} <= set(tables("agents.db"))
    for migration in MIGRATIONS:
        assert f"applied {migration.label} in " in result.stdout
    assert result.stdout.endswith(f"{len(BUILT_IN)} migrations applied; agents.db is at {BUILT_IN[-1]}.\n")
    assert result.stderr == ""


def test_a_second_run_has_nothing_to_do_and_writes_nothing(cli: Any, place: Path, contents: Any) -> None:
    cli("migrate", "agents.db")
    before = contents(place)
    result = cli("migrate", "agents.db")
    assert result.stdout == f"Nothing to apply; agents.db is at {BUILT_IN[-1]}.\n"
    assert contents(place) == before


@pytest.mark.parametrize("database", ["file:agents.db", "./agents.db"])
def test_database_may_be_a_url_or_a_path(cli: Any, place: Path, database: str) -> None:
    cli("migrate", database)
    assert (place / "agents.db").exists()


def test_without_a_database_the_environment_is_asked_then_the_default_taken(cli: Any, place: Path) -> None:
    cli("migrate", env={"AGENTDB_URL": "of_the_environment.db"})
    assert [path.name for path in place.iterdir()] == ["of_the_environment.db"]
    cli("migrate", "given.db", env={"AGENTDB_URL": "of_the_environment_2.db"})
    cli("migrate", env={"AGENTDB_URL": ""})
    assert sorted(path.name for path in place.iterdir()) == ["agents.db", "given.db", "of_the_environment.db"]


def test_a_zero_byte_file_is_a_new_database(cli: Any, place: Path, tables: Any) -> None:
    (place / "agents.db").touch()
    assert f"0 applied, {len(BUILT_IN)} pending; at no migration" in cli("status").stdout
    cli("migrate")
    assert "agents" in tables("agents.db")


def test_a_database_in_memory_is_migrated_for_the_exercise(cli: Any, place: Path) -> None:
    assert f"{len(BUILT_IN)} migrations applied" in cli("migrate", ":memory:").stdout
    assert list(place.iterdir()) == []


def test_limit_and_target_stop_where_they_say(cli: Any, notes: Path) -> None:
    first = cli("migrate", "n.db", "--migrations", notes, "--limit", 1)
    assert first.stdout.endswith("1 migration applied; n.db is at 001, 2 pending.\n")
    document = cli.json("migrate", "n.db", "--migrations", notes, "--target", "2")
    assert [result["id"] for result in document["results"]] == ["002"]
    assert (document["current_version"], document["pending"]) == ("002", ["003"])


def test_the_json_of_a_run(cli: Any, notes: Path) -> None:
    document = cli.json("migrate", "n.db", "--migrations", notes)
    first = document["results"][0]
    assert first.pop("executed_at")[-5] == "."
    assert first.pop("execution_time") >= 0
    assert first == {
        "id": "001",
        "description": "notes",
        "success": True,
        "dry_run": False,
        "statements": ["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)"],
    }
    del document["results"]
    assert document == {"database": "n.db", "dry_run": False, "current_version": "003", "pending": [], "backup": None}


def test_dry_run_of_a_database_that_does_not_exist_shows_everything_and_creates_nothing(cli: Any, place: Path) -> None:
    result = cli("migrate", "--dry-run")
    assert f"would apply {MIGRATIONS[0].label}\n  1. CREATE TABLE agents ( id" in result.stdout
    assert result.stdout.endswith(f"Nothing was written; agents.db is at no migration, {len(BUILT_IN)} pending.\n")
    document = cli.json("migrate", "--dry-run")
    assert [result["id"] for result in document["results"]] == BUILT_IN
    assert document["results"][0]["statements"] == list(MIGRATIONS[0].up)
    assert (document["dry_run"], document["current_version"]) == (True, None)
    assert list(place.iterdir()) == []


def test_dry_run_obeys_limit_and_target(cli: Any, notes: Path) -> None:
    for option in (("--limit", 1), ("--target", "001")):
        document = cli.json("migrate", "n.db", "--migrations", notes, "--dry-run", *option)
        assert [result["id"] for result in document["results"]] == ["001"]


def test_dry_run_in_a_folder_that_does_not_exist_says_what_migrate_would_say(cli: Any) -> None:
    assert cli.error("migrate", "nowhere/agents.db", "--dry-run")["code"] == "folder_missing"
    assert cli.error("migrate", "nowhere/agents.db")["code"] == "folder_missing"


def test_a_failure_keeps_what_was_before_it_and_names_the_statement(cli: Any, write: Any, tables: Any) -> None:
    folder = write(
        "broken",
        m001_good=("CREATE TABLE good (a);", "DROP TABLE good;"),
        m002_bad=("CREATE TABLE half (a);\nINSERT INTO nowhere VALUES (1);", "DROP TABLE half;"),
    )
    result = cli("migrate", "b.db", "--migrations", folder, code=1)
    assert result.stdout.startswith("done before that: 001 (good) in ")
    assert "Error: applying migration 002 (bad) failed, statement 2 of 2: no such table: nowhere" in result.stderr
    assert result.stderr.endswith("Correct the statement. [statement_failed]\n")
    assert tables("b.db") == ["good", "migrations"]

    error = cli.json("migrate", "b.db", "--migrations", folder, code=1)["error"]
    assert error["migration"] == "002"
    assert (error["statement"], error["statement_number"]) == ("INSERT INTO nowhere VALUES (1)", 2)
    assert error["engine_code"] == "SQLITE_ERROR"
    assert [(result["id"], result["success"]) for result in error["results"]] == [("002", False)]


def test_no_transaction_leaves_what_ran_before_the_failure(cli: Any, write: Any, tables: Any) -> None:
    folder = write("broken", m001_bad=("CREATE TABLE half (a);\nINSERT INTO nowhere VALUES (1);",))
    cli("migrate", "b.db", "--migrations", folder, "--no-transaction", code=1)
    assert "half" in tables("b.db")


def test_an_edited_migration_is_refused_unless_checksums_are_off(cli: Any, write: Any, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes, "--limit", 2)
    write(
        "notes", m001_notes=("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, more TEXT);", "DROP TABLE notes;")
    )
    error = cli.error("migrate", "n.db", "--migrations", notes)
    assert (error["code"], error["migration"]) == ("checksum_mismatch", "001")
    assert cli.error("migrate", "n.db", "--migrations", notes, "--dry-run") == error
    assert "applied 003" in cli("migrate", "n.db", "--migrations", notes, "--no-checksums").stdout


def test_a_migration_of_a_newer_build_is_refused(cli: Any, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes)
    for stem in ("003_stars.up.sql", "003_stars.down.sql"):
        (notes / stem).unlink()
    error = cli.error("migrate", "n.db", "--migrations", notes)
    assert (error["code"], error["migration"]) == ("unknown_migration", "003")


def test_a_number_below_the_newest_applied_is_refused_unless_allowed(cli: Any, write: Any, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes)
    write("notes", m0025_late=("CREATE TABLE late (a);",))
    (notes / "0025_late.up.sql").rename(notes / "0_late.up.sql")
    error = cli.error("migrate", "n.db", "--migrations", notes)
    assert error["code"] == "out_of_order"
    assert "--allow-out-of-order" in error["remedy"]
    assert "applied 0 (late)" in cli("migrate", "n.db", "--migrations", notes, "--allow-out-of-order").stdout


def test_another_table_keeps_another_history_in_the_same_file(cli: Any, notes: Path, tables: Any) -> None:
    cli("migrate")
    cli("migrate", "--migrations", notes, "--table", "notes_history")
    assert {"agents", "notes", "migrations", "notes_history"} <= set(tables("agents.db"))
    assert "3 applied, 0 pending" in cli("status", "--migrations", notes, "--table", "notes_history").stdout


def test_a_table_of_another_shape_is_refused_with_the_way_out(cli: Any, query: Any) -> None:
    query("other.db", "CREATE TABLE migrations (name TEXT)")
    error = cli.error("migrate", "other.db")
    assert error["code"] == "foreign_table"
    assert "--table" in error["remedy"]


def test_a_module_in_the_current_folder_is_found(cli: Any, place: Path, tables: Any) -> None:
    (place / "our_app_7").mkdir()
    (place / "our_app_7" / "schema.py").write_text(
        "from agentdb import Migration\nMIGRATIONS = [Migration('1', 'ours', 'CREATE TABLE ours (a)')]\n"
    )
    cli("migrate", "--migrations", "our_app_7.schema")
    assert tables("agents.db") == ["migrations", "ours"]


@pytest.mark.parametrize(
    ("source", "code", "exit_code"),
    [
        ("./no_such_folder", "folder_missing", 2),
        ("no_such_module_7", "invalid_argument", 2),
        ("empty", "invalid_argument", 2),
        ("json", "invalid_argument", 2),
        ("raising_module_7", "bad_migration_file", 1),
        ("bad_sql", "control_statement", 1),
        ("bad_name", "bad_migration_file", 1),
        ("twice", "duplicate_id", 1),
    ],
)
def test_migrations_that_cannot_be_had(
    cli: Any, place: Path, write: Any, source: str, code: str, exit_code: int
) -> None:
    (place / "empty").mkdir()
    (place / "raising_module_7.py").write_text("1 / 0\n")
    write("bad_sql", m001_begin=("BEGIN;",))
    write("bad_name", mnothing=("CREATE TABLE t (a);",))
    write("twice", m1_a=("CREATE TABLE a (a);",), m01_b=("CREATE TABLE b (b);",))
    error = cli.error("migrate", "--migrations", source, code=exit_code)
    assert error["code"] == code
    assert not (place / "agents.db").exists()


def test_a_module_that_raises_is_named_with_what_it_raised(cli: Any, place: Path) -> None:
    (place / "raising_module_8.py").write_text("1 / 0\n")
    message = cli.error("migrate", "--migrations", "raising_module_8")["message"]
    assert "raising_module_8" in message
    assert "ZeroDivisionError: division by zero" in message


def test_a_file_that_is_no_database_is_left_as_it_is(cli: Any, place: Path, contents: Any) -> None:
    (place / "letter.db").write_bytes(b"Dear Sir or Madam, " * 100)
    before = contents(place)
    assert cli.error("migrate", "letter.db")["code"] == "not_a_database"
    assert contents(place) == before


def test_a_directory_is_no_database(cli: Any, place: Path) -> None:
    assert cli.error("migrate", place)["code"] == "is_a_directory"


def test_a_server_that_is_not_there_is_told_of_without_its_token(cli: Any) -> None:
    error = cli.error("migrate", "http://127.0.0.1:1?authToken=secret")
    assert error["code"] == "network"
    assert "secret" not in str(error)


def test_an_unknown_scheme_is_a_usage_error(cli: Any) -> None:
    assert cli.error("migrate", "mysql://host/db", code=2)["code"] == "unsupported_url"


def test_a_lock_is_waited_for_as_long_as_was_said(cli: Any, locked: Callable[..., Any]) -> None:
    cli("migrate", "--limit", 1)
    with locked("agents.db"):
        assert cli.error("migrate", "--busy-timeout", "0.1")["code"] == "busy"
        assert cli.json("migrate", "--busy-timeout", "0.1", "--dry-run")["pending"] == BUILT_IN[1:]
    cli("migrate")


def test_nothing_pending_needs_no_lock(cli: Any, locked: Callable[..., Any]) -> None:
    cli("migrate")
    with locked("agents.db"):
        assert cli("migrate", "--busy-timeout", "0").stdout.startswith("Nothing to apply")


def test_a_read_only_file_is_refused_and_left_as_it_is(cli: Any, place: Path, read_only: Any, contents: Any) -> None:
    with closing(sqlite3.connect("plain.db")) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    cli("migrate", ":memory:")  # whatever is imported late is imported now, by a user who may
    with read_only(place / "plain.db") as copy:
        before = contents(copy.parent)
        assert cli.error("migrate", copy)["code"] == "read_only"
        assert cli.json("migrate", copy, "--dry-run")["pending"] == BUILT_IN
        assert contents(copy.parent) == before


def test_an_unknown_target_is_a_usage_error(cli: Any, place: Path) -> None:
    assert f"there are {', '.join(BUILT_IN)}" in cli.error("migrate", "--target", "9999", code=2)["message"]
    assert cli.error("migrate", "--target", "soon", code=2)["code"] == "invalid_argument"


@pytest.mark.parametrize(
    "option", [("--limit", "0"), ("--limit", "-1"), ("--limit", "x"), ("--busy-timeout", "-1"), ("--no",)]
)
def test_options_that_cannot_be_meant(cli: Any, place: Path, option: tuple[str, ...]) -> None:
    error = cli.error("migrate", *option, code=2)
    assert error["code"] == "usage"
    assert error["remedy"] == "See `agentdb migrate --help`."
    assert list(place.iterdir()) == []
