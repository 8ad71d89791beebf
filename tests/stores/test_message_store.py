"""Messages of sessions: appended, read in pages, taken away; and what a session that is deleted softly hides."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_index import check_search_index
from store_harness import AT, Facade, agent_fields, log_fields

from agentdb.errors import AlreadyExistsError, FieldError, IntegrityError, NotFoundError
from agentdb.queries import messages
from agentdb.stores import UNSET, Message, NewMessage, pages

#: Every argument of append() but the session, none as it would be by default.
FULL: dict[str, Any] = {
    "role": "assistant",
    "content": "High water at noon.",
    "name": "Moon",
    "tool_call_id": "call-1",
    "tool_calls": [{"id": "call-1", "arguments": {"a": None}}],
    "token_count": 7,
    "usage": {"input": 3, "output": 4, "cache_creation": 0, "cache_read": 1},
    "metadata": {"colour": "blue"},
    "payload": [{"type": "text", "text": "High water at noon."}],
    "external_id": "theirs",
    "status": "partial",
    "is_preserved": True,
    "is_summary": False,
    "created_at": AT,
}


@pytest.fixture(autouse=True)
def session(request: pytest.FixtureRequest) -> None:
    if "stores" in request.fixturenames:
        stores = request.getfixturevalue("stores")
        stores.agents.create(**agent_fields())
        for id in ("other", "s"):
            stores.sessions.create(main_agent_id="agent-1", id=id)


def say(stores: Facade, *contents: str, session_id: str = "s") -> list[Message]:
    new = [NewMessage(role="user", content=content) for content in contents]
    return list(stores.messages.append_many(session_id, new))


def contents(found: list[Message]) -> list[str | None]:
    return [message.content for message in found]


def test_what_is_not_given_is_the_default(stores: Facade) -> None:
    message = stores.messages.append("s", role="user")
    assert timedelta(0) <= datetime.now(UTC) - message.created_at < timedelta(minutes=1)
    given = {"id": message.id, "session_id": "s", "seq": 1, "role": "user", "created_at": message.created_at}
    given |= {"is_preserved": False, "is_summary": False, "status": "complete", "updated_at": message.created_at}
    assert {name: getattr(message, name) for name in Message.__slots__} == dict.fromkeys(Message.__slots__) | given
    assert stores.messages.get(message.id) == stores.messages.require(message.id) == message


def test_what_is_given_is_what_is_read(stores: Facade) -> None:
    message = stores.messages.append("s", **FULL)
    assert {name: getattr(message, name) for name in FULL} == FULL
    assert stores.messages.load("s") == stores.messages.latest("s") == stores.messages.page("s").items == [message]
    another = NewMessage(**{**FULL, "external_id": "another"})
    assert stores.messages.append_many("s", [another])[0].to_dict() == message.to_dict() | {
        "id": message.id + 1,
        "seq": 2,
        "external_id": "another",
    }
    assert json.loads(json.dumps(message.to_dict())) == message.to_dict()
    assert stores.messages.append("s", role="user", payload={"item": []}).payload == {"item": []}


def test_the_next_seq_is_one_more_than_the_highest_that_there_ever_was(stores: Facade) -> None:
    assert [message.seq for message in say(stores, "a", "b", "c")] == [1, 2, 3]
    assert stores.messages.append("other", role="user").seq == 1
    assert stores.messages.pop("s").content == "c"
    first = stores.messages.load("s")[0]
    assert stores.messages.delete(first.id) is True
    assert stores.messages.delete(first.id) is False
    assert [message.seq for message in say(stores, "d")] == [4]
    assert contents(stores.messages.load("s")) == ["b", "d"]
    assert [stores.messages.pop("s").content for _ in range(2)] == ["d", "b"]
    assert stores.messages.pop("s") is stores.messages.pop("nowhere") is None
    assert stores.messages.append("s", role="user").seq == 5


def test_pages_of_both_directions_are_the_conversation_also_while_it_grows(stores: Facade) -> None:
    # All in one millisecond, and some with times that go back: the order is that in which they were said.
    said = say(stores, *"abcdefg")
    stores.messages.append("s", role="user", content="h", created_at=AT)
    forward, backward = [], []
    for newest_first, seen in ((False, forward), (True, backward)):
        cursor = None
        while True:
            page = stores.messages.page("s", limit=3, cursor=cursor, newest_first=newest_first)
            seen += page.items
            if newest_first and cursor is None:
                say(stores, "i")
            cursor = page.next_cursor
            if cursor is None:
                break
            assert page.has_more
    assert contents(forward) == list("abcdefgh")
    assert contents(backward) == list("hgfedcba")
    assert forward[:7] == said
    assert contents(stores.messages.latest("s", 3)) == ["g", "h", "i"]
    assert stores.messages.page("nowhere").items == stores.messages.latest("nowhere") == []


def test_a_cursor_of_another_list_is_refused(stores: Facade) -> None:
    say(stores, "a", "b")
    say(stores, "a", "b", session_id="other")
    cursor = stores.messages.page("s", limit=1).next_cursor
    for args, changes in (
        (("other",), {}),
        (("s",), {"newest_first": True}),
        (("s",), {"include_deleted": True}),
        (("s",), {"cursor": cursor[:-2]}),
    ):
        with pytest.raises(FieldError) as refused:
            stores.messages.page(*args, **{"cursor": cursor, **changes})
        assert refused.value.code == "bad_cursor"
    forged = pages.write_cursor(
        (1, 2), messages.PAGE, {"session_id": "s", "include_deleted": 0}
    )  # with a sum that is right
    with pytest.raises(FieldError) as refused:
        stores.messages.page("s", cursor=forged)
    assert refused.value.code == "bad_cursor"
    logs = stores.session_logs
    for _ in range(2):
        logs.append("s", **log_fields())
    with pytest.raises(FieldError):
        stores.messages.page("s", cursor=logs.page("s", limit=1).next_cursor)
    with pytest.raises(FieldError):
        logs.page("s", cursor=cursor)


def test_stats_and_cards_are_counted_by_the_database(stores: Facade) -> None:
    assert stores.messages.stats("nowhere") is None
    empty = stores.messages.stats("s")
    assert (empty.message_count, empty.total_tokens, empty.last_activity_at, empty.last_message_at) == (
        0,
        0,
        None,
        None,
    )
    for tokens in (5, None, 7):
        stores.messages.append("s", role="user", content="x", token_count=tokens, created_at=AT)
    last = stores.messages.append("s", role="user", token_count=1, created_at=AT + timedelta(hours=1))
    stores.messages.pop("s")
    stats = stores.messages.stats("s")
    assert (stats.message_count, stats.total_tokens, stats.last_seq, stats.compaction_count) == (3, 12, 4, 0)
    assert (stats.last_message_at, stats.last_activity_at) == (AT, last.created_at)
    (card,) = [card for card in stores.sessions.list().items if card.id == "s"]
    assert (card.message_count, card.total_tokens, card.last_activity_at) == (3, 12, last.created_at)
    session = stores.sessions.require("s")
    assert (session.message_count, session.total_tokens, session.last_seq) == (3, 12, 4)
    assert json.loads(json.dumps(stats.to_dict())) == stats.to_dict()


def test_append_many_is_all_or_nothing(stores: Facade) -> None:
    say(stores, "before")
    good, huge = NewMessage(role="user", token_count=1), NewMessage(role="user", token_count=2**53 - 1)
    with pytest.raises(IntegrityError):  # together they are more than the session can count
        stores.messages.append_many("s", [good, huge, good])
    assert contents(stores.messages.load("s")) == ["before"]
    assert stores.messages.stats("s").last_seq == 1
    assert stores.messages.append_many("s", []) == []
    assert [message.seq for message in stores.messages.append_many("s", iter([good, good]))] == [2, 3]


def test_a_session_that_is_not_there_is_an_error_that_names_it(stores: Facade) -> None:
    new = [NewMessage(role="user")]
    for call in (
        lambda: stores.messages.append("nowhere", role="user"),
        lambda: stores.messages.append_many("nowhere", new),
        lambda: stores.messages.append_many("nowhere", []),
    ):
        with pytest.raises(NotFoundError, match="session_id: there is no session 'nowhere'"):
            call()
    with pytest.raises(NotFoundError, match="message 99"):
        stores.messages.require(99)
    assert stores.messages.get(99) is None


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("role", "", "missing_value"),
        ("role", None, "missing_value"),
        ("status", "done", "not_one_of"),
        ("external_id", "", "missing_value"),
        ("external_id", 5, "wrong_type"),
        ("content", 5, "wrong_type"),
        ("content", "a\ud800", "not_text"),
        ("name", b"x", "wrong_type"),
        ("tool_call_id", 1, "wrong_type"),
        ("tool_calls", {}, "wrong_type"),
        ("tool_calls", [{1, 2}], "not_json"),
        ("token_count", -1, "too_small"),
        ("token_count", True, "wrong_type"),
        ("token_count", 2**63, "too_large"),
        ("token_count", 2**53, "too_large"),
        ("usage", [], "wrong_type"),
        ("metadata", {1: 2}, "not_json"),
        ("payload", "text", "wrong_type"),
        ("payload", [float("nan")], "not_json"),
        ("is_preserved", 1, "wrong_type"),
        ("is_preserved", None, "missing_value"),
        ("is_summary", "yes", "wrong_type"),
        ("created_at", datetime(2024, 1, 1), "naive_datetime"),
        ("created_at", "2024-01-01", "wrong_type"),
    ],
)
def test_what_a_field_cannot_hold_is_an_error_that_names_field_and_value(
    stores: Facade, field: str, value: Any, code: str
) -> None:
    for call in (
        lambda: stores.messages.append("s", **{**FULL, field: value}),
        lambda: stores.messages.append_many("s", [NewMessage(**FULL), NewMessage(**{**FULL, field: value})]),
    ):
        with pytest.raises(FieldError) as refused:
            call()
        assert (refused.value.field, refused.value.code) == (field, code)
        assert refused.value.value is value
    assert stores.messages.load("s") == []


@pytest.mark.parametrize(
    ("method", "args", "field", "code"),
    [
        ("append", {"session_id": "", "role": "user"}, "session_id", "missing_value"),
        ("append", {"session_id": 5, "role": "user"}, "session_id", "wrong_type"),
        ("append_many", {"session_id": "s", "new": 5}, "new", "wrong_type"),
        ("append_many", {"session_id": "s", "new": [{"role": "user"}]}, "new", "wrong_type"),
        ("get", {"id": "1"}, "id", "wrong_type"),
        ("get", {"id": 2**63}, "id", "too_large"),
        ("get", {"id": 1, "include_deleted": 1}, "include_deleted", "wrong_type"),
        ("require", {"id": None}, "id", "missing_value"),
        ("page", {"session_id": "s", "limit": 0}, "limit", "too_small"),
        ("page", {"session_id": "s", "cursor": "x"}, "cursor", "bad_cursor"),
        ("page", {"session_id": UNSET}, "session_id", "wrong_type"),
        ("latest", {"session_id": "s", "limit": 2**63}, "limit", "too_large"),
        ("latest", {"session_id": "s", "limit": -1}, "limit", "too_small"),
        ("latest", {"session_id": "s", "limit": "5"}, "limit", "wrong_type"),
        ("load", {"session_id": None}, "session_id", "missing_value"),
        ("pop", {"session_id": b"s"}, "session_id", "wrong_type"),
        ("delete", {"id": 1.0}, "id", "wrong_type"),
        ("stats", {"session_id": "\ud800"}, "session_id", "not_text"),
    ],
)
def test_an_argument_that_cannot_be_right_is_named(
    stores: Facade, method: str, args: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(FieldError) as refused:
        getattr(stores.messages, method)(**args)
    assert (refused.value.field, refused.value.code) == (field, code)


def test_a_soft_deleted_session_is_hidden_everywhere_until_it_is_restored(stores: Facade) -> None:
    (message,) = say(stores, "hello there")
    log = stores.session_logs.append("s", **log_fields())
    stores.sessions.update("s", external_session_id="ext", source="T")
    before = stores.sessions.require("s")

    def shown(**asked: bool) -> list[object]:
        """Whether each way to find the session or what belongs to it does find it."""
        return [
            stores.sessions.get("s", **asked) is not None,
            stores.sessions.with_agent("s", **asked) is not None,
            stores.sessions.exists("s", **asked),
            stores.sessions.by_external_id("ext", **asked) is not None,
            "s" in [card.id for card in stores.sessions.list(**asked).items],
            "s" in [card.id for card in stores.sessions.by_agent("agent-1", **asked).items],
            "s" in [card.id for card in stores.sessions.by_status("idle", **asked).items],
            stores.sessions.count(**asked) == 2,
            stores.sessions.count(status="idle", **asked) == 2,
            stores.sessions.count(main_agent_id="agent-1", **asked) == 2,
            stores.messages.get(message.id, **asked) == message,
            stores.messages.page("s", **asked).items == [message],
            stores.messages.page("s", newest_first=True, **asked).items == [message],
            stores.messages.latest("s", **asked) == [message],
            stores.messages.load("s", **asked) == [message],
            stores.messages.stats("s", **asked) is not None,
            len(stores.messages.search("hello", **asked)) == 1,
            len(stores.messages.search("he", **asked)) == 1,
            len(stores.messages.search("hello", session_id="s", **asked)) == 1,
            len(stores.messages.search("hello", syntax=True, **asked)) == 1,
            stores.session_logs.get(log.id, **asked) == log,
            stores.session_logs.page("s", **asked).items == [log],
            stores.session_logs.page("s", newest_first=True, **asked).items == [log],
            stores.session_logs.latest("s", **asked) == [log],
            stores.session_logs.count("s", **asked) == 1,
        ]

    assert all(shown())
    assert stores.sessions.soft_delete("s") is True
    hidden = stores.sessions.require("s", include_deleted=True)
    assert (hidden.is_active, hidden.deleted_at is None) == (False, False)
    assert stores.sessions.soft_delete("s") is False
    assert stores.sessions.require("s", include_deleted=True) == hidden
    assert not any(shown())
    assert all(shown(include_deleted=True))
    assert [card.id for card in stores.sessions.recent().items] == ["other"]
    with pytest.raises(NotFoundError):
        stores.sessions.update("s", source="x")
    with pytest.raises(NotFoundError):
        stores.sessions.require("s")
    with pytest.raises(NotFoundError):
        stores.messages.require(message.id)

    assert stores.sessions.restore("s") is True
    assert stores.sessions.restore("s") is False
    assert stores.sessions.require("s") == before
    assert all(shown())
    assert stores.sessions.soft_delete("nowhere") is stores.sessions.restore("nowhere") is False


def test_nothing_is_added_to_a_hidden_conversation_or_taken_out_of_it(stores: Facade) -> None:
    (message,) = say(stores, "hello")
    stores.sessions.soft_delete("s")
    for call in (
        lambda: stores.messages.append("s", role="user"),
        lambda: say(stores, "x"),
        lambda: say(stores),
    ):
        with pytest.raises(NotFoundError) as refused:
            call()
        assert refused.value.code == "session_deleted"
        assert "restore" in refused.value.remedy
    assert stores.messages.pop("s") is None
    assert stores.messages.delete(message.id) is False
    with pytest.raises(AlreadyExistsError) as taken:
        stores.sessions.create(main_agent_id="agent-1", id="s")
    assert "restore()" in taken.value.remedy
    stores.sessions.restore("s")
    assert stores.messages.load("s") == [message]


def test_what_a_run_of_a_hidden_session_reports_is_kept(stores: Facade) -> None:
    stores.sessions.soft_delete("s")
    stores.sessions.update_status("s", "completed")
    stores.session_logs.append("s", **log_fields())
    stores.sessions.restore("s")
    assert stores.sessions.require("s").status == "completed"
    assert stores.session_logs.count("s") == 1


def test_an_agent_whose_sessions_are_hidden_is_in_use(stores: Facade) -> None:
    stores.sessions.soft_delete("s")
    with pytest.raises(IntegrityError, match="2 sessions, 1 of them deleted softly") as refused:
        stores.agents.delete("agent-1")
    assert refused.value.code == "in_use"


def test_a_hidden_session_can_be_removed_for_good(stores: Facade) -> None:
    (message,) = say(stores, "hello")
    stores.sessions.soft_delete("s")
    assert stores.sessions.delete("s") is True
    assert stores.sessions.restore("s") is False
    assert stores.messages.get(message.id, include_deleted=True) is None
    assert stores.messages.search("hello", include_deleted=True).items == []


def test_recent_sessions_come_by_activity_in_pages(stores: Facade) -> None:
    for number in range(5):
        stores.sessions.create(main_agent_id="agent-1", id=f"r{number}", created_at=AT + timedelta(days=number))
    stores.sessions.delete("s")
    stores.sessions.delete("other")
    stores.messages.append("r1", role="user", created_at=AT + timedelta(days=9))
    stores.messages.append("r3", role="user", created_at=AT - timedelta(days=9))  # older than the session itself
    ids, cursor = [], None
    while True:
        page = stores.sessions.recent(limit=2, cursor=cursor)
        ids += [card.id for card in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert ids == ["r1", "r4", "r2", "r0", "r3"]
    stores.sessions.update("r0", last_activity_at=AT + timedelta(days=20))
    assert stores.sessions.recent(limit=1).items[0].id == "r0"
    with pytest.raises(FieldError):
        stores.sessions.list(cursor=stores.sessions.recent(limit=1).next_cursor)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=8,
)
TEXTS = st.none() | st.text()
NEW = st.builds(
    NewMessage,
    role=st.sampled_from(["user", "assistant", "system", "tool"]),
    content=TEXTS,
    name=TEXTS,
    tool_call_id=TEXTS,
    tool_calls=st.none() | st.lists(JSON, max_size=3),
    token_count=st.none() | st.integers(0, 2**40),
    usage=st.none() | st.dictionaries(st.text(), JSON, max_size=3),
    metadata=st.none() | st.dictionaries(st.text(), JSON, max_size=3),
    payload=st.none() | st.lists(JSON, max_size=3) | st.dictionaries(st.text(), JSON, max_size=3),
    status=st.sampled_from(["complete", "partial"]),
    is_preserved=st.booleans(),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(new=st.lists(NEW, min_size=1, max_size=10))
def test_any_text_and_json_comes_back_as_it_was_and_the_index_stays_whole(
    stores: Facade, new: list[NewMessage]
) -> None:
    tokens = stores.messages.stats("s").total_tokens
    added = stores.messages.append_many("s", new)
    for given_, message in zip(new, added, strict=True):
        for name in NewMessage.__slots__:
            if name != "created_at":
                assert getattr(message, name) == getattr(given_, name)
    assert stores.messages.latest("s", len(new)) == added
    check_search_index(stores.rows)
    assert stores.messages.stats("s").total_tokens == tokens + sum(message.token_count or 0 for message in new)


@pytest.mark.parametrize(
    "content",
    [
        "a" * 10_000_000,
        "ü" * 5_000_000,
        "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)])),
        "\0" * 1000 + "after",
        "'; DROP TABLE messages; --",
        '" OR content:* NEAR(a b) -x ^y {a b}: *',
        "",
        "\ufeff\u202e\u2028\x1b[31m",
    ],
    ids=["10 MB", "10 MB of umlauts", "every plane", "NUL", "SQL", "FTS5", "empty", "controls"],
)
def test_hard_contents_are_stored_faithfully_found_and_removed(db: Facade, content: str) -> None:
    db.agents.create(**agent_fields())
    db.sessions.create(main_agent_id="agent-1", id="h")
    message = db.messages.append("h", role="tool", content=content, name=content[:50], metadata={"k": content[:50]})
    assert db.messages.load("h") == [message]
    assert message.content == content
    needle = content.strip()[-8:].strip("\0")
    if needle.split():
        assert [hit.message.id for hit in db.messages.search(needle)] == [message.id]
    check_search_index(db.rows)
    popped = db.messages.pop("h")
    assert popped == replace(message, removed_at=popped.removed_at, updated_at=popped.updated_at)
    if needle.split():
        assert db.messages.search(needle).items == []
    assert db.messages.purge("h") == 1
    assert db.messages.get(message.id) is None
    check_search_index(db.rows)
