"""The check that nobody else has changed a conversation since the caller read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdb.errors import ConflictError
from agentdb.operations import execute
from agentdb.queries import messages, sessions
from agentdb.stores.messages.values import MESSAGE
from agentdb.stores.sessions.live import check_live

if TYPE_CHECKING:
    from agentdb.operations import Steps

#: How many messages an error shows of what came in between.
SHOWN = 100


def check_last_seq(session_id: str, expected: int) -> Steps[None]:
    """Raises ConflictError where the last seq of a live session is another one, NotFoundError where there is no such
    session. Inside a transaction."""
    state = (yield from execute(sessions.STATE, {"id": session_id})).rows
    if not state or state[0]["deleted_at"] is not None:
        yield from check_live(session_id)
    if (actual := state[0]["last_seq"]) != expected:
        args = {"session_id": session_id, "seq": expected, "limit": SHOWN}
        came = yield from MESSAGE.many(messages.CAME_BEHIND, args)
        raise ConflictError(session_id=session_id, expected=expected, actual=actual, messages=tuple(came))
