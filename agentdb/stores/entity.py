"""From rows to frozen dataclasses and back: what every store does in the same way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar
from uuid import uuid4

from agentdb.errors import AlreadyExistsError, NotFoundError, StatementError, UnreadableRowError
from agentdb.operations import execute, later
from agentdb.stores.fields import UNSET, NotRead, now_text, time_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentdb.clients.base import ResultSet
    from agentdb.operations import Steps
    from agentdb.stores.fields import Field

E = TypeVar("E")
_Step: TypeAlias = "tuple[Callable[[Any, Any], None], int, Callable[[Any], Any] | None, Field]"
#: A frozen dataclass is filled through its slots, as its own __init__ would, at half the cost.
_new: Callable[[type[Any]], Any] = object.__new__

#: What a new row has where the caller gave nothing.
_MADE: dict[str, Callable[[], str]] = {
    "id": lambda: str(uuid4()),
    **dict.fromkeys(("created_at", "updated_at", "recorded_at", "accessed_at"), now_text),
}


class Values:
    """Base of the dataclasses that stores give."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON: times as text, as the database has them. Lists and dicts are not copied."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]


class _Raw(list[tuple[Any, ...]]):
    """Rows that were read as bytes: what is no text is bytes still."""


def _text_of_bytes(value: Any) -> Any:
    if type(value) is bytes:
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    return value


def _reason(error: Exception) -> str:
    """What is wrong with a value, without the value: it is somebody's conversation."""
    text = str(error)
    if isinstance(error, JSONDecodeError):
        return f"it is no JSON ({text})"  # which says where, and quotes nothing
    if isinstance(error, RecursionError):
        return "its JSON is nested deeper than the recursion limit of this Python"
    if "integer string conversion" in text:
        return "its JSON has an integer with too many digits"
    return text if text.startswith("its ") else f"it is no value of its kind ({type(error).__name__})"


