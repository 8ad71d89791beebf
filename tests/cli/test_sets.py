"""Sets of migrations on the command line: MODULE:NAME, the table that a module names, and a set on the table of another."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

MODULE = """
from agentdb import Migration, MigrationSet
MIGRATIONS = [Migration("001", "Notes", "CREATE TABLE notes (x)", "DROP TABLE notes")]
TABLE = "of_notes"
TAGS = MigrationSet("tags", [Migration("001", "Tags", "CREATE TABLE tags (x)", "DROP TABLE tags")])
LISTED = list(TAGS.migrations)
"""


@pytest.fixture
def name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module in the current folder."""
    name = f"sets_{tmp_path.name.replace('-', '_')}"
    (Path.cwd() / f"{name}.py").write_text(MODULE)
    yield name  # type: ignore[misc]
    sys.modules.pop(name, None)


def tables(path: str) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_the_table_that_a_module_or_a_set_names_is_used(cli: Any, name: str) -> None:
    cli("migrate", "a.db", "--migrations", name)
    cli("migrate", "a.db", "--migrations", f"{name}:TAGS")
    assert tables("a.db") == {"notes", "of_notes", "tags", "tags_migrations"}
    assert cli.json("status", "a.db", "--migrations", f"{name}:TAGS")["table"] == "tags_migrations"
    cli("rollback", "a.db", "--migrations", f"{name}:TAGS", "--yes")
    assert "tags" not in tables("a.db")
    cli("migrate", "a.db", "--migrations", f"{name}:LISTED", "--table", "named")
    assert "named" in tables("a.db")
    cli("validate", "--migrations", f"{name}:TAGS")


def test_what_is_not_in_the_module_is_told(cli: Any, name: str) -> None:
    assert cli.error("status", "a.db", "--migrations", f"{name}:NOTHING", code=2)["code"] == "invalid_argument"
    assert cli.error("migrate", "a.db", "--migrations", "no_such_module:TAGS")["code"] == "bad_migration_file"
    assert not Path("a.db").exists()


def test_a_set_on_another_ones_table_or_on_none_is_told_which_tables_there_are(cli: Any, name: str) -> None:
    cli("migrate", "a.db")
    cli("migrate", "a.db", "--migrations", name)
    for arguments in (
        ("status", "a.db", "--table", "nope"),
        ("migrate", "a.db", "--table", "nope"),
        ("sql", "a.db", "--table", "nope"),
        ("validate", "--database", "a.db", "--table", "nope"),
    ):
        error = cli.error(*arguments)
        assert error["code"] == "wrong_migration_set"
        assert "'migrations'" in error["message"]
    error = cli.error("status", "a.db", "--migrations", name, "--table", "migrations")
    assert error["code"] == "wrong_migration_set"
    assert "'of_notes'" in error["message"]
    for word in ("accept", "rollback", "roll back"):
        assert word not in error["message"] + error["remedy"]
    assert "nope" not in tables("a.db")


def test_a_set_that_is_not_there_yet_is_pending(cli: Any, name: str) -> None:
    cli("migrate", "a.db")
    document = cli.json("status", "a.db", "--migrations", name)
    assert (document["table"], len(document["applied"]), len(document["pending"])) == ("of_notes", 0, 1)


def test_an_empty_name_of_a_table_is_refused(cli: Any, name: str) -> None:
    for command in ("migrate", "status"):
        assert cli.error(command, "a.db", "--migrations", name, "--table", "", code=2)["code"] == "invalid_argument"
