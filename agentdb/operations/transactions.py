"""What `with db.transaction() as tx` works on: one level of a transaction, which ends with its block."""

from __future__ import annotations

from agentdb.errors import ClosedError, TransactionActiveError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Level:
    """A transaction, or a savepoint inside one. Stores take it for a target; sync and async alike, for it only passes on.

    While a level inside it is open, and once it has ended, it refuses to be used: no row joins by accident.
    """

    def __init__(self, outer: Level | None, transaction: Any, savepoint: str | None) -> None:
        self._outer = outer
        self._transaction = transaction
        self._savepoint = savepoint
        self._inner: Level | None = None
        self._open = True
        #: One operation on this level at a time; a level inside has a turn of its own.
        self.turn: Any = type(transaction.turn)(transaction.turn.patience)
        if outer is not None:
            outer._inner = self

    @property
    def is_async(self) -> bool:
        """Which world its transaction is of."""
        return bool(self._transaction.is_async)

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return not self._open

    @property
    def world(self) -> Any:
        """Which world its transaction is of, for type checkers."""
        return self._transaction.world

    def close(self) -> None:
        """End the whole transaction without keeping it, where its end failed or nobody drives its body any more. Does
        nothing where it has ended; needs no event loop."""
        self._open = False
        if self._outer is not None:
            self._outer._inner = None
        self._transaction.close()

    def check(self) -> None:
        """Raises ClosedError or TransactionActiveError where it cannot be used now."""
        if not self._open:
            raise ClosedError("the transaction has ended", remedy="Begin another with db.transaction().")
        if self._inner is not None:
            raise TransactionActiveError("the transaction was used while another one is open inside it")

    def execute(self, stmt: Any, args: Any = None) -> Any:
        """As the transaction's."""
        self.check()
        return self._transaction.execute(stmt, args)

    def batch(self, stmts: Any) -> Any:
        """As the transaction's."""
        self.check()
        return self._transaction.batch(stmts)

    def savepoint(self) -> Any:
        """As the transaction's."""
        self.check()
        return self._transaction.savepoint()

    def release(self, name: str) -> Any:
        """As the transaction's."""
        return self._transaction.release(name)

    def rollback_to(self, name: str) -> Any:
        """As the transaction's."""
        return self._transaction.rollback_to(name)

    def bar(self) -> Any:
        """As the client's."""
        return self._transaction.bar()

    def unbar(self, bar: Any) -> None:
        """As the client's."""
        self._transaction.unbar(bar)

    def check_callback(self) -> None:
        """As the transaction's."""
        self._transaction.check_callback()

    def end(self, *, keep: bool) -> Any:
        """Keep what was done, or roll it back; awaited where the client is async."""
        self._open = False
        if self._outer is not None:
            self._outer._inner = None
        if self._savepoint is None:
            return self._transaction.commit() if keep else self._transaction.rollback()
        if keep:
            return self._transaction.release(self._savepoint)
        return self._transaction.rollback_to(self._savepoint)


class Block:
    """What a `with` statement holds for the length of its block: it begins a level and ends it.

    The block works on another object, the one behind `as`. An exception may come before the first step of `__exit__`,
    where no code can see it. Once it is handled, nothing refers to this object any more, and the level ends with it.
    The name behind `as` may live longer.
    """

    _begun: Level | None = None  # and not yet ended

    def _last(self, statement: tuple[str, Any]) -> None:
        """Run one more statement before the level is kept; where that fails, nothing is."""
        level = self._begun
        assert level is not None
        try:
            level.execute(*statement)
        except BaseException:
            level.close()
            raise

    async def _last_async(self, statement: tuple[str, Any]) -> None:
        level = self._begun
        assert level is not None
        try:
            await level.execute(*statement)
        except BaseException:
            level.close()
            raise

    def _end(self, *, keep: bool) -> None:
        """End the level, as the last thing: a second call of close() does nothing."""
        level = self._begun
        assert level is not None  # a block is entered before it is left
        try:
            level.end(keep=keep)
        except BaseException:
            level.close()
            raise
        self._begun = None

    async def _end_async(self, kind: type[BaseException] | None) -> None:
        level = self._begun
        assert level is not None
        try:
            if kind is GeneratorExit:  # nobody awaits this block any more
                level.close()
            else:
                await level.end(keep=kind is None)
        except BaseException:
            level.close()
            raise
        self._begun = None

    def __del__(self) -> None:
        if self._begun is not None:
            self._begun.close()


def begin(outer: Any) -> Level:
    """A level inside this one, or the first of a new transaction of a client. Raises TransactionActiveError, BusyError."""
    if isinstance(outer, Level):
        outer.check_callback()
        with outer.turn:
            return Level(outer, outer._transaction, outer.savepoint())
    return Level(None, outer.transaction(), None)


async def begin_async(outer: Any) -> Level:
    """As begin(), of an async client."""
    if isinstance(outer, Level):
        outer.check_callback()
        async with outer.turn:
            return Level(outer, outer._transaction, await outer.savepoint())
    transaction = outer.transaction()
    await transaction.begin()
    return Level(None, transaction, None)
