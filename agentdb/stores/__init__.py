"""Typed operations over the query modules: keyword arguments in, frozen dataclasses out.

What a store of a host application's own entity is made of is here by name; examples/notes_app is one.
"""

from __future__ import annotations

from agentdb.stores.agent_contexts import AgentContext, AgentContextStore, AgentSwitch
from agentdb.stores.agent_metrics import AgentMetric, AgentMetricStore
from agentdb.stores.agent_versions import AgentVersion, AgentVersionStore
from agentdb.stores.agents import Agent, AgentStats, AgentStore
from agentdb.stores.attachments.reader import AttachmentReader
from agentdb.stores.attachments.store import AttachmentStore
from agentdb.stores.attachments.values import Attachment
from agentdb.stores.audit.store import AuditStore
from agentdb.stores.audit.values import AuditEntry, AuditStatus
from agentdb.stores.compactions.store import CompactionStore
from agentdb.stores.compactions.values import CompactionEvent, CompactionPlan, CompactionStats
from agentdb.stores.conversations.store import ConversationStore
from agentdb.stores.differences import FieldChange
from agentdb.stores.entity import Entity, Unreadable, Values
from agentdb.stores.erasure import EraseReport
from agentdb.stores.fields import (
    BOOLEAN,
    COUNT,
    ID,
    INTEGER,
    JSON,
    JSON_ARRAY,
    JSON_ARRAY_OR_OBJECT,
    JSON_OBJECT,
    NOT_READ,
    TEXT,
    TIME,
    UNSET,
    Field,
    JsonArray,
    JsonObject,
    NotRead,
    Unset,
    one_of,
)
from agentdb.stores.memories.accesses import MemoryAccessStore
from agentdb.stores.memories.annotations import MemoryAnnotationStore
from agentdb.stores.memories.embeddings import MemoryEmbeddingStore
from agentdb.stores.memories.links import MemoryLinkStore
from agentdb.stores.memories.ranking import RecallCandidate, RecallFormula, RecallWeights
from agentdb.stores.memories.store import MemoryStore
from agentdb.stores.memories.values import (
    EmbeddingModel,
    Memory,
    MemoryAccess,
    MemoryAnnotation,
    MemoryEmbedding,
    MemoryLink,
    NewMemoryAccess,
    RecalledMemory,
)
from agentdb.stores.messages.derived import TokenCounter
from agentdb.stores.messages.open_calls import OpenCall
from agentdb.stores.messages.search import SearchHit
from agentdb.stores.messages.store import MessageStore
from agentdb.stores.messages.values import Message, MessageStats, NewMessage
from agentdb.stores.metric_values import MetricAggregate, MetricType
from agentdb.stores.module_states import ModuleState, ModuleStateStore, StateTransition
from agentdb.stores.pages import Page, page
from agentdb.stores.session_events import NewEvent, SessionEvent, SessionEventStore
from agentdb.stores.session_logs import NewLog, SessionLog, SessionLogStore, SubtreeLog
from agentdb.stores.session_metrics import SessionMetric, SessionMetricStore
from agentdb.stores.sessions.fork import SessionNode
from agentdb.stores.sessions.search import SessionHit
from agentdb.stores.sessions.store import SessionStore
from agentdb.stores.sessions.values import (
    AgentSummary,
    EffectiveConfiguration,
    Session,
    SessionSummary,
    SessionWithAgent,
)
from agentdb.stores.transfer.values import Conflict, ExportReport, ImportReport

__all__ = [
    "BOOLEAN",
    "COUNT",
    "ID",
    "INTEGER",
    "JSON",
    "JSON_ARRAY",
    "JSON_ARRAY_OR_OBJECT",
    "JSON_OBJECT",
    "NOT_READ",
    "TEXT",
    "TIME",
    "UNSET",
    "Agent",
    "AgentContext",
    "AgentContextStore",
    "AgentMetric",
    "AgentMetricStore",
    "AgentStats",
    "AgentStore",
    "AgentSummary",
    "AgentSwitch",
    "AgentVersion",
    "AgentVersionStore",
    "Attachment",
    "AttachmentReader",
    "AttachmentStore",
    "AuditEntry",
    "AuditStatus",
    "AuditStore",
    "CompactionEvent",
    "CompactionPlan",
    "CompactionStats",
    "CompactionStore",
    "Conflict",
    "ConversationStore",
    "EffectiveConfiguration",
    "EmbeddingModel",
    "Entity",
    "EraseReport",
    "ExportReport",
    "Field",
    "FieldChange",
    "ImportReport",
    "JsonArray",
    "JsonObject",
    "Memory",
    "MemoryAccess",
    "MemoryAccessStore",
    "MemoryAnnotation",
    "MemoryAnnotationStore",
    "MemoryEmbedding",
    "MemoryEmbeddingStore",
    "MemoryLink",
    "MemoryLinkStore",
    "MemoryStore",
    "Message",
    "MessageStats",
    "MessageStore",
    "MetricAggregate",
    "MetricType",
    "ModuleState",
    "ModuleStateStore",
    "NewEvent",
    "NewLog",
    "NewMemoryAccess",
    "NewMessage",
    "NotRead",
    "OpenCall",
    "Page",
    "RecallCandidate",
    "RecallFormula",
    "RecallWeights",
    "RecalledMemory",
    "SearchHit",
    "Session",
    "SessionEvent",
    "SessionEventStore",
    "SessionHit",
    "SessionLog",
    "SessionLogStore",
    "SessionMetric",
    "SessionMetricStore",
    "SessionNode",
    "SessionStore",
    "SessionSummary",
    "SessionWithAgent",
    "StateTransition",
    "SubtreeLog",
    "TokenCounter",
    "Unreadable",
    "Unset",
    "Values",
    "one_of",
    "page",
]
