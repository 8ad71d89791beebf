"""How many requests go to the server: what is asked for together travels together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from libsql_server import LibsqlServer
from tcp_proxy import TcpProxy

from agentdb import AgentDB
from agentdb.errors import IntegrityError
from agentdb.operations import atomically, execute, later
from agentdb.operations.runners import run
from agentdb.stores.messages.store import NewMessage


class Counted:
    """A database behind a proxy that counts the requests."""

    def __init__(self, server: LibsqlServer) -> None:
        self.proxy = TcpProxy(server.port)
        self.proxy.__enter__()
        self.db = AgentDB.open(self.proxy.url)
        self.db.agents.create(id="a", name="Researcher", model="large")
        self.db.sessions.create(id="s", main_agent_id="a")

    def trips(self, call: Any) -> int:
        before = self.proxy.requests
        call()
        return self.proxy.requests - before

    def close(self) -> None:
        self.db.close()
        self.proxy.__exit__()


@pytest.fixture
def counted(migrated_server: LibsqlServer) -> Iterator[Counted]:
    one = Counted(migrated_server)
    yield one
    one.close()


def said(count: int, word: str = "tide") -> list[dict[str, Any]]:
    return [
        {"role": "user" if number % 2 == 0 else "assistant", "content": f"{word} {number}"} for number in range(count)
    ]


def test_opening_with_nothing_pending(counted: Counted) -> None:
    assert counted.trips(lambda: AgentDB.open(counted.proxy.url).close()) == 1


def test_appending(counted: Counted) -> None:
    db = counted.db
    assert counted.trips(lambda: db.messages.append("s", role="user", content="high water")) == 1
    new = [NewMessage(role="user", content=str(number)) for number in range(20)]
    assert counted.trips(lambda: db.messages.append_many("s", new)) == 1
    assert counted.trips(lambda: db.messages.append("s", role="user", content="low", expected_last_seq=21)) == 3


def test_saving_a_conversation(counted: Counted) -> None:
    save = counted.db.conversations.save_session
    assert counted.trips(lambda: save("n", said(20))) == 3
    assert counted.trips(lambda: save("n", said(21))) == 2
    assert counted.trips(lambda: save("n", said(21))) == 2
    assert len(counted.db.messages.load("n")) == 21
    assert counted.trips(lambda: counted.db.messages.page("n")) == 1
    assert counted.trips(lambda: counted.db.messages.search("tide")) == 2


def test_updating(counted: Counted) -> None:
    db = counted.db
    message = db.messages.append("s", role="user", content="high water")
    assert counted.trips(lambda: db.agents.update("a", name="Archivist")) == 2
    assert counted.trips(lambda: db.messages.update(message.id, content="low water")) == 2
    assert counted.trips(lambda: db.sessions.update("s", name="Tides")) == 3  # what its write raises is explained
    assert db.agents.get("a").name == "Archivist"
    assert db.messages.get(message.id).content == "low water"


def test_compacting_and_restoring(counted: Counted) -> None:
    db = counted.db
    db.conversations.save_session("n", said(20))
    events: list[Any] = []
    compact = db.compactions.compact
    assert counted.trips(lambda: events.append(compact("n", "all of it", keep_last=4, protect_tokens=0))) == 10
    assert events[0].messages_removed == 16
    assert counted.trips(lambda: db.compactions.restore(events[0].id)) == 4
    assert len(db.messages.context("n")) == 20


def test_what_is_asked_for_later_is_refused_where_it_is_sent_and_nothing_is_kept(counted: Counted) -> None:
    def body(*, reads: bool) -> Any:
        yield from later(("INSERT INTO notes VALUES (1)", None), ("INSERT INTO notes VALUES (1)", None))
        if reads:
            yield from execute("SELECT 1")

    counted.db.client.execute("CREATE TABLE notes (n UNIQUE)")
    for reads in (False, True):
        with pytest.raises(IntegrityError, match=r"notes\.n"):
            run(counted.db.client, atomically(body(reads=reads)))
    assert counted.db.client.execute("SELECT count(*) FROM notes").tuples == [(0,)]
