from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def test_the_report_as_text_and_as_json(cli: Any, place: Path) -> None:
    cli("migrate")
    cli("backup")
    found = cli.json("doctor")
    assert found["is_good"] is True
    assert {check["name"] for check in found["checks"]} >= {"versions", "migrations", "integrity", "locks"}
    assert "ok       integrity: quick_check: ok" in cli("doctor").stdout
    assert "integrity_check: ok" in cli("doctor", "--deep").stdout


def test_a_problem_is_exit_code_1_with_a_remedy(cli: Any, place: Path) -> None:
    cli("migrate")
    with closing(sqlite3.connect("agents.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("INSERT INTO sessions (id, name, main_agent_id) VALUES ('s', 'n', 'none')")
    text = cli("doctor", code=1).stdout
    assert "problem  foreign_keys: references lead nowhere: 1 of sessions -> agents" in text


def test_fix_says_what_it_did(cli: Any, place: Path) -> None:
    cli("migrate")
    assert "fix      the -wal is written into the file" in cli("doctor", "--fix").stdout
    assert cli.error("doctor", "missing.db")["code"] == "file_missing"


def test_looking_writes_nothing(cli: Any, place: Path, contents: Any) -> None:
    cli("migrate")
    before = contents(place)
    cli("doctor", "--deep")
    cli("backups")
    assert contents(place) == before


def test_the_latest_backup_is_restored(cli: Any, place: Path) -> None:
    cli("migrate", "--limit", 3)
    cli("migrate", "--limit", 1)
    listed = cli.json("backups")["backups"]
    assert [(one["kind"], one["before"], one["after"]) for one in listed] == [("upgrade", "003", "004")]
    done = cli.json("restore", "--latest")
    assert done["backup"] == listed[0]["path"]
    assert cli.json("status")["current_version"] == "003"
    assert [one["kind"] for one in cli.json("backups")["backups"]].count("replaced") == 1
    assert cli.error("restore", "--latest", "a.db", "b.db", code=2)["code"] == "usage"
    assert cli.error("restore", code=2)["code"] == "usage"
    assert cli.error("restore", "--latest", "other.db")["code"] == "not_found"
    cli("restore", "--latest", "agents.db")
