from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from store_harness import AT, Facade, agent_fields, log_fields

from agentdb.errors import IntegrityError, NotFoundError
from agentdb.stores import UNSET, Agent

CHANGES: dict[str, list[Any]] = {
    "name": ["", "new"],
    "description": ["", None],
    "avatar": ["a", None],
    "instructions": ["i", None],
    "model": ["other"],
    "plan_model": ["p", None],
    "small_model": ["s", None],
    "built_in_tools": [[], None, [{"a": 1}]],
    "mcps": [["m"], None],
    "knowledges": [[], None],
    "accessible_paths": [["/a"], None],
    "configuration": [{}, None, {"k": [1]}],
    "permission_mode": ["readOnly", "bypassPermissions"],
    "max_steps": [0, 2**63 - 1],
}


def test_what_is_not_given_is_the_default(stores: Facade) -> None:
    before = datetime.now(UTC)
    agent = stores.agents.create(name="n", model="m")
    assert UUID(agent.id).version == 4
    assert before - timedelta(milliseconds=1) <= agent.created_at <= datetime.now(UTC)
    assert agent.updated_at == agent.created_at
    assert (agent.type, agent.permission_mode, agent.max_steps) == ("custom", "readOnly", 10)
    given = ("id", "name", "model", "type", "permission_mode", "max_steps", "is_default", "created_at", "updated_at")
    assert [value for name, value in agent.to_dict().items() if name not in given] == [None] * 12
    assert stores.agents.get(agent.id) == agent
    assert stores.agents.create(name="n", model="m").id != agent.id


def test_what_is_given_is_what_is_read(stores: Facade) -> None:
    agent = stores.agents.create(**agent_fields())
    assert isinstance(agent, Agent)
    assert {name: getattr(agent, name) for name in agent_fields()} == agent_fields()
    assert stores.agents.get("agent-1") == stores.agents.require("agent-1") == agent
    assert stores.agents.list().items == [agent]


def test_a_value_is_frozen_and_has_no_room_for_more(stores: Facade) -> None:
    agent = stores.agents.create(**agent_fields())
    with pytest.raises(AttributeError):
        agent.name = "x"
    assert not hasattr(agent, "__dict__")


def test_to_dict_is_ready_for_json_with_times_as_the_database_has_them(stores: Facade) -> None:
    plain = stores.agents.create(**agent_fields()).to_dict()
    assert sorted(plain) == sorted([*agent_fields(), "is_default"])
    assert plain["created_at"] == "2024-05-17T12:30:15.123Z"
    assert json.loads(json.dumps(plain)) == plain


def test_what_is_missing_is_none_or_an_error_that_names_it(stores: Facade) -> None:
    stores.agents.create(**agent_fields())
    assert stores.agents.get("nobody") is None
    assert stores.agents.exists("agent-1") is True
    assert stores.agents.exists("nobody") is False
    with pytest.raises(NotFoundError, match="agent 'nobody'"):
        stores.agents.require("nobody")
    with pytest.raises(NotFoundError, match="agent 'nobody'"):
        stores.agents.update("nobody", name="x")
    assert stores.agents.delete("nobody") is False
    assert stores.agents.count() == 1


@pytest.mark.parametrize("name", CHANGES)
def test_update_changes_what_is_given_and_stamps_the_time(stores: Facade, name: str) -> None:
    before = stores.agents.create(**agent_fields(updated_at=AT))
    other = stores.agents.create(**agent_fields(id="other"))
    for value in CHANGES[name]:
        after = stores.agents.update("agent-1", **{name: value})
        assert after.updated_at > before.updated_at
        assert after.to_dict() == before.to_dict() | {name: value, "updated_at": after.to_dict()["updated_at"]}
        assert stores.agents.get("agent-1") == after
    assert stores.agents.get("other") == other


def test_unset_leaves_alone_and_none_clears(stores: Facade) -> None:
    before = stores.agents.create(**agent_fields())
    after = stores.agents.update("agent-1", description=None, avatar=UNSET, **dict.fromkeys(("name", "mcps"), UNSET))
    assert (after.description, after.avatar, after.name, after.mcps) == (None, "🦉", "Researcher", [])
    assert stores.agents.update("agent-1").updated_at >= after.updated_at
    assert stores.agents.get("agent-1").created_at == before.created_at


def test_an_agent_with_sessions_is_deleted_only_with_cascade(stores: Facade) -> None:
    stores.agents.create(**agent_fields())
    stores.agents.create(**agent_fields(id="other"))
    for owner in ("agent-1", "agent-1", "other"):
        session = stores.sessions.create(main_agent_id=owner)
        stores.session_logs.append(session.id, **log_fields())
    with pytest.raises(IntegrityError, match="agent 'agent-1' has 2 sessions") as caught:
        stores.agents.delete("agent-1")
    assert caught.value.code == "in_use"
    assert stores.totals() == (2, 3, 3)
    assert stores.agents.delete("agent-1", cascade=True) is True
    assert stores.totals() == (1, 1, 1)
    with pytest.raises(IntegrityError, match="has 1 session\n"):
        stores.agents.delete("other")


def test_an_agent_without_sessions_is_deleted(stores: Facade) -> None:
    stores.agents.create(**agent_fields())
    assert stores.agents.delete("agent-1") is True
    assert stores.agents.delete("agent-1") is False
    assert stores.agents.get("agent-1") is None


def test_lists_are_newest_first_with_the_id_as_tie_break_and_may_be_of_one_type(stores: Facade) -> None:
    for id, days, type in (("a", 0, "codex"), ("b", 1, "custom"), ("c", 1, "codex"), ("d", -1, "claudeCode")):
        stores.agents.create(name="n", model="m", id=id, type=type, created_at=AT + timedelta(days=days))
    assert [agent.id for agent in stores.agents.list().items] == ["c", "b", "a", "d"]
    assert [agent.id for agent in stores.agents.list(type="codex").items] == ["c", "a"]
    assert (stores.agents.count(), stores.agents.count(type="codex")) == (4, 2)


def test_pages_follow_each_other(stores: Facade) -> None:
    ids = [stores.agents.create(name="n", model="m", created_at=AT + timedelta(hours=i)).id for i in range(5)]
    first = stores.agents.list(limit=2)
    second = stores.agents.list(limit=2, cursor=first.next_cursor)
    last = stores.agents.list(limit=2, cursor=second.next_cursor)
    assert [agent.id for page in (first, second, last) for agent in page.items] == ids[::-1]
    assert [page.has_more for page in (first, second, last)] == [True, True, False]
    assert last.next_cursor is None
    whole = stores.agents.list(limit=5)
    assert (len(whole.items), whole.has_more, whole.next_cursor) == (5, False, None)
