"""What a migration leaves on the connection that it ran on, beside what it does to the database."""

from __future__ import annotations

from agentdb.clients.statements import pragma_with_argument
from agentdb.operations import execute
from agentdb.operations.requests import renew
from agentdb.sql.lexer import keyword, tokens
from agentdb.sql.statement_tables import folded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeVar

    from agentdb.engine.migration import Item
    from agentdb.operations import Steps

    T = TypeVar("T")

#: To ask the TEMP schema itself would open it.
_HAS_TEMPORARY = "SELECT 1 FROM pragma_database_list WHERE name = 'temp'"
_TEMPORARY = (
    "SELECT type, name FROM sqlite_temp_master WHERE type IN ('trigger', 'view', 'table') ORDER BY type = 'table'"
)


def is_setting(item: Item) -> bool:
    """Whether a statement sets something of the connection alone, which a new connection does not have."""
    if type(item) is not str:
        return False
    word = keyword(item)
    return word in ("ATTACH", "DETACH") or (word == "PRAGMA" and pragma_with_argument(item) is not None)


def run_again(items: Sequence[Item]) -> list[Item]:
    """Of the statements that an earlier process had done, those that a new connection needs, in their order.

    What they put into the TEMP schema is made again only where nothing else was done since. Otherwise it would be made
    from rows that the migration has changed already, and the original rows could not be copied back.
    """
    is_scratch_only = all(is_setting(item) or _creates_temporary(item) for item in items)
    return [item for item in items if is_setting(item) or (is_scratch_only and _creates_temporary(item))]


def lost(done: Iterable[Item], left: Iterable[Item]) -> list[str]:
    """The names of what a killed process had in its TEMP schema and what is left to do asks for."""
    asked = {folded(token.text) for item in left if type(item) is str for token in tokens(item) if token.is_name}
    names: dict[str, str] = {}
    for item in done:
        name = _creates_temporary(item)
        if name is not None:
            names[folded(name)] = name
        elif type(item) is str and keyword(item) == "DROP":
            for token in tokens(item[:2000]):
                names.pop(folded(token.text), None)
    return [name for key, name in names.items() if key in asked]


def _creates_temporary(item: Item) -> str | None:
    """The name of the table or view that a statement creates in the TEMP schema."""
    if type(item) is not str or not _is_temporary(item):
        return None
    found = tokens(item[:2000])
    words = [token.text.upper() if token.is_name else token.text for token in found]
    if words[:1] != ["CREATE"]:
        return None
    is_named = words[1:2] in (["TEMP"], ["TEMPORARY"])
    at = 2 if is_named else 1
    if words[at : at + 1] not in (["TABLE"], ["VIEW"]):
        return None
    at += 4 if words[at + 1 : at + 4] == ["IF", "NOT", "EXISTS"] else 1
    is_of_schema = words[at : at + 2] == ["TEMP", "."]
    if not is_named and not is_of_schema:
        return None
    at += 2 if is_of_schema else 0
    return found[at].text if at < len(found) and found[at].is_name else None


def is_left_behind(items: Iterable[Item]) -> bool:
    """Whether these leave something on the connection, that whatever uses it next would find."""
    return any(is_setting(item) or _is_temporary(item) if isinstance(item, str) else item.is_opaque for item in items)


def leave_temporary() -> Steps[None]:
    """Begin on a connection without TEMP objects of the application: what is called like a table of the main schema would
    take the rows of a migration, and a TEMP trigger would work on them. A database in memory keeps its one connection."""
    if (yield from execute(_HAS_TEMPORARY)).tuples and (yield from execute(_TEMPORARY)).tuples:
        yield from renew()


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
