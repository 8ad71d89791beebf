"""A KeyboardInterrupt at every place of a transaction's end, while the name `tx` still lives.

Inside the methods that end a transaction it is raised at every opcode; in what they call, wherever Python can raise one: as a
function is entered and as a call of C comes back.
"""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentdb import AgentDB, AsyncAgentDB
from agentdb.errors import BusyError, TransactionActiveError

#: Functions whose every opcode is a place.
ENDS = ("__exit__", "__aexit__", "_end", "_end_async", "end", "close")
FILES = ("database.py", "transactions.py", "scopes.py")


class Stop(Exception):
    """A body that fails."""


class Striker:
    """Raises at the k-th place; `struck` says whether there was one."""

    def __init__(
        self, k: int, raised: type[BaseException], *, opcodes: bool, functions: tuple[str, ...] = ENDS
    ) -> None:
        self.k, self.raised, self.opcodes, self.functions = k, raised, opcodes, functions
        self.seen = 0
        self.struck = False

    def _place(self) -> None:
        self.seen += 1
        if self.seen == self.k:
            self.struck = True
            raise self.raised

    def _profile(self, frame: Any, event: str, argument: Any) -> None:
        if event in ("call", "c_return", "c_exception"):
            self._place()

    def _trace(self, frame: Any, event: str, argument: Any) -> Any:
        code = frame.f_code
        if code.co_name not in self.functions or not code.co_filename.endswith(FILES):
            return None
        frame.f_trace_opcodes = True
        if event in ("call", "opcode"):
            self._place()
        return self._trace

    def start(self) -> None:
        if self.opcodes:
            sys.settrace(self._trace)
        else:
            sys.setprofile(self._profile)

    @staticmethod
    def stop() -> None:
        sys.settrace(None)
        sys.setprofile(None)


def is_free(path: Path) -> bool:
    """Whether anybody may write, as another process sees it."""
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        other.close()
    return True


def names(path: Path) -> set[str]:
    other = sqlite3.connect(path)
    try:
        return {name for (name,) in other.execute("SELECT name FROM agents WHERE name LIKE 'new%'")}
    finally:
        other.close()


INSERT = "INSERT INTO agents (name, model) VALUES (?, 'm')"


def fill(tx: Any) -> None:
    tx.execute(INSERT, ["new one"])
    tx.execute(INSERT, ["new two"])


def kept(db: Any, striker: Striker, names: list[Any]) -> None:
    try:
        with db.transaction() as tx:
            names.append(tx)
            fill(tx)
            striker.start()
    finally:
        striker.stop()


def rolled_back(db: Any, striker: Striker, names: list[Any]) -> None:
    try:
        with db.transaction() as tx:
            names.append(tx)
            fill(tx)
            striker.start()
            raise Stop
    finally:
        striker.stop()


def inner(db: Any, striker: Striker, names: list[Any]) -> None:
    try:
        with db.transaction() as tx:
            names.append(tx)
            tx.execute(INSERT, ["new one"])
            with tx.transaction() as inside:
                names.append(inside)
                inside.execute(INSERT, ["new two"])
                striker.start()
    finally:
        striker.stop()


def scope(db: Any, striker: Striker, names: list[Any]) -> None:
    try:
        with db.conversations.session_scope() as conversations:
            names.append(conversations)
            for name in ("new one", "new two"):
                conversations._target.execute(INSERT, [name])
            striker.start()
    finally:
        striker.stop()


