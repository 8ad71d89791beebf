"""Overwriting a damaged database by hand, in its own file.

SQLite cannot do it: it refuses the file. So its locks are taken by hand, on the bytes that SQLite locks on POSIX systems;
then nobody can read or write the file, whoever opens it. (SQLite's locks are the process's: no other thread of this one may
open the file meanwhile.) Where Python has no `fcntl`, on Windows, nobody is kept out while a damaged file is overwritten:
close all programs that use it.

First the header goes, so that a crash leaves a file that is damaged as before, and never one that looks sound. The header of
the new content comes last. What was there is kept byte for byte.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from agentdb.clients.local.snapshot import create_like, remove, sync_file, sync_folder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

#: Of SQLite's file format: the byte for who waits, the byte for who writes, and 510 bytes for who reads.
_PENDING_BYTE = 0x40000000
_LOCK_BYTES = 512
_HEADER = 16
_CHUNK = 1 << 20
#: What of a damaged database may hold rows, beside the file itself.
_BESIDE = ("-wal", "-journal")


class Overwrite:
    """A damaged file, locked until close(). All goes through one handle: to close another one would drop the lock."""

    def __init__(self, path: str, replaced: str, partial: str) -> None:
        """replaced: where what is there now is kept; partial: its name until it is whole.

        Raises BlockingIOError where somebody has it open in WAL mode, or is reading or writing it; OSError.
        """
        self._path = path
        self._replaced = replaced
        self._partial = partial
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115  # close() does
        try:
            if fcntl is not None:
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCK_BYTES, _PENDING_BYTE)
                except PermissionError as error:  # the other answer that POSIX allows
                    raise BlockingIOError(*error.args) from error
        except BaseException:
            self._file.close()
            raise

    def keep(self) -> None:
        """Copy the file. Raises OSError; then nothing was changed."""
        partial = self._partial
        try:
            create_like(partial, self._path)
            self._file.seek(0)
            with open(partial, "r+b", buffering=0) as new:
                _pour(self._file, new)
            sync_file(partial)
            os.replace(partial, self._replaced)
        except BaseException:
            remove(partial)
            remove(self._replaced)
            raise
        sync_folder(os.path.dirname(self._path))

    def write(self, fresh: str) -> None:
        """The content of `fresh` into the file. Raises OSError; then the file is as it was, and nothing is kept."""
        moved: list[str] = []
        try:
            for suffix in _BESIDE:  # kept with the old content; they would be played into the new one
                if _has_content(self._path + suffix):
                    os.replace(self._path + suffix, self._replaced + suffix)
                    moved.append(suffix)
            sync_folder(os.path.dirname(self._path))
            with open(fresh, "rb", buffering=0) as new:
                self._fill(new)
        except BaseException:
            with open(self._replaced, "rb", buffering=0) as old:
                self._fill(old)
            for suffix in moved:
                os.replace(self._replaced + suffix, self._path + suffix)
            remove(self._replaced)
            raise
        for suffix in ("-shm", *_BESIDE):  # -shm is an index of the -wal; the others are empty
            try:
                os.unlink(self._path + suffix)
            except OSError:
                pass

    def _fill(self, source: BinaryIO) -> None:
        handle = self._file.fileno()
        header = source.read(_HEADER)
        self._file.seek(0)
        _write(self._file, bytes(len(header)))
        os.fsync(handle)
        _pour(source, self._file)
        self._file.truncate()
        os.fsync(handle)
        self._file.seek(0)
        _write(self._file, header)
        os.fsync(handle)

    def close(self) -> None:
        """Let go."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _has_content(path: str) -> bool:
    try:
        return os.path.getsize(path) > 0
    except OSError:
        return False


def _pour(source: BinaryIO, target: BinaryIO) -> None:
    while chunk := source.read(_CHUNK):
        _write(target, chunk)


def _write(target: BinaryIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[target.write(left) :]
