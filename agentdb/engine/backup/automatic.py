"""The backup before an upgrade, or before a rollback.

An upgrade is identified by its target. Until it is complete, a marker file is kept beside its backup. A process that
begins the same upgrade again makes no second backup: one that started at the same time, or the tenth start of a crash
loop. So the first backup is kept, from before any change. A later start first checks that the backup still equals the
database, because an older build may have written since, or the file may be another one.

No lock file of ours and no row can outlive a killed process: see agentdb.clients.local.snapshot.Lock.
"""

from __future__ import annotations

import os

from agentdb.clients.local.settings import shown
from agentdb.clients.local.snapshot import Copy, remove
from agentdb.clients.location import MEMORY, absolute
from agentdb.engine.backup import copy_task
from agentdb.engine.backup.copy_task import CopyTask, check_space, is_path, told_as_backup
from agentdb.engine.backup.retention import BackupSeries, have_same_pages
from agentdb.engine.events import BackedUp
from agentdb.engine.history_row import UP, Row
from agentdb.errors import AgentDBError, BusyError, InvalidArgumentError, StatementError
from agentdb.logs import INFO, log
from agentdb.operations.requests import backup as ask_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from agentdb.clients.local.settings import Settings
    from agentdb.engine.backup.retention import UpgradeBackupFile
    from agentdb.engine.history import History
    from agentdb.engine.history_row import Key
    from agentdb.engine.migration import Migration
    from agentdb.engine.rollback_plan import Reversal
    from agentdb.operations import Steps

    #: The folder of the backups, None: DATABASE.backups, and how many of them are kept.
    Rules: TypeAlias = tuple[str | os.PathLike[str] | None, int]

#: Seconds within which another start belongs to the same attempt, and need not prove that nothing was written since.
SAME_ATTEMPT = 60.0


_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE"
_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master"
#: The version, in the name of a backup, of a file that has tables of others and none of ours.
NOTHING = "0"


class UpgradeBackup(CopyTask):
    """The backup from before one upgrade: found, or made."""

    #: Whether rows go that no migration can bring back, as in a rollback: then no earlier backup is relied on unseen.
    _destroys = False
    #: The backup, once it is found or made.
    path: str | None = None

    def __init__(self, rules: Rules, history: History, applied: Sequence[Key], before: str, after: str) -> None:
        folder, self._kept = rules
        self._folder = None if folder is None else absolute(os.fspath(folder))
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
        series = BackupSeries(path, self._folder, self._history.table)
        with told_as_backup(path, series.folder):
            series.make_folder()
            if not series.lock.acquire(max(copy_task.PATIENCE, settings.busy_timeout), self.check_wanted):
                raise BusyError(f"another process is backing up {path}, and makes no progress")
            try:
                return self._find_or_make(series, path, settings, tell)
            finally:
                series.lock.release()

    def _find_or_make(
        self, series: BackupSeries, path: str, settings: Settings, tell: Callable[[object], None]
    ) -> bool:
        # In this order: a process that is at it ends its upgrade first, and takes the mark away then.
        earlier = [backup for backup in series.backups() if backup.is_unfinished and backup.after == int(self._after)]
        series.tidy()
        self._watch(path, settings)
        with Copy(path, settings) as copy:
            if not self._is_still_so(copy):
                return False
            standing = next((backup for backup in reversed(earlier) if self._is_of(backup, copy, settings)), None)
            is_recent = standing is not None and standing.age < SAME_ATTEMPT and not self._destroys
            if standing is not None and (is_recent or self._is_begun(copy)):
                self.path = standing.path
                return True
            check_space(path, series.folder)
            final = series.name(self._before, self._after)
            self.fill(copy, series.partial, final, tell, series.lock.beat)
            if standing is not None and have_same_pages(series.partial, standing.path):
                remove(series.partial)
                series.mark(standing.path)
                self.path = standing.path
                return True
            if standing is None or standing.before == int(self._before):
                series.settle()  # whatever was tried before, the database has been used since
            series.mark(final)
            self.name(series.partial, final)
        self.path = final
        series.prune(self._kept)
        log(INFO, "backed up %s to %s", path, final)
        tell(BackedUp(final))
        return True

    def _watch(self, path: str, settings: Settings) -> None:
        """Called before the copy begins."""

    def _is_of(self, backup: UpgradeBackupFile, copy: Copy, settings: Settings) -> bool:
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
        begun = self._rows(copy, self._history.sql.select_begun)
        return any(not Row.noted(id, note, None, state).is_struck_out for id, note, state in begun)

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


