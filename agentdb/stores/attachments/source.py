"""Where the bytes of a new attachment come from: bytes in memory, a file by its path, or a file that is open."""

from __future__ import annotations

import os
from hashlib import sha256
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeAlias

from agentdb.errors import FieldError, InvalidArgumentError
from agentdb.stores.attachments.values import PIECE_SIZE

if TYPE_CHECKING:
    from os import PathLike

#: Bytes of a stream that are kept in memory while it is read for the first time; a longer one is kept in a temporary file.
_IN_MEMORY = 8 * PIECE_SIZE


class Readable(Protocol):
    """A binary file that is open for reading."""

    def read(self, size: int, /) -> bytes: ...


Data: TypeAlias = "bytes | bytearray | memoryview | PathLike[str] | Readable"


class Source:
    """Bytes that are read twice: to know their hash before the write lock is taken, then to store them.

    Its methods may wait for a disk, so they are called away from an event loop.
    """

    def __init__(self, data: Data) -> None:
        """Raises FieldError for what holds no bytes. Nothing is opened before measure()."""
        if isinstance(data, str):
            remedy = "Give a file by Path(…), and text by text.encode()."
            raise FieldError.of(
                "data", data, "is bytes, a Path or a binary file, not str", code="wrong_type", remedy=remedy
            )
        if not isinstance(data, (bytes, bytearray, memoryview, os.PathLike)) and not callable(
            getattr(data, "read", None)
        ):
            why = f"is bytes, a Path or a binary file, not {type(data).__name__}"
            raise FieldError.of("data", data, why, code="wrong_type")
        self._data = data
        self._file: Any = None
        self._is_ours = True
        self._spool: IO[bytes] | None = None
        self._start = 0
        self.size = 0
        self.sha256 = ""

    def measure(self) -> None:
        """Read all of it, for its size and its hash. Raises InvalidArgumentError, and what the caller's file raises."""
        self._file = self._opened()
        if not self._is_ours and not _is_seekable(self._file):
            self._spool = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - close() does
        hasher = sha256()
        piece = b" " * PIECE_SIZE
        while len(piece) == PIECE_SIZE:  # behind a shorter one a terminal or a growing file may have more to give
            piece = self._read()
            hasher.update(piece)
            self.size += len(piece)
            if self._spool is not None:
                self._spool.write(piece)
        if self._spool is not None:
            self._file = self._spool
        self.sha256 = hasher.hexdigest()
        self._check = sha256()
        self._file.seek(self._start)

    def next_piece(self) -> bytes:
        """The next piece; b"" behind the last. Raises InvalidArgumentError where it is not what was measured."""
        piece = self._read()
        self._check.update(piece)
        if not piece and self._check.hexdigest() != self.sha256:
            raise InvalidArgumentError("the file was changed while it was read", code="source_changed")
        return piece

    def close(self) -> None:
        """Close what was opened here; the caller's file stays open."""
        for file in (self._spool, self._file if self._is_ours else None):
            if file is not None:
                file.close()

    def _opened(self) -> Any:
        data = self._data
        if isinstance(data, (bytes, bytearray, memoryview)):
            return BytesIO(data)  # bytes are not copied; what can change is
        if isinstance(data, os.PathLike):
            try:
                return open(data, "rb")
            except OSError as error:
                path = os.fspath(data)
                raise InvalidArgumentError(
                    f"{path} cannot be read: {error.strerror}", code="unreadable_source"
                ) from error
        self._is_ours = False
        if _is_seekable(data):
            self._start = data.tell()  # type: ignore[attr-defined]
        return data

    def _read(self) -> bytes:
        """A whole piece, or what is left: a pipe gives less than is asked for."""
        found = b""
        while len(found) < PIECE_SIZE:
            try:
                some = self._file.read(PIECE_SIZE - len(found))
            except OSError as error:
                if not self._is_ours:
                    raise
                raise InvalidArgumentError(
                    f"{self._file.name} cannot be read: {error}", code="unreadable_source"
                ) from error
            if not isinstance(some, (bytes, bytearray, memoryview)):
                why = f"is a file that gives {type(some).__name__}; it is one that gives bytes"
                raise FieldError.of("data", self._data, why, code="wrong_type")
            if not some:
                break
            if len(some) > PIECE_SIZE - len(found):
                raise FieldError.of(
                    "data", self._data, "is a file that gives more than it is asked for", code="too_large"
                )
            found = bytes(some) if not found else found + bytes(some)
        return found


def _is_seekable(file: Any) -> bool:
    try:
        return bool(file.seekable())
    except (AttributeError, ValueError):
        return False
