"""Which file the connections of one client have open, so that no write goes to one that has lost its name."""

from __future__ import annotations

import os
from errno import ENOENT, ENOTDIR, ESTALE

from agentdb.clients.location import MEMORY
from agentdb.errors import StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    #: Device and inode.
    Identity: TypeAlias = tuple[int, int]

#: What stat() says where no file has the name. Anything else, as EACCES, says nothing about the file.
_GONE = (ENOENT, ENOTDIR, ESTALE)
#: Of what cannot be another file.
_FIXED = (0, 0)


class FileIdentity:
    """The file behind one path, as it was when the first connection of a client opened it."""

    __slots__ = ("_is_fixed", "_known", "journal_mode", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._known: Identity | None = None
        #: What took the place of WAL, where that turned out to be impossible.
        self.journal_mode: str | None = None
        # Windows renames and deletes no file that SQLite has open; its file numbers may be 0 or change.
        self._is_fixed = path == MEMORY or os.name == "nt"

    def found(self) -> Identity | None:
        """The file that has the name now, if there is one."""
        if self.path == MEMORY:
            return _FIXED
        try:
            status = os.stat(self.path)
        except OSError:
            return None
        return _FIXED if self._is_fixed else (status.st_dev, status.st_ino)

    def adopt(self, identity: Identity) -> None:
        """A connection has opened this one. Raises StorageError `file_replaced` where earlier ones opened another."""
        if self._known is None:
            self._known = identity
        elif identity != self._known:
            raise self._replaced("another file has that name now")

    def check(self) -> None:
        """Raises StorageError `file_replaced` where the name does not lead to the open file any more."""
        if self._is_fixed:
            return
        try:
            status = os.stat(self.path)
        except OSError as error:
            if error.errno in _GONE:
                raise self._replaced("it was deleted or renamed") from error
            return
        if (status.st_dev, status.st_ino) != self._known:
            raise self._replaced("another file has that name now")

    def _replaced(self, why: str) -> StorageError:
        name = self._name_of_open_file()
        where = f" The file that is open is {name} now." if name is not None else ""
        return StorageError(
            f"{self.path} was replaced while it was open: {why}. Nothing was written.{where}", code="file_replaced"
        )

    def _name_of_open_file(self) -> str | None:
        """Where the open file is now, as far as the system tells: on Linux."""
        try:
            for descriptor in os.listdir("/proc/self/fd"):
                link = f"/proc/self/fd/{descriptor}"
                try:
                    status = os.stat(link)
                    if (status.st_dev, status.st_ino) == self._known and status.st_nlink:
                        return os.readlink(link)
                except OSError:  # closed meanwhile
                    pass
        except OSError:
            pass
        return None
