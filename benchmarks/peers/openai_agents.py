"""openai-agents: SQLiteSession, which keeps each item as JSON in a row of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agents import SQLiteSession

from benchmarks.conversations import METADATA, PAGE, USAGE, content, numbers
from benchmarks.worker import elapsed


def item(number: int) -> Any:
    return {
        "role": ("user", "assistant")[number % 2],
        "content": content(number),
        "usage": USAGE,
        "metadata": METADATA,
    }


class Peer:
    def __init__(self, folder: str, full: str, *_: str) -> None:
        path = Path(folder) / "own.db"
        self._loop = asyncio.new_event_loop()
        self._session, self._new = SQLiteSession("s", path), SQLiteSession("new", path)
        self._loop.run_until_complete(self._session.add_items([item(number) for number in range(int(full))]))
        self._numbers = numbers()
        if (loaded := len(self._loop.run_until_complete(self._session.get_items()))) != int(full):
            raise RuntimeError(f"{loaded} messages of {full}")

    def append(self, count: int) -> int:
        items = [item(next(self._numbers)) for _ in range(count)]
        return self._times(lambda: self._new.add_items([items.pop()]), count)

    def load(self, count: int) -> int:
        return self._times(lambda: self._session.get_items(), count)

    def latest(self, count: int, _: str) -> int:
        return self._times(lambda: self._session.get_items(PAGE), count)

    def close(self) -> None:
        self._session.close()
        self._new.close()
        self._loop.close()

    def _times(self, call: Callable[[], Awaitable[Any]], count: int) -> int:
        async def work() -> None:
            for _ in range(count):
                await call()

        return elapsed(lambda: self._loop.run_until_complete(work()))
