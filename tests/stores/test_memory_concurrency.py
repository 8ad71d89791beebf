"""Many processes that record accesses, correct and forget at once: nothing is lost, nobody gets an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import agentdb
from agentdb import AgentDB

ROOT = Path(agentdb.__file__).parent.parent
ROUNDS = 20

PROCESS = """
import sys
from agentdb import AgentDB
from agentdb.errors import IntegrityError
from agentdb.stores import NewMemoryAccess

path, me, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
superseded = applied = 0
with AgentDB.open(path) as db:
    for number in range(rounds):
        db.memories.record_access("shared", accessed_by=me, usefulness=0.5)
        own = db.memories.create(content=f"{me} likes tea", user_id=me)
        db.memories.set_embedding(own.id, [1.0, number], "model")
        with db.transaction() as tx:
            tx.memories.record_access("shared", accessed_by=me)
            tx.memories.record_access(own.id)
        assert [hit.memory.id for hit in db.memories.recall("shared", record_access=NewMemoryAccess(accessed_by=me))] == ["shared"]
        try:
            db.memories.supersede(f"old-{number}", content="new")
            superseded += 1
        except IntegrityError as error:
            assert error.code == "already_superseded"
        try:
            db.memory_annotations.apply(f"note-{number}")
            applied += 1
        except IntegrityError as error:
            assert error.code == "already_applied"
    assert db.memories.forget_user(me) == rounds
print(superseded, applied, flush=True)
"""


def run(path: str, count: int) -> None:
    with AgentDB.open(path) as db:
        db.memories.create(content="shared", id="shared")
        for number in range(ROUNDS):
            db.memories.create(content=["old"], id=f"old-{number}")
            db.memory_annotations.create(f"old-{number}", kind="enhancement", content=["more"], id=f"note-{number}")
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROCESS, path, f"p{number}", str(ROUNDS)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    superseded = applied = 0
    for process in processes:
        printed, complaints = process.communicate(timeout=120)
        assert (process.returncode, complaints) == (0, "")
        one, other = map(int, printed.split())
        superseded, applied = superseded + one, applied + other
    with AgentDB.open(path) as db:
        memory = db.memories.require("shared")
        accesses = db.memory_accesses.page("shared", limit=10_000).items
        assert memory.access_count == len(accesses) == 3 * count * ROUNDS
        assert memory.last_accessed_at == accesses[0].accessed_at
        assert (superseded, applied) == (ROUNDS, ROUNDS)
        assert all(db.memories.require(f"old-{number}").content == ["old", "more"] for number in range(ROUNDS))
        assert db.memories.count() == 1 + 2 * ROUNDS
        assert db.memory_embeddings.models() == []
        assert db.memories.recall("likes") == []
        db.client.execute("INSERT INTO memories_fts (memories_fts, rank) VALUES ('integrity-check', 1)")
        assert db.client.execute("PRAGMA integrity_check").tuples == [("ok",)]


def test_three_processes_lose_no_access(path: str) -> None:
    run(path, 3)


@pytest.mark.soak
def test_eight_processes_lose_no_access(path: str) -> None:
    run(path, 8)
