"""AgentDB and AsyncAgentDB: what they open, what they close, and what happens inside their transactions."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import agentdb
from agentdb import AgentDB, AsyncAgentDB, AsyncMigrator, Migrator, create_client, create_client_sync
from agentdb.errors import (
    AgentDBError,
    ClosedError,
    IntegrityError,
    InvalidArgumentError,
    MigrationError,
    NotFoundError,
    StorageError,
    TransactionActiveError,
)
from agentdb.operations import Operations, Steps, W, emit, operation

ROOT = Path(agentdb.__file__).parent.parent
AGENT = {"name": "n", "model": "m"}
LOG: dict[str, Any] = {"role": "user", "type": "message", "content": "x"}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "agents.db")


@pytest.fixture
def db(path: str) -> Iterator[AgentDB]:
    with AgentDB.open(path) as database:
        yield database


def names(path: str) -> list[str]:
    """The agents that another program sees."""
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM agents ORDER BY name")]


def open_files(path: str) -> list[str]:
    """Which of this process's file descriptors are on the database."""
    return [
        target
        for number in os.listdir("/proc/self/fd")
        if (target := _target(f"/proc/self/fd/{number}")).startswith(path)
    ]


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


@contextmanager
def nothing_left_open(path: str) -> Iterator[None]:
    yield
    if os.path.isdir("/proc/self/fd"):
        assert open_files(path) == []


def run(work: Callable[[], Any]) -> Any:
    async def main() -> Any:
        return await asyncio.wait_for(work(), 60)

    return asyncio.run(main())


# -- opening

PLACES: dict[str, Callable[[str], Any]] = {
    "str": str,
    "Path": Path,
    "file: URL": lambda path: f"file:{path}",
    "file: URL with escapes": lambda path: f"file://{path.replace('agents', '%61gents')}",
    ":memory:": lambda path: ":memory:",
}


@pytest.mark.parametrize("kind", PLACES)
def test_a_place_is_opened_and_migrated(path: str, kind: str) -> None:
    with AgentDB.open(PLACES[kind](path)) as db:
        assert db.agents.create(**AGENT, id="a") == db.agents.get("a")
        assert db.migrator.get_migration_summary().pending_migrations == 0
        assert db.client.execute("SELECT count(*) FROM agents").tuples == [(1,)]
    assert os.path.exists(path) is (kind != ":memory:")


@pytest.mark.parametrize("kind", PLACES)
def test_a_place_is_opened_and_migrated_on_an_event_loop(path: str, kind: str) -> None:
    async def main() -> None:
        async with AsyncAgentDB.open(PLACES[kind](path)) as db:
            assert await db.agents.create(**AGENT, id="a") == await db.agents.get("a")
            assert (await db.migrator.get_migration_summary()).pending_migrations == 0
            assert (await db.client.execute("SELECT count(*) FROM agents")).tuples == [(1,)]

    run(main)
    assert os.path.exists(path) is (kind != ":memory:")


def test_it_can_be_awaited_or_entered_or_both(path: str) -> None:
    async def main() -> None:
        db = await AsyncAgentDB.open(path)
        assert isinstance(db, AsyncAgentDB)
        assert isinstance(db.migrator, AsyncMigrator)
        async with db as same:
            assert same is db
            await db.agents.create(**AGENT)
        assert db.closed
        async with AsyncAgentDB.open(path) as other:
            assert await other.agents.count() == 1
        assert other.closed

    run(main)


def test_options_go_to_the_client_and_the_migrator(path: str) -> None:
    events: list[Any] = []
    with AgentDB.open(path, busy_timeout=1.5, app_version="7", on_event=events.append) as db:
        assert db.client.settings.busy_timeout == 1.5
        assert isinstance(db.migrator, Migrator)
        assert {row[0] for row in db.client.execute("SELECT app_version FROM migrations")} == {"7"}
    assert events

    async def main() -> None:
        async with AsyncAgentDB.open(path, busy_timeout=2.5) as db:
            assert db.client.settings.busy_timeout == 2.5

    run(main)
    with pytest.raises(TypeError):
        AgentDB.open(path, no_such_option=1)


