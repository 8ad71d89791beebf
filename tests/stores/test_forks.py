"""A fork goes on from a message of another session: it has what was there, and both go their own ways."""

from __future__ import annotations

from typing import Any

import pytest
from store_harness import Facade, agent_fields, session_fields

from agentdb.errors import AlreadyExistsError, FieldError, NotFoundError

COPIED = ("main_agent_id", "sub_agent_ids", "user_goal", "model", "plan_model", "small_model", "built_in_tools", "mcps", "knowledges", "configuration", "accessible_paths", "permission_mode", "max_steps", "user_id", "source", "tags", "metadata")  # fmt: skip


@pytest.fixture
def s(stores: Facade) -> Facade:
    stores.agents.create(**agent_fields())
    for id in ("other", "s"):  # the ids of messages do not begin at 1
        stores.sessions.create(**session_fields("agent-1", id=id, status="idle"))
        for number in range(1, 9):
            stores.messages.append(
                id, role="user", content=f"m{number}", token_count=1, external_id=f"e{number}", is_preserved=number == 5
            )
    return stores


def contents(messages: list[Any]) -> list[str | None]:
    return [message.content for message in messages]


def test_a_fork_has_the_messages_up_to_a_seq_and_the_configuration(s: Facade) -> None:
    s.messages.delete(s.messages.load("s")[1].id)
    fork = s.sessions.fork("s", 4, "another way")
    origin = s.sessions.require("s")
    assert all(getattr(fork, name) == getattr(origin, name) for name in COPIED)
    assert (fork.name, fork.forked_from_id, fork.forked_at_seq) == ("another way", "s", 4)
    assert (fork.status, fork.external_session_id, fork.last_seq) == ("idle", None, 4)
    there, before = s.messages.load(fork.id), s.messages.load("s")[:3]
    assert contents(there) == ["m1", "m3", "m4"]
    for copy, message in zip(there, before, strict=True):
        assert copy.to_dict() == {**message.to_dict(), "id": copy.id, "session_id": fork.id}
        assert copy.id != message.id
    assert (fork.message_count, fork.total_tokens, fork.context_tokens) == (3, 3, 3)
    assert s.messages.append(fork.id, role="user", content="on").seq == 5
    assert s.messages.append(fork.id, role="user", content="again", external_id="e1").content == "m1"
    assert len(s.messages.load("s")) == 7
    assert [hit.message.session_id for hit in s.messages.search("m3", session_id=fork.id)] == [fork.id]


def test_compactions_that_reach_beyond_are_left_behind_and_the_others_can_be_restored(s: Facade) -> None:
    s.messages.append("s", role="tool", content="x" * 9_000, tool_call_id="c")
    s.compactions.compact("s", "first", keep_last=6, protect_tokens=0)
    s.compactions.prune_tool_outputs("s", keep_last=0, protect_tokens=0, replacement="gone")
    s.compactions.compact("s", "second", keep_last=3, protect_tokens=0)
    before = contents(s.messages.context("s"))
    assert before == ["m5", "second", "m7", "m8"]  # a result without its call is not sent
    for at_seq, context in (
        (None, before),
        (7, ["m5", "second", "m7"]),
        (5, ["first", "m4", "m5"]),
        (2, ["m1", "m2"]),
        (0, []),
    ):
        fork = s.sessions.fork("s", at_seq)
        assert contents(s.messages.context(fork.id)) == context, at_seq
        events = s.compactions.history(fork.id).items
        assert fork.compaction_count == len(events)
        assert fork.context_tokens == sum(m.token_count or 0 for m in s.messages.context(fork.id))
        for event in events:
            assert all(s.messages.get(id).session_id == fork.id for id in event.preserved_message_ids)
            s.compactions.restore(event.id)
        there = s.messages.load(fork.id)
        assert contents(s.messages.context(fork.id)) == contents([m for m in there if m.role != "tool"])
        assert all(message.content[:1] in "mx" for message in there)
    assert contents(s.messages.context("s")) == before


def test_a_fork_has_the_agent_context_and_its_switches(s: Facade) -> None:
    s.agent_contexts.start("s", "planner", reason="asked", metadata={"a": 1})
    s.agent_contexts.switch("s", "coder")
    fork = s.sessions.fork("s")
    there, origin = s.agent_contexts.require(fork.id), s.agent_contexts.require("s")
    assert there.to_dict() == {**origin.to_dict(), "session_id": fork.id}
    switches = [s.agent_contexts.history(id).items for id in (fork.id, "s")]
    for copy, switch in zip(*switches, strict=True):
        assert copy.to_dict() == {**switch.to_dict(), "id": copy.id, "session_id": fork.id}


def test_what_cannot_be_forked_is_refused_and_nothing_is_written(s: Facade) -> None:
    before = s.totals()
    for at_seq in (9, -1, "1", True, 1.0, 2**70):
        with pytest.raises(FieldError) as refused:
            s.sessions.fork("s", at_seq)
        assert refused.value.field == "at_seq"
    with pytest.raises(FieldError):
        s.sessions.fork("s", name="half \ud83d")
    with pytest.raises(AlreadyExistsError):
        s.sessions.fork("s", id="other")
    with pytest.raises(NotFoundError):
        s.sessions.fork("nowhere")
    assert s.sessions.fork("s", id="mine").id == "mine"
    s.sessions.soft_delete("s")
    with pytest.raises(NotFoundError) as hidden:
        s.sessions.fork("s")
    assert hidden.value.code == "session_deleted"
    assert s.totals()[1] == before[1] + 1


def test_a_tree_shows_each_session_before_its_forks(s: Facade) -> None:
    for id, origin in (("a", "s"), ("b", "s"), ("aa", "a"), ("ab", "a"), ("aaa", "aa")):
        s.sessions.fork(origin, 3, id=id)
    names = ["s", "a", "aa", "aaa", "ab", "b"]
    depths = [0, 1, 2, 3, 2, 1]
    for id in names:
        tree = s.sessions.tree(id)
        assert sorted(node.id for node in tree) == sorted(names)
        assert [node.depth for node in tree if node.id == id] == [depths[names.index(id)]]
        assert {node.id: node.forked_from_id for node in tree}["aaa"] == "aa"
        place = {node.id: at for at, node in enumerate(tree)}
        assert all(node.forked_from_id is None or place[node.forked_from_id] < place[node.id] for node in tree)
    assert [node.id for node in s.sessions.tree("other")] == ["other"]
    s.sessions.soft_delete("a")
    assert {node.id: node.depth for node in s.sessions.tree("s")} == {"s": 0, "aa": 1, "aaa": 2, "ab": 1, "b": 1}
    assert len(s.sessions.tree("a", include_deleted=True)) == 6
    for id in ("a", "nowhere"):
        with pytest.raises(NotFoundError):
            s.sessions.tree(id)
    s.sessions.delete("a")
    assert [node.id for node in s.sessions.tree("aaa")] == ["aa", "aaa"]


def test_forks_of_one_another_which_raw_sql_can_make_are_shown_once(s: Facade) -> None:
    s.sessions.fork("s", id="a")
    s.rows("UPDATE sessions SET forked_from_id = 'a' WHERE id = 's'")
    assert sorted(node.id for node in s.sessions.tree("a")) == ["a", "s"]


def test_ids_grow_by_what_is_copied_however_often_a_session_is_forked(s: Facade) -> None:
    for number in range(70):
        s.messages.append("s", role="user", content=str(number))
        s.sessions.fork("s", 1)
    assert s.rows("SELECT max(id) FROM messages") == [(16 + 70 * 2,)]
