"""Recalling memories beside the bare queries: what `python -m benchmarks.agent_state` says of memories.

All memories are in one file, each with a text of about 120 characters and a vector of 384 dimensions. The bare queries
give the ids of the ten best rows alone: of the index of texts by rank, and of the vectors by distance. They have no
filters, read no memory and compute no score. Each contender has its own process and reads the same file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from struct import pack
from tempfile import TemporaryDirectory
from typing import Any

from agentdb import AgentDB
from agentdb.clients.local import vector_functions
from agentdb.queries import memories, memory_embeddings
from agentdb.stores import RecalledMemory
from agentdb.stores.memories import vectors
from agentdb.stores.memories.text import expression_of, text_of_content
from benchmarks import options
from benchmarks.peers import floor
from benchmarks.rounds import Sampler, Worker, interleave
from benchmarks.table import Figure, Limit, compare
from benchmarks.worker import elapsed

TOTAL, QUICK = 100_000, 5_000
DIMENSIONS, WORDS, TEN = 384, 2_000, 10
MODEL = "benchmark"
_SYLLABLES = ("ba", "ko", "mi", "ru", "ten", "sal", "vor", "gim", "lek", "dun", "pra", "shi", "owe")

BARE_TEXT = "SELECT rowid, rank FROM memories_fts WHERE memories_fts MATCH ? ORDER BY rank LIMIT 10"
BARE_VECTOR = """\
SELECT memory_id, vec_distance_cosine(vector, ?) AS distance FROM memory_embeddings
WHERE model = 'benchmark' ORDER BY distance LIMIT 10"""


def word(number: int) -> str:
    """One of 2,000 words."""
    number %= WORDS
    first, rest = number % 13, number // 13
    return f"{_SYLLABLES[first]}{_SYLLABLES[rest % 13]}{_SYLLABLES[rest // 13]}"


def text(number: int) -> str:
    """About 120 characters, no two the same."""
    random = Random(number)
    return " ".join(word(random.randrange(WORDS)) for _ in range(16)) + f" {number}"


def query(number: int) -> str:
    """Three words, each of which about one memory in a hundred holds."""
    return " ".join(word(number * 37 + at * 411) for at in range(3))


class _Vectors:
    """Vectors that are no two the same, cut out of one long list of numbers."""

    def __init__(self, count: int) -> None:
        random = Random(5)
        numbers = [random.gauss(0, 1) for _ in range(count + DIMENSIONS)]
        self._bytes = pack(f"<{len(numbers)}f", *numbers)

    def __getitem__(self, number: int) -> bytes:
        return self._bytes[4 * number : 4 * (number + DIMENSIONS)]


def asked_vector(number: int) -> bytes:
    random = Random(1_000_000 + number)
    return pack(f"<{DIMENSIONS}f", *[random.gauss(0, 1) for _ in range(DIMENSIONS)])


def make_file(database: str, count: int) -> str:
    AgentDB.open(database).close()
    plain = {
        **dict.fromkeys(("agent_id", "session_id", "memory_type", "source_type", "expires_at", "supersedes_id")),
        **dict.fromkeys(("created_at", "updated_at", "search_words")),
        "type": "fact",
        "confidence": 1.0,
        "verification_status": "unverified",
    }
    stored = _Vectors(count)
    with closing(floor.connect(database)) as connection:
        connection.execute("BEGIN")
        rows = (
            {
                **plain,
                "id": str(number),
                "user_id": f"user-{number % 100}",
                "importance": number % 11 / 10,
                "text": text_of_content(text(number)),
                "content_json": f'"{text(number)}"',
            }
            for number in range(count)
        )
        connection.executemany(memories.INSERT, rows)
        of_vectors = (
            {"memory_id": str(number), "model": MODEL, "dimensions": DIMENSIONS, "created_at": None, "vector": stored[number]}
            for number in range(count)
        )  # fmt: skip
        connection.executemany(memory_embeddings.SET, of_vectors)
        connection.execute("COMMIT")
        connection.execute("INSERT INTO memories_fts (memories_fts) VALUES ('optimize')")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return database


# -- contenders: each answers `count` questions, and says in how many nanoseconds


class Bare:
    """The bare queries on raw sqlite3."""

    def __init__(self, database: str) -> None:
        self._connection = floor.connect(database)
        self._has_vectors = vector_functions.load(self._connection)

    def has_vectors(self) -> bool:
        """Whether sqlite-vec could be loaded."""
        return self._has_vectors

    def by_text(self, start: int, count: int) -> int:
        asked = [expression_of(query(number))[0] for number in range(start, start + count)]
        return self._all(BARE_TEXT, asked)

    def by_vector(self, start: int, count: int) -> int:
        return self._all(BARE_VECTOR, [asked_vector(number) for number in range(start, start + count)])

    def _all(self, sql: str, asked: Sequence[Any]) -> int:
        def work() -> None:
            for each in asked:
                assert len(self._connection.execute(sql, (each,)).fetchall()) == TEN

        return elapsed(work)

    def close(self) -> None:
        self._connection.close()


class Agentdb:
    """memories.recall()."""

    def __init__(self, database: str) -> None:
        self._db = AgentDB.open(database)

    def by_text(self, start: int, count: int) -> int:
        return self._all([{"query": query(number)} for number in range(start, start + count)])

    def by_vector(self, start: int, count: int) -> int:
        return self._all([{"embedding": asked_vector(number)} for number in range(start, start + count)])

    def by_both(self, start: int, count: int) -> int:
        asked = [{"query": query(number), "embedding": asked_vector(number)} for number in range(start, start + count)]
        return self._all(asked)

    def of_a_user(self, start: int, count: int) -> int:
        numbers = range(start, start + count)
        return self._all([{"embedding": asked_vector(n), "user_id": f"user-{n % 100}"} for n in numbers])

    def _all(self, asked: Sequence[dict[str, Any]]) -> int:
        recall = self._db.memories.recall

        def work() -> None:
            for each in asked:
                found: list[RecalledMemory] = recall(**each)
                assert len(found) == TEN

        return elapsed(work)

    def close(self) -> None:
        self._db.close()


class Scan(Agentdb):
    """The same without sqlite-vec: vectors are compared in Python, with numpy where it is installed."""

    def __init__(self, database: str) -> None:
        vector_functions._can_be_loaded = False
        super().__init__(database)


class PlainScan(Scan):
    """The same without numpy."""

    def __init__(self, database: str) -> None:
        vectors._numpy = lambda: None  # type: ignore[assignment]
        super().__init__(database)


BARE, AGENTDB, SCAN, PLAIN = "bare query", "agentdb", "scan with numpy", "scan in Python"
CONTENDERS = {BARE: Bare, AGENTDB: Agentdb, SCAN: Scan, PLAIN: PlainScan}
LIMIT = Limit(1.3)


def measure(quick: bool) -> list[Figure]:
    total = QUICK if quick else TOTAL
    with TemporaryDirectory(prefix="agentdb-benchmark-") as folder, ExitStack() as stack:
        options.progress(f"writing {total:,} memories")
        database = make_file(str(Path(folder) / "memories.db"), total)
        workers = {
            name: stack.enter_context(Worker(f"benchmarks.memories:{kind.__name__}", database))
            for name, kind in CONTENDERS.items()
        }
        has_vectors = bool(workers[BARE].ask("has_vectors"))
        rounds = 3 if quick else 15
        options.progress("recall by text")
        by_text = _samples(workers, "by_text", (BARE, AGENTDB), rounds, 10)
        figures = compare(f"recall among {total:,} by text", by_text, BARE, {AGENTDB: LIMIT})
        options.progress("recall by vector")
        case = f"recall among {total:,} by vector"
        names = (BARE, AGENTDB, SCAN) if has_vectors else (SCAN,)
        by_vector = _samples(workers, "by_vector", names, rounds, 2)
        by_vector |= _samples(workers, "by_vector", (PLAIN,), min(rounds, 3), 1)
        if has_vectors:
            figures += compare(case, by_vector, BARE, {AGENTDB: LIMIT})
            options.progress("recall by both, and of one user")
            for what, words in (("by_both", "by text and vector"), ("of_a_user", "by vector, of one user in 100")):
                figures += compare(
                    f"recall among {total:,} {words}", _samples(workers, what, (AGENTDB,), 3, 2), AGENTDB
                )
        else:
            note = "this Python loads no sqlite-vec"
            figures += [Figure(case, name, note=note) for name in (BARE, AGENTDB)]
            figures += compare(case, by_vector, SCAN)
        return figures


def _samples(
    workers: dict[str, Worker], what: str, names: Sequence[str], rounds: int, batch: int
) -> dict[str, dict[int, int]]:
    places = dict.fromkeys(names, 0)

    def sampler(name: str) -> Sampler:
        def take() -> int:
            # The same questions to everybody, and each of them once.
            places[name] += batch
            return int(workers[name].ask(what, places[name], batch)) // batch

        return Sampler(name, take, rounds)

    for name in names:
        workers[name].ask(what, 0, 1)  # warms up
    return interleave(sampler(name) for name in names)
