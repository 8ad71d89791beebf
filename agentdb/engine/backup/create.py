"""The backup before an upgrade, and the one that somebody asks for.

An upgrade is known by where it leads to and by whether it has come to its end: while it has not, a mark stands beside its
backup, and whoever takes it up again, a process that started at the same time or the tenth start of a crash loop, makes
no second one. So the first is kept, from before anything was changed. A start that comes later first makes sure that the
backup is still what the database holds: an older build may have written to it since, or another file stand in its place.

No lock file of ours and no row can outlive a killed process: see agentdb.clients.local.snapshot.Lock.
"""

from __future__ import annotations

import os
from re import escape, fullmatch
from time import monotonic

from agentdb.clients.local.error_translation import FAULTS, translate
from agentdb.clients.local.permissions import fitting, make_folder
from agentdb.clients.local.settings import Settings
from agentdb.clients.local.snapshot import Copy, remove, sync_folder
from agentdb.clients.location import MEMORY, absolute, check_place, local_path
from agentdb.engine.backup.retention import Shelf, default_folder, have_same_pages
from agentdb.engine.events import BackedUp, BackingUp
from agentdb.engine.history_row import UP, Row
from agentdb.errors import AgentDBError, BackupError, BusyError, InvalidArgumentError, StatementError, StorageError
from agentdb.logs import INFO, log
from agentdb.operations.requests import backup as ask_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, TypeAlias

    from agentdb.clients.local.on_connect import OnConnect
    from agentdb.clients.location import Place
    from agentdb.engine.backup.retention import Shelved
    from agentdb.engine.history import History
    from agentdb.engine.history_row import Key
    from agentdb.engine.migration import Migration
    from agentdb.engine.planner import Reversal
    from agentdb.operations import Steps

    #: True: beside the database; a folder: there; a number: so many are kept; False: no backup.
    Setting: TypeAlias = "bool | int | str | os.PathLike[str]"

#: How many backups of upgrades are kept.
KEPT = 3
#: Seconds without a sign of life after which a process that makes a backup counts as stuck.
PATIENCE = 60.0
#: Seconds between two progress events.
_PAUSE = 0.05
#: Bytes for the ending of a copy that is being written, and of SQLite's journal of it.
_ROOM_OF_PARTIAL = len(".4194304.partial-journal")
#: Seconds within which another start belongs to the same attempt, and need not prove that nothing was written since.
SAME_ATTEMPT = 60.0


_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE"
_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master"
#: The version, in the name of a backup, of a file that has tables of others and none of ours.
NOTHING = "0"


class _Task:
    """What the runner makes away from the event loop; see agentdb.operations.requests.Backup."""

    _copy: Copy | None = None
    _stopped = False

    def make(self, path: str, settings: Settings, tell: Callable[[object], None]) -> Any:
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

    def _write(
        self, copy: Copy, place: str, final: str, tell: Callable[[object], None], beat: Callable[[], None]
    ) -> None:
        """The copy under a temporary name, with progress, then under its own."""
        self._fill(copy, place, final, tell, beat)
        self._name(place, final)

    def _fill(
        self, copy: Copy, place: str, final: str, tell: Callable[[object], None], beat: Callable[[], None]
    ) -> None:
        self._copy = copy
        told = paced(lambda done, total: tell(BackingUp(final, done, total)), beat)

        def tell_pages(done: int, total: int) -> None:
            self.check_wanted()
            told(done, total)

        tell(BackingUp(final, 0, 0))
        copy.write(place, tell_pages)

    def _name(self, place: str, final: str) -> None:
        try:
            self.check_wanted()
            os.replace(place, final)
        except BaseException:
            remove(place)
            raise
        sync_folder(os.path.dirname(final))


