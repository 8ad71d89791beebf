"""Sessions of agents."""

from __future__ import annotations

from agentdb.stores.sessions.store import SessionStore as SessionStore
