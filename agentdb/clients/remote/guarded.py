"""Batches whose steps run only inside the transaction that they belong to.

A server takes the write lock away from a transaction that is older than five seconds, and then the next statement would be
committed on its own. So each step has the condition that the connection is not in autocommit.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_INSIDE: dict[str, Any] = {"type": "not", "cond": {"type": "is_autocommit"}}


class Steps:
    """The steps of one batch, in their order."""

    __slots__ = ("has_autocommit", "list")

    def __init__(self, *, has_autocommit: bool = True) -> None:
        """has_autocommit: whether the server can say so; without it a step depends on the one before alone."""
        self.has_autocommit = has_autocommit
        self.list: list[dict[str, Any]] = []

    def always(self, stmt: dict[str, Any] | str) -> int:
        """A step without a condition. Returns its number."""
        return self._add(stmt, None)

    def if_ok(self, step: int, stmt: dict[str, Any] | str) -> int:
        """A step that runs where another has, inside a transaction."""
        return self._add(stmt, self._inside({"type": "ok", "step": step}))

    def unless_ok(self, step: int, stmt: dict[str, Any] | str) -> int:
        """A step that runs where another has failed or was left out, inside a transaction."""
        return self._add(stmt, self._inside({"type": "not", "cond": {"type": "ok", "step": step}}))

    def inside(self, stmt: dict[str, Any] | str) -> int:
        """A step that runs inside a transaction, also where another has failed."""
        return self._add(stmt, _INSIDE)

    def _inside(self, condition: dict[str, Any]) -> dict[str, Any]:
        return {"type": "and", "conds": [condition, _INSIDE]} if self.has_autocommit else condition

    def _add(self, stmt: dict[str, Any] | str, condition: dict[str, Any] | None) -> int:
        if isinstance(stmt, str):
            stmt = {"sql": stmt, "want_rows": False}
        step: dict[str, Any] = {"stmt": stmt} if condition is None else {"condition": condition, "stmt": stmt}
        self.list.append(step)
        return len(self.list) - 1

    def request(self) -> dict[str, Any]:
        """As a request of a pipeline."""
        return {"type": "batch", "batch": {"steps": self.list}}
