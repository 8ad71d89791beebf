from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from store_harness import AT, Facade, agent_fields

from agentdb.errors import AlreadyExistsError, FieldError, IntegrityError, NotFoundError
from agentdb.stores.compactions.store import PRUNED


@pytest.fixture(autouse=True)
def session(stores: Facade) -> str:
    agent = stores.agents.create(**agent_fields())
    stores.sessions.create(main_agent_id=agent.id, id="other")
    return str(stores.sessions.create(main_agent_id=agent.id, id="s").id)


def say(stores: Facade, *contents: str, **given: Any) -> list[int]:
    fields = {"role": "user", "token_count": 10, "created_at": AT, **given}
    return [stores.messages.append("s", content=content, **fields).id for content in contents]


def rows(stores: Facade) -> list[tuple[Any, ...]]:
    """All of every message that is no summary, and the counters of the session."""
    counters = "last_seq, message_count, total_tokens, context_tokens, compaction_count, last_activity_at, updated_at"
    return [
        *stores.rows("SELECT * FROM messages WHERE NOT is_summary ORDER BY session_id, seq, id"),
        *stores.rows(f"SELECT {counters} FROM sessions ORDER BY id"),
    ]


def contents(stores: Facade) -> list[str | None]:
    """What the context of the session says."""
    return [message.content for message in stores.messages.context("s")]


def shorten(stores: Facade, summary: str = "in short", **given: Any) -> Any:
    return stores.compactions.compact("s", summary, **{"keep_last": 2, "protect_tokens": 0, **given})


def test_a_summary_takes_the_place_of_the_last_message_that_it_sums_up(stores: Facade) -> None:
    ids = say(stores, *"abcdef")
    event = shorten(stores, strategy="mine", model_used="small", summary_tokens=3)
    summary, *rest = stores.messages.context("s")
    assert (summary.content, summary.role, summary.is_summary, summary.token_count) == ("in short", "system", True, 3)
    assert (summary.seq, summary.id) == (4, 7)
    assert [(message.id, message.seq, message.content) for message in rest] == [(ids[4], 5, "e"), (ids[5], 6, "f")]
    assert (event.original_tokens, event.compacted_tokens, event.messages_removed) == (60, 23, 4)
    assert (event.strategy, event.model_used, event.summary_message_id) == ("mine", "small", summary.id)
    assert (event.summary_content, event.restored_at, event.created_at) == ("in short", None, summary.created_at)
    assert stores.compactions.get(event.id) == stores.compactions.require(event.id) == event
    stats = stores.messages.stats("s")
    assert (stats.message_count, stats.total_tokens, stats.context_tokens) == (6, 60, 23)
    assert (stats.last_seq, stats.compaction_count) == (6, 1)
    assert [message.content for message in stores.messages.load("s")] == list("abcdef")
    assert stats.last_activity_at == AT
    assert [message.content for message in stores.compactions.archived(event.id)] == list("abcd")
    assert stores.messages.append("s", role="user", content="g").seq == 7


def test_a_plan_says_what_would_go_and_changes_nothing(stores: Facade) -> None:
    say(stores, *"abc")
    (kept,) = say(stores, "kept", is_preserved=True)
    say(stores, *"de", token_count=None)
    before = rows(stores)
    plan = stores.compactions.plan("s", keep_last=1, protect_tokens=0)
    assert [message.content for message in plan.messages] == ["a", "b", "c", "d"]
    assert (plan.original_tokens, plan.removed_tokens, plan.preserved_message_ids) == (42, 31, [kept])
    assert rows(stores) == before
    assert stores.compactions.plan("s").messages == []
    assert plan.to_dict()["messages"][0]["content"] == "a"
    event = shorten(stores, plan=plan)
    assert event.preserved_message_ids == [kept]
    assert contents(stores) == ["kept", "in short", "e"]


def test_nothing_to_take_out_is_none_and_nothing_is_done(stores: Facade) -> None:
    say(stores, *"abc")
    before = rows(stores)
    assert stores.compactions.compact("s", "in short") is None
    assert stores.compactions.prune_tool_outputs("s") is None
    assert stores.compactions.history("s").items == []
    assert rows(stores) == before


