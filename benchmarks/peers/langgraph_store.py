"""langgraph-checkpoint-sqlite: SqliteStore, with its own index of vectors by sqlite-vec."""

from __future__ import annotations

import sqlite3
from itertools import count
from pathlib import Path
from typing import Any

from langgraph.store.sqlite import SqliteStore

from benchmarks.memory_peers import DIMENSIONS, TEN, USER, Contender
from benchmarks.peers import floor


class Peer(Contender):
    def __init__(self, folder: str, total: str) -> None:
        floor.connect(database := str(Path(folder) / "langgraph.db")).close()
        self._connection = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
        if not hasattr(self._connection, "enable_load_extension"):
            raise RuntimeError("this Python loads no sqlite-vec")
        index: Any = {"dims": DIMENSIONS, "embed": lambda texts: self.embeddings.of_all(texts), "text_fields": ["text"]}
        self._store_of_langgraph = SqliteStore(self._connection, index=index)
        self._store_of_langgraph.setup()
        self._keys = count()
        super().__init__(total)

    def store_one(self, text: str) -> None:
        self._store_of_langgraph.put((USER,), str(next(self._keys)), {"text": text})

    def recall_ten(self, text: str) -> int:
        return len(self._store_of_langgraph.search((USER,), query=text, limit=TEN))

    def close(self) -> None:
        self._connection.close()
