from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import pytest

from agentdb.migrations import MIGRATIONS
from agentdb.queries import agents, session_logs, sessions

AGENT = {
    **dict.fromkeys(("type", "description", "avatar", "instructions", "plan_model", "small_model")),
    **dict.fromkeys(("built_in_tools", "mcps", "knowledges", "accessible_paths", "configuration")),
    **dict.fromkeys(("permission_mode", "max_steps", "created_at", "updated_at")),
    "id": "a",
    "name": "n",
    "model": "m",
}
SESSION = {
    **dict.fromkeys(("name", "sub_agent_ids", "user_goal", "status", "external_session_id")),
    **dict.fromkeys(("model", "plan_model", "small_model", "built_in_tools", "mcps", "knowledges", "configuration")),
    **dict.fromkeys(("accessible_paths", "permission_mode", "max_steps", "created_at", "updated_at")),
    "id": "s",
    "main_agent_id": "a",
}
LOG = {
    **dict.fromkeys(("parent_id", "metadata", "created_at", "updated_at")),
    "session_id": "s",
    "role": "user",
    "type": "message",
    "content": '"hello"',
}


@cache
def _template() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for migration in MIGRATIONS:
        for statement in migration.up:
            connection.execute(statement)
    return connection


def open_migrated() -> sqlite3.Connection:
    """A copy of what was migrated once."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    _template().backup(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@pytest.fixture(scope="session")
def database() -> Callable[[], sqlite3.Connection]:
    """Opens an empty migrated database."""
    return open_migrated


@pytest.fixture
def connection() -> Iterable[sqlite3.Connection]:
    connection = open_migrated()
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def fetch() -> Callable[..., list[dict[str, Any]]]:
    """fetch(connection, sql, **parameters) -> rows."""

    def fetch(connection: sqlite3.Connection, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(sql, parameters)]

    return fetch


@pytest.fixture(scope="session")
def add_agent() -> Callable[..., None]:
    """add_agent(connection, **columns): agent 'a' unless the columns say otherwise; what is not given is NULL."""
    return lambda connection, **columns: connection.execute(agents.INSERT, AGENT | columns)


@pytest.fixture(scope="session")
def add_session() -> Callable[..., None]:
    """add_session(connection, **columns): session 's' of agent 'a' unless the columns say otherwise."""
    return lambda connection, **columns: connection.execute(sessions.INSERT, SESSION | columns)


@pytest.fixture(scope="session")
def add_log() -> Callable[..., None]:
    """add_log(connection, **columns): a message in session 's' unless the columns say otherwise."""
    return lambda connection, **columns: connection.execute(session_logs.INSERT, LOG | columns)