def test_restore_brings_back_what_was_there_row_by_row(stores: Facade) -> None:
    say(stores, *"ab")
    stores.messages.append(
        "s", role="assistant", tool_calls=[{"id": "1"}], usage={"input": 3}, metadata={"x": [1]},
        payload=[{"type": "tool_use", "id": "1"}], created_at=AT,
    )  # fmt: skip
    say(stores, "result", role="tool", tool_call_id="1", name="search")
    say(stores, *"ef")
    before = rows(stores)
    event = shorten(stores)
    assert contents(stores) == ["in short", "e", "f"]
    restored = stores.compactions.restore(event.id)
    assert restored.restored_at is not None
    assert rows(stores) == before
    assert stores.compactions.archived(event.id) == []
    assert shorten(stores).id != event.id
    assert stores.messages.stats("s").compaction_count == 1


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ({"type": "computer_call", "call_id": "1"}, {"type": "computer_call_output", "call_id": "1"}),
        ([{"functionCall": {"id": "1"}}], [{"functionResponse": {"id": "1"}}]),
        ([{"type": "tool-call", "toolCallId": "1"}], [{"type": "tool-result", "toolCallId": "1"}]),
        ([{"toolUse": {"toolUseId": "1"}}], [{"toolResult": {"toolUseId": "1"}}]),
        (
            {"type": "ai", "data": {"content": "", "tool_calls": [{"name": "f", "args": {}, "id": "1"}]}},
            {"type": "tool", "data": {"content": "r", "tool_call_id": "1"}},
        ),
        (
            {"lc": 1, "type": "constructor", "kwargs": {"tool_calls": [{"id": "1"}]}},
            {"lc": 1, "type": "constructor", "kwargs": {"tool_call_id": "1"}},
        ),
        ({"type": "mcp_approval_request", "id": "1"}, {"type": "mcp_approval_response", "approval_request_id": "1"}),
        ({"a form": "of tomorrow", "tools": {"asked": "1"}}, {"tool_call_id": "1", "content": "r"}),
        (
            {"kind": "response", "parts": [{"part_kind": "tool-call", "tool_call_id": "1"}]},
            {"kind": "request", "parts": [{"part_kind": "tool-return", "tool_call_id": "1", "content": "r"}]},
        ),
    ],
)
def test_a_call_in_the_form_of_a_framework_is_never_parted_from_its_result(
    stores: Facade, call: Any, result: Any
) -> None:
    say(stores, "a", "b")
    say(stores, "", role="assistant", payload=call)
    say(stores, "", payload=result)
    say(stores, "e")
    assert [message.seq for message in stores.compactions.plan("s", keep_last=2, protect_tokens=0).messages] == [1]
    assert len(stores.compactions.plan("s", keep_last=1, protect_tokens=0).messages) == 4


def test_a_call_in_the_older_form_is_never_parted_from_its_result(stores: Facade) -> None:
    chat = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "tool", "name": "f", "content": "r"},
        {"role": "user", "content": "b"},
    ]
    stores.conversations.save_session("s", chat)
    assert [message.seq for message in stores.compactions.plan("s", keep_last=2, protect_tokens=0).messages] == []
    assert len(stores.compactions.plan("s", keep_last=1, protect_tokens=0).messages) == 3
    stores.messages.pop("s")
    stores.messages.pop("s")
    assert stores.compactions.plan("s", keep_last=0, protect_tokens=0).messages == []  # the call waits


def test_what_was_said_later_stays_where_it_is(stores: Facade) -> None:
    say(stores, *"abcd")
    event = shorten(stores)
    say(stores, "e")
    stores.messages.pop("s")
    say(stores, "f")
    stores.compactions.restore(event.id)
    assert contents(stores) == ["a", "b", "c", "d", "f"]
    assert [message.seq for message in stores.messages.context("s")] == [1, 2, 3, 4, 6]
    stats = stores.messages.stats("s")
    assert (stats.message_count, stats.total_tokens, stats.compaction_count, stats.last_seq) == (5, 50, 0, 6)


def test_a_restore_is_no_activity_even_where_somebody_has_set_an_older_one(stores: Facade) -> None:
    say(stores, *"abcd")
    for value in ("2001-01-01T00:00:00.000Z", None):
        stores.rows("UPDATE sessions SET last_activity_at = ? WHERE id = 's'", value)
        event = shorten(stores)
        stores.compactions.restore(event.id)
        assert stores.rows("SELECT last_activity_at FROM sessions WHERE id = 's'") == [(value,)]


