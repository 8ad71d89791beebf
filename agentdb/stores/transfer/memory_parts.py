"""What of a user's memories is in an export: one entry for each table, in the order in which its rows stand there."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentdb.queries import memory_transfer, transfer
from agentdb.stores.transfer.parts import Part

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class MemoryPart(Part):
    """One table. `same` finds a row that says the same, whatever its number is. A column of `blobs` is base64 in the file."""

    same: str = ""
    blobs: tuple[str, ...] = ()

    def to_line(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of the database as a line has it."""
        return {**row, **{name: b64encode(row[name]).decode() for name in self.blobs}}

    def to_row(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """The reverse. Raises ValueError for what is no base64."""
        blobs: dict[str, Any] = {}
        for name in self.blobs:
            if not isinstance(line[name], str):
                raise ValueError(f"{name} is base64")
            blobs[name] = b64decode(line[name], validate=True)
        return {**line, **blobs}


#: `number` gives their order, in which each stands behind the one that it supersedes; another database gives its own.
MEMORIES = MemoryPart(
    "memories",
    memory_transfer.MEMORIES,
    memory_transfer.INSERT_MEMORY,
    key={"number": 0},
    same=memory_transfer.MEMORY,
)
OF_MEMORIES: tuple[MemoryPart, ...] = (
    MemoryPart(
        "memory_links",
        memory_transfer.LINKS,
        memory_transfer.INSERT_LINK,
        key={"id": 0},
        same=memory_transfer.SAME_LINK,
    ),
    MemoryPart(
        "memory_accesses",
        memory_transfer.ACCESSES,
        memory_transfer.INSERT_ACCESS,
        key={"id": 0},
        same=memory_transfer.SAME_ACCESS,
    ),
    MemoryPart(
        "memory_annotations",
        memory_transfer.ANNOTATIONS,
        memory_transfer.INSERT_ANNOTATION,
        key={"id": ""},
        same=memory_transfer.SAME_ANNOTATION,
    ),
    MemoryPart(
        "memory_embeddings",
        memory_transfer.EMBEDDINGS,
        memory_transfer.INSERT_EMBEDDING,
        key={"id": 0},
        same=memory_transfer.SAME_EMBEDDING,
        blobs=("vector",),
    ),
)
AGENTS_OF_MEMORIES = Part("agents", memory_transfer.AGENTS, transfer.INSERT_AGENT, key={"id": ""})
MEMORY_PARTS: tuple[MemoryPart, ...] = (MEMORIES, *OF_MEMORIES)
BY_TABLE: Mapping[str, MemoryPart] = {part.table: part for part in MEMORY_PARTS}
