"""What differs between two dicts, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from agentdb.stores.entity import Values

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange(Values):
    """One field that two dicts do not share. `before` is None for one that was added, `after` for one that was removed."""

    field: str
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldChange]:
    """The fields that differ, in the order of `before`, then those that `after` alone has. True is not 1."""
    found = []
    for field, value in before.items():
        if field not in after:
            found.append(FieldChange(field=field, kind="removed", before=value, after=None))
        elif not _same(value, after[field]):
            found.append(FieldChange(field=field, kind="changed", before=value, after=after[field]))
    for field, value in after.items():
        if field not in before:
            found.append(FieldChange(field=field, kind="added", before=None, after=value))
    return found


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same one. To Python True is 1 also."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
