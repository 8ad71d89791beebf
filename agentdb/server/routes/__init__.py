"""The routes of the service, as one router for an app of ours or of a host."""

from fastapi import APIRouter

from agentdb.server.route import REFUSALS, TOKEN, Route
from agentdb.server.routes import agents, compactions, events, history, memories, messages, sessions

router = APIRouter(prefix="/api/v1", route_class=Route, responses=REFUSALS, dependencies=TOKEN)
for _one in (history, sessions, messages, compactions, agents, memories, events):
    router.include_router(_one.router)
