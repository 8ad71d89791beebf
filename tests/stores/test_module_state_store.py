from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from store_harness import Facade, agent_fields

from agentdb.errors import FieldError, NotFoundError
from agentdb.stores import ModuleState

PAST = datetime(2020, 1, 1, tzinfo=UTC)
FUTURE = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def session(stores: Facade) -> str:
    agent = stores.agents.create(**agent_fields())
    return str(stores.sessions.create(main_agent_id=agent.id, id="s").id)


def test_a_state_is_read_as_it_was_given(stores: Facade, session: str) -> None:
    given = {"step": 2, "items": [1, None, {"é": "\x00"}], "done": False, "rate": 0.5}
    state = stores.module_states.upsert("wf", given, session_id=session, state_type="workflow", expires_at=FUTURE)
    assert isinstance(state, ModuleState)
    assert (state.state, list(state.state), state.version) == (given, list(given), 1)
    assert (state.state_type, state.expires_at, state.previous_state_id) == ("workflow", FUTURE, None)
    assert len(state.state_hash) == 64
    assert stores.module_states.get(state.id) == stores.module_states.require(state.id) == state
    assert stores.module_states.current("wf", session_id=session) == state
    assert stores.module_states.current("wf") is None
    assert json.loads(json.dumps(state.to_dict())) == state.to_dict()
    assert stores.module_states.modules(session) == ["wf"]


def test_the_same_state_again_writes_nothing_and_a_b_a_is_three(stores: Facade) -> None:
    a = stores.module_states.upsert("m", {"x": 1, "y": [1]}, trigger_type="user")
    assert stores.module_states.upsert("m", {"y": [1], "x": 1}, trigger_type="user") == a
    assert stores.module_states.upsert("m", {"y": [1.0], "x": 1}) == a  # 1.0 is 1 in RFC 8785
    b = stores.module_states.upsert("m", {"x": 2})
    again = stores.module_states.upsert("m", {"x": 1, "y": [1]})
    assert [again.version, b.version, a.version] == [3, 2, 1]
    assert (again.state_hash, again.previous_state_id, b.previous_state_id) == (a.state_hash, b.id, a.id)
    assert [each.id for each in stores.module_states.history("m").items] == [again.id, b.id, a.id]
    assert len(stores.module_states.transition_history("m").items) == 1


def test_true_is_another_state_than_1(stores: Facade) -> None:
    one = stores.module_states.upsert("m", {"x": 1})
    true = stores.module_states.upsert("m", {"x": True}, trigger_type="t")
    assert true.id != one.id
    (transition,) = stores.module_states.transitions(true.id)
    assert transition.previous_values == {"x": 1}
    assert transition.new_values == {"x": True}
    assert transition.new_values["x"] is True


def test_a_transition_says_what_led_to_a_state_and_what_changed(stores: Facade) -> None:
    stores.module_states.upsert("m", {"kept": 1, "gone": 2, "other": 3})
    state = stores.module_states.upsert(
        "m", {"kept": 1, "other": 4, "new": None}, trigger_type="tool", trigger_id="call-7", transition_data={"n": [1]}
    )
    (transition,) = stores.module_states.transitions(state.id)
    assert (transition.trigger_type, transition.trigger_id, transition.transition_data) == (
        "tool",
        "call-7",
        {"n": [1]},
    )
    assert transition.previous_values == {"gone": 2, "other": 3}
    assert transition.new_values == {"other": 4, "new": None}
    told = stores.module_states.upsert("m", {}, trigger_type="tool", previous_values={"a": 1}, new_values={})
    assert stores.module_states.transitions(told.id)[0].previous_values == {"a": 1}
    assert stores.module_states.transitions(told.id)[0].new_values == {}
    more = stores.module_states.record_transition(told.id, trigger_type="by hand")
    assert stores.module_states.transitions(told.id)[1] == more
    page = stores.module_states.transition_history("m", limit=2)
    assert [each.trigger_type for each in page.items] == ["by hand", "tool"]
    rest = stores.module_states.transition_history("m", limit=2, cursor=page.next_cursor)
    assert [each.trigger_id for each in rest.items] == ["call-7"]
    assert json.loads(json.dumps(more.to_dict())) == more.to_dict()


def test_the_state_of_an_earlier_time_is_found(stores: Facade) -> None:
    first = stores.module_states.upsert("m", {"n": 1})
    stores.rows("UPDATE module_states SET created_at = '2024-01-01T00:00:00.000Z' WHERE id = ?", first.id)
    second = stores.module_states.upsert("m", {"n": 2})
    at = datetime(2024, 1, 1, tzinfo=UTC)
    assert stores.module_states.at("m", at - timedelta(milliseconds=1)) is None
    found = stores.module_states.at("m", at)
    assert found is not None
    assert found.id == first.id
    assert stores.module_states.at("m", datetime.now(UTC)) == second


