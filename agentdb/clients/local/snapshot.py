"""A verified copy of a database's file: what one snapshot of it holds, beside writers of any process."""

from __future__ import annotations

import os
import sqlite3
from re import compile
from time import monotonic, sleep

from agentdb.clients.local.connection import Connection
from agentdb.clients.local.error_translation import FAULTS, translate
from agentdb.clients.local.integrity import quick_check
from agentdb.clients.local.permissions import give_to_owner
from agentdb.clients.local.settings import Settings
from agentdb.errors import BackupError, StatementError, StorageError
from agentdb.logs import WARNING, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self, TypeAlias

    #: Called with the number of pages that are copied, and of all pages. While the copy is checked: with all of all.
    Tell: TypeAlias = Callable[[int, int], None]

#: Pages between two reports, and between two looks at whether the copy is still wanted: 4 MB of the usual pages.
_STEP = 1000
#: Instructions of SQLite's machine between two of those looks while the copy is checked.
_LOOK = 200_000
#: What quick_check says of rows, rather than of the file. The database has such rows as well, and opens with them.
_OF_ROWS = compile(r"(CHECK constraint failed in|NULL value in|non-[A-Z]+ value in|[A-Z]+ value in) .*")


class Copy:
    """One snapshot of a database, held open from the beginning to the end, and the way to write it down."""

    def __init__(self, path: str, settings: Settings) -> None:
        """Open the database and begin the snapshot. `settings`: of the client that asks: its busy timeout and on_connect.

        In WAL mode no writer is delayed by it; in another journal mode writers wait until close().

        Raises StorageError, BusyError.
        """
        self.path = path
        self._stopped = False
        self._target: sqlite3.Connection | None = None
        self._on_connect = settings.on_connect
        self.source = Connection(
            path, Settings(busy_timeout=settings.busy_timeout, read_only=True, on_connect=settings.on_connect)
        ).open()
        try:
            self.source.begin(writing=False)
            self.tables = self.source.execute("SELECT count(*) FROM sqlite_master", ()).tuples[0][0]
        except BaseException:
            self.source.close()
            raise

    def write(self, place: str, tell: Tell, like: str | None = None) -> None:
        """Write the copy to `place`, whole, checked, and safe on its disk; what was there is lost.

        It has the rights of the database's file, or of the file `like`, and no -wal beside it. Raises BackupError, StorageError,
        StatementError `interrupted`; then nothing is left at `place`.
        """
        try:
            create_like(place, like or self.path)
            self._target = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
            try:
                self._fill(self._target, place, tell)
            finally:
                self._target.close()
            sync_file(place)
        except BaseException as error:
            remove(place)
            if isinstance(error, FAULTS):
                told = translate(error, place)
                if told.code in ("corrupt", "not_a_database"):
                    told = _damaged(self.path, place, str(error))
                raise told from error
            if isinstance(error, OSError):
                raise StorageError(f"{place} cannot be written: {error.strerror}", engine_code=None) from error
            raise

    def _fill(self, target: sqlite3.Connection, place: str, tell: Tell) -> None:
        if self._on_connect is not None:
            from agentdb.clients.local.on_connect import call_on_connect

            call_on_connect(self._on_connect, target)
        # Its name says that it is not finished: a crash needs no journal, and sync_file() comes before the name.
        target.execute("PRAGMA journal_mode=OFF")
        target.execute("PRAGMA synchronous=OFF")
        pages = 0

        def progress(_status: int, remaining: int, total: int) -> None:
            nonlocal pages
            pages = total
            self._check_wanted()
            tell(total - remaining, total)

        self.source.copy_into(target, _STEP, progress)
        # The copy of a database in WAL mode would get a -wal beside it as soon as somebody reads it.
        target.execute("PRAGMA journal_mode=DELETE")
        failure: list[BaseException] = []

        def look() -> int:
            try:
                self._check_wanted()
                tell(pages, pages)
            except BaseException as error:  # sqlite3 would swallow it
                failure.append(error)
            return len(failure)

        target.set_progress_handler(look, _LOOK)
        try:
            found = quick_check(target, self.path)
        except sqlite3.Error:
            if failure:
                raise failure[0] from None
            raise
        _refuse_damage(found, self.path, place)

    def _check_wanted(self) -> None:
        if self._stopped:
            raise StatementError(f"the copy of {self.path} was interrupted", code="interrupted")

    def interrupt(self) -> None:
        """Stop, from any thread."""
        self._stopped = True
        self.source.interrupt()

    def close(self) -> None:
        """End the snapshot."""
        self.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _refuse_damage(found: list[str], path: str, place: str) -> None:
    damage = [line for line in found if line != "ok" and not _OF_ROWS.fullmatch(line)]
    if damage:
        raise _damaged(path, place, damage[0].partition("\n")[0])
    if found != ["ok"]:
        log(WARNING, "%s holds rows that its own schema refuses: %s", path, found[0])


