"""What the body of an operation may ask for; the list is closed.

Bodies never `yield` a request themselves: each asking function has a return type of its own, a generator has only one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from typing import Any, Protocol, TypeAlias, TypeVar

    from agentdb.clients.base import InArgs, InStatement, ResultSet
    from agentdb.clients.local.settings import Settings

    class Task(Protocol):
        """What a Backup is to make; interrupt() stops it from another thread."""

        def make(self, path: str, settings: Settings, tell: Callable[[object], None]) -> Any: ...
        def interrupt(self) -> None: ...

    T = TypeVar("T")
    #: A body's return type: what it asks for is between it and the runner, what it gives is T.
    Steps: TypeAlias = Generator[Any, Any, T]
else:

    class Steps:  # for annotations that are evaluated: Steps[int]
        def __class_getitem__(cls, _item):
            return cls


class Execute:
    """One statement, in the innermost open transaction, or in one of its own."""

    __slots__ = ("args", "stmt")

    def __init__(self, stmt: InStatement, args: InArgs) -> None:
        self.stmt = stmt
        self.args = args


class Batch:
    """Statements that happen all or not at all."""

    __slots__ = ("stmts",)

    def __init__(self, stmts: Iterable[InStatement]) -> None:
        self.stmts = stmts


class Later:
    """Statements whose results nobody needs; they run before whatever is asked for next."""

    __slots__ = ("stmts",)

    def __init__(self, stmts: tuple[InStatement, ...]) -> None:
        self.stmts = stmts


class Script:
    """Statements of one write transaction, each taken when the one before has run; none of them where `unless` gives a row."""

    __slots__ = ("statements", "unless")

    def __init__(self, statements: Iterable[tuple[str, Any]], unless: tuple[str, Any]) -> None:
        self.statements = statements
        self.unless = unless


class Begin:
    """A transaction; inside one, a savepoint. Without foreign keys only where none is open, confined only where one is."""

    __slots__ = ("options",)

    def __init__(self, **options: bool) -> None:
        self.options = options  # of the client's transaction()


class Commit:
    """Keep what was done since the innermost Begin."""


class Rollback:
    """Undo what was done since the innermost Begin."""


class Emit:
    """An event for the caller's callback."""

    __slots__ = ("event",)

    def __init__(self, event: object) -> None:
        self.event = event


class Backup:
    """A copy of the database's file as it was last committed, which `target` makes; on an event loop, on a thread of its
    own. Inside a transaction of the body it is what that began with: no other process can commit meanwhile."""

    __slots__ = ("target",)

    def __init__(self, target: Task) -> None:
        self.target = target


class Pause:
    """So many seconds in which others may have the write lock, outside any transaction."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Call:
    """A function of the body that may wait, as one that reads a file; on an event loop, a thread of its own runs it. It does
    not use the database."""

    __slots__ = ("arguments", "function")

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function = function
        self.arguments = arguments


class Renew:
    """New connections for whatever comes next, outside any transaction: something was set on the one that is in use."""


_BEGIN, _COMMIT, _ROLLBACK = Begin(), Commit(), Rollback()


def execute(stmt: InStatement, args: InArgs = None) -> Steps[ResultSet]:
    """Ask for one statement."""
    result: ResultSet = yield Execute(stmt, args)
    return result


def batch(stmts: Iterable[InStatement]) -> Steps[list[ResultSet]]:
    """Ask for statements that happen all or not at all."""
    results: list[ResultSet] = yield Batch(stmts)
    return results


def later(*stmts: InStatement) -> Steps[None]:
    """Ask for statements whose results nobody needs, in the body of a transaction: they run before whatever is asked for next.

    On a server they travel with that, or with the COMMIT. What they raise is raised there, and ends the transaction: so a body
    must not catch it.
    """
    if stmts:
        yield Later(stmts)


def script(statements: Iterable[tuple[str, Any]], *, unless: tuple[str, Any]) -> Steps[bool]:
    """Ask for a write transaction of statements that give nothing: all of them or nothing. Not inside a transaction.

    statements: SQL and arguments; a generator goes on where its statements run, and must not call anything of the caller's.
    unless: a SELECT; where it gives a row, nothing is done, and this returns False.
    """
    done: bool = yield Script(statements, unless)
    return done


def emit(event: object) -> Steps[None]:
    """Give an event to the caller's callback."""
    yield Emit(event)


def pause(seconds: float) -> Steps[None]:
    """Let others have the write lock, outside any transaction."""
    yield Pause(seconds)


def call(function: Callable[..., T], *arguments: Any) -> Steps[T]:
    """Ask for what a function returns that may wait, as one that reads a file: it keeps no event loop from its work."""
    result: T = yield Call(function, arguments)
    return result


def renew() -> Steps[None]:
    """Ask for new connections, outside any transaction. A database in memory keeps its one."""
    yield Renew()


def backup(target: Task) -> Steps[Any]:
    """Ask for a copy of the database's file as it was last committed; what `target.make()` returns."""
    return (yield Backup(target))


def atomically(steps: Steps[T], *, foreign_keys: bool = True) -> Steps[T]:
    """Run steps inside BEGIN IMMEDIATE, or inside a SAVEPOINT of the caller's transaction: all of it or nothing.

    foreign_keys: False switches their enforcement off from before the BEGIN to behind the end; then a transaction that
    is open already is refused with TransactionActiveError, for inside one SQLite ignores the switch.
    """
    return _between(_BEGIN if foreign_keys else Begin(foreign_keys=False), steps)


def confined(steps: Steps[T]) -> Steps[T]:
    """Run steps inside a SAVEPOINT of the open transaction, in which statements can change nothing but the database itself;
    see agentdb.clients.local.authorizer."""
    return _between(Begin(confined=True), steps)


def _between(begin: Begin, steps: Steps[T]) -> Steps[T]:
    yield begin
    try:
        result = yield from steps
    except GeneratorExit:  # nobody drives this any more; the runner has rolled back
        raise
    except BaseException:
        yield _ROLLBACK
        raise
    yield _COMMIT
    return result
