"""What an audited write costs beside the same write without the audit trail: `python -m benchmarks.audit`.

Both are done on files of their own, in turns of one process. A figure is the median of the rounds; a ratio is that of the
medians. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter_ns

from agentdb import AgentDB
from benchmarks.machine import machine_line

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


def timed(write: Callable[[AgentDB], None], db: AgentDB, count: int) -> float:
    began = perf_counter_ns()
    for _ in range(count):
        write(db)
    return (perf_counter_ns() - began) / count / 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it runs, not to quote")
    parser.add_argument("--json", action="store_true", help="print every figure as JSON, not a table")
    options = parser.parse_args()
    rounds, count = (3, 20) if options.quick else (15, 200)
    figures = []
    with TemporaryDirectory() as folder, ExitStack() as stack:
        plain = stack.enter_context(opened(Path(folder) / "plain.db", is_audited=False))
        audited = stack.enter_context(opened(Path(folder) / "audited.db", is_audited=True))
        for name, (without, with_it) in WRITES.items():
            pairs = [(timed(without, plain, count), timed(with_it, audited, count)) for _ in range(rounds)]
            off, on = (median(times) for times in zip(*pairs, strict=True))
            figures.append({"write": name, "off_us": off, "on_us": on, "ratio": on / off})
    if options.json:
        print(json.dumps({"machine": machine_line(()), "figures": figures}, indent=2))
        return
    print("| write | off | audited | ratio |\n|---|---|---|---|")
    for figure in figures:
        print("| {write} | {off_us:.1f} us | {on_us:.1f} us | {ratio:.2f}x |".format(**figure))
    print(f"\n{machine_line(())}")


if __name__ == "__main__":
    main()