def _damaged(path: str, place: str, why: str) -> BackupError:
    return BackupError(f"the copy of {path} at {place} is not whole: {why}", code="backup_damaged")


class Lock:
    """One process at a time: a lock of the operating system on a file of its own, so it ends with its process.

    The empty file stays: to remove it while others wait on it would let two in.
    """

    def __init__(self, path: str, like: str | None = None) -> None:
        """like: the database, if its owner is to be the owner of this file."""
        self.path = path
        self._like = like
        self._held: sqlite3.Connection | None = None

    def acquire(self, patience: float, is_wanted: Callable[[], None]) -> bool:
        """Wait for it. False where its owner has not renewed it for `patience` seconds; see beat().

        `is_wanted` is called again and again, and may raise.
        """
        try:
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=0, check_same_thread=False)
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        try:
            if self._like is not None:
                give_to_owner(self.path, self._like)
            seen, since = self._sign(), monotonic()
            while True:
                try:
                    connection.execute("BEGIN EXCLUSIVE")
                    break
                except sqlite3.OperationalError as error:
                    if not error.sqlite_errorname.startswith("SQLITE_BUSY"):
                        raise translate(error, self.path) from error
                is_wanted()
                sign = self._sign()
                if sign != seen:
                    seen, since = sign, monotonic()
                elif monotonic() - since > patience:
                    connection.close()
                    return False
                sleep(0.01)
        except BaseException:
            connection.close()
            raise
        self._held = connection
        return True

    def beat(self) -> None:
        """Show those who wait that the one who has it is at work. (By name: to open and close the file would let go.)"""
        try:
            os.utime(self.path)
        except OSError:
            pass

    def _sign(self) -> int:
        try:
            return os.stat(self.path).st_mtime_ns
        except OSError:
            return 0

    def release(self) -> None:
        """Let go."""
        if self._held is not None:
            self._held.close()
            self._held = None


def create_like(place: str, like: str) -> None:
    """An empty file with the rights of another, from its first byte on: it will hold the same secrets."""
    found = os.stat(like)
    remove(place)
    mode = found.st_mode & 0o777
    os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode & 0o600 or 0o600))
    for owner in (found.st_uid, -1):
        try:
            if hasattr(os, "chown"):
                os.chown(place, owner, found.st_gid)
            break
        except OSError:  # only root may give files away, and others to their own groups
            pass
    else:
        mode &= ~0o070  # of another group
    os.chmod(place, mode | 0o600)


def sync_file(path: str) -> None:
    """Have the disk hold what was written. Not for a file that SQLite has open: closing it here would drop its locks."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: str) -> None:
    """Have the disk hold the names in a folder. Never raises: they are in their places already."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows, where a folder cannot be opened, and names are written through
        return
    try:
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:  # a file system that has no such thing
        pass


def remove(path: str) -> None:
    """Remove a file if it is there, with what SQLite may have left beside it."""
    for name in (path, f"{path}-journal", f"{path}-wal", f"{path}-shm"):
        try:
            os.unlink(name)
        except OSError:
            pass
