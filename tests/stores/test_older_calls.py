"""Every call of the older service has one here: its own example, in both worlds and in transactions of both."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_harness import Facade

from agentdb.errors import IntegrityError

EXAMPLE = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "agent_state.py"))


def create_session(db: Facade) -> None:
    parent = db.sessions.create(main_agent_id="a", user_id="u", tags=["x", "y"], source="desktop", status="running")
    child = db.sessions.create(main_agent_id="a", parent_session_id=parent.id)
    assert (parent.user_id, parent.tags, parent.source, parent.status) == ("u", ["x", "y"], "desktop", "running")
    assert [session.id for session in db.sessions.children(parent.id).items] == [child.id]


def end_session(db: Facade) -> None:
    ended = db.sessions.end("s", quality_score=0.0, user_satisfaction=1, learning_outcomes=["less is more"])
    assert (ended.status, ended.quality_score, ended.user_satisfaction) == ("completed", 0.0, 1.0)
    assert ended.learning_outcomes == ["less is more"]
    with pytest.raises(IntegrityError) as caught:
        db.sessions.end("s")
    assert caught.value.code == "already_ended"


def create_session_event(db: Facade) -> None:
    events = [db.session_events.append("s", event_type="started", event_data={"n": n}) for n in range(2)]
    assert [(event.sequence, event.event_data) for event in events] == [(1, {"n": 0}), (2, {"n": 1})]


def create_session_metric(db: Facade) -> None:
    metric = db.session_metrics.record(
        "s", metric_type="latency", metric_value=2.5, timeframe="hour", metadata={"x": 1}
    )
    assert db.session_metrics.series("s", "latency").items == [metric]


def upsert_module_state(db: Facade) -> None:
    first = db.module_states.upsert("workflow", {"step": 1, "of": 2}, session_id="s", state_type="progress")
    assert db.module_states.upsert("workflow", {"of": 2, "step": 1}, session_id="s") == first
    second = db.module_states.upsert("workflow", {"step": 2, "of": 2}, session_id="s", trigger_type="user_action")
    assert (second.version, second.previous_state_id) == (2, first.id)
    (transition,) = db.module_states.transitions(second.id)
    assert (transition.previous_values, transition.new_values) == ({"step": 1}, {"step": 2})


def record_state_transition(db: Facade) -> None:
    state = db.module_states.upsert("workflow", {"step": 1})
    values: dict[str, Any] = {"previous_values": {"step": 0}, "new_values": {"step": 1}}
    given = {"trigger_type": "timer", "trigger_id": "7", "transition_data": {"late": True}, **values}
    transition = db.module_states.record_transition(state.id, **given)
    assert db.module_states.transitions(state.id) == [transition]
    assert {name: getattr(transition, name) for name in given} == given


def update_agent_metrics(db: Facade) -> None:
    db.agent_metrics.record("a", metric_type="success_rate", metric_value=0.75, timeframe="day")
    assert db.agent_metrics.aggregate("a", "success_rate", by="day")[0].mean == 0.75
    db.sessions.end("s", "failed", user_satisfaction=0.25)
    stats = db.agents.stats("a")
    assert (stats.sessions, stats.completed, stats.failed, stats.success_rate) == (1, 0, 1, 0.0)
    assert stats.mean_satisfaction == 0.25


def create_agent_version(db: Facade) -> None:
    version = db.agent_versions.create("a", "1.1.0", {"model": "changed"}, created_by="u", activate=True)
    assert db.agent_versions.active("a") == version
    assert (version.changes, version.created_by) == ({"model": "changed"}, "u")


def create_memory(db: Facade) -> None:
    memory = db.memories.create(
        content={"theme": "dark"}, type="preference", agent_id="a", user_id="u", session_id="s", importance=0.8,
        confidence=0.9, source_type="conversation",
    )  # fmt: skip
    assert (memory.importance, memory.confidence, memory.verification_status) == (0.8, 0.9, "unverified")
    assert [hit.memory.id for hit in db.memories.recall("dark", user_id="u")] == [memory.id]


def record_memory_access(db: Facade) -> None:
    memory = db.memories.create(content="tea")
    access = db.memories.record_access(memory.id, accessor_type="agent", accessed_by="a", usefulness=0.9)
    after = db.memories.require(memory.id)
    assert (after.access_count, after.last_accessed_at, access.usefulness) == (1, access.accessed_at, 0.9)


def create_memory_annotation(db: Facade) -> None:
    memory = db.memories.create(content="tea")
    annotation = db.memory_annotations.create(memory.id, kind="correction", content="coffee", created_by="u")
    assert (annotation.is_applied, annotation.applied_at) == (False, None)
    assert db.memories.require(memory.id).content == "tea"


def apply_memory_annotation(db: Facade) -> None:
    memory = db.memories.create(content="tea")
    annotation = db.memory_annotations.create(
        memory.id, kind="verification", content={"verification_status": "disputed"}
    )
    assert db.memory_annotations.apply(annotation.id).verification_status == "disputed"
    with pytest.raises(IntegrityError) as caught:
        db.memory_annotations.apply(annotation.id)
    assert caught.value.code == "already_applied"


CALLS: dict[str, Callable[[Facade], None]] = {
    "createSession": create_session,
    "endSession": end_session,
    "createSessionEvent": create_session_event,
    "createSessionMetric": create_session_metric,
    "upsertModuleState": upsert_module_state,
    "recordStateTransition": record_state_transition,
    "updateAgentMetrics": update_agent_metrics,
    "createAgentVersion": create_agent_version,
    "createMemory": create_memory,
    "recordMemoryAccess": record_memory_access,
    "createMemoryAnnotation": create_memory_annotation,
    "applyMemoryAnnotation": apply_memory_annotation,
}


@pytest.mark.parametrize("call", CALLS)
def test_each_call_of_the_older_service_has_one_here(stores: Facade, call: str) -> None:
    stores.agents.create(id="a", name="Writer", model="large")
    stores.sessions.create(id="s", main_agent_id="a", status="running")
    CALLS[call](stores)


def test_the_page_on_the_older_service_names_every_call() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/keep-agent-state.md").read_text(encoding="utf-8")
    assert [call for call in CALLS if call not in page] == []


def test_its_example_is_the_same_in_both_worlds(stores: Facade) -> None:
    EXAMPLE["keep"](stores)
    assert EXAMPLE["told"](stores)[0] == "report: running"
    memory = stores.memories.require("tone")
    assert (memory.importance, memory.confidence, memory.access_count) == (0.8, 0.9, 1)
