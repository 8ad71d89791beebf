"""Session events: what happened in a session, numbered one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError, IntegrityError, NotFoundError
from agentdb.operations import Operations, W, batch, execute, operation
from agentdb.queries import session_events
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import BOOLEAN, COUNT, ID, INTEGER, JSON, ON_ERROR, TIME, OnError
from agentdb.stores.pages import BEYOND_INTEGERS, Key, Page, page

if TYPE_CHECKING:
    from agentdb.operations import Steps

_BY_SEQUENCE = Key(("sequence",), ("cursor_sequence",), (0,), (BEYOND_INTEGERS,))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent(Values):
    """One event of a session. `sequence` counts from 1 in each session. `event_data` is any JSON value, or None.
    `duration_ms` is in milliseconds."""

    id: int
    session_id: str
    sequence: int
    event_type: str
    event_data: Any
    duration_ms: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to append, for append_many()."""

    event_type: str
    event_data: Any = None
    duration_ms: int | None = None
    created_at: datetime | None = None


SESSION_EVENT = Entity(
    SessionEvent,
    id=INTEGER,
    session_id=ID,
    sequence=COUNT,
    event_type=ID,
    event_data=JSON.or_none().stored_as("event_data_json"),
    duration_ms=COUNT.or_none(),
    created_at=TIME,
)


class SessionEventStore(Operations[W]):
    """The events of a database's sessions.

    Those of a session that is deleted softly are not found, unless `include_deleted` is True. What a run of it still
    reports is added to them.
    """

    @operation
    def append(
        self,
        session_id: str,
        *,
        event_type: str,
        event_data: Any = None,
        duration_ms: int | None = None,
        created_at: datetime | None = None,
    ) -> Steps[SessionEvent]:
        """Add an event to a session. Its sequence is the next one, also where several processes append at once.

        Args:
            session_id: The session.
            event_type: A word of the caller's, such as 'tool_started'.
            event_data: Any JSON value.
            duration_ms: How long it took, in milliseconds.
            created_at: When it happened; now, if it is not given.

        Raises:
            NotFoundError: There is no such session.
            FieldError: A value that its field cannot hold.
        """
        row = SESSION_EVENT.new(locals())
        try:
            result = yield from execute(session_events.APPEND, row)
        except IntegrityError as error:
            raise _explained(error, session_id) from error
        id, sequence = result.tuples[0]
        return SESSION_EVENT.of_encoded({**row, "id": id, "sequence": sequence})

    @operation
    def append_many(self, session_id: str, events: Iterable[NewEvent]) -> Steps[list[SessionEvent]]:
        """Add events in their order, in one request: all, or none. Errors as in append()."""
        ID.encode("session_id", session_id)
        if not isinstance(events, Iterable):
            why = f"is an iterable of NewEvent, not {type(events).__name__}"
            raise FieldError.of("events", events, why, code="wrong_type")
        # Read before the batch begins: nobody waits for the lock while the caller's iterable takes its time.
        rows = []
        for event in events:
            if not isinstance(event, NewEvent):
                why = f"holds a {type(event).__name__}, not a NewEvent"
                raise FieldError.of("events", event, why, code="wrong_type")
            given = {name: getattr(event, name) for name in NewEvent.__slots__}
            rows.append(SESSION_EVENT.new({**given, "session_id": session_id}))
        if not rows:
            return []
        try:
            results = yield from batch([(session_events.APPEND, row) for row in rows])
        except IntegrityError as error:
            raise _explained(error, session_id) from error
        return [
            SESSION_EVENT.of_encoded({**row, "id": result.tuples[0][0], "sequence": result.tuples[0][1]})
            for row, result in zip(rows, results, strict=True)
        ]

    @operation
    def get(self, id: int, *, include_deleted: bool = False, on_error: OnError = "raise") -> Steps[SessionEvent | None]:
        """The event with this id, or None; on_error as for page()."""
        args = {"id": INTEGER.encode("id", id), "include_deleted": BOOLEAN.encode("include_deleted", include_deleted)}
        return (yield from SESSION_EVENT.one(session_events.GET_BY_ID, args, ON_ERROR.encode("on_error", on_error)))

    @operation
    def require(self, id: int, *, include_deleted: bool = False) -> Steps[SessionEvent]:
        """The event with this id. Raises NotFoundError."""
        event = yield from self.get.steps(id, include_deleted=include_deleted)
        if event is None:
            raise SESSION_EVENT.not_found(id)
        return event

    @operation
    def page(
        self,
        session_id: str,
        *,
        event_type: str | None = None,
        after: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
        newest_first: bool = False,
        include_deleted: bool = False,
        on_error: OnError = "raise",
    ) -> Steps[Page[SessionEvent]]:
        """A page of a session's events, in their order or from their end.

        Args:
            session_id: The session.
            event_type: Events of this type alone.
            after: Events with a higher sequence alone: what a reader has not seen yet. Not together with newest_first.
            limit: At most this many, from 1 to 10,000.
            cursor: `next_cursor` of the page before.
            newest_first: The latest event first.
            include_deleted: Also where the session is deleted softly.
            on_error: As for messages.page().

        Raises:
            FieldError: A value that is none of its kind.
        """
        args = {
            "session_id": ID.encode("session_id", session_id),
            "include_deleted": BOOLEAN.encode("include_deleted", include_deleted),
        }
        key = _BY_SEQUENCE
        if after is not None:
            if newest_first:
                why = "is not given together with newest_first=True"
                raise FieldError.of("after", after, why, code="not_one_of", remedy="Leave one of the two out.")
            key = Key(key.columns, key.parameters, (COUNT.encode("after", after),), key.behind_all)
        sql = session_events.PAGE_BACK if newest_first else session_events.PAGE
        if event_type is not None:
            args["event_type"] = ID.encode("event_type", event_type)
            sql = session_events.PAGE_BACK_BY_TYPE if newest_first else session_events.PAGE_BY_TYPE
        return (
            yield from page(
                SESSION_EVENT,
                sql,
                args,
                limit=limit,
                cursor=cursor,
                oldest_first=not newest_first,
                key=key,
                on_error=on_error,
            )
        )

    @operation
    def count(self, session_id: str) -> Steps[int]:
        """How many events a session has, deleted softly or not."""
        args = {"session_id": ID.encode("session_id", session_id)}
        return int((yield from execute(session_events.COUNT_BY_SESSION_ID, args)).tuples[0][0])

    @operation
    def delete(self, id: int) -> Steps[bool]:
        """Delete an event; False if there is none. Its sequence is not given again."""
        return (yield from execute(session_events.DELETE_BY_ID, {"id": INTEGER.encode("id", id)})).rows_affected > 0

    @operation
    def prune(self, session_id: str, *, up_to: int) -> Steps[int]:
        """Delete the events of a session up to this sequence, included; how many. Their sequences are not given again."""
        args = {"session_id": ID.encode("session_id", session_id), "sequence": COUNT.encode("up_to", up_to)}
        return (yield from execute(session_events.DELETE_UP_TO, args)).rows_affected


def _explained(error: IntegrityError, session_id: str) -> Exception:
    """What a refused event means: the session is the one key that it has."""
    if error.code == "foreign_key":
        return NotFoundError(f"session_id: there is no session {session_id!r}")
    return error
