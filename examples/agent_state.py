"""What an agent must remember beside its conversations: sessions below sessions, a workflow's state, versions, memories.

python examples/agent_state.py [PATH]     (agents.db where no path is given; run it twice)
"""

from __future__ import annotations

import sys

from agentdb import AgentDB


def keep(db: AgentDB) -> None:
    """Write an agent, its work and what it has learnt."""
    db.agents.create(id="writer", name="Writer", model="large-1")

    # A parent and a child session, with tags.
    db.sessions.create(id="report", main_agent_id="writer", tags=["report", "weekly"], status="running")
    db.sessions.create(id="figures", main_agent_id="writer", parent_session_id="report", tags=["figures"])
    db.session_events.append("figures", event_type="tool_ended", event_data={"tool": "search"}, duration_ms=120)
    db.session_metrics.record("figures", metric_type="latency_ms", metric_value=120)

    # The state of a workflow, and the transition that led to it.
    db.module_states.upsert("workflow", {"step": "draft", "pages": 1}, session_id="report")
    db.module_states.upsert(
        "workflow",
        {"step": "review", "pages": 1},
        session_id="report",
        trigger_type="user_action",
        trigger_id="click-4",
    )

    # Version 1.1.0 of the agent, with its changes, active.
    db.agents.update("writer", instructions="Write short sentences.")
    db.agent_versions.create("writer", "1.1.0", {"instructions": "added"}, created_by="user-7", activate=True)

    # A preference, and an access to it that helped.
    tone = {"tone": "plain", "length": "one page"}
    db.memories.create(id="tone", agent_id="writer", type="preference", content=tone, importance=0.8, confidence=0.9)
    db.memories.record_access("tone", accessed_by="writer", context="report", usefulness=0.9)

    db.sessions.end("figures", quality_score=0.9, user_satisfaction=1.0)
    db.agent_metrics.record("writer", metric_type="reports", metric_value=1, timeframe="week")


def told(db: AgentDB) -> list[str]:
    """What is there, in words."""
    lines = [f"{'  ' * at.depth}{at.session.id}: {at.session.status}" for at in db.sessions.subtree("report")]
    lines.append(f"tags of report: {db.sessions.require('report').tags}")
    (event,) = db.session_events.page("figures").items
    state, *_ = db.module_states.history("workflow", session_id="report").items
    version, *_ = db.agent_versions.list("writer").items
    memory, stats = db.memories.require("tone"), db.agents.stats("writer")
    assert stats is not None
    (change,) = db.module_states.transitions(state.id)
    lines.append(f"event {event.sequence} of figures: {event.event_type} in {event.duration_ms} ms")
    lines.append(f"workflow: {change.previous_values} became {change.new_values} by {change.trigger_type}")
    lines.append(f"writer is at {version.version_number}: {version.changes}")
    lines.append(f"{memory.type} {memory.content}: importance {memory.importance}, read {memory.access_count} time")
    return [*lines, f"{stats.completed} of {stats.sessions} sessions completed, satisfaction {stats.mean_satisfaction}"]


if __name__ == "__main__":
    with AgentDB.open(sys.argv[1] if len(sys.argv) > 1 else "agents.db") as db:
        if not db.agents.exists("writer"):
            keep(db)
        print(*told(db), sep="\n")
