"""The facade loses nothing: every key comes back, with the message that it was saved with, until somebody leaves it out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_harness import AT, Facade

from agentdb import AgentDB
from agentdb.errors import ConflictError, FieldError

USER = {"role": "user", "content": "When is high tide?"}
THOUGHT = {
    "role": "assistant",
    "content": "At noon.",
    "id": "msg_1",
    "name": "pilot",
    "reasoning_content": "The moon is full.",
    "refusal": None,
    "parts": [{"type": "text", "text": "At noon."}],
    "annotations": [],
    "usage": {"output": 3},
    "metadata": {"turn": 1},
}
#: What is an ordinary part of a conversation: a key that is None counts as one that is not there.
THOUGHT_AS_LOADED = {key: value for key, value in THOUGHT.items() if value is not None}


def messages(stores: Facade) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = stores.conversations.load_session("s")["messages"]
    return loaded


def rows(stores: Facade) -> list[tuple[Any, ...]]:
    return stores.rows("SELECT * FROM messages ORDER BY id")


def live(stores: Facade, columns: str) -> list[tuple[Any, ...]]:
    return stores.rows(f"SELECT {columns} FROM messages WHERE removed_at IS NULL ORDER BY seq")


# -- keys


def test_every_key_comes_back_and_a_second_save_changes_nothing(stores: Facade) -> None:
    stores.conversations.save_session("s", [USER, THOUGHT])
    assert messages(stores) == [USER, THOUGHT_AS_LOADED]
    before = rows(stores)
    stores.conversations.save_session("s", [USER, THOUGHT])
    stores.conversations.save_session("s", messages(stores))
    assert rows(stores) == before


def test_a_key_that_is_left_out_or_none_is_gone_and_the_earlier_version_has_it(stores: Facade) -> None:
    stores.conversations.save_session("s", [USER, THOUGHT])
    less = {**THOUGHT, "reasoning_content": None, "metadata": None}
    del less["parts"], less["usage"]
    stores.conversations.save_session("s", [USER, less])
    assert messages(stores)[1] == {
        "role": "assistant",
        "content": "At noon.",
        "id": "msg_1",
        "name": "pilot",
        "annotations": [],
    }
    (earlier,) = stores.messages.removed("s").items
    assert (earlier.usage, earlier.metadata["turn"]) == ({"output": 3}, 1)
    assert earlier.metadata["extra"]["reasoning_content"] == "The moon is full."
    assert [message.id for message in stores.messages.load("s")] == [1, 2]


def test_a_key_that_is_added_keeps_no_earlier_version(stores: Facade) -> None:
    stores.conversations.save_session("s", [USER])
    stores.conversations.save_session("s", [USER | {"rating": 5, "usage": {"input": 1}}])
    assert messages(stores) == [USER | {"rating": 5, "usage": {"input": 1}}]
    assert stores.messages.removed("s").items == []


def test_extra_keys_never_move_to_another_message(stores: Facade) -> None:
    first, second = ({"role": "assistant", "content": "yes", "of": word} for word in ("first", "second"))
    stores.conversations.save_session("s", [USER, first, USER, second])
    stores.conversations.save_session("s", [USER, USER, second])
    assert messages(stores) == [USER, USER, second]
    assert [message.id for message in stores.messages.load("s")] == [1, 3, 4]
    stores.conversations.save_session("s", [USER, USER, {"role": "assistant", "content": "yes"}])
    assert "of" not in messages(stores)[2]


@pytest.mark.parametrize(
    "about",
    [
        {"metadata": {"extra": "mine"}},
        {"metadata": {"extra": {"a": 1}}},
        {"metadata": {}},
        {"metadata": {}, "a": 1},
        {"metadata": {"extra": {"a": 1}, "b": 2}, "a": 3},
        {"metadata": {"extra": {"metadata": {}}}},
        {"metadata": {"metadata": {"extra": {}}}, "extra": {"metadata": 1}},
        {"extra": None, "a": {"id": 1, "role": "x"}},
        {"id": 1.5},
        {"id": ""},
        {"id": [2], "a": 1},
    ],
)
def test_metadata_and_extra_keys_are_never_mixed_up(stores: Facade, about: dict[str, Any]) -> None:
    stores.conversations.save_session("s", [USER | about])
    assert messages(stores) == [USER | {key: value for key, value in about.items() if value is not None}]
    before = rows(stores)
    stores.conversations.save_session("s", messages(stores))
    assert rows(stores) == before


def test_what_the_stores_wrote_comes_back_too_and_is_left_alone(stores: Facade) -> None:
    stores.conversations.save_session("s", [])
    stores.messages.append("s", role="user", content="x", usage={"input": 1}, metadata={"a": 1}, external_id="e")
    stores.messages.append("s", role="assistant", payload={"type": "reasoning", "id": "r"}, token_count=3)
    before = rows(stores)
    loaded = messages(stores)
    assert loaded[0] == {"role": "user", "content": "x", "usage": {"input": 1}, "metadata": {"a": 1}, "id": "e"}
    stores.conversations.save_session("s", loaded)
    assert rows(stores) == before


def test_people_read_the_transcript_whatever_was_compacted(stores: Facade) -> None:
    said = [{"role": "user", "content": letter, "mood": letter, "timestamp": AT} for letter in "abcd"]
    stores.conversations.save_session("s", said)
    stores.compactions.compact("s", "in short", keep_last=1, protect_tokens=0)
    transcript = stores.conversations.load_transcript("s")
    assert transcript.keys() == {"session_id", "messages", "last_activity", "created_at"}
    assert [message.pop("token_count") for message in transcript["messages"]] == [None] * 4
    assert transcript["messages"] == [{**m, "id": n, "seq": n} for n, m in enumerate(said, 1)]
    assert stores.conversations.load_transcript("t") is None
    stores.conversations.delete_session("s")
    assert stores.conversations.load_transcript("s") is None


# -- ids


def test_a_message_is_the_one_whose_id_it_has_and_keeps_its_place_when_it_changes(stores: Facade) -> None:
    said = [{"role": "user", "content": letter, "id": f"id-{letter}"} for letter in "abc"]
    stores.conversations.save_session("s", said)
    said[1] = said[1] | {"content": "B", "role": "assistant"}
    stores.conversations.save_session("s", said)
    assert live(stores, "id, seq, content, external_id") == [
        (1, 1, "a", "id-a"),
        (2, 2, "B", "id-b"),
        (3, 3, "c", "id-c"),
    ]
    assert [message.content for message in stores.messages.alternatives(2)] == ["b"]
    assert stores.messages.by_external_id("s", "id-b").content == "B"


def test_messages_that_change_their_order_keep_their_ids(stores: Facade) -> None:
    said = [{"role": "user", "content": letter, "id": letter} for letter in "abcd"]
    stores.conversations.save_session("s", said)
    for order in ("dcba", "bdac", "abcd", "cab"):
        now = [{"role": "user", "content": letter, "id": letter} for letter in order]
        stores.conversations.save_session("s", now)
        assert messages(stores) == now
        assert [row[0] for row in live(stores, "id")] == ["abcd".index(letter) + 1 for letter in order]
    assert stores.rows("SELECT count(*) FROM messages") == [(4,)]
    assert stores.messages.stats("s").message_count == 3


def test_a_stale_save_brings_back_by_its_id_what_another_one_removed(stores: Facade) -> None:
    said = [{"role": "user", "content": letter, "id": letter} for letter in "abc"]
    stores.conversations.save_session("s", said)
    stores.conversations.save_session("s", [said[0], said[2]])
    stores.conversations.save_session("s", said)
    assert [row[0] for row in live(stores, "id")] == [1, 2, 3]
    assert stores.rows("SELECT count(*) FROM messages") == [(3,)]


def test_ids_that_come_later_or_go_are_taken_over(stores: Facade) -> None:
    stores.conversations.save_session("s", [USER])
    for about in ({"id": "a"}, {"id": "b"}, {}):
        stores.conversations.save_session("s", [USER | about])
        assert messages(stores) == [USER | about]
    assert stores.messages.stats("s").message_count == 1
    assert stores.messages.by_external_id("s", "a").removed_at is not None


def test_an_id_that_comes_twice_in_one_save_is_lost_by_neither(stores: Facade) -> None:
    said = [{"role": "user", "content": letter, "id": "same"} for letter in "ab"]
    for _ in range(2):
        stores.conversations.save_session("s", said)
        assert messages(stores) == said
    assert stores.rows("SELECT count(*), count(external_id) FROM messages") == [(2, 1)]
    stores.conversations.save_session("s", [*said, {"role": "user", "content": "c", "id": "same"}])
    assert [message["id"] for message in messages(stores)] == ["same"] * 3


def test_an_append_with_the_id_of_a_dict_is_the_same_message(stores: Facade) -> None:
    stores.conversations.save_session("s", [USER | {"id": "a"}])
    assert stores.messages.append("s", role="user", content="again", external_id="a").id == 1
    new = stores.messages.append("s", role="user", content="new", external_id="b")
    stores.conversations.save_session("s", [USER | {"id": "a"}, {"role": "user", "content": "newer", "id": "b"}])
    assert live(stores, "id, content") == [(1, USER["content"]), (new.id, "newer")]


# -- versions


def test_a_save_that_is_based_on_an_older_version_is_refused_and_says_what_came_in_between(stores: Facade) -> None:
    stores.conversations.save_session("s", [USER])
    stores.rows("UPDATE messages SET updated_at = '2024-01-01T00:00:00.000Z'")
    loaded = stores.conversations.load_session("s")
    assert stores.conversations.load_session("s")["version"] == loaded["version"]
    more = [*loaded["messages"], {"role": "user", "content": "mine"}]
    stores.messages.update(1, content="edited")
    stores.messages.append("s", role="assistant", content="theirs")
    with pytest.raises(ConflictError) as refused:
        stores.conversations.save_session("s", more, expected_version=loaded["version"])
    error = refused.value
    now = stores.conversations.load_session("s")["version"]
    assert (error.code, error.expected, error.actual) == ("conversation_changed", loaded["version"], now)
    assert [message.content for message in error.messages] == ["edited", "theirs"]
    assert len(messages(stores)) == 2
    stores.conversations.save_session("s", more, expected_version=now)
    after = stores.conversations.version("s")
    assert after == stores.conversations.load_session("s")["version"] != now
    stores.conversations.save_session("s", more, expected_version=after)
    assert stores.conversations.version("s") == after
    stores.conversations.delete_session("s")
    assert stores.conversations.version("s") is stores.conversations.version("nowhere") is None


@pytest.mark.parametrize("version", ["", "x", 5, "a/b/c", "1/2", b"1/2/3", "-1/2/3"])
def test_a_version_that_is_none_is_refused(stores: Facade, version: Any) -> None:
    with pytest.raises(FieldError) as refused:
        stores.conversations.save_session("s", [], expected_version=version)
    assert refused.value.field == "expected_version"


# -- half a character


def test_half_an_emoji_names_its_message_or_is_stored_as_it_is(stores: Facade) -> None:
    half = {"role": "user", "content": "neap \ud83d tide", "mood": "\ud83d", "metadata": {"a": ["\udc00"]}}
    blocks = {"role": "user", "content": [{"type": "text", "text": "ebb \ud83d"}]}
    call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "function": {"arguments": '{"a": "\ud83d'}}],
    }
    for bad in (half, blocks, call):
        with pytest.raises(FieldError) as refused:
            stores.conversations.save_session("s", [USER, USER, bad])
        assert (refused.value.code, refused.value.field[:11]) == ("not_text", "messages[2]")
    assert stores.conversations.load_session("s") is None
    said = [USER, half, blocks, call]
    stores.conversations.save_session("s", said, errors="replace")
    assert messages(stores) == said
    assert stores.messages.load("s")[1].content == "neap \ufffd tide"
    assert stores.messages.load("s")[1].payload["content"] == "neap \ud83d tide"
    assert [hit.message.seq for hit in stores.messages.search("tide neap")] == [2]
    before = rows(stores)
    stores.conversations.save_session("s", said)  # what is there already need not be written
    stores.conversations.save_session("s", said, errors="replace")
    assert rows(stores) == before
    with pytest.raises(FieldError):
        stores.conversations.save_session("s", [*said, half])
    stores.messages.update(2, content="edited")
    assert messages(stores)[1]["content"] == "edited"
    for bad in ("ignore", None, 1):
        with pytest.raises(FieldError):
            stores.conversations.save_session("s", [], errors=bad)


# -- the law

TEXTS = st.sampled_from(["", "a", "b", "tide", "\0", "潮汐"])
JSON = st.recursive(st.none() | st.booleans() | st.integers(-2, 2) | TEXTS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2), max_leaves=4)  # fmt: skip
OBJECTS = st.dictionaries(st.sampled_from(["a", "extra", "metadata"]), JSON, max_size=3)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant"]), "content": st.none() | TEXTS | st.lists(TEXTS, max_size=2)},
        optional={
            "id": st.sampled_from(["x", "y", "z", "", 1.5]),
            "usage": OBJECTS,
            "metadata": OBJECTS,
            "extra": JSON,
            "refusal": JSON,
            "parts": JSON,
        },
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def one() -> Any:
    with AgentDB.open(":memory:") as db:
        yield db


@settings(max_examples=60, deadline=None)
@given(saves=st.lists(MESSAGES, min_size=1, max_size=4))
def test_what_is_saved_is_what_is_loaded_and_nothing_is_lost_whatever_was_there_before(
    one: AgentDB, saves: list[list[dict[str, Any]]]
) -> None:
    one.conversations.delete_session("s", soft=False)
    seen: set[str | None] = set()
    for said in saves:
        one.conversations.save_session("s", said)
        loaded = one.conversations.load_session("s")
        assert loaded is not None
        assert loaded["messages"] == [
            {key: value for key, value in message.items() if value is not None or key == "content"} for message in said
        ]
        there = one.client.execute("SELECT content FROM messages").tuples
        seen |= {row[0] for row in there}
        assert seen == {row[0] for row in there}
        counted = one.client.execute("SELECT count(*) FROM messages WHERE in_transcript").tuples
        assert one.sessions.require("s").message_count == len(said) == counted[0][0]
        before = one.client.execute("SELECT * FROM messages ORDER BY id").tuples
        one.conversations.save_session("s", loaded["messages"])
        assert one.client.execute("SELECT * FROM messages ORDER BY id").tuples == before
