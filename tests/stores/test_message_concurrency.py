"""Many that append at once: no seq twice, counters exact, nothing lost; and an append that is cancelled: all of it or none."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from search_index import PLACES, TEXTS, check_search_index, compare

import agentdb
from agentdb import AgentDB, AsyncAgentDB
from agentdb.stores import NewMessage

WRITERS, ROUNDS = 8, 25
ROOT = Path(agentdb.__file__).parent.parent

PROCESS = """
import sys
from agentdb import AgentDB
from agentdb.stores import NewMessage

path, me, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
with AgentDB.open(path) as db:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(rounds):
        db.messages.append("shared", role="user", content=f"{me} {number}", token_count=1)
        db.messages.append(me, role="user", content=f"{number}", token_count=2)
        pair = [NewMessage(role="tool", content=f"{me} {number} {n}", token_count=3) for n in "ab"]
        first, second = db.messages.append_many("shared", pair)
        assert second.seq == first.seq + 1
        if number % 5 == 4:
            assert db.messages.pop(me).content == f"{number}"
"""


def open_with_sessions(path: str) -> AgentDB:
    db = AgentDB.open(path)
    db.agents.create(id="a", name="n", model="m")
    for id in ("shared", *(f"w{number}" for number in range(WRITERS))):
        db.sessions.create(id=id, main_agent_id="a")
    return db


def check_shared(db: AgentDB, *, each: int, tokens: int) -> None:
    """All that was said in the shared session is there, numbered without a gap, and counted."""
    total = WRITERS * each
    said = db.messages.load("shared")
    assert [message.seq for message in said] == list(range(1, total + 1))
    assert [message.id for message in said] == sorted(message.id for message in said)
    stats = db.messages.stats("shared")
    assert stats is not None
    assert (stats.message_count, stats.last_seq, stats.total_tokens) == (total, total, tokens)
    check_search_index(lambda sql: db.client.execute(sql).tuples)


def test_eight_processes_that_append_to_the_same_and_to_different_sessions(path: str) -> None:
    open_with_sessions(path).close()
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROCESS, path, f"w{number}", str(ROUNDS)],
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
        _, complaints = process.communicate(timeout=90)
        assert (process.returncode, complaints) == (0, "")
    with AgentDB.open(path) as db:
        check_shared(db, each=3 * ROUNDS, tokens=WRITERS * ROUNDS * 7)
        for number in range(WRITERS):
            me = f"w{number}"
            mine = [message.content for message in db.messages.load("shared") if str(message.content).startswith(me)]
            assert mine == [f"{me} {n}{part}" for n in range(ROUNDS) for part in ("", " a", " b")]
            own = db.messages.load(me)
            assert [message.seq for message in own] == [n + 1 for n in range(ROUNDS) if n % 5 != 4]
            stats = db.messages.stats(me)
            assert stats is not None
            assert (stats.message_count, stats.last_seq, stats.total_tokens) == (len(own), ROUNDS, 2 * len(own))
        assert len(db.messages.search("w3 24", limit=10)) == 3


def test_eight_threads_of_one_database(path: str) -> None:
    start = Barrier(WRITERS)
    with open_with_sessions(path) as db:

        def write(number: int) -> None:
            start.wait()
            for turn in range(ROUNDS):
                db.messages.append("shared", role="user", content=f"w{number} {turn}", token_count=1)

        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write, range(WRITERS)))
        check_shared(db, each=ROUNDS, tokens=WRITERS * ROUNDS)


def test_eight_tasks_of_one_database(path: str) -> None:
    async def main() -> None:
        async with AsyncAgentDB.open(path) as db:

            async def write(number: int) -> None:
                for turn in range(ROUNDS):
                    await db.messages.append("shared", role="user", content=f"w{number} {turn}", token_count=1)

            await asyncio.gather(*(write(number) for number in range(WRITERS)))

    open_with_sessions(path).close()
    asyncio.run(main())
    with AgentDB.open(path) as db:
        check_shared(db, each=ROUNDS, tokens=WRITERS * ROUNDS)


@pytest.mark.parametrize("many", [False, True], ids=["append", "append_many"])
def test_an_append_that_is_cancelled_at_any_moment_leaves_all_of_it_or_none(path: str, many: bool) -> None:
    new = [NewMessage(role="user", content=f"hello {number}", token_count=1) for number in range(5)]
    outcomes = set()

    async def main() -> None:
        async with AsyncAgentDB.open(path) as db:
            for turns in range(40):
                before = await db.messages.stats("shared")
                assert before is not None
                if many:
                    task = asyncio.ensure_future(db.messages.append_many("shared", new))
                else:
                    task = asyncio.ensure_future(db.messages.append("shared", role="user", token_count=1))  # type: ignore[arg-type]
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                cancelled = False
                try:
                    await task
                except asyncio.CancelledError:
                    cancelled = True
                after = await db.messages.stats("shared")
                assert after is not None
                added = after.message_count - before.message_count
                assert added in ((0, 5) if many else (0, 1))
                assert after.total_tokens - before.total_tokens == added
                assert cancelled or added
                outcomes.add((cancelled, bool(added)))
            said = await db.messages.load("shared")
            assert len({message.seq for message in said}) == len(said) == after.message_count
            compare(*[(await db.client.execute(sql)).tuples for sql in (TEXTS, PLACES)])

    open_with_sessions(path).close()
    asyncio.run(main())
    assert (True, False) in outcomes


def test_an_append_inside_a_transaction_that_is_taken_back_leaves_nothing(path: str) -> None:
    with open_with_sessions(path) as db:
        kept = db.messages.append("shared", role="user", content="kept", token_count=1)
        with pytest.raises(KeyError), db.transaction() as tx:
            tx.messages.append("shared", role="user", content="gone", token_count=9)
            assert tx.messages.pop("w1") is None
            with pytest.raises(LookupError), tx.transaction() as inner:
                inner.messages.pop("shared")
                inner.messages.pop("shared")
                assert inner.messages.load("shared") == []
                raise LookupError
            assert len(tx.messages.search("gone")) == 1
            raise KeyError
        assert db.messages.load("shared") == [kept]
        assert db.messages.search("gone").items == []
        stats = db.messages.stats("shared")
        assert stats is not None
        assert (stats.message_count, stats.total_tokens, stats.last_seq) == (1, 1, 1)