WAYS: dict[str, Callable[[Any, Striker, list[Any]], None]] = {
    "kept": kept,
    "rolled back": rolled_back,
    "inner": inner,
    "scope": scope,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one may strike inside a __del__
@pytest.mark.parametrize("raised", [KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("opcodes", [True, False], ids=["opcodes", "calls"])
@pytest.mark.parametrize("way", WAYS)
def test_struck_anywhere_at_its_end_a_transaction_is_closed_while_its_name_lives(
    path: Path, way: str, opcodes: bool, raised: type[BaseException]
) -> None:
    held: list[int] = []
    seen: set[int] = set()
    with AgentDB.open(path, busy_timeout=1, synchronous="OFF") as db:
        k = 0
        while True:
            k += 1
            db.client.execute("DELETE FROM agents WHERE name LIKE 'new%'")
            striker = Striker(k, raised, opcodes=opcodes)
            named: list[Any] = []
            try:
                WAYS[way](db, striker, named)
            except (raised, Stop):
                pass
            if not is_free(path):
                held.append(k)
            named.clear()
            found = names(path)
            assert found in (set(), {"new one", "new two"}), f"struck at {k}: {found}"
            seen.add(len(found))
            db.agents.count()  # nothing of the client is held
            assert db.client._owner is None
            if not striker.struck:
                break
    assert not held, f"at {len(held)} of {k - 1} places the write lock was still held: {held}"
    assert k > 10
    assert seen == ({0} if way == "rolled back" else {0, 2})


@pytest.mark.parametrize("raised", [KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("way", WAYS)
def test_struck_while_it_ends_a_transaction_is_closed_before_the_exception_is_handled(
    path: Path, way: str, raised: type[BaseException]
) -> None:
    """What handles the exception may write: while it does, the traceback keeps the block, and nothing collects it."""
    held: list[int] = []
    with AgentDB.open(path, busy_timeout=1, synchronous="OFF") as db:
        k = 0
        while True:
            k += 1
            db.client.execute("DELETE FROM agents WHERE name LIKE 'new%'")
            striker = Striker(k, raised, opcodes=True, functions=("end",))
            try:
                WAYS[way](db, striker, [])
            except (raised, Stop):
                if not is_free(path):
                    held.append(k)
            if not striker.struck:
                break
    assert not held, f"at {len(held)} of {k - 1} places the write lock was still held: {held}"
    assert k > 10


async def block(db: Any, striker: Striker | None, names: list[Any], *, keep: bool) -> None:
    try:
        async with db.transaction() as tx:
            names.append(tx)
            await tx.execute(INSERT, ["new one"])
            async with tx.transaction() as inside:
                names.append(inside)
                await inside.execute(INSERT, ["new two"])
            if striker is not None:
                striker.start()
            if not keep:
                raise Stop
    finally:
        if striker is not None:
            striker.stop()


async def is_free_soon(db: Any) -> bool:
    """Whether the next writer gets its turn: what ends a transaction is done on a thread of its own, before it."""
    try:
        await db.client.execute("DELETE FROM agents WHERE name LIKE 'new%'")
    except (BusyError, TransactionActiveError):
        return False
    return True


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings(
    "ignore:coroutine .* was never awaited"
)  # a warning that is recorded keeps what it is about
@pytest.mark.parametrize("raised", [asyncio.CancelledError, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("keep", [True, False], ids=["kept", "rolled back"])
def test_struck_anywhere_at_its_end_an_async_transaction_is_closed_while_its_name_lives(
    path: Path, keep: bool, raised: type[BaseException]
) -> None:
    async def rounds() -> None:
        held: list[int] = []
        seen: set[int] = set()
        async with AsyncAgentDB.open(path, busy_timeout=1, synchronous="OFF") as db:
            k = 0
            while True:
                k += 1
                striker = Striker(k, raised, opcodes=True)
                named: list[Any] = []
                try:
                    await block(db, striker, named, keep=keep)
                except (raised, Stop):
                    pass
                found = names(path)
                if not await is_free_soon(db):
                    held.append(k)
                    named.clear()
                    gc.collect()
                assert found in (set(), {"new one", "new two"}), f"struck at {k}: {found}"
                seen.add(len(found))
                if not striker.struck:
                    break
        assert not held, f"at {len(held)} of {k - 1} places the write lock was still held: {held}"
        assert k > 10
        assert seen == ({0, 2} if keep else {0})

    asyncio.run(rounds())


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize("raised", [asyncio.CancelledError, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("keep", [True, False], ids=["kept", "rolled back"])
def test_struck_while_it_ends_an_async_transaction_is_closed_before_the_exception_is_handled(
    path: Path, keep: bool, raised: type[BaseException]
) -> None:
    async def rounds() -> None:
        held: list[int] = []
        async with AsyncAgentDB.open(path, busy_timeout=1, synchronous="OFF") as db:
            k = 0
            while True:
                k += 1
                striker = Striker(k, raised, opcodes=True, functions=("end",))
                try:
                    await block(db, striker, [], keep=keep)
                except (raised, Stop):
                    if not await is_free_soon(db):
                        held.append(k)
                await db.client.execute("DELETE FROM agents WHERE name LIKE 'new%'")
                if not striker.struck:
                    break
        assert not held, f"at {len(held)} of {k - 1} places the write lock was still held: {held}"
        assert k > 10

    asyncio.run(rounds())


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "rolled back"])
def test_a_block_that_nobody_awaits_any_more_is_closed_at_whatever_it_waited_for(path: Path, keep: bool) -> None:
    async def dropped_at(k: int, db: Any, named: list[Any]) -> bool:
        """Run it up to the k-th time that it waits. False where it waits less often."""
        steps = block(db, None, named, keep=keep).__await__()
        try:
            for _ in range(k):
                waits_for: Any = next(steps)
                if waits_for is None:
                    await asyncio.sleep(0)
                else:
                    waits_for._asyncio_future_blocking = False
                    await asyncio.wait((waits_for,))
            next(steps)
        except (StopIteration, Stop):
            return False
        steps.close()
        return True

    async def rounds() -> None:
        async with AsyncAgentDB.open(path, busy_timeout=1, synchronous="OFF") as db:
            k = 0
            while True:
                k += 1
                named: list[Any] = []
                dropped = await dropped_at(k, db, named)
                assert await is_free_soon(db), f"dropped at {k}"
                if not dropped:
                    break
            assert k > 5

    asyncio.run(rounds())
