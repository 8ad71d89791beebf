"""Sessions are found by what they are called and by what was said in them, and listed by what they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from store_harness import Facade, agent_fields

from agentdb.errors import FieldError
from agentdb.stores import SessionHit


@pytest.fixture(autouse=True)
def sessions(stores: Facade) -> None:
    stores.agents.create(**agent_fields(id="a"))
    for id, name, goal, user, tags, metadata in (
        ("s1", "Gezeiten in Malmö", None, "anna", ["sea", "x"], {"project": 7, "deep": {"a": [1]}, "on": True}),
        ("s2", None, "Plan the café", "anna", ["cafe"], {"project": 7.0}),
        ("s3", "旅行", "東京に行く", "ben", None, {"project": "7"}),
        ("s4", "Tide tables", "of Lerwick", None, ["sea"], None),
    ):
        created = datetime(2024, 5, int(id[1]), tzinfo=UTC)
        about = {"user_id": user, "tags": tags, "metadata": metadata, "created_at": created}
        stores.sessions.create(main_agent_id="a", id=id, name=name, user_goal=goal, **about)


def found(stores: Facade, text: str, **options: Any) -> list[str]:
    return [hit.session.id for hit in stores.sessions.search(text, **options)]


def listed(stores: Facade, **options: Any) -> list[str]:
    newest = [summary.id for summary in stores.sessions.list(**options)]
    assert [summary.id for summary in stores.sessions.recent(**options)] == newest
    return newest


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("malmo", ["s1"]),
        ("CAFE", ["s2"]),
        ("東京", ["s3"]),
        ("旅行 東京", ["s3"]),
        ("tide lerwick", ["s4"]),
        ("tide malmo", []),
        ("t", ["s4", "s2", "s1"]),
    ],
)
def test_a_session_is_found_by_its_name_and_its_goal(stores: Facade, text: str, ids: list[str]) -> None:
    assert found(stores, text) == ids
    for hit in stores.sessions.search(text, marks=("[", "]")):
        assert isinstance(hit, SessionHit)
        assert hit.message is None
        assert "[" in hit.snippet


def test_a_session_is_found_by_what_was_said_in_it_with_the_newest_message(stores: Facade) -> None:
    for content in ("a Moon", "the moon again", "nothing"):
        last = stores.messages.append("s2", role="user", content=content)
    stores.messages.append("s3", role="user", payload={"parts": [{"text": "mond und moon"}]})
    stores.messages.append("s4", role="user", content="moon of a hidden session")
    stores.sessions.soft_delete("s4")
    hits = stores.sessions.search("MOON", marks=("<", ">"))
    assert [(hit.session.id, hit.snippet) for hit in hits] == [("s3", "mond und <moon>"), ("s2", "the <moon> again")]
    message = hits.items[1].message
    assert message is not None
    assert message.id == last.id - 1
    assert found(stores, "moon again") == ["s2"]
    assert found(stores, "moon", user_id="anna") == ["s2"]
    stores.sessions.archive("s2")
    assert found(stores, "moon", archived=False) == ["s3"]
    assert found(stores, "moon", archived=True) == ["s2"]
    stores.messages.clear("s3")
    assert found(stores, "moon") == ["s2"]


def test_pages_of_sessions_together_are_the_whole_list(stores: Facade) -> None:
    for id in ("s1", "s3"):
        stores.messages.append(id, role="user", content="tide")
    everything = found(stores, "t")
    pages = []
    cursor = None
    while cursor is not None or not pages:
        page = stores.sessions.search("t", limit=1, cursor=cursor)
        pages.append([hit.session.id for hit in page])
        cursor = page.next_cursor
    assert pages == [[id] for id in everything]
    assert everything == ["s3", "s1", "s4", "s2"]
    cursor = stores.sessions.search("t", limit=1).next_cursor
    for options in ({"text": "ti"}, {"archived": True}, {"scan": 5}, {"cursor": "x"}):
        with pytest.raises(FieldError) as refused:
            stores.sessions.search(**{"text": "t", "cursor": cursor, **options})
        assert refused.value.code == "bad_cursor"


@pytest.mark.parametrize(
    ("options", "field", "code"),
    [
        ({"text": " "}, "text", "missing_value"),
        ({"text": 5}, "text", "wrong_type"),
        ({"limit": 0}, "limit", "too_small"),
        ({"scan": -1}, "scan", "too_small"),
        ({"marks": ["", ""]}, "marks", "wrong_type"),
        ({"user_id": ""}, "user_id", "missing_value"),
        ({"archived": 1}, "archived", "wrong_type"),
    ],
)
def test_an_argument_that_cannot_be_right_is_named(
    stores: Facade, options: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(FieldError) as refused:
        stores.sessions.search(**{"text": "tide", **options})
    assert (refused.value.field, refused.value.code) == (field, code)


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({}, ["s4", "s3", "s2", "s1"]),
        ({"user_id": "anna"}, ["s2", "s1"]),
        ({"user_id": "nobody"}, []),
        ({"tag": "sea"}, ["s4", "s1"]),
        ({"tag": "se"}, []),
        ({"tag": "sea", "user_id": "anna"}, ["s1"]),
        ({"metadata": {"project": 7}}, ["s2", "s1"]),
        ({"metadata": {"project": "7"}}, ["s3"]),
        ({"metadata": {"project": 7, "on": True}}, ["s1"]),
        ({"metadata": {"on": 1}}, []),
        ({"metadata": {"deep": {"a": [1]}}}, ["s1"]),
        ({"metadata": {"project": None}}, []),
        ({"metadata": {}}, ["s4", "s3", "s2", "s1"]),
        ({"pinned": True}, ["s3", "s1"]),
        ({"pinned": False}, ["s4", "s2"]),
        ({"archived": True}, ["s2", "s1"]),
        ({"archived": False}, ["s4", "s3"]),
        ({"pinned": True, "archived": False}, ["s3"]),
        ({"pinned": True, "user_id": "anna", "tag": "x", "metadata": {"on": True}}, ["s1"]),
    ],
)
def test_lists_take_filters_together_and_page_by_page(stores: Facade, options: dict[str, Any], ids: list[str]) -> None:
    for id in ("s1", "s3"):
        assert stores.sessions.pin(id) is True
    for id in ("s1", "s2"):
        assert stores.sessions.archive(id) is True
    assert listed(stores, **options) == ids
    for list_ in (stores.sessions.list, stores.sessions.recent):
        pages: list[list[str]] = []
        cursor = None
        while cursor is not None or not pages:
            page = list_(limit=1, cursor=cursor, **options)
            pages.append([summary.id for summary in page])
            cursor = page.next_cursor
        assert [id for page in pages for id in page] == ids
    agents = [summary.id for summary in stores.sessions.list(main_agent_id="a", status="idle", **options)]
    assert agents == ids


@pytest.mark.parametrize(
    ("options", "code"),
    [({"tag": 5}, "wrong_type"), ({"metadata": []}, "wrong_type"), ({"pinned": "yes"}, "wrong_type")],
)
def test_a_filter_that_cannot_be_right_is_named(stores: Facade, options: dict[str, Any], code: str) -> None:
    for list_ in (stores.sessions.list, stores.sessions.recent):
        with pytest.raises(FieldError) as refused:
            list_(**options)
        assert (refused.value.field, refused.value.code) == (next(iter(options)), code)


def test_pinning_and_archiving_mark_a_live_session_and_say_whether_they_did(stores: Facade) -> None:
    for do, undo, mark in (("pin", "unpin", "pinned_at"), ("archive", "unarchive", "archived_at")):
        (before,) = [each for each in stores.sessions.list() if each.id == "s1"]
        assert getattr(before, mark) is None
        assert getattr(stores.sessions, undo)("s1") is False
        assert getattr(stores.sessions, do)("s1") is True
        at = getattr(stores.sessions.require("s1"), mark)
        assert at is not None
        assert getattr(stores.sessions, do)("s1") is False
        assert getattr(stores.sessions.require("s1"), mark) == at
        assert stores.sessions.require("s1").updated_at == before.updated_at
        stores.sessions.soft_delete("s1")
        assert getattr(stores.sessions, undo)("s1") is False
        stores.sessions.restore("s1")
        assert getattr(stores.sessions, undo)("s1") is True
        assert [each for each in stores.sessions.list() if each.id == "s1"] == [before]
        assert getattr(stores.sessions, do)("nowhere") is False
        with pytest.raises(FieldError):
            getattr(stores.sessions, do)("")


def test_a_summary_carries_what_a_list_shows(stores: Facade) -> None:
    (summary,) = stores.sessions.list(tag="x")
    assert (summary.user_id, summary.tags, summary.metadata) == (
        "anna",
        ["sea", "x"],
        {"project": 7, "deep": {"a": [1]}, "on": True},
    )


def test_sessions_of_a_user_and_with_a_tag_come_by_page_the_newest_first(stores: Facade) -> None:
    stores.sessions.soft_delete("s2")
    assert [each.id for each in stores.sessions.by_user("anna")] == ["s1"]
    assert [each.id for each in stores.sessions.by_user("anna", include_deleted=True)] == ["s2", "s1"]
    first = stores.sessions.by_tag("sea", limit=1)
    rest = stores.sessions.by_tag("sea", limit=1, cursor=first.next_cursor)
    assert [[each.id for each in page] for page in (first, rest)] == [["s4"], ["s1"]]
    assert not rest.has_more
    stores.sessions.update("s1", tags=["x", "lake"])
    assert [[each.id for each in stores.sessions.by_tag(tag)] for tag in ("sea", "lake", "se")] == [["s4"], ["s1"], []]
    for call in (stores.sessions.by_user, stores.sessions.by_tag):
        with pytest.raises(FieldError):
            call(None)


def test_words_in_another_form_go_with_every_copy_and_every_change_of_a_message(stores: Facade) -> None:
    message = stores.messages.append("s1", role="user", content="über den Fluß", external_id="e")
    fork = stores.sessions.fork("s1")
    assert [hit.session_name for hit in stores.messages.search("uber fluss", session_id=fork.id)] == [fork.name]
    stores.messages.update(message.id, content="naïve Straße")
    assert [len(stores.messages.search(word, session_id="s1")) for word in ("uber", "naive strasse")] == [0, 1]
    stores.conversations.save_session("s1", [{"role": "user", "content": "Łódź", "id": "e"}])
    assert [len(stores.messages.search(word, session_id="s1")) for word in ("naive", "lodz")] == [0, 1]
    stores.conversations.save_session(
        "s1",
        [
            {"role": "user", "content": "Łódź", "id": "e"},
            {"role": "user", "content": [{"type": "text", "text": "Kraków"}]},
        ],
    )
    assert [len(stores.messages.search(word, session_id="s1")) for word in ("lodz", "krakow")] == [1, 1]
    removed = stores.rows("SELECT search_words FROM messages WHERE session_id = 's1' AND removed_at IS NOT NULL")
    assert removed == [] or all(removed)
