"""What is removed is not erased: it is listed, brought back, and read as what stood there before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from store_harness import AT, Facade, agent_fields

from agentdb.errors import ConflictError, FieldError, IntegrityError, NotFoundError
from agentdb.stores import NewMessage


@pytest.fixture
def s(stores: Facade) -> Facade:
    stores.agents.create(**agent_fields())
    stores.sessions.create(id="s", main_agent_id="agent-1")
    for number in range(1, 7):
        stores.messages.append("s", role="user" if number % 2 else "assistant", content=f"m{number}", token_count=1)
    return stores


def contents(messages: list[Any]) -> list[str | None]:
    return [message.content for message in messages]


# -- one removal


def test_what_one_call_removed_comes_back_at_once_and_other_removals_stay(s: Facade) -> None:
    s.messages.delete(1)
    s.rows("UPDATE messages SET removed_at = '2024-01-01T00:00:00.000Z' WHERE id = 1")
    assert s.messages.delete_from("s", 4) == 3
    assert contents(s.messages.removed("s").items) == ["m6", "m5", "m4", "m1"]
    assert s.messages.restore_removal("s") == 3
    assert contents(s.messages.load("s")) == ["m2", "m3", "m4", "m5", "m6"]
    first = s.messages.get(1).removed_at
    assert s.messages.restore_removal("s", first) == 1
    assert s.messages.restore_removal("s") == 0
    assert s.messages.stats("s").message_count == 6


def test_removed_messages_come_in_pages(s: Facade) -> None:
    s.messages.clear("s")
    seen, cursor = [], None
    while True:
        page = s.messages.removed("s", limit=4, cursor=cursor)
        seen += contents(page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ["m6", "m5", "m4", "m3", "m2", "m1"]


def test_several_come_back_or_none(s: Facade) -> None:
    s.messages.clear("s")
    s.rows("INSERT INTO messages (session_id, seq, role, content) VALUES ('s', 2, 'user', 'in the way')")
    with pytest.raises(IntegrityError) as refused:
        s.messages.restore_many([1, 2, 3])
    assert refused.value.code == "place_taken"
    assert contents(s.messages.load("s")) == ["in the way"]
    assert s.messages.restore_many(iter([1, 3, 99])) == 2
    assert s.messages.restore_many([1]) == s.messages.restore_many([]) == 0
    assert contents(s.messages.load("s")) == ["m1", "in the way", "m3"]


@pytest.mark.parametrize("ids", ["12", 5, None, [True], ["1"], [2**63]])
def test_ids_that_are_none_are_refused(s: Facade, ids: Any) -> None:
    with pytest.raises(FieldError) as refused:
        s.messages.restore_many(ids)
    assert refused.value.field == "ids"


def test_a_hidden_session_shows_and_restores_nothing_that_was_removed(s: Facade) -> None:
    s.messages.clear("s")
    s.sessions.soft_delete("s")
    assert s.messages.removed("s").items == []
    assert len(s.messages.removed("s", include_deleted=True).items) == 6
    assert s.messages.restore_removal("s") == s.messages.restore_many([1]) == 0


# -- a removal that cuts a compaction in two


@pytest.mark.parametrize("undone", [True, False])
def test_a_removal_that_cuts_a_compaction_leaves_the_rest_of_it_in_the_context(s: Facade, undone: bool) -> None:
    first = s.compactions.compact("s", "first", keep_last=4, protect_tokens=0)
    second = s.compactions.compact("s", "second", keep_last=1, protect_tokens=0)
    s.messages.delete_from("s", 4)
    assert contents(s.messages.context("s")) == ["first", "m3"]
    assert s.compactions.get(first.id).restored_at is None
    assert s.compactions.get(second.id).restored_at is not None
    if undone:
        assert s.messages.restore_removal("s") == 3
        assert contents(s.messages.context("s")) == ["first", "m3", "m4", "m5", "m6"]
    s.compactions.restore(first.id)
    assert contents(s.messages.context("s"))[:3] == ["m1", "m2", "m3"]
    stats = s.messages.stats("s")
    assert stats.context_tokens == stats.total_tokens == stats.message_count


def test_a_removal_that_takes_all_of_a_compaction_is_undone_with_its_summary(s: Facade) -> None:
    event = s.compactions.compact("s", "in short", keep_last=2, protect_tokens=0)
    before = s.rows("SELECT id, seq, compaction_event_id, removed_at FROM messages ORDER BY id")
    s.messages.clear("s")
    assert s.messages.context("s") == []
    s.messages.restore_removal("s")
    assert s.rows("SELECT id, seq, compaction_event_id, removed_at FROM messages ORDER BY id") == before
    assert s.compactions.get(event.id).restored_at is None


# -- another answer


def test_an_answer_is_made_anew_and_the_earlier_ones_are_its_alternatives(s: Facade) -> None:
    assert contents(s.messages.regenerate(4)) == ["m1", "m2", "m3"]
    second = s.messages.append("s", role="assistant", content="second")
    s.rows("UPDATE messages SET removed_at = '2024-01-01T00:00:00.000Z' WHERE removed_at IS NOT NULL")
    assert contents(s.messages.alternatives(second.id)) == ["m4"]
    s.messages.regenerate(second.id)
    third = s.messages.append("s", role="assistant", content="third")
    assert contents(s.messages.alternatives(third.id)) == ["m4", "second"]
    assert contents(s.messages.alternatives(second.id)) == ["m4", "third"]
    assert s.messages.alternatives(1) == []
    assert s.messages.delete(third.id)
    s.messages.restore_removal("s", s.messages.get(4).removed_at)
    assert contents(s.messages.load("s")) == ["m1", "m2", "m3", "m4", "m5", "m6"]


def test_an_edit_keeps_what_stood_there(s: Facade) -> None:
    said = s.conversations.load_transcript("s")["messages"]
    s.conversations.save_session("s", [*said[:3], said[3] | {"content": "edited"}, *said[4:]])
    assert s.messages.get(4).content == "edited"
    assert contents(s.messages.alternatives(4)) == ["m4"]
    assert contents(s.messages.alternatives(5)) == []


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        pytest.param(lambda s: s.messages.delete(4), "not_in_transcript", id="removed"),
        pytest.param(lambda s: s.messages.purge("s") if s.messages.delete(4) else None, "not_found", id="purged"),
        pytest.param(lambda s: s.sessions.soft_delete("s"), "not_found", id="hidden"),
        pytest.param(
            lambda s: s.rows("UPDATE messages SET is_summary = 1 WHERE id = 4"), "not_in_transcript", id="a summary"
        ),
    ],
)
def test_only_what_is_there_can_be_made_anew(s: Facade, prepare: Callable[[Facade], Any], code: str) -> None:
    prepare(s)
    before = s.rows("SELECT * FROM messages ORDER BY id")
    with pytest.raises(NotFoundError) as refused:
        s.messages.regenerate(4)
    assert refused.value.code == code
    assert s.rows("SELECT * FROM messages ORDER BY id") == before


# -- what is still being written


def test_a_message_that_is_written_piece_by_piece_keeps_its_place_and_is_found(s: Facade) -> None:
    new = s.messages.append("s", role="assistant", content="The ti", status="partial", created_at=AT)
    assert contents(s.messages.partial()) == contents(s.messages.partial("s")) == ["The ti"]
    assert [message.id for message in s.messages.partial()] == [new.id]
    s.messages.append("s", role="user", content="meanwhile")
    s.messages.update(new.id, content="The tide is")
    done = s.messages.update(new.id, content="The tide is high", status="complete", token_count=4, usage={"output": 4})
    assert (done.id, done.seq, done.created_at) == (new.id, new.seq, AT)
    assert done.updated_at > AT
    assert s.messages.partial() == []
    assert [hit.message.id for hit in s.messages.search("high")] == [new.id]
    assert s.messages.stats("s").total_tokens == 10


def test_what_a_crash_left_is_listed_for_one_session_or_all_but_not_what_is_hidden_or_removed(s: Facade) -> None:
    for id in ("t", "u"):
        s.sessions.create(id=id, main_agent_id="agent-1")
        s.messages.append(id, role="assistant", content=id, status="partial")
    s.messages.append("t", role="assistant", content="gone", status="partial")
    s.messages.pop("t")
    assert contents(s.messages.partial()) == ["t", "u"]
    s.sessions.soft_delete("u")
    assert contents(s.messages.partial()) == ["t"]
    assert s.messages.partial("u") == s.messages.partial("nowhere") == []
    assert contents(s.messages.partial(include_deleted=True)) == ["t", "u"]
    assert contents(s.messages.partial("u", include_deleted=True)) == ["u"]


# -- an expected seq


def test_an_append_that_expects_another_seq_says_what_came_in_between(s: Facade) -> None:
    assert s.messages.append("s", role="user", content="m7", expected_last_seq=6).seq == 7
    s.messages.pop("s")
    new = [NewMessage(role="user", content="a"), NewMessage(role="user", content="b")]
    for call in (
        lambda: s.messages.append("s", role="user", content="x", expected_last_seq=5),
        lambda: s.messages.append_many("s", new, expected_last_seq=5),
        lambda: s.conversations.save_session("s", [], expected_last_seq=5),
    ):
        with pytest.raises(ConflictError) as refused:
            call()
        error = refused.value
        assert (error.code, error.session_id, error.expected, error.actual) == ("conversation_changed", "s", 5, 7)
        assert [(message.seq, message.removed_at is None) for message in error.messages] == [(6, True), (7, False)]
    assert s.messages.stats("s").message_count == 6
    assert [message.seq for message in s.messages.append_many("s", new, expected_last_seq=7)] == [8, 9]
    for bad in (-1, "7", True, 1.0):
        with pytest.raises(FieldError):
            s.messages.append("s", role="user", expected_last_seq=bad)
    with pytest.raises(NotFoundError):
        s.messages.append("nowhere", role="user", expected_last_seq=0)


def test_a_retry_with_an_external_id_is_no_conflict(s: Facade) -> None:
    given = {"role": "user", "content": "x", "external_id": "e"}
    first = s.messages.append("s", **given, expected_last_seq=6)
    assert s.messages.append("s", **given, expected_last_seq=6) == first
    assert s.messages.append_many("s", [NewMessage(**given)], expected_last_seq=6) == [first]
    with pytest.raises(ConflictError):
        s.messages.append_many("s", [NewMessage(**given), NewMessage(role="user")], expected_last_seq=6)
    assert s.messages.stats("s").message_count == 7
