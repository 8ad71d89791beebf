"""Forks, many processes, and the end of the interpreter."""

from __future__ import annotations

import gc
import os
import sys

import pytest
from client_harness import outside, rows, run_python

from agentdb import create_client_sync

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

FORK = """
import asyncio, gc, os, signal, sys
from agentdb import create_client, create_client_sync
from agentdb.errors import ClosedError
signal.alarm(20)
path = sys.argv[1]

def in_child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)  # kills it, if it hangs
        try:
            work()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

def refuses(use):
    try:
        use()
    except ClosedError as error:
        assert error.code == "forked", error.code
    else:
        raise AssertionError("not refused")
"""


def test_a_client_from_before_a_fork_is_refused_in_the_child_and_good_in_the_parent(path: str) -> None:
    run_python(
        FORK
        + """
client = create_client_sync(path)
client.execute("CREATE TABLE t (v)")
tx = client.transaction()
tx.execute("INSERT INTO t VALUES ('parent')")

def child():
    global tx
    for use in (
        lambda: client.execute("SELECT 1"), lambda: client.execute("DELETE FROM t"), lambda: client.batch([]),
        lambda: client.transaction(), lambda: tx.execute("SELECT 1"), lambda: tx.batch([]), tx.commit, tx.savepoint,
    ):
        refuses(use)
    tx.rollback(); tx.close(); tx.rollback_to("x")
    del tx
    client.close()
    client.close()
    gc.collect()
    # SQLite would rely on a lock that only the parent has.
    refuses(lambda: create_client_sync(path))
    os.link(path, path + "-by-another-name")
    refuses(lambda: create_client_sync(path + "-by-another-name", read_only=True))
    with create_client_sync(path + "-of-the-child") as own:
        own.execute("CREATE TABLE t (v)")

in_child(child)
tx.execute("INSERT INTO t VALUES ('more')")
tx.commit()
assert len(client.execute("SELECT * FROM t").rows) == 2
client.close()
""",
        path,
    )
    assert rows(path) == [("more",), ("parent",)]


def test_dropping_everything_in_the_child_does_no_harm_to_the_parent(path: str) -> None:
    run_python(
        FORK
        + """
client = create_client_sync(path)
client.execute("CREATE TABLE t (v)")
memory = create_client_sync(":memory:")
tx = client.transaction()
tx.execute("INSERT INTO t VALUES ('parent')")

def child():
    global tx, client, memory
    del tx, client, memory
    gc.collect()

in_child(child)
# The parent still has the lock, the -wal and the -shm; a real end of the interpreter in the child, too.
pid = os.fork()
if pid == 0:
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
other = create_client_sync(path, busy_timeout=0)
try:
    other.execute("INSERT INTO t VALUES ('other')")
except Exception as error:
    assert error.code == "busy"
else:
    raise AssertionError("the lock was lost")
assert os.path.exists(path + "-wal")
tx.commit()
other.execute("INSERT INTO t VALUES ('other')")
assert client.execute("SELECT count(*) FROM t").tuples == [(2,)]
assert client.execute("PRAGMA integrity_check").tuples == [("ok",)]
""",
        path,
    )
    assert rows(path) == [("other",), ("parent",)]


