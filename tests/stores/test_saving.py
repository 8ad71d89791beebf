"""What a save must never cost: an archive, an output, an id, or what somebody noted beside the text."""

from __future__ import annotations

from typing import Any

import pytest
from store_harness import AT, Facade

from agentdb.errors import IntegrityError
from agentdb.stores.messages.store import NewMessage


def says(*contents: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content} for content in contents]


def contents(stores: Facade) -> list[str | None]:
    """What the context of the session says."""
    found = stores.messages.load("s", include_summaries=True)
    return [message.content for message in found if message.compaction_event_id is None]


# -- what a compaction took out


@pytest.mark.parametrize(
    ("said", "saved", "keep_last", "left_out"),
    [
        pytest.param("abcdefghij", "hijk", 1, "abcdefg", id="a window of the caller's own"),
        pytest.param("abcdefghij", "a", 0, "bcdefghij", id="a new start with the same greeting"),
        pytest.param("abcdefghij", "abcdefghjk", 1, "i", id="all but one"),
    ],
)
def test_what_the_caller_still_has_comes_back_and_the_rest_stays_out_of_the_context(
    stores: Facade, said: str, saved: str, keep_last: int, left_out: str
) -> None:
    stores.conversations.save_session("s", says(*said))
    ids = {message.content: message.id for message in stores.messages.load("s")}
    event = stores.compactions.compact("s", "in short", keep_last=keep_last, protect_tokens=0)
    stores.conversations.save_session("s", says(*saved))
    assert contents(stores) == list(saved)
    assert [message.content for message in stores.compactions.archived(event.id)] == list(left_out)
    assert stores.compactions.get(event.id).restored_at is None
    transcript = stores.messages.load("s")
    assert [message.content for message in transcript] == sorted({*said, *saved})
    assert all(message.id == ids[message.content] for message in transcript if message.content in ids)
    stores.compactions.restore(event.id)
    assert contents(stores) == sorted({*said, *saved})


def test_only_those_compactions_are_restored_of_which_the_caller_has_all(stores: Facade) -> None:
    stores.conversations.save_session("s", says(*"abcdef"))
    first = stores.compactions.compact("s", "first", keep_last=3, protect_tokens=0)
    second = stores.compactions.compact("s", "second", keep_last=1, protect_tokens=0)
    kept = stores.compactions.archived(first.id)
    had = [{"role": "system", "content": "first"}, *says(*"def")]
    stores.conversations.save_session("s", had)
    assert [message.id for message in stores.messages.context("s")] == [7, 4, 5, 6]
    assert stores.compactions.archived(first.id) == kept
    assert stores.compactions.get(second.id).restored_at is not None
    assert stores.compactions.get(first.id).restored_at is None


def test_a_caller_who_never_heard_of_two_compactions_restores_both(stores: Facade) -> None:
    stores.conversations.save_session("s", says(*"abcdef"))
    before = stores.rows("SELECT * FROM messages")
    events = [
        stores.compactions.compact("s", words, keep_last=n, protect_tokens=0) for words, n in (("1", 3), ("2", 1))
    ]
    stores.conversations.save_session("s", says(*"abcdef"))
    assert contents(stores) == list("abcdef")
    assert stores.rows("SELECT * FROM messages WHERE NOT is_summary") == before
    assert all(stores.compactions.get(event.id).restored_at for event in events)
    assert stores.rows("SELECT count(*) FROM messages WHERE is_summary AND removed_at IS NULL") == [(0,)]
    assert stores.sessions.require("s").compaction_count == 0


def test_an_output_that_the_caller_still_has_is_put_back(stores: Facade) -> None:
    results = [{"role": "tool", "content": letter * 9000, "tool_call_id": letter} for letter in "ab"]
    stores.conversations.save_session("s", results)
    event = stores.compactions.prune_tool_outputs("s", keep_last=0, protect_tokens=0)
    stores.messages.delete(2)
    stores.conversations.save_session("s", [results[0], *says("more")])
    assert contents(stores) == ["a" * 9000, "more"]
    assert [message.content for message in stores.compactions.archived(event.id)] == ["b" * 9000]
    stores.conversations.save_session("s", results)
    assert stores.compactions.get(event.id).restored_at is None
    stores.compactions.restore(event.id)
    assert stores.messages.get(2).content == "b" * 9000


