"""Messages of sessions."""

from __future__ import annotations

from agentdb.stores.messages.store import MessageStore as MessageStore
