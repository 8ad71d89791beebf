"""Compactions: a summary in the model's context for messages that stay in the transcript."""

from __future__ import annotations

from agentdb.stores.compactions.store import CompactionStore as CompactionStore
