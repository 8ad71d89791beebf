"""Pages that stay true while rows are added and removed: a cursor names the last row seen, not a number of rows."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import crc32
from dataclasses import dataclass
from json import JSONEncoder, loads
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from agentdb.errors import FieldError
from agentdb.stores.fields import COUNT, ON_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agentdb.operations import Steps
    from agentdb.stores.entity import Entity

E = TypeVar("E")

#: Rows on a page at the most.
MAX_LIMIT = 10_000
#: Above every integer of SQLite; it compares an integer with a REAL exactly.
BEYOND_INTEGERS = 2.0**63
_dumps = JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Key:
    """What a list is sorted by: columns of its rows, how its statement binds those of the last row seen, and what sorts
    before and behind all of them."""

    columns: tuple[str, ...]
    parameters: tuple[str, ...]
    before_all: tuple[Any, ...]
    behind_all: tuple[Any, ...]


#: The time alone decides at the ends.
BY_TIME = Key(("created_at", "id"), ("cursor_time", "cursor_id"), ("", ""), ("\U0010ffff", ""))
BY_ACTIVITY = Key(("active_at", "id"), BY_TIME.parameters, BY_TIME.before_all, BY_TIME.behind_all)
BY_SEQ = Key(("seq",), ("cursor_seq",), (0,), (BEYOND_INTEGERS,))
BY_SEQ_AND_ID = Key(("seq", "id"), ("cursor_seq", "cursor_id"), (0, 0), (BEYOND_INTEGERS, BEYOND_INTEGERS))
BY_ID = Key(("id",), ("cursor_id",), (0,), (BEYOND_INTEGERS,))


@dataclass(frozen=True, slots=True)
class Page(Generic[E]):
    """Some items, and how to ask for those after them: `next_cursor` is None where there are no more. To iterate over it
    gives its items."""

    items: list[E]
    next_cursor: str | None
    has_more: bool

    def __iter__(self) -> Iterator[E]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def page(
    entity: Entity[E],
    sql: str,
    args: Mapping[str, Any],
    *,
    limit: int,
    cursor: str | None,
    oldest_first: bool = False,
    key: Key = BY_TIME,
    on_error: str = "raise",
) -> Steps[Page[E]]:
    """One page of a statement that sorts by `key`, takes its parameters, and :limit.

    Raises FieldError for a limit that is not 1 to 10,000, or a cursor that no page of this
    list, with these filters, gave.
    """
    check_limit(limit)
    last = key.before_all if oldest_first else key.behind_all
    if cursor is not None:
        last = read_cursor(cursor, sql, args, len(key.columns))
    bound = {**args, **dict(zip(key.parameters, last, strict=True)), "limit": limit + 1}
    ON_ERROR.encode("on_error", on_error)
    result = yield from entity.read(sql, bound, key.columns)
    if len(result.tuples) <= limit:
        return Page(entity.decode(result, on_error), None, False)
    result.tuples.pop()
    row, columns = result.tuples[-1], result.columns
    next_cursor = write_cursor(tuple([row[columns.index(name)] for name in key.columns]), sql, args)
    return Page(entity.decode(result, on_error), next_cursor, True)


def check_limit(limit: object) -> None:
    """Raises FieldError for a limit that is not 1 to 10,000."""
    if type(limit) is not int:
        raise FieldError.of("limit", limit, f"is an integer, not {type(limit).__name__}", code="wrong_type")
    if not 1 <= limit <= MAX_LIMIT:
        code, remedy = "too_large" if limit > 1 else "too_small", f"Give a number from 1 to {MAX_LIMIT}."
        raise FieldError.of("limit", limit, f"is not from 1 to {MAX_LIMIT}", code=code, remedy=remedy)


def at_most(limit: object) -> int:
    """A limit of a list that is no page, for SQLite: None is all. Raises FieldError for one below 0, or beyond 64 bits."""
    return -1 if limit is None else int(COUNT.encode("limit", limit))


def write_cursor(key: tuple[Any, ...], sql: str, args: Mapping[str, Any]) -> str:
    """The cursor of a page whose last item has this key: of the list that `sql` names, with these filters."""
    return urlsafe_b64encode(_dumps((*key, _sum(key, sql, args))).encode()).decode().rstrip("=")


def read_cursor(cursor: object, sql: str, args: Mapping[str, Any], length: int) -> tuple[Any, ...]:
    """The key of the last item of the page that gave this cursor. Raises FieldError."""
    try:
        if isinstance(cursor, str):
            *key, checksum = loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if len(key) == length and checksum == _sum(tuple(key), sql, args):
                return tuple(key)
    except (ValueError, TypeError, RecursionError):
        pass
    raise FieldError.of("cursor", cursor, "is not one that this list gave", code="bad_cursor")


def _sum(key: tuple[Any, ...], sql: str, args: Mapping[str, Any]) -> int:
    """Ties a cursor to its list and its filters: that of another would silently skip rows."""
    return crc32(ascii((key, sql, sorted(args.items()))).encode())
