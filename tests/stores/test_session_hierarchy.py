from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_harness import Facade, agent_fields

from agentdb import AgentDB
from agentdb.errors import FieldError, IntegrityError, NotFoundError


@pytest.fixture(autouse=True)
def family(stores: Facade) -> None:
    """r(a(c(d)), b), and x beside it."""
    agent = stores.agents.create(**agent_fields())
    for id, parent in (("r", None), ("a", "r"), ("b", "r"), ("c", "a"), ("d", "c"), ("x", None)):
        stores.sessions.create(id=id, main_agent_id=agent.id, parent_session_id=parent)


def related(found: list[Any]) -> list[tuple[str, int]]:
    return [(each.session.id, each.depth) for each in found]


def test_children_come_by_page_the_newest_first(stores: Facade) -> None:
    first = stores.sessions.children("r", limit=1)
    second = stores.sessions.children("r", limit=1, cursor=first.next_cursor)
    assert sorted(each.id for each in (*first.items, *second.items)) == ["a", "b"]
    assert second.next_cursor is None
    assert stores.sessions.children("x").items == []


def test_ancestors_lead_to_the_root_and_the_subtree_goes_down(stores: Facade) -> None:
    assert related(stores.sessions.ancestors("d")) == [("c", 1), ("a", 2), ("r", 3)]
    assert stores.sessions.ancestors("r") == []
    assert stores.sessions.ancestors("nobody") == []
    tree = related(stores.sessions.subtree("r"))
    assert tree[0] == ("r", 0)
    assert sorted(tree) == [("a", 1), ("b", 1), ("c", 2), ("d", 3), ("r", 0)]
    assert related(stores.sessions.subtree("c")) == [("c", 0), ("d", 1)]
    assert stores.sessions.subtree("nobody") == []


def test_a_session_that_is_deleted_softly_hides_what_is_behind_it(stores: Facade) -> None:
    stores.sessions.soft_delete("a")
    assert [each.id for each in stores.sessions.children("r").items] == ["b"]
    assert related(stores.sessions.ancestors("d")) == [("c", 1)]
    assert sorted(related(stores.sessions.subtree("r"))) == [("b", 1), ("r", 0)]
    assert len(stores.sessions.subtree("r", include_deleted=True)) == 5
    assert len(stores.sessions.children("r", include_deleted=True).items) == 2
    assert related(stores.sessions.ancestors("d", include_deleted=True)) == [("c", 1), ("a", 2), ("r", 3)]


def test_the_children_of_a_deleted_parent_are_roots(stores: Facade) -> None:
    stores.sessions.delete("a")
    assert stores.sessions.require("c").parent_session_id is None
    assert related(stores.sessions.subtree("c")) == [("c", 0), ("d", 1)]
    with pytest.raises(IntegrityError) as refused:
        stores.sessions.update("c", parent_session_id="d")
    assert refused.value.code == "cycle"


def test_a_session_ends_once_and_is_opened_again(stores: Facade) -> None:
    ended = stores.sessions.end("a", "failed", quality_score=0, user_satisfaction=1, learning_outcomes=["x"])
    assert (ended.status, ended.quality_score, ended.user_satisfaction) == ("failed", 0.0, 1.0)
    assert ended.learning_outcomes == ["x"]
    assert ended.ended_at is not None
    with pytest.raises(IntegrityError) as refused:
        stores.sessions.end("a")
    assert refused.value.code == "already_ended"
    assert stores.sessions.require("a") == ended
    stores.sessions.update_status("a", "running")
    again = stores.sessions.require("a")
    assert (again.status, again.ended_at, again.quality_score) == ("running", None, 0.0)
    second = stores.sessions.end("a")
    assert (second.status, second.quality_score, second.learning_outcomes) == ("completed", 0.0, ["x"])
    assert stores.sessions.update("a", status="idle").ended_at is None


def test_what_is_missing_or_wrong_does_not_end(stores: Facade) -> None:
    stores.sessions.soft_delete("a")
    for id in ("a", "nobody"):
        with pytest.raises(NotFoundError):
            stores.sessions.end(id)
    bad: list[dict[str, Any]] = [{"status": "running"}, {"quality_score": 1.1}, {"user_satisfaction": float("nan")}]
    for arguments in (*bad, {"learning_outcomes": "text"}, {"quality_score": True}):
        with pytest.raises(FieldError):
            stores.sessions.end("b", **arguments)
    assert stores.sessions.require("b").ended_at is None


@settings(max_examples=25)
@given(st.lists(st.integers(0, 30), max_size=30))
def test_the_subtree_and_the_ancestors_are_those_of_the_parents(parents: list[int]) -> None:
    tree: dict[str, str | None] = {"0": None}
    with AgentDB.open(":memory:") as db:
        agent = db.agents.create(name="a", model="m").id
        db.sessions.create(id="0", main_agent_id=agent)
        for number, parent in enumerate(parents, 1):
            tree[str(number)] = str(parent % number)
            db.sessions.create(id=str(number), main_agent_id=agent, parent_session_id=tree[str(number)])

        def above(id: str) -> list[str]:
            parent = tree[id]
            return [] if parent is None else [parent, *above(parent)]

        for id in tree:
            assert [each.session.id for each in db.sessions.ancestors(id)] == above(id)
            found = {each.session.id: each.depth for each in db.sessions.subtree(id)}
            assert found == {
                other: (*[other], *above(other)).index(id) for other in tree if id in (other, *above(other))
            }


def test_a_chain_of_thousands_is_walked_in_one_query() -> None:
    with AgentDB.open(":memory:") as db:
        agent = db.agents.create(name="a", model="m").id
        with db.transaction() as tx:
            for number in range(3000):
                tx.sessions.create(
                    id=str(number), main_agent_id=agent, parent_session_id=str(number - 1) if number else None
                )
        assert len(db.sessions.ancestors("2999")) == 2999
        assert db.sessions.subtree("0")[-1].depth == 2999
