"""Putting a backup in the place of a database.

The copy is made and checked beside the database. Then its content is written into the database's own file, under an
exclusive lock: whoever opens the file at any moment has the one file there is, and waits. A rename could not do that: who
had opened the old file would find the -wal of the new one by its name. What was there is copied first, under the same lock:
it is kept beside it as `DATABASE.replaced-0001`, until somebody removes it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from re import compile, escape
from time import monotonic, sleep

from agentdb.clients.local import fork_safety
from agentdb.clients.local.error_translation import FAULTS, translate
from agentdb.clients.local.permissions import fitting, give_to_owner, make_folder
from agentdb.clients.local.settings import Settings
from agentdb.clients.local.snapshot import Copy, Lock, create_like, remove, sync_file, sync_folder
from agentdb.clients.location import check_place
from agentdb.engine.backup.copy_task import PATIENCE, check_callback, check_space, file_of, paced, tell_nobody
from agentdb.engine.backup.overwrite import Overwrite
from agentdb.engine.backup.retention import default_folder
from agentdb.engine.events import Restored, Restoring
from agentdb.errors import AgentDBError, BackupError, BusyError, StorageError
from agentdb.logs import INFO, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from agentdb.clients.location import Place

#: Seconds to wait for a program that is just closing the database.
_BUSY_TIMEOUT = 0.5
#: Seconds between two tries where SQLite answers 'locked' at once, without waiting.
_PAUSE = 0.002
_BLOCK = 1 << 20
#: What is said of a file that SQLite cannot work with.
DAMAGED = ("not_a_database", "corrupt")


def restore(*, backup: Place, database: Place, on_event: Callable[[Any], None] | None = None) -> Restored:
    """Put a copy of `backup` in the place of `database`, which nobody may be using.

    The backup is only read. Whatever was at `database` is kept beside it, and its path is `.replaced` of the answer. A crash at
    any point leaves the old or the new database, whole: what is half written is rolled back when it is next opened.
    on_event: called with Restoring and Restored of agentdb.engine.events.

    A database in WAL mode that any program has open is refused. One in another journal mode is refused while it is being
    read or written; a program that has it open and idle reads the new content afterwards. This holds on every platform.

    A damaged database, which SQLite cannot work with, is overwritten by hand; a crash meanwhile leaves it damaged, never half
    new. Programs are kept out on POSIX systems, not on Windows: see agentdb.engine.backup.overwrite.

    Raises BackupError `not_a_backup`, `backup_damaged`, `file_in_use`, `backup_no_space`, `restore_failed`; then nothing was
    changed. InvalidArgumentError, BusyError where another restore of the same database is under way.
    """
    check_callback(on_event)
    path, source = file_of(database), file_of(backup)
    check_place(path, read_only=False)
    check_place(source, read_only=True)
    if os.path.exists(path) and os.path.samefile(path, source):
        raise BackupError(f"{source} is the database itself", code="not_a_backup")
    tell = on_event or tell_nobody
    try:
        _refuse_open(path)
        lock = _lock_of(path)
        if not lock.acquire(PATIENCE, tell_nobody):
            raise BusyError(f"another process is restoring {path}, and makes no progress")
        try:
            fresh = f"{_base_of(path)}.restoring"
            remove(f"{_base_of(path)}.replacing")  # of a restore that was killed
            _copy(source, path, fresh, tell, lock)
            try:
                replaced = _put(path, fresh, lock)
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
    log(INFO, "restored %s from %s; what was there is kept as %s", path, source, replaced)
    restored = Restored(path, source, replaced)
    tell(restored)
    return restored


def _copy(source: str, path: str, fresh: str, tell: Callable[[Any], None], lock: Lock) -> None:
    check_space(source, os.path.dirname(path), path, path)  # what is kept, and the journal
    try:
        copy = Copy(source, Settings())
    except StorageError as error:
        if error.code not in DAMAGED:
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
    make_folder(folder, path)
    give_to_owner(folder, path)
    ending = ".restoring.lock"
    name = fitting(folder, os.path.basename(path), len(ending) + len("-journal"))
    return Lock(os.path.join(folder, name + ending), path)


def _base_of(path: str) -> str:
    """What the names of the files beside the database begin with."""
    folder, name = os.path.split(path)
    return os.path.join(folder, fitting(folder, name, len(".replaced-0001-journal") + 2))


def _like(path: str) -> str | None:
    return path if os.path.exists(path) else None


def _refuse_open(path: str) -> None:
    if fork_safety.is_open(path):
        raise BackupError(f"{path} is in use by this process", code="file_in_use")


def _put(path: str, fresh: str, lock: Lock) -> str | None:
    """The new content into the place of the old one. Where the old one is kept, if there was one."""
    _refuse_open(path)
    replaced = _next_name(path)
    if not os.path.exists(path):
        _put_wheretell_nobody_is(path, fresh, replaced)
        return None
    if not _is_damaged(path):
        try:
            _put_into(path, fresh, replaced, lock)
            return replaced
        except BackupError:
            raise
        except FAULTS as error:
            told = translate(error, path)
            if isinstance(told, BusyError):
                raise _in_use(path, told.engine_code) from error
            if told.code not in DAMAGED:
                raise told from error
    try:
        overwrite = Overwrite(path, replaced, f"{_base_of(path)}.replacing")
    except BlockingIOError as error:
        raise _in_use(path) from error
    with overwrite:
        overwrite.keep()
        overwrite.write(fresh)
    return replaced


def _put_wheretell_nobody_is(path: str, fresh: str, replaced: str) -> None:
    moved: list[str] = []
    try:
        for suffix in ("-wal", "-journal"):  # of a database that is gone: it must not be played into this one
            if os.path.exists(path + suffix):
                os.replace(path + suffix, replaced + suffix)
                moved.append(suffix)
        try:
            _rename_to_free_name(fresh, path)
        except FileExistsError as error:
            raise BackupError(f"{path} has just been created by another program", code="file_in_use") from error
    except BaseException:
        for suffix in moved:
            os.replace(replaced + suffix, path + suffix)
        raise
    sync_folder(os.path.dirname(path))


def _rename_to_free_name(old: str, new: str) -> None:
    """Raises FileExistsError, where os.rename() would replace what another program has just made."""
    if os.name == "nt":
        os.rename(old, new)  # refuses by itself
        return
    try:
        os.link(old, new)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(new):
            raise FileExistsError(new) from None
        os.rename(old, new)
    else:
        os.unlink(old)


def _put_into(path: str, fresh: str, replaced: str, lock: Lock) -> None:
    """By SQLite itself, in one transaction of the database. Raises one of FAULTS; then nothing was changed."""
    place = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_TIMEOUT)
    was_wal = False
    kept = False
    try:
        was_wal = _take(place, path)
        beat = paced(tell_nobody, lock.beat)
        _keep(place, path, replaced, beat)
        kept = True
        new = sqlite3.connect(fresh, isolation_level=None)
        try:
            new.backup(place, pages=1000, progress=lambda _status, left, total: beat(total - left, total))
        finally:
            new.close()
    except BaseException as error:
        if was_wal:
            _back_to_wal(place)
        place.close()
        if kept and not _is_still(path, replaced):  # a commit that fails at its very end may stand
            if isinstance(error, FAULTS):
                raise BackupError(
                    f"{path} may hold what is in the backup already: {error}; what was there is {replaced}",
                    code="restore_failed",
                    remedy="Look at the database. To go back, restore the file that is named.",
                ) from error
            raise
        if kept:
            remove(replaced)
        raise
    else:
        # Under an exclusive lock the journal is emptied, not removed. Only this pair of switches has SQLite remove it.
        for sql in ("locking_mode=NORMAL", "journal_mode=PERSIST", "journal_mode=DELETE"):
            try:
                place.execute(f"PRAGMA {sql}").fetchall()
            except (
                sqlite3.Error
            ):  # it is locked again already, by somebody who has come in; an empty journal does no harm
                break
    finally:
        place.close()


def _is_still(path: str, kept: str) -> bool:
    """Whether the database holds, byte for byte, what was copied from it; not, where that cannot be told."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:  # rolls back what is half written
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with open(path, "rb") as one, open(kept, "rb") as other:
            if _without_counters(one.read(100)) != _without_counters(other.read(100)):
                return False
            while (block := one.read(_BLOCK)) == other.read(_BLOCK):
                if not block:
                    return True
    except (OSError, *FAULTS):
        pass
    return False


