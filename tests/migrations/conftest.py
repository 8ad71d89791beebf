from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import pytest

from agentdb.migrations import MIGRATIONS


def run(connection: sqlite3.Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(statement)


def insert_row(connection: sqlite3.Connection, table: str, **values: Any) -> None:
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)


def open_empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@cache
def _template() -> sqlite3.Connection:
    connection = open_empty()
    for migration in MIGRATIONS:
        run(connection, migration.up)
    insert_row(connection, "agents", id="a", name="n", model="m")
    insert_row(connection, "sessions", id="s", main_agent_id="a")
    insert_row(connection, "session_logs", session_id="s", role="user", type="message", content='"hello"')
    return connection


def open_populated() -> sqlite3.Connection:
    """A copy of what was migrated and filled once."""
    connection = open_empty()
    _template().backup(connection)
    return connection


@pytest.fixture(scope="session")
def empty_database() -> Callable[[], sqlite3.Connection]:
    """Opens a database without a schema, foreign keys on."""
    return open_empty


@pytest.fixture(scope="session")
def populated_database() -> Callable[[], sqlite3.Connection]:
    """Opens a migrated database: agent 'a', its session 's', one log in it."""
    return open_populated


@pytest.fixture
def connection() -> Iterable[sqlite3.Connection]:
    connection = open_populated()
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def insert() -> Callable[..., None]:
    """insert(connection, table, **values): a plain INSERT of these columns."""
    return insert_row


@pytest.fixture(scope="session")
def execute_all() -> Callable[[sqlite3.Connection, Iterable[str]], None]:
    """execute_all(connection, statements): one plain execute per statement."""
    return run
