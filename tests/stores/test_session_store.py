from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from store_harness import AT, Facade, agent_fields, log_fields, session_fields

from agentdb.errors import FieldError, IntegrityError, NotFoundError
from agentdb.stores import Session, SessionSummary

OVERRIDES: dict[str, list[Any]] = {
    "model": ["", "mine"],
    "plan_model": ["", "mine"],
    "small_model": ["mine"],
    "built_in_tools": [[], ["mine"]],
    "mcps": [[], ["mine"]],
    "knowledges": [["mine"]],
    "configuration": [{}, {"mine": 1}],
    "accessible_paths": [[]],
    "permission_mode": ["bypassPermissions"],
    "max_steps": [0, 7],
}
CHANGES: dict[str, list[Any]] = {
    "name": ["", None],
    "user_id": ["user-2", None],
    "source": ["", None],
    "tags": [["a"], [], None],
    "quality_score": [0.5, 0, 1, None],
    "user_satisfaction": [1.0, None],
    "learning_outcomes": [{"a": 1}, ["b"], None],
    "started_at": [AT, None],
    "ended_at": [AT, None],
    "pinned_at": [AT, None],
    "archived_at": [AT, None],
    "metadata": [{"a": [1]}, {}, None],
    "last_activity_at": [AT, None],
    "main_agent_id": ["agent-2"],
    "sub_agent_ids": [[], None],
    "user_goal": ["g", None],
    "status": ["idle", "stopped", "completed", "failed"],
    "external_session_id": ["e", None],
    **{name: [*values, None] for name, values in OVERRIDES.items()},
}


@pytest.fixture(autouse=True)
def agent(stores: Facade) -> str:
    stores.agents.create(**agent_fields(id="agent-2"))
    return str(stores.agents.create(**agent_fields()).id)


def test_what_is_not_given_is_the_default(stores: Facade, agent: str) -> None:
    session = stores.sessions.create(main_agent_id=agent)
    assert UUID(session.id).version == 4
    assert timedelta(0) <= datetime.now(UTC) - session.created_at < timedelta(minutes=1)
    assert session.updated_at == session.created_at
    assert session.status == "idle"
    counted = dict.fromkeys(("last_seq", "message_count", "total_tokens", "context_tokens", "compaction_count"), 0)
    assert {name: getattr(session, name) for name in counted} == counted
    assert session.is_active is True
    given = ("id", "main_agent_id", "status", "created_at", "updated_at", *counted)
    assert {value for name, value in session.to_dict().items() if name not in given} == {None}
    assert stores.sessions.get(session.id) == session


def test_what_is_given_is_what_is_read(stores: Facade, agent: str) -> None:
    session = stores.sessions.create(**session_fields(agent))
    assert isinstance(session, Session)
    assert {name: getattr(session, name) for name in session_fields(agent)} == session_fields(agent)
    assert stores.sessions.get("session-1") == stores.sessions.require("session-1") == session
    assert stores.sessions.by_external_id("ext-1") == session
    assert json.loads(json.dumps(session.to_dict())) == session.to_dict()


def test_what_is_missing_is_none_or_an_error_that_names_it(stores: Facade) -> None:
    assert stores.sessions.get("nowhere") is None
    assert stores.sessions.with_agent("nowhere") is None
    assert stores.sessions.by_external_id("nowhere") is None
    assert stores.sessions.exists("nowhere") is False
    assert stores.sessions.delete("nowhere") is False
    for call in (
        lambda: stores.sessions.require("nowhere"),
        lambda: stores.sessions.update("nowhere", name="x"),
        lambda: stores.sessions.update_status("nowhere", "idle"),
    ):
        with pytest.raises(NotFoundError, match="session 'nowhere'"):
            call()


@pytest.mark.parametrize("name", CHANGES)
def test_update_changes_what_is_given_and_stamps_the_time(stores: Facade, agent: str, name: str) -> None:
    before = stores.sessions.create(**session_fields(agent))
    for value in CHANGES[name]:
        after = stores.sessions.update("session-1", **{name: value})
        assert after.updated_at > before.updated_at
        assert getattr(after, name) == value
        changed = {key: after.to_dict()[key] for key in (name, "updated_at")}
        assert after.to_dict() == before.to_dict() | changed
        assert stores.sessions.get("session-1") == after


def test_update_status_sets_it_and_stamps_the_time(stores: Facade, agent: str) -> None:
    before = stores.sessions.create(**session_fields(agent))
    assert stores.sessions.update_status("session-1", "failed") is None
    after = stores.sessions.get("session-1")
    assert after.updated_at > before.updated_at
    assert after.to_dict() == before.to_dict() | {"status": "failed", "updated_at": after.to_dict()["updated_at"]}


def test_a_session_goes_with_its_logs(stores: Facade, agent: str) -> None:
    stores.sessions.create(**session_fields(agent))
    first = stores.session_logs.append("session-1", **log_fields())
    stores.session_logs.append("session-1", **log_fields(), parent_id=first.id)
    assert stores.sessions.exists("session-1") is True
    assert stores.sessions.delete("session-1") is True
    assert stores.totals() == (2, 0, 0)