def test_migrate_false_opens_it_as_it_is(path: str) -> None:
    tables = "SELECT name FROM sqlite_master"
    with AgentDB.open(path, migrate=False) as db:
        assert db.client.execute(tables).tuples == []
        with pytest.raises(AgentDBError, match="no such table: agents"):
            db.agents.count()
        db.migrator.migrate()
        assert db.agents.count() == 0

    async def main() -> None:
        async with AsyncAgentDB.open(":memory:", migrate=False) as db:
            assert (await db.client.execute(tables)).tuples == []

    run(main)


def test_a_ready_client_is_used_and_stays_open(path: str) -> None:
    with create_client_sync(path) as client:
        with AgentDB.open(client) as db:
            assert db.client is client
            db.agents.create(**AGENT)
        assert db.closed
        assert not client.closed
        with pytest.raises(ClosedError):
            db.agents.count()
        assert client.execute("SELECT name FROM agents").tuples == [("n",)]
        with pytest.raises(InvalidArgumentError, match="busy_timeout: a ready client has been opened"):
            AgentDB.open(client, busy_timeout=1)

    async def main() -> None:
        async with create_client(path) as client:
            async with AsyncAgentDB.open(client) as db:
                assert db.client is client
                assert await db.agents.count() == 1
            assert db.closed
            assert not client.closed
            assert (await client.execute("SELECT name FROM agents")).tuples == [("n",)]
            with pytest.raises(InvalidArgumentError, match="busy_timeout: a ready client has been opened"):
                await AsyncAgentDB.open(client, busy_timeout=1)

    run(main)


def test_a_client_of_libsql_client_is_borrowed_and_stays_open(path: str) -> None:
    libsql_client = pytest.importorskip("libsql_client")
    theirs = libsql_client.create_client_sync(f"file:{path}")
    try:
        with nothing_left_open(path), AgentDB.open(theirs) as db:
            agent = db.agents.create(**AGENT)
            session = db.sessions.create(main_agent_id=agent.id)
            with pytest.raises(NotFoundError), db.transaction() as tx:
                tx.session_logs.append(session.id, **LOG)
                tx.session_logs.append("nowhere", **LOG)
            assert db.session_logs.count(session.id) == 0
        assert not theirs.closed
        assert theirs.execute("SELECT name FROM agents").rows[0][0] == "n"
    finally:
        theirs.close()
    with pytest.raises(ClosedError):
        AgentDB.open(theirs)

    async def main() -> None:
        async with libsql_client.create_client(f"file:{path}") as client:
            async with AsyncAgentDB.open(client) as db:
                assert await db.agents.count() == 1
            assert not client.closed
            with pytest.raises(InvalidArgumentError) as caught:
                AgentDB.open(client)
            assert caught.value.code == "wrong_world"
        with libsql_client.create_client_sync("file::memory:") as memory:
            with pytest.raises(InvalidArgumentError, match="file::memory:"):
                AgentDB.open(memory)

    run(main)


def test_a_client_of_the_other_world_is_refused(path: str) -> None:
    async def main() -> None:
        async with create_client(path) as theirs:
            with pytest.raises(InvalidArgumentError, match="AsyncLocalClient is an async client") as caught:
                AgentDB.open(theirs)
            assert caught.value.code == "wrong_world"
            assert "AsyncAgentDB with create_client()" in str(caught.value)
        with create_client_sync(path) as ours:
            with pytest.raises(InvalidArgumentError, match="LocalClient is a sync client") as caught:
                await AsyncAgentDB.open(ours)
            assert caught.value.code == "wrong_world"
            with pytest.raises(InvalidArgumentError):
                async with AsyncAgentDB.open(ours):
                    raise AssertionError

    run(main)


