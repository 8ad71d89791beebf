"""Whose data an export or an erasure is about: a session's, or a user's."""

from __future__ import annotations

from agentdb.errors import FieldError
from agentdb.stores.fields import ID


def scope_of(session_id: str | None, user_id: str | None) -> dict[str, str]:
    """{"session_id": …} or {"user_id": …}. Raises FieldError, also where both or none are given."""
    if (session_id is None) == (user_id is None):
        why = "or user_id is wanted" if user_id is None else "and user_id are both given"
        remedy = "Give the id of a session, or user_id=."
        raise FieldError.of("session_id", session_id, why, code="missing_value", remedy=remedy)
    name, value = ("session_id", session_id) if user_id is None else ("user_id", user_id)
    return {name: ID.encode(name, value)}
