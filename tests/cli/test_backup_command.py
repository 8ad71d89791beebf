from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def test_a_backup_and_its_restore(cli: Any, place: Path, notes: Path, query: Any, tables: Any) -> None:
    cli("migrate", "n.db", "--migrations", notes, "--limit", 1)
    query("n.db", "INSERT INTO notes (text) VALUES ('mine')")
    said = cli("backup", "n.db", "--to", "kept/").stdout
    (kept,) = (place / "kept").iterdir()
    assert said == f"Backed up n.db to {kept} ({kept.stat().st_size / 1e6:,.1f} MB).\n"
    cli("migrate", "n.db", "--migrations", notes)
    query("n.db", "DELETE FROM notes")
    said = cli("restore", kept, "n.db").stdout
    assert said == f"Restored n.db from {kept}. What was there is now {place}/n.db.replaced-0001.\n"
    assert query("n.db", "SELECT text FROM notes") == [("mine",)]
    assert "tags" in tables("n.db.replaced-0001")


def test_their_json(cli: Any, place: Path) -> None:
    cli("migrate")
    document = cli.json("backup", "--to", "copy.db")
    assert document == {
        "database": "agents.db",
        "backup": f"{place}/copy.db",
        "size": (place / "copy.db").stat().st_size,
    }
    assert cli.json("restore", "copy.db") == {
        "database": "agents.db",
        "backup": f"{place}/copy.db",
        "replaced": f"{place}/agents.db.replaced-0001",
    }
    assert cli.json("restore", "copy.db", "new.db")["replaced"] is None


def test_their_failures(cli: Any, place: Path) -> None:
    cli("migrate")
    assert cli.error("backup", "missing.db")["code"] == "file_missing"
    assert cli.error("backup", "--to", "agents.db")["code"] == "already_exists"
    assert cli.error("backup", ":memory:", code=2)["code"] == "invalid_argument"
    assert cli.error("restore", "missing.db")["code"] == "file_missing"
    (place / "letter").write_text("Dear Sir or Madam, " * 100)
    assert cli.error("restore", "letter")["code"] == "not_a_backup"
    cli("backup", "--to", "copy.db")
    with closing(sqlite3.connect("agents.db")) as connection:
        connection.execute("SELECT * FROM agents").fetchall()
        assert cli.error("restore", "copy.db")["code"] == "file_in_use"


def test_migrate_tells_of_its_backup(cli: Any, place: Path, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes, "--limit", 1)
    document = cli.json("migrate", "n.db", "--migrations", notes, "--limit", 1)
    assert document["backup"] == f"{place}/n.db.backups/n.db.0001.001-002.backup"
    lines = cli("migrate", "n.db", "--migrations", notes).stdout.splitlines()
    assert lines[0] == f"backup: {place}/n.db.backups/n.db.0002.002-003.backup"
    assert cli.json("migrate", "n.db", "--migrations", notes)["backup"] is None


def test_migrate_makes_its_backup_where_it_is_told_or_none(cli: Any, place: Path, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes, "--limit", 1)
    cli("migrate", "n.db", "--migrations", notes, "--limit", 1, "--no-backup")
    cli("migrate", "n.db", "--migrations", notes, "--backup-dir", "kept")
    assert sorted(path.name for path in place.iterdir() if path.is_dir()) == ["kept", "notes"]
    assert len([name for name in os.listdir("kept") if name.endswith(".002-003.backup")]) == 1
    error = cli.error("migrate", "n.db", "--backup-dir", "kept", "--no-backup", code=2)
    assert error["code"] == "usage"


def test_a_backup_that_cannot_be_made_says_how_to_go_on_here(cli: Any, place: Path, notes: Path) -> None:
    cli("migrate", "n.db", "--migrations", notes, "--limit", 1)
    (place / "n.db.backups").touch()
    error = cli.error("migrate", "n.db", "--migrations", notes)
    assert error["code"] == "backup_failed"
    assert "--no-backup" in error["remedy"]
