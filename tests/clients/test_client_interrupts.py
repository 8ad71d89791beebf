"""A KeyboardInterrupt at every place where Python can raise one, in the sync client.

Python looks for signals when a function is entered and when a call of C comes back; a profile function is called at
just these moments, and what it raises is raised there.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from client_harness import FOR_EVER, in_threads, rows

from agentdb import create_client_sync
from agentdb.operations import Operations, Steps, W, atomic, emit, execute

INSERT = "INSERT INTO t (v) VALUES (?)"
WHOLE = [(1,), (2,), (3,)]


class Notes(Operations[W]):
    @atomic
    def add(self) -> Steps[None]:
        yield from execute(INSERT, [1])
        yield from self.add_rest.steps()

    @atomic
    def add_rest(self) -> Steps[None]:
        for value in (2, 3):
            yield from emit(value)
            yield from execute(INSERT, [value])


def in_transaction(client: Any) -> None:
    with client.transaction() as tx:
        tx.execute(INSERT, [1])
        tx.batch([(INSERT, [2]), (INSERT, [3])])
        tx.commit()


WORK: dict[str, Callable[[Any], Any]] = {
    "read": lambda client: client.execute("SELECT * FROM t"),
    "execute": lambda client: client.execute("INSERT INTO t (v) VALUES (1), (2), (3)"),
    "returning": lambda client: client.execute("INSERT INTO t (v) VALUES (1), (2), (3) RETURNING id"),
    "batch": lambda client: client.batch([(INSERT, [value]) for value in (1, 2, 3)]),
    "transaction": in_transaction,
    "atomic": lambda client: Notes(client, lambda event: None).add(),
}


def interrupted_at(k: int, work: Callable[[], Any]) -> bool:
    """Run it with a KeyboardInterrupt at its k-th chance. False once it has fewer, and has come to its end."""
    chances = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal chances
        if event in ("call", "c_return", "c_exception"):
            chances += 1
            if chances == k:
                raise KeyboardInterrupt

    sys.setprofile(profile)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one may strike inside a __del__
@pytest.mark.parametrize("place", ["file", "memory"])
@pytest.mark.parametrize("work", WORK)
def test_interrupted_anywhere_it_is_all_or_nothing_and_the_client_is_usable_at_once(
    path: str, work: str, place: str
) -> None:
    with create_client_sync(path if place == "file" else ":memory:", busy_timeout=2) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        k, outcomes = 0, set()
        while True:
            k += 1
            client.execute("DELETE FROM t")
            interrupted = interrupted_at(k, lambda: WORK[work](client))
            began = time.monotonic()
            (found,) = in_threads(lambda: client.execute("SELECT v FROM t ORDER BY id").tuples)
            assert found in ([], WHOLE), f"interrupted at {k}"
            outcomes.add(len(found))
            in_transaction(client)
            client.execute("DELETE FROM t")
            assert time.monotonic() - began < 1, f"interrupted at {k}, something was held"
            assert len(client._write_semaphore._tokens) == 1
            assert not client._in_callback
            assert client._owner is None
            if not interrupted:
                break
        assert k > 10
        assert outcomes == ({0} if work == "read" else {0, 3})


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_real_signals_at_any_moment(path: str) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with create_client_sync(path, busy_timeout=5) as client:
            client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            struck = 0
            for number in range(300):
                work = list(WORK.values())[number % len(WORK)]
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.00003 * (number % 23 + 1))
                    work(client)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except KeyboardInterrupt:
                    struck += 1
            counts = client.execute("SELECT count(*) FROM t GROUP BY v").tuples
            assert len(set(counts)) <= 1, "parts of transactions"
            in_transaction(client)
            assert struck, "no signal came; this test proves nothing"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """As in a program in the foreground; one that was started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_while_waiting_for_another_thread(path: str, ctrl_c: None) -> None:
    with create_client_sync(path, busy_timeout=50) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        begun, end = threading.Event(), threading.Event()

        def hold() -> None:
            with client.transaction():
                begun.set()
                end.wait(50)

        def press() -> None:
            while not client._write_semaphore._waiting:
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)

        threads = [threading.Thread(target=target) for target in (hold, press)]
        threads[0].start()
        begun.wait(50)
        threads[1].start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            client.execute(INSERT, [1])
        assert time.monotonic() - began < 10
        end.set()
        for thread in threads:
            thread.join()
        client.execute(INSERT, [2])
    assert rows(path, "SELECT v FROM t") == [(2,)]


def test_a_statement_may_be_interrupted_from_another_thread(path: str) -> None:
    from agentdb.errors import StatementError

    with create_client_sync(path) as client:
        client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        (connection,) = client._idle
        done = threading.Event()

        def interrupt() -> None:
            while not done.wait(0.05):
                connection.interrupt()

        def run() -> None:
            try:
                with pytest.raises(StatementError) as caught:
                    client.execute(f"INSERT INTO t (v) {FOR_EVER}")
                assert caught.value.code == "interrupted"
                assert caught.value.engine_code == "SQLITE_INTERRUPT"
            finally:
                done.set()

        in_threads(run, interrupt)
        assert client.execute("SELECT count(*) FROM t").tuples == [(0,)]