# -- what is loaded and saved again


@pytest.mark.parametrize("content", ["transcript", "", None])
@pytest.mark.parametrize(
    "payload", [[{"type": "input_audio", "data": "x"}], ["a", {"text": "b"}], [], {"type": "item"}]
)
def test_a_message_that_is_loaded_and_saved_stays_whatever_its_text_says_of_its_blocks(
    stores: Facade, content: str | None, payload: Any
) -> None:
    stores.conversations.save_session("s", [])
    about = {"is_preserved": True, "usage": {"input": 1}}
    stores.messages.append("s", role="user", content=content, payload=payload, **about)
    before = stores.rows("SELECT * FROM messages")
    stores.conversations.save_session("s", stores.conversations.load_session("s")["messages"])
    assert stores.rows("SELECT * FROM messages") == before


def test_a_pruned_output_in_blocks_survives_a_save_and_is_restored(stores: Facade) -> None:
    output = [{"type": "tool_result", "tool_use_id": "a", "content": "z" * 9000}]
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}
    said = [call, {"role": "tool", "content": output}, *says("x")]
    stores.conversations.save_session("s", said)
    event = stores.compactions.prune_tool_outputs("s", keep_last=1, protect_tokens=0)
    assert event is not None
    stores.conversations.save_session("s", [*stores.conversations.load_session("s")["messages"], *says("y")])
    assert len(stores.compactions.archived(event.id)) == 1
    stores.compactions.restore(event.id)
    assert stores.conversations.load_session("s")["messages"] == [*said, *says("y")]


def test_the_order_of_keys_is_no_difference(stores: Facade) -> None:
    def message(*keys: str) -> dict[str, Any]:
        return {"role": "assistant", **{key: [{"id": "a", "name": "b"}] for key in keys}}

    def turned(*keys: str) -> dict[str, Any]:
        return {"role": "assistant", **{key: [{"name": "b", "id": "a"}] for key in keys}}

    stores.conversations.save_session("s", [message("tool_calls"), message("content")])
    before = stores.rows("SELECT * FROM messages")
    stores.conversations.save_session("s", [turned("tool_calls"), turned("content")])
    assert stores.rows("SELECT * FROM messages") == before


# -- what somebody noted


def test_a_message_without_a_timestamp_has_the_time_of_its_creation(stores: Facade) -> None:
    (said,) = says("x")
    stores.conversations.save_session("s", [said | {"timestamp": None, "created_at": AT}])
    assert [message.created_at for message in stores.messages.load("s")] == [AT]


# -- a place


def test_a_summary_that_the_caller_edited_takes_its_own_place(stores: Facade) -> None:
    stores.conversations.save_session("s", says(*"abcdef"))
    event = stores.compactions.compact("s", "in short", keep_last=2, protect_tokens=0)
    before = stores.rows("SELECT * FROM messages WHERE seq > 4")
    stores.conversations.save_session("s", [{"role": "system", "content": "in other words"}, *says(*"ef")])
    assert stores.rows("SELECT id, seq FROM messages WHERE content = 'in other words'") == [(7, 4)]
    assert stores.rows("SELECT * FROM messages WHERE seq > 4") == before
    assert len(stores.compactions.archived(event.id)) == 4


# -- an id


def test_of_messages_that_say_the_same_those_stay_whose_ids_are_given(stores: Facade) -> None:
    stores.conversations.save_session("s", [])
    for number in range(3):
        stores.messages.append("s", role="assistant", payload={"type": "reasoning", "number": number})
    shown = stores.conversations.get_messages_paginated("s")
    before = stores.rows("SELECT * FROM messages")
    stores.conversations.save_session("s", shown[1:])
    assert stores.rows("SELECT * FROM messages WHERE removed_at IS NULL") == before[1:]


