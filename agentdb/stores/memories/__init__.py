"""Memories: what agents keep beyond a session."""

from __future__ import annotations

from agentdb.stores.memories.store import MemoryStore as MemoryStore
