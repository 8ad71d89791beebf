"""Attachments of sessions."""

from __future__ import annotations

from agentdb.stores.attachments.store import AttachmentStore as AttachmentStore