def test_a_difference_is_told_key_by_key(stores: Facade) -> None:
    a = stores.module_states.upsert("m", {"same": [1], "other": 1, "gone": None})
    b = stores.module_states.upsert("m", {"same": [1], "other": 2, "new": 3})
    assert [(each.field, each.kind, each.before, each.after) for each in stores.module_states.diff(a.id, b.id)] == [
        ("other", "changed", 1, 2),
        ("gone", "removed", None, None),
        ("new", "added", None, 3),
    ]


def test_an_earlier_state_is_restored_as_a_new_one(stores: Facade, session: str) -> None:
    a = stores.module_states.upsert("m", {"n": 1}, session_id=session, state_type="t")
    stores.module_states.upsert("m", {"n": 2}, session_id=session)
    restored = stores.module_states.restore(a.id)
    assert (restored.state, restored.state_type, restored.version) == ({"n": 1}, "t", 3)
    (transition,) = stores.module_states.transitions(restored.id)
    assert (transition.trigger_type, transition.trigger_id) == ("restore", a.id)
    assert stores.module_states.restore(a.id) == restored


def test_a_state_that_has_expired_is_not_current_and_a_snapshot_stays(stores: Facade) -> None:
    kept = stores.module_states.upsert("m", {"n": 0}, expires_at=FUTURE)
    snapshot = stores.module_states.snapshot("m", reason="before the upgrade")
    assert (snapshot.id, snapshot.is_snapshot, snapshot.snapshot_reason) == (kept.id, True, "before the upgrade")
    gone = stores.module_states.upsert("m", {"n": 1}, expires_at=PAST, trigger_type="t")
    current = stores.module_states.current("m")
    assert current is not None
    assert current.id == kept.id
    again = stores.module_states.upsert("m", {"n": 1})
    assert (again.version, again.previous_state_id) == (3, gone.id)
    assert stores.module_states.expire() == 1
    assert stores.module_states.get(gone.id) is None
    assert stores.module_states.require(again.id).previous_state_id is None
    assert stores.module_states.expire(FUTURE + timedelta(days=1)) == 0
    assert [each.id for each in stores.module_states.history("m", snapshots_only=True).items] == [kept.id]
    assert stores.rows("SELECT count(*) FROM state_transitions") == [(0,)]
    assert stores.module_states.delete("m") == 2


def test_states_go_with_their_session_and_others_stay(stores: Facade, session: str) -> None:
    for number in range(3):
        stores.module_states.upsert("m", {"n": number}, session_id=session, trigger_type="t")
    outside = stores.module_states.upsert("m", {"n": 0})
    assert stores.sessions.delete(session) is True
    assert stores.rows("SELECT id FROM module_states") == [(outside.id,)]
    assert stores.rows("SELECT count(*) FROM state_transitions") == [(0,)]


def test_what_is_missing_or_wrong_is_refused_and_nothing_is_written(stores: Facade) -> None:
    with pytest.raises(NotFoundError, match="session_id"):
        stores.module_states.upsert("m", {}, session_id="nobody")
    with pytest.raises(NotFoundError, match="state_id"):
        stores.module_states.record_transition("nothing", trigger_type="t")
    for call in ("require", "restore"):
        with pytest.raises(NotFoundError):
            getattr(stores.module_states, call)("nothing")
    with pytest.raises(NotFoundError, match="has no state"):
        stores.module_states.snapshot("m")
    bad: list[dict[str, Any]] = [
        *[{"state": state} for state in (None, [], "x", {"x": float("nan")}, {1: 2}, {"x": "\ud800"}, {"x": {1}})],
        {"state": {}, "module_id": ""},
        {"state": {}, "session_id": ""},
        {"state": {}, "expires_at": datetime(2024, 1, 1)},
        {"state": {}, "trigger_type": ""},
        {"state": {}, "trigger_id": "x"},
        {"state": {}, "trigger_type": "t", "transition_data": "text"},
        {"state": {}, "trigger_type": "t", "new_values": []},
        {"state": {}, "previous_values": {}},
    ]
    for arguments in bad:
        with pytest.raises(FieldError):
            stores.module_states.upsert(**{"module_id": "m", **arguments})
    assert stores.rows("SELECT count(*) FROM module_states") == [(0,)]
