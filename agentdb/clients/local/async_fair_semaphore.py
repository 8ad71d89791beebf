"""How many may pass at a time, for the tasks of one event loop."""

from __future__ import annotations

import asyncio
from collections import deque

from agentdb.clients.local.fair_semaphore import not_our_turn


class AsyncFairSemaphore:
    """A semaphore with a queue: first come, first served, with a time-out."""

    __slots__ = ("_capacity", "_free", "_waiting")

    def __init__(self, capacity: int) -> None:
        self._capacity = self._free = capacity
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def in_use(self) -> bool:
        """Whether somebody is inside."""
        return self._free < self._capacity

    def enter_at_once(self) -> bool:
        """Take a token if one is free and nobody waits."""
        if self._free and not self._waiting:
            self._free -= 1
            return True
        return False

    async def enter(self, patience: float) -> bool:
        """Take a token, waiting up to `patience` seconds. False if none came."""
        if self.enter_at_once():
            return True
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await asyncio.wait((turn,), timeout=patience)
        except BaseException:  # also the end of a coroutine that nobody awaits any more
            if turn.done():
                self.leave()
            else:
                self._waiting.remove(turn)
            raise
        if turn.done():
            return True
        self._waiting.remove(turn)
        return False

    def leave(self) -> None:
        """Give the token to the first who waits, or put it back."""
        while self._waiting:
            turn = self._waiting.popleft()
            try:
                turn.set_result(None)
            except RuntimeError:  # its loop is closed: nobody waits there
                continue
            return
        self._free += 1


class AsyncTurn:
    """One operation on a transaction at a time: `async with turn`."""

    __slots__ = ("_semaphore", "patience")

    def __init__(self, patience: float) -> None:
        """patience: seconds to wait for it."""
        self.patience = patience
        self._semaphore = AsyncFairSemaphore(1)

    async def __aenter__(self) -> None:
        if not await self._semaphore.enter(self.patience):
            raise not_our_turn(self.patience)

    async def __aexit__(self, *_error: object) -> None:
        self._semaphore.leave()
