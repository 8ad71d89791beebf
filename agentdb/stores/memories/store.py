"""Memories: what agents keep beyond a session."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from agentdb.operations import Operations, W, atomic, execute, operation
from agentdb.queries import memories, memory_search
from agentdb.stores.fields import BOOLEAN, ID, TEXT, TIME, UNSET, OnError, Unset, now_text
from agentdb.stores.memories.accesses import record
from agentdb.stores.memories.embeddings import set_vectors
from agentdb.stores.memories.ranking import RecallFormula, RecallWeights
from agentdb.stores.memories.recall import recall, recall_filters
from agentdb.stores.memories.text import text_of_content
from agentdb.stores.memories.values import (
    MEMORY,
    AccessorType,
    AccessType,
    Memory,
    MemoryAccess,
    NewMemoryAccess,
    RecalledMemory,
    VerificationStatus,
)
from agentdb.stores.memories.writing import change, insert
from agentdb.stores.pages import Page, page

if TYPE_CHECKING:
    from agentdb.operations import Steps

#: What a memory takes from the one that it supersedes, unless it is given.
_INHERITED = (
    *("agent_id", "user_id", "session_id", "type", "memory_type", "importance", "confidence", "source_type"),
    "expires_at",
)


class MemoryStore(Operations[W]):
    """The memories of a database.

    A memory outlives the session in which it was learnt, and the agent that noted it: their ids become None when they are
    deleted. agentdb calls no model. The application makes the vectors, and gives them to set_embedding() and recall().
    """

    @operation
    def create(
        self,
        *,
        content: Any,
        text: str | None = None,
        type: str = "fact",
        memory_type: str | None = None,
        agent_id: str | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        importance: float = 0.5,
        confidence: float = 1.0,
        source_type: str | None = None,
        verification_status: VerificationStatus = "unverified",
        expires_at: datetime | None = None,
        supersedes_id: str | None = None,
        id: str | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> Steps[Memory]:
        """Add a memory.

        Args:
            content: Any JSON value but None.
            text: What a search reads. None: what the content says, each value behind the name of its field.
            type: What it is about: 'fact', 'preference', 'interaction', or another word.
            memory_type: How it is used, in a word of the application's.
            agent_id: The agent that noted it.
            user_id: The user that it is about.
            session_id: The session in which it was learnt.
            importance: From 0 to 1.
            confidence: How sure it is, from 0 to 1.
            source_type: Where it comes from, in a word of the application's.
            verification_status: 'unverified', 'verified' or 'disputed'.
            expires_at: From then on recall() does not give it.
            supersedes_id: The memory that it stands in place of; see supersede().
            id: A UUID, if it is not given.
            created_at: Now, if it is not given.
            updated_at: As created_at, if it is not given.

        Raises:
            NotFoundError: There is no such agent, session or memory to supersede.
            AlreadyExistsError: The id is taken.
            IntegrityError: `already_superseded`: another memory stands in place of that one.
            FieldError: A value that its field cannot hold.
        """
        return (yield from insert(locals()))

    @atomic
    def supersede(
        self,
        id: str,
        *,
        content: Any,
        text: str | None = None,
        type: str | Unset = UNSET,
        memory_type: str | None | Unset = UNSET,
        agent_id: str | None | Unset = UNSET,
        user_id: str | None | Unset = UNSET,
        session_id: str | None | Unset = UNSET,
        importance: float | Unset = UNSET,
        confidence: float | Unset = UNSET,
        source_type: str | None | Unset = UNSET,
        verification_status: VerificationStatus = "unverified",
        expires_at: datetime | None | Unset = UNSET,
    ) -> Steps[Memory]:
        """Add a memory in place of an earlier one, which recall() does not give any more. The earlier one stays as a version.

        What is not given is as in the earlier memory. Arguments and errors as in create(); NotFoundError for `id`.
        """
        old = yield from self.require.steps(id)
        given = locals()
        fields = {name: getattr(old, name) if given[name] is UNSET else given[name] for name in _INHERITED}
        return (
            yield from insert(
                {
                    **fields,
                    "content": content,
                    "text": text,
                    "verification_status": verification_status,
                    "supersedes_id": old.id,
                    **dict.fromkeys(("id", "created_at", "updated_at")),
                }
            )
        )

    @operation
    def get(self, id: str, *, on_error: OnError = "raise") -> Steps[Memory | None]:
        """The memory with this id, or None; also where it has expired or is superseded. on_error: as for messages.page()."""
        return (yield from MEMORY.one(memories.GET_BY_ID, {"id": ID.encode("id", id)}, on_error))

    @operation
    def require(self, id: str) -> Steps[Memory]:
        """The memory with this id. Raises NotFoundError."""
        memory = yield from self.get.steps(id)
        if memory is None:
            raise MEMORY.not_found(id)
        return memory

    @operation
    def versions(self, id: str) -> Steps[list[Memory]]:
        """A memory, and those that it superseded, the newest first; none where there is no such memory."""
        return (yield from MEMORY.many(memories.VERSIONS, {"id": ID.encode("id", id)}))

    @operation
    def successor(self, id: str) -> Steps[Memory | None]:
        """The memory that supersedes this one, or None."""
        return (yield from MEMORY.one(memories.GET_SUCCESSOR, {"id": ID.encode("id", id)}))

    @atomic
    def update(
        self,
        id: str,
        *,
        content: Any = UNSET,
        text: str | None | Unset = UNSET,
        type: str | Unset = UNSET,
        memory_type: str | None | Unset = UNSET,
        agent_id: str | None | Unset = UNSET,
        user_id: str | None | Unset = UNSET,
        session_id: str | None | Unset = UNSET,
        importance: float | Unset = UNSET,
        confidence: float | Unset = UNSET,
        source_type: str | None | Unset = UNSET,
        verification_status: VerificationStatus | Unset = UNSET,
        expires_at: datetime | None | Unset = UNSET,
    ) -> Steps[Memory]:
        """Change what is given, stamp updated_at, and return the memory as it is now; None is a value, UNSET is not.

        A new content without a text brings its own text, and so does a text of None. A new text removes the vectors of the
        memory, because they were made of the text before. Raises NotFoundError, FieldError.
        """
        given = locals()
        if text is None and content is UNSET:
            given["content"] = (yield from self.require.steps(id)).content
        changes = MEMORY.changes({name: value for name, value in given.items() if name != "text"})
        if text is not None and text is not UNSET:
            changes["text"] = TEXT.encode("text", text)
        elif given["content"] is not UNSET:
            changes["text"] = text_of_content(given["content"])
        return (yield from change(id, changes))

    @operation
    def delete(self, id: str) -> Steps[bool]:
        """Delete a memory; False if there is none. One that it superseded is current again. See forget()."""
        return (yield from execute(memories.DELETE, {"id": ID.encode("id", id)})).rows_affected > 0

    @operation
    def forget(self, id: str) -> Steps[int]:
        """Delete a memory, and every version that it superseded, for good; how many there were.

        Their vectors, links, accesses and annotations go too. See erase_deleted() for what stays in the file.
        """
        return (yield from execute(memories.FORGET, {"id": ID.encode("id", id)})).rows_affected

    @operation
    def forget_user(self, user_id: str) -> Steps[int]:
        """Delete all memories of a user for good, as forget(); how many there were."""
        return (yield from execute(memories.FORGET_USER, {"user_id": ID.encode("user_id", user_id)})).rows_affected

    @operation
    def expire(self, now: datetime | None = None) -> Steps[int]:
        """Delete the memories that have expired; how many. now: those that expire at this time or earlier; the present, if
        it is not given."""
        args = {"now": now_text() if now is None else TIME.encode("now", now)}
        return (yield from execute(memories.EXPIRE, args)).rows_affected

    @operation
    def erase_deleted(self) -> Steps[bool]:
        """Overwrite what deleted memories have left in the file. False where another reader kept the -wal file from being
        emptied: then call it again later.

        Until then the search index keeps sequences of three characters of them, and the -wal file whole pages. With
        secure_delete='on', the default, no byte of the file has the text or the vectors then. What was deleted with 'off'
        or 'fast' before needs a VACUUM. Backups keep what they have. Not for inside a transaction.
        """
        yield from execute(memory_search.OPTIMIZE)
        return not (yield from execute(memory_search.CHECKPOINT)).tuples[0][0]

    @operation
    def count(self, *, user_id: str | None = None) -> Steps[int]:
        """How many memories there are, of one user or of all, those that have expired or are superseded included."""
        if user_id is None:
            return int((yield from execute(memories.COUNT)).tuples[0][0])
        args = {"user_id": ID.encode("user_id", user_id)}
        return int((yield from execute(memories.COUNT_BY_USER, args)).tuples[0][0])

    @operation
    def record_access(
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
        """Record that a memory was used. Its access_count and last_accessed_at move in the same statement.

        Args:
            memory_id: The memory.
            access_type: 'read', 'update' or 'reference'.
            accessed_by: The id or name of who used it.
            accessor_type: 'agent', 'user' or 'system'.
            context: What it was used for.
            usefulness: How useful it was, from 0 to 1.
            accessed_at: When; now, if it is not given.

        Raises:
            NotFoundError: There is no such memory.
            FieldError: A value that its field cannot hold.
        """
        return (yield from record(locals()))

    @operation
    def recall(
        self,
        query: str | None = None,
        *,
        embedding: Any = None,
        model: str | None = None,
        agent_id: str | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        type: str | None = None,
        limit: int = 10,
        min_importance: float = 0.0,
        record_access: NewMemoryAccess | None = None,
        formula: RecallFormula = RecallWeights(),  # noqa: B008 - it is frozen
        on_error: OnError = "raise",
    ) -> Steps[list[RecalledMemory]]:
        """The memories that fit best, the best first. One that has expired, or is superseded, never comes.

        The words of `query` are looked up in the index: a memory with any of them is a candidate, and one with more of
        them, or with rarer ones, ranks higher. Case, accents and parts of words count as in messages.search(). A word of
        one or two characters counts where there is no longer one. The vectors nearest to `embedding` are candidates too.
        Both lists are merged by reciprocal rank fusion. Importance, recency and use then raise a memory:

            relevance = text / (k + text_rank) + vector / (k + vector_rank)
            score = relevance * (1 + importance * I + recency * 0.5 ** (age_days / half_life_days) + use * n / (n + 5))

        RecallWeights has the weights and says what they mean. Without a query and an embedding, the candidates are the
        newest and the most important memories, and relevance is 1. Each list has the best 4 * `limit`, and at least 50.

        Args:
            query: What is looked for, in words.
            embedding: A vector: a list of numbers, an array, or the bytes of 32-bit floats.
            model: The model that made the embedding. It may be left out where the vectors of one model alone are there.
            agent_id: Memories of this agent alone.
            user_id: Memories of this user alone.
            session_id: Memories of this session alone.
            type: Memories of this type alone.
            limit: At most this many, from 1 to 10,000.
            min_importance: Memories of this importance or more alone, from 0 to 1.
            record_access: An access that is recorded for each memory that is given.
            formula: RecallWeights with other weights, or a function that makes a score of a RecallCandidate.
            on_error: As for messages.page().

        Raises:
            FieldError: `wrong_dimensions` for an embedding that is not as long as the others of its model; `bad_vector`;
                a query that holds no word; a value that is none of its kind.
        """
        filters = recall_filters(
            agent_id=agent_id, user_id=user_id, session_id=session_id, type=type, min_importance=min_importance
        )
        return (
            yield from recall(
                query,
                embedding,
                model=model,
                filters=filters,
                limit=limit,
                formula=formula,
                record_access=record_access,
                on_error=on_error,
            )
        )

    @operation
    def set_embedding(self, id: str, vector: Any, model: str) -> Steps[None]:
        """Store the vector that a model made of a memory; see memory_embeddings.set().

        Raises NotFoundError; FieldError `wrong_dimensions` where the other vectors of the model have another length,
        `bad_vector` for NaN, infinite numbers, and a vector of zeros.
        """
        yield from set_vectors({ID.encode("id", id): vector}, model)

    @operation
    def list(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        session_id: str | None = None,
        type: str | None = None,
        include_outdated: bool = False,
        limit: int = 50,
        cursor: str | None = None,
        on_error: OnError = "raise",
    ) -> Steps[Page[Memory]]:
        """Memories, the newest first: a page of at most `limit`, after the page that gave `cursor`.

        Args:
            user_id: Of this user alone.
            agent_id: Of this agent alone.
            session_id: Of this session alone.
            type: Of this type alone.
            include_outdated: Also those that have expired or are superseded.
            limit: From 1 to 10,000.
            cursor: `next_cursor` of the page before.
            on_error: As for messages.page().

        Raises:
            FieldError: A value that is none of its kind.
        """
        args = {
            "user_id": MEMORY.filter("user_id", user_id),
            "agent_id": MEMORY.filter("agent_id", agent_id),
            "session_id": MEMORY.filter("session_id", session_id),
            "type": MEMORY.filter("type", type),
            "include_outdated": BOOLEAN.encode("include_outdated", include_outdated),
        }
        if args["user_id"] is not None:
            sql = memories.PAGE_BY_USER
        elif args["session_id"] is not None:
            sql = memories.PAGE_BY_SESSION
        else:
            sql = memories.PAGE if args["agent_id"] is None else memories.PAGE_BY_AGENT
        return (yield from page(MEMORY, sql, args, limit=limit, cursor=cursor, on_error=on_error))
