"""`agentdb repair`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_an_edited_migration_is_accepted(cli: Any, write: Any, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes)
    write("notes", m001_notes=("CREATE TABLE notes (text); -- edited", "DROP TABLE notes;"))
    assert cli.error("migrate", "n.db", "--migrations", notes)["code"] == "checksum_mismatch"
    result = cli("repair", "accept-checksum", "001", "n.db", "--migrations", notes, "--reason", "a comment")
    assert result.stdout == "001 is recorded with the text that it has now; n.db is at 003, 0 pending.\n"
    cli("migrate", "n.db", "--migrations", notes)


def test_the_json_of_a_repair(cli: Any, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes)
    assert cli.json("repair", "mark-reverted", "003", "n.db", "--migrations", notes, "--reason", "gone") == {
        "database": "n.db",
        "action": "mark-reverted",
        "migration": "003",
        "reason": "gone",
        "current_version": "002",
        "pending": ["003"],
    }
    assert cli.json("repair", "mark-applied", "3", "n.db", "--migrations", notes, "--reason", "back")["pending"] == []


@pytest.mark.parametrize("reason", [[], ["--reason", " "]], ids=["none", "blank"])
def test_a_repair_needs_a_reason(cli: Any, notes: Path, reason: list[str]) -> None:
    cli("migrate", "n.db", "--migrations", notes)
    error = cli.error("repair", "mark-reverted", "003", "n.db", "--migrations", notes, *reason, code=2)
    assert "reason" in error["message"]
    assert cli.json("status", "n.db", "--migrations", notes)["pending"] == []


def test_a_repair_creates_no_file(cli: Any, notes: Path, place: Path) -> None:
    error = cli.error("repair", "baseline", "003", "none.db", "--migrations", notes, "--reason", "x")
    assert error["code"] == "file_missing"
    assert not (place / "none.db").exists()


def test_what_is_not_so_is_refused(cli: Any, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes)
    error = cli.error("repair", "mark-applied", "003", "n.db", "--migrations", notes, "--reason", "x")
    assert error["code"] == "nothing_to_repair"
