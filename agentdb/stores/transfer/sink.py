"""Where an export goes: a new file, a file that the caller has open, or memory. And the copy of a database that it is of."""

from __future__ import annotations

import os
from io import BytesIO, TextIOBase
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from agentdb.clients.local.snapshot import Copy, remove, sync_folder
from agentdb.clients.location import absolute
from agentdb.engine.backup.copy_task import CopyTask
from agentdb.errors import AlreadyExistsError, FieldError, StatementError, StorageError
from agentdb.operations.runners import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from agentdb.clients.local.settings import Settings
    from agentdb.operations import Steps


class Writable(Protocol):
    """A file that is open for writing; a text file is written as UTF-8 text."""

    def write(self, data: Any, /) -> Any: ...


Place: TypeAlias = "str | PathLike[str] | Writable"


class Sink:
    """Takes the lines of an export. Between open() and keep() a file has a name of its own, so that a half-written one is
    never taken for an export."""

    def __init__(self, to: Place | None) -> None:
        """Raises FieldError for what nothing can be written to."""
        self.path: str | None = None
        self._partial = ""
        self._file: Any = to
        self._is_memory = to is None
        self._is_text = isinstance(to, TextIOBase)
        if isinstance(to, (str, os.PathLike)):
            text = os.fspath(to)
            if not isinstance(text, str) or not text or "\0" in text:
                raise FieldError.of("to", to, "is no path of a file", code="wrong_type")
            self.path = absolute(text)
        elif to is None:
            self._file = BytesIO()
        elif not callable(getattr(to, "write", None)):
            why = f"is None, a path or a file that is open for writing, not {type(to).__name__}"
            raise FieldError.of("to", to, why, code="wrong_type")

    def open(self) -> None:
        """Raises AlreadyExistsError, StorageError."""
        if self.path is None:
            return
        if os.path.lexists(self.path):
            raise AlreadyExistsError(f"{self.path} is there already", remedy="Name a file that does not exist.")
        self._partial = f"{self.path}.{token_hex(4)}.partial"
        try:
            # Only its owner may read it: it holds somebody's conversation.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self._file = os.fdopen(os.open(self._partial, flags, 0o600), "wb")
        except OSError as error:
            raise self._failed(error) from error

    def write(self, line: bytes) -> None:
        """Raises StorageError; what the caller's own file raises goes on as it is."""
        try:
            self._file.write(line.decode() if self._is_text else line)
        except OSError as error:
            if self.path is None:
                raise
            raise self._failed(error) from error

    def keep(self) -> bytes:
        """All of it is written: the bytes, where they are in memory. Raises StorageError, AlreadyExistsError."""
        if self.path is None:
            return self._file.getvalue() if self._is_memory else b""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if os.path.lexists(self.path):
                raise AlreadyExistsError(
                    f"{self.path} has just been created by another program", remedy="Name a file that does not exist."
                )
            os.replace(self._partial, self.path)
        except OSError as error:
            raise self._failed(error) from error
        self._partial = ""
        sync_folder(os.path.dirname(self.path))
        return b""

    def discard(self) -> None:
        """Leave nothing of a new file that keep() has not kept."""
        if self._partial:
            if not isinstance(self._file, (str, os.PathLike)):
                self._file.close()
            remove(self._partial)

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(f"{self.path} cannot be written: {error.strerror or error}", code="export_failed")


class SnapshotTask(CopyTask):
    """Steps that only read, on one snapshot of a database, away from an event loop and beside writers."""

    def __init__(self, steps: Callable[[], Steps[None]]) -> None:
        self._steps = steps

    def make(self, path: str, settings: Settings, tell: Callable[[object], None]) -> None:
        """Run the steps. Raises what they raise, StorageError, BusyError, StatementError `interrupted`."""
        with Copy(path, settings) as copy:
            self._copy = copy
            self.check_wanted()
            run(_Wanted(self, copy), self._steps())


class _Wanted:
    """The connection of a snapshot, for as long as the task is wanted."""

    def __init__(self, task: SnapshotTask, copy: Copy) -> None:
        self._task = task
        self._source = copy.source

    def execute(self, stmt: str, args: Any) -> Any:
        try:
            self._task.check_wanted()
        except StatementError as error:
            raise StatementError("the export was interrupted", code="interrupted") from error
        return self._source.execute(stmt, args)
