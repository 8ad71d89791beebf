from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

HOST = """
def register(connection):
    connection.create_function("shout", 1, lambda text: text.upper(), deterministic=True)

class Names:
    register = staticmethod(register)

def fails(connection):
    raise RuntimeError("no luck")

NUMBER = 7
"""


@pytest.fixture(autouse=True)
def host(place: Path) -> None:
    (place / "agentdb_test_host.py").write_text(HOST, encoding="utf-8")


@pytest.fixture
def loud(write: Any) -> Path:
    """Migrations that need a function of the application."""
    return write(  # type: ignore[no-any-return]
        "loud",
        m001_words=("CREATE TABLE words (word TEXT, loud TEXT AS (shout(word)) STORED);", "DROP TABLE words;"),
        m002_index=("INSERT INTO words (word) VALUES ('a');", "DELETE FROM words WHERE shout(word) = 'A';"),
    )


ON_CONNECT = ("--on-connect", "agentdb_test_host:register")


@pytest.mark.parametrize("name", ["register", "Names.register"])
def test_every_command_on_a_database_calls_it(cli: Any, loud: Path, query: Any, name: str) -> None:
    options = ("--migrations", loud, "--on-connect", f"agentdb_test_host:{name}")
    cli("migrate", "a.db", *options)
    with closing(sqlite3.connect("a.db")) as connection:
        assert connection.execute("SELECT loud FROM words").fetchall() == [("A",)]
    assert cli.json("status", "a.db", *options)["current_version"] == "002"
    assert cli.json("migrate", "a.db", "--dry-run", *options)["results"] == []
    assert "DELETE" in cli.json("sql", "a.db", "--down", *options)["script"]
    cli("rollback", "a.db", "--yes", *options)
    assert cli.json("repair", "mark-applied", "002", "a.db", "--reason", "test", *options)["current_version"] == "002"


def test_backup_calls_it(cli: Any, query: Any) -> None:
    query("a.db", "CREATE TABLE t (v)")
    assert Path(cli.json("backup", "a.db", *ON_CONNECT)["backup"]).exists()
    error = cli.error("backup", "a.db", "--on-connect", "agentdb_test_host:fails")
    assert error["code"] == "on_connect_failed"


def test_validate_calls_it(cli: Any, loud: Path) -> None:
    codes = {finding["code"] for finding in cli.json("validate", "--migrations", loud, code=1)["errors"]}
    assert codes == {"up_failed"}
    assert cli.json("validate", "--migrations", loud, *ON_CONNECT)["is_valid"]


def test_without_it_the_migration_fails(cli: Any, loud: Path) -> None:
    assert "shout" in cli.error("migrate", "a.db", "--migrations", loud)["message"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("agentdb_test_host", "module:function"),
        ("agentdb_test_host:", "module:function"),
        (":register", "module:function"),
        ("agentdb_test_nowhere:register", "ModuleNotFoundError"),
        ("agentdb_test_host:missing", "AttributeError"),
        ("agentdb_test_host:NUMBER", "no function"),
    ],
)
def test_a_name_that_leads_to_no_function_is_a_usage_error(cli: Any, name: str, why: str) -> None:
    assert why in cli.error("migrate", "a.db", "--on-connect", name, code=2)["message"]
    assert not Path("a.db").exists()


def test_what_it_raises_is_told(cli: Any) -> None:
    error = cli.error("migrate", "a.db", "--on-connect", "agentdb_test_host:fails")
    assert error["code"] == "on_connect_failed"
    assert "agentdb_test_host.fails raised RuntimeError: no luck" in error["message"]
