"""What may wait for a disk is called away from the event loop, and is at its end when a cancellation goes on."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from agentdb import create_client, create_client_sync
from agentdb.operations import Operations, Steps, W, atomic, call, execute, operation


def where(*arguments: object) -> tuple[int, tuple[object, ...]]:
    return threading.get_ident(), arguments


def fail() -> None:
    raise OSError("the disk is gone")


class Notes(Operations[W]):
    @operation
    def ask(self) -> Steps[tuple[int, tuple[object, ...]]]:
        return (yield from call(where, 1, "x"))

    @atomic
    def add(self) -> Steps[int]:
        yield from execute("INSERT INTO notes VALUES (1)")
        yield from call(fail)
        return 1

    @atomic
    def wait(self, begun: threading.Event, go_on: threading.Event, ended: threading.Event) -> Steps[None]:
        def waiting() -> None:
            begun.set()
            go_on.wait(30)
            ended.set()

        yield from execute("INSERT INTO notes VALUES (2)")
        yield from call(waiting)


@pytest.fixture
def path(tmp_path: Path) -> str:
    place = str(tmp_path / "notes.db")
    with create_client_sync(place) as client:
        client.execute("CREATE TABLE notes (x)")
    return place


def test_a_sync_caller_runs_it_on_its_own_thread_and_an_async_one_on_another(path: str) -> None:
    with create_client_sync(path) as client:
        assert Notes(client).ask() == (threading.get_ident(), (1, "x"))

    async def main() -> None:
        async with create_client(path) as client:
            thread, arguments = await Notes(client).ask()
            assert thread != threading.get_ident()
            assert arguments == (1, "x")

    asyncio.run(main())


def test_what_it_raises_rolls_back_the_body(path: str) -> None:
    with create_client_sync(path) as client:
        with pytest.raises(OSError, match="the disk is gone"):
            Notes(client).add()
        assert client.execute("SELECT count(*) FROM notes").tuples == [(0,)]

    async def main() -> None:
        async with create_client(path) as client:
            with pytest.raises(OSError, match="the disk is gone"):
                await Notes(client).add()
            assert (await client.execute("SELECT count(*) FROM notes")).tuples == [(0,)]

    asyncio.run(main())


@pytest.mark.parametrize("times", [1, 3])
def test_a_cancellation_goes_on_when_it_is_at_its_end_and_nothing_is_kept(path: str, times: int) -> None:
    begun, go_on, ended = (threading.Event() for _ in range(3))

    async def main() -> None:
        async with create_client(path) as client:
            task = asyncio.ensure_future(Notes(client).wait(begun, go_on, ended))
            assert await asyncio.to_thread(begun.wait, 30)
            for _ in range(times):
                task.cancel()
                await asyncio.sleep(0)
            assert not task.done()
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert ended.is_set()
            assert (await client.execute("SELECT count(*) FROM notes")).tuples == [(0,)]

    asyncio.run(main())
