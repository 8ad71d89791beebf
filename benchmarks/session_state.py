"""Events and module states beside raw sqlite3: what `python -m benchmarks.agent_state` says of them.

Each contender has its own process and its own file. Raw sqlite3 executes the stores' own SQL, as in `benchmarks.stores`: for an
event the one INSERT that takes the next sequence; for a state that is the current one already one SELECT of the current row,
and one SHA-256 of the state as JSON with sorted keys. A store also checks what it is given, and gives dataclasses.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agentdb import AgentDB
from agentdb.queries import module_states, session_events
from agentdb.stores.fields import now_text
from benchmarks import options
from benchmarks.peers import floor
from benchmarks.rounds import Sampler, Worker, interleave
from benchmarks.table import Figure, Limit, compare
from benchmarks.worker import elapsed

LIMIT = Limit(1.5)
EVENT = {"tool": "search", "arguments": {"query": "spring tide", "limit": 10}, "found": [1, 2, 3]}


def state() -> dict[str, Any]:
    """About 10 KB of what a workflow keeps: steps with words, numbers and flags."""
    return {
        f"step-{number:02}": {
            "name": f"Read chapter {number} and write down what it says of the tides",
            "done": number % 2 == 0,
            "attempts": number,
            "score": (number + 0.5) / 7,
            "notes": ["high water at noon", "the moon is full", None],
        }
        for number in range(54)
    }


class Raw:
    """The same on raw sqlite3."""

    def __init__(self, database: str) -> None:
        make_file(database)
        self._connection = floor.connect(database)

    def append(self, count: int) -> int:
        def work() -> None:
            for _ in range(count):
                event = {
                    "session_id": "s",
                    "event_type": "tool_ended",
                    "event_data_json": json.dumps(EVENT, separators=(",", ":")),
                    "duration_ms": 120,
                    "created_at": None,
                }
                self._connection.execute(session_events.APPEND, event).fetchall()

        return elapsed(work)

    def upsert(self, count: int) -> int:
        same = state()

        def work() -> None:
            for _ in range(count):
                text = json.dumps(same, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
                hashed = sha256(text.encode()).hexdigest()
                args = {"module_id": "workflow", "session_id": None, "now": now_text()}
                assert hashed in self._connection.execute(module_states.GET_CURRENT, args).fetchone()

        return elapsed(work)

    def close(self) -> None:
        self._connection.close()


class Agentdb:
    """session_events.append() and module_states.upsert()."""

    def __init__(self, database: str) -> None:
        make_file(database)
        self._db = AgentDB.open(database)

    def append(self, count: int) -> int:
        append = self._db.session_events.append

        def work() -> None:
            for _ in range(count):
                append("s", event_type="tool_ended", event_data=EVENT, duration_ms=120)

        return elapsed(work)

    def upsert(self, count: int) -> int:
        same, upsert = state(), self._db.module_states.upsert

        def work() -> None:
            for _ in range(count):
                assert upsert("workflow", same).version == 1

        return elapsed(work)

    def close(self) -> None:
        self._db.close()


def make_file(database: str) -> None:
    with AgentDB.open(database) as db:
        db.agents.create(id="a", name="Researcher", model="large")
        db.sessions.create(id="s", main_agent_id="a")
        db.module_states.upsert("workflow", state())


RAW, AGENTDB = "raw sqlite3", "agentdb"
CONTENDERS = {RAW: Raw, AGENTDB: Agentdb}
#: What is asked of a contender, and how often in one round.
CASES = {"append": ("append an event", 200), "upsert": ("upsert of an unchanged state of 10 KB", 50)}


def measure(quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    with TemporaryDirectory(prefix="agentdb-benchmark-") as folder, ExitStack() as stack:
        workers = {
            name: stack.enter_context(
                Worker(f"benchmarks.session_state:{kind.__name__}", str(Path(folder) / f"{kind.__name__}.db"))
            )
            for name, kind in CONTENDERS.items()
        }
        for call, (case, batch) in CASES.items():
            options.progress(case)
            for worker in workers.values():
                worker.ask(call, batch)  # warms up

            def sampler(name: str, call: str = call, batch: int = batch) -> Sampler:
                return Sampler(name, lambda: int(workers[name].ask(call, batch)) // batch, 3 if quick else 41)

            samples = interleave(sampler(name) for name in workers)
            figures += compare(case, samples, RAW, {AGENTDB: LIMIT})
    return figures