@pytest.mark.parametrize("id", [7, True, "2", None, 2.0, [2]])
def test_an_id_that_names_no_message_makes_nothing_the_same_that_says_something_else(stores: Facade, id: Any) -> None:
    stores.conversations.save_session("s", says("a", "b"))
    stores.conversations.save_session("s", [*says("a"), says("c")[0] | {"id": id}, says("d")[0] | {"id": id}])
    rows = stores.rows("SELECT id, seq, content FROM messages WHERE removed_at IS NULL")
    assert rows == [(1, 1, "a"), (3, 3, "c"), (4, 4, "d")]


def test_an_id_that_comes_twice_or_out_of_order_is_no_harm(stores: Facade) -> None:
    stores.conversations.save_session("s", says("a", "a", "b"))
    (again,) = says("a")
    stores.conversations.save_session("s", [again | {"id": 2}, again | {"id": 2}, again | {"id": 1}])
    assert contents(stores) == ["a", "a", "a"]
    assert {1, 2} & {message.id for message in stores.messages.load("s")}


def test_ids_do_not_keep_a_compaction_from_being_restored(stores: Facade) -> None:
    stores.conversations.save_session("s", says(*"aabbc"))
    before = stores.rows("SELECT * FROM messages")
    shown = stores.conversations.get_messages_paginated("s")
    event = stores.compactions.compact("s", "in short", keep_last=1, protect_tokens=0)
    stores.conversations.save_session("s", shown)
    assert stores.rows("SELECT * FROM messages WHERE NOT is_summary") == before
    assert stores.compactions.get(event.id).restored_at is not None


# -- what tools gave, in blocks


def results() -> list[dict[str, Any]]:
    """A tool's short answer, a long one in blocks, and what was said beside them."""
    deep = [{"type": "text", "text": "harbour " * 900}, {"type": "image", "data": "x"}, {"type": "text", "text": "ebb"}]
    return [
        {"type": "tool_result", "tool_use_id": "1", "content": "lighthouse"},
        {"type": "tool_result", "tool_use_id": "2", "content": deep},
        {"type": "text", "text": "and go on"},
    ]


def test_what_tools_gave_in_blocks_is_found_pruned_and_restored_with_its_blocks(stores: Facade) -> None:
    calls = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}, {"id": "2"}]}
    said = [calls, {"role": "user", "content": results()}, *says("x")]
    stores.conversations.save_session("s", said)
    about = {"token_count": None, "created_at": AT}
    stores.messages.append("s", role="user", payload=results(), **about)
    item = {"type": "function_call_output", "call_id": "1", "output": "harbour"}
    stores.messages.append("s", role="tool", payload=item, **about)
    assert contents(stores)[1:] == [None, "x", None, None]
    assert [hit.message.seq for hit in stores.messages.search("lighthouse ebb")] in ([2, 4], [4, 2])
    assert stores.conversations.load_session("s")["messages"][:3] == said
    before = stores.rows("SELECT * FROM messages ORDER BY id")

    event = stores.compactions.prune_tool_outputs("s", keep_last=1, protect_tokens=0, replacement="gone")
    for message in (stores.messages.load("s")[at] for at in (1, 3)):
        assert message.content is None
        assert [block.get("content") for block in message.payload] == ["gone", [{"type": "text", "text": "gone"}], None]
    assert stores.messages.search("lighthouse").items == []
    stores.compactions.restore(event.id)
    assert stores.rows("SELECT * FROM messages ORDER BY id") == before
    assert len(stores.messages.search("lighthouse")) == 2


def test_a_message_that_was_written_without_what_its_tools_gave_stays_as_it_is(stores: Facade) -> None:
    stores.conversations.save_session("s", [])
    about = {"token_count": 7, "created_at": AT}
    stores.messages.append("s", role="user", content="and go on", payload=results(), **about)
    stores.messages.append("s", role="user", content="", payload=results()[:2], **about)
    before = stores.rows("SELECT * FROM messages ORDER BY id")
    said = [{"role": "user", "content": results()}, {"role": "user", "content": results()[:2]}]
    assert stores.conversations.load_session("s")["messages"] == said
    stores.conversations.save_session("s", said)
    assert stores.rows("SELECT * FROM messages ORDER BY id") == before
    event = stores.compactions.prune_tool_outputs("s", keep_last=0, protect_tokens=0)
    assert event is not None
    assert contents(stores) == ["and go on", ""]
    stores.compactions.restore(event.id)
    assert stores.rows("SELECT * FROM messages ORDER BY id") == before


