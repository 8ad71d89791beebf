"""Text files that a tool reads or writes: whole, or not at all."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from agentdb.errors import AlreadyExistsError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Bytes of the largest text that is read. A ledger of 10,000 migrations has about 1.5 MB.
LARGEST = 64 << 20


def read_text(path: str) -> str:
    """The text of a file.

    Raises StorageError: `file_missing`, `is_a_directory`, `cannot_open` for what is not a regular file of UTF-8 text,
    or is larger than 64 MB; `io_error` for what this user may not read.
    """
    try:
        if os.path.isdir(path):
            raise StorageError(f"{path} is a folder", code="is_a_directory")
        if os.path.exists(path) and not os.path.isfile(path):
            raise _unreadable(path, "is not a regular file", "Put a file there, or a link to one.")
        if os.path.getsize(path) > LARGEST:
            raise _unreadable(path, f"is larger than {LARGEST >> 20} MB", "Name a text file.")
        with open(path, "rb") as file:
            return file.read(LARGEST + 1).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise StorageError(f"there is no file {path}", code="file_missing", remedy="Check the path.") from error
    except UnicodeDecodeError as error:
        why = f"is not UTF-8: {error.reason} at byte {error.start}"
        raise _unreadable(path, why, "Save it as UTF-8, or name another file.") from error
    except OSError as error:
        remedy = "Let this user read it, or check that disk."
        raise StorageError(f"{path} cannot be read: {error.strerror}", code="io_error", remedy=remedy) from error


def write_text(path: str, text: str) -> None:
    """Write a file under a temporary name, and give it its own when it is complete. What was there is replaced.

    Raises StorageError `read_only`, `disk_full`, `io_error`; then what was there is as before.
    """
    place = f"{path}.{os.getpid()}.partial"
    try:
        try:
            with open(place, "x", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if os.path.exists(path):
                os.chmod(place, os.stat(path).st_mode & 0o777)
            os.replace(place, os.path.realpath(path))
        except BaseException:
            with suppress(OSError):
                os.unlink(place)
            raise
    except OSError as error:
        raise unwritten(path, error) from error


def write_folder(folder: str, files: Mapping[str, str]) -> tuple[str, ...]:
    """Write files into a folder that is new or empty; all are there at once, or none. Their paths.

    Raises AlreadyExistsError, and StorageError as write_text().
    """
    target = Path(folder)
    try:
        if target.exists() and any(target.iterdir()):
            raise AlreadyExistsError(
                f"{folder} is there already, and is not empty",
                remedy="Name a new or an empty folder; nothing was written.",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        place = Path(mkdtemp(prefix=f"{target.name[:100]}.", suffix=".partial", dir=target.parent))
        try:
            for name, text in files.items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_text(text, encoding="utf-8", newline="\n")
            place.chmod(0o755)
            os.replace(place, target)
        except BaseException:
            rmtree(place, ignore_errors=True)
            raise
    except OSError as error:
        raise unwritten(folder, error) from error
    return tuple([str(target / name) for name in files])


def unwritten(path: str, error: OSError) -> StorageError:
    """What to say of a file that could not be written."""
    code, remedy = "io_error", "Check that disk, then try again."
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        code, remedy = "disk_full", "Free some space on that disk, then try again. What was there is unchanged."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        code, remedy = "read_only", "Let this user write into that folder, or name another place."
    return StorageError(f"{path} cannot be written: {error.strerror}", code=code, remedy=remedy)


def _unreadable(path: str, why: str, remedy: str) -> StorageError:
    return StorageError(f"{path} {why}", code="cannot_open", remedy=remedy)
