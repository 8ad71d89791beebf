"""The constants of contexts, compactions and conversations: what they bind, that they run, and how they are answered."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from agentdb.queries import compactions, contexts, conversations

Add = Callable[..., None]

CONSTANTS = {
    (module.__name__.rpartition(".")[2], name): sql
    for module in (contexts, compactions, conversations)
    for name, sql in vars(module).items()
    if name.isupper()
}
TABLES = ("sessions", "messages", "agent_contexts", "agent_switches", "compaction_events", "message_archive")
#: Parameters that are no columns.
BESIDE = {"ids", "include_deleted", "limit", "offset", "before", "cursor_id", "cursor_time"}
#: These list all of a table; of a table with the sequences there are few rows.
WHOLE = {("conversations", "LIVE_IDS"), ("conversations", "ALL_IDS"), ("conversations", "CONTEXT_IDS")}
SMALL = ("json_each", "sqlite_sequence", "CONSTANT ROW")
#: An archive has one order in its key, another in its conversation.
SORTED = {("compactions", name) for name in ("ARCHIVED", "STILL_THERE", "PUT_BACK")} | {("conversations", "ALL_IDS")}
USABLE: dict[str, Any] = {
    "session_id": "s",
    "id": 1,
    "current_agent": "a",
    "to_agent": "b",
    "limit": 1,
    "offset": 0,
    "ids": "[1]",
    "strategy": "x",
    "original_tokens": 1,
    "compacted_tokens": 1,
    "messages_removed": 1,
    "summary_content": "x",
    "preserved_message_ids_json": "[]",
    "duration_ms": 1,
    "seq": 1,
    "switch_count": 0,
    "main_agent_id": "a",
    "created_at": "2024-05-17T12:30:15.123Z",
}
parametrized = pytest.mark.parametrize(
    ("place", "sql"), CONSTANTS.items(), ids=[".".join(place) for place in CONSTANTS]
)


@pytest.fixture(autouse=True)
def filled(connection: sqlite3.Connection, add_agent: Add, add_session: Add) -> Iterable[None]:
    add_agent(connection)
    add_session(connection)
    connection.execute("INSERT INTO agent_contexts (session_id, current_agent) VALUES ('s', 'a')")
    yield
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def parameters_of(sql: str) -> set[str]:
    return set(re.findall(r":([A-Za-z_]\w*)", re.sub(r"'[^']*'", "''", sql)))


@parametrized
def test_a_constant_binds_columns_and_what_every_constant_binds(
    connection: sqlite3.Connection, place: tuple[str, str], sql: str
) -> None:
    columns = {row["name"] for table in TABLES for row in connection.execute(f"PRAGMA table_info({table})")}
    assert parameters_of(sql) <= columns | BESIDE


@parametrized
def test_a_constant_is_one_statement_that_runs_with_its_parameters_and_no_fewer(
    connection: sqlite3.Connection, place: tuple[str, str], sql: str
) -> None:
    assert sql == sql.strip()
    assert ";" not in sql
    given = {name: USABLE.get(name) for name in parameters_of(sql)}
    if place == ("contexts", "INSERT"):
        connection.execute("DELETE FROM agent_contexts")
    if place in (("conversations", "INSERT_SESSION"), ("conversations", "KEEP_AGENT")):
        given["id"] = "new"
    for missing in given:
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute(sql, {name: value for name, value in given.items() if name != missing})
    connection.execute("BEGIN")
    connection.execute(sql, given).fetchall()
    connection.execute("COMMIT")


@parametrized
def test_a_constant_is_answered_from_an_index_unless_it_lists_a_whole_table(
    connection: sqlite3.Connection, place: tuple[str, str], sql: str
) -> None:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(parameters_of(sql)))
    steps = [row["detail"] for row in rows]
    scans = [
        step for step in steps if step.startswith("SCAN") and not step.startswith(tuple(f"SCAN {n}" for n in SMALL))
    ]
    assert not scans or place in WHOLE, steps
    assert not any("TEMP B-TREE" in step for step in steps) or place in SORTED, steps
    for step in steps:
        assert not step.startswith("SEARCH") or "USING" in step or "messages" in step, steps
