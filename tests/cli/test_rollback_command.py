from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentdb.migrations import MIGRATIONS


@pytest.fixture
def database(cli: Any, notes: Path) -> str:
    """A database with all three migrations of `notes`."""
    cli("migrate", "n.db", "--migrations", notes)
    return "n.db"


def test_without_options_the_last_one_is_rolled_back(cli: Any, database: str, notes: Path, query: Any) -> None:
    result = cli("rollback", database, "--migrations", notes, "--yes")
    assert result.stdout.splitlines()[1].startswith("rolled back 003 (stars) in ")
    assert result.stdout.endswith("1 migration rolled back; n.db is at 002, 1 pending.\n")
    assert [name for _, name, *_ in query(database, "PRAGMA table_info(notes)")] == ["id", "text"]


def test_limit_rolls_that_many_back_and_target_stays(cli: Any, database: str, notes: Path, tables: Any) -> None:
    document = cli.json("rollback", database, "--migrations", notes, "--limit", 2, "--yes")
    assert [result["id"] for result in document["results"]] == ["003", "002"]
    assert (document["current_version"], document["pending"]) == ("001", ["002", "003"])
    cli("migrate", database, "--migrations", notes)
    cli("rollback", database, "--migrations", notes, "--target", "001", "--yes")
    assert tables(database) == ["migrations", "notes"]


def test_built_in_migrations_go_up_and_down(cli: Any, tables: Any) -> None:
    cli("migrate")
    cli("rollback", "--limit", len(MIGRATIONS), "--yes")
    assert tables("agents.db") == ["migrations"]
    assert cli("rollback", "--yes").stdout == (
        f"Nothing to roll back; agents.db is at no migration, {len(MIGRATIONS)} pending.\n"
    )
    cli("migrate")


def test_dry_run_shows_the_statements_and_runs_none(
    cli: Any, database: str, place: Path, notes: Path, contents: Any
) -> None:
    before = contents(place)
    result = cli("rollback", database, "--migrations", notes, "--target", "001", "--dry-run")
    assert result.stdout == (
        "would roll back 003 (stars)\n  1. ALTER TABLE notes DROP COLUMN stars\n"
        "would roll back 002 (tags)\n  1. DROP TABLE tags\n"
        "Nothing was written; n.db is at 003.\n"
    )
    assert cli.json("rollback", database, "--migrations", notes, "--dry-run")["results"][0]["id"] == "003"
    assert contents(place) == before


def test_a_file_that_does_not_exist_is_not_created(cli: Any, place: Path) -> None:
    assert cli.error("rollback", "nothing.db", "--yes")["code"] == "file_missing"
    assert cli.error("rollback", "nothing.db", "--dry-run")["code"] == "file_missing"
    assert list(place.iterdir()) == []


def test_one_without_a_down_is_refused_before_the_first_step(
    cli: Any, database: str, notes: Path, write: Any, tables: Any
) -> None:
    write("notes", m004_data=("UPDATE notes SET text = '';",), m005_more=("CREATE TABLE more (a);", "DROP TABLE more;"))
    cli("migrate", database, "--migrations", notes)
    error = cli.error("rollback", database, "--migrations", notes, "--limit", 2, "--yes")
    assert (error["code"], error["migration"]) == ("no_down", "004")
    assert "more" in tables(database)


def test_what_this_build_does_not_know_is_rolled_back_from_the_record(
    cli: Any, database: str, notes: Path, query: Any
) -> None:
    for stem in ("003_stars.up.sql", "003_stars.down.sql"):
        (notes / stem).unlink()
    cli("rollback", database, "--migrations", notes, "--yes")
    assert query(database, "SELECT id FROM migrations ORDER BY id") == [("001",), ("002",)]


def test_a_failure_leaves_the_whole_range_applied(cli: Any, write: Any, database: str, notes: Path, query: Any) -> None:
    write("notes", m002_tags=((notes / "002_tags.up.sql").read_text(), "DROP TABLE taggs;"))
    result = cli("rollback", database, "--migrations", notes, "--target", "001", "--yes", code=1)
    assert "rolling back migration 002 (tags) failed, statement 1 of 1: no such table: taggs" in result.stderr
    assert "nothing was rolled back" in result.stderr
    assert query(database, "SELECT count(*) FROM migrations") == [(3,)]
    error = cli.json("rollback", database, "--migrations", notes, "--limit", 2, "--yes", code=1)["error"]
    assert (error["migration"], error["statement"]) == ("002", "DROP TABLE taggs")


def test_without_a_terminal_it_wants_a_yes(cli: Any, database: str, notes: Path, query: Any) -> None:
    error = cli.error("rollback", database, "--migrations", notes, code=2)
    assert error["code"] == "invalid_argument"
    assert "--yes" in error["remedy"]
    assert query(database, "SELECT count(*) FROM migrations") == [(3,)]


def test_a_backup_is_made_first_and_its_path_is_told(cli: Any, database: str, notes: Path, query: Any) -> None:
    query(database, "SELECT 1")
    backup = cli.json("rollback", database, "--migrations", notes, "--yes")["backup"]
    assert backup.endswith(".003-002.backup")
    assert query(backup, "SELECT count(*) FROM migrations") == [(3,)]
    assert cli.json("rollback", database, "--migrations", notes, "--yes", "--no-backup")["backup"] is None


def test_an_unknown_target_is_a_usage_error(cli: Any, database: str, notes: Path) -> None:
    assert (
        cli.error("rollback", database, "--migrations", notes, "--target", "9", "--yes", code=2)["code"]
        == "invalid_argument"
    )


def test_a_lock_is_waited_for_as_long_as_was_said(cli: Any, database: str, notes: Path, locked: Any) -> None:
    with locked(database):
        error = cli.error("rollback", database, "--migrations", notes, "--busy-timeout", "0.1", "--yes")
    assert error["code"] == "busy"