def test_a_child_that_ends_does_not_roll_back_what_the_parent_has_spilled(path: str) -> None:
    with outside(path) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        connection.executemany("INSERT INTO t (v) VALUES (?)", [("x" * 500,)] * 2000)
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM t").fetchall()
        client = create_client_sync(path, busy_timeout=0)
        tx = client.transaction()  # cannot switch to WAL now, so there is a rollback journal
    tx.execute("PRAGMA cache_size=5")
    tx.execute("UPDATE t SET v = replace(v, 'x', 'y')")
    pid = os.fork()
    if pid == 0:
        del tx, client
        gc.collect()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert os.path.exists(path + "-journal")
    tx.commit()
    client.close()
    assert rows(path, "SELECT count(*) FROM t WHERE v LIKE 'y%'") == [(2000,)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_an_async_client_from_before_a_fork(path: str) -> None:
    run_python(
        FORK
        + """
async def main():
    client = create_client(path)
    await client.execute("CREATE TABLE t (v)")
    tx = client.transaction()
    await tx.execute("INSERT INTO t VALUES ('parent')")

    def child():
        asyncio._set_running_loop(None)
        async def uses():
            for use in (
                lambda: client.execute("SELECT 1"), lambda: client.batch([]), lambda: tx.execute("SELECT 1"),
                tx.commit, tx.begin, tx.savepoint,
            ):
                try:
                    await use()
                except ClosedError as error:
                    assert error.code == "forked"
                else:
                    raise AssertionError("not refused")
            refuses(client.transaction)
            await tx.rollback(); tx.close(); await tx.rollback_to("x")
            await client.close()
        asyncio.new_event_loop().run_until_complete(uses())
        refuses(lambda: create_client(path))

    in_child(child)
    await tx.commit()
    await asyncio.gather(*[client.execute("SELECT * FROM t") for _ in range(3)])

    def child_of_an_idle_parent():
        asyncio._set_running_loop(None)
        async def own():
            async with create_client(path) as mine:
                assert (await mine.execute("SELECT count(*) FROM t")).tuples == [(1,)]
        asyncio.new_event_loop().run_until_complete(own())

    in_child(child_of_an_idle_parent)
    await client.execute("SELECT * FROM t")
    await client.close()

asyncio.run(main())
""",
        path,
    )
    assert rows(path) == [("parent",)]


def test_a_child_of_an_idle_parent_opens_its_own_and_no_row_is_lost_when_the_parent_closes(path: str) -> None:
    run_python(
        FORK
        + """
client = create_client_sync(path)
memory = create_client_sync(":memory:")
client.execute("CREATE TABLE t (v)")
memory.execute("CREATE TABLE m (v)")
from_child, to_parent = os.pipe()
from_parent, to_child = os.pipe()
pid = os.fork()
if pid == 0:
    signal.alarm(10)
    with create_client_sync(path) as own:
        own.execute("INSERT INTO t VALUES ('before')")
        os.write(to_parent, b"x")
        os.read(from_parent, 1)
        # The parent was the last that held the file, as far as it knows: does it take the -wal away from under us?
        own.execute("INSERT INTO t VALUES ('after')")
        os._exit(0)
os.read(from_child, 1)
memory.execute("SELECT * FROM m")
client.execute("INSERT INTO t VALUES ('parent')")
client.close()
os.write(to_child, b"x")
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
""",
        path,
    )
    assert rows(path) == [("after",), ("before",), ("parent",)]


def test_a_client_that_could_not_be_opened_does_not_disturb_a_fork(path: str) -> None:
    said = run_python(
        FORK
        + """
kept = []
for create in (create_client_sync, create_client):
    try:
        create(path + "/missing/folder.db")
    except Exception as error:
        kept.append(error)
client = create_client_sync(path)
client.execute("CREATE TABLE t (v)")
in_child(lambda: create_client_sync(path).execute("SELECT * FROM t"))
assert len(kept) == 2
""",
        path,
    )
    assert said == ""


def test_many_processes_write_through_their_own_clients(path: str) -> None:
    run_python(
        """
import multiprocessing, sys
from agentdb import create_client_sync

def work(path):
    with create_client_sync(path) as client:
        for number in range(25):
            client.execute("INSERT INTO t VALUES (?)", [number])
            with client.transaction() as tx:
                (count,) = tx.execute("SELECT count(*) FROM t").tuples[0]
                tx.execute("INSERT INTO t VALUES (?)", [count])
                tx.commit()

if __name__ == "__main__":
    path = sys.argv[1]
    client = create_client_sync(path)
    client.execute("CREATE TABLE t (v)")
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work, args=(path,)) for _ in range(6)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 6
    assert client.execute("SELECT count(*) FROM t").tuples == [(300,)]
""",
        path,
    )


@pytest.mark.parametrize(
    "left_open",
    [
        "client = create_client_sync(path); client.execute('SELECT 1')",
        "client = create_client_sync(path); tx = client.transaction(); tx.execute('CREATE TABLE t (v)')",
        "client = create_client(path); asyncio.run(client.execute('SELECT 1'))",
        "client = create_client(path); tx = client.transaction(); asyncio.run(tx.execute('CREATE TABLE t (v)'))",
        "client = create_client(path); loop = asyncio.new_event_loop(); "
        "task = loop.create_task(client.execute('CREATE TABLE t (v)')); loop.run_until_complete(asyncio.sleep(0)); loop.close(); "
        "task._log_destroy_pending = False",
        "import threading; client = create_client_sync(path); "
        "threading.Thread(target=client.execute, args=(FOR_EVER,), daemon=True).start()",
        "client = create_client(path); loop = asyncio.new_event_loop(); "
        "task = loop.create_task(client.execute(FOR_EVER)); loop.run_until_complete(asyncio.sleep(0.05)); "
        "task._log_destroy_pending = False; loop.close()",
    ],
)
def test_a_program_that_forgot_to_close_still_ends(path: str, left_open: str) -> None:
    program = (
        f"import asyncio, sys\nfrom agentdb import create_client, create_client_sync\npath = sys.argv[1]\n{left_open}"
    )
    from client_harness import FOR_EVER

    said = run_python(program.replace("FOR_EVER", repr(FOR_EVER)), path)
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert said == "" or "was dropped without commit() or close()" in said
    assert rows(path, "SELECT name FROM sqlite_master") in ([], [("t",)])


def test_a_sync_program_loads_nothing_of_asyncio(path: str) -> None:
    said = run_python(
        """
import sys
before = set(sys.modules)
from agentdb import create_client_sync
client = create_client_sync(sys.argv[1])
client.execute("CREATE TABLE t (v)")
client.batch([("INSERT INTO t VALUES (?)", [1])])
tx = client.transaction()
tx.execute("SELECT 1"); tx.commit()
client.close()
dear = {"asyncio", "re", "typing", "json", "logging", "hashlib", "threading", "contextlib", "dataclasses", "enum",
        "inspect", "libsql_client", "aiohttp", "click", "ctypes"}
print(sorted((set(sys.modules) - before) & dear))
""",
        path,
    )
    assert said.strip() == "[]", sys.version