def test_an_earlier_summary_is_archived_with_the_rest_and_events_come_back_newest_first(stores: Facade) -> None:
    say(stores, *"abcd")
    before = rows(stores)
    first = shorten(stores, "first")
    between = rows(stores)
    say(stores, *"ef")
    later = rows(stores)
    second = shorten(stores, "second")
    assert contents(stores) == ["second", "e", "f"]
    assert [message.content for message in stores.compactions.archived(second.id)] == ["first", "c", "d"]
    with pytest.raises(IntegrityError, match=f"event {second.id} of session 's' is newer") as refused:
        stores.compactions.restore(first.id)
    assert refused.value.code == "newer_event"
    stores.compactions.restore(second.id)
    assert rows(stores) == later
    stores.messages.pop("s")
    stores.messages.pop("s")
    assert contents(stores) == ["first", "c", "d"]
    assert between[4:-2] == []
    stores.compactions.restore(first.id)
    assert rows(stores)[:4] == before[:4]
    with pytest.raises(IntegrityError) as again:
        stores.compactions.restore(first.id)
    assert again.value.code == "already_restored"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE messages SET content = content || '!' WHERE is_summary",
        "UPDATE messages SET role = 'user', token_count = 5, is_preserved = 1, metadata_json = '{}' WHERE is_summary",
        "UPDATE messages SET removed_at = '2024-01-01T00:00:00.000Z' WHERE is_summary",
        "DELETE FROM messages WHERE is_summary",
    ],
)
def test_whatever_became_of_a_summary_a_restore_brings_back_what_it_stood_for(stores: Facade, change: str) -> None:
    say(stores, *"abcd")
    before = rows(stores)
    event = shorten(stores)
    stores.rows(change)
    assert [message.content for message in stores.compactions.archived(event.id)] == ["a", "b"]
    stores.compactions.restore(event.id)
    assert contents(stores) == list("abcd")
    assert rows(stores) == before


def test_a_pruned_message_that_was_annotated_was_not_edited(stores: Facade) -> None:
    say(stores, "x" * 9000, role="tool", tool_call_id="1", token_count=None, metadata={"a": 1})
    say(stores, "thanks")
    event = stores.compactions.prune_tool_outputs("s", keep_last=1, protect_tokens=0)
    stores.rows("UPDATE messages SET metadata_json = ? WHERE id = 1", '{"a":2}')
    stores.compactions.restore(event.id)
    message, _ = stores.messages.load("s")
    assert (message.content, message.metadata) == ("x" * 9000, {"a": 2})


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"role": "user", "is_preserved": True}, "takes message 2, which is preserved"),
        (
            {"role": "assistant", "tool_calls": [{"id": "1"}]},
            "takes message 2, which waits for the result of a tool",
        ),
    ],
)
def test_a_plan_that_was_altered_to_take_what_no_plan_takes_is_refused(
    stores: Facade, given: dict[str, Any], why: str
) -> None:
    say(stores, "a")
    say(stores, "b", **given)
    say(stores, *"cd")
    before = rows(stores)
    plan = stores.compactions.plan("s", keep_last=1, protect_tokens=0)
    assert [message.content for message in plan.messages] == (["a", "c"] if given["role"] == "user" else ["c"])
    with pytest.raises(FieldError, match=why) as refused:
        shorten(stores, plan=replace(plan, messages=stores.messages.load("s")))
    assert refused.value.remedy.startswith("Give the plan as plan() made it")
    assert rows(stores) == before
    assert shorten(stores, plan=plan).messages_removed == len(plan.messages)


def test_the_estimate_of_a_summary_is_in_its_event_and_no_count(stores: Facade) -> None:
    say(stores, *"abcdef", token_count=250)
    event = shorten(stores, "x" * 1000)
    assert (event.original_tokens, event.compacted_tokens, event.is_estimated) == (1500, 750, True)
    assert stores.messages.stats("s").context_tokens == 500
    assert stores.messages.context("s")[0].token_count is None
    assert stores.compactions.plan("s").original_tokens == 750
    assert stores.compactions.plan("s").is_estimated is True
    stores.compactions.restore(event.id)
    assert stores.messages.stats("s").context_tokens == 1500


