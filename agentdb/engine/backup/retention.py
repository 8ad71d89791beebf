"""The row of backups of one database's upgrades: their names, and the marks of those that are not complete."""

from __future__ import annotations

import os
from math import inf
from re import compile, escape
from time import time

from agentdb.clients.local.permissions import fitting, give_to_owner, make_folder
from agentdb.clients.local.snapshot import Lock, remove
from agentdb.frozen import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK = ".upgrading"
#: Bytes for what follows a database's name: a number, two ids that may be times, and the mark.
_ROOM = len(".0001.20260101120000-20260101120000.backup.upgrading") + 8


class UpgradeBackupFile(Record):
    """One backup of an upgrade: the file's place in the row of them, and what was to become of what."""

    path: str
    sequence: int
    before: int
    after: int

    @property
    def is_unfinished(self) -> bool:
        """Whether its upgrade is not complete."""
        return os.path.exists(self.path + _MARK)

    @property
    def age(self) -> float:
        """Seconds since an upgrade has relied on it. Infinite where that cannot be told, as after a clock was set back."""
        try:
            seconds = time() - os.stat(self.path + _MARK).st_mtime
        except OSError:
            return inf
        return seconds if seconds >= 0 else inf


class BackupSeries:
    """The backups of one database's upgrades, of one tracking table, in one folder. Nothing else is ever touched."""

    def __init__(self, path: str, folder: str | None, table: str) -> None:
        stem = os.path.basename(path)
        self._database = path
        if folder is not None:  # two databases of one name may share it
            stem += f"-{_short_hash(path)}"
        if table != "migrations":
            stem += (
                f".{''.join([char for char in table if char.isascii() and char.isalnum()])[:32]}-{_short_hash(table)}"
            )
        self.folder = default_folder(path) if folder is None else folder
        stem = fitting(self.folder, stem, _ROOM)
        self._base = os.path.join(self.folder, stem)
        self._pattern = compile(escape(stem) + r"\.([0-9]{4,})\.([0-9]+)-([0-9]+)\.backup")
        self.partial = self._base + ".partial"
        self.lock = Lock(self._base + ".lock", path)

    def backups(self) -> list[UpgradeBackupFile]:
        """Oldest first, by the number in their names: a clock may go back."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        found = [(name, match) for name in names if (match := self._pattern.fullmatch(name))]
        stored = [
            UpgradeBackupFile(os.path.join(self.folder, name), int(match[1]), int(match[2]), int(match[3]))
            for name, match in found
        ]
        return sorted(stored, key=lambda backup: backup.sequence)

    def name(self, before: str, after: str) -> str:
        """Of the next backup."""
        last = max([backup.sequence for backup in self.backups()], default=0)
        return f"{self._base}.{last + 1:04}.{before}-{after}.backup"

    def mark(self, path: str) -> None:
        """Its upgrade begins; before the backup has its name, so that there is none without a mark."""
        with open(path + _MARK, "wb"):
            os.utime(path + _MARK)
        give_to_owner(path + _MARK, self._database)

    def make_folder(self) -> None:
        """Raises OSError."""
        make_folder(self.folder, self._database)
        if self.folder == default_folder(self._database):  # it may be one that root has made before
            give_to_owner(self.folder, self._database)

    def settle(self) -> None:
        """An upgrade is complete, and so are all earlier attempts."""
        for name in self._marks():
            remove(name)

    def tidy(self) -> None:
        """Remove what a killed process has left. Only for the holder of the lock."""
        remove(self.partial)
        for name in self._marks():
            if not os.path.exists(name.removesuffix(_MARK)):
                remove(name)

    def prune(self, kept: int) -> None:
        """Keep the newest ones, and the first of an upgrade that is not complete: it is from before any change."""
        all_of_them = self.backups()
        first = next((backup for backup in all_of_them if backup.is_unfinished), None)
        for backup in all_of_them[:-kept]:
            if first is None or backup.path != first.path:
                remove(backup.path)
                remove(backup.path + _MARK)

    def _marks(self) -> Iterator[str]:
        for name in os.listdir(self.folder):
            if name.endswith(_MARK) and self._pattern.fullmatch(name.removesuffix(_MARK)):
                yield os.path.join(self.folder, name)


def default_folder(path: str) -> str:
    """Where the backups of a database are, unless somebody names another place."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f"{fitting(folder, name, len('.backups'))}.backups")


def _short_hash(text: str) -> str:
    from zlib import crc32

    return f"{crc32(os.fsencode(text)):08x}"


#: What SQLite writes anew into the first page of every copy: the file format, and counters of changes.
_FLEETING = ((18, 20), (24, 28), (92, 100))
_CHUNK = 1 << 20


def have_same_pages(one: str, other: str) -> bool:
    """Whether two copies of a database, both made by agentdb.clients.local.snapshot, were made of the same pages."""
    try:
        if os.path.getsize(one) != os.path.getsize(other):
            return False
        with open(one, "rb") as first, open(other, "rb") as second:
            pages = [bytearray(first.read(_CHUNK)), bytearray(second.read(_CHUNK))]
            for page in pages:
                for start, end in _FLEETING:
                    page[start:end] = bytes(end - start)
            while pages[0] == pages[1]:
                if not pages[0]:
                    return True
                pages = [bytearray(first.read(_CHUNK)), bytearray(second.read(_CHUNK))]
    except OSError:
        pass
    return False
