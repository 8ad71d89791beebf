"""Links: which memories are related, and how."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from agentdb.errors import AlreadyExistsError, FieldError, IntegrityError, NotFoundError
from agentdb.operations import Operations, W, execute, operation
from agentdb.queries import memory_links
from agentdb.stores.fields import ID, INTEGER
from agentdb.stores.memories.values import MEMORY, MEMORY_LINK, Memory, MemoryLink
from agentdb.stores.pages import BY_ID, Page, page

if TYPE_CHECKING:
    from agentdb.operations import Steps


class MemoryLinkStore(Operations[W]):
    """The links between the memories of a database. A link goes when one of its two memories goes."""

    @operation
    def create(
        self, memory_id: str, related_id: str, *, kind: str = "related", created_at: datetime | None = None
    ) -> Steps[MemoryLink]:
        """Say that two memories are related.

        Args:
            memory_id: The memory where the link begins.
            related_id: The memory where it ends, which is another one.
            kind: How they are related, in a word of the application's, such as 'contradicts'.
            created_at: Now, if it is not given.

        Raises:
            NotFoundError: One of the memories is not there.
            AlreadyExistsError: There is a link of this kind from the one to the other.
            FieldError: A value that its field cannot hold, or the same memory twice.
        """
        row = MEMORY_LINK.new(locals())
        if row["memory_id"] == row["related_id"]:
            why = "is the memory itself"
            raise FieldError.of("related_id", related_id, why, code="not_one_of", remedy="Name another memory.")
        try:
            result = yield from execute(memory_links.INSERT, row)
        except IntegrityError as error:
            if error.code == "unique":
                raise AlreadyExistsError(
                    f"a link of kind {kind!r} from memory {memory_id!r} to {related_id!r} exists already",
                    remedy="Leave it, or use another kind.",
                ) from error
            if error.code == "foreign_key":
                raise NotFoundError(f"there is no memory {memory_id!r}, or no memory {related_id!r}") from error
            raise
        return MEMORY_LINK.of_encoded({"id": result.last_insert_rowid, **row})

    @operation
    def get(self, id: int) -> Steps[MemoryLink | None]:
        """The link with this id, or None."""
        return (yield from MEMORY_LINK.one(memory_links.GET_BY_ID, {"id": INTEGER.encode("id", id)}))

    @operation
    def require(self, id: int) -> Steps[MemoryLink]:
        """The link with this id. Raises NotFoundError."""
        link = yield from self.get.steps(id)
        if link is None:
            raise MEMORY_LINK.not_found(id)
        return link

    @operation
    def page(
        self, memory_id: str, *, kind: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Steps[Page[MemoryLink]]:
        """The links that begin or end at a memory, the latest first: a page of at most `limit`, after the page that gave
        `cursor`. kind: links of this kind alone."""
        args = _question(memory_id, kind)
        return (yield from page(MEMORY_LINK, memory_links.PAGE, args, limit=limit, cursor=cursor, key=BY_ID))

    @operation
    def related(self, memory_id: str, *, kind: str | None = None) -> Steps[list[Memory]]:
        """The memories at the other ends of a memory's links, by the latest link; of one kind, or of any."""
        return (yield from MEMORY.many(memory_links.RELATED, _question(memory_id, kind)))

    @operation
    def delete(self, id: int) -> Steps[bool]:
        """Delete a link; False if there is none. Its memories stay."""
        return (yield from execute(memory_links.DELETE, {"id": INTEGER.encode("id", id)})).rows_affected > 0


def _question(memory_id: str, kind: str | None) -> dict[str, Any]:
    return {"memory_id": ID.encode("memory_id", memory_id), "kind": MEMORY_LINK.filter("kind", kind)}