@pytest.mark.parametrize("change", ["edit", "remove", "mark", "go on"])
def test_a_plan_that_is_out_of_date_is_refused(stores: Facade, change: str) -> None:
    say(stores, "a")
    stores.messages.append("s", role="assistant", tool_calls=[{"id": "1"}])
    say(stores, "result", role="tool", tool_call_id="1")
    say(stores, *"bc")
    plan = stores.compactions.plan("s", keep_last=2, protect_tokens=0)
    say(stores, "said since")
    if change == "edit":
        stores.rows("UPDATE messages SET content = 'other' WHERE content = 'a'")
    elif change == "remove":
        stores.rows("DELETE FROM messages WHERE content = 'a'")
    elif change == "mark":
        stores.rows("UPDATE messages SET is_preserved = 1 WHERE content = 'a'")
    else:
        plan = stores.compactions.plan("s", keep_last=0, protect_tokens=0)
        say(stores, "an answer", role="assistant")
    before = rows(stores)
    with pytest.raises(IntegrityError) as refused:
        shorten(stores, plan=plan)
    assert refused.value.code == "plan_outdated"
    assert rows(stores) == before


def test_a_plan_takes_out_what_it_names_whatever_was_said_since(stores: Facade) -> None:
    say(stores, *"abcd")
    plan = stores.compactions.plan("s", keep_last=2, protect_tokens=0)
    say(stores, *"efgh")
    assert shorten(stores, plan=plan).messages_removed == 2
    assert contents(stores) == ["in short", *"cdefgh"]
    with pytest.raises(FieldError, match="not a plan of session 'other'"):
        stores.compactions.compact("other", "in short", plan=plan)


def test_large_outputs_are_pruned_and_come_back(stores: Facade) -> None:
    say(stores, "question")
    stores.messages.append("s", role="assistant", tool_calls=[{"id": "1"}, {"id": "2"}, {"id": "3"}], created_at=AT)
    say(stores, "x" * 9000, role="tool", tool_call_id="1", token_count=None)
    blocks = [{"type": "text", "text": "y" * 5000}]
    say(stores, "y" * 5000, role="tool", tool_call_id="2", token_count=1250, payload=blocks)
    say(stores, "small", role="tool", tool_call_id="3")
    say(stores, "z" * 9000, role="tool", tool_call_id="9", payload={"odd": True}, token_count=900)
    say(stores, "kept " * 900, role="tool", tool_call_id="8", is_preserved=True, token_count=900)
    say(stores, "thanks", "tail " * 900)
    before = rows(stores)
    event = stores.compactions.prune_tool_outputs("s", keep_last=2, protect_tokens=0)
    found = stores.messages.load("s")
    assert [message.content == PRUNED for message in found] == [False, False, True, True, *[False] * 5]
    assert found[3].payload == [{"type": "text", "text": PRUNED}]
    assert [(message.id, message.seq, message.created_at) for message in found] == [(n, n, AT) for n in range(1, 10)]
    assert (event.summary_message_id, event.messages_removed, event.strategy) == (None, 0, "prune_tool_outputs")
    assert event.original_tokens - event.compacted_tokens == 2250 + 1250 - 2 * 13
    assert stores.messages.stats("s").compaction_count == 1
    assert stores.compactions.prune_tool_outputs("s", keep_last=2, protect_tokens=0) is None
    assert stores.compactions.stats("s").tokens_saved == event.original_tokens - event.compacted_tokens
    stores.compactions.restore(event.id)
    assert rows(stores) == before


def test_outputs_in_blocks_of_a_user_are_pruned_and_what_stands_beside_them_is_not(stores: Facade) -> None:
    def result(id: str, text: Any, **beside: Any) -> dict[str, Any]:
        return {"type": "tool_result", "tool_use_id": id, **beside, "content": text}

    beside = {"type": "text", "text": "and go on"}
    deep = [{"type": "text", "text": "w" * 8000}]
    say(stores, "and go on", payload=[result("1", "x" * 9000), beside], token_count=None)
    say(stores, f"{'y' * 9000}\nand go on", payload=[result("2", "y" * 9000), beside], token_count=2300)
    say(stores, "", payload=[result("3", deep, is_error=True)], token_count=None)
    say(stores, "", payload={"role": "user", "content": [result("4", "v" * 9000)]}, token_count=None)
    say(stores, "long " * 900, payload=[result("5", "small"), beside], token_count=None)
    say(stores, "long " * 900, payload=[beside], token_count=None)
    say(stores, "item", payload={"type": "function_call_output", "call_id": "6", "output": "u" * 9000})
    stores.rows("UPDATE messages SET token_count = 2250 WHERE content = 'item'")
    say(stores, "thanks")
    before = rows(stores)
    event = stores.compactions.prune_tool_outputs("s", keep_last=1, protect_tokens=0)
    found = stores.messages.load("s")
    assert [message.id for message in stores.compactions.archived(event.id)] == [1, 2, 3, 4, 7]
    assert [message.content for message in found[:4]] == ["and go on", f"{PRUNED}\nand go on", "", ""]
    assert found[0].payload == [result("1", PRUNED), beside]
    assert found[1].payload == [result("2", PRUNED), beside]
    assert found[2].payload == [result("3", [{"type": "text", "text": PRUNED}], is_error=True)]
    assert found[3].payload == {"role": "user", "content": [result("4", PRUNED)]}
    assert found[6].content == PRUNED
    assert event.compacted_tokens == stores.compactions.plan("s").original_tokens
    assert found[1].token_count is None  # what somebody counted was of the whole
    assert stores.compactions.prune_tool_outputs("s", keep_last=1, protect_tokens=0) is None
    stores.compactions.restore(event.id)
    assert rows(stores) == before


