"""What a compaction, an update and a removal do to the transcript, the context, and a host's rows that refer to messages."""

from __future__ import annotations

from typing import Any

import pytest
from store_harness import Facade, agent_fields

from agentdb.errors import FieldError, IntegrityError, NotFoundError
from agentdb.stores import NewMessage


@pytest.fixture(autouse=True)
def session(request: pytest.FixtureRequest) -> None:
    stores = request.getfixturevalue("db" if "db" in request.fixturenames else "stores")
    stores.agents.create(**agent_fields())
    for id in ("s", "other"):
        stores.sessions.create(main_agent_id="agent-1", id=id)


def say(stores: Facade, *contents: str) -> list[int]:
    new = [NewMessage(role="user", content=content, token_count=10) for content in contents]
    return [message.id for message in stores.messages.append_many("s", new)]


def transcript(stores: Facade) -> list[str | None]:
    return [message.content for message in stores.messages.load("s")]


def context(stores: Facade) -> list[str | None]:
    return [message.content for message in stores.messages.context("s")]


def test_after_two_compactions_people_read_and_find_everything_and_the_model_is_sent_little(stores: Facade) -> None:
    said = [f"number {number:02}" for number in range(50)]
    say(stores, *said)
    before = stores.messages.context("s")
    events = [
        stores.compactions.compact("s", summary, keep_last=keep_last, protect_tokens=0, summary_tokens=1)
        for summary, keep_last in (("the first thirty", 20), ("the first forty-five", 5))
    ]
    assert transcript(stores) == said
    assert [message.content for message in stores.messages.latest("s", 50)] == said
    assert [message.content for message in stores.messages.page("s", limit=50).items] == said
    for number, text in enumerate(said):
        assert [hit.message.seq for hit in stores.messages.search(text)] == [number + 1]
    assert stores.messages.search("forty-five").items == []
    assert context(stores) == ["the first forty-five", *said[45:]]
    stats = stores.messages.stats("s")
    assert (stats.message_count, stats.total_tokens, stats.context_tokens, stats.last_seq) == (50, 500, 51, 50)
    assert stats.last_message_at == before[-1].created_at
    (card,) = [card for card in stores.sessions.list().items if card.id == "s"]
    assert (card.message_count, card.total_tokens) == (50, 500)
    for event in reversed(events):
        stores.compactions.restore(event.id)
    assert stores.messages.context("s") == before


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "NO ACTION"])
def test_a_host_keeps_every_row_and_reference(db: Facade, action: str) -> None:
    db.rows(f"CREATE TABLE stars (message_id INTEGER REFERENCES messages (id) ON DELETE {action}) STRICT")
    ids = say(db, *"abcdef")
    for id in ids:
        db.rows("INSERT INTO stars VALUES (?)", id)
    db.messages.append("s", role="tool", content="x" * 9000, tool_call_id="1")
    event = db.compactions.compact("s", "in short", keep_last=3, protect_tokens=0)
    pruned = db.compactions.prune_tool_outputs("s", keep_last=0, protect_tokens=0)
    db.compactions.restore(pruned.id)
    db.compactions.restore(event.id)
    said = db.conversations.load_session("s")["messages"]
    said[2] = {"role": "user", "content": "edited"}
    db.conversations.save_session("s", [*said[:4], {"role": "user", "content": "between"}, *said[4:]])
    db.messages.pop("s")
    db.messages.delete(ids[0])
    db.messages.delete_from("s", 5)
    db.messages.clear("s")
    assert db.rows("SELECT message_id FROM stars ORDER BY 1") == [(id,) for id in ids]
    assert db.rows("PRAGMA foreign_key_check") == []


def test_a_saved_edit_takes_the_place_of_what_it_replaces_which_can_be_read_still(stores: Facade) -> None:
    ids = say(stores, *"abc")
    said = stores.conversations.load_session("s")["messages"]
    stores.conversations.save_session("s", [said[0], {"role": "user", "content": "B"}, said[2]])
    assert transcript(stores) == ["a", "B", "c"]
    assert [message.seq for message in stores.messages.load("s")] == [1, 2, 3]
    gone = stores.messages.get(ids[1])
    assert (gone.content, gone.seq, gone.removed_at is None) == ("b", 2, False)
    with pytest.raises(IntegrityError) as refused:
        stores.messages.restore(ids[1])
    assert refused.value.code == "place_taken"
    stores.messages.delete(stores.messages.load("s")[1].id)
    assert stores.messages.restore(ids[1]) is True
    assert transcript(stores) == ["a", "b", "c"]


# -- removal