def _plain(value: Any) -> Any:
    if isinstance(value, (Unreadable, NotRead)):
        return str(value)
    if isinstance(value, datetime):
        return time_text(value)
    return value.to_dict() if isinstance(value, Values) else value


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in a field for a value that cannot be read, where a read was asked for placeholders."""

    table: str
    id: object
    column: str
    reason: str

    def __str__(self) -> str:
        return f"[unreadable: {self.reason}]"


#: The tables whose names are not those of their entities in the plural.
_TABLES = {
    "agent switch": "agent_switches",
    "agent summary": "agents",
    "memory": "memories",
    "memory access": "memory_accesses",
    "audit entry": "audit_log",
    "audit status": "audit_tables",
    "session summary": "sessions",
}
_UNDECODABLE = "Could not decode to UTF-8"


class Entity(Generic[E]):
    """How a dataclass stands in a row: one Field for each of its names, which is the column's name unless the Field says
    another.

    A row may have more columns than the dataclass has names: a newer schema does not confuse an older store.
    """

    def __init__(self, kind: type[E], /, **columns: Field) -> None:
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        if set(names) != set(columns):
            raise TypeError(f"{kind.__name__} and its columns differ: {sorted(set(names) ^ set(columns))}")
        self.kind = kind
        self.name = "".join([f" {c.lower()}" if c.isupper() else c for c in kind.__name__]).strip()
        self.table = _TABLES.get(self.name, f"{self.name}s".replace(" ", "_"))
        self._key = "id" if "id" in columns else "session_id"
        self.columns = columns
        self._names = {name: field.column or name for name, field in columns.items()}
        self._encoders = [(name, self._names[name], field.encode_given, field) for name, field in columns.items()]
        self._plans: dict[tuple[str, ...], list[_Step]] = {}

    def new(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A new row for SQLite, of `locals()` in a store's create(): those that are columns.

        Without an id it gets a UUID, without times now. Raises FieldError for the first that cannot be stored.
        """
        row: dict[str, Any] = {}
        for name, column, encode, field in self._encoders:
            if name in given:
                value = given[name]
                if value is not None:
                    row[column] = encode(name, value)
                elif field.nullable:
                    row[column] = None
                elif (make := _MADE.get(name)) is not None:
                    row[name] = (row.get("created_at") if name == "updated_at" else None) or make()
                else:
                    field.encode(name, value)  # raises
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

    def decode(self, result: ResultSet, on_error: str = "raise") -> list[E]:
        """The rows of a result; `on_error` is 'raise', or 'placeholder' to put an Unreadable into a field that cannot be
        read. Raises UnreadableRowError."""
        columns, rows = result.columns, result.tuples
        if on_error != "raise" or type(rows) is _Raw:
            return [self._decode_carefully(columns, row, on_error) for row in rows]
        if len(rows) < 8:
            return [self.decode_row(columns, row) for row in rows]
        try:
            return self._decode_together(columns, rows)
        except (ValueError, TypeError, RecursionError):
            return [self.decode_row(columns, row) for row in rows]  # the error names the row

    def _decode_together(self, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[E]:
        # Column by column: then all that repeats per row is done by map() and not by a loop.
        entities = [_new(self.kind) for _ in rows]
        values = list(zip(*rows, strict=True))
        for set_, index, _, field in self._plan(columns):
            deque(map(set_, entities, field.decode_all(values[index])), maxlen=0)
        return entities

    def of_encoded(self, encoded: Mapping[str, Any]) -> E:
        """The entity that these values are in the database: what a read would give."""
        return self.decode_row(tuple(encoded), tuple(encoded.values()))

    def decode_row(self, columns: tuple[str, ...], row: tuple[Any, ...]) -> E:
        """One row, with the names of its columns. Raises UnreadableRowError."""
        entity: E = _new(self.kind)
        try:
            for set_, index, decode, field in self._plans.get(columns) or self._plan(columns):
                value = row[index]
                set_(entity, value if decode is None or (value is None and field.nullable) else decode(value))
        except (ValueError, TypeError, RecursionError):
            return self._decode_carefully(columns, row, "raise")
        return entity

    def _decode_carefully(self, columns: tuple[str, ...], row: tuple[Any, ...], on_error: str) -> E:
        """One row, of which a value may be unreadable: with a placeholder in its place, or an error that names it."""
        entity: E = _new(self.kind)
        id = row[columns.index(self._key)] if self._key in columns else None
        for set_, index, decode, field in self._plan(columns):
            value = row[index]
            try:
                if type(value) is bytes:
                    raise ValueError("its text is not UTF-8")
                value = value if decode is None or (value is None and field.nullable) else decode(value)
            except (ValueError, TypeError, RecursionError) as error:
                problem = (self.table, id, columns[index], _reason(error))
                if on_error == "raise":
                    raise UnreadableRowError(*problem) from error
                value = Unreadable(*problem)
            set_(entity, value)
        return entity

    def _plan(self, columns: tuple[str, ...]) -> list[_Step]:
        """How to fill an entity from a row with these columns: for each field its setter, and its place in the row."""
        plan = self._plans.get(columns)
        if plan is None:
            plan = self._plans[columns] = [
                (self.kind.__dict__[name].__set__, columns.index(self._names[name]), field.decode, field)
                for name, field in self.columns.items()
            ]
        return plan

    # -- questions

    def read(self, sql: str, args: Mapping[str, Any], also: tuple[str, ...] = ()) -> Steps[ResultSet]:
        """The rows of a SELECT, for decode(). Where one holds text that is not UTF-8, sqlite3 gives none of them: they are
        read again as bytes, and that text stays bytes, which decode() tells.

        also: columns to be read beside those of the entity.
        """
        try:
            return (yield from execute(sql, args))
        except StatementError as error:
            return (yield from self._read_bytes(error, sql, args, also))

    def _read_bytes(
        self, error: StatementError, sql: str, args: Mapping[str, Any], also: tuple[str, ...] = ()
    ) -> Steps[ResultSet]:
        if not error.message.startswith(_UNDECODABLE) or not sql.startswith("SELECT"):
            raise error
        names = dict.fromkeys((*self._names.values(), *also))
        chosen = [
            f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END AS {name}" for name in names
        ]
        raw = yield from execute(f"SELECT {', '.join(chosen)} FROM ({sql})", args)
        raw.tuples = _Raw([tuple(map(_text_of_bytes, row)) for row in raw.tuples])
        return raw

    def one(self, sql: str, args: Mapping[str, Any], on_error: str = "raise") -> Steps[E | None]:
        """The one row that a statement gives, or None. Raises UnreadableRowError."""
        # As read(), without a generator between: this is on the path of every get().
        try:
            result = yield from execute(sql, args)
        except StatementError as error:
            result = yield from self._read_bytes(error, sql, args)
        if not result.tuples:
            return None
        if on_error == "raise" and type(result.tuples) is list:
            return self.decode_row(result.columns, result.tuples[0])
        return self.decode(result, on_error)[0]

    def many(self, sql: str, args: Mapping[str, Any], on_error: str = "raise") -> Steps[list[E]]:
        """All rows that a statement gives. Raises UnreadableRowError."""
        return self.decode((yield from self.read(sql, args)), on_error)

    def change(
        self,
        id: Any,
        changes: Mapping[str, Any],
        *,
        read: str,
        write: str,
        hidden_by: str | None = None,
        derive: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        at_once: bool = False,
        **args: Any,
    ) -> Steps[E]:
        """Read a row, write it with the changes and a new updated_at, and give it as it is now. For an atomic body.

        hidden_by: a column; a row that has a value there counts as missing. derive: gives the row as it is written, with the
        columns that follow from others. at_once: the caller catches what the write raises. args: what `read` takes beside the id.

        Raises NotFoundError, FieldError for an id that is none.
        """
        found = yield from self.read(read, {"id": self.columns["id"].encode("id", id), **args})
        if not found.tuples:
            raise self.not_found(id)
        row = dict(zip(found.columns, found.tuples[0], strict=True))
        if hidden_by is not None and row[hidden_by] is not None:
            raise self.not_found(id)
        row |= {**changes, "updated_at": now_text()}
        if bytes in map(type, row.values()):  # raises where it is not among the changes
            self._decode_carefully(tuple(row), tuple(row.values()), "raise")
        written = row if derive is None else derive(row)
        if at_once:
            yield from execute(write, written)
        else:
            yield from later((write, written))
        return self.of_encoded(row)

    def not_found(self, id: object) -> NotFoundError:
        """The error of a missing row."""
        return NotFoundError(f"there is no {self.name} {id!r}")

    def taken(self, id: object) -> AlreadyExistsError:
        """The error of an id that another row has."""
        return AlreadyExistsError(f"{self.name} {id!r} exists already")
