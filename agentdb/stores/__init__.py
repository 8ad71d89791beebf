"""Typed operations over the query modules: keyword arguments in, frozen dataclasses out.

What a store of a host application's own entity is made of is here by name; examples/notes_app is one.
"""

from __future__ import annotations

from agentdb.stores.agents import Agent, AgentStore
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import (
    COUNT,
    ID,
    INTEGER,
    JSON,
    JSON_ARRAY,
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
from agentdb.stores.pages import Page, page
from agentdb.stores.session_logs import NewLog, SessionLog, SessionLogStore, SubtreeLog
from agentdb.stores.sessions import AgentCard, Effective, Session, SessionCard, SessionStore, SessionWithAgent

__all__ = [
    "COUNT",
    "ID",
    "INTEGER",
    "JSON",
    "JSON_ARRAY",
    "JSON_OBJECT",
    "TEXT",
    "TIME",
    "UNSET",
    "Agent",
    "AgentCard",
    "AgentStore",
    "Effective",
    "Entity",
    "Field",
    "JsonArray",
    "JsonObject",
    "NewLog",
    "Page",
    "Session",
    "SessionCard",
    "SessionLog",
    "SessionLogStore",
    "SessionStore",
    "SessionWithAgent",
    "SubtreeLog",
    "Unset",
    "Values",
    "one_of",
    "page",
]
