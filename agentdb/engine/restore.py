"""Putting a backup in the place of a database.

The copy is made and checked beside the database, and comes into its place by a rename, while nobody has the old one open.
The old one is kept: it stands beside it as `DATABASE.replaced-0001`, until somebody removes it.
"""

from __future__ import annotations

import os
import sqlite3
from re import compile, escape

from agentdb.clients import forks
from agentdb.clients.copying import Copy, Lock, remove, sync_folder
from agentdb.clients.faults import FAULTS, translate
from agentdb.clients.location import check_place
from agentdb.clients.settings import Settings
from agentdb.engine.backup import PATIENCE, check_callback, check_space, file_of, paced
from agentdb.engine.events import Restored, Restoring
from agentdb.engine.shelf import default_folder
from agentdb.errors import AgentDBError, BackupError, BusyError, StorageError
from agentdb.logs import INFO, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from agentdb.clients.location import Place

#: What SQLite keeps beside a database, and would play back into another file of the same name.
_BESIDE = ("-wal", "-shm", "-journal")
#: Seconds to wait for a program that is just closing the database.
_BUSY_TIMEOUT = 0.5


def restore(place: Place, backup: Place, *, on_event: Callable[[Any], None] | None = None) -> Restored:
    """Put a copy of `backup` in the place of the database, which nobody may have open: no process, this one included.

    The backup is only read. Whatever was at `place` is kept beside it, and its path is `.replaced` of the answer. A crash at
    any point leaves the old or the new database, whole. on_event: called with Restoring and Restored of
    agentdb.engine.events.

    Programs that have a database in a journal mode other than WAL open, and idle, can be seen on Linux only; agentdb uses
    WAL wherever it can.

    Raises BackupError `not_a_backup`, `backup_damaged`, `file_in_use`, `backup_no_space`, `restore_failed`; then nothing was
    changed. InvalidArgumentError, BusyError where another restore of the same database is under way.
    """
    check_callback(on_event)
    path, source = file_of(place), file_of(backup)
    check_place(path, read_only=False)
    check_place(source, read_only=True)
    if os.path.exists(path) and os.path.samefile(path, source):
        raise BackupError(f"{source} is the database itself", code="not_a_backup")
    tell = on_event or _nothing
    try:
        _refuse_open(path)
        lock = _lock_of(path)
        if not lock.acquire(PATIENCE, _nothing):
            raise BusyError(f"another process is restoring {path}, and makes no progress")
        try:
            fresh = f"{path}.restoring"
            _copy(source, path, fresh, tell, lock)
            try:
                replaced = _swap(path, fresh)
            finally:
                remove(fresh)
        finally:
            lock.release()
    except BackupError:
        raise
    except StorageError as error:
        raise _failed(path, source, error.message, error.engine_code) from error
    except AgentDBError:
        raise
    except OSError as error:
        raise _failed(path, source, f"{error.filename or path}: {error.strerror}") from error
    except FAULTS as error:
        told = translate(error, path)
        raise _failed(path, source, told.message, told.engine_code) from error
    log(INFO, "restored %s from %s; what was there is now %s", path, source, replaced)
    restored = Restored(path, source, replaced)
    tell(restored)
    return restored


def _copy(source: str, path: str, fresh: str, tell: Callable[[Any], None], lock: Lock) -> None:
    check_space(source, os.path.dirname(path))
    try:
        copy = Copy(source, Settings())
    except StorageError as error:
        if error.code not in ("not_a_database", "corrupt"):
            raise  # it may be a good one, which cannot be read now
        raise BackupError(error.message, code="not_a_backup", engine_code=error.engine_code) from error
    with copy:
        if not copy.tables:
            raise BackupError(f"{source} is an empty database", code="not_a_backup")
        try:
            copy.write(
                fresh, paced(lambda done, total: tell(Restoring(path, done, total)), lock.beat), like=_like(path)
            )
        except BackupError as error:
            error.remedy = "Choose another backup; nothing was changed."
            raise


def _lock_of(path: str) -> Lock:
    folder = default_folder(path)
    os.makedirs(folder, exist_ok=True)
    return Lock(os.path.join(folder, f"{os.path.basename(path)}.restoring.lock"))


def _like(path: str) -> str | None:
    return path if os.path.exists(path) else None


def _refuse_open(path: str) -> None:
    if forks.is_open(path):
        raise BackupError(f"{path} is in use by this process", code="file_in_use")
    for process in _users(path):
        raise BackupError(f"{path} is in use by process {process}", code="file_in_use")