@pytest.mark.parametrize(
    "place",
    [None, 5, b"agents.db", object(), ["agents.db"], AgentDB],
    ids=lambda place: "an object" if type(place) is object else repr(place),
)
def test_what_is_no_place_and_no_client_is_refused(place: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="is not a path, a URL or a client") as caught:
        AgentDB.open(place)
    assert caught.value.code == "foreign_client"
    with pytest.raises(InvalidArgumentError):
        run(lambda: AsyncAgentDB.open(place)._open())


def test_a_transaction_is_no_client(db: AgentDB) -> None:
    with db.client.transaction() as transaction, pytest.raises(InvalidArgumentError, match="or a client"):
        AgentDB.open(transaction)


def test_a_failing_migration_leaves_nothing_open(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE sessions (mine TEXT)")
    with nothing_left_open(path), pytest.raises(MigrationError):
        AgentDB.open(path)

    async def main() -> None:
        with pytest.raises(MigrationError):
            await AsyncAgentDB.open(path)
        with pytest.raises(MigrationError):
            async with AsyncAgentDB.open(path):
                raise AssertionError

    with nothing_left_open(path):
        run(main)
    with create_client_sync(path) as client:
        with pytest.raises(MigrationError):
            AgentDB.open(client)
        assert not client.closed


def test_a_file_that_is_no_database_is_refused(path: str) -> None:
    Path(path).write_bytes(b"something else " * 1000)
    with nothing_left_open(path):
        with pytest.raises(StorageError) as caught:
            AgentDB.open(path)
        assert caught.value.code == "not_a_database"
        with pytest.raises(StorageError):
            run(lambda: AsyncAgentDB.open(path)._open())
    with pytest.raises(StorageError) as caught:
        AgentDB.open(Path(path).parent / "nowhere" / "agents.db")
    assert caught.value.code == "folder_missing"


# -- closing


def test_closing_is_idempotent_and_final(path: str) -> None:
    db = AgentDB.open(path)
    held = db.agents
    transaction = db.transaction()
    assert repr(db) == f"<AgentDB {path}>"
    for _ in range(3):
        db.close()
        assert db.closed
    assert repr(db) == f"<AgentDB {path} closed>"
    uses: list[Callable[[], Any]] = [
        lambda: db.agents,
        lambda: db.sessions,
        lambda: db.session_logs,
        lambda: db.client,
        lambda: db.transaction(),
        lambda: db.operations_target,
        lambda: db.__enter__(),
        lambda: held.count(),
        lambda: transaction.__enter__(),
        lambda: db.migrator.migrate(),
    ]
    for use in uses:
        with pytest.raises(ClosedError) as caught:
            use()
        assert caught.value.code == "closed"
    with nothing_left_open(path):
        pass


def test_closing_is_idempotent_and_final_on_an_event_loop(path: str) -> None:
    async def main() -> None:
        db = await AsyncAgentDB.open(path)
        held = db.agents
        transaction = db.transaction()
        for _ in range(3):
            await db.close()
            assert db.closed
        for use in (lambda: db.agents, lambda: db.client, lambda: db.transaction(), lambda: db.operations_target):
            with pytest.raises(ClosedError):
                use()
        for wait in (db.__aenter__, held.count, transaction.__aenter__, db.migrator.migrate):
            with pytest.raises(ClosedError):
                await wait()

    with nothing_left_open(path):
        run(main)


def test_closing_inside_a_transaction_takes_it_back(path: str) -> None:
    db = AgentDB.open(path)
    with pytest.raises(ClosedError):
        with db.transaction() as tx:
            tx.agents.create(**AGENT)
            db.close()
            with pytest.raises(ClosedError):
                tx.agents.count()
    assert names(path) == []

    async def main() -> None:
        other = await AsyncAgentDB.open(path)
        with pytest.raises(ClosedError):
            async with other.transaction() as tx:
                await tx.agents.create(**AGENT)
                await other.close()

    with nothing_left_open(path):
        run(main)
    assert names(path) == []


# -- transactions


def test_a_transaction_is_kept_at_the_end_and_taken_back_at_an_exception(db: AgentDB, path: str) -> None:
    with db.transaction() as tx:
        agent = tx.agents.create(**AGENT)
        session = tx.sessions.create(main_agent_id=agent.id)
        tx.session_logs.append(session.id, **LOG)
        assert tx.execute("SELECT count(*) FROM session_logs").tuples == [(1,)]
        assert tx.agents is tx.agents
        assert names(path) == []
    assert names(path) == ["n"]
    with pytest.raises(KeyError), db.transaction() as tx:
        tx.agents.delete(agent.id, cascade=True)
        raise KeyError
    assert db.session_logs.count(session.id) == 1


def test_a_transaction_is_kept_or_taken_back_on_an_event_loop(path: str) -> None:
    async def main() -> None:
        async with AsyncAgentDB.open(path) as db:
            async with db.transaction() as tx:
                agent = await tx.agents.create(**AGENT)
                assert (await tx.execute("SELECT name FROM agents")).tuples == [("n",)]
                assert names(path) == []
            with pytest.raises(KeyError):
                async with db.transaction() as tx:
                    await tx.agents.delete(agent.id)
                    raise KeyError
            assert await db.agents.exists(agent.id)

    run(main)
    assert names(path) == ["n"]


def test_an_error_inside_that_is_caught_takes_only_its_own_work_back(db: AgentDB) -> None:
    with db.transaction() as tx:
        agent = tx.agents.create(**AGENT)
        with pytest.raises(NotFoundError):
            tx.sessions.update("nowhere", name="x")
        with pytest.raises(NotFoundError):
            tx.sessions.create(main_agent_id="nobody")
        tx.sessions.create(main_agent_id=agent.id)
    assert (db.agents.count(), db.sessions.count()) == (1, 1)


def test_the_owner_of_a_transaction_works_through_it_alone(db: AgentDB, path: str) -> None:
    agents = db.agents
    with db.transaction() as tx:
        for use in (
            lambda: db.agents.count(),
            lambda: agents.create(**AGENT),
            lambda: db.client.execute("SELECT 1"),
            lambda: db.transaction().__enter__(),
            lambda: db.migrator.migrate(),
        ):
            with pytest.raises(TransactionActiveError):
                use()
        tx.agents.create(**AGENT)
    assert agents.count() == 1

    async def main() -> None:
        async with AsyncAgentDB.open(path) as other, other.transaction() as tx:
            for wait in (other.agents.count, other.transaction().__aenter__, other.migrator.migrate):
                with pytest.raises(TransactionActiveError):
                    await wait()
            assert await tx.agents.count() == 1

    run(main)


def test_a_transaction_that_has_ended_or_not_begun_is_refused(db: AgentDB) -> None:
    waiting = db.transaction()
    for use in (lambda: waiting.agents, lambda: waiting.execute("SELECT 1"), lambda: waiting.transaction()):
        with pytest.raises(ClosedError, match="has not begun"):
            use()
    with db.transaction() as tx:
        agents = tx.agents
        inner = tx.transaction()
    for use in (
        lambda: tx.agents,
        lambda: agents.count(),
        lambda: tx.execute("SELECT 1"),
        lambda: tx.transaction(),
        lambda: tx.operations_target,
        lambda: inner.__enter__(),
    ):
        with pytest.raises(ClosedError, match="has ended"):
            use()
    with pytest.raises(ClosedError, match="entered already"):
        tx.__enter__()
    with db.transaction() as again:
        assert again.agents.count() == 0


def test_a_transaction_is_entered_once(db: AgentDB, path: str) -> None:
    with db.transaction() as tx:
        with pytest.raises(ClosedError, match="entered already"):
            tx.__enter__()
        tx.agents.create(**AGENT)
    assert db.agents.count() == 1

    async def main() -> None:
        async with AsyncAgentDB.open(path) as other:
            waiting = other.transaction()
            with pytest.raises(ClosedError, match="has not begun"):
                waiting.agents  # noqa: B018
            async with waiting as tx:
                with pytest.raises(ClosedError, match="entered already"):
                    await tx.__aenter__()
                agents = tx.agents
            with pytest.raises(ClosedError, match="has ended"):
                await agents.count()
            with pytest.raises(ClosedError, match="entered already"):
                await tx.__aenter__()

    run(main)


def test_a_transaction_inside_is_kept_or_taken_back_alone(db: AgentDB, path: str) -> None:
    with db.transaction() as tx:
        tx.agents.create(id="outer", **AGENT)
        with tx.transaction() as kept:
            kept.agents.create(id="kept", **AGENT)
            with pytest.raises(KeyError), kept.transaction() as deepest:
                deepest.agents.create(id="deepest", **AGENT)
                raise KeyError
        with pytest.raises(KeyError), tx.transaction() as taken_back:
            taken_back.agents.create(id="taken back", **AGENT)
            taken_back.agents.update("outer", name="changed")
            with taken_back.transaction() as inside:
                inside.agents.create(id="goes with it", **AGENT)
            raise KeyError
        assert tx.agents.require("outer").name == "n"
    assert {agent.id for agent in db.agents.list().items} == {"outer", "kept"}
    with pytest.raises(KeyError), db.transaction() as tx:
        with tx.transaction() as kept:
            kept.agents.create(id="kept, but not by the whole", **AGENT)
        raise KeyError
    assert db.agents.count() == 2


def test_a_transaction_inside_is_kept_or_taken_back_alone_on_an_event_loop(path: str) -> None:
    async def main() -> None:
        async with AsyncAgentDB.open(path) as db:
            async with db.transaction() as tx:
                async with tx.transaction() as kept:
                    await kept.agents.create(id="kept", **AGENT)
                    with pytest.raises(TransactionActiveError):
                        await tx.agents.count()
                with pytest.raises(KeyError):
                    async with tx.transaction() as taken_back:
                        await taken_back.agents.create(id="taken back", **AGENT)
                        raise KeyError
                with pytest.raises(ClosedError, match="has ended"):
                    kept.agents  # noqa: B018
            assert [agent.id for agent in (await db.agents.list()).items] == ["kept"]

    run(main)


def test_the_outer_transaction_waits_for_the_one_inside(db: AgentDB) -> None:
    with db.transaction() as tx:
        agents = tx.agents
        with tx.transaction() as inner:
            for use in (
                lambda: tx.agents,
                lambda: agents.create(**AGENT),
                lambda: agents.update("x", name="y"),
                lambda: tx.execute("SELECT 1"),
                lambda: tx.transaction(),
                lambda: db.agents.count(),
            ):
                with pytest.raises(TransactionActiveError):
                    use()
            inner.agents.create(**AGENT)
        with pytest.raises(ClosedError, match="has ended"):
            inner.agents  # noqa: B018
        assert agents.count() == 1
    with pytest.raises(ClosedError, match="has ended"):
        inner.transaction()


def test_a_commit_that_fails_takes_everything_back(db: AgentDB, path: str) -> None:
    db.agents.create(id="a", **AGENT)
    db.sessions.create(id="s", main_agent_id="a")
    with pytest.raises(IntegrityError), db.transaction() as tx:
        tx.agents.create(id="b", **AGENT)
        tx.execute("PRAGMA defer_foreign_keys=ON")
        tx.execute("UPDATE sessions SET main_agent_id = 'nobody'")
    assert db.sessions.require("s").main_agent_id == "a"
    assert len(names(path)) == 1
    db.agents.create(id="b", **AGENT)

    async def main() -> None:
        async with AsyncAgentDB.open(path) as other:
            with pytest.raises(IntegrityError):
                async with other.transaction() as tx:
                    await tx.execute("PRAGMA defer_foreign_keys=ON")
                    await tx.execute("UPDATE sessions SET main_agent_id = 'nobody'")
            assert await other.agents.count() == 2

    run(main)


def test_a_transaction_that_sqlite_took_back_is_lost_and_says_so(db: AgentDB) -> None:
    db.client.execute(
        "CREATE TRIGGER all_back BEFORE INSERT ON agents WHEN new.id = 'b' BEGIN SELECT raise(ROLLBACK, 'all back'); END"
    )
    with pytest.raises(ClosedError) as caught:
        with db.transaction() as tx:
            tx.agents.create(id="a", **AGENT)
            with pytest.raises(IntegrityError, match="all back"), tx.transaction() as inner:
                inner.agents.create(id="b", **AGENT)
            tx.agents.create(id="c", **AGENT)
    assert caught.value.code == "transaction_lost"
    assert db.agents.count() == 0


class Telling(Operations[W]):
    """An operation that tells something."""

    @operation
    def tell(self) -> Steps[None]:
        yield from emit("event")


def test_operations_of_ones_own_may_tell_events_inside_a_transaction(db: AgentDB, path: str) -> None:
    told: list[Any] = []

    with db.transaction() as tx:

        def listen(event: Any) -> None:
            with pytest.raises(TransactionActiveError):
                tx.agents.count()
            told.append(event)

        Telling(tx, on_event=listen).tell()
        assert tx.agents.count() == 0

    async def main() -> None:
        async with AsyncAgentDB.open(path) as other, other.transaction() as inside:
            await Telling(inside, on_event=told.append).tell()

    run(main)
    assert told == ["event", "event"]


# -- cancellation


@pytest.mark.parametrize("nested", [False, True], ids=["outermost", "inside"])
def test_a_cancelled_task_takes_its_transaction_back(path: str, nested: bool) -> None:
    async def main() -> None:
        async with AsyncAgentDB.open(path) as db:
            written, never = asyncio.Event(), asyncio.Event()

            async def work() -> None:
                async with db.transaction() as tx:
                    await tx.agents.create(**AGENT)
                    if nested:
                        async with tx.transaction() as inner:
                            await inner.agents.create(**AGENT)
                            written.set()
                            await never.wait()
                    written.set()
                    await never.wait()

            task = asyncio.create_task(work())
            await written.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            # At once: nobody else's turn is taken, and nothing of it is there.
            assert await db.agents.count() == 0
            async with db.transaction() as tx:
                await tx.agents.create(**AGENT)
            assert await db.agents.count() == 1

    run(main)


def test_a_statement_that_is_cancelled_is_interrupted_and_its_transaction_taken_back(path: str) -> None:
    endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"

    async def main() -> None:
        async with AsyncAgentDB.open(path) as db:
            begun = asyncio.Event()

            async def work() -> None:
                async with db.transaction() as tx:
                    await tx.agents.create(**AGENT)
                    begun.set()
                    await tx.execute(endless)

            task = asyncio.create_task(work())
            await begun.wait()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await db.agents.count() == 0

    run(main)


def test_a_timeout_at_any_step_leaves_all_or_nothing_and_the_database_usable(path: str) -> None:
    async def main() -> None:
        async with AsyncAgentDB.open(path) as db:

            async def work() -> None:
                async with db.transaction() as tx:
                    await tx.agents.create(id="a", **AGENT)
                    async with tx.transaction() as inner:
                        await inner.agents.update("a", name="changed")
                        await inner.sessions.create(id="s", main_agent_id="a")

            for steps in range(400):
                task = asyncio.create_task(work())
                for _ in range(steps):
                    await asyncio.sleep(0)
                finished = task.done()
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    pass
                counts = (await db.agents.count(), await db.sessions.count())
                assert counts in ((0, 0), (1, 1))
                if counts == (1, 1):
                    assert (await db.agents.require("a")).name == "changed"
                    assert await db.agents.delete("a", cascade=True)
                if finished:
                    return

    run(main)


async def suspended(call: Any) -> None:
    """Begin a call, and wait until that is done which it waits for first; it does not know yet."""
    waited_for = call.send(None)
    waited_for._asyncio_future_blocking = False
    await asyncio.wait([waited_for])


def test_a_call_that_nobody_awaits_any_more_ends_its_transaction(path: str) -> None:
    async def main() -> None:
        async with AsyncAgentDB.open(path) as db:
            await db.agents.create(id="a", **AGENT)
            with pytest.raises(ClosedError):
                async with db.transaction() as tx:
                    await tx.agents.create(id="b", **AGENT)
                    abandoned = tx.agents.update("a", name="x")
                    await suspended(abandoned)  # inside its savepoint by now
                    abandoned.send(None)
                    abandoned.close()
            assert [agent.name for agent in (await db.agents.list()).items] == ["n"]
            await db.agents.update("a", name="y")

    run(main)


# -- what it costs


@pytest.mark.parametrize("name", ["AgentDB", "AsyncAgentDB"])
def test_who_only_migrates_does_not_load_the_stores(path: str, name: str) -> None:
    program = f"""
import sys
from agentdb import {name}

def stores():
    return sorted(module for module in sys.modules if module.startswith(("agentdb.stores", "agentdb.queries.", "dataclasses")))

if "{name}" == "AgentDB":
    with AgentDB.open({path!r}) as db, db.transaction() as tx:
        assert stores() == [], stores()
        tx.agents
        assert "agentdb.stores.agents" in stores()
        assert "agentdb.stores.session_logs" not in sys.modules or "agentdb.stores" in sys.modules
else:
    import asyncio
    async def main():
        async with AsyncAgentDB.open({path!r}) as db, db.transaction() as tx:
            assert [module for module in stores() if module != "dataclasses"] == [], stores()
    asyncio.run(main())
assert "libsql_client" not in sys.modules and "aiohttp" not in sys.modules
"""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_store_is_made_once() -> None:
    with AgentDB.open(":memory:") as db:
        for name in ("agents", "sessions", "session_logs"):
            store = getattr(db, name)
            assert getattr(db, name) is store
            assert isinstance(store, import_module(f"agentdb.stores.{name}").__dict__[type(store).__name__])


def test_operations_of_several_tasks_on_one_transaction_come_one_after_the_other(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncAgentDB.open(tmp_path / "a.db") as db:
            ids = [(await db.agents.create(name="n", model="m")).id for _ in range(5)]
            async with db.transaction() as tx:
                # Each is a savepoint; the last one falls, and takes nothing of the others with it.
                outcomes = await asyncio.gather(
                    *(tx.agents.update(id, name="changed") for id in ids),
                    tx.agents.update("nobody", name="changed"),
                    tx.agents.create(id="new", name="changed", model="m"),
                    return_exceptions=True,
                )
            assert [type(outcome).__name__ for outcome in outcomes] == ["Agent"] * 5 + ["NotFoundError", "Agent"]
            names = [(await db.agents.require(id)).name for id in [*ids, "new"]]
            assert names == ["changed"] * 6

    asyncio.run(main())


def test_operations_of_several_threads_on_one_transaction_come_one_after_the_other(tmp_path: Path) -> None:
    with AgentDB.open(tmp_path / "a.db") as db:
        ids = [db.agents.create(name="n", model="m").id for _ in range(20)]
        failures: list[BaseException] = []

        def update(id: str) -> None:
            try:
                tx.agents.update(id, name="changed")
            except BaseException as error:
                failures.append(error)

        with db.transaction() as tx:
            threads = [threading.Thread(target=update, args=(id,)) for id in [*ids, "nobody"]]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
        assert [type(failure).__name__ for failure in failures] == ["NotFoundError"]
        assert {agent.name for agent in db.agents.list().items} == {"changed"}
