"""Many at once: nothing is lost, nobody gets an error, and a transaction holds the rows of its owner alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from store_harness import log_fields

import agentdb
from agentdb import AgentDB, AsyncAgentDB
from agentdb.errors import TransactionActiveError

WRITERS, ROUNDS = 8, 25
ROOT = Path(agentdb.__file__).parent.parent
LOG: dict[str, Any] = {"role": "user", "type": "message"}

PROCESS = """
import sys
from agentdb import AgentDB
from agentdb.stores import NewLog

path, me, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
with AgentDB.open(path) as db:
    db.agents.create(id=me, name=me, model="m")
    db.sessions.create(id=me, main_agent_id=me)
    for number in range(rounds):
        parent = db.session_logs.append(me, role="user", type="message", content=[me, number])
        db.session_logs.append_many(me, [NewLog(role="tool", type="action", content=n, parent_id=parent.id) for n in range(3)])
        db.agents.update(me, max_steps=db.agents.require(me).max_steps + 1)
        with db.transaction() as tx:
            # Read, then written: it holds only if nobody else is at it between the two.
            steps = tx.agents.require("shared").max_steps if tx.agents.exists("shared") else None
            if steps is None:
                tx.agents.create(id="shared", name="", model="m", max_steps=1)
            else:
                tx.agents.update("shared", max_steps=steps + 1)
"""


def test_eight_processes_that_open_migrate_and_write_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "agents.db")
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROCESS, path, f"p{number}", str(ROUNDS)],
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
        assert db.agents.require("shared").max_steps == WRITERS * ROUNDS
        for number in range(WRITERS):
            me = f"p{number}"
            assert db.agents.require(me).max_steps == 10 + ROUNDS
            logs = db.session_logs.page(me, limit=1000).items
            assert [log.content for log in logs if log.parent_id is None] == [[me, number] for number in range(ROUNDS)]
            assert len(logs) == 4 * ROUNDS
        assert db.session_logs.page("p0", limit=4 * ROUNDS).next_cursor is None


def test_eight_threads_of_one_database_that_write_at_once(path: str) -> None:
    start = Barrier(WRITERS)
    with AgentDB.open(path) as db:
        db.agents.create(id="a", name="n", model="m", max_steps=0)

        def write(number: int) -> None:
            me = f"t{number}"
            start.wait()
            db.sessions.create(id=me, main_agent_id="a")
            for turn in range(ROUNDS):
                db.session_logs.append(me, **LOG, content=turn)
                with pytest.raises(KeyError) if turn % 5 == 4 else nullcontext(), db.transaction() as tx:
                    before = others(tx, me)
                    tx.agents.update("a", max_steps=tx.agents.require("a").max_steps + 1)
                    tx.session_logs.append(me, **LOG, content="inside")
                    with pytest.raises(TransactionActiveError):
                        db.session_logs.append(me, **LOG, content="beside")
                    assert tx.session_logs.count(me) == inside(turn) + turn + 2
                    assert others(tx, me) == before
                    if turn % 5 == 4:
                        raise KeyError("take it back")
                assert db.session_logs.count(me) == turn + 1 + inside(turn + 1)

        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write, range(WRITERS)))
        kept = inside(ROUNDS)
        assert db.agents.require("a").max_steps == WRITERS * kept
        for number in range(WRITERS):
            contents = [log.content for log in db.session_logs.page(f"t{number}", limit=1000).items]
            assert [content for content in contents if content != "inside"] == list(range(ROUNDS))
            assert contents.count("inside") == kept


def inside(turns: int) -> int:
    """How many transactions of so many turns were kept: every fifth is taken back."""
    return turns - turns // 5


def others(tx: Any, me: str) -> int:
    return int(tx.execute("SELECT count(*) FROM session_logs WHERE session_id <> ?", [me]).tuples[0][0])


def test_eight_tasks_of_one_database_that_write_at_once(path: str) -> None:
    async def main() -> None:
        async with AsyncAgentDB.open(path) as db:
            await db.agents.create(id="a", name="n", model="m", max_steps=0)

            async def write(number: int) -> None:
                me = f"t{number}"
                await db.sessions.create(id=me, main_agent_id="a")
                for turn in range(ROUNDS):
                    await db.session_logs.append(me, **LOG, content=turn)
                    try:
                        async with db.transaction() as tx:
                            counted = "SELECT count(*) FROM session_logs WHERE session_id <> ?"
                            before = (await tx.execute(counted, [me])).tuples
                            steps = (await tx.agents.require("a")).max_steps
                            await tx.agents.update("a", max_steps=steps + 1)
                            await tx.session_logs.append(me, **LOG, content="inside")
                            with pytest.raises(TransactionActiveError):
                                await db.session_logs.append(me, **LOG, content="beside")
                            assert (await tx.execute(counted, [me])).tuples == before
                            if turn % 5 == 4:
                                raise KeyError("take it back")
                    except KeyError:
                        assert turn % 5 == 4
                    assert await db.session_logs.count(me) == turn + 1 + inside(turn + 1)

            await asyncio.gather(*(write(number) for number in range(WRITERS)))
            assert (await db.agents.require("a")).max_steps == WRITERS * inside(ROUNDS)
            assert len(await db.session_logs.latest("t3", 1000)) == ROUNDS + inside(ROUNDS)

    asyncio.run(main())


def test_two_databases_of_one_file_see_each_others_rows(path: str) -> None:
    with AgentDB.open(path) as one, AgentDB.open(path) as other:
        agent = one.agents.create(name="n", model="m")
        assert other.agents.get(agent.id) == agent
        session = other.sessions.create(main_agent_id=agent.id)
        assert one.session_logs.append(session.id, **log_fields()) == other.session_logs.get(1)