class UpgradeBackup(_Task):
    """The backup that stands before one upgrade: found, or made."""

    def __init__(self, setting: Setting, history: History, applied: Sequence[Key], before: str, after: str) -> None:
        self._folder = None if isinstance(setting, int) else absolute(os.fspath(setting))
        self._kept = setting if type(setting) is int else KEPT
        self._history = history
        self._applied = applied
        self._before = before
        self._after = after

    def make(self, path: str, settings: Settings, tell: Callable[[object], None]) -> bool | None:
        """True: it is there. False: the database is not at that version any more. None: this database needs none."""
        is_asked = os.access in os.supports_effective_ids
        if path == MEMORY or settings.read_only or not os.access(path, os.W_OK, effective_ids=is_asked):
            return None  # what cannot be changed is not in danger; the upgrade itself says what is wrong
        path = os.path.realpath(path)
        shelf = Shelf(path, self._folder, self._history.table)
        with _told_as_backup(path, shelf.folder):
            shelf.make_folder()
            if not shelf.lock.acquire(max(PATIENCE, settings.busy_timeout), self.check_wanted):
                raise BusyError(f"another process is backing up {path}, and makes no progress")
            try:
                return self._find_or_make(shelf, path, settings, tell)
            finally:
                shelf.lock.release()

    def _find_or_make(self, shelf: Shelf, path: str, settings: Settings, tell: Callable[[object], None]) -> bool:
        # In this order: a process that is at it ends its upgrade first, and takes the mark away then.
        earlier = [backup for backup in shelf.backups() if backup.is_unfinished and backup.after == int(self._after)]
        shelf.tidy()
        with Copy(path, settings) as copy:
            if not self._is_still_so(copy):
                return False
            standing = next((backup for backup in reversed(earlier) if self._is_of(backup, copy, settings)), None)
            if standing is not None and (standing.age < SAME_ATTEMPT or self._is_begun(copy)):
                return True
            check_space(path, shelf.folder)
            final = shelf.name(self._before, self._after)
            self._fill(copy, shelf.partial, final, tell, shelf.lock.beat)
            if standing is not None and have_same_pages(shelf.partial, standing.path):
                remove(shelf.partial)
                shelf.mark(standing.path)
                return True
            if standing is None or standing.before == int(self._before):
                shelf.settle()  # whatever was tried before, the database has been used since
            shelf.mark(final)
            self._name(shelf.partial, final)
        shelf.prune(self._kept)
        log(INFO, "backed up %s to %s", path, final)
        tell(BackedUp(final))
        return True

    def _is_of(self, backup: Shelved, copy: Copy, settings: Settings) -> bool:
        """Whether a backup is of this very database, at this version or at one on the way to it."""
        if backup.before > int(self._before):
            return False
        try:
            with Copy(backup.path, settings) as older:
                is_ours = backup.before != int(NOTHING) or self._has_table(older)
                select = self._history.sql.select_times if is_ours else _SCHEMA
                then = older.source.execute(select, ()).tuples
            if not then:
                return False
            now = copy.source.execute(select, ()).tuples
        except AgentDBError:  # it is damaged, or no database
            return False
        return set(then) <= set(now)

    def _is_begun(self, copy: Copy) -> bool:
        """Whether a migration outside a transaction is under way: no build does anything else with the database then."""
        rows = [Row.noted(id, note, None, UP) for id, note in self._rows(copy, self._history.sql.select_begun)]
        return any(not row.is_struck_out for row in rows)

    def _is_still_so(self, copy: Copy) -> bool:
        try:
            found = self._rows(copy, self._history.select_keys)
        except StatementError:
            return False
        return set(self._history.keys_of(found)) == set(self._applied)

    def _rows(self, copy: Copy, select: str) -> list[Key]:
        """What the tracking table has; nothing where there is none yet."""
        try:
            return copy.source.execute(select, ()).tuples
        except StatementError:
            if self._has_table(copy):
                raise
            return []

    def _has_table(self, copy: Copy) -> bool:
        found = copy.source.execute(_HAS_TABLE, (self._history.table,)).tuples
        return bool(found)


class _Settle(_Task):
    """The upgrade has come to its end."""

    def __init__(self, setting: Setting, history: History) -> None:
        self._folder = None if isinstance(setting, int) else absolute(os.fspath(setting))
        self._table = history.table

    def make(self, path: str, settings: Settings, tell: Callable[[object], None]) -> None:
        try:
            Shelf(os.path.realpath(path), self._folder, self._table).settle()
        except OSError as error:
            log(INFO, "the mark of an upgrade that is done stays beside its backup", error=error)


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


def check_setting(setting: object) -> Setting:
    """Raises InvalidArgumentError for what Migrator(backup=…) does not take."""
    if type(setting) is bool or (type(setting) is int and setting >= 1):
        return setting
    if isinstance(setting, (str, os.PathLike)) and _is_path(os.fspath(setting)):
        return setting
    raise InvalidArgumentError(
        f"backup is {setting!r}; it is True, False, a folder, or how many backups to keep, from 1 on"
    )


def _is_path(text: object) -> bool:
    return type(text) is str and bool(text) and "\0" not in text


def check_callback(on_event: object) -> None:
    """Raises InvalidArgumentError for what cannot be called with an event."""
    if on_event is not None and not callable(on_event):
        raise InvalidArgumentError(f"on_event is {on_event!r}; it is called with an event")


