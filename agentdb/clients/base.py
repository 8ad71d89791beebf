"""What every client is: the protocols, and the values that go in and come out.

The names and shapes are those of libsql-client (Client, Transaction, ResultSet, Row, Statement), so code written for it
changes one import.
"""

from __future__ import annotations

from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Any, Protocol, Self, TypeAlias, overload

    #: What SQLite stores; what a row holds.
    Value: TypeAlias = None | int | float | str | bytes
    #: What may be bound to a parameter.
    InValue: TypeAlias = None | bool | int | float | str | bytes | bytearray | memoryview
    InArgs: TypeAlias = Sequence[InValue] | Mapping[str, InValue] | None
    InStatement: TypeAlias = "str | Statement | tuple[str] | tuple[str, InArgs]"
else:

    def overload(function):
        return function

    class Protocol:
        pass


class Sync:
    """The world of callers that wait: `NoteStore[Sync]` in an annotation."""


class Async:
    """The world of callers on an event loop: `NoteStore[Async]` in an annotation."""


SYNC, ASYNC = Sync(), Async()


class Statement:
    """SQL with its arguments: positional (`?`) in a sequence, or named (`:name`) in a mapping."""

    __slots__ = ("args", "sql")

    def __init__(self, sql: str, args: InArgs = None) -> None:
        self.sql = sql
        self.args = args

    def __repr__(self) -> str:
        return f"Statement({self.sql!r}, {self.args!r})"


class Row(Sequence["Value"]):
    """One row, by index and by name: `row[0]`, `row["name"]`, `row.asdict()`. Equal to a tuple of the same values.

    Of columns with the same name, `row["name"]` and `asdict()` give the last.
    """

    __slots__ = ("_columns", "_values")

    def __init__(self, columns: tuple[str, ...], values: tuple[Value, ...]) -> None:
        self._columns = columns
        self._values = values

    @overload
    def __getitem__(self, key: int | str) -> Any: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Any, ...]: ...
    def __getitem__(self, key: int | str | slice) -> Any:
        if isinstance(key, str):
            try:
                return self._values[~self._columns[::-1].index(key)]
            except ValueError:
                raise KeyError(f"no column {key!r}; there are {', '.join(self._columns)}") from None
        return self._values[key]

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Row):
            return self._values == other._values
        if isinstance(other, tuple):
            return self._values == other
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._values)

    def __repr__(self) -> str:
        return f"Row({', '.join(f'{name}={value!r}' for name, value in zip(self._columns, self._values, strict=True))})"

    def astuple(self) -> tuple[Any, ...]:
        """The values in the order of the columns."""
        return self._values

    def asdict(self) -> dict[str, Any]:
        """The values by column name."""
        return dict(zip(self._columns, self._values, strict=True))

    _asdict = asdict

    @property
    def _fields(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._columns))


class ResultSet:
    """What one statement gave.

    `rows` is a list of Row; `tuples` the same values without the names, which costs nothing to make. `rows_affected` is
    0 for what is no INSERT, UPDATE or DELETE. `last_insert_rowid` is None for what is no INSERT, or affected no row; after
    an upsert that updated a row it is SQLite's: the rowid that was inserted last on that connection.
    """

    __slots__ = ("_columns", "_description", "_rows", "last_insert_rowid", "rows_affected", "tuples")

    def __init__(
        self,
        description: Sequence[Sequence[Any]] | None,
        tuples: list[tuple[Any, ...]],
        rows_affected: int = 0,
        last_insert_rowid: int | None = None,
    ) -> None:
        """`description` is that of the DB-API: one sequence per column, its name first."""
        self._description = description
        self._columns: tuple[str, ...] | None = None
        self._rows: list[Row] | None = None
        self.tuples = tuples
        self.rows_affected = rows_affected
        self.last_insert_rowid = last_insert_rowid

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        columns = self._columns
        if columns is None:
            columns = self._columns = tuple([column[0] for column in self._description or ()])
        return columns

    @property
    def rows(self) -> list[Row]:
        """The rows, with names."""
        rows = self._rows
        if rows is None:
            columns = self.columns
            rows = self._rows = [Row(columns, values) for values in self.tuples]
        return rows

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.tuples)

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> list[Row]: ...
    def __getitem__(self, key: int | slice) -> Row | list[Row]:
        return self.rows[key]

    def __repr__(self) -> str:
        return f"ResultSet(columns={self.columns!r}, {len(self.tuples)} rows, rows_affected={self.rows_affected})"


