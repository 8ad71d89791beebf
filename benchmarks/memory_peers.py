"""Storing and recalling memories beside other packages: what `python -m benchmarks.agent_state` says of peers.

Everybody stores the same texts with the same vectors of 384 dimensions for one user, and recalls the ten nearest. Vectors are
made before the clock runs. A peer that is not installed, or that needs a network or a model, is left out with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from agentdb import AgentDB
from benchmarks import options
from benchmarks.rounds import Sampler, Worker, interleave
from benchmarks.table import Figure, compare
from benchmarks.worker import elapsed

TOTAL, QUICK = 2_000, 100
DIMENSIONS, TEN, BATCH = 384, 10, 10
USER = "user-7"
AGENTDB = "agentdb"
PACKAGES = ("langgraph-checkpoint-sqlite", "mem0ai")
PEERS = {
    AGENTDB: "benchmarks.memory_peers:Agentdb",
    "langgraph store": "benchmarks.peers.langgraph_store:Peer",
    "mem0": "benchmarks.peers.mem0:Peer",
}


def text(number: int) -> str:
    """What is remembered; no two the same."""
    random = Random(number)
    words = " ".join(f"word{random.randrange(2_000)}" for _ in range(12))
    return f"{number}: the user prefers {words}"


class Embeddings:
    """Vectors of texts, made before they are asked for: nobody's figure has the time that a model takes."""

    def __init__(self) -> None:
        self._made: dict[str, list[float]] = {}

    def make(self, texts: list[str]) -> list[str]:
        for each in texts:
            random = Random(each)
            self._made[each] = [random.gauss(0, 1) for _ in range(DIMENSIONS)]
        return texts

    def of(self, text: str) -> list[float]:
        return self._made[text]

    def of_all(self, texts: list[str]) -> list[list[float]]:
        return [self._made[each] for each in texts]


class Contender:
    """What every contender does with its own two calls: store_one(text) and recall_ten(text)."""

    def __init__(self, total: str) -> None:
        self.embeddings = Embeddings()
        self._numbers = count()
        self._store(int(total))

    def store(self, count: int) -> int:
        """Nanoseconds that it takes to store so many memories."""
        return self._store(count)

    def recall(self, start: int, count: int) -> int:
        """Nanoseconds that so many questions take, with ten memories each."""
        asked = self.embeddings.make([f"what does the user prefer? {number}" for number in range(start, start + count)])

        def work() -> None:
            for each in asked:
                assert self.recall_ten(each) == TEN

        return elapsed(work)

    def store_one(self, text: str) -> None:
        raise NotImplementedError

    def recall_ten(self, text: str) -> int:
        """How many memories were found."""
        raise NotImplementedError

    def _store(self, count: int) -> int:
        added = self.embeddings.make([text(next(self._numbers)) for _ in range(count)])

        def work() -> None:
            for each in added:
                self.store_one(each)

        return elapsed(work)


class Agentdb(Contender):
    """memories.create() and set_embedding() in one transaction, and recall()."""

    def __init__(self, folder: str, total: str) -> None:
        self._db = AgentDB.open(Path(folder) / "agentdb.db")
        super().__init__(total)

    def store_one(self, text: str) -> None:
        with self._db.transaction() as tx:
            memory = tx.memories.create(content=text, user_id=USER, type="preference")
            tx.memories.set_embedding(memory.id, self.embeddings.of(text), "benchmark")

    def recall_ten(self, text: str) -> int:
        return len(self._db.memories.recall(embedding=self.embeddings.of(text), user_id=USER, limit=TEN))

    def close(self) -> None:
        self._db.close()


def measure(quick: bool) -> list[Figure]:
    total, rounds = (QUICK, 3) if quick else (TOTAL, 15)
    figures: list[Figure] = []
    stored, recalled = f"store a memory beside {total:,}", f"recall ten of {total:,} by vector"
    with TemporaryDirectory(prefix="agentdb-benchmark-") as folder, ExitStack() as stack:
        workers = {}
        for name, target in PEERS.items():
            options.progress(f"{name} stores {total:,} memories")
            (own := Path(folder) / name).mkdir()
            try:
                worker = stack.enter_context(Worker(target, str(own), str(total)))
            except RuntimeError as error:
                reason = str(error).strip().splitlines()[-1].partition(": ")[2][:80]
                figures += [Figure(case, name, note=f"left out: {reason}") for case in (stored, recalled)]
                continue
            if worker.missing is not None:
                note = f"left out: {worker.missing} is not installed"
                figures += [Figure(case, name, note=note) for case in (stored, recalled)]
            else:
                workers[name] = worker
        options.progress("recall and store beside peers")
        places = {name: _places() for name in workers}

        def recall(name: str) -> Sampler:
            return Sampler(name, lambda: int(workers[name].ask("recall", next(places[name]), 2)) // 2, rounds)

        def store(name: str) -> Sampler:
            return Sampler(name, lambda: int(workers[name].ask("store", BATCH)) // BATCH, rounds)

        taken = {
            case: interleave(take(name) for name in workers) for case, take in ((recalled, recall), (stored, store))
        }
        measured = [figure for case in (stored, recalled) for figure in compare(case, taken[case], AGENTDB)]
    return measured + figures


def _places() -> Iterator[int]:
    return count(0, 2)
