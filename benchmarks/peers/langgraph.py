"""langgraph-checkpoint-sqlite: SqliteSaver, whose every checkpoint holds the whole conversation."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver

from benchmarks.conversations import METADATA, PAGE, USAGE, content, numbers
from benchmarks.peers import floor
from benchmarks.worker import elapsed


def message(number: int) -> dict[str, Any]:
    return {
        "role": ("user", "assistant")[number % 2],
        "content": content(number),
        "usage": USAGE,
        "metadata": METADATA,
    }


class Peer:
    def __init__(self, folder: str, full: str, *_: str) -> None:
        floor.connect(database := str(Path(folder) / "own.db")).close()
        self._connection = sqlite3.connect(database, check_same_thread=False)
        self._saver = SqliteSaver(self._connection)
        self._saver.setup()
        self._put("s", [message(number) for number in range(int(full))])
        self._new: list[dict[str, Any]] = []
        self._numbers = numbers()
        if (loaded := len(self._load())) != int(full):
            raise RuntimeError(f"{loaded} messages of {full}")

    def append(self, count: int) -> int:
        added = [message(next(self._numbers)) for _ in range(count)]

        def work() -> None:
            for one in added:
                self._new.append(one)
                self._put("new", self._new)

        return elapsed(work)

    def load(self, count: int) -> int:
        def work() -> None:
            for _ in range(count):
                self._load()

        return elapsed(work)

    def latest(self, count: int, _: str) -> int:
        def work() -> None:
            for _ in range(count):
                self._load()[-PAGE:]

        return elapsed(work)

    def close(self) -> None:
        self._connection.close()

    def _put(self, thread: str, messages: list[dict[str, Any]]) -> None:
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"messages": messages}
        config: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
        self._saver.put(config, checkpoint, {"source": "loop", "step": 1}, {})

    def _load(self) -> list[dict[str, Any]]:
        found = self._saver.get_tuple({"configurable": {"thread_id": "s", "checkpoint_ns": ""}})
        assert found is not None
        messages: list[dict[str, Any]] = found.checkpoint["channel_values"]["messages"]
        return messages