@pytest.mark.parametrize("name", OVERRIDES)
def test_what_a_session_does_not_override_it_has_from_its_agent(stores: Facade, agent: str, name: str) -> None:
    session = stores.sessions.create(main_agent_id=agent)
    inherited = stores.sessions.with_agent(session.id)
    assert inherited.session == session
    assert getattr(inherited.effective, name) == agent_fields()[name]
    for value in OVERRIDES[name]:
        stores.sessions.update(session.id, **{name: value})
        assert getattr(stores.sessions.with_agent(session.id).effective, name) == value
    stores.sessions.update(session.id, **{name: None})
    assert stores.sessions.with_agent(session.id).effective == inherited.effective


def test_with_agent_shows_the_agents_card(stores: Facade, agent: str) -> None:
    session = stores.sessions.create(**session_fields(agent))
    found = stores.sessions.with_agent(session.id)
    assert found.session == session
    names = ("id", "name", "description", "avatar", "instructions")
    assert found.agent.to_dict() == {name: agent_fields()[name] for name in names}
    plain = found.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["session"] == session.to_dict()


def test_lists_give_cards_newest_first(stores: Facade, agent: str) -> None:
    for id, hours in (("a", 0), ("b", 1), ("c", 1), ("d", -1)):
        stores.sessions.create(**session_fields(agent, id=id, created_at=AT + timedelta(hours=hours)))
    cards = stores.sessions.list().items
    assert [card.id for card in cards] == ["c", "b", "a", "d"]
    assert all(isinstance(card, SessionSummary) for card in cards)
    whole = stores.sessions.get("c").to_dict()
    assert cards[0].to_dict() == {name: whole[name] for name in cards[0].to_dict()}


def test_lists_and_counts_may_be_of_a_status_and_of_an_agent(stores: Facade) -> None:
    for number, (owner, status) in enumerate(
        [("agent-1", "idle"), ("agent-1", "running"), ("agent-2", "running"), ("agent-1", "running")]
    ):
        at = AT + timedelta(minutes=number)
        stores.sessions.create(main_agent_id=owner, id=str(number), status=status, created_at=at)

    def ids(page: Any) -> str:
        return "".join(card.id for card in page.items)

    sessions = stores.sessions
    assert ids(sessions.list()) == "3210"
    assert ids(sessions.list(status="running")) == ids(sessions.by_status("running")) == "321"
    assert ids(sessions.list(main_agent_id="agent-1")) == ids(sessions.by_agent("agent-1")) == "310"
    assert ids(sessions.list(main_agent_id="agent-1", status="running")) == "31"
    assert ids(sessions.by_status("failed")) == ids(sessions.by_agent("nobody")) == ""
    counts = [{}, {"status": "running"}, {"main_agent_id": "agent-1"}, {"main_agent_id": "agent-1", "status": "idle"}]
    assert [sessions.count(**filters) for filters in counts] == [4, 3, 3, 1]
    first = sessions.by_status("running", limit=2)
    assert ids(sessions.list(status="running", limit=2, cursor=first.next_cursor)) == "1"
    first = sessions.by_agent("agent-1", limit=1)
    assert ids(sessions.by_agent("agent-1", cursor=first.next_cursor)) == "10"


def test_of_several_sessions_with_one_external_id_the_newest_is_found(stores: Facade, agent: str) -> None:
    for id, hours in (("old", 0), ("new", 2), ("middle", 1)):
        stores.sessions.create(**session_fields(agent, id=id, created_at=AT + timedelta(hours=hours)))
    assert stores.sessions.by_external_id("ext-1").id == "new"


def test_what_can_be_stored_as_an_external_id_can_be_found(stores: Facade, agent: str) -> None:
    session = stores.sessions.create(main_agent_id=agent, external_session_id="")
    assert stores.sessions.by_external_id("") == session


def test_a_session_may_have_a_parent_and_a_circle_is_refused(stores: Facade, agent: str) -> None:
    for id, parent in (("a", None), ("b", "a"), ("c", "b")):
        stores.sessions.create(id=id, main_agent_id=agent, parent_session_id=parent)
    for id, parent in (("a", "c"), ("a", "a"), ("b", "c")):
        with pytest.raises(IntegrityError) as refused:
            stores.sessions.update(id, parent_session_id=parent)
        assert refused.value.code == "cycle"
    with pytest.raises(IntegrityError) as refused:
        stores.sessions.create(id="d", main_agent_id=agent, parent_session_id="d")
    assert refused.value.code == "cycle"
    with pytest.raises(NotFoundError, match="parent_session_id: there is no session 'nobody'"):
        stores.sessions.update("a", parent_session_id="nobody")
    with pytest.raises(NotFoundError, match="main_agent_id 'nobody' or parent_session_id 'a'"):
        stores.sessions.create(main_agent_id="nobody", parent_session_id="a")
    assert stores.sessions.update("c", parent_session_id="a").parent_session_id == "a"
    assert stores.sessions.delete("a") is True
    assert [stores.sessions.require(id).parent_session_id for id in "bc"] == [None, None]


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), True, "1"])
def test_a_score_is_a_number_from_0_to_1(stores: Facade, agent: str, value: object) -> None:
    stores.sessions.create(id="s", main_agent_id=agent)
    for name in ("quality_score", "user_satisfaction"):
        with pytest.raises(FieldError) as refused:
            stores.sessions.update("s", **{name: value})
        assert refused.value.field == name
