"""A store inside one transaction of its own, for the length of a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from agentdb.errors import ClosedError, InvalidArgumentError
from agentdb.operations.transactions import Block, Level, begin, begin_async

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")


class _Scope(Block, Generic[T]):
    def __init__(self, outer: Any, make: Callable[[Level], T]) -> None:
        if not hasattr(outer, "transaction") and not isinstance(outer, Level):
            raise InvalidArgumentError(
                f"{outer!r} has no transactions to work in",
                code="foreign_client",
                remedy="Open a database on it: AgentDB.open(client), AsyncAgentDB.open(client).",
            )
        self._outer = outer
        self._make = make
        self._entered = False

    def _check_unused(self) -> None:
        if self._entered:
            raise ClosedError("this scope was entered already", remedy="Ask for another with session_scope().")


class Scope(_Scope[T]):
    """`with store.session_scope() as scope`: kept at the end of the block, rolled back at an exception."""

    def __enter__(self) -> T:
        self._check_unused()
        self._begun = begin(self._outer)
        self._entered = True
        return self._make(self._begun)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(keep=kind is None)


class AsyncScope(_Scope[T]):
    """As Scope, with `async with`."""

    async def __aenter__(self) -> T:
        self._check_unused()
        self._begun = await begin_async(self._outer)
        self._entered = True
        return self._make(self._begun)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end_async(kind)
