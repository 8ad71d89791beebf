"""Loads the upkeep of the audit trail where something is audited, and nothing elsewhere."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from agentdb.engine.migration import Item
    from agentdb.operations.requests import Steps

    T = TypeVar("T")


def audited_where(is_audited: bool, items: Sequence[Item], steps: Steps[T]) -> Steps[T]:
    """The steps that run these items of a migration; where something is audited, with the audit trail kept true."""
    if not is_audited:
        return steps
    from agentdb.engine.audit.upkeep import audited

    return audited(items, steps)