def _without_counters(header: bytes) -> bytes:
    """The header of a database without its journal mode, and what counts its changes."""
    return header[:18] + header[20:24] + header[28:92]


def _take(place: sqlite3.Connection, path: str) -> bool:
    """The database for us alone until it is closed, and all of it in one file. Whether it was in WAL mode.

    In WAL mode whoever has it open holds a lock, so the switch to another mode proves that nobody has. From BEGIN EXCLUSIVE
    on nobody can read it, and the locking mode keeps the lock when a transaction ends.
    """
    was_wal = _journal_mode(place) == "wal"
    deadline = monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            place.execute("PRAGMA journal_mode=DELETE").fetchall()
            break
        except sqlite3.OperationalError as error:
            if not isinstance(translate(error, path), BusyError) or monotonic() > deadline:
                raise
            sleep(_PAUSE)
    try:
        place.execute("PRAGMA synchronous=EXTRA")
        place.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
        place.execute("BEGIN EXCLUSIVE")
        mode = _journal_mode(place)
        place.execute("COMMIT")
    except sqlite3.Error:
        if was_wal:
            _back_to_wal(place)
        raise
    if mode == "wal":  # somebody came in between the two, and has switched it back
        raise _in_use(path)
    return was_wal


def _journal_mode(place: sqlite3.Connection) -> str:
    return str(place.execute("PRAGMA journal_mode").fetchone()[0])


