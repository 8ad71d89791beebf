"""Conversations beside raw sqlite3 and other people's session stores: `python -m benchmarks.conversations`.

The floor executes the store's own SQL on one open connection with the same pragmas, schema and triggers, fetches all
rows and decodes their JSON, as every contender does; times stay text there. What only reads is done on two files, of
1,000 and of 1,000,000 messages in one session, which have no search index: nothing that reads a conversation uses it,
and building one takes longer than all the rest. A contender whose package is not installed is left out; peers fill
their own stores by their own means, up to 10,000 messages. A timing never fails the run: the limits stand beside the
ratios, met or missed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from agentdb import AgentDB, AsyncAgentDB, Migrator, create_client_sync
from agentdb.migrations import latest_migration_id, migrations_up_to
from agentdb.queries import agents, messages, sessions
from agentdb.stores.messages.values import NewMessage
from benchmarks import options
from benchmarks.machine import machine_line
from benchmarks.peers import floor
from benchmarks.rounds import Sampler, Worker, interleave
from benchmarks.table import Figure, Limit, compare, markdown, median_ratio
from benchmarks.worker import elapsed

FULL, SHALLOW, DEEP, DEEP_QUICK = 10_000, 1_000, 1_000_000, 20_000
FULL_QUICK = 1_000
PAGE, TEN = 50, 10
#: The last migration without the search index.
UNSEARCHED = "003"
NOW = "2025-01-01T00:00:00.000Z"
USAGE, METADATA = {"input": 100, "output": 23, "cache_creation": 0, "cache_read": 0}, {"turn": 7}
_WORDS = ("tide", "moon", "water", "harbour", "ebb", "flood", "spring", "neap", "current", "chart", "pilot", "buoy")


def content(number: int) -> str:
    """About 500 bytes, no two the same."""
    return " ".join([f"{_WORDS[(number * 7 + at * at) % len(_WORDS)]}{number + at}" for at in range(48)])


def row(number: int, session_id: str) -> dict[str, Any]:
    """The message with this number, as the statements bind it."""
    return {
        **dict.fromkeys(("name", "tool_call_id", "tool_calls_json", "payload_json", "external_id")),
        **dict.fromkeys(("links_json", "estimated_tokens", "search_words")),
        "status": "complete",
        "session_id": session_id,
        "role": ("user", "assistant")[number % 2],
        "content": content(number),
        "token_count": 123,
        "usage_json": json.dumps(USAGE),
        "metadata_json": json.dumps(METADATA),
        "is_preserved": 0,
        "is_summary": 0,
        "created_at": NOW,
    }


def make_file(database: str, count: int, *, up_to: str | None = None) -> str:
    """A file with two sessions: 's' holds so many messages, 'new' none."""
    with create_client_sync(database) as client:
        Migrator(client, migrations_up_to(up_to or latest_migration_id())).migrate()
    agent = {**_nothing(agents.INSERT), "id": "a", "name": "Researcher", "model": "large"}
    with closing(floor.connect(database)) as connection:
        connection.execute("BEGIN")
        connection.execute(agents.INSERT, agent)
        for id in ("s", "new"):
            connection.execute(sessions.INSERT, {**_nothing(sessions.INSERT), "id": id, "main_agent_id": "a"})
        rows = ({**row(number, "s"), "id": None, "seq": number} for number in range(1, count + 1))
        connection.executemany(messages.INSERT, rows)
        connection.execute("COMMIT")
    return database


def _nothing(insert: str) -> dict[str, None]:
    return dict.fromkeys(column.strip() for column in insert.partition("(")[2].partition(")")[0].split(","))


def numbers() -> Iterator[int]:
    """One for each message that is appended."""
    number = FULL
    while True:
        number += 1
        yield number


# -- contenders: each does an operation `count` times and answers with nanoseconds for all of them


class Raw:
    def __init__(self, folder: str, full: int, shallow: str, deep: str) -> None:
        database = make_file(str(Path(folder) / "own.db"), int(full))
        self._connection = floor.connect(database)
        self._runner, self._thread = asyncio.Runner(), ThreadPoolExecutor(1)
        self._far = self._thread.submit(floor.connect, database).result()
        self._files = {"shallow": floor.connect(shallow), "deep": floor.connect(deep)}
        self._numbers = numbers()

    def append(self, count: int) -> int:
        rows = [row(next(self._numbers), "new") for _ in range(count)]
        execute = self._connection.execute

        def work() -> None:
            for each in rows:
                execute(messages.APPEND, each).fetchall()

        return elapsed(work)

    def append_ten(self, count: int) -> int:
        batches = [[row(next(self._numbers), "new") for _ in range(TEN)] for _ in range(count)]

        def together(rows: list[dict[str, Any]]) -> None:
            execute = self._far.execute
            execute("BEGIN IMMEDIATE")
            self._far.executemany(messages.APPEND.rpartition("\n")[0], rows)  # without RETURNING
            execute("COMMIT")

        async def work() -> None:
            for rows in batches:
                await asyncio.get_running_loop().run_in_executor(self._thread, together, rows)

        return elapsed(lambda: self._runner.run(work()))

    def load(self, count: int) -> int:
        return self._read(self._connection, messages.GET_BY_SESSION_ID, count)

    def latest(self, count: int, file: str) -> int:
        return self._read(self._files[file], messages.GET_LATEST_BY_SESSION_ID, count, limit=PAGE)

    def page(self, count: int, depth: float) -> int:
        connection = self._files["deep"]
        total = connection.execute("SELECT max(seq) FROM messages").fetchone()[0]
        return self._read(connection, messages.PAGE, count, limit=PAGE + 1, cursor_seq=place(total, depth))

    def close(self) -> None:
        self._thread.submit(self._far.close).result()
        self._thread.shutdown()
        self._runner.close()
        for connection in (self._connection, *self._files.values()):
            connection.close()

    def _read(self, connection: Any, sql: str, count: int, **args: Any) -> int:
        bound = {"session_id": "s", "include_deleted": 0, **args}
        names = [column[0] for column in connection.execute(sql, bound).description]
        parsed = [at for at, name in enumerate(names) if name.endswith("_json")]

        def work() -> None:
            for _ in range(count):
                for found in connection.execute(sql, bound).fetchall():
                    for at in parsed:
                        if (text := found[at]) is not None:
                            json.loads(text)

        return elapsed(work)


def place(total: int, depth: float) -> int:
    """How many messages stand before the page at this depth (0 to 1)."""
    return min(int(total * depth), total - PAGE)


class Agentdb:
    def __init__(self, folder: str, full: int, shallow: str, deep: str) -> None:
        database = make_file(str(Path(folder) / "own.db"), int(full))
        self._db = AgentDB.open(database, migrate=False)
        self._runner = asyncio.Runner()
        self._async_db = self._runner.run(_opened(database))
        self._files = {name: AgentDB.open(file, migrate=False) for name, file in (("shallow", shallow), ("deep", deep))}
        self._numbers = numbers()
        self._cursors: dict[float, str | None] = {0.0: None}
        self._saved: dict[int, list[dict[str, Any]]] = {}
        unindexed = make_file(str(Path(folder) / "unindexed.db"), TEN, up_to=UNSEARCHED)
        self._unindexed = AgentDB.open(unindexed, migrate=False)

    def append(self, count: int) -> int:
        append, said = self._db.messages.append, [content(next(self._numbers)) for _ in range(count)]

        def work() -> None:
            for text in said:
                append("new", role="assistant", content=text, token_count=123, usage=USAGE, metadata=METADATA)

        return elapsed(work)

    def update(self, count: int) -> int:
        """Of a message whose text stays, so that the search index does: what an answer that arrives costs beside it."""
        update = self._unindexed.messages.update
        message = self._unindexed.messages.latest("s", 1)[0]
        return _times(lambda: update(message.id, usage=USAGE, metadata=METADATA), count)

    def append_unindexed(self, count: int) -> int:
        append, said = self._unindexed.messages.append, [content(next(self._numbers)) for _ in range(count)]

        def work() -> None:
            for text in said:
                append("new", role="assistant", content=text, token_count=123, usage=USAGE, metadata=METADATA)

        return elapsed(work)

    def append_plain(self, count: int) -> int:
        append, said = self._db.messages.append, [content(next(self._numbers)) for _ in range(count)]

        def work() -> None:
            for text in said:
                append("new", role="user", content=text)

        return elapsed(work)

    def save_one_more(self, count: int, length: int) -> int:
        """Each save has one message more than the one before; the dicts are made anew, as a caller has them from its own."""
        save, spent = self._db.conversations.save_session, 0
        said = self._said(length)
        for _ in range(count):
            if len(said) > 2 * length:  # it stays about as long as it was
                del said[length:]
                save(f"saved {length}", said)
            said.append({"role": "user", "content": content(next(self._numbers))})
            again = [dict(message) for message in said]
            spent += elapsed(lambda again=again: save(f"saved {length}", again))  # type: ignore[misc]
        return spent

    def compare(self, count: int, length: int) -> int:
        """What was given beside what is there: the rows are read, and each text is compared."""
        said = [dict(message) for message in self._said(length)]
        sql = "SELECT role, content FROM messages WHERE session_id = ? AND removed_at IS NULL ORDER BY seq"
        execute = self._db.client.execute

        def work() -> None:
            for _ in range(count):
                found = execute(sql, (f"saved {length}",)).tuples
                assert [{"role": role, "content": text} for role, text in found] == said

        return elapsed(work)

    def _said(self, length: int) -> list[dict[str, Any]]:
        if length not in self._saved:
            self._saved[length] = [{"role": "user", "content": content(number)} for number in range(length)]
            self._db.conversations.save_session(f"saved {length}", self._saved[length])
        return self._saved[length]

    def append_ten(self, count: int) -> int:
        said = [[content(next(self._numbers)) for _ in range(TEN)] for _ in range(count)]
        append_many = self._async_db.messages.append_many

        async def work() -> None:
            for texts in said:
                await append_many(
                    "new",
                    [
                        NewMessage(role="assistant", content=text, token_count=123, usage=USAGE, metadata=METADATA)
                        for text in texts
                    ],
                )

        return elapsed(lambda: self._runner.run(work()))

    def load(self, count: int) -> int:
        return _times(lambda: self._db.messages.load("s"), count)

    def latest(self, count: int, file: str) -> int:
        store = self._files[file].messages
        return _times(lambda: store.latest("s", PAGE), count)

    def page(self, count: int, depth: float) -> int:
        store = self._files["deep"].messages
        if depth not in self._cursors:
            self._cursors[depth] = self._cursor(depth)
        cursor = self._cursors[depth]
        return _times(lambda: store.page("s", limit=PAGE, cursor=cursor), count)

    def close(self) -> None:
        self._runner.run(self._async_db.close())
        self._runner.close()
        for db in (self._db, self._unindexed, *self._files.values()):
            db.close()

    def _cursor(self, depth: float) -> str | None:
        """The cursor of the page at this depth, found as a caller finds it: page by page."""
        store = self._files["deep"].messages
        stats = store.stats("s")
        assert stats is not None
        cursor, passed, wanted = None, 0, place(stats.message_count, depth)
        while passed < wanted:
            limit = min(wanted - passed, 10_000)
            cursor = store.page("s", limit=limit, cursor=cursor).next_cursor
            passed += limit
        return cursor


async def _opened(database: str) -> AsyncAgentDB:
    return await AsyncAgentDB.open(database, migrate=False)


def _times(call: Callable[[], Any], count: int) -> int:
    def work() -> None:
        for _ in range(count):
            call()

    return elapsed(work)


# -- the table

RAW, OURS = "raw sqlite3", "agentdb"
#: name -> (class, the module that must be there)
CONTENDERS: dict[str, tuple[str, str]] = {
    RAW: ("benchmarks.conversations:Raw", "sqlite3"),
    OURS: ("benchmarks.conversations:Agentdb", "agentdb"),
    "openai-agents": ("benchmarks.peers.openai_agents:Peer", "agents"),
    "langgraph": ("benchmarks.peers.langgraph:Peer", "langgraph.checkpoint.sqlite"),
    "agno": ("benchmarks.peers.agno:Peer", "agno"),
}
DEPTHS = {0.0: "its first page", 0.1: "at 10 %", 0.5: "at 50 %", 1.0: "at the end"}
FLAT, AT_DEPTH = Limit(1.3), Limit(1.3)
LEGEND = """\
Per operation: the median of the means of batches, and the median of each round's ratio to raw sqlite3 (one open
connection, WAL, synchronous=NORMAL, the same SQL, schema and triggers, the search index among them at an append; JSON
decoded). Ten messages at once are one executemany() on a thread of its own, which the event loop awaits, for raw sqlite3,
and append_many() of AsyncAgentDB. The last 50 of the longer conversation, and a page at a depth, are also multiples of
the same contender's last 50 of the shorter one, and of its first page. Peers append to, and load, conversations of
their own."""


def installed(name: str) -> bool:
    """Whether a contender can take part."""
    try:
        return find_spec(CONTENDERS[name][1]) is not None
    except ModuleNotFoundError:
        return False


def measure(names: Sequence[str], quick: bool) -> list[Figure]:
    full, deep_count = (FULL_QUICK, DEEP_QUICK) if quick else (FULL, DEEP)
    with TemporaryDirectory(prefix="agentdb-benchmark-") as folder, ExitStack() as stack:
        options.progress(f"writing {deep_count:,} messages")
        shallow = make_file(str(Path(folder) / "shallow.db"), SHALLOW, up_to=UNSEARCHED)
        deep = make_file(str(Path(folder) / "deep.db"), deep_count, up_to=UNSEARCHED)
        workers = {}
        for number, name in enumerate(names):
            own = Path(folder) / str(number)
            own.mkdir()
            workers[name] = stack.enter_context(Worker(CONTENDERS[name][0], str(own), str(full), shallow, deep))
        figures = _compared("append a message", workers, 50, quick, {OURS: Limit(1.5)}, "append")
        hopping = {name: worker for name, worker in workers.items() if name in (RAW, OURS)}
        figures += _compared(f"append {TEN} on an event loop", hopping, 10, quick, {OURS: Limit(1.6)}, "append_ten")
        figures += _compared(f"all of {full:,}", workers, 1, quick, {OURS: Limit(1.7)}, "load")
        ours = {name: worker for name, worker in workers.items() if name in (RAW, OURS)}
        last = f"last {PAGE} of {{:,}}"
        figures += _compared(last.format(SHALLOW), ours, 50, quick, {OURS: Limit(2.0)}, "latest", "shallow")
        figures += _compared(last.format(deep_count), ours, 50, quick, {OURS: Limit(2.0)}, "latest", "deep")
        figures += _changes(workers[OURS], full, quick) if OURS in workers else []
        peers = {name: worker for name, worker in workers.items() if name not in ours}
        figures += _compared(f"last {PAGE} of {full:,}", peers, 5, quick, {}, "latest", "own")
        for name, worker in ours.items():
            options.progress(f"{name}: flat, and at depth")
            files = {"shallow": f"{SHALLOW:,}", "deep": f"{deep_count:,}"}
            cases = {key: f"last {PAGE}, {words} against {SHALLOW:,}" for key, words in files.items()}
            figures += _against_first(name, worker, "latest", cases, FLAT, quick)[1:]
            pages = {depth: f"page of {deep_count:,}, {words}" for depth, words in DEPTHS.items()}
            figures += _against_first(name, worker, "page", pages, AT_DEPTH, quick)
    return figures


def _compared(
    words: str, workers: dict[str, Worker], batch: int, quick: bool, limits: dict[str, Limit], *call: Any
) -> list[Figure]:
    """A figure for each contender, as a multiple of raw sqlite3 where that takes part."""
    options.progress(words)

    def sampler(name: str, worker: Worker) -> Sampler:
        def take() -> int:
            return int(worker.ask(call[0], batch, *call[1:])) // batch

        take()  # warms up
        return Sampler(name, take, 3 if quick else 21)

    samples = interleave([sampler(name, worker) for name, worker in workers.items()])
    if RAW in samples:
        return compare(words, samples, RAW, limits)
    return [
        Figure(words, name, nanoseconds=median(taken.values()), rounds=len(taken)) for name, taken in samples.items()
    ]


def _against_first(
    name: str, worker: Worker, operation: str, cases: dict[Any, str], limit: Limit, quick: bool
) -> list[Figure]:
    """Each case as a multiple of the first, of the same contender; interleaved, so that drift between rounds cancels."""
    batch, rounds = (20, 3) if quick else (100, 21)

    def sampler(case: Any) -> Sampler:
        worker.ask(operation, batch, case)  # warms up
        return Sampler(str(case), lambda: int(worker.ask(operation, batch, case)) // batch, rounds)

    samples = interleave([sampler(case) for case in cases])
    first = samples[str(next(iter(cases)))]
    return [
        Figure(
            words,
            name,
            nanoseconds=median(samples[str(case)].values()),
            ratio=None if samples[str(case)] is first else median_ratio(samples[str(case)], first),
            against=None if samples[str(case)] is first else "the first",
            limit=limit if name == OURS else None,
            rounds=rounds,
        )
        for case, words in cases.items()
    ]


def _changes(worker: Worker, full: int, quick: bool) -> list[Figure]:
    """An update beside an append without the search index; a save of one more message beside an append and a comparison."""
    options.progress("update, and save one more")
    rounds = 3 if quick else 21

    def sampler(name: str, batch: int, *call: Any) -> Sampler:
        worker.ask(call[0], batch, *call[1:])  # warms up
        return Sampler(name, lambda: int(worker.ask(call[0], batch, *call[1:])) // batch, rounds)

    plain = interleave([sampler("append", 50, "append_unindexed"), sampler("update", 50, "update")])
    figures = [
        _beside("append without the index", plain["append"], None, None),
        _beside("update", plain["update"], plain["append"], Limit(1.3), "that append"),
    ]
    append = sampler("append", 50, "append_plain")
    for length in (TEN, full):
        batch = 20 if length == TEN else 1
        saves = sampler("save", batch, "save_one_more", length)
        compared = sampler("compare", batch, "compare", length)
        taken = interleave([append, saves, compared])
        bound = {at: 3 * taken["append"][at] + taken["compare"][at] for at in taken["save"]}
        words = f"save of one more at {length:,}"
        figures.append(_beside(words, taken["save"], bound, Limit(1.0), "3 appends and a comparison"))
    return figures


def _beside(
    words: str, taken: dict[int, int], first: dict[int, int] | None, limit: Limit | None, against: str | None = None
) -> Figure:
    ratio = None if first is None else median_ratio(taken, first)
    return Figure(
        words, OURS, nanoseconds=median(taken.values()), ratio=ratio, against=against, limit=limit, rounds=len(taken)
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = options.parser("conversations", "Conversations, as multiples of raw sqlite3.", CONTENDERS)
    chosen = parser.parse_args(arguments)
    wanted = [name for name in CONTENDERS if name == RAW or not chosen.only or name in chosen.only]
    figures = measure([name for name in wanted if installed(name)], chosen.quick)
    options.show(figures, machine_line([]), markdown(figures, "case", RAW), LEGEND, chosen.json)


if __name__ == "__main__":
    main(sys.argv[1:])
