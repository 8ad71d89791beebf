"""Rows that the caller of a proof brings: what they look like, and what is said of those that do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentdb.errors import InvalidArgumentError
from agentdb.sql.statement_tables import folded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Rows: TypeAlias = Iterable[Mapping[str, Any]]
    #: table -> rows for it, or what gives them when it is called with the id of the version that is being filled.
    Fixtures: TypeAlias = Mapping[str, Rows | Callable[[str], Rows]]

_SHAPE = "Pass fixtures={'TABLE': [{'column': value}]}; in place of the list it may be what gives one for the id of a version."


def checked(fixtures: Any) -> dict[str, Any]:
    """Fixtures under the folded names of their tables, each a list of rows or what gives one.

    Raises InvalidArgumentError for those of another shape.
    """
    if not isinstance(fixtures, Mapping):
        raise _wrong(f"fixtures is {fixtures!r}; it is a mapping of tables to rows")
    found: dict[str, Any] = {}
    for table, rows in fixtures.items():
        if not isinstance(table, str):
            raise _wrong(f"fixtures has {table!r} where the name of a table belongs")
        if folded(table) in found:
            raise _wrong(f"fixtures has table {table!r} twice; SQLite does not tell capitals from small letters")
        is_given = callable(rows) and not isinstance(rows, Mapping)
        found[folded(table)] = rows if is_given else _rows(rows, f"fixtures[{table!r}]")
    return found


def rows_of(fixture: Any, version: str) -> list[Mapping[str, Any]]:
    """The rows for a version.

    Raises InvalidArgumentError where what gives them gives something else, or raises.
    """
    if isinstance(fixture, list):
        return fixture
    name = getattr(fixture, "__qualname__", type(fixture).__name__)
    try:
        given = fixture(version)
        if isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping)):
            given = list(given)  # what yields them may raise as well
    except Exception as error:  # the caller's own code: whatever it raises is a fault of the fixture
        raise _wrong(f"{name}({version!r}) raised {type(error).__name__}: {error}") from error
    return _rows(given, f"what {name}({version!r}) gave")


def _rows(given: Any, where: str) -> list[Mapping[str, Any]]:
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise _wrong(f"{where} is {given!r}; it is a list of rows, or what gives one")
    rows = list(given)
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise _wrong(f"{where} has {row!r} as row {number}; a row is a mapping of columns to values")
        for column in row:
            if not isinstance(column, str):
                raise _wrong(f"{where} has {column!r} in row {number} where the name of a column belongs")
    return rows


def _wrong(message: str) -> InvalidArgumentError:
    return InvalidArgumentError(message, remedy=_SHAPE)