def test_a_payload_of_an_unknown_form_gives_no_content(stores: Facade) -> None:
    stores.conversations.save_session("s", [])
    for payload in (
        {"text": "a"},
        ["a"],
        [{"text": "a"}],
        [{"type": "tool_use", "id": "a"}],
        [],
        {"type": "reasoning"},
    ):
        assert stores.messages.append("s", role="assistant", payload=payload).content is None


# -- a seq that leaves none behind it


def test_a_session_that_came_to_the_last_seq_says_so(stores: Facade) -> None:
    stores.conversations.save_session("s", says("a"))
    stores.rows("UPDATE sessions SET last_seq = 9007199254740991")
    before = stores.rows("SELECT * FROM messages")
    new = [NewMessage(role="user", content="b")]
    for call in (
        lambda: stores.messages.append("s", role="user", content="b"),
        lambda: stores.messages.append_many("s", new),
        lambda: stores.conversations.save_session("s", says("a", "b")),
    ):
        with pytest.raises(IntegrityError, match="has no seq left") as refused:
            call()
        assert refused.value.code == "session_full"
        assert "another session" in refused.value.remedy
    assert stores.rows("SELECT * FROM messages") == before


def test_a_whole_history_that_begins_with_a_system_message_brings_back_what_a_compaction_took_out(db: Any) -> None:
    db.agents.create(id="whole", name="A", model="m")
    db.sessions.create(id="whole", main_agent_id="whole")
    db.messages.append("whole", role="system", content="be kind")
    for number in range(4):
        db.messages.append("whole", role="user", content=f"said {number}")
    history = db.conversations.load_session("whole")["messages"]
    db.compactions.compact("whole", "in short", keep_last=0, protect_tokens=0)
    assert [message.content for message in db.messages.context("whole")] == ["be kind", "in short"]
    db.conversations.save_session("whole", [*history, {"role": "user", "content": "new"}])
    said = ["be kind", "said 0", "said 1", "said 2", "said 3", "new"]
    assert [message.content for message in db.messages.context("whole")] == said
    assert [message.content for message in db.messages.load("whole")] == said
    assert not any(message.compaction_event_id for message in db.messages.load("whole"))


@pytest.mark.parametrize("keep_last", [0, 1])
def test_a_whole_history_brings_back_what_a_compaction_took_out_whose_summary_somebody_removed(
    db: Any, keep_last: int
) -> None:
    db.agents.create(id="whole", name="A", model="m")
    db.sessions.create(id="whole", main_agent_id="whole")
    for number in range(4):
        db.messages.append("whole", role="user", content=f"said {number}")
    history = db.conversations.load_session("whole")["messages"]
    db.compactions.compact("whole", "in short", keep_last=keep_last, protect_tokens=0)
    context = db.conversations.load_session("whole")["messages"]
    db.conversations.save_session("whole", [message for message in context if message["content"] != "in short"])
    db.conversations.save_session("whole", [*history, {"role": "user", "content": "new"}])
    said = ["said 0", "said 1", "said 2", "said 3", "new"]
    assert [message.content for message in db.messages.context("whole")] == said
    assert [message.content for message in db.messages.load("whole")] == said


@pytest.mark.parametrize(("had", "keep_last", "more"), [("aaa", 1, "a"), ("bcab", 2, "c"), ("cbbaac", 1, "a")])
def test_a_message_of_the_context_stays_beside_one_with_the_same_text_that_a_compaction_took_out(
    stores: Facade, had: str, keep_last: int, more: str
) -> None:
    stores.conversations.save_session("s", says(*had))
    stores.compactions.compact("s", "in short", keep_last=keep_last, protect_tokens=0)
    stores.conversations.save_session("s", says(had[-1]))  # without the summary: it is removed
    (kept,) = [message.id for message in stores.messages.context("s")]
    stores.conversations.save_session("s", says(had[-1], more))
    assert kept in [message.id for message in stores.messages.context("s")]
    assert contents(stores) == [had[-1], more]
