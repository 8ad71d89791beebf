"""Eight processes at the same events, states and versions: nothing lost, no gap, no error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import agentdb
from agentdb import AgentDB

WRITERS, ROUNDS = 8, 12
ROOT = Path(agentdb.__file__).parent.parent

PROCESS = """
import sys
from agentdb import AgentDB

path, me, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
with AgentDB.open(path) as db:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(rounds):
        db.session_events.append("s", event_type=me, event_data=number)
        db.module_states.upsert("m", {"who": me, "number": number}, trigger_type=me)
        version = db.agent_versions.create("a", f"{number}.{me}.0", activate=True)
        db.agent_versions.activate(version.id)
        db.session_metrics.record("s", metric_type="n", metric_value=number)
"""


def test_eight_processes_at_one_session_module_and_agent(tmp_path: Path) -> None:
    path = str(tmp_path / "agents.db")
    with AgentDB.open(path) as db:
        db.agents.create(id="a", name="a", model="m")
        db.sessions.create(id="s", main_agent_id="a")
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROCESS, path, str(number), str(ROUNDS)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, complaints = process.communicate(timeout=120)
        assert (process.returncode, complaints) == (0, "")
    total = WRITERS * ROUNDS
    with AgentDB.open(path) as db:
        events = db.session_events.page("s", limit=1000).items
        assert [event.sequence for event in events] == list(range(1, total + 1))
        for number in range(WRITERS):
            of_writer = [event.event_data for event in events if event.event_type == str(number)]
            assert of_writer == list(range(ROUNDS))
        states = db.module_states.history("m", limit=1000).items
        assert [state.version for state in states] == list(range(total, 0, -1))
        assert [state.previous_state_id for state in states] == [*[state.id for state in states[1:]], None]
        assert len({(state.state["who"], state.state["number"]) for state in states}) == total
        assert len(db.module_states.transition_history("m", limit=1000).items) == total
        versions = db.agent_versions.list("a", limit=1000).items
        assert len(versions) == total
        assert [version.is_active for version in versions].count(True) == 1
        (aggregate,) = db.session_metrics.aggregate("s", "n", by="month")
        assert aggregate.count == total
