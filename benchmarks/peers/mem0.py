"""mem0ai: Memory with its local vector store (qdrant on disk), and without its model: what is stored is stored as it is.

Its embedder is replaced by the benchmark's vectors. Its language model is made and never asked, so it needs no network.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ["MEM0_TELEMETRY"] = "False"  # is read at the import
os.environ.setdefault("OPENAI_API_KEY", "none: nothing is asked")

from mem0 import Memory

from benchmarks.memory_peers import DIMENSIONS, TEN, USER, Contender


class Peer(Contender):
    def __init__(self, folder: str, total: str) -> None:
        qdrant = {"path": str(Path(folder) / "qdrant"), "on_disk": True, "embedding_model_dims": DIMENSIONS}
        self._memory = Memory.from_config(
            {
                "vector_store": {"provider": "qdrant", "config": qdrant},
                "history_db_path": str(Path(folder) / "history.db"),
            }
        )
        self._memory.embedding_model = self  # embed() below
        super().__init__(total)

    def embed(self, text: str, *_: Any, **__: Any) -> list[float]:
        return self.embeddings.of(text)

    def embed_batch(self, texts: list[str], *_: Any, **__: Any) -> list[list[float]]:
        return self.embeddings.of_all(texts)

    def store_one(self, text: str) -> None:
        self._memory.add(text, user_id=USER, infer=False)

    def recall_ten(self, text: str) -> int:
        return len(self._memory.search(text, filters={"user_id": USER}, top_k=TEN, threshold=0.0)["results"])

    def close(self) -> None:
        self._memory.close()
