"""What an audited write costs beside the same write without the audit trail: `python -m benchmarks.audit`.

Both are done on files of their own, in turns of one process. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from agentdb import AgentDB
from benchmarks import options
from benchmarks.machine import machine_line
from benchmarks.rounds import Sampler, interleave
from benchmarks.table import Figure, compare, markdown
from benchmarks.worker import elapsed

OFF, AUDITED = "off", "audited"
LEGEND = "Per write: the median of the means of batches, and the median of each round's ratio."

#: The tables that an append to a conversation writes to.
TABLES = ["messages", "sessions", "session_logs"]
TEXT = ("The quick brown fox jumps over the lazy dog. " * 11)[:470]
INSERT = "INSERT INTO session_logs (session_id, role, type, content) VALUES ('s', 'agent', 'message', ?)"


def append(db: AgentDB) -> None:
    db.messages.append("s", role="user", content=TEXT, token_count=123)


def insert(db: AgentDB) -> None:
    db.client.execute(INSERT, (json.dumps(TEXT),))


def update(db: AgentDB) -> None:
    db.client.execute("UPDATE sessions SET max_steps = coalesce(max_steps, 0) + 1 WHERE id = 's'")


def append_as_somebody(db: AgentDB) -> None:
    with db.transaction(actor="user:7") as tx:
        tx.messages.append("s", role="user", content=TEXT, token_count=123)


def append_as_nobody(db: AgentDB) -> None:
    with db.transaction() as tx:
        tx.messages.append("s", role="user", content=TEXT, token_count=123)


#: The write without the audit trail, and with it.
WRITES: dict[str, tuple[Callable[[AgentDB], None], Callable[[AgentDB], None]]] = {
    "messages.append": (append, append),
    "append in a transaction(actor=…)": (append_as_nobody, append_as_somebody),
    "INSERT of a log, raw SQL": (insert, insert),
    "UPDATE of one column, raw SQL": (update, update),
}


def opened(path: Path, *, is_audited: bool) -> AgentDB:
    db = AgentDB.open(path)
    db.agents.create(id="a", name="Researcher", model="large")
    db.sessions.create(id="s", main_agent_id="a")
    if is_audited:
        db.audit.enable(TABLES)
    return db


def timed(write: Callable[[AgentDB], None], db: AgentDB, count: int) -> int:
    def work() -> None:
        for _ in range(count):
            write(db)

    return elapsed(work) // count


def taken(rounds: int, count: int) -> dict[str, dict[str, dict[int, int]]]:
    """For each kind of write the nanoseconds of one, without the audit trail and with it, by the number of the round."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        plain = stack.enter_context(opened(Path(folder) / "plain.db", is_audited=False))
        audited = stack.enter_context(opened(Path(folder) / "audited.db", is_audited=True))

        def sampler(name: str, write: Callable[[AgentDB], None], db: AgentDB) -> Sampler:
            return Sampler(name, lambda: timed(write, db, count), rounds)

        return {
            name: interleave((sampler(OFF, without, plain), sampler(AUDITED, with_it, audited)))
            for name, (without, with_it) in WRITES.items()
        }


def measure(quick: bool) -> list[Figure]:
    samples = taken(*((3, 20) if quick else (15, 200)))
    return [figure for name in WRITES for figure in compare(name, samples[name], OFF)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it runs, not to quote")
    parser.add_argument("--json", action="store_true", help="print every figure as JSON, not a table")
    chosen = parser.parse_args()
    figures = measure(chosen.quick)
    options.show(figures, machine_line(()), markdown(figures, "write", OFF), LEGEND, chosen.json)


if __name__ == "__main__":
    main()
