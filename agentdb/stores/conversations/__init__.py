"""Conversations as plain dicts and lists."""

from __future__ import annotations

from agentdb.stores.conversations.store import ConversationStore as ConversationStore
