"""Long chains, large sessions, and circles that only raw SQL can make."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from store_harness import Facade

from agentdb.queries import session_logs

CHAIN, LARGE = 5_000, 100_000
CONNECT = sqlite3.connect
LOG = {
    **dict.fromkeys(("parent_id", "metadata", "created_at", "updated_at")),
    "session_id": "s",
    "role": "agent",
    "type": "thought",
    "content": '"…"',
}


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What SQLite runs, on every connection that is opened from here on."""
    traced: list[str] = []

    def connecting(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = CONNECT(*args, **options)
        connection.set_trace_callback(traced.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connecting)
    return traced


@pytest.fixture
def stores(statements: list[str], db: Facade) -> Iterator[Facade]:
    """A database with session 's' and, beside it, session 't' with a log of its own."""
    agent = db.agents.create(name="n", model="m")
    for id in "ts":
        db.sessions.create(id=id, main_agent_id=agent.id)
    db.session_logs.append("t", role="user", type="message", content="stays")
    yield db
    assert [log.content for log in db.session_logs.page("t").items] == ["stays"]


def fill(path: str, parents: Any) -> None:
    """Logs 2, 3, … in session 's', each with its parent."""
    with closing(CONNECT(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.executemany(session_logs.INSERT, ({**LOG, "parent_id": parent} for parent in parents))
        connection.execute("COMMIT")


def chain(length: int) -> list[int | None]:
    return [None, *range(2, length + 1)]


def raw(path: str, *statements: str) -> None:
    """What a program does that has foreign keys off."""
    with closing(CONNECT(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_session_whose_logs_form_a_chain_is_deleted(stores: Facade, path: str) -> None:
    fill(path, chain(CHAIN))
    assert stores.session_logs.count("s") == CHAIN
    assert stores.sessions.delete("s") is True
    assert stores.totals() == (1, 1, 1)


def test_a_session_with_very_many_logs_is_deleted(stores: Facade, path: str) -> None:
    fill(path, [None, *(2 for _ in range(LARGE - 1))])
    assert stores.session_logs.count("s") == LARGE
    assert stores.sessions.delete("s") is True
    assert stores.totals() == (1, 1, 1)


def test_a_large_session_is_cleared(stores: Facade, path: str) -> None:
    fill(path, chain(CHAIN))
    assert stores.session_logs.clear("s") == CHAIN


def test_an_agent_goes_with_a_session_whose_logs_form_a_chain(stores: Facade, path: str) -> None:
    other = stores.agents.create(name="n", model="m")
    stores.sessions.update("s", main_agent_id=other.id)
    fill(path, chain(CHAIN))
    assert stores.agents.delete(other.id, cascade=True) is True
    assert stores.totals() == (1, 1, 1)


def test_a_deep_subtree_is_read_in_one_statement(stores: Facade, path: str, statements: list[str]) -> None:
    fill(path, chain(CHAIN))
    statements.clear()
    found = stores.session_logs.subtree(2)
    assert len(statements) == 1
    assert [(entry.log.id, entry.depth) for entry in found] == [(depth + 2, depth) for depth in range(CHAIN)]
    assert [entry.depth for entry in stores.session_logs.subtree(CHAIN)] == [0, 1]


def test_a_deep_subtree_is_deleted_in_one_statement(stores: Facade, path: str, statements: list[str]) -> None:
    fill(path, chain(CHAIN))
    statements.clear()
    assert stores.session_logs.delete(3) == CHAIN - 1
    changing = [text for text in statements if not text.startswith(("SELECT changes()", "--"))]
    assert len(changing) == 1
    assert stores.session_logs.count("s") == 1


def test_a_circle_that_raw_sql_made_is_walked_once(stores: Facade, path: str) -> None:
    fill(path, [*chain(CHAIN), 3, 3])
    raw(path, f"UPDATE session_logs SET parent_id = {CHAIN + 1} WHERE id = 2")
    for root in (2, 3, CHAIN):
        found = stores.session_logs.subtree(root)
        assert len({entry.log.id for entry in found}) == len(found) == CHAIN + 2
        assert max(entry.depth for entry in found) == CHAIN - 1
    assert stores.session_logs.delete(4) == CHAIN + 2
    assert stores.session_logs.count("s") == 0


def test_a_log_that_is_its_own_parent_is_walked_once(stores: Facade, path: str) -> None:
    fill(path, [None, *(2 for _ in range(CHAIN))])
    with pytest.raises(sqlite3.IntegrityError, match="parent_id_is_another_log"):
        raw(path, "UPDATE session_logs SET parent_id = 2 WHERE id = 2")
    raw(path, "PRAGMA ignore_check_constraints = ON", "UPDATE session_logs SET parent_id = 2 WHERE id = 2")
    found = stores.session_logs.subtree(2)
    assert [entry.depth for entry in found] == [0, *(1 for _ in range(CHAIN))]
    assert stores.session_logs.delete(2) == CHAIN + 1


def test_a_session_with_a_circle_is_deleted(stores: Facade, path: str) -> None:
    fill(path, chain(10))
    raw(path, "UPDATE session_logs SET parent_id = 11 WHERE id = 2")
    assert stores.sessions.delete("s") is True
    assert stores.totals() == (1, 1, 1)
