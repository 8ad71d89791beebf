"""What a migration leaves on the connection that it ran on, beside what it does to the database."""

from __future__ import annotations

from agentdb.clients.statements import pragma_with_argument
from agentdb.lexer import keyword
from agentdb.operations import execute
from agentdb.requests import renew

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    from agentdb.engine.migration import Item
    from agentdb.operations import Steps

    T = TypeVar("T")

_TEMPORARY = (
    "SELECT type, name FROM sqlite_temp_master WHERE type IN ('trigger', 'view', 'table') ORDER BY type = 'table'"
)


def is_setting(item: Item) -> bool:
    """Whether a statement sets something of the connection alone, which a new connection does not have."""
    if type(item) is not str:
        return False
    word = keyword(item)
    return word in ("ATTACH", "DETACH") or (word == "PRAGMA" and pragma_with_argument(item) is not None)


def is_left_behind(items: Iterable[Item]) -> bool:
    """Whether these leave something on the connection, that whatever uses it next would find."""
    return any(is_setting(item) or _is_temporary(item) for item in items)


def drop_temporary(items: Iterable[Item]) -> Steps[None]:
    """Drop what is in the TEMP schema. A later migration may make a main table of a name that is left there; and then the
    application would write to the TEMP one, which goes with the connection."""
    if not any(_is_temporary(item) for item in items):
        return
    for kind, name in (yield from execute(_TEMPORARY)).tuples:
        if not name.startswith("sqlite_"):
            quoted = name.replace('"', '""')
            yield from execute(f'DROP {kind.upper()} IF EXISTS temp."{quoted}"')


def renewed_after(steps: Steps[T], items: Iterable[Item]) -> Steps[T]:
    """The steps, and then a new connection for whatever comes next, where these items leave something on theirs."""
    if not is_left_behind(items):
        return (yield from steps)
    try:
        result = yield from steps
    except GeneratorExit:  # nobody drives this any more
        raise
    except BaseException:
        yield from renew()
        raise
    yield from renew()
    return result


def _is_temporary(item: Item) -> bool:
    return type(item) is str and "temp" in item.lower()
