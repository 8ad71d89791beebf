"""Which sessions a list shows, and the statement that an index answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentdb.queries import sessions
from agentdb.stores.fields import BOOLEAN, JSON_OBJECT, TEXT
from agentdb.stores.sessions.values import SESSION

if TYPE_CHECKING:
    from collections.abc import Mapping

_FLAG = BOOLEAN.or_none()


def filters(
    *,
    status: str | None = None,
    main_agent_id: str | None = None,
    user_id: str | None = None,
    tag: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    pinned: bool | None = None,
    archived: bool | None = None,
    include_deleted: bool = False,
) -> dict[str, Any]:
    """The filters of a list as its statement binds them, None for any. Raises FieldError."""
    return {
        "status": SESSION.filter("status", status),
        "main_agent_id": SESSION.filter("main_agent_id", main_agent_id),
        "user_id": SESSION.filter("user_id", user_id),
        "tag": TEXT.or_none().encode("tag", tag),
        "metadata_json": JSON_OBJECT.or_none().encode("metadata", metadata),
        "pinned": _FLAG.encode("pinned", pinned),
        "archived": _FLAG.encode("archived", archived),
        "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
    }


def newest(args: Mapping[str, Any]) -> str:
    """The statement of a page with these filters, newest first."""
    if args["pinned"]:
        return sessions.PAGE_PINNED
    if args["tag"] is not None:
        return sessions.PAGE_BY_TAG
    if args["main_agent_id"] is not None:
        return sessions.PAGE_BY_AGENT
    if args["user_id"] is not None:
        return sessions.PAGE_BY_USER
    return sessions.PAGE if args["status"] is None else sessions.PAGE_BY_STATUS


def by_activity(args: Mapping[str, Any]) -> str:
    """The same, the latest activity first."""
    if args["pinned"]:
        return sessions.PAGE_BY_ACTIVITY_PINNED
    return sessions.PAGE_BY_ACTIVITY if args["user_id"] is None else sessions.PAGE_BY_ACTIVITY_OF_USER
