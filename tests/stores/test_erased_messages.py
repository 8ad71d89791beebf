"""What is deleted for good is in no byte of the file any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from search_index import check_search_index
from store_harness import Facade, opened

from agentdb import create_client_sync
from agentdb.errors import InvalidArgumentError

NEEDLE = "zqxjkvwpzqneedlexyzzy"
#: Of the needle, what no other text here has.
TRIGRAMS = ("zqx", "qxj", "xjk", "zqn", "qne", "xyz", "yzz")

DELETIONS: dict[str, Callable[[Facade], Any]] = {
    "a session": lambda db: db.sessions.delete("s"),
    "a hidden session": lambda db: (db.sessions.soft_delete("s"), db.sessions.delete("s")),
    "an agent": lambda db: db.agents.delete("a", cascade=True),
    "all messages": lambda db: (db.messages.clear("s"), db.messages.purge("s")),
    "messages from one on": lambda db: (db.messages.delete_from("s", 1), db.messages.purge("s")),
    "a save": lambda db: (
        db.conversations.save_session("s", [{"role": "user", "content": "other"}]),
        db.messages.purge("s"),
    ),
}


def traces(path: str) -> list[str]:
    """What is left of the needle in the file and beside it; a page of the index has the ends of terms alone."""
    data = b"".join(Path(name).read_bytes() for name in (path, f"{path}-wal") if Path(name).exists())
    return [text for text in (NEEDLE, *TRIGRAMS) if text.encode() in data]


def fill(db: Facade) -> None:
    for agent in "ab":
        db.agents.create(id=agent, name="Researcher", model="large")
    db.sessions.create(id="s", main_agent_id="a")
    db.sessions.create(id="t", main_agent_id="b")
    for number in range(200):
        db.messages.append("t", role="user", content=f"ordinary words {number} " * 5)
    for number in range(20):
        db.messages.append("s", role="user", content=NEEDLE * (1 + 300 * number), payload=[NEEDLE])
    db.session_logs.append("s", role="user", type="message", content=NEEDLE)
    for number in range(20):
        db.messages.append("t", role="user", content=f"ordinary words {number} " * 5)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("deletion", DELETIONS)
def test_no_byte_of_the_file_has_what_was_deleted(path: str, deletion: str, is_async: bool) -> None:
    with opened(path, is_async=is_async) as db:
        fill(db)
        if "messages" in deletion or deletion == "a save":
            db.session_logs.clear("s")
        DELETIONS[deletion](db)
        assert traces(path)  # the index and the -wal file still have some
        assert db.messages.erase_deleted() is True
        assert traces(path) == []
        assert len(db.messages.search("ordinary", limit=1000)) == 220
        check_search_index(db.rows)


def test_with_secure_delete_off_the_text_stays(path: str) -> None:
    with opened(path, is_async=False, secure_delete="off") as db:
        fill(db)
        db.sessions.delete("s")
        db.messages.erase_deleted()
        assert NEEDLE in traces(path)


@pytest.mark.parametrize(("given", "read"), [("off", 0), ("on", 1), ("fast", 2)])
def test_secure_delete_is_a_setting_of_every_connection(path: str, given: str, read: int) -> None:
    with create_client_sync(path, secure_delete=given) as client:
        client.execute("SELECT 1")
        assert client.execute("PRAGMA secure_delete").tuples == [(read,)]
        with client.transaction() as tx:
            assert tx.execute("PRAGMA secure_delete").tuples == [(read,)]
    with create_client_sync(path) as client:
        assert client.execute("PRAGMA secure_delete").tuples == [(1,)]


def test_secure_delete_is_one_of_three(path: str) -> None:
    for value in ("yes", True, 1, None):
        with pytest.raises(InvalidArgumentError, match="secure_delete"):
            create_client_sync(path, secure_delete=value)  # type: ignore[arg-type]


def test_where_a_reader_is_in_the_way_it_says_so(path: str) -> None:
    with opened(path, is_async=False, busy_timeout=0.2) as db:
        fill(db)
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM messages").fetchone()
            db.sessions.delete("s")
            assert db.messages.erase_deleted() is False
            reader.execute("ROLLBACK")
        assert db.messages.erase_deleted() is True
        assert traces(path) == []
