"""Accesses: who used a memory, for what, and how useful it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agentdb.errors import IntegrityError, NotFoundError
from agentdb.operations import Operations, W, execute, operation
from agentdb.queries import memory_accesses
from agentdb.stores.fields import ID, INTEGER, OnError
from agentdb.stores.memories.values import MEMORY_ACCESS, AccessorType, AccessType, MemoryAccess
from agentdb.stores.pages import Key, Page, page

if TYPE_CHECKING:
    from agentdb.operations import Steps

_BY_TIME = Key(("accessed_at", "id"), ("cursor_time", "cursor_id"), ("", 0), ("\U0010ffff", 0))


class MemoryAccessStore(Operations[W]):
    """The accesses to the memories of a database. The counters of a memory always agree with them."""

    @operation
    def create(
        self,
        memory_id: str,
        *,
        access_type: AccessType = "read",
        accessed_by: str | None = None,
        accessor_type: AccessorType = "agent",
        context: str | None = None,
        usefulness: float | None = None,
        accessed_at: datetime | None = None,
    ) -> Steps[MemoryAccess]:
        """Record that a memory was used; the same as memories.record_access()."""
        return (yield from record(locals()))

    @operation
    def get(self, id: int) -> Steps[MemoryAccess | None]:
        """The access with this id, or None."""
        return (yield from MEMORY_ACCESS.one(memory_accesses.GET_BY_ID, {"id": INTEGER.encode("id", id)}))

    @operation
    def require(self, id: int) -> Steps[MemoryAccess]:
        """The access with this id. Raises NotFoundError."""
        access = yield from self.get.steps(id)
        if access is None:
            raise MEMORY_ACCESS.not_found(id)
        return access

    @operation
    def page(
        self, memory_id: str, *, limit: int = 50, cursor: str | None = None, on_error: OnError = "raise"
    ) -> Steps[Page[MemoryAccess]]:
        """The accesses to a memory, the latest first: a page of at most `limit`, after the page that gave `cursor`.
        on_error: as for messages.page()."""
        args = {"memory_id": ID.encode("memory_id", memory_id)}
        sql = memory_accesses.PAGE
        return (yield from page(MEMORY_ACCESS, sql, args, limit=limit, cursor=cursor, key=_BY_TIME, on_error=on_error))

    @operation
    def delete(self, id: int) -> Steps[bool]:
        """Delete an access; False if there is none. The counters of its memory follow."""
        return (yield from execute(memory_accesses.DELETE, {"id": INTEGER.encode("id", id)})).rows_affected > 0


def record(given: Mapping[str, Any]) -> Steps[MemoryAccess]:
    """Add an access, of the arguments of create()."""
    row = MEMORY_ACCESS.new(given)
    try:
        result = yield from execute(memory_accesses.RECORD, row)
    except IntegrityError as error:
        if error.code == "foreign_key":
            raise NotFoundError(f"memory_id: there is no memory {row['memory_id']!r}") from error
        raise
    return MEMORY_ACCESS.of_encoded({"id": result.last_insert_rowid, **row})
