"""The TypedDicts of an SDK as pydantic can check them whole.

An SDK writes `Iterable[Block]` for what is a list in JSON. pydantic would check such a field only while somebody iterates
over it, so each TypedDict is rewritten with lists.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Sequence
from functools import cache
from os import PathLike
from typing import IO, Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from typing_extensions import TypeAliasType, TypedDict, is_typeddict

_MADE: dict[Any, Any] = {}


def with_lists(hint: Any) -> Any:
    """The same type, its TypedDicts rewritten."""
    if is_typeddict(hint):
        if hint not in _MADE:
            fields: dict[str, Any] = {}
            hints = get_type_hints(hint)
            _MADE[hint] = Any  # a type that holds itself is checked to its first level
            for name, inner in hints.items():
                inner = with_lists(inner)
                fields[name] = inner if name in hint.__required_keys__ else NotRequired[inner]
            _MADE[hint] = TypedDict(hint.__name__, fields)  # type: ignore[operator]
        return _MADE[hint]
    if isinstance(hint, TypeAliasType):
        return with_lists(hint.__value__)
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return with_lists(args[0])
    if origin in (Union, types.UnionType):
        held = [each for each in args if (get_origin(each) or each) not in (IO, PathLike)]  # no JSON
        return Union[tuple(map(with_lists, held))]  # noqa: UP007
    if origin is dict:
        return dict[args[0], with_lists(args[1])]  # type: ignore[misc]
    if origin in (list, Iterable, Sequence) or getattr(origin, "__name__", "") == "SequenceNotStr":
        return list[with_lists(args[0])]  # type: ignore[misc]
    return hint


@cache
def checker(hint: Any) -> TypeAdapter[Any]:
    """What checks a value of an SDK's type, to its last level."""
    return TypeAdapter(with_lists(hint))


def by_type(union: Any) -> dict[str, list[Any]]:
    """The TypedDicts of a union by the value of their field `type`; under `message` those where it may be left out."""
    found: dict[str, list[Any]] = {}
    for variant in get_args(union):
        for each in (variant, *get_args(variant)):
            if not is_typeddict(each):
                continue
            hint = get_type_hints(each).get("type")
            literals = [part for part in (hint, *get_args(hint)) if get_origin(part) is Literal]
            for name in [name for literal in literals for name in get_args(literal)] or ["message"]:
                found.setdefault(name, []).append(each)
    return found


def check(variants: dict[str, list[Any]], item: dict[str, Any]) -> dict[str, Any]:
    """The item, where one of the types for its `type` accepts it. Raises ValidationError, KeyError for an unknown type."""
    failed: Exception | None = None
    for variant in variants[item.get("type", "message")]:
        try:
            checker(variant).validate_python(item)
            return item
        except ValueError as error:
            failed = error
    assert failed is not None
    raise failed
