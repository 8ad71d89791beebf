"""Typed operations over the query modules: keyword arguments in, frozen dataclasses out.

What a store of a host application's own entity is made of is here by name; examples/notes_app is one.
"""

from __future__ import annotations

from agentdb.stores.agent_contexts import AgentContext, AgentContextStore, AgentSwitch
from agentdb.stores.agents import Agent, AgentStore
from agentdb.stores.compactions.store import CompactionStore
from agentdb.stores.compactions.values import CompactionEvent, CompactionPlan, CompactionStats
from agentdb.stores.conversations.store import ConversationStore
from agentdb.stores.entity import Entity, Unreadable, Values
from agentdb.stores.fields import (
    BOOLEAN,
    COUNT,
    ID,
    INTEGER,
    JSON,
    JSON_ARRAY,
    JSON_ARRAY_OR_OBJECT,
    JSON_OBJECT,
    TEXT,
    TIME,
    UNSET,
    Field,
    JsonArray,
    JsonObject,
    Unset,
    one_of,
)
from agentdb.stores.messages.search import SearchHit
from agentdb.stores.messages.store import MessageStore
from agentdb.stores.messages.values import Message, MessageStats, NewMessage
from agentdb.stores.pages import Page, page
from agentdb.stores.session_logs import NewLog, SessionLog, SessionLogStore, SubtreeLog
from agentdb.stores.sessions.search import SessionHit
from agentdb.stores.sessions.store import SessionStore
from agentdb.stores.sessions.values import (
    AgentSummary,
    EffectiveConfiguration,
    Session,
    SessionSummary,
    SessionWithAgent,
)

__all__ = [
    "BOOLEAN",
    "COUNT",
    "ID",
    "INTEGER",
    "JSON",
    "JSON_ARRAY",
    "JSON_ARRAY_OR_OBJECT",
    "JSON_OBJECT",
    "TEXT",
    "TIME",
    "UNSET",
    "Agent",
    "AgentContext",
    "AgentContextStore",
    "AgentStore",
    "AgentSummary",
    "AgentSwitch",
    "CompactionEvent",
    "CompactionPlan",
    "CompactionStats",
    "CompactionStore",
    "ConversationStore",
    "EffectiveConfiguration",
    "Entity",
    "Field",
    "JsonArray",
    "JsonObject",
    "Message",
    "MessageStats",
    "MessageStore",
    "NewLog",
    "NewMessage",
    "Page",
    "SearchHit",
    "Session",
    "SessionHit",
    "SessionLog",
    "SessionLogStore",
    "SessionStore",
    "SessionSummary",
    "SessionWithAgent",
    "SubtreeLog",
    "Unreadable",
    "Unset",
    "Values",
    "one_of",
    "page",
]