class Transaction(Protocol):
    """A write transaction: explicit commit(), rollback at close. Sync; AsyncTransaction is the same, awaited."""

    def execute(self, stmt: InStatement, args: InArgs = None) -> ResultSet:
        """Run one statement of the transaction."""
        ...

    def batch(self, stmts: Iterable[InStatement]) -> list[ResultSet]:
        """Run statements of the transaction: all of them, or none."""
        ...

    def commit(self) -> None:
        """Keep what was done, and end."""
        ...

    def rollback(self) -> None:
        """Undo what was done, and end."""
        ...

    def close(self) -> None:
        """End; what was not committed is rolled back."""
        ...

    @property
    def world(self) -> Sync:
        """Whether its calls are awaited, for type checkers."""
        ...

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Client(Protocol):
    """A database, for callers that wait. Thread-safe."""

    def execute(self, stmt: InStatement, args: InArgs = None) -> ResultSet:
        """Run one statement; a writing one in a transaction of its own."""
        ...

    def batch(self, stmts: Iterable[InStatement]) -> list[ResultSet]:
        """Run statements in one transaction: all, or none."""
        ...

    def transaction(self) -> Transaction:
        """A write transaction, for `with` or for an explicit commit()."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...

    @property
    def world(self) -> Sync:
        """Whether its calls are awaited, for type checkers."""
        ...

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class AsyncTransaction(Protocol):
    """A write transaction of an AsyncClient; it begins at its first statement or at `async with`."""

    async def execute(self, stmt: InStatement, args: InArgs = None) -> ResultSet:
        """Run one statement of the transaction."""
        ...

    async def batch(self, stmts: Iterable[InStatement]) -> list[ResultSet]:
        """Run statements of the transaction: all of them, or none."""
        ...

    async def begin(self) -> None:
        """Begin now, not at the first statement."""
        ...

    async def commit(self) -> None:
        """Keep what was done, and end."""
        ...

    async def rollback(self) -> None:
        """Undo what was done, and end."""
        ...

    def close(self) -> None:
        """End; what was not committed is rolled back."""
        ...

    @property
    def world(self) -> Async:
        """Whether its calls are awaited, for type checkers."""
        ...

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class AsyncClient(Protocol):
    """A database, for callers on an event loop."""

    async def execute(self, stmt: InStatement, args: InArgs = None) -> ResultSet:
        """Run one statement; a writing one in a transaction of its own."""
        ...

    async def batch(self, stmts: Iterable[InStatement]) -> list[ResultSet]:
        """Run statements in one transaction: all, or none."""
        ...

    def transaction(self) -> AsyncTransaction:
        """A write transaction, for `with` or for an explicit commit()."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...

    @property
    def world(self) -> Async:
        """Whether its calls are awaited, for type checkers."""
        ...

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        ...

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


if TYPE_CHECKING:

    class AnyResult(Protocol):
        """A result set, ours or libsql-client's."""

        @property
        def rows(self) -> Any: ...

    class AnyClient(Protocol):
        """A sync client, ours or libsql-client's: what accepts both says so with this."""

        def execute(self, stmt: Any, args: Any = None) -> AnyResult: ...
        def batch(self, stmts: Any) -> Any: ...
        def close(self) -> None: ...

    class AsyncAnyClient(Protocol):
        """The same for an event loop."""

        async def execute(self, stmt: Any, args: Any = None) -> AnyResult: ...
        async def batch(self, stmts: Any) -> Any: ...
        async def close(self) -> None: ...
