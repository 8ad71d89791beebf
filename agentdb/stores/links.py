"""Which calls of tools a message makes and answers: read once from its payload, and kept beside it."""

from __future__ import annotations

from json import JSONEncoder, loads
from typing import Any, NamedTuple

from agentdb.stores.content_blocks import (
    CALL,
    ITEM,
    OWN,
    REASONING,
    RESULT,
    UNKNOWN,
    call_id_of,
    inner,
    read,
    refers_to,
)

_dumps = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Links(NamedTuple):
    """The ids of the calls that a message makes, and of those that it answers; an id that nobody gave is None.

    `offers` are calls that a provider runs itself: they may be answered, and need not be. `refers` are earlier calls that
    these belong to. `is_unknown`: the message holds something of a shape that nobody here knows, which may call or answer.
    `is_reasoning`: it holds nothing but reasoning, which belongs to what follows. `has_output`: it holds what a provider's
    own tool gave. `is_chat`: its calls stand in a list of their own, whose results must follow at once.
    """

    calls: tuple[str | None, ...] = ()
    results: tuple[str | None, ...] = ()
    offers: tuple[str, ...] = ()
    refers: tuple[str, ...] = ()
    is_unknown: bool = False
    is_reasoning: bool = False
    has_output: bool = False
    is_chat: bool = False


#: Of a message that neither calls nor answers.
PLAIN = Links()
#: Of a result whose call has no id.
ANONYMOUS_RESULT = Links(results=(None,))
_NAMES = Links._fields


def links_of(kind: str, tool_call_id: str | None, tool_calls: Any, payload: Any, extra: Any = None) -> Links:
    """The links of a message, from its columns, its payload, and `extra`, what stood beside them in a caller's dict."""
    calls: dict[str | None, None] = dict.fromkeys(map(call_id_of, tool_calls or ()))
    is_chat = bool(calls)
    results: dict[str | None, None] = {}
    offers: dict[str, None] = {}
    refers: dict[str, None] = {}
    kinds: set[str] = set()
    left: list[Any] = [extra, payload]
    while left:  # not recursive: a payload may be nested deeper than Python's stack
        block = left.pop()
        if isinstance(block, list):
            left += reversed(block)
            continue
        if not isinstance(block, dict):
            continue
        found = read(block)
        # Where the observations stand beside the calls, the message answers itself.
        if isinstance(beside := block.get("tool_calls"), list) and beside and block.get("observations") is None:
            calls.update(dict.fromkeys(map(call_id_of, beside)))
            is_chat = True
        if isinstance(beside := block.get("function_call"), dict) and found.kind == ITEM:
            calls[call_id_of(beside)] = None
        if found.kind == ITEM:
            left += reversed(inner(block))
        elif found.kind == CALL:
            calls[found.id] = None
        elif found.kind == RESULT:
            if found.id in calls or found.id in offers:  # the provider ran the tool: the message answers itself
                calls.pop(found.id, None)
                offers.pop(str(found.id), None)
                kinds.add(OWN)
            else:
                results[found.id] = None
        elif found.kind == OWN and found.id is not None:
            offers[found.id] = None
        if found.kind in (CALL, OWN) and (earlier := refers_to(block)) is not None:
            refers[earlier] = None
        if block is not extra or found.kind != UNKNOWN:  # a caller's dict may have any keys
            kinds.add(found.kind)
    if len(calls) > 1:
        calls.pop(None, None)  # a call is there in an older form, too, which had no ids
    if tool_call_id is not None:
        results[tool_call_id] = None
    elif kind == "tool" and not results:
        results[None] = None
    return Links(
        tuple(calls),
        tuple(results),
        tuple(offers),
        tuple(refers),
        is_unknown=UNKNOWN in kinds,
        is_reasoning=REASONING in kinds and kinds <= {REASONING, ITEM} and not calls and not results,
        has_output=OWN in kinds,
        is_chat=is_chat and bool(calls),
    )


def encoded(links: Links) -> str:
    """Links as a row has them: an object of those that are not empty."""
    return _dumps({name: value for name, value in zip(_NAMES, links, strict=True) if value})


def decoded(text: Any) -> Links:
    """Links of a row. What is not as encoded() writes it is an unknown shape."""
    if text == "{}":
        return PLAIN
    try:
        found = loads(text)
        lists = [tuple(found.get(name, ())) for name in _NAMES[:4]]
        if all(id is None or isinstance(id, str) for ids in lists for id in ids):
            return Links(*lists, *[found.get(name) is True for name in _NAMES[4:]])  # type: ignore[arg-type]
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    return Links(is_unknown=True)


def begins_turn(kind: str, links: Links | None) -> bool:
    """Whether a message is one of a user that is no result of a tool, for all that is known of it."""
    return kind == "user" and (links is None or not (links.calls or links.results or links.is_unknown))
