"""Embeddings: the vectors that models made of memories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError, IntegrityError, NotFoundError
from agentdb.operations import Operations, W, batch, execute, operation
from agentdb.queries import memory_embeddings
from agentdb.stores.fields import ID, now_text
from agentdb.stores.memories.values import (
    EMBEDDING_MODEL,
    MEMORY,
    MEMORY_EMBEDDING,
    EmbeddingModel,
    Memory,
    MemoryEmbedding,
)
from agentdb.stores.memories.vectors import VECTOR, wrong_dimensions
from agentdb.stores.pages import Page, page

if TYPE_CHECKING:
    from agentdb.operations import Steps


class MemoryEmbeddingStore(Operations[W]):
    """The vectors of the memories of a database, as many of each memory as there are models.

    All vectors of one model have the same number of dimensions. A vector goes when the text of its memory changes, because
    it was made of the text before.
    """

    @operation
    def set(self, memory_id: str, vector: Any, model: str) -> Steps[None]:
        """Store the vector that a model made of a memory; one of the same model is replaced.

        Args:
            memory_id: The memory.
            vector: A list of numbers, an array, or the bytes of 32-bit floats, the lowest byte first.
            model: The name of the model.

        Raises:
            NotFoundError: There is no such memory.
            FieldError: `wrong_dimensions` where the other vectors of the model have another length; `bad_vector` for NaN,
                infinite numbers, and a vector of zeros; a value that is none of its kind.
        """
        yield from set_vectors({ID.encode("memory_id", memory_id): vector}, model)

    @operation
    def set_many(self, vectors: Mapping[str, Any], model: str) -> Steps[None]:
        """Store the vectors of many memories, by the ids of these: all, or none. As set()."""
        if not isinstance(vectors, Mapping):
            why = f"is a dict of ids and vectors, not {type(vectors).__name__}"
            raise FieldError.of("vectors", vectors, why, code="wrong_type")
        yield from set_vectors(vectors, model)

    @operation
    def get(self, memory_id: str, model: str) -> Steps[MemoryEmbedding | None]:
        """The vector that a model made of a memory, or None."""
        return (yield from MEMORY_EMBEDDING.one(memory_embeddings.GET, _key(memory_id, model)))

    @operation
    def require(self, memory_id: str, model: str) -> Steps[MemoryEmbedding]:
        """The vector that a model made of a memory. Raises NotFoundError."""
        embedding = yield from self.get.steps(memory_id, model)
        if embedding is None:
            raise NotFoundError(f"there is no vector of model {model!r} for memory {memory_id!r}")
        return embedding

    @operation
    def delete(self, memory_id: str, model: str) -> Steps[bool]:
        """Delete the vector that a model made of a memory; False if there is none."""
        return (yield from execute(memory_embeddings.DELETE, _key(memory_id, model))).rows_affected > 0

    @operation
    def delete_model(self, model: str) -> Steps[int]:
        """Delete all vectors of a model, so that its name can have vectors of another length; how many there were."""
        args = {"model": ID.encode("model", model)}
        return (yield from execute(memory_embeddings.DELETE_BY_MODEL, args)).rows_affected

    @operation
    def models(self) -> Steps[list[EmbeddingModel]]:
        """The models that have vectors, in the order of their names, each with how many."""
        return (yield from EMBEDDING_MODEL.many(memory_embeddings.MODELS, {}))

    @operation
    def missing(self, model: str, *, limit: int = 50, cursor: str | None = None) -> Steps[Page[Memory]]:
        """The memories that have no vector of a model, the newest first: a page of at most `limit`, after the page that gave
        `cursor`."""
        args = {"model": ID.encode("model", model)}
        return (yield from page(MEMORY, memory_embeddings.PAGE_WITHOUT, args, limit=limit, cursor=cursor))


def _key(memory_id: str, model: str) -> dict[str, Any]:
    return {"memory_id": ID.encode("memory_id", memory_id), "model": ID.encode("model", model)}


def set_vectors(vectors: Mapping[str, Any], model: str) -> Steps[None]:
    """Store vectors of one model, by the ids of their memories: all, or none. Errors as in MemoryEmbeddingStore.set()."""
    model = ID.encode("model", model)
    now = now_text()
    rows: list[dict[str, Any]] = []
    for id, vector in vectors.items():
        blob = VECTOR.encode("vector", vector)
        rows.append({**_key(id, model), "dimensions": len(blob) // 4, "created_at": now, "vector": blob})
    if not rows:
        return
    try:
        if len(rows) == 1:
            yield from execute(memory_embeddings.SET, rows[0])
        else:
            yield from batch([(memory_embeddings.SET, row) for row in rows])
    except IntegrityError as error:
        if error.code == "foreign_key":
            which = repr(rows[0]["memory_id"]) if len(rows) == 1 else "with one of these ids"
            raise NotFoundError(f"memory_id: there is no memory {which}") from error
        if error.message.startswith("memory_embeddings: the vectors of this model"):
            found = (yield from execute(memory_embeddings.DIMENSIONS, {"model": model})).tuples
            there = found[0][0] if found else rows[0]["dimensions"]
            given = next((row["dimensions"] for row in rows if row["dimensions"] != there), there)
            raise wrong_dimensions("vector", given, model, there) from error
        raise
