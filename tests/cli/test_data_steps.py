"""Migrations with a PythonStep or a Backfill on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

MODULE = """
from agentdb import Backfill, Migration, PythonStep
from agentdb.operations import execute

def shout():
    yield from execute("UPDATE notes SET text = upper(text)")

MIGRATIONS = (
    Migration("001", "notes", ("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, n INTEGER)",
              "INSERT INTO notes (text, n) VALUES ('a', 1), ('b', 2), ('c', 3)"), "DROP TABLE notes"),
    Migration("002", "count", Backfill("notes", "n = n + 1 -- once", "n > 0", batch=2), "UPDATE notes SET n = n - 1"),
    Migration("003", "shout", PythonStep("shout", shout), PythonStep("whisper", shout)),
    Migration("004", "last", "CREATE TABLE last (x)", "DROP TABLE last"),
)
"""


@pytest.fixture
def steps(place: Path) -> str:
    (place / "steps_1.py").write_text(MODULE, encoding="utf-8")
    return "steps_1"


def test_a_dry_run_and_a_run_show_them(cli: Any, steps: str, query: Any) -> None:
    shown = cli("migrate", "a.db", "--migrations", steps, "--dry-run").stdout
    assert 'would apply 002 (count)\n  1. -- Backfill, 2 rows at a time UPDATE main."notes" SET n = n + 1' in shown
    assert "would apply 003 (shout)\n  1. -- Python step 'shout', version 1\n" in shown
    document = cli.json("migrate", "a.db", "--migrations", steps)
    assert document["results"][2]["statements"] == ["-- Python step 'shout', version 1"]
    assert query("a.db", "SELECT text, n FROM notes") == [("A", 2), ("B", 3), ("C", 4)]
    assert cli("status", "a.db", "--migrations", steps, "--check").exit_code == 0
    assert cli.json("validate", "--migrations", steps)["errors"] == []
    shown = cli("rollback", "a.db", "--migrations", steps, "--limit", 2, "--dry-run").stdout
    assert "would roll back 003 (shout)\n  1. -- Python step 'whisper', version 1\n" in shown


def test_a_script_ends_before_the_first_step_and_says_so(cli: Any, steps: str, query: Any) -> None:
    said = cli("sql", "a.db", "--migrations", steps, code=1)
    assert "before migration 003 (shout)" in said.stderr
    assert "`agentdb migrate`" in said.stderr
    ending = said.stdout[said.stdout.index("-- 003 (shout)") :]
    assert "cannot run this one" in ending
    assert all(line.startswith("--") for line in ending.splitlines())  # nothing of 004 either
    document = cli.json("sql", "a.db", "--migrations", steps, code=1)
    assert (document["migrations"], document["stopped_at"]) == (["001", "002"], "003")
    assert document["script"] == said.stdout
    assert cli.json("sql", "a.db", "--migrations", steps, "--limit", 2)["stopped_at"] is None
    cli("migrate", "a.db", "--migrations", steps)
    document = cli.json("sql", "a.db", "--migrations", steps, "--down", "--limit", 4, code=1)
    assert (document["migrations"], document["stopped_at"]) == (["004"], "003")


def test_a_backfill_of_a_script_is_one_update(cli: Any, place: Path, steps: str, query: Any) -> None:
    import sqlite3
    from contextlib import closing

    script = cli("sql", "a.db", "--migrations", steps, code=1).stdout
    with closing(sqlite3.connect(place / "a.db")) as connection:
        connection.executescript(script)
    assert query("a.db", "SELECT n FROM notes") == [(2,), (3,), (4,)]
    assert query("a.db", "SELECT count(*), count(in_progress), count(note) FROM migrations") == [(2, 0, 0)]
    assert cli.json("migrate", "a.db", "--migrations", steps)["current_version"] == "004"
    assert query("a.db", "SELECT text, n FROM notes") == [("A", 2), ("B", 3), ("C", 4)]


def test_a_script_does_not_go_on_with_a_backfill(cli: Any, place: Path, steps: str, query: Any) -> None:
    from agentdb import Migrator, create_client_sync
    from agentdb.engine.loader import load_migrations

    def stop(event: object) -> None:
        if type(event).__name__ == "StatementProgress":
            raise KeyboardInterrupt

    with create_client_sync(place / "a.db") as client, pytest.raises(KeyboardInterrupt):
        Migrator(client, load_migrations(steps), on_event=stop).migrate()
    document = cli.json("sql", "a.db", "--migrations", steps, code=1)
    assert (document["migrations"], document["stopped_at"]) == ([], "002")
    assert cli.json("migrate", "a.db", "--migrations", steps)["current_version"] == "004"
    assert query("a.db", "SELECT n FROM notes") == [(2,), (3,), (4,)]


def test_a_build_without_the_step_is_told_so_by_the_command(cli: Any, place: Path, steps: str, query: Any) -> None:
    cli("migrate", "a.db", "--migrations", steps)
    (place / "older_1.py").write_text(MODULE.partition('    Migration("003"')[0] + ")", encoding="utf-8")
    error = cli.error("rollback", "a.db", "--migrations", "older_1", "--target", "002", "--yes")
    assert error["code"] == "python_step_missing"
    assert query("a.db", "SELECT count(*) FROM migrations") == [(4,)]
