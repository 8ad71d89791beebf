"""What is written together is asked for together: how many requests a call makes does not grow with its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from store_harness import AT, Facade

from agentdb import AgentDB
from agentdb.errors import FieldError, NotFoundError
from agentdb.operations.requests import Batch
from agentdb.operations.runners import run
from agentdb.stores.messages.store import NewMessage
from agentdb.stores.session_logs import NewLog


@pytest.fixture
def db(path: str) -> Iterator[AgentDB]:
    with AgentDB.open(path) as db:
        db.agents.create(id="a", name="Researcher", model="large")
        db.sessions.create(id="s", main_agent_id="a")
        yield db


def requests_of(db: AgentDB, steps: Any) -> list[str]:
    """The kinds of requests that a body makes, on a real database."""
    seen: list[str] = []

    def watched() -> Any:
        request = next(steps)
        while True:
            seen.append(type(request).__name__)
            try:
                answer = yield request
            except BaseException as error:
                request = steps.throw(error)
            else:
                try:
                    request = steps.send(answer)
                except StopIteration as stop:
                    return stop.value

    run(db.client, watched())
    return seen


def said(count: int, word: str = "tide") -> list[dict[str, Any]]:
    return [{"role": "user", "content": f"{word} {number}"} for number in range(count)]


def switches(count: int, word: str = "agent") -> list[dict[str, Any]]:
    return [{"from": "x", "to": f"{word}{number}", "reason": "asked", "timestamp": AT} for number in range(count)]


def test_messages_are_appended_in_one_request(db: AgentDB) -> None:
    new = [NewMessage(role="user", content=str(number)) for number in range(10)]
    assert requests_of(db, db.messages.append_many.steps("s", new)) == ["Batch"]
    assert [message.seq for message in db.messages.load("s")] == list(range(1, 11))


def test_logs_are_appended_in_one_request(db: AgentDB) -> None:
    new = [NewLog(role="user", type="message", content=number) for number in range(10)]
    assert requests_of(db, db.session_logs.append_many.steps("s", new)) == ["Batch"]
    assert [log.content for log in db.session_logs.page("s").items] == list(range(10))


CHANGES: dict[str, Callable[[AgentDB, int], Any]] = {
    "a new conversation": lambda db, count: db.conversations.save_session.steps("n", said(count)),
    "messages that follow": lambda db, count: db.conversations.save_session.steps("s", [*said(5), *said(count, "ebb")]),
    "other messages": lambda db, count: db.conversations.save_session.steps("s", said(count, "flood")),
    "messages that go": lambda db, count: db.conversations.save_session.steps("s", said(max(40 - count, 0))),
    "notes of messages": lambda db, count: db.conversations.save_session.steps(
        "s", [{**each, "metadata": {"turn": 1}} for each in said(count)]
    ),
    "messages that move": lambda db, count: db.conversations.save_session.steps("s", [*said(1, "x"), *said(count)]),
    "a context": lambda db, count: db.conversations.save_agent_context.steps("s", "x", switches(count)),
    "another history": lambda db, count: db.conversations.save_agent_context.steps("s", "x", switches(count, "other")),
    "notes of switches": lambda db, count: db.conversations.save_agent_context.steps(
        "s", "x", [{**each, "metadata": {"turn": 1}} for each in switches(count)]
    ),
    "a search by expression": lambda db, count: db.messages.search.steps("tide", syntax=True, limit=count),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_requests_of_a_call_do_not_grow_with_its_rows(db: AgentDB, name: str) -> None:
    counted = []
    for count in (3, 30):
        db.conversations.save_session("s", said(40))
        db.conversations.save_agent_context("s", "x", switches(40))
        db.conversations.save_session("n", [])  # the default agent is there
        db.conversations.delete_session("n", soft=False)
        counted.append(requests_of(db, CHANGES[name](db, count)))
    assert counted[0] == counted[1]
    assert len(counted[0]) <= 12


def test_a_batch_of_messages_is_added_whole_or_not_at_all(db: AgentDB) -> None:
    db.client.execute(
        "CREATE TRIGGER host BEFORE INSERT ON messages WHEN NEW.content = 'no' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    new = [NewMessage(role="user", content=word) for word in ("yes", "no", "yes")]
    with pytest.raises(Exception, match="no"):
        db.messages.append_many("s", new)
    assert db.messages.load("s") == []
    with db.transaction() as tx:
        tx.messages.append("s", role="user", content="first")
        with pytest.raises(Exception, match="no"):
            tx.messages.append_many("s", new)
        tx.messages.append("s", role="user", content="last")
    assert [message.content for message in db.messages.load("s")] == ["first", "last"]


def test_a_row_that_a_trigger_of_the_host_ignores_is_left_out(db: AgentDB) -> None:
    db.client.execute(
        "CREATE TRIGGER host BEFORE INSERT ON messages WHEN NEW.content = 'no' BEGIN SELECT RAISE(IGNORE); END"
    )
    added = db.messages.append_many("s", [NewMessage(role="user", content=word) for word in ("yes", "no", "on")])
    assert [(message.seq, message.content) for message in added] == [(1, "yes"), (2, "on")]
    assert db.messages.load("s") == added


def test_a_refused_log_is_explained_whichever_it_is(stores: Facade) -> None:
    stores.agents.create(id="a", name="Researcher", model="large")
    for id in ("s", "other"):
        stores.sessions.create(id=id, main_agent_id="a")
    elsewhere = stores.session_logs.append("other", role="user", type="message", content=1).id
    here = stores.session_logs.append("s", role="user", type="message", content=1).id

    def new(parent_id: int | None) -> NewLog:
        return NewLog(role="user", type="message", content="x", parent_id=parent_id)

    with pytest.raises(FieldError) as other:
        stores.session_logs.append_many("s", [new(None), new(here), new(elsewhere)])
    assert (other.value.field, other.value.code) == ("parent_id", "other_session")
    with pytest.raises(NotFoundError, match="parent_id: there is no log 999"):
        stores.session_logs.append_many("s", [new(None), new(here), new(999), new(elsewhere)])
    with pytest.raises(NotFoundError, match="session_id: there is no session 'nowhere'"):
        stores.session_logs.append_many("nowhere", [new(None), new(None)])
    assert stores.session_logs.count("s") == 1


def test_a_batch_is_the_kind_of_request_that_a_client_takes_at_once(db: AgentDB) -> None:
    (request,) = list(_first(db.messages.append_many.steps("s", [NewMessage(role="user", content="x")])))
    assert type(request) is Batch


def _first(steps: Any) -> Iterator[Any]:
    yield next(steps)
    steps.close()