def before_upgrade(
    history: History, setting: Setting, plan: Sequence[Migration], applied: Sequence[Key]
) -> Steps[bool]:
    """Have a backup before `plan` is applied to a database that has something applied, or tables of others. Whether there
    is one now.

    Raises BackupError, BusyError; then nothing was changed.
    """
    while True:
        numbers = {int(key[0]): str(key[0]) for key in applied if Row(key).in_progress != UP}
        pending = [migration for migration in plan if migration.number not in numbers]
        if not pending or not (numbers or (yield from history.has_company())):
            return False
        before = numbers[max(numbers)] if numbers else NOTHING
        task = UpgradeBackup(setting, history, applied, before, pending[-1].id)
        found: bool | None = yield from ask_for(task)
        if found is not False:
            return bool(found)
        applied = (yield from history.read_keys()) or ()


def before_rollback(
    history: History, setting: Setting, plan: Sequence[Reversal], applied: Sequence[Row]
) -> Steps[bool]:
    """The same before migrations are rolled back. Whether there is a backup now."""
    going = {reversal.recorded_id for reversal in plan}
    while True:
        numbers = {int(row.id): row.id for row in applied if not row.is_struck_out}
        staying = {number: id for number, id in numbers.items() if id not in going}
        if len(staying) == len(numbers):
            return False
        task = UpgradeBackup(
            setting,
            history,
            [row[:3] for row in applied],
            numbers[max(numbers)],
            staying[max(staying)] if staying else NOTHING,
        )
        found: bool | None = yield from ask_for(task)
        if found is not False:
            return bool(found)
        applied = yield from history.read()


def after_upgrade(history: History, setting: Setting) -> Steps[None]:
    """The upgrade has come to its end: the next one has a backup of its own."""
    yield from ask_for(_Settle(setting, history))


def backup(
    place: Place,
    to: Place | None = None,
    *,
    on_event: Callable[[Any], None] | None = None,
    busy_timeout: float = 5.0,
    on_connect: OnConnect | None = None,
) -> str:
    """Write a verified copy of a database, beside writers of any process, and return its path. It is never removed.

    to: a folder, or the file to write, which must not exist; by default a file in the folder DATABASE.backups.
    on_event: called with BackingUp and BackedUp of agentdb.engine.events. busy_timeout: in seconds, as of a client.
    on_connect: as of a client; without it, tables that need functions or collations of the application are not checked,
    which the log says.

    Raises BackupError, StorageError, BusyError, InvalidArgumentError; then nothing is left there.
    """
    check_callback(on_event)
    path = file_of(place)
    check_place(path, read_only=True)
    final = _chosen(path, to)
    tell = on_event or _nothing
    task = _Task()
    with _told_as_backup(
        path, os.path.dirname(final), remedy="Make room or give the right to write there, or name another place."
    ):
        make_folder(os.path.dirname(final), path)
        if os.path.lexists(final):
            raise BackupError(
                f"{final} is there already", code="already_exists", remedy="Name a file that does not exist."
            )
        check_space(path, os.path.dirname(final))
        _remove_dead_partials(final)
        with Copy(path, Settings(busy_timeout=busy_timeout, on_connect=on_connect).check()) as copy:
            task._write(copy, f"{final}.{os.getpid()}.partial", final, tell, _nothing)
    tell(BackedUp(final))
    return final


def file_of(place: Place) -> str:
    """The real path of a database in a file. Raises InvalidArgumentError for one in memory."""
    path = local_path(place)
    if path == MEMORY:
        raise InvalidArgumentError("a database in memory has no file to back up or to restore")
    return os.path.realpath(path)


def _chosen(path: str, to: Place | None) -> str:
    from datetime import UTC, datetime

    ending = f".{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.backup"

    def inside(folder: str) -> str:
        name = fitting(folder, os.path.basename(path), len(ending) + _ROOM_OF_PARTIAL)
        return os.path.join(folder, name + ending)

    if to is None:
        return inside(default_folder(path))
    if not isinstance(to, (str, os.PathLike)):
        raise InvalidArgumentError(f"the place of the backup is {to!r}; it is a folder or a file")
    text = os.fspath(to)
    if not _is_path(text):
        raise InvalidArgumentError(f"the place of the backup is {to!r}; it is a folder or a file")
    if os.path.isdir(text) or text.endswith((os.sep, "/")):
        return inside(absolute(text))
    return absolute(text)


def _remove_dead_partials(final: str) -> None:
    """What killed processes have left of the same backup."""
    folder, name = os.path.split(final)
    if os.name == "nt":  # where a process cannot be asked for without harm
        return
    for other in os.listdir(folder):
        match = fullmatch(escape(name) + r"\.([0-9]+)\.partial", other)
        if match:
            try:
                os.kill(int(match[1]), 0)
            except ProcessLookupError:
                remove(os.path.join(folder, other))
            except (OSError, OverflowError):
                pass


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


def _told_as_backup(path: str, folder: str, remedy: str | None = None) -> AbstractContextManager[None]:
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


def _nothing(*_: object) -> None:
    pass
