"""What the stores of memories give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import BOOLEAN, COUNT, ID, INTEGER, JSON, SCORE, TEXT, TIME, one_of
from agentdb.stores.memories.vectors import VECTOR

VerificationStatus: TypeAlias = Literal["unverified", "verified", "disputed"]
AccessType: TypeAlias = Literal["read", "update", "reference"]
AccessorType: TypeAlias = Literal["agent", "user", "system"]
AnnotationKind: TypeAlias = Literal["correction", "enhancement", "verification"]

VERIFICATION_STATUS = one_of("unverified", "verified", "disputed")
ACCESS_TYPE = one_of("read", "update", "reference")
ACCESSOR_TYPE = one_of("agent", "user", "system")
ANNOTATION_KIND = one_of("correction", "enhancement", "verification")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(Values):
    """One memory.

    `content` is any JSON value. `text` is what a search reads. `type` says what it is about: 'fact', 'preference',
    'interaction', or another word. `memory_type` says how it is used, in the application's words. `importance` and
    `confidence` are from 0 to 1. `access_count` and `last_accessed_at` follow the accesses that are recorded.
    `supersedes_id` is the id of the version before this one.
    """

    id: str
    agent_id: str | None
    user_id: str | None
    session_id: str | None
    type: str
    memory_type: str | None
    content: Any
    text: str
    importance: float
    confidence: float
    source_type: str | None
    verification_status: VerificationStatus
    expires_at: datetime | None
    last_accessed_at: datetime | None
    access_count: int
    supersedes_id: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecalledMemory(Values):
    """A memory that was recalled, with its score: the higher, the better. `text_rank` and `vector_rank` count from 1. They are
    None where the words, or the vector, did not find it. `distance` is the cosine distance, from 0 to 2."""

    memory: Memory
    score: float
    text_rank: int | None
    vector_rank: int | None
    distance: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryAccess(Values):
    """One use of a memory. `usefulness` is from 0 to 1."""

    id: int
    memory_id: str
    access_type: AccessType
    accessed_by: str | None
    accessor_type: AccessorType
    context: str | None
    usefulness: float | None
    accessed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMemoryAccess:
    """An access to record for each memory that recall() gives."""

    accessed_by: str | None = None
    accessor_type: AccessorType = "agent"
    access_type: AccessType = "read"
    context: str | None = None
    usefulness: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLink(Values):
    """Two memories that are related. `kind` is a word of the application's; the link has a direction."""

    id: int
    memory_id: str
    related_id: str
    kind: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryAnnotation(Values):
    """What somebody said about a memory, and whether it was applied to it."""

    id: str
    memory_id: str
    kind: AnnotationKind
    content: Any
    created_by: str | None
    is_applied: bool
    applied_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEmbedding(Values):
    """The vector that a model made of a memory: `dimensions` numbers of 32 bits."""

    memory_id: str
    model: str
    dimensions: int
    vector: list[float]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingModel(Values):
    """A model that has vectors in this database, and how many."""

    model: str
    dimensions: int
    total: int


MEMORY = Entity(
    Memory,
    id=ID,
    agent_id=ID.or_none(),
    user_id=ID.or_none(),
    session_id=ID.or_none(),
    type=ID,
    memory_type=TEXT.or_none(),
    content=JSON.stored_as("content_json"),
    text=TEXT,
    importance=SCORE,
    confidence=SCORE,
    source_type=TEXT.or_none(),
    verification_status=VERIFICATION_STATUS,
    expires_at=TIME.or_none(),
    last_accessed_at=TIME.or_none(),
    access_count=COUNT,
    supersedes_id=ID.or_none(),
    created_at=TIME,
    updated_at=TIME,
)
MEMORY_ACCESS = Entity(
    MemoryAccess,
    id=INTEGER,
    memory_id=ID,
    access_type=ACCESS_TYPE,
    accessed_by=TEXT.or_none(),
    accessor_type=ACCESSOR_TYPE,
    context=TEXT.or_none(),
    usefulness=SCORE.or_none(),
    accessed_at=TIME,
)
MEMORY_LINK = Entity(MemoryLink, id=INTEGER, memory_id=ID, related_id=ID, kind=ID, created_at=TIME)
MEMORY_ANNOTATION = Entity(
    MemoryAnnotation,
    id=ID,
    memory_id=ID,
    kind=ANNOTATION_KIND,
    content=JSON.or_none().stored_as("content_json"),
    created_by=TEXT.or_none(),
    is_applied=BOOLEAN,
    applied_at=TIME.or_none(),
    created_at=TIME,
)
MEMORY_EMBEDDING = Entity(MemoryEmbedding, memory_id=ID, model=ID, dimensions=COUNT, vector=VECTOR, created_at=TIME)
EMBEDDING_MODEL = Entity(EmbeddingModel, model=ID, dimensions=COUNT, total=COUNT)
