"""Server-sent events: what was appended, and what was changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from agentdb.server.changes import Follower, changes_of
from agentdb.server.route import Database, Route

router = APIRouter(tags=["events"], route_class=Route)
_LastEventId = Annotated[str | None, Header(description="The id of the last event that the client has seen.")]


# Before the answer begins, so that what is wrong can still be said.


async def _of_all(db: Database, last_event_id: _LastEventId = None) -> Follower:
    return Follower(db, None, last_event_id)


async def _of_session(session_id: str, db: Database, last_event_id: _LastEventId = None) -> Follower:
    await db.sessions.require(session_id)
    return Follower(db, session_id, last_event_id)


@router.get("/events", response_class=EventSourceResponse, summary="Follow all conversations")
async def follow_all(
    request: Request, follower: Annotated[Follower, Depends(_of_all)]
) -> AsyncIterator[ServerSentEvent]:
    """An event `message.appended` for each message that anybody appends from now on, or behind Last-Event-ID."""
    async for event in follower.events(changes_of(request.app)):
        yield event


@router.get("/sessions/{session_id}/events", response_class=EventSourceResponse, summary="Follow a conversation")
async def follow_session(
    request: Request, follower: Annotated[Follower, Depends(_of_session)]
) -> AsyncIterator[ServerSentEvent]:
    """The events of one session: `message.appended`, `message.updated` and `message.removed`, each with the whole message.

    Each message is appended once. After a reconnection, what was changed in the last minute may come again.
    """
    async for event in follower.events(changes_of(request.app)):
        yield event
