"""Stores beside the same statements by hand, as multiples of raw sqlite3: `python -m benchmarks.stores`.

The floor executes the stores' own SQL on one open connection with the same pragmas, binds the same values and fetches
all rows; JSON and times stay text there, while a store checks, parses and gives dataclasses. Each contender has its own
process and, for what writes, its own file. The pages at depth are of one session, and are held against the first page
of the same contender. A timing never fails the run: the limits stand beside the ratios, met or missed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from agentdb import AgentDB, AsyncAgentDB
from agentdb.queries import agents, session_logs, sessions
from benchmarks import options
from benchmarks.machine import machine_line
from benchmarks.peers import floor
from benchmarks.rounds import Sampler, Worker, interleave
from benchmarks.table import Figure, Limit, compare, markdown, median_ratio
from benchmarks.worker import elapsed

T = TypeVar("T")

SESSIONS, LOGS, DEEP, DEEP_QUICK = 1_000, 5_000, 1_000_000, 20_000
PAGE, CARDS = 50, 1_000
#: A message of about 500 bytes, with a little metadata.
CONTENT = {"type": "text", "text": ("The quick brown fox jumps over the lazy dog. " * 11)[:470]}
METADATA = {"tokens": 123}
NOW = "2025-01-01T00:00:00.000Z"
LOG = {
    "session_id": "s0",
    "parent_id": None,
    "role": "agent",
    "type": "message",
    "content": json.dumps(CONTENT, separators=(",", ":")),
    "metadata": json.dumps(METADATA, separators=(",", ":")),
    "created_at": NOW,
    "updated_at": NOW,
}
#: Where a list begins, as agentdb.stores.pages has it.
OLDEST, NEWEST = ("", ""), ("\U0010ffff", "")


def moments() -> Iterator[str]:
    """Times in order, three of each: as when several things are logged in one millisecond."""
    start, step = datetime(2025, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
    while True:
        yield from repeat(start.isoformat(timespec="milliseconds")[:23] + "Z", 3)
        start += step


def make_file(folder: str, logs: int) -> str:
    """A migrated file with one agent, 1,000 sessions of it, and all logs in the first of them."""
    database = str(Path(folder) / "stores.db")
    AgentDB.open(database).close()
    agent = {**dict.fromkeys(_parameters(agents.INSERT)), "id": "a", "name": "Researcher", "model": "large"}
    session = {
        **dict.fromkeys(_parameters(sessions.INSERT)),
        "main_agent_id": "a",
        "user_goal": "Find out about tides.",
    }
    with closing(floor.connect(database)) as connection:
        connection.execute("BEGIN")
        connection.execute(agents.INSERT, agent)
        for number, moment in zip(range(SESSIONS), moments(), strict=False):
            own = {"id": f"s{number}", "name": f"Session {number}", "created_at": moment, "updated_at": moment}
            connection.execute(sessions.INSERT, session | own)
        rows = ({**LOG, "created_at": at, "updated_at": at} for _, at in zip(range(logs), moments(), strict=False))
        connection.executemany(session_logs.INSERT, rows)
        connection.execute("COMMIT")
    return database


def _parameters(insert: str) -> list[str]:
    columns = insert.partition("(")[2].partition(")")[0]
    return [column.strip() for column in columns.split(",")]


def key(number: int) -> int:
    """The id of the log to read next: every one of them once in LOGS, out of order."""
    return number * 389 % LOGS + 1


# -- contenders: each does an operation `count` times and answers with nanoseconds for all of them


class Raw:
    def __init__(self, small: str, deep: str) -> None:
        self._connection = floor.connect(make_file(small, LOGS))
        self._deep = floor.connect(deep)

    def append(self, count: int) -> int:
        return self._all(session_logs.INSERT, [LOG] * count)

    def get(self, count: int) -> int:
        return self._all(session_logs.GET_BY_ID, [{"id": key(number)} for number in range(count)])

    def page(self, count: int) -> int:
        return self._all(session_logs.PAGE, [_paged(OLDEST, PAGE, session_id="s0")] * count)

    def cards(self, count: int) -> int:
        return self._all(sessions.PAGE, [_paged(NEWEST, CARDS)] * count)

    def find_depths(self, depths: Sequence[float]) -> None:
        """Look up where the pages at these depths (0 to 1) begin."""
        rows = self._deep.execute("SELECT created_at, id FROM session_logs ORDER BY created_at, id").fetchall()
        self._cursors = [rows[place - 1] if place else OLDEST for place in _places(len(rows), depths)]

    def page_at_depth(self, count: int, number: int) -> int:
        return self._all(session_logs.PAGE, [_paged(self._cursors[number], PAGE, session_id="s0")] * count, self._deep)

    def close(self) -> None:
        self._connection.close()
        self._deep.close()

    def _all(self, sql: str, values: Sequence[Any], connection: Any = None) -> int:
        execute = (connection or self._connection).execute

        def work() -> None:
            for each in values:
                execute(sql, each).fetchall()

        return elapsed(work)


def _paged(cursor: tuple[str, Any], limit: int, **filters: Any) -> dict[str, Any]:
    return {**filters, "include_deleted": 0, "cursor_time": cursor[0], "cursor_id": cursor[1], "limit": limit + 1}


def _places(total: int, depths: Sequence[float]) -> list[int]:
    """How many logs stand before the page at each depth."""
    return [min(int(total * depth), total - PAGE) for depth in depths]


class _Stores:
    """What both worlds ask: one call of a store, so many times."""

    #: The databases, and how a store's answer is got out of one of them so many times.
    _db: Any
    _deep: Any
    _cursors: list[str | None]

    def append(self, count: int) -> int:
        append = self._db.session_logs.append
        return self._all(
            lambda _: append("s0", role="agent", type="message", content=CONTENT, metadata=METADATA), count
        )

    def get(self, count: int) -> int:
        get = self._db.session_logs.get
        return self._all(lambda number: get(key(number)), count)

    def page(self, count: int) -> int:
        page = self._db.session_logs.page
        return self._all(lambda _: page("s0", limit=PAGE), count)

    def cards(self, count: int) -> int:
        cards = self._db.sessions.list
        return self._all(lambda _: cards(limit=CARDS), count)

    def page_at_depth(self, count: int, number: int) -> int:
        page, cursor = self._deep.session_logs.page, self._cursors[number]
        return self._all(lambda _: page("s0", limit=PAGE, cursor=cursor), count)

    def _all(self, call: Callable[[int], Any], count: int) -> int:
        raise NotImplementedError


class AgentdbSync(_Stores):
    def __init__(self, small: str, deep: str) -> None:
        self._db = AgentDB.open(make_file(small, LOGS))
        self._deep = AgentDB.open(deep)

    def find_depths(self, depths: Sequence[float]) -> None:
        logs = self._deep.session_logs
        self._cursors = [_cursor(logs, place) for place in _places(logs.count("s0"), depths)]

    def close(self) -> None:
        self._db.close()
        self._deep.close()

    def _all(self, call: Callable[[int], Any], count: int) -> int:
        def work() -> None:
            for number in range(count):
                call(number)

        return elapsed(work)


def _cursor(logs: Any, place: int) -> str | None:
    """The cursor of the page behind the first `place` logs, found as a caller finds it: page by page."""
    cursor, passed = None, 0
    while passed < place:
        limit = min(place - passed, 10_000)
        cursor = logs.page("s0", limit=limit, cursor=cursor).next_cursor
        passed += limit
    return cursor


class AgentdbAsync(_Stores):
    def __init__(self, small: str, deep: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._db = self._run(_awaited(AsyncAgentDB.open(make_file(small, LOGS))))
        self._deep = self._run(_awaited(AsyncAgentDB.open(deep)))

    def find_depths(self, depths: Sequence[float]) -> None:
        with AgentDB.open(self._deep.client.path) as db:  # a cursor is the same in both worlds
            self._cursors = [_cursor(db.session_logs, place) for place in _places(db.session_logs.count("s0"), depths)]

    def close(self) -> None:
        self._run(self._db.close())
        self._run(self._deep.close())
        self._loop.close()

    def _all(self, call: Callable[[int], Any], count: int) -> int:
        async def work() -> None:
            for number in range(count):
                await call(number)

        return elapsed(lambda: self._run(work()))

    def _run(self, work: Awaitable[T]) -> T:
        return self._loop.run_until_complete(work)


async def _awaited(work: Awaitable[T]) -> T:
    return await work


# -- the table

RAW, SYNC, ASYNC = "raw sqlite3", "agentdb", "agentdb async"
CONTENDERS: dict[str, str] = {RAW: Raw.__name__, SYNC: AgentdbSync.__name__, ASYNC: AgentdbAsync.__name__}
OPERATIONS = {
    "append": ("append a log", 200, Limit(2.5)),
    "get": ("get a log", 500, Limit(3.0)),
    "page": ("page of 50", 50, Limit(2.5)),
    "cards": ("1,000 cards", 4, Limit(3.0)),
}
#: How far behind the first log a page begins, as a share of all.
DEPTHS = {0.0: "its first page", 0.1: "at 10 %", 0.5: "at 50 %", 1.0: "at the end"}
AT_DEPTH = Limit(1.3)
LEGEND = """\
Per operation: the median of the means of batches, and the median of each round's ratio to raw sqlite3 (one open
connection, WAL, synchronous=NORMAL, the same SQL and bound values, rows fetched as tuples with JSON as text). A page at
a depth of one session's logs is a multiple of the same contender's first page. The async rows are for information."""


def measure(names: Sequence[str], quick: bool) -> list[Figure]:
    logs = DEEP_QUICK if quick else DEEP
    with TemporaryDirectory(prefix="agentdb-benchmark-") as folder, ExitStack() as stack:
        options.progress(f"writing {logs:,} logs")
        deep = make_file(folder, logs)
        workers = {}
        for number, name in enumerate(names):
            own = Path(folder) / str(number)
            own.mkdir()
            workers[name] = stack.enter_context(Worker(f"benchmarks.stores:{CONTENDERS[name]}", str(own), deep))
        figures = []
        for operation, (words, batch, limit) in OPERATIONS.items():
            options.progress(words)
            for worker in workers.values():
                worker.ask(operation, batch)  # warms up
            samplers = [_sampler(name, worker, operation, batch, quick) for name, worker in workers.items()]
            figures += compare(words, interleave(samplers), RAW, {SYNC: limit})
        for name, worker in workers.items():
            options.progress(f"{name}: pages of {logs:,} logs")
            figures += _depths(name, worker, logs, quick)
    return figures


def _sampler(name: str, worker: Worker, operation: str, batch: int, quick: bool) -> Sampler:
    return Sampler(name, lambda: int(worker.ask(operation, batch)) // batch, 3 if quick else 41)


def _depths(name: str, worker: Worker, logs: int, quick: bool) -> list[Figure]:
    """A page at each depth, as a multiple of the first; interleaved, so that drift between rounds cancels out."""
    batch, rounds = (20, 3) if quick else (100, 21)
    worker.ask("find_depths", list(DEPTHS))
    for number in range(len(DEPTHS)):
        worker.ask("page_at_depth", batch, number)  # warms up

    def sampler(number: int, words: str) -> Sampler:
        return Sampler(words, lambda: int(worker.ask("page_at_depth", batch, number)) // batch, rounds)

    samples = interleave(sampler(number, words) for number, words in enumerate(DEPTHS.values()))
    first = DEPTHS[0.0]
    return [
        Figure(
            f"page of {logs:,}, {words}",
            name,
            nanoseconds=median(taken.values()),
            ratio=None if words == first else median_ratio(taken, samples[first]),
            against=None if words == first else first,
            limit=AT_DEPTH if name == SYNC else None,
            rounds=len(taken),
        )
        for words, taken in samples.items()
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = options.parser("stores", "Stores, as multiples of the same statements on raw sqlite3.", CONTENDERS)
    chosen = parser.parse_args(arguments)
    names = [name for name in CONTENDERS if name == RAW or not chosen.only or name in chosen.only]
    figures = measure(names, chosen.quick)
    options.show(figures, machine_line([]), markdown(figures, "case", RAW), LEGEND, chosen.json)


if __name__ == "__main__":
    main(sys.argv[1:])
