"""Memories: make, read, change, forget, recall."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from agentdb.server.answers import answer
from agentdb.server.models import (
    Done,
    MemoryChange,
    MemoryModel,
    MemoryPage,
    NewMemory,
    Recall,
    RecallAnswer,
)
from agentdb.server.route import Cursor, Database, Limit, Route

router = APIRouter(tags=["memories"], route_class=Route)
_Filter = Annotated[str | None, Query()]


@router.get("/memories", response_model=MemoryPage, summary="The memories, by page")
async def page_memories(
    db: Database,
    limit: Limit,
    cursor: Cursor = None,
    user_id: _Filter = None,
    agent_id: _Filter = None,
    session_id: _Filter = None,
    type: _Filter = None,
) -> Response:
    """A page of the memories that are neither expired nor superseded."""
    page = await db.memories.list(
        user_id=user_id, agent_id=agent_id, session_id=session_id, type=type, limit=limit, cursor=cursor
    )
    return answer({"items": page.items, "next_cursor": page.next_cursor, "has_more": page.has_more})


@router.post("/memories", response_model=MemoryModel, status_code=201, summary="Remember something")
async def create_memory(new: NewMemory, db: Database) -> Response:
    """Make a memory."""
    return answer(await db.memories.create(**new.model_dump(exclude_unset=True)), 201)


@router.post("/memories/recall", response_model=RecallAnswer, summary="Recall memories")
async def recall_memories(asked: Recall, db: Database) -> Response:
    """The memories that fit, the best first."""
    return answer({"memories": await db.memories.recall(**asked.model_dump(exclude_unset=True))})


@router.get("/memories/{memory_id}", response_model=MemoryModel, summary="A memory")
async def read_memory(memory_id: str, db: Database) -> Response:
    """A memory."""
    return answer(await db.memories.require(memory_id))


@router.patch("/memories/{memory_id}", response_model=MemoryModel, summary="Change a memory")
async def update_memory(memory_id: str, change: MemoryChange, db: Database) -> Response:
    """Change what is given of a memory."""
    return answer(await db.memories.update(memory_id, **change.model_dump(exclude_unset=True)))


@router.delete("/memories/{memory_id}", response_model=Done, summary="Forget a memory")
async def forget_memory(memory_id: str, db: Database) -> Response:
    """Remove a memory for good, with its earlier versions."""
    return answer({"done": await db.memories.forget(memory_id) > 0})