def _back_to_wal(place: sqlite3.Connection) -> None:
    try:
        if place.in_transaction:
            place.execute("ROLLBACK")
        place.execute("PRAGMA locking_mode=NORMAL").fetchall()
        place.execute("PRAGMA journal_mode=WAL").fetchall()
    except sqlite3.Error as error:
        log(INFO, "the journal mode of a database stays DELETE", error=error)


def _keep(place: sqlite3.Connection, path: str, replaced: str, beat: Callable[[int, int], None]) -> None:
    """A copy of all that is there, page by page, under its name before anything is overwritten."""
    partial = f"{_base_of(path)}.replacing"
    create_like(partial, path)
    try:
        target = sqlite3.connect(partial, isolation_level=None)
        try:
            target.execute("PRAGMA journal_mode=OFF").fetchall()
            target.execute("PRAGMA synchronous=OFF")
            place.backup(target, pages=1000, progress=lambda _status, left, total: beat(total - left, total))
            wanted, found = (each.execute("PRAGMA page_count").fetchone() for each in (place, target))
        finally:
            target.close()
        if wanted != found:
            raise BackupError(
                f"{path} could not be kept: {found[0]} of {wanted[0]} pages were copied", code="restore_failed"
            )
        sync_file(partial)
        os.replace(partial, replaced)
    except BaseException:
        remove(partial)
        raise
    sync_folder(os.path.dirname(path))


def _is_damaged(path: str) -> bool:
    """Whether SQLite cannot work with it. Asked by a connection that cannot write: closing another one would write the -wal
    of the database into it, and one that opens a file without a header would empty the -wal."""
    with open(path, "rb") as file:
        header = file.read(20)
    if header and (header[:16] != b"SQLite format 3\0" or header[18:] not in (b"\1\1", b"\2\2")):
        return True  # with other numbers of the format SQLite takes it for read-only, or for locked
    from agentdb.clients.local.open_database import uri_of

    uri = f"{uri_of(path)}?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_TIMEOUT)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        finally:
            connection.close()
    except FAULTS as error:
        return translate(error, path).code in DAMAGED
    return False


def _in_use(path: str, engine_code: str | None = None) -> BackupError:
    return BackupError(f"{path} is in use by another program", code="file_in_use", engine_code=engine_code)


def _next_name(path: str) -> str:
    folder, name = os.path.split(_base_of(path))
    last = max([number for _, number in _replaced(folder, name)], default=0)
    return os.path.join(folder, f"{name}.replaced-{last + 1:04}")


def replaced_copies(path: str) -> list[str]:
    """The files, with their -wal and -journal, of what restores of a database have replaced and kept. Raises OSError."""
    folder, name = os.path.split(_base_of(path))
    return sorted([os.path.join(folder, found) for found, _ in _replaced(folder, name)])


def _replaced(folder: str, name: str) -> Iterator[tuple[str, int]]:
    pattern = compile(escape(name) + r"\.replaced-([0-9]{4,})(?:-wal|-shm|-journal)?")
    for match in map(pattern.fullmatch, os.listdir(folder)):
        if match:
            yield match[0], int(match[1])


def _failed(path: str, source: str, why: str, engine_code: str | None = None) -> BackupError:
    return BackupError(
        f"{path} could not be restored from {source}: {why}", code="restore_failed", engine_code=engine_code
    )
