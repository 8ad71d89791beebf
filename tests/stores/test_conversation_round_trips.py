"""Whatever a conversation holds is stored faithfully or refused, never half; whichever way it is saved, compacted, restored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_index import check_search_index as check
from store_harness import Facade, new_file, opened

from agentdb import AgentDB
from agentdb.errors import FieldError

AWKWARD = [
    "",
    "\0",
    "before\0behind",
    "'; DROP TABLE messages; --",
    '"quoted" AND NOT (x OR y*) NEAR/2 col:z ^a',
    "-hyphen-ated-",
    "潮汐表",
    "e\u0301 é ﬁ İ",
    "👩‍👩‍👧 \U0001f1e9\U0001f1ea",
    "\u202eevil\u202c \ufeff \u2028\x85\r\n\t",
    "\ufffe\uffff\U0010ffff",
    "%s {} \\ ? :name $1 @x",
]
TEXTS = st.sampled_from(AWKWARD) | st.text(max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
BLOCKS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}) | TEXTS | st.dictionaries(TEXTS, JSON, max_size=2), max_size=3)  # fmt: skip
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system", "tool"]), "content": st.none() | TEXTS | BLOCKS},
        optional={"name": TEXTS, "tool_call_id": TEXTS, "tool_calls": st.lists(JSON, max_size=2)},
    ),
    max_size=6,
)
LEAN = settings(max_examples=40, deadline=None)


@pytest.fixture(scope="module")
def one() -> Any:
    with AgentDB.open(":memory:") as db:
        yield db


def check_search_index(db: AgentDB) -> None:
    check(lambda sql: db.client.execute(sql).tuples)


@LEAN
@given(first=MESSAGES, second=MESSAGES, summary=TEXTS.filter(bool))
def test_what_was_saved_last_is_what_is_loaded_and_what_was_compacted_comes_back(
    one: AgentDB, first: list[Any], second: list[Any], summary: str
) -> None:
    chats = one.conversations
    chats.delete_session("s", soft=False)
    for said in (first, second, first + second):
        chats.save_session("s", said)
        assert chats.load_session("s")["messages"] == said  # type: ignore[index]
    live = "SELECT * FROM messages WHERE removed_at IS NULL ORDER BY id"
    before = one.client.execute(live).tuples
    event = one.compactions.compact("s", summary, keep_last=1, protect_tokens=0)
    if event is not None:
        assert summary in [message.content for message in one.messages.context("s")]
        one.compactions.restore(event.id)
    assert one.client.execute(live).tuples == before
    pruned = one.compactions.prune_tool_outputs("s", keep_last=0, protect_tokens=0, min_tokens=0, replacement=".")
    if pruned is not None:
        one.compactions.restore(pruned.id)
    assert one.client.execute(live).tuples == before
    chats.save_session("s", first + second)
    assert one.client.execute(live).tuples == before
    check_search_index(one)


@LEAN
@given(
    agents=st.lists(TEXTS.filter(bool), min_size=1, max_size=4),
    reason=st.none() | TEXTS,
    metadata=st.dictionaries(TEXTS, JSON, max_size=3),
    id=TEXTS.filter(bool),
)
def test_a_context_holds_any_text(
    one: AgentDB, agents: list[str], reason: str | None, metadata: dict[str, Any], id: str
) -> None:
    chats = one.conversations
    chats.save_session(id, [])
    chats.delete_agent_context(id)
    context = one.agent_contexts.start(id, agents[0], reason=reason, metadata=metadata)
    for agent in agents[1:]:
        context = one.agent_contexts.switch(id, agent, reason=reason, metadata=metadata)
    loaded = chats.load_agent_context(id)
    assert loaded is not None
    assert (loaded["current_agent"], loaded["metadata"]) == (agents[-1], metadata)
    assert {entry["reason"] for entry in loaded["agent_history"]} == {reason}
    switches = chats.get_agent_switch_history(id)
    chats.save_agent_context(**loaded)
    assert chats.load_agent_context(id) == loaded
    assert chats.get_agent_switch_history(id) == switches
    assert one.agent_contexts.require(id) == context


@pytest.mark.parametrize("is_async", [False, True])
def test_ten_megabytes_are_saved_loaded_compacted_and_restored(tmp_path: Path, is_async: bool) -> None:
    large = "潮汐 " * 1_400_000
    with opened(new_file(tmp_path), is_async=is_async) as db:
        chats = db.conversations
        said = [{"role": "tool", "tool_call_id": "1", "content": large}, *[{"role": "user", "content": "x"}] * 3]
        chats.save_session("s", said)
        assert db.compactions.plan("s").original_tokens == len(large.encode()) // 4 + 3
        pruned = db.compactions.prune_tool_outputs("s", keep_last=1, protect_tokens=0)
        event = db.compactions.compact("s", "in short", keep_last=1, protect_tokens=0)
        assert len("".join(message.content for message in db.messages.context("s"))) < 100
        db.compactions.restore(event.id)
        db.compactions.restore(pruned.id)
        assert chats.load_session("s")["messages"] == said


def test_a_change_in_the_middle_of_a_long_conversation_writes_one_message(db: Facade) -> None:
    said = [{"role": "user", "content": f"message {number}"} for number in range(3_000)]
    db.conversations.save_session("s", said)
    before = db.rows("SELECT * FROM messages")
    middle = {"role": "user", "content": "changed"}
    db.conversations.save_session("s", [*said[:1_500], middle, *said[1_501:]])
    live = "SELECT * FROM messages WHERE removed_at IS NULL ORDER BY seq"
    after = db.rows(live)
    assert [row for row in after if row not in set(before)] == [after[1_500]]
    assert db.rows("SELECT seq, content FROM messages WHERE removed_at IS NOT NULL") == [(1_501, "message 1500")]
    event = db.compactions.compact("s", "in short", keep_last=10, protect_tokens=0)
    assert event.messages_removed == 2_990
    db.compactions.restore(event.id)
    assert db.rows(live) == after


@pytest.mark.parametrize("bad", ["\ud800", float("nan"), {1: 2}, object(), b"bytes"])
def test_what_cannot_be_stored_is_refused_before_anything_is_written(db: Facade, bad: Any) -> None:
    for message in (
        {"role": "user", "content": [bad]},
        {"role": "user", "content": "x", "metadata": {"x": bad}},
        {"role": "assistant", "content": None, "tool_calls": [bad]},
        {"role": "user", "content": "x", "unknown": bad},
    ):
        with pytest.raises(FieldError):
            db.conversations.save_session("s", [{"role": "user", "content": "first"}, message])
    assert db.totals() == (0, 0, 0)


def test_all_migrations_can_be_taken_back_from_a_full_database_and_applied_again(path: str) -> None:
    with AgentDB.open(path) as db:
        said = [{"role": "user", "content": f"message {number}"} for number in range(9)]
        db.conversations.save_session("s", said)
        db.conversations.save_agent_context("s", "b", [{"from": "a", "to": "b"}])
        db.compactions.compact("s", "in short", keep_last=2, protect_tokens=0)
        for target in ("005", "004", "003", "002"):
            assert db.migrator.rollback(target=target)[-1].migration.number == int(target) + 1
            db.migrator.migrate()
            left = db.messages.stats("s")
            assert left is not None
            assert left.message_count == (9 if target > "002" else 0)
            check_search_index(db)
        db.conversations.save_session("s", said)
        db.migrator.rollback(target="002")
        assert db.client.execute("SELECT id, main_agent_id FROM sessions").tuples == [("s", "default")]
