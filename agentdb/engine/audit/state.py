"""Whether anything is audited: asked before migrations run, and by nothing else that runs at a start."""

from __future__ import annotations

from agentdb.operations.requests import execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.operations.requests import Steps

#: How the names of all triggers of the audit trail begin.
PREFIX = "agentdb_audit_"
_IS_ON = f"SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name GLOB '{PREFIX}*' LIMIT 1"


def is_on() -> Steps[bool]:
    """Whether any table of this database is audited."""
    return len((yield from execute(_IS_ON)).tuples) > 0
