"""The questions that the application has about notes; the same for sync and async callers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from agentdb.errors import IntegrityError, NotFoundError
from agentdb.operations import Operations, W, atomic, execute, operation
from agentdb.stores import ID, JSON_ARRAY, TEXT, TIME, UNSET, Entity, JsonArray, Page, Unset, Values, page

from . import queries

if TYPE_CHECKING:
    from agentdb.operations import Steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Values):
    """One note."""

    id: str
    session_id: str
    text: str
    tags_json: JsonArray | None
    created_at: datetime
    updated_at: datetime


NOTE = Entity(Note, id=ID, session_id=ID, text=TEXT, tags_json=JSON_ARRAY.or_none(), created_at=TIME, updated_at=TIME)


class NoteStore(Operations[W]):
    """Notes on sessions."""

    @operation
    def add(
        self,
        session_id: str,
        text: str,
        *,
        id: str | None = None,
        tags_json: JsonArray | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> Steps[Note]:
        """Add a note. Raises NotFoundError for a session that is not there, AlreadyExistsError, FieldError."""
        row = NOTE.new(locals())
        try:
            yield from execute(queries.INSERT, row)
        except IntegrityError as error:
            if error.code == "foreign_key":
                raise NotFoundError(f"session_id: there is no session {session_id!r}") from error
            raise NOTE.taken(row["id"]) if error.code == "unique" else error from error
        return NOTE.of_encoded(row)

    @operation
    def get(self, id: str) -> Steps[Note | None]:
        """The note with this id, or None."""
        return (yield from NOTE.one(queries.GET_BY_ID, {"id": ID.encode("id", id)}))

    @atomic
    def update(self, id: str, *, text: str | Unset = UNSET, tags_json: JsonArray | None | Unset = UNSET) -> Steps[Note]:
        """Change what is given. Raises NotFoundError, FieldError."""
        return (yield from NOTE.change(id, NOTE.changes(locals()), read=queries.GET_BY_ID, write=queries.UPDATE))

    @operation
    def list(self, session_id: str, *, limit: int = 50, cursor: str | None = None) -> Steps[Page[Note]]:
        """The notes of a session, newest first."""
        args = {"session_id": ID.encode("session_id", session_id)}
        return (yield from page(NOTE, queries.PAGE, args, limit=limit, cursor=cursor))

    @operation
    def delete(self, id: str) -> Steps[bool]:
        """Remove a note; False if there is none."""
        return (yield from execute(queries.DELETE, {"id": ID.encode("id", id)})).rows_affected > 0
