"""The check that a session is there, and not deleted softly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdb.errors import NotFoundError
from agentdb.operations import execute
from agentdb.queries import sessions
from agentdb.stores.fields import ID

if TYPE_CHECKING:
    from agentdb.clients.base import ResultSet
    from agentdb.operations import Steps


def check_live(session_id: str) -> Steps[None]:
    """Raises NotFoundError for a session that is not there, or deleted softly (`session_deleted`)."""
    check_state(session_id, (yield from execute(*state_of(session_id))))


def state_of(session_id: str) -> tuple[str, dict[str, str]]:
    """The statement whose result check_state() looks at, to be asked for together with others."""
    return sessions.STATE, {"id": ID.encode("session_id", session_id)}


def check_state(session_id: str, found: ResultSet) -> None:
    """As check_live(), of what was read."""
    state = found.rows
    if not state:
        raise NotFoundError(f"session_id: there is no session {session_id!r}")
    if state[0]["deleted_at"] is not None:
        raise NotFoundError(f"session_id: session {session_id!r} is deleted", code="session_deleted")