def test_what_is_removed_is_marked_and_comes_back_until_it_is_purged(stores: Facade) -> None:
    ids = say(stores, *"abcdef")
    assert stores.messages.delete(ids[0]) is True
    assert stores.messages.pop("s").id == ids[5]
    assert stores.messages.delete_from("s", 4) == 2
    assert transcript(stores) == context(stores) == ["b", "c"]
    assert stores.messages.search("d").items == []
    assert (stores.messages.stats("s").message_count, stores.messages.stats("s").context_tokens) == (2, 20)
    assert stores.messages.restore(ids[3]) is True
    assert stores.messages.restore(ids[3]) is False
    assert transcript(stores) == ["b", "c", "d"]
    assert stores.messages.purge("s", before=stores.messages.get(ids[0]).created_at.replace(year=2000)) == 0
    assert stores.messages.purge("s") == 3
    assert stores.messages.get(ids[0]) is None
    assert transcript(stores) == ["b", "c", "d"]
    assert stores.messages.append("s", role="user").seq == 7
    assert stores.messages.restore(ids[0]) is False


def test_clearing_a_session_leaves_it_empty_and_its_seqs_go_on(stores: Facade) -> None:
    say(stores, *"abc")
    stores.compactions.compact("s", "in short", keep_last=1, protect_tokens=0)
    assert stores.messages.clear("s") == 4
    assert transcript(stores) == context(stores) == []
    assert stores.messages.clear("s") == stores.messages.clear("nowhere") == 0
    assert stores.messages.append("s", role="user").seq == 4


def test_a_purge_takes_the_originals_of_pruned_messages_along(stores: Facade) -> None:
    stores.messages.append("s", role="tool", content="x" * 9000, tool_call_id="1")
    say(stores, "thanks")
    event = stores.compactions.prune_tool_outputs("s", keep_last=1, protect_tokens=0)
    stores.messages.delete(1)
    stores.messages.purge("s")
    assert stores.rows("SELECT * FROM message_archive") == []
    assert stores.compactions.restore(event.id).restored_at is not None


# -- updates and external ids


def test_an_update_changes_what_is_given_and_the_search_follows(stores: Facade) -> None:
    (id,) = say(stores, "high water")
    before = stores.messages.get(id)
    after = stores.messages.update(
        id, content="low water", metadata={"a": 1}, usage={"input": 1}, token_count=4, status="partial", name="n",
        tool_calls=[{"id": "1"}], is_preserved=True,
    )  # fmt: skip
    assert after == stores.messages.get(id)
    assert (after.id, after.seq, after.created_at) == (before.id, before.seq, before.created_at)
    assert after.updated_at >= before.updated_at
    assert (after.content, after.metadata, after.token_count, after.status) == ("low water", {"a": 1}, 4, "partial")
    assert stores.messages.search("high").items == []
    assert [hit.message.id for hit in stores.messages.search("low water")] == [id]
    assert stores.messages.stats("s").total_tokens == 4
    assert stores.messages.update(id).to_dict() == {
        **after.to_dict(),
        "updated_at": stores.messages.get(id).to_dict()["updated_at"],
    }
    assert stores.messages.update(id, content=None, metadata=None).content is None
    payload = [{"type": "text", "text": "from the blocks"}]
    assert stores.messages.update(id, payload=payload).content is None
    assert [hit.message.id for hit in stores.messages.search("from blocks")] == [id]
    with pytest.raises(NotFoundError):
        stores.messages.update(99, content="x")
    with pytest.raises(FieldError):
        stores.messages.update(id, status="done")
    stores.sessions.soft_delete("s")
    with pytest.raises(NotFoundError):
        stores.messages.update(id, content="x")


def test_an_external_id_makes_a_second_append_the_same_message(stores: Facade) -> None:
    first = stores.messages.append("s", role="user", content="a", external_id="k")
    assert stores.messages.append("s", role="user", content="again", external_id="k") == first
    assert stores.messages.append("other", role="user", content="b", external_id="k").session_id == "other"
    new = [NewMessage(role="user", content=text, external_id=key) for text, key in (("b", "l"), ("c", "k"), ("d", "l"))]
    assert [message.content for message in stores.messages.append_many("s", new)] == ["b", "a", "b"]
    assert transcript(stores) == ["a", "b"]
    assert stores.messages.by_external_id("s", "k") == first
    assert stores.messages.by_external_id("s", "nobody") is None
    stores.messages.delete(first.id)
    assert stores.messages.append("s", role="user", external_id="k").removed_at is not None
    stores.sessions.soft_delete("s")
    assert stores.messages.by_external_id("s", "l") is None
    with pytest.raises(NotFoundError) as refused:
        stores.messages.append("s", role="user", external_id="l")
    assert refused.value.code == "session_deleted"


@pytest.mark.parametrize(("role", "kind"), [("developer", "system"), ("model", "assistant"), ("function", "tool")])
def test_a_role_of_a_framework_counts_as_one_of_ours(stores: Facade, role: str, kind: Any) -> None:
    message = stores.messages.append("s", role=role, content="x" * 9000, tool_call_id="1" if kind == "tool" else None)
    assert message.role == role
    event = stores.compactions.prune_tool_outputs("s", keep_last=0, protect_tokens=0)
    assert (event is not None) is (kind == "tool")
