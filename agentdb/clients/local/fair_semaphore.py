"""How many may pass at a time, first come first served, each waiting up to a time of its own."""

from __future__ import annotations

from _thread import RLock, allocate_lock
from _weakref import ref
from collections import deque
from time import monotonic

from agentdb.errors import BusyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds after which one who waits looks for itself: an exception may have struck whoever was to wake it.
_LOOK_AGAIN = 0.1


class Token:
    """The right to pass.

    One that is dropped goes back by itself: a KeyboardInterrupt may strike between any two steps of a caller, also
    between taking a token and the `try` that would give it back.
    """

    #: Whether it is worth nothing: not yet, or no more. There is no call between a change of this in one token and in
    #: another, so no exception can strike there.
    spent = True

    def __init__(self, semaphore: FairSemaphore) -> None:
        self._semaphore = ref(semaphore)

    def __del__(self) -> None:
        semaphore = None if self.spent else self._semaphore()
        if semaphore is not None:
            semaphore.exchange(self)


class _Turn:
    """One who waits: woken by `lock`, with the token in `token`."""

    __slots__ = ("lock", "token")

    def __init__(self) -> None:
        self.lock = allocate_lock()
        self.lock.acquire()
        self.token: Token | None = None


class FairSemaphore:
    """A semaphore with a queue, for threads.

    `threading.Lock` lets a newcomer overtake those who wait, and `threading.Semaphore` costs as much as a point SELECT.
    Here a token changes hands by list.pop() and list.append(), which are atomic, and one who leaves hands the token to
    the first who waits.
    """

    __slots__ = ("__weakref__", "_tokens", "_waiting")

    def __init__(self, capacity: int) -> None:
        self._tokens = [Token(self) for _ in range(capacity)]
        for token in self._tokens:
            token.spent = False
        self._waiting: deque[_Turn] = deque()

    def enter(self, timeout: float, check: Callable[[], None] | None = None) -> Token | None:
        """Take a token, for leave(), waiting up to `timeout` seconds. None if none came. check: called while it waits; what
        it raises ends the wait."""
        try:
            return self._tokens.pop()
        except IndexError:
            return self._wait(timeout, check)

    def leave(self, token: Token) -> None:
        """Give the token to the first who waits, or put it back."""
        self._tokens.append(token)
        if self._waiting:
            self._hand_over()

    def exchange(self, token: Token) -> None:
        """leave(), for who may be finalized together with the token, as parts of a cycle are: in any order, and each once."""
        fresh = Token(self)
        if not token.spent:
            token.spent = True
            fresh.spent = False
            self.leave(fresh)

    def _wait(self, timeout: float, check: Callable[[], None] | None) -> Token | None:
        turn = _Turn()
        deadline = monotonic() + timeout
        self._waiting.append(turn)
        try:
            while True:
                # A token may have been put back between the look and the queue, or the last time that we slept.
                self._hand_over()
                left = deadline - monotonic()
                if turn.token is not None or left <= 0:
                    break
                if check is not None:
                    check()
                turn.lock.acquire(timeout=min(left, _LOOK_AGAIN))
        except BaseException:
            self._forget(turn)
            token, turn.token = turn.token, None
            if token is not None:
                self.leave(token)
            raise
        self._forget(turn)
        # A token that is handed over from now on is dropped with the turn, and so goes back.
        token, turn.token = turn.token, None
        return token

    def _hand_over(self) -> None:
        """Give free tokens to those who wait, in their order."""
        while self._waiting:
            try:
                token = self._tokens.pop()
            except IndexError:
                return  # whoever has it looks here when leaving
            try:
                turn = self._waiting.popleft()
            except IndexError:
                self._tokens.append(token)
                continue  # and look again: somebody may have queued just now
            turn.token = token
            turn.lock.release()

    def _forget(self, turn: _Turn) -> None:
        try:
            self._waiting.remove(turn)
        except ValueError:
            pass


class Turn:
    """One operation on a transaction at a time: `with turn`. The same thread may take it again."""

    __slots__ = ("_lock", "patience")

    def __init__(self, patience: float) -> None:
        """patience: seconds to wait for it."""
        self.patience = patience
        self._lock = RLock()

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self.patience):
            raise not_our_turn(self.patience)

    def __exit__(self, *_error: object) -> None:
        self._lock.release()


def not_our_turn(patience: float) -> BusyError:
    """Another operation on the same transaction has not ended."""
    return BusyError(
        f"another operation on this transaction has not ended after {patience:g} s",
        remedy="Do not wait, inside a transaction, for another thread or task that works on the same transaction.",
    )
