"""Messages: pages, append, update, remove, search."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from agentdb.server.answers import answer, refusal
from agentdb.server.models import Done, MessageChange, MessageModel, MessagePage, NewMessage, SearchAnswer
from agentdb.server.route import Cursor, Database, Limit, Route, RowId

router = APIRouter(tags=["messages"], route_class=Route)


@router.get("/sessions/{session_id}/messages", response_model=MessagePage, summary="The messages, by page")
async def page_messages(
    session_id: str,
    db: Database,
    limit: Limit,
    cursor: Cursor = None,
    newest_first: Annotated[bool, Query(description="From the latest on.")] = False,
) -> Response:
    """A page of the transcript."""
    await db.sessions.require(session_id)
    page = await db.messages.page(session_id, limit=limit, cursor=cursor, newest_first=newest_first)
    return answer({"items": page.items, "next_cursor": page.next_cursor, "has_more": page.has_more})


@router.post(
    "/sessions/{session_id}/messages",
    response_model=MessageModel,
    status_code=201,
    responses={200: {"model": MessageModel, "description": "It was there already, under this key."}},
    summary="Append a message",
)
async def append_message(
    session_id: str,
    new: NewMessage,
    db: Database,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, description="A key of the client's own: sent twice, it is one message, its external id."),
    ] = None,
) -> Response:
    """Append a message. A client that got no answer may send it again with the same Idempotency-Key."""
    given = new.model_dump(exclude_unset=True)
    role = given.pop("role")
    key = given.pop("external_id", None)
    if key is not None and idempotency_key not in (None, key):
        said = "external_id and the Idempotency-Key differ"
        return refusal(409, said, "two_keys", "Send one of them, or the same text in both.")
    key = key if key is not None else idempotency_key
    if key is None:
        return answer(await db.messages.append(session_id, role=role, **given), 201)
    async with db.transaction() as tx:
        there = await tx.messages.by_external_id(session_id, key)
        if there is not None:
            return answer(there, 200)
        return answer(await tx.messages.append(session_id, role=role, external_id=key, **given), 201)


@router.get("/messages/{message_id}", response_model=MessageModel, summary="A message")
async def read_message(message_id: RowId, db: Database) -> Response:
    """A message, a removed one too."""
    return answer(await db.messages.require(message_id))


@router.patch("/messages/{message_id}", response_model=MessageModel, summary="Change a message")
async def update_message(message_id: RowId, change: MessageChange, db: Database) -> Response:
    """Change what is given of a message: so a partial one grows, until its status is 'complete'."""
    return answer(await db.messages.update(message_id, **change.model_dump(exclude_unset=True)))


@router.delete("/messages/{message_id}", response_model=Done, summary="Remove a message")
async def delete_message(message_id: RowId, db: Database) -> Response:
    """Take a message out of its conversation. It can be restored."""
    return answer({"done": await db.messages.delete(message_id)})


@router.post("/messages/{message_id}/restore", response_model=Done, summary="Restore a removed message")
async def restore_message(message_id: RowId, db: Database) -> Response:
    """Put a removed message back in its place."""
    return answer({"done": await db.messages.restore(message_id)})


@router.get("/search", response_model=SearchAnswer, summary="Search in messages")
async def search_messages(
    db: Database,
    limit: Limit,
    q: Annotated[str, Query(min_length=1, description="Words; all of them must be there.")],
    session_id: Annotated[str | None, Query()] = None,
    cursor: Cursor = None,
) -> Response:
    """The messages that hold these words, the best first."""
    page = await db.messages.search(q, session_id=session_id, limit=limit, cursor=cursor)
    hits = [{"message": hit.message, "session_name": hit.session_name, "snippet": hit.snippet} for hit in page.items]
    return answer({"hits": hits, "next_cursor": page.next_cursor, "has_more": page.has_more})
