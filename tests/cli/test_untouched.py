"""The commands that only look write nothing: no byte, no time stamp, no journal mode, no file beside."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

LOOKING = [
    ("status",),
    ("status", "--check"),
    ("sql",),
    ("sql", "--down"),
    ("migrate", "--dry-run"),
    ("rollback", "--dry-run"),
]


@pytest.fixture(params=["delete", "wal", "wal_in_use", "theirs", "zero_bytes"])
def database(request: pytest.FixtureRequest, cli: Any, place: Path, query: Any) -> Iterator[Path]:
    """A database in one of the states that it may be found in."""
    path = place / "found.db"
    if request.param == "zero_bytes":
        path.touch()
        yield path
        return
    if request.param == "theirs":
        query(path, "CREATE TABLE theirs (a)")
        yield path
        return
    cli("migrate", path, "--limit", 1)
    if request.param == "delete":
        query(path, "PRAGMA journal_mode = delete")
    if request.param != "wal_in_use":
        yield path
        return
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO agents (name, model) VALUES ('n', 'm')")
        connection.commit()
        yield path


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_looking_changes_nothing(
    cli: Any, place: Path, database: Path, command: tuple[str, ...], contents: Callable[[Path], Any]
) -> None:
    before = contents(place)
    cli(*command, database, code=1 if "--check" in command else 0)
    after = contents(place)
    for files in (before, after):  # the index of a -wal in use is shared memory; readers put their marks into it
        files.pop("found.db-shm", None)
    assert after == before


def test_validating_against_a_database_changes_nothing(
    cli: Any, place: Path, database: Path, contents: Callable[[Path], Any]
) -> None:
    before = contents(place)
    cli("validate", "--database", database)
    after = contents(place)
    for files in (before, after):
        files.pop("found.db-shm", None)
    assert after == before


@pytest.mark.parametrize(
    "command", [("status",), ("sql",), ("migrate", "--dry-run"), ("rollback", "--dry-run")], ids=" ".join
)
def test_looking_at_what_is_no_database_changes_nothing(
    cli: Any, place: Path, command: tuple[str, ...], contents: Callable[[Path], Any]
) -> None:
    (place / "letter.db").write_bytes(b"Dear Sir or Madam, " * 100)
    before = contents(place)
    assert cli.error(*command, "letter.db")["code"] == "not_a_database"
    assert contents(place) == before