def test_a_pruned_message_that_was_removed_stays_removed_and_an_edited_one_refuses(stores: Facade) -> None:
    say(stores, *["x" * 9000] * 3, role="tool", tool_call_id="1")
    say(stores, "thanks")
    event = stores.compactions.prune_tool_outputs("s", keep_last=1, protect_tokens=0, min_tokens=5)
    assert event is None  # as counted, they have no more tokens than the words in their place
    stores.rows("UPDATE messages SET token_count = NULL")
    event = stores.compactions.prune_tool_outputs("s", keep_last=1, protect_tokens=0)
    stores.messages.delete(2)
    stores.rows("UPDATE messages SET content = 'edited' WHERE id = 3")
    before = rows(stores)
    with pytest.raises(IntegrityError, match="message 3, whose output it pruned, has been edited") as refused:
        stores.compactions.restore(event.id)
    assert refused.value.code == "output_changed"
    assert rows(stores) == before
    stores.rows("UPDATE messages SET content = ? WHERE id = 3", PRUNED)
    stores.compactions.restore(event.id)
    assert [message.content for message in stores.messages.load("s")] == ["x" * 9000, "x" * 9000, "thanks"]
    removed = stores.messages.get(2)
    assert (removed.content, removed.removed_at is None) == ("x" * 9000, False)
    assert stores.rows("SELECT * FROM message_archive") == []


def test_pruned_then_compacted_comes_back_in_two_steps(stores: Facade) -> None:
    say(stores, "x" * 9000, role="tool", tool_call_id="1", token_count=None)
    say(stores, *"abc")
    before = rows(stores)
    prune = stores.compactions.prune_tool_outputs("s", keep_last=2, protect_tokens=0)
    compact = shorten(stores)
    assert stores.messages.stats("s").compaction_count == 2
    with pytest.raises(IntegrityError, match="newer"):
        stores.compactions.restore(prune.id)
    stores.compactions.restore(compact.id)
    stores.compactions.restore(prune.id)
    assert rows(stores) == before


def test_whether_to_compact_is_asked_of_tokens_counted_or_estimated(stores: Facade) -> None:
    assert stores.compactions.should_compact("s", max_tokens=1) is False
    say(stores, "counted", token_count=50)
    say(stores, "x" * 140, token_count=None)
    should = stores.compactions.should_compact
    assert [should("s", max_tokens=n) for n in (100, 101)] == [True, False]
    assert [should("s", max_tokens=170, trigger=trigger) for trigger in (0.5, 0.51, 1)] == [True, False, False]
    assert should("s") is False
    for trigger, code in ((0, "too_small"), (1.5, "too_large"), (float("nan"), "too_small"), ("1", "wrong_type")):
        with pytest.raises(FieldError) as refused:
            should("s", trigger=trigger)
        assert refused.value.code == code


def test_history_and_stats_tell_of_restored_events_too(stores: Facade) -> None:
    assert stores.compactions.stats("s").to_dict() == {
        "session_id": "s",
        **dict.fromkeys(("events", "standing_events", "messages_removed", "tokens_saved"), 0),
        "last_event_at": None,
    }
    say(stores, *"abcdef")
    events = [shorten(stores, f"summary {n}", keep_last=4 - n, summary_tokens=1) for n in range(3)]
    stores.compactions.restore(events[2].id)
    page = stores.compactions.history("s", limit=2)
    assert [event.id for event in page.items] == [events[2].id, events[1].id]
    assert [event.restored_at is None for event in page.items] == [False, True]
    rest = stores.compactions.history("s", limit=2, cursor=page.next_cursor)
    assert [event.id for event in rest.items] == [events[0].id]
    stats = stores.compactions.stats("s")
    assert (stats.events, stats.standing_events, stats.messages_removed) == (3, 2, 4)
    assert (stats.tokens_saved, stats.last_event_at) == (19 + 10, events[1].created_at)


