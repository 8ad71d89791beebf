"""Searches a file by vectors, and prints what it found: a process of its own, because its Python may be another one."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from agentdb import AgentDB, AsyncAgentDB
from agentdb.clients.local import vector_functions

VECTORS = [[1.0, 0.0, 0.0, 0.0], [0.3, -1.2, 0.7, 0.1], [0.5, 0.5, 0.5, 0.5]]


def questions() -> list[dict[str, Any]]:
    return [{"embedding": vector, "limit": 30, **more} for vector in VECTORS for more in ({}, {"user_id": "u1"})]


def show(hits: list[Any]) -> None:
    print([(hit.memory.id, hit.distance, hit.vector_rank) for hit in hits])


async def in_the_async_world(path: str) -> None:
    async with AsyncAgentDB.open(path) as db:
        try:
            print("vec_version", (await db.client.execute("SELECT vec_version()")).tuples[0][0])
        except Exception as error:
            print(str(error).splitlines()[0])
        async with db.transaction() as tx:
            show(await tx.memories.recall(**questions()[0]))
        for asked in questions()[1:]:
            show(await db.memories.recall(**asked))


def in_the_sync_world(path: str) -> None:
    with AgentDB.open(path) as db:
        try:
            print("vec_version", db.client.execute("SELECT vec_version()").tuples[0][0])
        except Exception as error:
            print(str(error).splitlines()[0])
        with db.transaction() as tx:
            show(tx.memories.recall(**questions()[0]))
        for asked in questions()[1:]:
            show(db.memories.recall(**asked))


if __name__ == "__main__":
    world, how = sys.argv[2].split()
    if how == "scan":
        vector_functions._can_be_loaded = False
    if world == "async":
        asyncio.run(in_the_async_world(sys.argv[1]))
    else:
        in_the_sync_world(sys.argv[1])
