"""What the sync and the async local client have in common: a database, who may use it now, and its end."""

from __future__ import annotations

from agentdb.clients import forks
from agentdb.errors import BusyError, ClosedError, TransactionActiveError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

    from agentdb.clients.connection import Settings

_BARRED = {
    "transaction_active": "the client was used beside the transaction that this thread or task has open on it",
    "callback_active": "the database was used from an event callback",
}


class Pool:
    """One database and its rules. Subclasses bring the connections, and the way to wait."""

    def __init__(self, path: str, settings: Settings) -> None:
        self.path = path
        self.settings = settings
        self._born = forks.generation
        self._closed = False
        #: Threads or tasks that may not use the client now, with the reason: the owner of the open transaction, and
        #: whoever is inside an event callback. Other callers wait; these would wait for themselves.
        self._barred: dict[Hashable, str] = {}

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed

    def _caller(self) -> Hashable:
        """The thread or the task that is calling."""
        raise AssertionError("subclasses know who calls them")

    def _check(self) -> None:
        """Raises ClosedError or TransactionActiveError where the caller may not use the client now."""
        if self._born != forks.generation:
            raise ClosedError(f"the client of {self.path} was opened before a fork", code="forked")
        if self._closed:
            raise ClosedError(f"the client of {self.path} is closed")
        if self._barred:
            reason = self._barred.get(self._caller())
            if reason is not None:
                raise TransactionActiveError(_BARRED[reason], code=reason)

    def bar(self, reason: str) -> str | None:
        """Refuse the client to the caller until it is given back by unbar(); returns the bar that stood before."""
        caller = self._caller()
        before = self._barred.get(caller)
        self._barred[caller] = reason
        return before

    def unbar(self, before: str | None = None) -> None:
        """End the caller's bar, or put the one before back."""
        self._lift(self._caller(), before)

    def _lift(self, caller: Hashable, before: str | None = None) -> None:
        if before is None:
            self._barred.pop(caller, None)
        else:
            self._barred[caller] = before

    def _busy(self) -> BusyError:
        return BusyError(
            f"{self.path} is in use by another thread or task of this process; waited {self.settings.busy_timeout:g} s"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}{' closed' if self._closed else ''}>"
