from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentdb.migrations import MIGRATIONS


def test_shows_what_is_applied_with_its_times(cli: Any) -> None:
    cli("migrate", "agents.db")
    lines = cli("status", "agents.db").stdout.splitlines()
    assert lines[0] == f"agents.db: {len(MIGRATIONS)} applied, 0 pending; at {MIGRATIONS[-1].id}"
    assert len(lines) == 1 + len(MIGRATIONS)
    for line, migration in zip(lines[1:], MIGRATIONS, strict=True):
        number, state, at, time, unit, description = line.split(maxsplit=5)
        assert (number, state, unit, description) == (migration.id, "applied", "ms", migration.description)
        assert at[10] == "T"
        assert at.endswith("Z")
        assert float(time) >= 0


def test_shows_what_is_pending_which_is_no_failure_unless_it_is_checked_for(cli: Any, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes, "--limit", 2)
    result = cli("status", "n.db", "--migrations", notes)
    assert result.stdout.startswith("n.db: 2 applied, 1 pending; at 002\n")
    assert result.stdout.splitlines()[-1].split() == ["003", "pending", "stars"]
    assert cli("status", "n.db", "--migrations", notes, "--check", code=1).stdout == result.stdout
    cli("migrate", "n.db", "--migrations", notes)
    cli("status", "n.db", "--migrations", notes, "--check")


def test_the_json(cli: Any, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes, "--limit", 1)
    document = cli.json("status", "n.db", "--migrations", notes)
    applied = document["applied"][0]
    assert applied.pop("applied_at").endswith("Z")
    assert applied.pop("execution_time") >= 0
    assert applied.pop("checksum").startswith("v1:")
    assert document == {
        "database": "n.db",
        "table": "migrations",
        "current_version": "001",
        "is_valid": True,
        "applied": [{"id": "001", "description": "notes", "in_progress": None}],
        "pending": [{"id": "002", "description": "tags"}, {"id": "003", "description": "stars"}],
        "errors": [],
        "warnings": [],
    }


def test_a_file_that_does_not_exist_has_no_status(cli: Any, place: Path) -> None:
    error = cli.error("status", "nothing.db")
    assert error["code"] == "file_missing"
    assert "`agentdb migrate`" in error["remedy"]
    assert cli.error("status", "nowhere/nothing.db")["code"] == "folder_missing"
    assert list(place.iterdir()) == []


def test_a_database_without_migrations_has_everything_pending(cli: Any, query: Any, tables: Any) -> None:
    query("theirs.db", "CREATE TABLE theirs (a)")
    document = cli.json("status", "theirs.db")
    assert (document["current_version"], len(document["pending"])) == (None, len(MIGRATIONS))
    assert tables("theirs.db") == ["theirs"]


def test_what_does_not_fit_is_found_and_fails(cli: Any, write: Any, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes)
    write("notes", m001_notes=("CREATE TABLE notes (edited);", "DROP TABLE notes;"))
    for stem in ("003_stars.up.sql", "003_stars.down.sql"):
        (notes / stem).unlink()
    result = cli("status", "n.db", "--migrations", notes, code=1)
    assert "error: migration 003 (stars) is applied and unknown to this build [unknown_migration]\n" in result.stdout
    assert (
        "\n  Restore the original text of the migration, and put the change into a new migration. If " in result.stdout
    )
    document = cli.json("status", "n.db", "--migrations", notes, code=1)
    assert document["is_valid"] is False
    assert [(finding["code"], finding["migration"]) for finding in document["errors"]] == [
        ("unknown_migration", "003"),
        ("checksum_mismatch", "001"),
    ]
    assert [row["id"] for row in document["applied"]] == ["001", "002", "003"]


def test_warnings_are_shown_and_do_not_fail(cli: Any, query: Any) -> None:
    cli("migrate")
    query("agents.db", "UPDATE migrations SET checksum = 'manual' WHERE id = '001'")
    result = cli("status")
    assert "warning: the row of migration 001 was put in by hand [manual_row]" in result.stdout
    assert cli.json("status")["warnings"][0]["code"] == "manual_row"


def test_rows_that_a_hand_has_spoilt_are_told_of(cli: Any, query: Any) -> None:
    cli("migrate")
    query("agents.db", "INSERT INTO migrations (id) VALUES ('1'), ('soon')")
    document = cli.json("status", code=1)
    assert {finding["code"] for finding in document["errors"]} >= {"bad_id_in_table", "duplicate_in_table"}
    assert document["applied"][0]["id"] == "soon"
    assert "soon" in cli("status", code=1).stdout


def test_one_that_began_outside_a_transaction_and_did_not_end_is_pending(cli: Any, notes: Path, query: Any) -> None:
    cli("migrate", "n.db", "--migrations", notes)
    query("n.db", "UPDATE migrations SET in_progress = 'up', execution_time = NULL WHERE id = '003'")
    document = cli.json("status", "n.db", "--migrations", notes)
    assert document["current_version"] == "002"
    assert document["pending"] == [{"id": "003", "description": "stars"}]
    assert document["warnings"][0]["code"] == "interrupted_migration"


def test_nothing_that_a_database_holds_moves_the_cursor(cli: Any, query: Any) -> None:
    cli("migrate")
    query(
        "agents.db", "UPDATE migrations SET description = 'a' || char(27) || '[2Jb' || char(10) || 'c' WHERE id = '001'"
    )
    output = cli("status").stdout
    assert "\x1b" not in output
    assert "a?[2Jb c" in output
    assert json.loads(cli("status", "--json").stdout)["applied"][0]["description"] == "a\x1b[2Jb\nc"


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_read_only_file_has_a_status(cli: Any, place: Path, read_only: Any, query: Any, journal_mode: str) -> None:
    cli("migrate")
    query("agents.db", f"PRAGMA journal_mode = {journal_mode}")
    with read_only(place / "agents.db") as copy:
        if journal_mode == "wal":
            # SQLite has to make a -shm file to read such a database, and may not.
            assert cli.error("status", copy)["code"] == "read_only"
        else:
            assert cli.json("status", copy)["current_version"] == MIGRATIONS[-1].id


def test_another_process_that_writes_is_not_waited_for(cli: Any, locked: Any) -> None:
    cli("migrate")
    with locked("agents.db"):
        assert cli.json("status", "--busy-timeout", "0")["current_version"] == MIGRATIONS[-1].id
