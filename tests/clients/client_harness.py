"""What the tests of the clients share."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentdb import create_client, create_client_sync

#: Counts to n in SQLite, without the GIL; about 1 s for 12 million on a slow machine.
COUNT_TO = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {}) SELECT count(*) FROM c"
FOR_EVER = COUNT_TO.format(10**12)


class Both:
    """The same test in the sync and in the async world: `both(value)` awaits what has to be awaited."""

    def __init__(self, *, is_async: bool) -> None:
        self.is_async = is_async
        self._runner = asyncio.Runner() if is_async else None
        self._clients: list[Any] = []

    def open(self, place: Any, *, is_durable: bool = False, **options: Any) -> Any:
        """A client. It does not wait for the disk, unless it is to be durable: then as it is where nothing is said."""
        if not is_durable:
            options.setdefault("synchronous", "OFF")
        client = (create_client if self.is_async else create_client_sync)(place, **options)
        self._clients.append(client)
        return client

    def __call__(self, value: Any) -> Any:
        if self._runner is None or not inspect.isawaitable(value):
            return value

        async def waiting() -> Any:
            return await value

        return self._runner.run(waiting())

    def begin(self, client: Any) -> Any:
        transaction = client.transaction()
        if self.is_async:
            self(transaction.begin())
        return transaction

    def settle(self) -> None:
        """Let what was only asked for happen: rollbacks of dropped transactions, in the async world."""
        gc.collect(1)  # of young things: a whole collection takes long where thousands of tests have gone before
        if self._runner is not None:
            self._runner.run(asyncio.sleep(0.02))

    def __enter__(self) -> Both:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            self(client.close())
        if self._runner is not None:
            self._runner.close()


@contextmanager
def outside(path: str, **options: Any) -> Iterator[sqlite3.Connection]:
    """A plain connection, as another program would have one."""
    connection = sqlite3.connect(path, isolation_level=None, **options)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def locked(path: str) -> Iterator[sqlite3.Connection]:
    """The write lock is in another program's hand."""
    with outside(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def rows(path: str, sql: str = "SELECT * FROM t ORDER BY 1") -> list[tuple[Any, ...]]:
    """What another program sees."""
    with outside(path) as connection:
        return connection.execute(sql).fetchall()


def in_threads(*functions: Callable[[], Any]) -> list[Any]:
    """Run each on a thread of its own; return what they return, or raise what the first of them raises."""
    answers: list[Any] = [None] * len(functions)
    errors: list[BaseException] = []

    def call(number: int, function: Callable[[], Any]) -> None:
        try:
            answers[number] = function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=item) for item in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return answers


def run_python(program: str, *arguments: str, user: int | None = None, timeout: float = 30) -> str:
    """Run a program of its own process; return its output, its errors included. Raises where it fails."""
    if user is not None:
        # Imports first: that user may not be able to read this Python.
        imports = "os, logging, traceback, urllib.parse, agentdb.clients.local.sync_client, agentdb.clients.local.async_client"
        program = f"import {imports}\nos.setgroups([]); os.setgid({user}); os.setuid({user})\n{program}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Cancelling:
    """Awaits something, and cancels the task that does at the k-th suspension; counts the suspensions.

    early: before what it waits for can have happened; else when it has happened, and the news is on its way. again: at
    every later suspension as well, as a caller does who loses patience.
    """

    def __init__(self, work: Awaitable[Any], k: int, *, early: bool = True, again: bool = False) -> None:
        self._work = work
        self._k = k
        self._early = early
        self._again = again
        self.suspensions = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        inner: Any = self._work.__await__()
        resume = inner.send
        value: Any = None
        while True:
            try:
                waited_for = resume(value)
            except StopIteration as done:
                return done.value
            self.suspensions += 1
            due = self.suspensions == self._k or (self._again and self.suspensions > self._k)
            if due and self._early:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                value = yield waited_for
                resume = inner.send
                if due and not self._early:
                    value, resume = asyncio.CancelledError(), inner.throw
            except BaseException as error:
                value, resume = error, inner.throw


async def cancelled_at(work: Awaitable[Any], k: int, *, early: bool = True, again: bool = False) -> int | None:
    """Run it in a task that is cancelled at its k-th suspension. None once it has fewer than that, and was not cancelled.

    Else the number of its suspensions.
    """
    cancelling = Cancelling(work, k, early=early, again=again)

    async def waiting() -> None:
        await cancelling

    try:
        await asyncio.create_task(waiting())
    except asyncio.CancelledError:
        pass
    return cancelling.suspensions if cancelling.suspensions >= k else None
