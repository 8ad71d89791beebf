"""Whole sessions to a file and back."""

from __future__ import annotations

from agentdb.stores.transfer.store import TransferStore as TransferStore
