"""Compactions: plan, compact, history, restore."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from agentdb.server.answers import answer
from agentdb.server.models import EventModel, EventPage, NewCompaction, PlanModel
from agentdb.server.route import Cursor, Database, Limit, Route, RowId

router = APIRouter(tags=["compactions"], route_class=Route)
_Count = Annotated[int, Query(ge=0, lt=2**53)]


@router.get(
    "/sessions/{session_id}/compactions/plan", response_model=PlanModel, summary="What a compaction would take out"
)
async def plan_compaction(
    session_id: str, db: Database, keep_last: _Count = 10, protect_tokens: _Count = 40_000
) -> Response:
    """The messages that a compaction would take out of the context now."""
    return answer(await db.compactions.plan(session_id, keep_last=keep_last, protect_tokens=protect_tokens))


@router.post(
    "/sessions/{session_id}/compactions",
    response_model=EventModel,
    status_code=201,
    responses={204: {"description": "There is nothing to take out."}},
    summary="Compact the context",
)
async def compact_session(session_id: str, new: NewCompaction, db: Database) -> Response:
    """Put a summary in the place of older messages, in the context. The transcript stays as it is."""
    given = new.model_dump(exclude_unset=True)
    event = await db.compactions.compact(session_id, given.pop("summary"), **given)
    return Response(status_code=204) if event is None else answer(event, 201)


@router.get("/sessions/{session_id}/compactions", response_model=EventPage, summary="The compactions of a session")
async def page_compactions(session_id: str, db: Database, limit: Limit, cursor: Cursor = None) -> Response:
    """The compactions of a session, the newest first, restored ones too."""
    await db.sessions.require(session_id)
    page = await db.compactions.history(session_id, limit=limit, cursor=cursor)
    return answer({"items": page.items, "next_cursor": page.next_cursor, "has_more": page.has_more})


@router.post("/compactions/{event_id}/restore", response_model=EventModel, summary="Undo a compaction")
async def restore_compaction(event_id: RowId, db: Database) -> Response:
    """Bring back into the context what a compaction took out."""
    return answer(await db.compactions.restore(event_id))
