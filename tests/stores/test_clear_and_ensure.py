"""Taking messages out of a conversation, making a session where it is missing, and limits that a caller need not know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from store_harness import AT, Facade

from agentdb import AgentDB
from agentdb.errors import AlreadyExistsError, FieldError, IntegrityError, NotFoundError


def prepare(stores: Facade, count: int = 6) -> None:
    stores.agents.create(id="a", name="Researcher", model="large")
    for id in ("s", "other"):
        stores.sessions.create(id=id, main_agent_id="a")
        for number in range(1, count + 1):
            stores.messages.append(id, role="user", content=f"tide {number}", token_count=1)


def seqs(stores: Facade, id: str = "s") -> list[int]:
    return [message.seq for message in stores.messages.load(id, include_deleted=True)]


def test_clear_removes_all_messages_of_one_session(stores: Facade) -> None:
    prepare(stores)
    assert stores.messages.clear("s") == 6
    assert (seqs(stores), seqs(stores, "other")) == ([], [1, 2, 3, 4, 5, 6])
    stats = stores.messages.stats("s")
    assert (stats.message_count, stats.total_tokens, stats.last_seq) == (0, 0, 6)
    assert stores.messages.clear("s") == stores.messages.clear("nowhere") == 0
    assert stores.messages.append("s", role="user", content="on").seq == 7
    assert {hit.message.session_id for hit in stores.messages.search("tide")} == {"other"}


def test_delete_from_removes_a_message_and_all_behind_it(stores: Facade) -> None:
    prepare(stores)
    assert stores.messages.delete_from("s", 5) == 2
    assert stores.messages.delete_from("s", 5) == stores.messages.delete_from("nowhere", 1) == 0
    assert (seqs(stores), seqs(stores, "other")) == ([1, 2, 3, 4], [1, 2, 3, 4, 5, 6])
    assert stores.messages.stats("s").message_count == 4
    assert stores.messages.append("s", role="user", content="on").seq == 7
    assert stores.messages.delete_from("s", 0) == 5
    assert seqs(stores) == []


def test_nothing_is_taken_out_of_a_hidden_session(stores: Facade) -> None:
    prepare(stores)
    stores.sessions.soft_delete("s")
    assert stores.messages.clear("s") == stores.messages.delete_from("s", 1) == 0
    assert len(seqs(stores)) == 6


@pytest.mark.parametrize("value", [-1, 2**63, "1", True, None, 1.0])
def test_a_seq_to_delete_from_is_a_number(stores: Facade, value: object) -> None:
    with pytest.raises(FieldError) as caught:
        stores.messages.delete_from("s", value)
    assert caught.value.field == "seq"


# -- limits


@pytest.mark.parametrize("limit", [None, 2**31 - 1, 2**63 - 1, 6])
def test_latest_gives_all_where_the_limit_is_none_or_large(stores: Facade, limit: int | None) -> None:
    prepare(stores)
    for number in range(6):
        stores.session_logs.append("s", role="user", type="message", content=number)
    assert [message.seq for message in stores.messages.latest("s", limit)] == [1, 2, 3, 4, 5, 6]
    assert [log.content for log in stores.session_logs.latest("s", limit=limit)] == [0, 1, 2, 3, 4, 5]


def test_latest_gives_more_than_a_page_holds(stores: Facade) -> None:
    stores.agents.create(id="a", name="Researcher", model="large")
    stores.sessions.create(id="s", main_agent_id="a")
    stores.conversations.save_session("s", [{"role": "user", "content": "x"}] * 10_050)
    assert len(stores.messages.latest("s", None)) == len(stores.messages.latest("s", 10_050)) == 10_050


def test_switches_are_given_all_where_the_limit_is_none(stores: Facade) -> None:
    prepare(stores)
    stores.agent_contexts.start("s", "x")
    for name in ("y", "z"):
        stores.agent_contexts.switch("s", name)
    asked = stores.conversations.get_agent_switch_history
    assert len(asked("s", None)) == len(asked("s", 2**63 - 1)) == 3
    assert asked("s", 0) == []


def test_a_limit_of_0_gives_nothing(stores: Facade) -> None:
    prepare(stores)
    stores.session_logs.append("s", role="user", type="message", content=1)
    assert stores.messages.latest("s", 0) == stores.session_logs.latest("s", 0) == []


@pytest.mark.parametrize(("limit", "code"), [(-1, "too_small"), (2**63, "too_large"), ("1", "wrong_type"), (True, "wrong_type")])  # fmt: skip
def test_a_limit_that_cannot_be_meant_is_refused(stores: Facade, limit: object, code: str) -> None:
    for ask in (stores.messages.latest, stores.session_logs.latest, stores.conversations.get_agent_switch_history):
        with pytest.raises(FieldError) as caught:
            ask("s", limit)
        assert (caught.value.field, caught.value.code) == ("limit", code)


# -- ensure


def test_ensure_makes_a_session_that_is_missing(stores: Facade) -> None:
    stores.agents.create(id="a", name="Researcher", model="large")
    made = stores.sessions.ensure("s", main_agent_id="a", name="Tides", model="m", created_at=AT)
    assert (made.id, made.name, made.model, made.created_at) == ("s", "Tides", "m", AT)
    assert made == stores.sessions.require("s")


def test_ensure_never_touches_what_is_there(stores: Facade) -> None:
    prepare(stores)
    stores.agents.create(id="b", name="Writer", model="large")
    stores.agent_contexts.start("s", "x")
    stores.sessions.update("s", name="Mine", status="running")
    before = stores.rows("SELECT * FROM sessions ORDER BY id")
    found = stores.sessions.ensure("s", main_agent_id="b", name="Yours", status="failed")
    assert (found.name, found.main_agent_id, found.status, found.message_count) == ("Mine", "a", "running", 6)
    assert stores.rows("SELECT * FROM sessions ORDER BY id") == before
    assert seqs(stores) == [1, 2, 3, 4, 5, 6]
    assert stores.agent_contexts.exists("s")


def test_ensure_asks_for_nothing_of_what_is_there(stores: Facade) -> None:
    prepare(stores)
    assert stores.sessions.ensure("s", main_agent_id="nobody").main_agent_id == "a"


def test_ensure_says_that_a_session_is_hidden(stores: Facade) -> None:
    prepare(stores)
    stores.sessions.soft_delete("s")
    with pytest.raises(NotFoundError) as caught:
        stores.sessions.ensure("s", main_agent_id="a")
    assert caught.value.code == "session_deleted"
    assert stores.sessions.require("s", include_deleted=True).deleted_at is not None


def test_ensure_swallows_no_other_refusal(stores: Facade) -> None:
    prepare(stores)
    with pytest.raises(NotFoundError, match="there is no agent 'nobody'"):
        stores.sessions.ensure("n", main_agent_id="nobody")
    stores.rows("CREATE UNIQUE INDEX host ON sessions (name)")
    stores.sessions.ensure("n", main_agent_id="a", name="Tides")
    with pytest.raises((IntegrityError, AlreadyExistsError)):
        stores.sessions.ensure("m", main_agent_id="a", name="Tides")
    assert not stores.sessions.exists("m")


@pytest.mark.parametrize("id", ["", None, 7, b"s"])
def test_an_id_to_ensure_is_text(stores: Facade, id: object) -> None:
    stores.agents.create(id="a", name="Researcher", model="large")
    with pytest.raises(FieldError) as caught:
        stores.sessions.ensure(id, main_agent_id="a")
    assert caught.value.field == "id"


RACER = """
import sys
from agentdb import AgentDB
with AgentDB.open(sys.argv[1]) as db:
    sys.stdin.readline()
    for number in range(100):
        found = db.sessions.ensure(f"s{number}", main_agent_id="a", name=sys.argv[2])
        print(found.name)
"""


def test_processes_that_ensure_the_same_sessions_all_get_the_one_that_was_made(path: str, tmp_path: Path) -> None:
    with AgentDB.open(path) as db:
        db.agents.create(id="a", name="Researcher", model="large")
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, path, f"racer {number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    answers = [racer.communicate(timeout=120)[0].splitlines() for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 4
    with AgentDB.open(path) as db:
        there = [db.sessions.require(f"s{number}").name for number in range(100)]
    assert answers == [there] * 4