class RollbackBackup(UpgradeBackup):
    """The same before a rollback. It is known afterwards whether anybody has written to the database since."""

    _destroys = True
    _witness: Copy | None = None
    _version = 0

    def make(self, path: str, settings: Settings, tell: Callable[[object], None]) -> bool | None:
        """As before an upgrade."""
        found = None
        try:
            found = super().make(path, settings, tell)
        finally:
            if not found:
                self.close()
        return found

    def _watch(self, path: str, settings: Settings) -> None:
        # From before the copy: what is written while it is made counts as written since.
        self._witness = Copy(path, settings)
        self._version = self._data_version(self._witness)
        self._witness.source.rollback()  # the end of its snapshot

    def is_current(self) -> bool:
        """Whether no other connection has committed anything since. Asked under the write lock, once."""
        witness = self._witness
        try:
            return witness is None or self._data_version(witness) == self._version
        finally:
            self.close()

    def close(self) -> None:
        """Ask no more."""
        witness, self._witness = self._witness, None
        if witness is not None:
            witness.close()

    @staticmethod
    def _data_version(witness: Copy) -> int:
        version: int = witness.source.execute("PRAGMA data_version", ()).tuples[0][0]
        return version


class _Look(CopyTask):
    """Whether a backup is current."""

    def __init__(self, task: RollbackBackup) -> None:
        self._task = task

    def make(self, path: str, settings: Settings, tell: Callable[[object], None]) -> bool:
        return self._task.is_current()


class _Settle(CopyTask):
    """The upgrade is complete."""

    def __init__(self, rules: Rules, history: History) -> None:
        folder = rules[0]
        self._folder = None if folder is None else absolute(os.fspath(folder))
        self._table = history.table

    def make(self, path: str, settings: Settings, tell: Callable[[object], None]) -> None:
        try:
            BackupSeries(os.path.realpath(path), self._folder, self._table).settle()
        except OSError as error:
            log(INFO, "the mark of an upgrade that is done stays beside its backup", error=error)


def check_rules(backup: object, folder: object, kept: object) -> None:
    """Raises InvalidArgumentError for what Migrator(backup=…, backup_dir=…, keep_backups=…) does not take."""
    if type(backup) is not bool:
        raise InvalidArgumentError(
            f"backup is {shown(backup)}; it is True or False",
            remedy="Name the folder of the backups with backup_dir=, and how many are kept with keep_backups=.",
        )
    if folder is not None and not (isinstance(folder, (str, os.PathLike)) and is_path(os.fspath(folder))):
        raise InvalidArgumentError(f"backup_dir is {shown(folder)}; it is a folder")
    if type(kept) is not int or kept < 1:
        raise InvalidArgumentError(f"keep_backups is {shown(kept)}; it is a number, from 1 on")


def before_upgrade(
    history: History, rules: Rules, plan: Sequence[Migration], applied: Sequence[Key]
) -> Steps[str | None]:
    """Have a backup before `plan` is applied to a database that has something applied, or tables of others. Its path; None
    where it needs none.

    Raises BackupError, BusyError; then nothing was changed.
    """
    while True:
        numbers = {int(key[0]): str(key[0]) for key in applied if Row(key).in_progress != UP}
        pending = [migration for migration in plan if migration.number not in numbers]
        if not pending or not (numbers or (yield from history.has_company())):
            return None
        before = numbers[max(numbers)] if numbers else NOTHING
        task = UpgradeBackup(rules, history, applied, before, pending[-1].id)
        if (yield from ask_for(task)) is not False:
            return task.path
        applied = (yield from history.read_keys()) or ()


def before_rollback(
    history: History, rules: Rules, plan: Sequence[Reversal], applied: Sequence[Row]
) -> Steps[RollbackBackup]:
    """Have a backup before migrations are rolled back. See is_current()."""
    going = {reversal.recorded_id for reversal in plan}
    while True:
        numbers = {int(row.id): row.id for row in applied if not row.is_struck_out}
        staying = {number: id for number, id in numbers.items() if id not in going}
        keys = [row[:3] for row in applied]
        after = staying[max(staying)] if staying else NOTHING
        task = RollbackBackup(rules, history, keys, numbers[max(numbers)] if numbers else NOTHING, after)
        if (yield from ask_for(task)) is not False:
            return task
        applied = yield from history.read()


def is_current(task: RollbackBackup) -> Steps[bool]:
    """Whether no other connection has written to the database since its backup. Asked under the write lock, once."""
    return (yield from ask_for(_Look(task)))  # type: ignore[no-any-return]


def after_upgrade(history: History, rules: Rules) -> Steps[None]:
    """The upgrade is complete: the next one has a backup of its own."""
    yield from ask_for(_Settle(rules, history))
