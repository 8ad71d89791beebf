"""Sessions: make, read, change, hide, show, fork, count."""

from __future__ import annotations

from uuid import uuid4

from fastapi import APIRouter, Response

from agentdb.errors import AlreadyExistsError
from agentdb.server.answers import answer
from agentdb.server.models import Done, Fork, NewSession, SessionChange, SessionModel, StatsModel
from agentdb.server.route import Database, Route

router = APIRouter(tags=["sessions"], route_class=Route)


@router.post("/sessions", response_model=SessionModel, status_code=201, summary="Make a session")
async def create_session(new: NewSession, db: Database) -> Response:
    """Make a session."""
    given = new.model_dump(exclude_unset=True)
    if new.main_agent_id is not None:
        return answer(await db.sessions.create(**given), 201)
    given.pop("main_agent_id", None)
    id = given.pop("id", None) or str(uuid4())
    async with db.transaction() as tx:
        if await tx.sessions.exists(id, include_deleted=True):
            raise AlreadyExistsError(f"there is a session {id!r} already")
        await tx.conversations.save_session(id, [])
        return answer(await tx.sessions.update(id, **given), 201)


@router.get("/sessions/{session_id}", response_model=SessionModel, summary="A session")
async def read_session(session_id: str, db: Database) -> Response:
    """A session, without its messages."""
    return answer(await db.sessions.require(session_id))


@router.patch("/sessions/{session_id}", response_model=SessionModel, summary="Change a session")
async def update_session(session_id: str, change: SessionChange, db: Database) -> Response:
    """Change what is given of a session."""
    return answer(await db.sessions.update(session_id, **change.model_dump(exclude_unset=True)))


@router.delete("/sessions/{session_id}", response_model=Done, summary="Hide a session")
async def delete_session(session_id: str, db: Database) -> Response:
    """Hide a session until it is restored. Nothing of it is lost."""
    return answer({"done": await db.sessions.soft_delete(session_id)})


@router.post("/sessions/{session_id}/restore", response_model=Done, summary="Show a hidden session again")
async def restore_session(session_id: str, db: Database) -> Response:
    """Show a hidden session again, as it was."""
    return answer({"done": await db.sessions.restore(session_id)})


@router.post("/sessions/{session_id}/fork", response_model=SessionModel, status_code=201, summary="Fork a session")
async def fork_session(session_id: str, fork: Fork, db: Database) -> Response:
    """Make a session that begins as this one, up to a message."""
    return answer(await db.sessions.fork(session_id, fork.at_seq, fork.name, id=fork.id), 201)


@router.get("/sessions/{session_id}/stats", response_model=StatsModel, summary="The counters of a conversation")
async def read_stats(session_id: str, db: Database) -> Response:
    """How many messages and tokens a conversation has."""
    stats = await db.messages.stats(session_id)
    if stats is None:
        await db.sessions.require(session_id)
    return answer(stats)
