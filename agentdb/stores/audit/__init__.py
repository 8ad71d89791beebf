"""The audit trail."""

from __future__ import annotations

from agentdb.stores.audit.store import AuditStore as AuditStore
