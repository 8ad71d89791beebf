"""What the sync and the async local client have in common: a database, who may use it now, and its end."""

from __future__ import annotations

from _weakref import ref

from agentdb.clients.local import fork_safety
from agentdb.clients.local.started_inside import is_inside
from agentdb.errors import BusyError, ClosedError, TransactionActiveError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

    from agentdb.clients.local.settings import Settings
    from agentdb.clients.local.started_inside import Mark


class Bar:
    """Refuses a client to a caller for as long as it lives."""

    __slots__ = ("__weakref__",)


class Pool:
    """One database and its rules. Subclasses bring the connections, and the way to wait."""

    #: Whether the database is on a server.
    is_remote = False

    def __init__(self, path: str, settings: Settings) -> None:
        self.path = path
        self.settings = settings
        self._born = fork_safety.generation
        self._closed = False
        #: The thread or task that has a transaction open, and those that are inside an event callback. Others wait for
        #: their turn; these would wait for themselves, so they are refused.
        self._owner: Hashable | None = None
        #: What marks the contexts that are copied inside that transaction.
        self._mark: ref[Mark] | None = None
        self._in_callback: dict[Hashable, ref[Bar]] = {}

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed

    def _caller(self) -> Hashable:
        """The thread or the task that is calling."""
        raise AssertionError("subclasses know who calls them")

    def close_idle_files(self) -> None:
        """A fork is near: close every connection to a file that nobody uses now."""
        raise AssertionError("subclasses know what is idle")

    def _check(self) -> None:
        """Raises ClosedError or TransactionActiveError where the caller may not use the client now."""
        if self._born != fork_safety.generation:
            raise ClosedError(f"the client of {self.path} was opened before a fork", code="forked")
        if self._closed:
            raise ClosedError(f"the client of {self.path} is closed")
        if self._in_callback:
            self._check_callback()
        if self._owner is not None:
            if self._owner == self._caller():
                raise TransactionActiveError(
                    f"the client of {self.path} was used while this thread or task has a transaction open on it"
                )
            mark = None if self._mark is None else self._mark()
            if mark is not None and is_inside(mark):
                raise self._started_inside()

    def _started_inside(self) -> TransactionActiveError:
        return TransactionActiveError(
            f"the client of {self.path} was used by a task or thread that was started inside the transaction that is open "
            "on it, or for which the owner of that transaction waits"
        )

    def _check_callback(self) -> None:
        caller = self._caller()
        bar = self._in_callback.get(caller)
        if bar is not None:
            if bar() is not None:
                raise TransactionActiveError(f"{self.path} was used from an event callback", code="callback_active")
            self._in_callback.pop(caller, None)  # an exception has struck on the way out

    def bar(self) -> Bar | None:
        """Refuse the client and its transaction to the caller, who is about to run an event callback, until unbar().

        Returns what to give to unbar(): None where the caller is in a callback already. A bar that is dropped has ended.
        """
        caller = self._caller()
        before = self._in_callback.get(caller)
        if before is not None and before() is not None:
            return None
        bar = Bar()
        self._in_callback[caller] = ref(bar)
        return bar

    def unbar(self, bar: Bar | None) -> None:
        """End what bar() began."""
        if bar is not None:
            self._in_callback.pop(self._caller(), None)

    def _lift(self, owner: Hashable) -> None:
        """The owner's transaction is at its end."""
        if self._owner == owner:
            self._owner = None

    def _busy(self) -> BusyError:
        return BusyError(
            f"{self.path} is in use by another thread or task of this process; waited {self.settings.busy_timeout:g} s"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}{' closed' if self._closed else ''}>"


class TransactionBase:
    """What the sync and the async transaction have in common."""

    _client: Any  # each world's own client

    def bar(self) -> Bar | None:
        """Refuse the client and this transaction to the caller; see Pool.bar()."""
        client: Pool = self._client
        return client.bar()

    def unbar(self, bar: Bar | None) -> None:
        """End what bar() began."""
        self._client.unbar(bar)

    def check_callback(self) -> None:
        """Raises TransactionActiveError where the caller is inside an event callback."""
        client: Pool = self._client
        if client._in_callback:
            client._check_callback()

    def _check(self, *, ended: bool) -> None:
        """Raises ClosedError or TransactionActiveError where the caller may not use it now."""
        client = self._client
        if client._born != fork_safety.generation:
            raise ClosedError(f"the transaction on {client.path} was begun before a fork", code="forked")
        if ended:
            raise ClosedError(
                f"the transaction on {client.path} has ended", remedy="Begin another with client.transaction()."
            )
        self.check_callback()
