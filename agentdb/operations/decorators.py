"""How one implementation serves sync and async callers.

A body is a generator that asks for things, by `yield from execute(…)` and its like, and never touches a connection: so it
cannot block, and it can be tested with canned answers. Two runners drive it, one on a sync client, one on an async one:

    class NoteStore(Operations[W]):
        @operation
        def count(self) -> Steps[int]:
            result = yield from execute("SELECT count(*) FROM notes")
            return int(result.tuples[0][0])

        @atomic
        def replace(self, text: str) -> Steps[int]:
            yield from execute("DELETE FROM notes")
            yield from execute("INSERT INTO notes (text) VALUES (?)", (text,))
            return (yield from self.count.steps())

    NoteStore(create_client_sync(path)).count()         # int
    await NoteStore(create_client(path)).count()        # int, awaited

Bodies never `yield` a request themselves: each asking function has a return type of its own, a generator has only one.
"""

from __future__ import annotations

from agentdb.clients.adapters import borrow
from agentdb.errors import InvalidArgumentError
from agentdb.operations.requests import Steps, atomically
from agentdb.operations.runners import run, run_async, run_async_borrowed, run_async_in_turn, run_borrowed, run_in_turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

    from agentdb.clients.base import Async, Sync
    from agentdb.operations.runners import Callback

    P = ParamSpec("P")
    T = TypeVar("T")
    T_co = TypeVar("T_co", covariant=True)
    W = TypeVar("W", Sync, Async)
    W_co = TypeVar("W_co", Sync, Async, covariant=True)

    class SyncCall(Protocol[P, T_co]):
        """An operation bound to a sync client."""

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T_co: ...
        def steps(self, *args: P.args, **kwargs: P.kwargs) -> Steps[T_co]: ...

    class AnyCall(Protocol[P, T_co]):
        """An operation inside a body, whose world is not known yet: only its steps can be asked for."""

        def steps(self, *args: P.args, **kwargs: P.kwargs) -> Steps[T_co]: ...

    class Target(Protocol[W_co]):
        """What operations can be bound to: a client, a transaction, a database. (To a type checker the clients of
        libsql-client, which has no types, are Any.)"""

        @property
        def world(self) -> W_co: ...

    class AsyncCall(Protocol[P, T_co]):
        """An operation bound to an async client."""

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T_co]: ...
        def steps(self, *args: P.args, **kwargs: P.kwargs) -> Steps[T_co]: ...

else:
    P = T = W = None

    class Generic:
        def __class_getitem__(cls, _item):
            return cls

    def overload(function):
        return function


class operation(Generic[P, T]):
    """Makes a body a method: reads, or one writing statement."""

    def __init__(self, body: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self.body = body
        self.__doc__ = body.__doc__
        self.__name__ = body.__name__
        self.__qualname__ = body.__qualname__
        self.__module__ = body.__module__
        self.__wrapped__ = body

    @overload
    def __get__(self, obj: None, owner: type) -> Self: ...
    @overload
    def __get__(self, obj: Operations[Sync], owner: type) -> SyncCall[P, T]: ...
    @overload
    def __get__(self, obj: Operations[Async], owner: type) -> AsyncCall[P, T]: ...
    @overload
    def __get__(self, obj: Operations[Any], owner: type) -> AnyCall[P, T]: ...
    def __get__(self, obj: Operations[Any] | None, owner: type) -> Any:
        return self if obj is None else _Bound(self, obj)

    def __call__(self, obj: Operations[Any], *args: P.args, **kwargs: P.kwargs) -> Any:
        """As a function of the class: `AgentStore.get(db.agents, id)`."""
        return _Bound(self, obj)(*args, **kwargs)

    @property
    def __signature__(self) -> Any:
        """For inspect.signature() and help(): the parameters of the body, and what a caller that waits gets."""
        return _signature(self.body, "{}")

    def steps(self, obj: Operations[Any], *args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        """The body's steps, for another body: `yield from self.append.steps(…)`."""
        return self.body(obj, *args, **kwargs)


class atomic(operation[P, T]):
    """Makes a body a method that runs whole inside BEGIN IMMEDIATE, or inside a SAVEPOINT of the caller's transaction."""

    def steps(self, obj: Operations[Any], *args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        """The body's steps inside their transaction."""
        return atomically(self.body(obj, *args, **kwargs))


class _Bound:
    """An operation on the object that it was asked of."""

    __slots__ = ("_obj", "_operation")

    def __init__(self, operation: operation[Any, Any], obj: Operations[Any]) -> None:
        self._operation = operation
        self._obj = obj

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        obj = self._obj
        return obj._run(obj._target, self._operation.steps(obj, *args, **kwargs), obj._on_event)

    def steps(self, *args: Any, **kwargs: Any) -> Steps[Any]:
        return self._operation.steps(self._obj, *args, **kwargs)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return self._operation.__doc__

    @property
    def __name__(self) -> str:
        return self._operation.__name__

    @property
    def __signature__(self) -> Any:
        """The parameters, and what a call gives in the world of the object."""
        is_async = bool(getattr(self._obj._target, "is_async", False))
        return _signature(self._operation.body.__get__(self._obj), "Coroutine[Any, Any, {}]" if is_async else "{}")

    def __get__(self, obj: object, owner: type | None = None) -> Self:
        """It is bound. With this, help() shows it as a method, with its parameters."""
        return self

    def __repr__(self) -> str:
        return f"<{self._operation.__qualname__} of {self._obj!r}>"


def _signature(body: Callable[..., Any], returned: str) -> Any:
    """A body's signature with the value of its steps in this form, where its annotation says `Steps[value]`."""
    from inspect import signature

    found = signature(body)
    value = found.return_annotation
    if isinstance(value, str) and value.startswith("Steps[") and value.endswith("]"):
        found = found.replace(return_annotation=returned.format(value.removeprefix("Steps[").removesuffix("]")))
    return found


class HasTarget(Generic[W]):
    """Base of what stands for a client or a transaction: a database, a transaction's block."""

    def __init__(self, target: Any) -> None:
        self._target: Any = target

    @property
    def world(self) -> W:
        """Which world its operations are of."""
        world: W = self._target.world
        return world

    @property
    def operations_target(self) -> Any:
        """The client or transaction that operations on this work on."""
        return self._target


class Operations(Generic[W]):
    """Base of whatever has operations: bound to a client, or to an open transaction of one."""

    def __init__(self, target: Target[W], on_event: Callback | None = None) -> None:
        """`target`: a client of agentdb, a transaction of one, a database, or a `file:` client that libsql-client made.

        Raises InvalidArgumentError for anything else.
        """
        self._bind(target, on_event)

    def _bind(self, target: Any, on_event: Callback | None) -> None:
        target = getattr(target, "operations_target", target)
        borrowed = borrow(target)
        self._target: Any = target if borrowed is None else borrowed
        self._on_event = on_event
        if borrowed is not None:
            self._run: Callable[..., Any] = run_async_borrowed if borrowed.is_async else run_borrowed
        else:
            is_async = getattr(target, "is_async", None)
            if not isinstance(is_async, bool):
                raise InvalidArgumentError(f"{type(target).__name__} is not a client", code="foreign_client")
            if hasattr(target, "turn"):
                self._run = run_async_in_turn if is_async else run_in_turn
            else:
                self._run = run_async if is_async else run
