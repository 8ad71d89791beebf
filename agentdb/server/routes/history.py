"""The three routes that older clients read: a history, the list of all sessions, the agent at work."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response

from agentdb.queries import conversations
from agentdb.server.answers import answer, encoded
from agentdb.server.models import CurrentAgent, History, SessionList
from agentdb.server.route import Database, Route
from agentdb.server.texts import text_of
from agentdb.stores.fields import time_text
from agentdb.stores.messages.values import Message

router = APIRouter(tags=["history"], route_class=Route)

#: The keys of a message that stand in a history where they have a value.
_OPTIONAL = ("name", "tool_call_id", "tool_calls", "token_count", "usage", "metadata", "payload", "external_id")


def _entry(message: Message) -> dict[str, Any]:
    """A message as older clients read it: text is '' where there is none, and other keys are left out."""
    entry: dict[str, Any] = {
        "id": message.id,
        "seq": message.seq,
        "role": message.role,
        "content": text_of(message),
        "timestamp": time_text(message.created_at),
    }
    entry |= {name: value for name in _OPTIONAL if (value := getattr(message, name)) is not None}
    if message.status != "complete":
        entry["status"] = message.status
    if message.is_summary:
        entry["is_summary"] = True
    return entry


def _switches(context: dict[str, Any] | None) -> list[dict[str, str]]:
    return [
        {
            "from": entry["from"] or "",
            "to": entry["to"] or "",
            "reason": entry["reason"] or "",
            "timestamp": time_text(entry["timestamp"]),
        }
        for entry in (context["agent_history"] if context else ())
    ]


def _missing(session_id: str) -> Response:
    return answer({"error": f"Session {session_id} not found"}, 404)


@router.get("/sessions/{session_id}/history", response_model=History, summary="A conversation, whole")
async def read_history(
    session_id: str,
    db: Database,
    view: Annotated[
        Literal["transcript", "context"], Query(description="context: what the model is sent.")
    ] = "transcript",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The transcript of a session and its agents. With an ETag: a client that has it already gets 304."""
    session = await db.sessions.get(session_id)
    if session is None:
        return _missing(session_id)
    read = db.messages.context if view == "context" else db.messages.load
    found = [_entry(message) for message in await read(session_id)]
    context = await db.conversations.load_agent_context(session_id)
    body = encoded(
        {
            "session_id": session_id,
            "messages": found,
            "message_count": len(found),
            "last_activity": time_text(session.last_activity_at or session.created_at),
            "current_agent": context["current_agent"] if context else "",
            "agent_history": _switches(context),
        }
    )
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    if if_none_match is not None and _names(if_none_match, etag):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, media_type="application/json", headers={"ETag": etag, "Cache-Control": "private, no-cache"})


def _names(header: str, etag: str) -> bool:
    return any(one.strip().removeprefix("W/") in (etag, "*") for one in header.split(","))


@router.get("/sessions", response_model=SessionList, summary="The live sessions")
async def list_sessions(
    db: Database,
    limit: Annotated[int | None, Query(ge=1, lt=2**63, description="Sessions at the most; all without it.")] = None,
) -> Response:
    """All live sessions, the newest activity first."""
    # As the database has them: times that are parsed, to be written again, would cost three times the query.
    rows = (await db.client.execute(conversations.OVERVIEW, {"limit": -1 if limit is None else limit})).tuples
    total = len(rows) if limit is None or len(rows) < limit else await db.sessions.count()
    found = [
        {"session_id": id, "message_count": count, "last_activity": active, "current_agent": agent or ""}
        for id, count, active, agent in rows
    ]
    return answer({"sessions": found, "total": total})


@router.get("/agents/{session_id}/current", response_model=CurrentAgent, summary="The agent at work")
async def read_current_agent(session_id: str, db: Database) -> Response:
    """Which agent is at work in a session, and which were before."""
    context = await db.conversations.load_agent_context(session_id)
    if context is None and not await db.sessions.exists(session_id):
        return answer({"error": "Session not found"}, 404)
    return answer(
        {
            "session_id": session_id,
            "current_agent": context["current_agent"] if context else "",
            "agent_history": _switches(context),
            "switch_count": context["switch_count"] if context else 0,
        }
    )
