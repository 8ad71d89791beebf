from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def test_check_tells_the_difference_as_sql(cli: Any, place: Path) -> None:
    cli("migrate")
    assert cli.json("check")["is_clean"] is True
    with closing(sqlite3.connect("agents.db")) as connection:
        connection.execute("CREATE VIEW mine AS SELECT 1 AS x")
    found = cli.json("check", code=1)
    assert [(one["name"], one["change"]) for one in found["differences"]] == [("mine", "unexpected")]
    assert 'DROP VIEW "mine";' in found["sql"]
    assert "view mine: unexpected" in cli("check", code=1).stdout
    assert cli("check", "--ignore", "min?").exit_code == 0


def test_check_of_a_file_that_is_not_there(cli: Any, place: Path) -> None:
    assert cli.error("check", "missing.db")["code"] == "file_missing"
    (place / "text.db").write_text("no database" * 1000)
    assert cli.error("check", "text.db")["code"] == "not_a_database"


def test_check_of_a_file_without_a_history(cli: Any, place: Path) -> None:
    (place / "empty.db").touch()
    assert "no recorded migrations" in cli("check", "empty.db", code=1).stdout


def test_check_writes_nothing(cli: Any, place: Path, contents: Any) -> None:
    cli("migrate")
    before = contents(place)
    cli("check")
    assert contents(place) == before
