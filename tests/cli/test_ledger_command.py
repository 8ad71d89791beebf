from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_validate_fails_on_an_edit_of_what_has_shipped(cli: Any, place: Path, write: Callable[..., Path]) -> None:
    folder = write("notes", **{"001_notes": ("CREATE TABLE notes (id INTEGER PRIMARY KEY)", "DROP TABLE notes")})
    done = cli.json("ledger", "--migrations", folder)
    assert [(entry["set"], entry["number"]) for entry in done["added"]] == [("notes", "001")]
    assert cli.json("validate", "--migrations", folder)["is_valid"] is True
    write("notes", **{"001_notes": ("CREATE TABLE notes (id INTEGER PRIMARY KEY, x)", "DROP TABLE notes")})
    found = cli.json("validate", "--migrations", folder, code=1)
    assert [error["code"] for error in found["errors"]] == ["shipped_edited"]
    assert cli.error("ledger", "--migrations", folder)["code"] == "shipped_edited"
    assert cli.json("ledger", "--check", "--migrations", folder, code=1)["is_valid"] is False
    assert [entry["number"] for entry in cli.json("ledger", "--rewrite", "--migrations", folder)["changed"]] == ["001"]
    assert cli.json("validate", "--migrations", folder)["is_valid"] is True


def test_the_check_fails_where_a_migration_is_missing_in_the_ledger(cli: Any, place: Path) -> None:
    found = cli.json("ledger", "--check", code=1)
    assert len(found["added"]) > 10
    assert not (place / "migrations.lock").exists()
    cli("ledger")
    assert cli.json("ledger", "--check")["added"] == []


def test_a_set_has_one_name_by_the_project_and_by_the_option(cli: Any, place: Path, write: Callable[..., Path]) -> None:
    write("notes", **{"001_notes": ("CREATE TABLE notes (id INTEGER PRIMARY KEY)", "DROP TABLE notes")})
    (place / "pyproject.toml").write_text('[tool.agentdb]\nmigrations = ["agentdb.migrations", "notes/"]\n')
    cli("ledger")
    for source in ("notes", "./notes", str(place / "notes"), "agentdb.migrations"):
        assert cli.json("ledger", "--check", "--migrations", source)["added"] == []
