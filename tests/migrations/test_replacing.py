"""REPLACE would delete a row and all that belongs to it: agents, sessions and messages are never replaced."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from search_index import check_search_index

Insert = Callable[..., None]

TABLES = ("agents", "sessions", "session_logs", "messages")
AT = "2024-01-01T00:00:00.000Z"

INSERTS = [
    "INTO agents (id, name, model) VALUES ('a', 'x', 'y')",
    "INTO agents (id, name, model) VALUES ('c', 'x', 'y'), ('a', 'x', 'y')",
    "INTO agents (id, name, model) SELECT id, 'x', 'y' FROM agents WHERE true",
    "INTO agents (id, name, model, is_default) VALUES ('c', 'x', 'y', 1)",
    "INTO sessions (id, main_agent_id) VALUES ('s', 'a')",
    "INTO sessions (id, main_agent_id, name) SELECT id, main_agent_id, 'N' FROM sessions WHERE true",
    "INTO messages (id, session_id, seq, role) VALUES (1, 't', 9, 'user')",
    "INTO messages (session_id, seq, role) VALUES ('s', 1, 'user')",
    "INTO messages (session_id, seq, role, external_id) VALUES ('s', 9, 'user', 'x1')",
    "INTO messages (session_id, seq, role) VALUES ('s', 8, 'user'), ('s', 1, 'user')",
    "INTO messages (session_id, seq, role) SELECT session_id, seq, role FROM messages WHERE removed_at IS NULL",
    "INTO messages (session_id, seq, role, external_id) SELECT 's', 90 + seq, role, external_id FROM messages WHERE external_id IS NOT NULL",
]
UPDATES = [
    "agents SET id = 'a' WHERE id = 'b'",
    "agents SET is_default = 1 WHERE id = 'b'",
    "sessions SET id = 's' WHERE id = 't'",
    "messages SET seq = 1 WHERE id = 2",
    "messages SET seq = 3 - seq WHERE in_transcript = 1",
    "messages SET external_id = 'x1' WHERE id = 2",
    "messages SET removed_at = NULL WHERE id = 3",
    "messages SET is_summary = 0 WHERE id = 4",
]


def everything(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for table in TABLES for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")]


def check_index(connection: sqlite3.Connection) -> None:
    check_search_index(connection.execute)


@pytest.fixture(params=["ON", "OFF"], ids=["recursive", "plain"])
def filled(connection: sqlite3.Connection, insert: Insert, request: pytest.FixtureRequest) -> Iterable[Any]:
    """Agents 'a', the default one, and 'b'; sessions 's' and 't'; messages 1, 2, a removed one and a summary in 's'."""
    connection.execute(f"PRAGMA recursive_triggers = {request.param}")
    connection.execute("UPDATE agents SET is_default = 1")
    insert(connection, "agents", id="b", name="n", model="m")
    insert(connection, "sessions", id="t", main_agent_id="a")
    for seq in (1, 2):
        insert(connection, "messages", session_id="s", seq=seq, role="user", content="hello", external_id=f"x{seq}")
    for mark in ({"removed_at": AT}, {"is_summary": 1}):
        insert(connection, "messages", session_id="s", seq=2, role="user", content="hello", **mark)
    yield connection
    check_index(connection)
    counted = connection.execute("SELECT message_count FROM sessions WHERE id = 's'").fetchone()
    if counted:
        there = connection.execute("SELECT count(in_transcript) FROM messages WHERE session_id = 's'").fetchone()
        assert counted[0] == there[0]


@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
@pytest.mark.parametrize("insertion", INSERTS)
def test_an_insert_replaces_nothing(filled: sqlite3.Connection, insertion: str, verb: str) -> None:
    before = everything(filled)
    for _ in range(2):  # the second time, the guard has a row already
        with pytest.raises(sqlite3.IntegrityError, match="never replaced; use UPDATE or ON CONFLICT DO UPDATE"):
            filled.execute(f"{verb} {insertion}")
        assert everything(filled) == before


@pytest.mark.parametrize("insertion", INSERTS)
def test_a_plain_insert_fails_as_ever(filled: sqlite3.Connection, insertion: str) -> None:
    before = everything(filled)
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: (agents|sessions|messages)\."):
        filled.execute(f"INSERT {insertion}")
    for conflict in ("ABORT", "FAIL", "ROLLBACK"):
        filled.execute("BEGIN")
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed"):
            filled.execute(f"INSERT OR {conflict} {insertion}")
        filled.execute("ROLLBACK" if filled.in_transaction else "SELECT 1")
    assert everything(filled) == before


@pytest.mark.parametrize("insertion", INSERTS)
def test_an_insert_that_ignores_what_is_there_goes_on(filled: sqlite3.Connection, insertion: str) -> None:
    def rows() -> set[tuple[Any, ...]]:
        return {tuple(row) for table in ("agents", "messages") for row in filled.execute(f"SELECT * FROM {table}")}

    before = rows()
    for statement in (f"INSERT OR IGNORE {insertion}", f"INSERT {insertion} ON CONFLICT DO NOTHING"):
        filled.execute(statement)
        assert rows() >= before
    new = 1 if insertion.count("(") > 2 else 0  # a row beside the one that is there
    assert len(rows()) == len(before) + new


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        (f"INSERT {INSERTS[0]} ON CONFLICT (id) DO UPDATE SET name = excluded.name", "agents"),
        (f"INSERT {INSERTS[4]} ON CONFLICT (id) DO UPDATE SET name = 'x'", "sessions"),
        (f"INSERT {INSERTS[6]} ON CONFLICT (id) DO UPDATE SET name = 'x'", "messages"),
        (f"INSERT {INSERTS[7]} ON CONFLICT (session_id, seq, in_transcript) DO UPDATE SET name = 'x'", "messages"),
        (
            f"INSERT {INSERTS[8]} ON CONFLICT (session_id, external_id) WHERE external_id IS NOT NULL"
            " DO UPDATE SET name = 'x'",
            "messages",
        ),
        (f"INSERT {INSERTS[7]} ON CONFLICT DO UPDATE SET name = 'x'", "messages"),
    ],
)
def test_an_insert_that_updates_what_is_there_goes_on(filled: sqlite3.Connection, statement: str, changed: str) -> None:
    counts = [filled.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]
    filled.execute(statement)
    assert [filled.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES] == counts
    assert filled.execute(f"SELECT count(*) FROM {changed} WHERE name = 'x'").fetchone()[0] == 1


@pytest.mark.parametrize(
    "insertion",
    [
        "INTO agents (id, name, model) VALUES ('c', 'x', 'y')",
        "INTO sessions (id, main_agent_id) VALUES ('u', 'a')",
        "INTO messages (session_id, seq, role, content, external_id) VALUES ('s', 3, 'user', 'hello', 'x3')",
        "INTO messages (session_id, seq, role, external_id) VALUES ('t', 1, 'user', 'x1')",
    ],
)
def test_a_replace_that_meets_nothing_adds_a_row(filled: sqlite3.Connection, insertion: str) -> None:
    before = len(everything(filled))
    filled.execute(f"INSERT OR REPLACE {insertion}")
    assert len(everything(filled)) == before + 1


@pytest.mark.parametrize("update", UPDATES)
def test_an_update_replaces_nothing(filled: sqlite3.Connection, update: str) -> None:
    before = everything(filled)
    with pytest.raises(sqlite3.IntegrityError, match="never replaced; free its place first"):
        filled.execute(f"UPDATE OR REPLACE {update}")
    assert everything(filled) == before
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed"):
        filled.execute(f"UPDATE {update}")
    filled.execute(f"UPDATE OR IGNORE {update}")
    assert everything(filled) == before


@pytest.mark.parametrize(
    "update",
    [
        "agents SET is_default = 1, name = 'x' WHERE id = 'a'",
        "agents SET id = id, is_default = is_default",
        "sessions SET id = id, name = 'x'",
        "sessions SET id = 'u' WHERE id = 't'",
        "messages SET seq = seq + 10",
        "messages SET seq = seq, external_id = external_id, is_summary = is_summary, removed_at = removed_at",
        f"messages SET removed_at = '{AT}'",
        "messages SET is_summary = 1",
        "messages SET external_id = NULL",
    ],
)
def test_an_update_that_meets_nothing_goes_on(filled: sqlite3.Connection, update: str) -> None:
    assert filled.execute(f"UPDATE OR REPLACE {update}").rowcount >= 1


def test_a_guard_works_again_after_a_rollback(filled: sqlite3.Connection) -> None:
    before = everything(filled)
    for end in ("ROLLBACK", "COMMIT", "ROLLBACK"):
        filled.execute("BEGIN")
        filled.execute(f"INSERT OR IGNORE {INSERTS[0]}")
        filled.execute("SAVEPOINT inner")
        with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
            filled.execute(f"REPLACE {INSERTS[0]}")
        filled.execute("ROLLBACK TO inner")
        filled.execute(end)
        with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
            filled.execute(f"REPLACE {INSERTS[7]}")
    assert everything(filled) == before
    assert filled.execute("SELECT count(*) FROM replace_guard").fetchone()[0] <= 1