def test_an_id_that_is_taken_is_said_to_be_so_also_where_it_has_an_archive(stores: Facade) -> None:
    say(stores, *"abcd")
    shorten(stores)
    agent_id = stores.sessions.get("s").main_agent_id
    with pytest.raises(AlreadyExistsError, match="session 's' exists already"):
        stores.sessions.create(id="s", main_agent_id=agent_id)
    with pytest.raises(AlreadyExistsError, match="exists already"):
        stores.agents.create(**agent_fields(id=agent_id))


def test_a_hidden_session_hides_its_compactions_unless_asked(stores: Facade) -> None:
    say(stores, *"abcd")
    event = shorten(stores)
    stores.sessions.soft_delete("s")
    assert stores.compactions.history("s").items == []
    assert stores.compactions.get(event.id) is stores.compactions.stats("s") is None
    for call in (
        lambda: stores.compactions.restore(event.id),
        lambda: stores.compactions.archived(event.id),
        lambda: stores.compactions.plan("s"),
        lambda: shorten(stores),
        lambda: stores.compactions.prune_tool_outputs("s"),
        lambda: stores.compactions.should_compact("s"),
    ):
        with pytest.raises(NotFoundError):
            call()
    assert stores.compactions.get(event.id, include_deleted=True) == event
    assert stores.compactions.history("s", include_deleted=True).items == [event]
    assert stores.compactions.stats("s", include_deleted=True).events == 1
    assert len(stores.compactions.archived(event.id, include_deleted=True)) == 2
    stores.sessions.restore("s")
    stores.compactions.restore(event.id)
    assert contents(stores) == list("abcd")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"session_id": ""}, "session_id"),
        ({"summary": ""}, "summary"),
        ({"summary": None}, "summary"),
        ({"keep_last": -1}, "keep_last"),
        ({"protect_tokens": 1.5}, "protect_tokens"),
        ({"strategy": ""}, "strategy"),
        ({"model_used": 1}, "model_used"),
        ({"summary_tokens": -1}, "summary_tokens"),
        ({"plan": "all"}, "plan"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_done(stores: Facade, given: dict[str, Any], field: str) -> None:
    say(stores, *"abcd")
    before = rows(stores)
    with pytest.raises(FieldError) as refused:
        stores.compactions.compact(**{"session_id": "s", "summary": "x", "keep_last": 0, "protect_tokens": 0, **given})
    assert refused.value.field == field
    assert rows(stores) == before


def test_what_is_missing_is_none_or_an_error_that_names_it(stores: Facade) -> None:
    assert stores.compactions.get(99) is stores.compactions.stats("nowhere") is None
    assert stores.compactions.history("nowhere").items == []
    for call in (
        lambda: stores.compactions.require(99),
        lambda: stores.compactions.restore(99),
        lambda: stores.compactions.archived(99),
    ):
        with pytest.raises(NotFoundError, match="compaction event 99"):
            call()
    for call in (
        lambda: stores.compactions.plan("nowhere"),
        lambda: stores.compactions.compact("nowhere", "in short"),
        lambda: stores.compactions.prune_tool_outputs("nowhere"),
        lambda: stores.compactions.should_compact("nowhere"),
    ):
        with pytest.raises(NotFoundError, match="no session 'nowhere'"):
            call()


def test_counts_of_tokens_never_break_a_sum(stores: Facade) -> None:
    most = 2**53 - 1
    say(stores, "a", token_count=most)
    with pytest.raises(FieldError) as refused:
        say(stores, "b", token_count=most + 1)
    assert refused.value.code == "too_large"
    with pytest.raises(IntegrityError, match="total_tokens"):
        say(stores, "b", token_count=1)
    say(stores, "b", "c", "d", token_count=0)
    assert stores.compactions.should_compact("s") is True
    with pytest.raises(FieldError) as refused:
        shorten(stores, summary_tokens=most + 1)
    assert refused.value.field == "summary_tokens"
    with pytest.raises(FieldError, match="token_count"):
        stores.conversations.save_session("s", [{"role": "user", "content": "a", "token_count": most + 1}])
    event = shorten(stores)
    assert (event.original_tokens, event.compacted_tokens) == (most, 2)
    assert stores.messages.stats("s").context_tokens == 0
    assert stores.compactions.restore(event.id).restored_at is not None
    assert stores.messages.stats("s").total_tokens == most
