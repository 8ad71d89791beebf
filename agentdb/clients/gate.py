"""How many may pass at a time, first come first served, each waiting no longer than it wants to."""

from __future__ import annotations

from _thread import allocate_lock
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType


class Gate:
    """A semaphore with a queue, for threads.

    `threading.Lock` lets a newcomer overtake those who wait, and `threading.Semaphore` costs as much as a point SELECT.
    Here a token changes hands by list.pop() and list.append(), which are atomic, and one who leaves hands the token to
    the first who waits.
    """

    __slots__ = ("_tokens", "_waiting")

    def __init__(self, capacity: int) -> None:
        self._tokens: list[None] = [None] * capacity
        self._waiting: deque[LockType] = deque()

    def enter(self, timeout: float) -> bool:
        """Take a token, waiting up to `timeout` seconds. False if none came."""
        try:
            self._tokens.pop()
        except IndexError:
            return self._wait(timeout)
        return True

    def _wait(self, timeout: float) -> bool:
        turn = allocate_lock()
        turn.acquire()
        self._waiting.append(turn)
        try:
            # A token that was put back between the look and the queue would otherwise be waited for in vain.
            self._tokens.pop()
        except IndexError:
            try:
                came = turn.acquire(timeout=timeout)
            except BaseException:
                if not self._forget(turn):
                    self.leave()
                raise
            # A turn that is no longer queued was handed over in the very moment that the patience ended.
            return came or not self._forget(turn)
        if not self._forget(turn):
            self.leave()  # one was handed over as well: two are too many
        return True

    def _forget(self, turn: LockType) -> bool:
        try:
            self._waiting.remove(turn)
        except ValueError:
            return False
        return True

    def leave(self) -> None:
        """Give the token to the first who waits, or put it back."""
        while True:
            try:
                self._waiting.popleft().release()
                return
            except IndexError:
                self._tokens.append(None)
            # Somebody may have queued after that look and before the token was back.
            if not self._waiting:
                return
            try:
                self._tokens.pop()
            except IndexError:
                return
