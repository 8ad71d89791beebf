"""What it means that the database refused a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdb.errors import IntegrityError, NotFoundError
from agentdb.stores.sessions.values import SESSION

if TYPE_CHECKING:
    from agentdb.errors import AgentDBError


def explained(error: IntegrityError, row: dict[str, object]) -> AgentDBError:
    """What a refused session means."""
    if error.code == "unique":
        taken = SESSION.taken(row["id"])
        taken.remedy += " If it is deleted softly, restore() brings it back."
        return taken
    if error.code == "foreign_key":
        # SQLite does not say which key it is.
        given = {name: row[name] for name in ("main_agent_id", "parent_session_id") if row.get(name) is not None}
        if len(given) == 1:
            ((name, id),) = given.items()
            return NotFoundError(f"{name}: there is no {'agent' if name == 'main_agent_id' else 'session'} {id!r}")
        if given:
            which = " or ".join(f"{name} {id!r}" for name, id in given.items())
            return NotFoundError(f"the session refers to what is not there: {which}")
    if error.message.startswith(("sessions: parent_session_id", "CHECK constraint failed: parent_session_id")):
        return IntegrityError(
            f"session {row.get('parent_session_id')!r} descends from the session that it would be the parent of",
            code="cycle",
        )
    return error
