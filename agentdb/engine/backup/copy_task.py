"""What backups and restores have in common: the copy, its progress, its place, and how its failures are told."""

from __future__ import annotations

import os
from time import monotonic

from agentdb.clients.local.error_translation import FAULTS, translate
from agentdb.clients.local.snapshot import Copy, remove, sync_folder
from agentdb.clients.location import MEMORY, local_path
from agentdb.engine.events import BackingUp
from agentdb.errors import AgentDBError, BackupError, InvalidArgumentError, StatementError, StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any

    from agentdb.clients.local.settings import Settings
    from agentdb.clients.location import Place

#: Seconds without a sign of life after which a process that makes a backup counts as stuck.
PATIENCE = 60.0
#: Seconds between two progress events.
_PAUSE = 0.05


class CopyTask:
    """What the runner makes away from the event loop; see agentdb.operations.requests.Backup."""

    _copy: Copy | None = None
    _stopped = False

    def make(self, path: str, settings: Settings, tell: Callable[[object], None]) -> Any:
        """Make it; `tell` is given the events of its progress."""
        raise AssertionError("subclasses know what to make")

    def interrupt(self) -> None:
        """Stop soon, from any thread; make() then raises StatementError `interrupted`."""
        self._stopped = True
        if self._copy is not None:
            self._copy.interrupt()

    def check_wanted(self) -> None:
        """Raises StatementError `interrupted`."""
        if self._stopped:
            raise StatementError("the backup was interrupted", code="interrupted")

    def write(
        self, copy: Copy, place: str, final: str, tell: Callable[[object], None], beat: Callable[[], None]
    ) -> None:
        """The copy under a temporary name, with progress, then under its own."""
        self.fill(copy, place, final, tell, beat)
        self.name(place, final)

    def fill(
        self, copy: Copy, place: str, final: str, tell: Callable[[object], None], beat: Callable[[], None]
    ) -> None:
        """Write the copy to `place`, with progress."""
        self._copy = copy
        told = paced(lambda done, total: tell(BackingUp(final, done, total)), beat)

        def tell_pages(done: int, total: int) -> None:
            self.check_wanted()
            told(done, total)

        tell(BackingUp(final, 0, 0))
        copy.write(place, tell_pages)

    def name(self, place: str, final: str) -> None:
        """Give the copy its own name."""
        try:
            self.check_wanted()
            os.replace(place, final)
        except BaseException:
            remove(place)
            raise
        sync_folder(os.path.dirname(final))


def paced(tell: Callable[[int, int], None], beat: Callable[[], None]) -> Callable[[int, int], None]:
    """A `tell` that is called often, made one that tells at intervals, with a sign of life each time."""
    told_at = 0.0

    def at_intervals(done: int, total: int) -> None:
        nonlocal told_at
        now = monotonic()
        if now - told_at >= _PAUSE:
            told_at = now
            beat()
            tell(done, total)

    return at_intervals


def check_callback(on_event: object) -> None:
    """Raises InvalidArgumentError for what cannot be called with an event."""
    if on_event is not None and not callable(on_event):
        raise InvalidArgumentError(f"on_event is {on_event!r}; it is called with an event")


def is_path(text: object) -> bool:
    """Whether a value can be a path."""
    return type(text) is str and bool(text) and "\0" not in text


def file_of(place: Place) -> str:
    """The real path of a database in a file. Raises InvalidArgumentError for one in memory."""
    path = local_path(place)
    if path == MEMORY:
        raise InvalidArgumentError("a database in memory has no file to back up or to restore")
    return os.path.realpath(path)


def check_space(path: str, folder: str, *others: str) -> None:
    """Raises BackupError `backup_no_space` where a copy of a database would not fit, with a tenth to spare.

    others: files whose size is needed as well, as often as they are named, if they are there.
    """
    from shutil import disk_usage

    size = os.path.getsize(path)
    for other in (f"{path}-wal", *others, *[f"{other}-wal" for other in others]):
        try:
            size += os.path.getsize(other)
        except OSError:
            pass
    needed, free = size + max(size // 10, 4 << 20), disk_usage(folder).free
    if free < needed:
        raise BackupError(
            f"a copy of {path} needs {_megabytes(needed)} in {folder}, and {_megabytes(free)} are free",
            code="backup_no_space",
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size >= 100e6 else f"{size / 1e6:.1f} MB"


def told_as_backup(path: str, folder: str, remedy: str | None = None) -> AbstractContextManager[None]:
    """A block whose errors are told as those of a backup: BackupError."""
    from contextlib import contextmanager

    @contextmanager
    def translated() -> Iterator[None]:
        try:
            yield
        except BackupError as error:
            if remedy is not None and error.code == "backup_no_space":
                error.remedy = remedy
            raise
        except StorageError as error:
            raise _failed(path, error.message, remedy, error.engine_code) from error
        except AgentDBError:
            raise
        except OSError as error:
            raise _failed(path, f"{error.filename or folder}: {error.strerror}", remedy) from error
        except FAULTS as error:
            told = translate(error, folder)
            raise _failed(path, told.message, remedy, told.engine_code) from error

    return translated()


def _failed(path: str, why: str, remedy: str | None, engine_code: str | None = None) -> BackupError:
    return BackupError(f"no backup of {path} could be made: {why}", remedy=remedy, engine_code=engine_code)


def tell_nobody(*_: object) -> None:
    """A callback for events that nobody hears."""