def _swap(path: str, fresh: str) -> str | None:
    """The new file into the place of the old one. Where the old one is now, if there was one."""
    _refuse_open(path)
    folder = os.path.dirname(path)
    replaced = _next_name(path)
    there = os.path.exists(path)
    holder = _take(path) if there else None
    if holder is not None and os.name == "nt":
        holder.close()  # Windows itself refuses to rename over a file that anybody has open, us included
    aside: list[str] = []
    try:
        try:
            for suffix in _BESIDE:  # of a database that is damaged, or gone; SQLite has put those of a sound one away
                if os.path.exists(path + suffix):
                    os.replace(path + suffix, replaced + suffix)
                    aside.append(suffix)
            if there:
                try:
                    os.link(path, replaced)
                except OSError:  # a file system without links: for an instant nothing has the database's name
                    os.replace(path, replaced)
            os.replace(fresh, path)
            _refuse_late_comers(path, replaced, there)
        except BaseException:
            _put_back(path, replaced, aside)
            raise
        sync_folder(folder)
    finally:
        if holder is not None:
            holder.close()
    return replaced if there else None


def _put_back(path: str, replaced: str, suffixes: list[str]) -> None:
    """The old database into its place again, with what was beside it."""
    if os.path.exists(replaced):
        if os.path.exists(path) and os.path.samefile(path, replaced):
            os.unlink(replaced)
        else:
            os.replace(replaced, path)
    for suffix in suffixes:
        os.replace(replaced + suffix, path + suffix)


def _refuse_late_comers(path: str, replaced: str, there: bool) -> None:
    """A program that opened the old file an instant ago waits for our lock now: it would write to what is put aside."""
    if there:
        for process in _users(replaced):
            if process != os.getpid():
                raise BackupError(f"process {process} has just opened {path}", code="file_in_use")


def _take(path: str) -> sqlite3.Connection | None:
    """The database for us alone, and all of it in one file. None where it is too damaged for that.

    In WAL mode whoever has it open holds a lock, so the switch to another mode proves that nobody has.
    """
    if not _has_a_header(path):  # SQLite would empty a -wal beside it
        return None
    connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_TIMEOUT)
    try:
        connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        connection.execute("BEGIN EXCLUSIVE")
        is_ours = connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    except sqlite3.Error as error:
        connection.close()
        told = translate(error, path)
        if isinstance(told, BusyError):
            raise _in_use(path, told.engine_code) from error
        if told.code in ("not_a_database", "corrupt"):
            return None
        raise told from error
    if not is_ours:  # somebody came in between the two, and has switched it back
        connection.close()
        raise _in_use(path)
    return connection


def _in_use(path: str, engine_code: str | None = None) -> BackupError:
    return BackupError(f"{path} is in use by another program", code="file_in_use", engine_code=engine_code)


def _has_a_header(path: str) -> bool:
    """Whether it begins as a database does, or is empty. (This process has no lock on it to lose by closing it.)"""
    with open(path, "rb") as file:
        return file.read(16) in (b"", b"SQLite format 3\0")


def _users(path: str) -> list[int]:
    """The processes that have a file open, as far as this user may see: on Linux; elsewhere none."""
    try:
        wanted = os.stat(path)
        processes = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    found: list[int] = []
    for process in processes:
        try:
            files = os.listdir(f"/proc/{process}/fd")
        except OSError:
            continue
        for file in files:
            try:
                status = os.stat(f"/proc/{process}/fd/{file}")
            except OSError:
                continue
            if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
                found.append(int(process))
                break
    return found


def _next_name(path: str) -> str:
    folder, name = os.path.split(path)
    pattern = compile(escape(name) + r"\.replaced-([0-9]{4,})(?:-wal|-shm|-journal)?")
    last = 0
    for other in os.listdir(folder):
        match = pattern.fullmatch(other)
        if match is None:
            continue
        last = max(last, int(match[1]))
        aside = os.path.join(folder, other)
        if os.path.exists(path) and os.path.samefile(path, aside):  # a restore died between two names for one file
            os.unlink(aside)
    return f"{path}.replaced-{last + 1:04}"


def _failed(path: str, source: str, why: str, engine_code: str | None = None) -> BackupError:
    return BackupError(
        f"{path} could not be restored from {source}: {why}", code="restore_failed", engine_code=engine_code
    )


def _nothing(*_: object) -> None:
    pass
