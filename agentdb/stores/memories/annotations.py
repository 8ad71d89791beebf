"""Annotations: what somebody said about a memory, and what it changes when it is applied."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError, IntegrityError, NotFoundError
from agentdb.operations import Operations, W, atomic, execute, operation
from agentdb.queries import memories, memory_annotations
from agentdb.stores.fields import BOOLEAN, ID, JSON, OnError, now_text
from agentdb.stores.memories.text import text_of_content
from agentdb.stores.memories.values import (
    MEMORY,
    MEMORY_ANNOTATION,
    VERIFICATION_STATUS,
    AnnotationKind,
    Memory,
    MemoryAnnotation,
)
from agentdb.stores.memories.writing import change
from agentdb.stores.pages import Page, page

if TYPE_CHECKING:
    from agentdb.operations import Steps

_STATUS = "verification_status"


class MemoryAnnotationStore(Operations[W]):
    """The annotations of the memories of a database. An annotation changes nothing until it is applied."""

    @operation
    def create(
        self,
        memory_id: str,
        *,
        kind: AnnotationKind,
        content: Any = None,
        created_by: str | None = None,
        id: str | None = None,
        created_at: datetime | None = None,
    ) -> Steps[MemoryAnnotation]:
        """Add an annotation to a memory. See apply() for what it will do.

        Args:
            memory_id: The memory.
            kind: 'correction', 'enhancement' or 'verification'.
            content: Any JSON value. A correction and an enhancement need one. That of a verification may be None; or a dict
                with the key 'verification_status', which is 'verified', 'disputed' or 'unverified'.
            created_by: Who says so.
            id: A UUID, if it is not given.
            created_at: Now, if it is not given.

        Raises:
            NotFoundError: There is no such memory.
            AlreadyExistsError: The id is taken.
            FieldError: A value that its field cannot hold.
        """
        row = MEMORY_ANNOTATION.new(locals())
        if kind == "verification":
            _status_of(content)
        elif content is None:
            raise FieldError.of("content", None, f"is required for {kind!r}", code="missing_value")
        try:
            yield from execute(memory_annotations.INSERT, row)
        except IntegrityError as error:
            if error.code == "unique":
                raise MEMORY_ANNOTATION.taken(row["id"]) from error
            if error.code == "foreign_key":
                raise NotFoundError(f"memory_id: there is no memory {memory_id!r}") from error
            raise
        return MEMORY_ANNOTATION.of_encoded({**row, "is_applied": 0, "applied_at": None})

    @operation
    def get(self, id: str) -> Steps[MemoryAnnotation | None]:
        """The annotation with this id, or None."""
        return (yield from MEMORY_ANNOTATION.one(memory_annotations.GET_BY_ID, {"id": ID.encode("id", id)}))

    @operation
    def require(self, id: str) -> Steps[MemoryAnnotation]:
        """The annotation with this id. Raises NotFoundError."""
        annotation = yield from self.get.steps(id)
        if annotation is None:
            raise MEMORY_ANNOTATION.not_found(id)
        return annotation

    @operation
    def list(
        self,
        memory_id: str | None = None,
        *,
        kind: AnnotationKind | None = None,
        is_applied: bool | None = None,
        limit: int = 50,
        cursor: str | None = None,
        on_error: OnError = "raise",
    ) -> Steps[Page[MemoryAnnotation]]:
        """Annotations, the newest first: a page of at most `limit`, after the page that gave `cursor`.

        Args:
            memory_id: Those of this memory alone.
            kind: Those of this kind alone.
            is_applied: Those that are applied alone, or those that are not.
            limit: From 1 to 10,000.
            cursor: `next_cursor` of the page before.
            on_error: As for messages.page().
        """
        args = {
            "kind": MEMORY_ANNOTATION.filter("kind", kind),
            "is_applied": BOOLEAN.or_none().encode("is_applied", is_applied),
        }
        sql = memory_annotations.PAGE
        if memory_id is not None:
            args["memory_id"] = ID.encode("memory_id", memory_id)
            sql = memory_annotations.PAGE_BY_MEMORY
        return (yield from page(MEMORY_ANNOTATION, sql, args, limit=limit, cursor=cursor, on_error=on_error))

    @atomic
    def apply(self, id: str) -> Steps[Memory]:
        """Apply an annotation to its memory, in one transaction, and return the memory as it is then.

        A correction replaces the content of the memory. An enhancement adds to it: the keys of a dict to a dict, the items
        of a list to a list, a line to a text. The text is taken from the new content, and the vectors of the text before
        are deleted. A verification sets the verification_status.

        Raises NotFoundError; IntegrityError `already_applied`; FieldError for an enhancement of another JSON type than the
        content of the memory.
        """
        annotation = yield from self.require.steps(id)
        if annotation.is_applied:
            raise IntegrityError(f"annotation {id!r} is applied already", code="already_applied")
        yield from execute(memory_annotations.MARK_APPLIED, {"id": id, "applied_at": now_text()})
        if annotation.kind == "verification":
            return (yield from change(annotation.memory_id, {_STATUS: _status_of(annotation.content)}))
        content = annotation.content
        if annotation.kind == "enhancement":
            memory = yield from MEMORY.one(memories.GET_BY_ID, {"id": annotation.memory_id})
            assert memory is not None  # its annotations go with it
            content = _enhanced(memory.content, content)
        changes = {"content_json": JSON.encode("content", content), "text": text_of_content(content)}
        return (yield from change(annotation.memory_id, changes))

    @operation
    def delete(self, id: str) -> Steps[bool]:
        """Delete an annotation; False if there is none. What it has changed in its memory stays."""
        return (yield from execute(memory_annotations.DELETE, {"id": ID.encode("id", id)})).rows_affected > 0


def _status_of(content: Any) -> str:
    """What a verification sets. Raises FieldError."""
    if content is None:
        return "verified"
    if not isinstance(content, dict) or _STATUS not in content:
        why = f"is None or a dict with the key {_STATUS!r} for 'verification'"
        raise FieldError.of("content", content, why, code="wrong_type")
    return str(VERIFICATION_STATUS.encode(_STATUS, content[_STATUS]))


def _enhanced(content: Any, addition: Any) -> Any:
    """A content with what is added to it. Raises FieldError."""
    if isinstance(content, dict) and isinstance(addition, dict):
        return {**content, **addition}
    if isinstance(content, list) and isinstance(addition, list):
        return [*content, *addition]
    if isinstance(content, str) and isinstance(addition, str):
        return f"{content}\n{addition}"
    why = f"of the enhancement is a {type(addition).__name__}, that of the memory a {type(content).__name__}"
    remedy = "Correct the memory with a whole content instead."
    raise FieldError.of("content", addition, why, code="wrong_type", remedy=remedy)
