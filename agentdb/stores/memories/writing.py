"""Writing the row of a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentdb.errors import AgentDBError, IntegrityError, NotFoundError
from agentdb.operations import execute
from agentdb.queries import memories
from agentdb.stores.fields import TEXT
from agentdb.stores.memories.text import text_of_content, with_search_words
from agentdb.stores.memories.values import MEMORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentdb.operations import Steps
    from agentdb.stores.memories.values import Memory

#: What the row of a new memory has beside what a caller gives.
_FRESH = {"access_count": 0, "last_accessed_at": None}
#: The columns that refer to other rows, and to what.
_REFERENCES = {"agent_id": "agent", "session_id": "session", "supersedes_id": "memory"}


def insert(given: Mapping[str, Any]) -> Steps[Memory]:
    """Add a memory, of the arguments of create(). Errors as there."""
    row = MEMORY.new({name: value for name, value in given.items() if name != "text"})
    # The content is checked by now: it is JSON, and not nested in itself.
    text = given["text"]
    row["text"] = text_of_content(given["content"]) if text is None else TEXT.encode("text", text)
    try:
        yield from execute(memories.INSERT, with_search_words(row))
    except IntegrityError as error:
        raise _explained(error, row) from error
    return MEMORY.of_encoded({**row, **_FRESH})


def change(id: str, changes: Mapping[str, Any]) -> Steps[Memory]:
    """Change columns of a memory, and give it as it is now. For an atomic body. Raises NotFoundError, FieldError."""
    read, write = memories.GET_BY_ID, memories.UPDATE
    try:
        return (yield from MEMORY.change(id, changes, read=read, write=write, derive=with_search_words))
    except IntegrityError as error:
        raise _explained(error, changes) from error


def _explained(error: IntegrityError, row: Mapping[str, Any]) -> AgentDBError:
    """What a refused memory means."""
    if error.code == "unique":
        if "supersedes_id" in error.message:
            why = f"memory {row['supersedes_id']!r} is superseded by another one already"
            return IntegrityError(why, code="already_superseded")
        return MEMORY.taken(row["id"])
    if error.code == "foreign_key":
        # SQLite does not say which key it is.
        given = {name: row[name] for name in _REFERENCES if row.get(name) is not None}
        if len(given) == 1:
            ((name, id),) = given.items()
            return NotFoundError(f"{name}: there is no {_REFERENCES[name]} {id!r}")
        which = " or ".join(f"{name} {id!r}" for name, id in given.items())
        return NotFoundError(f"the memory refers to what is not there: {which}")
    if error.message.startswith("CHECK constraint failed: supersedes_id"):
        return NotFoundError(f"supersedes_id: there is no memory {row['supersedes_id']!r} before this one")
    return error
