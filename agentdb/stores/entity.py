"""From rows to frozen dataclasses and back: what every store does in the same way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar
from uuid import uuid4

from agentdb.errors import AlreadyExistsError, NotFoundError
from agentdb.operations import execute
from agentdb.stores.fields import UNSET, now_text, time_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentdb.clients.base import ResultSet
    from agentdb.operations import Steps
    from agentdb.stores.fields import Field

E = TypeVar("E")
_Step: TypeAlias = "tuple[Callable[[Any, Any], None], int, Field]"
#: A frozen dataclass is filled through its slots, as its own __init__ would, at half the cost.
_new: Callable[[type[Any]], Any] = object.__new__

#: What a new row has where the caller gave nothing.
_MADE: dict[str, Callable[[], str]] = {"id": lambda: str(uuid4()), "created_at": now_text, "updated_at": now_text}


class Values:
    """Base of the dataclasses that stores give."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON: times as text, as the database has them. Lists and dicts are not copied."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return time_text(value)
    return value.to_dict() if isinstance(value, Values) else value


class Entity(Generic[E]):
    """How a dataclass stands in a row: one Field for each of its names, which is the column's name unless the Field says
    another.

    A row may have more columns than the dataclass has names: a newer schema does not confuse an older store.
    """

    def __init__(self, kind: type[E], **columns: Field) -> None:
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        if set(names) != set(columns):
            raise TypeError(f"{kind.__name__} and its columns differ: {sorted(set(names) ^ set(columns))}")
        self.kind = kind
        self.name = "".join([f" {c.lower()}" if c.isupper() else c for c in kind.__name__]).strip()
        self.columns = columns
        self._names = {name: field.column or name for name, field in columns.items()}
        self._plans: dict[tuple[str, ...], list[_Step]] = {}

    def new(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A new row for SQLite, of `locals()` in a store's create(): those that are columns.

        Without an id it gets a UUID, without times now. Raises FieldError for the first that cannot be stored.
        """
        row: dict[str, Any] = {}
        for name, field in self.columns.items():
            if name in given:
                value = given[name]
                if value is None and not field.nullable and (make := _MADE.get(name)) is not None:
                    row[name] = (row.get("created_at") if name == "updated_at" else None) or make()
                else:
                    row[self._names[name]] = field.encode(name, value)
        return row

    def changes(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What update() was given, for SQLite, of its `locals()`: the columns that are not UNSET. Raises FieldError."""
        return {
            self._names[name]: field.encode(name, given[name])
            for name, field in self.columns.items()
            if name != "id" and given.get(name, UNSET) is not UNSET
        }

    def filter(self, name: str, value: Any) -> Any:
        """A value to look for, None for any. Raises FieldError."""
        return None if value is None else self.columns[name].encode(name, value)

    def decode(self, result: ResultSet) -> list[E]:
        """The rows of a result."""
        columns, rows = result.columns, result.tuples
        if len(rows) < 8:
            return [self.decode_row(columns, row) for row in rows]
        # Column by column: then all that repeats per row is done by map() and not by a loop.
        entities = [_new(self.kind) for _ in rows]
        values = list(zip(*rows, strict=True))
        for set_, index, field in self._plan(columns):
            deque(map(set_, entities, field.decode_all(values[index])), maxlen=0)
        return entities

    def of_encoded(self, encoded: Mapping[str, Any]) -> E:
        """The entity that these values are in the database: what a read would give."""
        return self.decode_row(tuple(encoded), tuple(encoded.values()))

    def decode_row(self, columns: tuple[str, ...], row: tuple[Any, ...]) -> E:
        """One row, with the names of its columns."""
        entity: E = _new(self.kind)
        for set_, index, field in self._plans.get(columns) or self._plan(columns):
            set_(entity, row[index] if field.decode is None else field.decode(row[index]))
        return entity

    def _plan(self, columns: tuple[str, ...]) -> list[_Step]:
        """How to fill an entity from a row with these columns: for each field its setter, and its place in the row."""
        plan = self._plans.get(columns)
        if plan is None:
            plan = self._plans[columns] = [
                (self.kind.__dict__[name].__set__, columns.index(self._names[name]), field)
                for name, field in self.columns.items()
            ]
        return plan

    # -- questions

    def one(self, sql: str, args: Mapping[str, Any]) -> Steps[E | None]:
        """The one row that a statement gives, or None."""
        result = yield from execute(sql, args)
        return self.decode_row(result.columns, result.tuples[0]) if result.tuples else None

    def many(self, sql: str, args: Mapping[str, Any]) -> Steps[list[E]]:
        """All rows that a statement gives."""
        return self.decode((yield from execute(sql, args)))

    def change(
        self, id: Any, changes: Mapping[str, Any], *, read: str, write: str, hidden_by: str | None = None, **args: Any
    ) -> Steps[E]:
        """Read a row, write it with the changes and a new updated_at, and give it as it is now. For an atomic body.

        hidden_by: a column; a row that has a value there counts as missing. args: what `read` takes beside the id.

        Raises NotFoundError, FieldError for an id that is none.
        """
        found = yield from execute(read, {"id": self.columns["id"].encode("id", id), **args})
        if not found.tuples:
            raise self.not_found(id)
        row = dict(zip(found.columns, found.tuples[0], strict=True))
        if hidden_by is not None and row[hidden_by] is not None:
            raise self.not_found(id)
        row |= {**changes, "updated_at": now_text()}
        yield from execute(write, row)
        return self.of_encoded(row)

    def not_found(self, id: object) -> NotFoundError:
        """The error of a missing row."""
        return NotFoundError(f"there is no {self.name} {id!r}")

    def taken(self, id: object) -> AlreadyExistsError:
        """The error of an id that another row has."""
        return AlreadyExistsError(f"{self.name} {id!r} exists already")
