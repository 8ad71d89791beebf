"""Events, metrics, versions, states, ends of sessions and annotations: stored faithfully, or refused with nothing written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from store_harness import Facade
from test_bad_input import (
    MISSING,
    NO_CHOICE,
    NO_COUNT,
    NO_CURSOR,
    NO_ID,
    NO_INTEGER,
    NO_JSON,
    NO_LIMIT,
    NO_OBJECT,
    NO_TEXT,
    NO_TIME,
)
from test_memory_bad_input import NO_SCORE

from agentdb.errors import FieldError, NotFoundError
from agentdb.stores import UNSET, NewEvent

NO_NUMBER = [(value, "too_large") for value in (float("nan"), float("inf"), -float("inf"))]
NO_NUMBER += [(value, "wrong_type") for value in (True, "1", b"1", [1], 1j, UNSET)] + [(10**400, "too_large")]
NO_STRUCTURE = [(value, code) for value, code in NO_JSON if isinstance(value, (list, dict))]
NO_STRUCTURE += [("[]", "wrong_type"), (5, "wrong_type")]
TABLES = (
    *("sessions", "session_events", "session_metrics", "agent_metrics", "agent_versions", "agents"),
    *("module_states", "state_transitions", "memory_annotations", "sqlite_sequence"),
)
#: Each call, an argument for each of its fields, and what the field cannot hold.
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any], dict[str, list[tuple[Any, str]]]]] = {
    "session_events.append": (
        lambda db, **given: db.session_events.append(**given),
        {"session_id": "s", "event_type": "x"},
        {
            "session_id": NO_ID + MISSING,
            "event_type": NO_ID + MISSING,
            "event_data": [*NO_JSON, (float("nan"), "not_json"), ("\ud800", "not_text"), (UNSET, "not_json")],
            "duration_ms": NO_COUNT,
            "created_at": NO_TIME,
        },
    ),
    "session_events.append_many": (
        lambda db, **given: db.session_events.append_many("s", [NewEvent(event_type="good"), NewEvent(**given)]),
        {"event_type": "x"},
        {"event_type": NO_ID + MISSING, "event_data": NO_JSON, "duration_ms": NO_COUNT, "created_at": NO_TIME},
    ),
    **{
        f"{kind}_metrics.record": (
            lambda db, kind=kind, **given: getattr(db, f"{kind}_metrics").record(**given),
            {f"{kind}_id": "s", "metric_type": "x", "metric_value": 1},
            {
                f"{kind}_id": NO_ID + MISSING,
                "metric_type": NO_ID + MISSING,
                "metric_value": NO_NUMBER + MISSING,
                "timeframe": NO_CHOICE + MISSING,
                "metadata": NO_OBJECT,
                "recorded_at": NO_TIME,
            },
        )
        for kind in ("session", "agent")
    },
    "agent_versions.create": (
        lambda db, **given: db.agent_versions.create(**given),
        {"agent_id": "s", "version_number": "1.1.0", "activate": True},
        {
            "agent_id": NO_ID + MISSING,
            "version_number": NO_TEXT + MISSING,
            "changes": NO_STRUCTURE,
            "created_by": NO_TEXT,
            "id": NO_ID,
            "performance": NO_OBJECT,
            "created_at": NO_TIME,
        },
    ),
    "module_states.upsert": (
        lambda db, **given: db.module_states.upsert(**given),
        {"module_id": "m", "state": {"a": 2}, "trigger_type": "x"},
        {
            "module_id": NO_ID + MISSING,
            "state": NO_OBJECT + MISSING,
            "session_id": NO_ID,
            "state_type": NO_TEXT,
            "expires_at": NO_TIME,
            "trigger_type": NO_ID,
            "trigger_id": NO_TEXT,
            "transition_data": NO_STRUCTURE,
            "previous_values": NO_OBJECT,
            "new_values": NO_OBJECT,
        },
    ),
    "module_states.record_transition": (
        lambda db, **given: db.module_states.record_transition(**given),
        {"state_id": "?", "trigger_type": "x"},
        {
            "state_id": NO_ID + MISSING,
            "trigger_type": NO_ID + MISSING,
            "trigger_id": NO_TEXT,
            "transition_data": NO_STRUCTURE,
            "previous_values": NO_OBJECT,
            "new_values": NO_OBJECT,
            "created_at": NO_TIME,
        },
    ),
    "sessions.end": (
        lambda db, **given: db.sessions.end(**given),
        {"id": "s"},
        {
            "id": NO_ID + MISSING,
            "status": [(value, "not_one_of") for value in ("running", "idle", "active", "", 1)],
            "quality_score": NO_SCORE,
            "user_satisfaction": NO_SCORE,
            "learning_outcomes": NO_STRUCTURE,
        },
    ),
    "memory_annotations.create": (
        lambda db, **given: db.memory_annotations.create(**given),
        {"memory_id": "m", "kind": "correction", "content": "x"},
        {
            "memory_id": NO_ID + MISSING,
            "kind": NO_CHOICE + MISSING,
            "content": NO_JSON,
            "created_by": NO_TEXT,
            "id": NO_ID,
            "created_at": NO_TIME,
        },
    ),
}
FIELDS = [(call, field) for call, (_, _, fields) in CALLS.items() for field in fields]


@pytest.fixture(autouse=True)
def rows(stores: Facade) -> None:
    """An agent 's', its session 's', an event, metrics, a version, a state of 'm', and a memory 'm'."""
    stores.agents.create(id="s", name="Writer", model="large")
    stores.sessions.create(id="s", main_agent_id="s")
    stores.session_events.append("s", event_type="x")
    stores.session_metrics.record("s", metric_type="x", metric_value=1)
    stores.agent_metrics.record("s", metric_type="x", metric_value=1)
    stores.agent_versions.create("s", "1.0.0", activate=True)
    stores.module_states.upsert("m", {"a": 1})
    stores.memories.create(id="m", content="tea")


def snapshot(stores: Facade) -> list[Any]:
    return [stores.rows(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES]


@pytest.mark.parametrize(("call", "field"), FIELDS, ids=[f"{call} {field}" for call, field in FIELDS])
def test_what_a_field_cannot_hold_is_refused_and_nothing_is_written(stores: Facade, call: str, field: str) -> None:
    run, good, fields = CALLS[call]
    before = snapshot(stores)
    for value, code in fields[field]:
        with pytest.raises(FieldError) as caught:
            run(stores, **{**good, field: value})
        assert (caught.value.field, caught.value.code) == (field, code), value
        assert len(caught.value.message) < 300
        caught.value.message.encode()
    assert snapshot(stores) == before
    if "state_id" not in good:
        run(stores, **good)


DANGLING: dict[str, Callable[[Facade], Any]] = {
    "event": lambda db: db.session_events.append("nobody", event_type="x"),
    "events": lambda db: db.session_events.append_many("nobody", [NewEvent(event_type="x")]),
    "metric of a session": lambda db: db.session_metrics.record("nobody", metric_type="x", metric_value=1),
    "metric of an agent": lambda db: db.agent_metrics.record("nobody", metric_type="x", metric_value=1),
    "version": lambda db: db.agent_versions.create("nobody", "1.2.0"),
    "state": lambda db: db.module_states.upsert("m", {"a": 2}, session_id="nobody", trigger_type="x"),
    "transition": lambda db: db.module_states.record_transition("nobody", trigger_type="x"),
    "child": lambda db: db.sessions.create(main_agent_id="s", parent_session_id="nobody"),
    "child that is moved": lambda db: db.sessions.update("s", parent_session_id="nobody"),
    "session": lambda db: db.sessions.create(main_agent_id="nobody"),
    "annotation": lambda db: db.memory_annotations.create("nobody", kind="correction", content="x"),
    "memory of an agent": lambda db: db.memories.create(content="x", agent_id="nobody"),
    "memory of a session": lambda db: db.memories.create(content="x", session_id="nobody"),
    "memory that supersedes": lambda db: db.memories.create(content="x", supersedes_id="nobody"),
    "access": lambda db: db.memories.record_access("nobody"),
    "link": lambda db: db.memory_links.create("m", "nobody"),
    "vector": lambda db: db.memories.set_embedding("nobody", [1.0], "model"),
    "end": lambda db: db.sessions.end("nobody"),
}


@pytest.mark.parametrize("name", DANGLING)
def test_a_parent_that_is_not_there_is_not_found_and_nothing_is_written(stores: Facade, name: str) -> None:
    before = snapshot(stores)
    with pytest.raises(NotFoundError, match="nobody"):
        DANGLING[name](stores)
    assert snapshot(stores) == before
    assert stores.memories.count() == 1


NUMBERS = ("session_events", "session_metrics", "agent_metrics")
TEXT_IDS: dict[str, tuple[str, Callable[[Facade, Any], Any]]] = {
    **{
        f"{store}.{call}": ("id", lambda db, id, store=store, call=call: getattr(getattr(db, store), call)(id))
        for store in ("agent_versions", "module_states")
        for call in ("get", "require")
    },
    "agent_versions.activate": ("id", lambda db, id: db.agent_versions.activate(id)),
    "agent_versions.active": ("agent_id", lambda db, id: db.agent_versions.active(id)),
    "agent_versions.list": ("agent_id", lambda db, id: db.agent_versions.list(id)),
    "module_states.restore": ("id", lambda db, id: db.module_states.restore(id)),
    "module_states.current": ("module_id", lambda db, id: db.module_states.current(id)),
    "module_states.history": ("module_id", lambda db, id: db.module_states.history(id)),
    "module_states.delete": ("module_id", lambda db, id: db.module_states.delete(id)),
    "session_events.page": ("session_id", lambda db, id: db.session_events.page(id)),
    "agents.stats": ("id", lambda db, id: db.agents.stats(id)),
    **{
        f"sessions.{call}": ("id", lambda db, id, call=call: getattr(db.sessions, call)(id))
        for call in ("children", "ancestors", "subtree")
    },
}


@pytest.mark.parametrize("name", TEXT_IDS)
def test_what_is_no_id_is_refused_everywhere(stores: Facade, name: str) -> None:
    _, call = TEXT_IDS[name]
    for value, code in NO_ID + MISSING:
        with pytest.raises(FieldError) as caught:
            call(stores, value)
        assert caught.value.code == code


def test_what_is_no_number_of_a_row_is_refused_everywhere(stores: Facade) -> None:
    for value, code in NO_INTEGER + MISSING:
        for store in NUMBERS:
            for call in (getattr(stores, store).get, getattr(stores, store).require, getattr(stores, store).delete):
                with pytest.raises(FieldError) as caught:
                    call(value)
                assert (caught.value.field, caught.value.code) == ("id", code)


LISTS: dict[str, Callable[..., Any]] = {
    "events": lambda db, **asked: db.session_events.page("s", **asked),
    "metrics of a session": lambda db, **asked: db.session_metrics.series("s", "x", **asked),
    "metrics of an agent": lambda db, **asked: db.agent_metrics.series("s", "x", **asked),
    "versions": lambda db, **asked: db.agent_versions.list("s", **asked),
    "states": lambda db, **asked: db.module_states.history("m", **asked),
    "transitions": lambda db, **asked: db.module_states.transition_history("m", **asked),
    "children": lambda db, **asked: db.sessions.children("s", **asked),
    "annotations": lambda db, **asked: db.memory_annotations.list("m", **asked),
    "the audit": lambda db, **asked: db.audit.history("agents", "s", **asked),
}


@pytest.mark.parametrize("name", LISTS)
def test_limits_and_cursors_are_checked(stores: Facade, name: str) -> None:
    for value, code in NO_LIMIT:
        with pytest.raises(FieldError) as caught:
            LISTS[name](stores, limit=value)
        assert (caught.value.field, caught.value.code) == ("limit", code)
    for value in NO_CURSOR:
        with pytest.raises(FieldError) as caught:
            LISTS[name](stores, cursor=value)
        assert (caught.value.field, caught.value.code) == ("cursor", "bad_cursor")


PLANES = "".join(chr(plane * 0x10000 + 0x41) for plane in range(17)) + "\0\x01\x7f\u202e\ufeff\r\n"
SYNTAX = "'; DROP TABLE agents; -- \" ` \\ %_* () ^{}:NEAR/1 OR NOT $.a[0] :id ?1 @x #"
TEXTS = {"every plane": PLANES, "syntax": SYNTAX, "10 MB": "x\0ü𝄞" * 1_300_000}


@pytest.mark.parametrize("name", ["every plane", "syntax"])
def test_every_text_field_stores_every_text_faithfully(stores: Facade, name: str) -> None:
    text = TEXTS[name]
    stores.agents.create(id=text, name=text, model=text)
    session = stores.sessions.create(id=text, main_agent_id=text, user_id=text, source=text, tags=[text])
    assert stores.sessions.require(text) == session
    event = stores.session_events.append(text, event_type=text, event_data={text: text})
    assert stores.session_events.page(text, event_type=text).items == [event]
    for store in (stores.session_metrics, stores.agent_metrics):
        metric = store.record(text, metric_type=text, metric_value=1, metadata={text: [text]})
        assert store.series(text, text).items == [metric]
        assert store.aggregate(text, text, by="day")[0].count == 1
    version = stores.agent_versions.create(text, "1.0.0", [text], text, True, id=text, performance={text: text})
    assert stores.agent_versions.active(text) == stores.agent_versions.require(text) == version
    assert version.snapshot["name"] == text
    stores.module_states.upsert(text, {text: 1}, session_id=text)
    state = stores.module_states.upsert(
        text, {text: text}, session_id=text, state_type=text, trigger_type=text, trigger_id=text, transition_data=[text]
    )
    assert stores.module_states.upsert(text, {text: text}, session_id=text) == state
    assert stores.module_states.current(text, session_id=text) == stores.module_states.require(state.id) == state
    (transition,) = stores.module_states.transitions(state.id)
    assert (transition.trigger_id, transition.previous_values, transition.new_values) == (text, {text: 1}, {text: text})
    assert stores.module_states.snapshot(text, session_id=text, reason=text).snapshot_reason == text
    ended = stores.sessions.end(text, learning_outcomes={text: text})
    assert stores.sessions.require(text) == ended
    assert [found.id for found in stores.sessions.list(status="completed").items] == [text]
    assert stores.agents.stats(text).completed == 1


@pytest.mark.parametrize("stores", ["sync", "async in a transaction"], indirect=True)
def test_ten_megabytes_are_stored_whole(stores: Facade) -> None:
    big = TEXTS["10 MB"]
    event = stores.session_events.append("s", event_type="x", event_data=big)
    assert stores.session_events.require(event.id).event_data == big
    state = stores.module_states.upsert("big", {"a": big}, trigger_type="x")
    assert stores.module_states.require(state.id).state == {"a": big}
    assert stores.module_states.upsert("big", {"a": big}) == state
    metric = stores.session_metrics.record("s", metric_type="x", metric_value=1, metadata={"a": big})
    assert stores.session_metrics.require(metric.id).metadata == {"a": big}
    version = stores.agent_versions.create("s", "2.0.0", {"a": big})
    assert stores.agent_versions.require(version.id).changes == {"a": big}
    annotation = stores.memory_annotations.create("m", kind="correction", content=big)
    assert stores.memory_annotations.require(annotation.id).content == big


@pytest.mark.parametrize("value", [0, 5e-324, 1.7976931348623157e308, -(2**63), 2**1000])
def test_a_metric_holds_every_finite_number(stores: Facade, value: float) -> None:
    metric = stores.session_metrics.record("s", metric_type="n", metric_value=value)
    assert repr(stores.session_metrics.require(metric.id).metric_value) == repr(float(value))


def test_0_stays_0_and_1_stays_1_for_scores(stores: Facade) -> None:
    ended = stores.sessions.end("s", quality_score=0, user_satisfaction=1)
    assert (ended.quality_score, ended.user_satisfaction) == (0.0, 1.0)
    assert stores.sessions.require("s") == ended
