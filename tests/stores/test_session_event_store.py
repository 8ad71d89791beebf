from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from store_harness import AT, Facade, agent_fields

from agentdb.errors import FieldError, NotFoundError
from agentdb.stores import NewEvent, SessionEvent


@pytest.fixture(autouse=True)
def session(stores: Facade) -> str:
    agent = stores.agents.create(**agent_fields())
    stores.sessions.create(main_agent_id=agent.id, id="other")
    return str(stores.sessions.create(main_agent_id=agent.id, id="s").id)


def sequences(stores: Facade, **options: Any) -> list[int]:
    return [event.sequence for event in stores.session_events.page("s", **options).items]


def test_what_is_given_is_what_is_read(stores: Facade, session: str) -> None:
    data = {"tool": "read", "parts": [1, None, "\x00", "🦉"]}
    given = {"event_type": "tool_ended", "event_data": data, "duration_ms": 0, "created_at": AT}
    event = stores.session_events.append(session, **given)
    assert isinstance(event, SessionEvent)
    assert {name: getattr(event, name) for name in given} == given
    assert stores.session_events.get(event.id) == stores.session_events.require(event.id) == event
    assert json.loads(json.dumps(event.to_dict())) == event.to_dict()


def test_what_is_not_given_is_nothing_and_now(stores: Facade, session: str) -> None:
    event = stores.session_events.append(session, event_type="began")
    assert (event.event_data, event.duration_ms) == (None, None)
    assert timedelta(0) <= datetime.now(UTC) - event.created_at < timedelta(minutes=1)


def test_each_session_counts_its_events_from_1(stores: Facade) -> None:
    for session_id in ("s", "other", "s", "s", "other"):
        stores.session_events.append(session_id, event_type="x")
    many = stores.session_events.append_many("s", [NewEvent(event_type="y"), NewEvent(event_type="z", event_data=[1])])
    assert [event.sequence for event in many] == [4, 5]
    assert sequences(stores) == [1, 2, 3, 4, 5]
    assert stores.session_events.count("other") == 2
    assert stores.session_events.append_many("s", []) == []


def test_a_sequence_is_not_given_again_after_its_event_was_deleted(stores: Facade, session: str) -> None:
    ids = [stores.session_events.append(session, event_type="x").id for _ in range(4)]
    assert stores.session_events.delete(ids[3]) is True
    assert stores.session_events.delete(ids[3]) is False
    assert stores.session_events.delete(ids[1]) is True
    assert stores.session_events.append(session, event_type="x").sequence == 5
    assert stores.session_events.prune(session, up_to=5) == 3
    assert stores.session_events.append(session, event_type="x").sequence == 6
    assert sequences(stores) == [6]


def test_pages_go_on_after_a_cursor_or_after_a_sequence_that_was_seen(stores: Facade, session: str) -> None:
    for number in range(1, 8):
        stores.session_events.append(session, event_type="odd" if number % 2 else "even")
    first = stores.session_events.page(session, limit=3)
    assert [event.sequence for event in first.items] == [1, 2, 3]
    assert sequences(stores, limit=3, cursor=first.next_cursor) == [4, 5, 6]
    assert sequences(stores, newest_first=True, limit=2) == [7, 6]
    assert sequences(stores, event_type="even") == [2, 4, 6]
    assert sequences(stores, event_type="odd", newest_first=True) == [7, 5, 3, 1]
    assert sequences(stores, after=5) == [6, 7]
    assert sequences(stores, after=2, event_type="even") == [4, 6]
    with pytest.raises(FieldError):
        stores.session_events.page(session, after=1, newest_first=True)


def test_events_of_a_session_that_is_deleted_softly_are_hidden_and_still_added(stores: Facade, session: str) -> None:
    event = stores.session_events.append(session, event_type="x")
    stores.sessions.soft_delete(session)
    stores.session_events.append(session, event_type="y")
    assert sequences(stores) == []
    assert stores.session_events.get(event.id) is None
    with pytest.raises(NotFoundError):
        stores.session_events.require(event.id)
    assert sequences(stores, include_deleted=True) == [1, 2]
    assert stores.session_events.get(event.id, include_deleted=True) == event


def test_events_go_with_their_session(stores: Facade, session: str) -> None:
    stores.session_events.append(session, event_type="x")
    stores.session_events.prune(session, up_to=1)
    stores.session_events.append(session, event_type="x")
    assert stores.sessions.delete(session) is True
    assert stores.rows("SELECT count(*) FROM session_events") == [(0,)]
    assert stores.rows("SELECT count(*) FROM session_event_sequences") == [(0,)]


def test_what_is_missing_or_wrong_is_refused_and_nothing_is_written(stores: Facade, session: str) -> None:
    with pytest.raises(NotFoundError, match="session_id"):
        stores.session_events.append("nobody", event_type="x")
    with pytest.raises(NotFoundError, match="session_id"):
        stores.session_events.append_many("nobody", [NewEvent(event_type="x")])
    with pytest.raises(NotFoundError):
        stores.session_events.require(10**6)
    bad: list[dict[str, Any]] = [
        {"event_type": ""},
        {"event_type": None},
        {"event_type": "\ud800"},
        {"event_type": "x", "event_data": {1: 2}},
        {"event_type": "x", "event_data": float("nan")},
        {"event_type": "x", "duration_ms": -1},
        {"event_type": "x", "duration_ms": 1.5},
        {"event_type": "x", "created_at": datetime(2024, 1, 1)},
    ]
    for arguments in bad:
        with pytest.raises(FieldError):
            stores.session_events.append(session, **arguments)
    for events in ("x", [{"event_type": "x"}], [NewEvent(event_type="x"), NewEvent(event_type="")], 3):
        with pytest.raises(FieldError):
            stores.session_events.append_many(session, events)
    assert sequences(stores) == []
