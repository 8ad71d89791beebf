"""Conversations as plain dicts: the shapes that the older layer had, and each of its faults."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from store_harness import AT, Facade, agent_fields, new_file, opened

from agentdb.errors import (
    AlreadyExistsError,
    ClosedError,
    FieldError,
    IntegrityError,
    NotFoundError,
    TransactionActiveError,
)

USER = {"role": "user", "content": "What is the tide?"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": {"name": "tide"}}]}
RESULT = {"role": "tool", "content": "high at noon", "tool_call_id": "c1", "name": "tide"}
ANSWER = {"role": "assistant", "content": "High at noon."}
CHAT = [USER, CALL, RESULT, ANSWER]


@pytest.fixture
def chats(stores: Facade) -> Any:
    return stores.conversations


def says(*contents: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content} for content in contents]


def places(stores: Facade, session_id: str = "s") -> dict[str, tuple[int, int, str]]:
    """Id, seq and time of each message, by its content."""
    sql = "SELECT content, id, seq, created_at FROM messages WHERE session_id = ? AND removed_at IS NULL AND compaction_event_id IS NULL ORDER BY seq"
    return {row[0]: row[1:] for row in stores.rows(sql, session_id)}


def contents(stores: Facade, session_id: str = "s") -> list[Any]:
    return [message["content"] for message in stores.conversations.load_session(session_id)["messages"]]


def near_now(moment: datetime) -> bool:
    return timedelta(0) <= datetime.now(UTC) - moment < timedelta(minutes=1)


# -- shapes


def test_what_is_saved_is_what_is_loaded(stores: Facade, chats: Any) -> None:
    assert chats.save_session("s", CHAT, AT) is None
    loaded = chats.load_session("s")
    assert loaded.keys() == {"session_id", "messages", "last_activity", "created_at", "version"}
    assert loaded["messages"] == CHAT
    assert (loaded["session_id"], loaded["last_activity"]) == ("s", AT)
    assert loaded["created_at"] == AT  # it was active then
    assert chats.load_session("t") is None


def test_content_in_blocks_is_loaded_as_blocks_and_found_as_text(stores: Facade, chats: Any) -> None:
    blocks = [{"type": "text", "text": "high"}, {"type": "image", "data": "…"}, "tide", {"type": "text", "text": 7}]
    chats.save_session("s", [{"role": "user", "content": blocks}, {"role": "user", "content": []}])
    assert contents(stores) == [blocks, []]
    assert [message.content for message in stores.messages.load("s")] == [None, None]
    assert [hit.message.seq for hit in stores.messages.search("high tide")] == [1]
    before = places(stores)
    chats.save_session("s", chats.load_session("s")["messages"])
    assert places(stores) == before


def test_pages_count_from_the_end_in_the_order_in_which_things_were_said(stores: Facade, chats: Any) -> None:
    chats.save_session("s", says(*"abcdefg"))
    pages = [[m["content"] for m in chats.get_messages_paginated("s", page, 3)] for page in (1, 2, 3, 4)]
    assert pages == [["e", "f", "g"], ["b", "c", "d"], ["a"], []]
    assert len(chats.get_messages_paginated("s")) == 7
    assert chats.get_messages_paginated("s", 10**20, 10_000) == []
    assert chats.get_messages_paginated("nowhere") == []
    for page, code in ((0, "too_small"), (-1, "too_small"), ("1", "wrong_type"), (True, "wrong_type")):
        with pytest.raises(FieldError) as refused:
            chats.get_messages_paginated("s", page)
        assert (refused.value.field, refused.value.code) == ("page", code)
    for size in (0, 10_001, "5"):
        with pytest.raises(FieldError, match="limit"):
            chats.get_messages_paginated("s", 1, size)


def test_a_message_of_a_page_has_id_time_and_what_it_has(stores: Facade, chats: Any) -> None:
    chats.save_session("s", [RESULT | {"token_count": 7, "usage": {"input": 3}, "metadata": {"a": 1}, "timestamp": AT}])
    (message,) = chats.get_messages_paginated("s")
    beside = {"token_count": 7, "usage": {"input": 3}, "metadata": {"a": 1}, "timestamp": AT}
    assert message == RESULT | beside | {"id": 1, "seq": 1}
    chats.save_session("s", [message, *says("more")])
    assert places(stores)["high at noon"][:2] == (1, 1)


def test_stats_have_the_counters(stores: Facade, chats: Any) -> None:
    assert chats.get_session_stats("s") is None
    chats.save_session("s", [], AT)
    stats = chats.get_session_stats("s")
    assert stats == {
        "session_id": "s",
        "message_count": 0,
        "total_tokens": 0,
        "last_message_at": None,
        "created_at": AT,
        "last_activity": AT,
    }
    chats.save_session("s", [USER | {"token_count": 9, "timestamp": AT}, ANSWER | {"token_count": 4}], AT)
    stats = chats.get_session_stats("s")
    assert (stats["message_count"], stats["total_tokens"], stats["last_activity"]) == (2, 13, AT)
    assert near_now(stats["last_message_at"])


def test_sessions_are_listed_with_the_latest_activity_first(stores: Facade, chats: Any) -> None:
    for id, hours in (("a", 1), ("b", 3), ("c", 2)):
        chats.save_session(id, [], AT + timedelta(hours=hours))
    chats.save_session("new", says("hello"))
    assert chats.list_all_sessions() == ["new", "b", "c", "a"]
    chats.delete_session("b")
    assert chats.list_all_sessions() == ["new", "c", "a"]
    assert chats.list_all_sessions(include_deleted=True) == ["new", "b", "c", "a"]


def test_a_deleted_session_is_hidden_until_it_is_restored(stores: Facade, chats: Any) -> None:
    chats.save_session("s", CHAT)
    chats.save_agent_context("s", "coder", [{"from": "planner", "to": "coder"}])
    before = (chats.load_session("s"), chats.load_agent_context("s"), chats.get_session_stats("s"))
    assert chats.delete_session("s") is True
    assert chats.delete_session("s") is False
    hidden = (chats.load_session("s"), chats.load_agent_context("s"), chats.get_session_stats("s"))
    assert hidden == (None, None, None)
    assert chats.get_messages_paginated("s") == chats.get_agent_switch_history("s") == chats.list_all_contexts() == []
    assert chats.delete_agent_context("s") is False
    assert chats.restore_session("s") is True
    assert chats.restore_session("s") is False
    assert (chats.load_session("s"), chats.load_agent_context("s"), chats.get_session_stats("s")) == before
    assert chats.delete_session("nowhere") is chats.restore_session("nowhere") is False


def test_old_sessions_are_hidden_and_what_was_hidden_long_ago_goes_for_good(stores: Facade, chats: Any) -> None:
    now = datetime.now(UTC)
    for id, hours in (("old", 25), ("older", 100), ("fresh", 23)):
        chats.save_session(id, says("hello"), now - timedelta(hours=hours))
    assert chats.cleanup_old_sessions() == 2
    assert chats.cleanup_old_sessions() == 0
    assert chats.list_all_sessions() == ["fresh"]
    assert chats.hard_delete_old_sessions() == 0  # hidden just now: there is time to think again
    stores.rows(
        "UPDATE sessions SET deleted_at = ? WHERE id = 'old'",
        (now - timedelta(days=31)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    )
    assert chats.hard_delete_old_sessions() == 1
    assert chats.list_all_sessions(include_deleted=True) == ["fresh", "older"]
    assert chats.hard_delete_old_sessions(days_old=0) == 1
    assert chats.cleanup_old_sessions(max_age_hours=0.5) == 1
    assert stores.rows("SELECT DISTINCT session_id FROM messages") == [("fresh",)]


@pytest.mark.parametrize("amount", [-1, float("nan"), "24", True, None, float("inf"), 10**400])
def test_an_age_that_is_none_is_refused(stores: Facade, chats: Any, amount: Any) -> None:
    chats.save_session("s", [])
    for call in (chats.cleanup_old_sessions, chats.hard_delete_old_sessions):
        with pytest.raises(FieldError):
            call(amount)
    assert chats.list_all_sessions() == ["s"]


def test_a_context_is_loaded_as_it_was_saved(stores: Facade, chats: Any) -> None:
    chats.save_session("s", [])
    history = [
        {"from": None, "to": "planner", "reason": None, "timestamp": AT},
        {"from": "planner", "to": "coder", "reason": "code", "timestamp": AT + timedelta(hours=1)},
    ]
    later = AT + timedelta(days=1)
    chats.save_agent_context("s", "coder", history, {"depth": [1]}, AT, later, 5)
    assert chats.load_agent_context("s") == {
        "session_id": "s",
        "current_agent": "coder",
        "agent_history": history,
        "metadata": {"depth": [1]},
        "created_at": AT,
        "last_switch_at": later,
        "switch_count": 5,
    }
    assert chats.get_agent_switch_history("s") == [
        {"id": 2, "from_agent": "planner", "to_agent": "coder", "switched_at": history[1]["timestamp"], "reason": "code", "metadata": {}},
        {"id": 1, "from_agent": None, "to_agent": "planner", "switched_at": AT, "reason": None, "metadata": {}},
    ]  # fmt: skip
    assert [switch["id"] for switch in chats.get_agent_switch_history("s", limit=1)] == [2]
    assert chats.list_all_contexts() == ["s"]
    assert chats.delete_agent_context("s") is True
    assert chats.delete_agent_context("s") is False
    assert chats.load_agent_context("s") is None


def test_what_a_context_does_not_say_is_worked_out(stores: Facade, chats: Any) -> None:
    chats.save_session("s", [])
    chats.save_agent_context("s", "b", [{"to": "a"}, {"from": "a", "to": "b", "timestamp": AT}])
    context = chats.load_agent_context("s")
    assert (context["switch_count"], context["last_switch_at"], context["metadata"]) == (1, AT, {})
    assert near_now(context["created_at"])
    chats.save_agent_context("s", "c", [*context["agent_history"], {"from": "b", "to": "c"}], {"x": 1})
    again = chats.load_agent_context("s")
    assert (again["created_at"], again["switch_count"], again["metadata"]) == (context["created_at"], 2, {"x": 1})
    assert near_now(again["last_switch_at"])


# -- the faults of the older layer


def test_saving_leaves_alone_what_stayed(stores: Facade, chats: Any) -> None:
    chats.save_session("s", CHAT)
    before = places(stores)
    stores.rows("UPDATE messages SET created_at = '2024-01-01T00:00:00.000Z', usage_json = '{\"input\": 1}'")
    chats.save_session("s", [*CHAT, *says("and tomorrow?")])
    after = places(stores)
    assert [after[content][:2] for content in before] == [place[:2] for place in before.values()]
    assert after.pop("and tomorrow?")[1] == 5
    assert {at for _, _, at in after.values()} == {"2024-01-01T00:00:00.000Z"}
    chats.save_session("s", [*CHAT, *says("and tomorrow?")])
    assert len(places(stores)) == 5
    # What nobody gives any more is gone, and the earlier versions have it.
    sql = "SELECT count(usage_json), count(*) FROM messages WHERE removed_at IS NULL UNION ALL SELECT count(usage_json), count(*) FROM messages WHERE removed_at IS NOT NULL"
    assert stores.rows(sql) == [(0, 5), (4, 4)]


@pytest.mark.parametrize(
    ("new", "kept", "seqs"),
    [
        ("abcd", "abcd", [1, 2, 3, 4]),
        ("ab", "ab", [1, 2]),
        ("", "", []),
        ("abxd", "abd", [1, 2, 3, 4]),
        ("acd", "acd", [1, 3, 4]),
        ("xbcd", "bcd", [1, 2, 3, 4]),
        ("abcdef", "abcd", [1, 2, 3, 4, 5, 6]),
        ("abce", "abc", [1, 2, 3, 5]),
        ("abxcd", "abcd", [1, 2, 5, 6, 7]),
        ("wxyz", "", [5, 6, 7, 8]),
        ("dcba", "a", [5, 6, 7, 8]),
    ],
)
def test_saving_writes_what_changed_and_nothing_else(
    stores: Facade, chats: Any, new: str, kept: str, seqs: list[int]
) -> None:
    chats.save_session("s", says(*"abcd"))
    stores.rows("UPDATE messages SET created_at = '2024-01-01T00:00:00.000Z'")
    before = places(stores)
    chats.save_session("s", says(*new))
    after = places(stores)
    assert contents(stores) == list(new)
    assert sorted(seq for _, seq, _ in after.values()) == seqs
    for content, (id, seq, at) in after.items():
        if content in kept:
            assert (id, at) == (before[content][0], before[content][2])
            assert seq == before[content][1] or seq > 4  # what is pushed back by something new moves to the end
        else:
            assert id > 4
    stats = stores.messages.stats("s")
    assert (stats.message_count, stats.last_seq) == (len(new), max([4, *seqs]))


def test_token_counts_are_written_as_given_and_estimates_are_none(stores: Facade, chats: Any) -> None:
    chats.save_session("s", [USER | {"token_count": 40}, ANSWER])
    assert [message.token_count for message in stores.messages.load("s")] == [40, None]
    assert chats.get_session_stats("s")["total_tokens"] == 40
    before = places(stores)
    chats.save_session("s", [USER, ANSWER | {"token_count": 5, "usage": {"output": 5}}])
    assert [message.token_count for message in stores.messages.load("s")] == [40, 5]
    assert chats.get_session_stats("s")["total_tokens"] == 45
    assert places(stores) == before


def test_a_deleted_id_that_is_saved_again_comes_back(stores: Facade, chats: Any) -> None:
    chats.save_session("s", says("a", "b"))
    before = places(stores)
    chats.delete_session("s")
    chats.save_session("s", says("a", "b", "c"))
    assert contents(stores) == ["a", "b", "c"]
    assert before.items() <= places(stores).items()
    assert chats.list_all_sessions() == ["s"]


def test_hard_deletion_leaves_nothing_that_a_new_session_could_adopt(stores: Facade, chats: Any) -> None:
    chats.save_session("s", says(*"abcdef"))
    chats.save_agent_context("s", "b", [{"from": "a", "to": "b"}])
    stores.compactions.compact("s", "in short", keep_last=1, protect_tokens=0)
    assert chats.delete_session("s", soft=False) is True
    assert chats.delete_session("s", soft=False) is False
    for table in ("messages", "agent_contexts", "agent_switches", "compaction_events", "message_archive"):
        assert stores.rows(f"SELECT count(*) FROM {table}") == [(0,)]
    chats.save_session("s", [])
    assert contents(stores) == []
    assert chats.load_agent_context("s") is None
    assert stores.compactions.history("s").items == []


def test_a_context_for_a_missing_session_is_an_error(stores: Facade, chats: Any) -> None:
    with pytest.raises(NotFoundError, match="no session 's'"):
        chats.save_agent_context("s", "a")
    chats.save_session("s", [])
    chats.delete_session("s")
    with pytest.raises(NotFoundError) as deleted:
        chats.save_agent_context("s", "a")
    assert deleted.value.code == "session_deleted"
    assert stores.rows("SELECT count(*) FROM agent_contexts") == [(0,)]


def test_a_shortened_history_has_the_time_of_the_last_switch_that_is_left(stores: Facade, chats: Any) -> None:
    chats.save_session("s", [])
    times = ["2024-01-01T00:00:00.000Z", "2024-02-01T00:00:00.000Z", "2024-03-01T00:00:00.000Z"]
    steps = [(None, "a"), ("a", "b"), ("b", "c")]
    history = [{"from": old, "to": new, "timestamp": at} for (old, new), at in zip(steps, times, strict=True)]
    for length, last in ((3, times[2]), (2, times[1]), (1, None), (3, times[2]), (0, None), (2, times[1])):
        chats.save_agent_context("s", "x", history[:length])
        assert chats.load_agent_context("s")["last_switch_at"] == (last and datetime.fromisoformat(last)), length
    chats.save_agent_context("s", "x", history, last_switch_at=AT)
    chats.save_agent_context("s", "x", history)
    chats.save_agent_context("s", "x", history[1:])
    assert chats.load_agent_context("s")["last_switch_at"] == AT
    chats.save_agent_context("s", "x", history[:2], last_switch_at=AT)
    assert chats.load_agent_context("s")["last_switch_at"] == AT


def test_the_time_of_the_last_switch_is_the_one_that_was_given(stores: Facade, chats: Any) -> None:
    chats.save_session("s", [])
    chats.save_agent_context("s", "b", [{"from": "a", "to": "b"}], last_switch_at=AT)
    assert chats.load_agent_context("s")["last_switch_at"] == AT
    chats.save_agent_context("s", "b", [{"from": "a", "to": "b"}])
    assert chats.load_agent_context("s")["last_switch_at"] == AT


def test_errors_are_raised_and_nothing_is_half_saved(stores: Facade, chats: Any) -> None:
    chats.save_session("s", CHAT)
    before = stores.rows("SELECT * FROM messages")
    for bad, field in (
        ([*CHAT, {"content": "x"}], "messages[4].role"),
        ([{"role": "", "content": "x"}], "messages[0].role"),
        ([USER, {"role": "user", "content": 7}], "messages[1].content"),
        ([{"role": "user", "content": "\ud800"}], "messages[0].content"),
        ([{"role": "user", "content": [float("nan")]}], "messages[0].content"),
        ([{"role": "tool", "content": "x", "tool_call_id": 5}], "messages[0].tool_call_id"),
        ([{"role": "assistant", "content": None, "tool_calls": {}}], "messages[0].tool_calls"),
        ([USER | {"token_count": -1}], "messages[0].token_count"),
        ([USER | {"metadata": [1]}], "messages[0].metadata"),
        ([USER | {"metadata": [1], "refusal": "no"}], "messages[0].metadata"),
        ([USER | {"thing": object()}], "messages[0].thing"),
        ([USER | {"id": "half \ud83d"}], "messages[0].id"),
        ([USER, USER | {"reasoning_content": "half \ud83d"}], "messages[1].reasoning_content"),
        (["hello"], "messages[0]"),
        ("hello", "messages"),
        ({"role": "user"}, "messages"),
        (None, "messages"),
    ):
        with pytest.raises(FieldError) as refused:
            chats.save_session("s", bad)
        assert refused.value.field == field
    assert stores.rows("SELECT * FROM messages") == before
    for bad, field in (
        ([{"from": "a"}], "agent_history[0].to"),
        ([{"from": "", "to": "b"}], "agent_history[0].from"),
        ([{"from": "a", "from_agent": "b", "to": "c"}], "agent_history[0].from"),
        ([{"to": "b", "timestamp": datetime(2024, 1, 1)}], "agent_history[0].timestamp"),
        (["a"], "agent_history[0]"),
        ({}, "agent_history"),
    ):
        with pytest.raises(FieldError) as refused:
            chats.save_agent_context("s", "a", bad)
        assert refused.value.field == field
    assert chats.load_agent_context("s") is None


def test_from_and_to_are_taken_under_both_names_and_never_mixed_up(stores: Facade, chats: Any) -> None:
    chats.save_session("s", [])
    chats.save_agent_context(
        "s", "c", [{"from": "a", "to": "b", "timestamp": AT}, {"from_agent": "b", "to_agent": "c"}]
    )
    (first, second) = chats.load_agent_context("s")["agent_history"]
    assert [(entry["from"], entry["to"]) for entry in (first, second)] == [("a", "b"), ("b", "c")]
    switches = chats.get_agent_switch_history("s")
    assert [(entry["from_agent"], entry["to_agent"]) for entry in switches] == [("b", "c"), ("a", "b")]
    chats.save_agent_context("s", "c", list(reversed(switches)))
    assert chats.get_agent_switch_history("s") == switches


def test_the_order_is_that_of_what_was_said_whatever_the_times_say(stores: Facade, chats: Any) -> None:
    at = [AT, AT, AT - timedelta(hours=1), AT + timedelta(hours=1), AT]
    chats.save_session("s", [m | {"timestamp": t} for m, t in zip(says(*"abcde"), at, strict=True)])
    assert contents(stores) == list("abcde")
    assert [m["content"] for m in chats.get_messages_paginated("s", 2, 2)] == ["b", "c"]
    chats.save_agent_context("s", "d", [{"from": f, "to": t, "timestamp": AT} for f, t in ("ab", "bc", "cd")])
    assert [entry["to_agent"] for entry in chats.get_agent_switch_history("s")] == ["d", "c", "b"]


@pytest.mark.parametrize(
    "given",
    [
        AT.astimezone(timezone(timedelta(hours=5, minutes=30))),
        AT.isoformat(),
        AT.astimezone(timezone(timedelta(hours=-7))).isoformat(),
        "2024-05-17T12:30:15.123Z",
    ],
)
def test_times_are_moments_whatever_zone_they_are_told_in(stores: Facade, chats: Any, given: Any) -> None:
    chats.save_session("s", [USER | {"timestamp": given}], given)
    assert chats.load_session("s")["last_activity"] == AT
    (message,) = chats.get_messages_paginated("s")
    assert message["timestamp"] == AT
    assert message["timestamp"].tzinfo is UTC


@pytest.mark.parametrize("given", [datetime(2024, 5, 17), "2024-05-17T12:30:15", "2024-05-17", "yesterday", 1715949015])
def test_a_time_that_is_no_moment_is_refused(stores: Facade, chats: Any, given: Any) -> None:
    for call in (
        lambda: chats.save_session("s", [], given),
        lambda: chats.save_session("s", [USER | {"timestamp": given}]),
    ):
        with pytest.raises(FieldError):
            call()
    assert chats.list_all_sessions(include_deleted=True) == []


# -- beside the other stores


def test_what_is_not_known_of_a_message_is_kept(stores: Facade, chats: Any) -> None:
    chats.save_session("s", [ANSWER | {"refusal": None, "audio": {"id": 1}, "metadata": {"a": 1}}])
    (message,) = stores.messages.load("s")
    assert message.metadata == {"a": 1, "extra": {"audio": {"id": 1}}}
    assert chats.load_session("s")["messages"] == [ANSWER | {"audio": {"id": 1}, "metadata": {"a": 1}}]
    chats.save_session("s", chats.load_session("s")["messages"])
    assert stores.messages.load("s") == [message]


def test_a_conversation_of_the_stores_is_loaded_and_saved_without_a_change(stores: Facade, chats: Any) -> None:
    agent = stores.agents.create(**agent_fields())
    stores.sessions.create(id="s", main_agent_id=agent.id)
    item = {"type": "reasoning", "summary": []}
    stores.messages.append("s", role="assistant", content="thinking", payload=item, token_count=None)
    stores.rows(
        "INSERT INTO messages (session_id, seq, role, tool_calls_json) VALUES ('s', 2, 'assistant', '[ {\"id\" : 1e999} ]')"
    )
    before = stores.rows("SELECT * FROM messages")
    loaded = chats.load_session("s")["messages"]
    assert loaded[0] == {"role": "assistant", "content": "thinking"}
    chats.save_session("s", [loaded[0], loaded[1] | {"tool_calls": [{"id": 1}]}])
    assert stores.rows("SELECT * FROM messages")[0] == before[0]
    assert stores.sessions.get("s").main_agent_id == agent.id


def test_a_compacted_conversation_keeps_its_archive_whatever_is_saved(stores: Facade, chats: Any) -> None:
    chats.save_session("s", says(*"abcdef"))
    event = stores.compactions.compact("s", "in short", keep_last=2, protect_tokens=0)
    loaded = chats.load_session("s")["messages"]
    assert loaded[0] == {"role": "system", "content": "in short"}
    chats.save_session("s", [*loaded, *says("g")])
    assert contents(stores) == ["in short", "e", "f", "g"]
    chats.save_session("s", [*says("new"), *loaded])  # pushes the summary back: its old place is not free
    assert [m.content for m in stores.compactions.archived(event.id)] == list("abcd")
    chats.save_session("s", [])
    assert [m.content for m in stores.compactions.archived(event.id)] == list("abcd")
    assert [m.content for m in stores.messages.load("s")] == list("abcd")
    stores.compactions.restore(event.id)
    assert contents(stores) == list("abcd")


@pytest.mark.parametrize("behind", ["", "g"])
def test_what_is_put_before_a_summary_leaves_the_places_free_that_a_restore_needs(
    stores: Facade, chats: Any, behind: str
) -> None:
    chats.save_session("s", says(*"abcdef"))
    before = places(stores)
    event = stores.compactions.compact("s", "in short", keep_last=2, protect_tokens=0)
    chats.save_session("s", [*says("new"), *chats.load_session("s")["messages"], *says(*behind)])
    assert contents(stores) == ["new", "in short", "e", "f", *behind]
    stores.compactions.restore(event.id)
    after = places(stores)
    assert sorted(after) == sorted([*before, "new", *behind])
    assert all(after[content] == before[content] for content in "abcd")


def test_who_never_heard_of_a_compaction_and_saves_everything_takes_it_back(stores: Facade, chats: Any) -> None:
    chats.save_session("s", says(*"abcdef"))
    before = places(stores)
    stores.compactions.compact("s", "first", keep_last=4, protect_tokens=0)
    stores.compactions.compact("s", "second", keep_last=2, protect_tokens=0)
    chats.save_session("s", says(*"abcdefg"))
    assert contents(stores) == list("abcdefg")
    assert before.items() <= places(stores).items()
    stats = stores.messages.stats("s")
    assert (stats.compaction_count, stats.message_count) == (0, 7)


def test_a_save_after_pruning_keeps_what_is_there_or_brings_the_outputs_back(stores: Facade, chats: Any) -> None:
    chat = [USER, CALL, RESULT | {"content": "x" * 9000}, ANSWER]
    chats.save_session("s", chat)
    before = stores.rows("SELECT * FROM messages")
    event = stores.compactions.prune_tool_outputs("s", keep_last=0, protect_tokens=0)
    chats.save_session("s", chats.load_session("s")["messages"])
    assert stores.compactions.get(event.id).restored_at is None
    chats.save_session("s", chat)
    assert stores.rows("SELECT * FROM messages") == before
    assert stores.compactions.get(event.id).restored_at is not None


def test_a_pruned_message_that_a_save_moved_is_restored_where_it_is(stores: Facade, chats: Any) -> None:
    chats.save_session("s", [RESULT | {"content": "x" * 9000}, ANSWER])
    event = stores.compactions.prune_tool_outputs("s", keep_last=0, protect_tokens=0)
    chats.save_session("s", [USER, *chats.load_session("s")["messages"]])
    stores.compactions.restore(event.id)
    assert contents(stores) == [USER["content"], "x" * 9000, ANSWER["content"]]
    assert [message.id for message in stores.messages.load("s")] == [3, 1, 2]


def test_what_only_moves_or_comes_back_in_a_save_is_no_activity(stores: Facade, chats: Any) -> None:
    chats.save_session("s", [message | {"timestamp": AT} for message in says(*"abcd")], AT)
    stores.compactions.compact("s", "first", keep_last=1, protect_tokens=0)
    stores.compactions.compact("s", "second", keep_last=0, protect_tokens=0)
    first = {"role": "system", "content": "first"}
    chats.save_session("s", [message | {"timestamp": AT} for message in [*says("new"), first, *says("d")]])
    assert [seq for _, seq, _ in places(stores).values()] == [5, 6, 7]
    assert chats.load_session("s")["last_activity"] == AT


def test_a_save_keeps_the_words_of_a_summary_that_was_edited(stores: Facade, chats: Any) -> None:
    chats.save_session("s", says(*"abcd"))
    event = stores.compactions.compact("s", "in short", keep_last=1, protect_tokens=0)
    stores.rows("UPDATE messages SET content = 'edited' WHERE is_summary")
    chats.save_session("s", says(*"abcde"))
    assert contents(stores) == list("abcde")
    assert stores.compactions.get(event.id).restored_at is not None
    summary = stores.messages.get(event.summary_message_id)
    assert (summary.content, summary.removed_at is None) == ("edited", False)


# -- the default agent


def test_a_session_without_an_agent_runs_on_the_default_one_which_is_never_deleted(stores: Facade, chats: Any) -> None:
    chats.save_session("s", [])
    assert stores.sessions.get("s").main_agent_id == "default"
    assert stores.agents.get("default").name == "Default agent"
    with pytest.raises(IntegrityError) as refused:
        stores.agents.delete("default", cascade=True)
    assert refused.value.code == "default_agent"
    chats.delete_session("s", soft=False)
    with pytest.raises(IntegrityError) as refused:
        stores.agents.delete("default")
    assert refused.value.code == "default_agent"
    with pytest.raises(IntegrityError, match="default agent"):
        stores.rows("DELETE FROM agents")
    with pytest.raises(AlreadyExistsError):
        stores.agents.create(id="default", name="n", model="m")
    assert stores.agents.exists("default")


def test_a_history_that_was_shortened_or_added_to_keeps_its_switches_and_what_is_noted_of_them(
    stores: Facade, chats: Any
) -> None:
    chats.save_session("s", [])
    names = "abcdef"
    full = [
        {"from": before, "to": after, "timestamp": AT, "metadata": {"to": after}}
        for before, after in zip([None, *names], names, strict=False)
    ]
    chats.save_agent_context("s", "f", full)
    history = chats.load_agent_context("s")["agent_history"]  # without metadata

    def switches() -> list[tuple[Any, ...]]:
        found = chats.get_agent_switch_history("s")
        return [(switch["id"], switch["to_agent"], switch["metadata"].get("to")) for switch in reversed(found)]

    chats.save_agent_context("s", "f", history[2:])
    assert switches() == [(3, "c", "c"), (4, "d", "d"), (5, "e", "e"), (6, "f", "f")]
    untimed = [{"from": entry["from"], "to": entry["to"]} for entry in history[2:]]
    chats.save_agent_context("s", "f", [untimed[0], *untimed[2:]])
    assert switches() == [(3, "c", "c"), (5, "e", "e"), (6, "f", "f")]
    # Ids are the order: what stands behind something new gets a new one, and keeps the rest.
    chats.save_agent_context("s", "f", [*history[2:4], *history[4:]])
    assert switches() == [(3, "c", "c"), (7, "d", None), (8, "e", "e"), (9, "f", "f")]
    assert [entry["timestamp"] for entry in chats.load_agent_context("s")["agent_history"]] == [AT] * 4
    chats.save_agent_context("s", "f", [*history[2:5], {**history[5], "metadata": {"to": "new"}}])
    assert switches() == [(3, "c", "c"), (7, "d", None), (8, "e", "e"), (9, "f", "new")]


@pytest.mark.parametrize("is_async", [False, True])
def test_the_default_agent_can_be_configured(tmp_path: Path, is_async: bool) -> None:
    path = new_file(tmp_path)
    with opened(path, is_async=is_async, default_agent={"id": "mine", "model": "large", "max_steps": 3}) as db:
        assert db.agents.count() == 0  # it is made when it is needed
        db.conversations.save_session("s", [])
        with db.transaction() as tx:
            tx.conversations.save_session("t", [])
        agent = db.agents.get("mine")
        assert (agent.model, agent.max_steps, agent.name) == ("large", 3, "Default agent")
    with opened(path, is_async=is_async, default_agent="mine") as db:
        db.conversations.save_session("u", [])
        assert db.agents.count() == 1
        assert db.sessions.count(main_agent_id="mine") == 3
        other = db.agents.create(**agent_fields())
    with opened(path, is_async=is_async, default_agent=other.id) as db:
        db.conversations.save_session("v", [])
        assert db.agents.default() == replace(other, is_default=True)
        with pytest.raises(IntegrityError, match="default agent"):
            db.agents.delete(other.id, cascade=True)
        assert db.agents.delete("mine", cascade=True)
        assert db.agents.set_default(other.id).is_default
        with pytest.raises(NotFoundError):
            db.agents.set_default("nobody")


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    "given",
    [
        "",
        5,
        0,
        [],
        ["id"],
        {"id": ""},
        {"id": None},
        {"model": None},
        {"modell": "x"},
        {"max_steps": -1},
        {1: 2},
    ],
)
def test_a_default_agent_that_cannot_be_is_refused_before_anything_is_opened(
    tmp_path: Path, given: Any, is_async: bool
) -> None:
    path = tmp_path / "new.db"
    with pytest.raises(FieldError), opened(str(path), is_async=is_async, default_agent=given):
        pass
    assert not path.exists()


# -- transactions


def test_a_scope_is_one_transaction(stores: Facade) -> None:
    with stores.entered(stores.thing.conversations.session_scope()) as scope:
        scope.save_session("s", CHAT)
        scope.save_agent_context("s", "a")
        assert scope.load_session("s")["messages"] == CHAT
        with pytest.raises(TransactionActiveError):
            stores.conversations.load_session("s")
    assert stores.conversations.list_all_contexts() == ["s"]
    with pytest.raises(ClosedError):
        scope.load_session("s")


def test_a_scope_that_fails_leaves_nothing(stores: Facade) -> None:
    with (
        pytest.raises(RuntimeError, match="no"),
        stores.entered(stores.thing.conversations.session_scope()) as scope,
    ):
        scope.save_session("s", CHAT)
        with scope.entered(scope.thing.session_scope()) as inner:
            inner.save_session("t", CHAT)
        raise RuntimeError("no")
    assert stores.conversations.list_all_sessions(include_deleted=True) == []


def test_a_scope_inside_a_scope_can_be_taken_back_alone(stores: Facade) -> None:
    with stores.entered(stores.thing.conversations.session_scope()) as scope:
        scope.save_session("s", CHAT)
        with pytest.raises(FieldError), scope.entered(scope.thing.session_scope()) as inner:
            inner.save_session("t", CHAT)
            inner.save_session("u", "not messages")
    assert stores.conversations.list_all_sessions() == ["s"]


def test_a_scope_serves_once(stores: Facade) -> None:
    scope = stores.thing.conversations.session_scope()
    with stores.entered(scope):
        pass
    with pytest.raises(ClosedError), stores.entered(scope):
        pass
