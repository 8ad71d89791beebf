from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from store_harness import AT, Facade, agent_fields

from agentdb.errors import AlreadyExistsError, FieldError, NotFoundError
from agentdb.stores.agent_contexts import AgentContext


@pytest.fixture(autouse=True)
def session(stores: Facade) -> str:
    agent = stores.agents.create(**agent_fields())
    stores.sessions.create(main_agent_id=agent.id, id="other")
    return str(stores.sessions.create(main_agent_id=agent.id, id="s").id)


def hide(stores: Facade, id: str) -> None:
    stores.rows("UPDATE sessions SET deleted_at = '2024-01-01T00:00:00.000Z' WHERE id = ?", id)


def ends(stores: Facade, **options: Any) -> list[tuple[str | None, str]]:
    return [(switch.from_agent, switch.to_agent) for switch in stores.agent_contexts.history("s", **options).items]


def test_a_context_begins_with_its_first_agent(stores: Facade) -> None:
    context = stores.agent_contexts.start("s", "planner", reason="asked", metadata={"a": [1]}, created_at=AT)
    assert context == AgentContext(
        session_id="s",
        current_agent="planner",
        switch_count=0,
        metadata={"a": [1]},
        last_switch_at=None,
        created_at=AT,
    )
    assert stores.agent_contexts.get("s") == stores.agent_contexts.require("s") == context
    (first,) = stores.agent_contexts.history("s").items
    assert (first.from_agent, first.to_agent, first.reason, first.switched_at) == (None, "planner", "asked", AT)
    assert stores.agent_contexts.exists("s") is True


def test_a_switch_changes_the_context_and_its_history_together(stores: Facade) -> None:
    stores.agent_contexts.start("s", "planner")
    context = stores.agent_contexts.switch("s", "coder", reason="code", metadata={"n": 1}, switched_at=AT)
    assert (context.current_agent, context.switch_count, context.last_switch_at) == ("coder", 1, AT)
    now = stores.agent_contexts.switch("s", "planner").last_switch_at
    assert timedelta(0) <= datetime.now(UTC) - now < timedelta(minutes=1)
    assert ends(stores) == [("coder", "planner"), ("planner", "coder"), (None, "planner")]
    last = stores.agent_contexts.history("s").items[1]
    assert (last.reason, last.metadata, last.switched_at) == ("code", {"n": 1}, AT)
    assert stores.agent_contexts.get("s").switch_count == 2


def test_a_switch_to_the_agent_that_speaks_already_changes_nothing(stores: Facade) -> None:
    before = stores.agent_contexts.start("s", "planner")
    assert stores.agent_contexts.switch("s", "planner", reason="again") == before
    assert ends(stores) == [(None, "planner")]


def test_history_is_in_the_order_of_what_happened_whatever_the_clock_says(stores: Facade) -> None:
    stores.agent_contexts.start("s", "a", created_at=AT)
    for number, agent in enumerate("bcdef"):
        stores.agent_contexts.switch("s", agent, switched_at=AT - timedelta(hours=number // 2))
    expected = [("e", "f"), ("d", "e"), ("c", "d"), ("b", "c"), ("a", "b"), (None, "a")]
    assert ends(stores) == expected
    found: list[tuple[str | None, str]] = []
    cursor = None
    for _ in range(3):
        page = stores.agent_contexts.history("s", limit=2, cursor=cursor)
        found += [(switch.from_agent, switch.to_agent) for switch in page.items]
        cursor = page.next_cursor
        if found == expected[:2]:
            stores.agent_contexts.switch("s", "g")  # what comes in between neither repeats nor hides
    assert found == expected
    assert cursor is None


def test_what_is_missing_is_none_false_or_an_error_that_names_it(stores: Facade) -> None:
    contexts = stores.agent_contexts
    assert contexts.get("s") is None
    assert contexts.exists("s") is contexts.delete("s") is contexts.delete("nowhere") is False
    assert contexts.history("nowhere").items == contexts.list().items == []
    with pytest.raises(NotFoundError, match="'s' has no agent context"):
        contexts.require("s")
    with pytest.raises(NotFoundError, match="'s' has no agent context"):
        contexts.switch("s", "coder")
    with pytest.raises(NotFoundError, match="no session 'nowhere'"):
        contexts.start("nowhere", "planner")
    contexts.start("s", "planner")
    with pytest.raises(AlreadyExistsError, match="'s' has an agent context"):
        contexts.start("s", "planner")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"session_id": ""}, "session_id"),
        ({"to_agent": ""}, "to_agent"),
        ({"to_agent": None}, "to_agent"),
        ({"reason": 1}, "reason"),
        ({"reason": "\ud800"}, "reason"),
        ({"metadata": []}, "metadata"),
        ({"switched_at": datetime(2024, 1, 1)}, "switched_at"),
        ({"switched_at": "2024-01-01T00:00:00.000Z"}, "switched_at"),
    ],
)
def test_what_a_field_cannot_hold_is_refused_and_nothing_is_written(
    stores: Facade, given: dict[str, Any], field: str
) -> None:
    before = stores.agent_contexts.start("s", "planner")
    with pytest.raises(FieldError) as refused:
        stores.agent_contexts.switch(**{"session_id": "s", "to_agent": "coder", **given})
    assert refused.value.field == field
    assert stores.agent_contexts.get("s") == before


def test_delete_takes_the_history_along_and_a_new_start_begins_anew(stores: Facade) -> None:
    stores.agent_contexts.start("s", "planner")
    stores.agent_contexts.switch("s", "coder")
    assert stores.agent_contexts.delete("s") is True
    assert stores.agent_contexts.get("s") is None
    assert ends(stores) == []
    assert stores.agent_contexts.start("s", "tester").switch_count == 0
    assert ends(stores) == [(None, "tester")]


def test_a_hidden_session_hides_its_context_unless_asked(stores: Facade) -> None:
    stores.agent_contexts.start("s", "planner")
    stores.agent_contexts.start("other", "planner")
    hide(stores, "s")
    assert stores.agent_contexts.get("s") is None
    assert stores.agent_contexts.exists("s") is stores.agent_contexts.delete("s") is False
    assert ends(stores) == []
    assert [context.session_id for context in stores.agent_contexts.list().items] == ["other"]
    with pytest.raises(NotFoundError):
        stores.agent_contexts.switch("s", "coder")
    assert stores.agent_contexts.get("s", include_deleted=True).current_agent == "planner"
    assert stores.agent_contexts.exists("s", include_deleted=True)
    assert ends(stores, include_deleted=True) == [(None, "planner")]
    assert len(stores.agent_contexts.list(include_deleted=True).items) == 2
    hide(stores, "other")
    with pytest.raises(NotFoundError, match="is deleted"):
        stores.agent_contexts.start("other", "planner")


def test_lists_are_pages_newest_first(stores: Facade) -> None:
    for number, id in enumerate(["s", "other"]):
        stores.agent_contexts.start(id, "planner", created_at=AT + timedelta(days=number))
    first = stores.agent_contexts.list(limit=1)
    assert [context.session_id for context in first.items] == ["other"]
    second = stores.agent_contexts.list(limit=1, cursor=first.next_cursor)
    assert [context.session_id for context in second.items] == ["s"]
    assert not second.has_more
