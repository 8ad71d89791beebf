"""How connections to one database are opened."""

from __future__ import annotations

import sqlite3

from agentdb.errors import AgentDBError, InvalidArgumentError
from agentdb.frozen import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.clients.local.on_connect import OnConnect

#: The first SQLite with all that the schema uses (STRICT 3.37, unixepoch and JSON built in 3.38).
MINIMUM_SQLITE = (3, 38, 0)
SECURE_DELETE = ("off", "fast", "on")
SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")
JOURNAL_MODES = ("wal", "delete", "truncate", "persist")


class Settings(Record):
    """How connections to one database are opened. Times in seconds, sizes in bytes."""

    busy_timeout: float = 5.0
    synchronous: str = "NORMAL"
    journal_size_limit: int = 64 * 1024 * 1024
    readers: int = 4
    read_only: bool = False
    journal_mode: str = "wal"
    on_connect: OnConnect | None = None
    mode: int = 0o600
    secure_delete: str = "on"

    @property
    def pragmas(self) -> tuple[str, ...]:
        """What every new connection is told."""
        return (
            f"PRAGMA synchronous={self.synchronous}",
            f"PRAGMA journal_size_limit={self.journal_size_limit}",
            "PRAGMA query_only=ON" if self.read_only else f"PRAGMA secure_delete={self.secure_delete}",
            "PRAGMA foreign_keys=ON",
        )

    def check(self) -> Settings:
        """Raises InvalidArgumentError for a value that cannot be meant, AgentDBError for a SQLite that is too old."""
        if type(self.busy_timeout) not in (int, float) or not 0 <= self.busy_timeout <= 86_400:
            raise InvalidArgumentError(f"busy_timeout is {shown(self.busy_timeout)}; it is seconds, from 0 to 86,400")
        if self.synchronous not in SYNCHRONOUS:
            raise InvalidArgumentError(
                f"synchronous is {shown(self.synchronous)}; it is one of {', '.join(SYNCHRONOUS)}"
            )
        if type(self.journal_size_limit) is not int or not -1 <= self.journal_size_limit < 2**63:
            raise InvalidArgumentError(
                f"journal_size_limit is {shown(self.journal_size_limit)}; it is bytes, or -1 for none"
            )
        if type(self.readers) is not int or not 1 <= self.readers <= 64:
            raise InvalidArgumentError(f"readers is {shown(self.readers)}; it is a number from 1 to 64")
        if type(self.read_only) is not bool:
            raise InvalidArgumentError(f"read_only is {shown(self.read_only)}; it is True or False")
        if self.secure_delete not in SECURE_DELETE:
            raise InvalidArgumentError(
                f"secure_delete is {shown(self.secure_delete)}; it is one of {', '.join(SECURE_DELETE)}"
            )
        if self.journal_mode not in JOURNAL_MODES:
            raise InvalidArgumentError(
                f"journal_mode is {shown(self.journal_mode)}; it is one of {', '.join(JOURNAL_MODES)}"
            )
        if self.on_connect is not None and not callable(self.on_connect):
            raise InvalidArgumentError(
                f"on_connect is {shown(self.on_connect)}; it is called with a sqlite3.Connection"
            )
        if type(self.mode) is not int or not 0 <= self.mode <= 0o777 or self.mode & 0o600 != 0o600:
            raise InvalidArgumentError(
                f"mode is {shown(self.mode)}; it is the rights of a new file, from 0o600, with which its owner may read and write"
            )
        if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
            raise AgentDBError(
                f"this Python has SQLite {sqlite3.sqlite_version}",
                code="cannot_open",
                remedy="Use a Python with SQLite 3.38 or newer.",
            )
        return self


def shown(value: object) -> str:
    """A setting in a message; Python writes no integer of more than some thousand digits."""
    try:
        text = repr(value)
    except ValueError:
        return f"a {type(value).__name__} with too many digits"
    return text if len(text) <= 80 else text[:79] + "…"
