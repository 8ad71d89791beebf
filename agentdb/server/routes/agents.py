"""Agents, and which of them is at work in a session."""

from __future__ import annotations

from fastapi import APIRouter, Response

from agentdb.server.answers import answer
from agentdb.server.models import (
    AgentChange,
    AgentModel,
    AgentPage,
    AgentSwitchRequest,
    ContextModel,
    NewAgent,
)
from agentdb.server.route import Cursor, Database, Limit, Route

router = APIRouter(tags=["agents"], route_class=Route)


@router.post("/sessions/{session_id}/agent", response_model=ContextModel, summary="Switch the agent of a session")
async def switch_agent(session_id: str, switch: AgentSwitchRequest, db: Database) -> Response:
    """Let another agent be at work in a session; the first one begins its history."""
    given = switch.model_dump(exclude_unset=True)
    agent = given.pop("to_agent")
    async with db.transaction() as tx:
        is_begun = await tx.agent_contexts.exists(session_id)
        act = tx.agent_contexts.switch if is_begun else tx.agent_contexts.start
        return answer(await act(session_id, agent, **given))


@router.get("/agents", response_model=AgentPage, summary="The agents, by page")
async def page_agents(db: Database, limit: Limit, cursor: Cursor = None) -> Response:
    """A page of the agents."""
    page = await db.agents.list(limit=limit, cursor=cursor)
    return answer({"items": page.items, "next_cursor": page.next_cursor, "has_more": page.has_more})


@router.post("/agents", response_model=AgentModel, status_code=201, summary="Make an agent")
async def create_agent(new: NewAgent, db: Database) -> Response:
    """Make an agent."""
    return answer(await db.agents.create(**new.model_dump(exclude_unset=True)), 201)


@router.get("/agents/{agent_id}", response_model=AgentModel, summary="An agent")
async def read_agent(agent_id: str, db: Database) -> Response:
    """An agent."""
    return answer(await db.agents.require(agent_id))


@router.patch("/agents/{agent_id}", response_model=AgentModel, summary="Change an agent")
async def update_agent(agent_id: str, change: AgentChange, db: Database) -> Response:
    """Change what is given of an agent."""
    return answer(await db.agents.update(agent_id, **change.model_dump(exclude_unset=True)))
