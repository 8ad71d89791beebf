"""Attachments and their bytes: what goes when, and what the triggers refuse."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

Insert = Callable[..., None]


@pytest.fixture
def filled(connection: sqlite3.Connection, insert: Insert) -> sqlite3.Connection:
    """Sessions 's' and 't' with message 1 and 2; attachments 1 at message 1, 2 in 's' and 3 in 't': two contents, x and y."""
    insert(connection, "sessions", id="t", main_agent_id="a")
    for id, session_id in ((1, "s"), (2, "t")):
        insert(connection, "messages", id=id, session_id=session_id, seq=1, role="user")
    for sha256 in "xy":
        insert(connection, "attachment_contents", sha256=sha256, size=2)
        for piece in (0, 1):
            insert(connection, "attachment_pieces", sha256=sha256, piece=piece, data=b"d")
    insert(connection, "attachments", session_id="s", sha256="x", message_id=1)
    insert(connection, "attachments", session_id="s", sha256="y")
    insert(connection, "attachments", session_id="t", sha256="x")
    return connection


def contents(connection: sqlite3.Connection) -> str:
    """The contents that are there; each with all of its pieces, or the test fails."""
    found = {row[0] for row in connection.execute("SELECT sha256 FROM attachment_contents")}
    pieces = [row[0] for row in connection.execute("SELECT sha256 FROM attachment_pieces ORDER BY sha256")]
    assert pieces == sorted([*found] * 2)
    return "".join(sorted(found))


def ids(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT id FROM attachments ORDER BY id")]


@pytest.mark.parametrize(
    ("statement", "left", "bytes_left"),
    [
        ("DELETE FROM attachments WHERE id = 1", [2, 3], "xy"),
        ("DELETE FROM attachments WHERE id = 2", [1, 3], "x"),
        ("DELETE FROM attachments WHERE sha256 = 'x'", [2], "y"),
        ("DELETE FROM attachments", [], ""),
        ("DELETE FROM messages WHERE id = 1", [2, 3], "xy"),
        ("DELETE FROM sessions WHERE id = 's'", [3], "x"),
        ("DELETE FROM sessions", [], ""),
        ("DELETE FROM agents", [], ""),
        ("UPDATE attachments SET sha256 = 'x' WHERE id = 2", [1, 2, 3], "x"),
        ("UPDATE attachments SET sha256 = sha256", [1, 2, 3], "xy"),
        ("UPDATE attachments SET message_id = NULL", [1, 2, 3], "xy"),
    ],
)
def test_bytes_go_with_the_last_attachment_that_has_them(
    filled: sqlite3.Connection, statement: str, left: list[int], bytes_left: str
) -> None:
    filled.execute(statement)
    assert ids(filled) == left
    assert contents(filled) == bytes_left


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("INSERT INTO attachments (session_id, sha256, message_id) VALUES ('s', 'x', 2)", "message of another session"),
        ("UPDATE attachments SET message_id = 2 WHERE id = 1", "message of another session"),
        ("UPDATE attachments SET session_id = 't' WHERE id = 2", "never change"),
        ("UPDATE attachments SET id = 9 WHERE id = 2", "never change"),
        ("INSERT OR REPLACE INTO attachments (id, session_id, sha256) VALUES (2, 's', 'x')", "never replaced"),
        ("INSERT INTO attachments (session_id, sha256) VALUES ('s', 'z')", "FOREIGN KEY"),
        ("INSERT INTO attachments (session_id, sha256, message_id) VALUES ('s', 'x', 9)", "FOREIGN KEY"),
        ("DELETE FROM attachment_contents WHERE sha256 = 'x'", "FOREIGN KEY"),
        ("INSERT INTO attachment_pieces (sha256, piece, data) VALUES ('x', 2, x'')", "CHECK"),
        ("INSERT INTO attachment_pieces (sha256, piece, data) VALUES ('x', 2, zeroblob(1048577))", "CHECK"),
        ("INSERT INTO attachment_pieces (sha256, piece, data) VALUES ('x', -1, x'00')", "CHECK"),
    ],
)
def test_what_cannot_be_meant_is_refused(filled: sqlite3.Connection, statement: str, message: str) -> None:
    before: list[Any] = [tuple(row) for row in filled.execute("SELECT * FROM attachments")]
    with pytest.raises(sqlite3.IntegrityError, match=message):
        filled.execute(statement)
    assert [tuple(row) for row in filled.execute("SELECT * FROM attachments")] == before
    assert contents(filled) == "xy"


def test_an_upsert_and_an_insert_that_ignores_go_on(filled: sqlite3.Connection) -> None:
    filled.execute("INSERT OR IGNORE INTO attachments (id, session_id, sha256) VALUES (2, 's', 'x')")
    filled.execute(
        "INSERT INTO attachments (id, session_id, sha256) VALUES (2, 's', 'x') ON CONFLICT (id) DO UPDATE SET name = 'n'"
    )
    assert ids(filled) == [1, 2, 3]
    assert contents(filled) == "xy"


def test_a_content_that_is_replaced_keeps_its_pieces(filled: sqlite3.Connection) -> None:
    filled.execute("INSERT OR REPLACE INTO attachment_contents SELECT * FROM attachment_contents")
    assert contents(filled) == "xy"
