"""Reading an export line by line, from a path, from bytes, or from a file that the caller has open."""

from __future__ import annotations

import os
from io import BytesIO
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from agentdb.errors import FieldError, InvalidArgumentError
from agentdb.stores.transfer.lines import LONGEST_HEADER, LONGEST_LINE, LineChecker

if TYPE_CHECKING:
    from os import PathLike

#: Rows that are read at once, unless their lines have more bytes than this.
_TOGETHER, _LARGE = 100, 1 << 20
_BLOCK = 1 << 20


class Readable(Protocol):
    """A file that is open for reading, binary or text."""

    def read(self, size: int, /) -> Any: ...


ImportSource: TypeAlias = "str | PathLike[str] | bytes | bytearray | Readable"


class ExportReader:
    """The rows of an export, some at a time. Its methods may wait for a disk, so they are called away from an event loop."""

    def __init__(self, source: ImportSource) -> None:
        """Raises FieldError for what cannot be read. Nothing is opened before start()."""
        is_path = isinstance(source, (str, os.PathLike))
        if not is_path and not isinstance(source, (bytes, bytearray)) and not callable(getattr(source, "read", None)):
            why = f"is a path, bytes or a file that is open for reading, not {type(source).__name__}"
            raise FieldError.of("source", source, why, code="wrong_type")
        if is_path and "\0" in os.fspath(source):  # type: ignore[arg-type]
            raise FieldError.of("source", source, "is no path of a file", code="wrong_type")
        self._source = source
        self._file: Any = None
        self._is_ours = True
        self._start = 0
        self._checker = LineChecker()

    def start(self) -> None:
        """Open it, and read its first line. Raises InvalidArgumentError, ExportFileError."""
        self._file = self._opened()
        self._begin()

    def rewind(self) -> None:
        """Go back to the first row."""
        self._file.seek(self._start)
        self._begin()

    def _begin(self) -> None:
        self._checker = LineChecker()
        line = self._line(LONGEST_HEADER)
        if line:
            self._checker.take(line)

    def next_rows(self) -> list[dict[str, Any]]:
        """The next rows, each with `table`, `row` and `line`; none behind the last. Raises ExportFileError."""
        rows: list[dict[str, Any]] = []
        size = 0
        while len(rows) < _TOGETHER and size < _LARGE:
            line = self._line(LONGEST_LINE)
            if not line:
                self._checker.finish()
                break
            value = self._checker.take(line)
            size += len(line)
            if value is not None:
                rows.append(value)
        return rows

    def close(self) -> None:
        """Close what was opened here; the caller's file stays open."""
        if self._is_ours and self._file is not None:
            self._file.close()

    def _opened(self) -> Any:
        source = self._source
        if isinstance(source, (bytes, bytearray)):
            return BytesIO(source)
        if isinstance(source, (str, os.PathLike)):
            try:
                return open(source, "rb")
            except OSError as error:
                message = f"{os.fspath(source)} cannot be read: {error.strerror}"
                raise InvalidArgumentError(message, code="unreadable_source") from error
        try:
            if source.seekable() and isinstance(source.read(0), bytes):  # type: ignore[attr-defined]
                self._is_ours = False
                self._start = source.tell()  # type: ignore[attr-defined]
                return source
        except (AttributeError, ValueError):
            pass
        return self._kept(source)

    def _kept(self, source: Readable) -> Any:
        """A copy of a text file, or of a stream: it may have to be read again from its beginning."""
        file = TemporaryFile()  # noqa: SIM115 - close() does
        try:
            checked = False
            while block := source.read(_BLOCK):
                if not isinstance(block, (str, bytes, bytearray)):
                    why = f"is a file that gives {type(block).__name__}; it is one that gives bytes or text"
                    raise FieldError.of("source", source, why, code="wrong_type")
                file.write(block.encode("utf-8", "surrogatepass") if isinstance(block, str) else block)
                if not checked:  # no more is kept of what is no export
                    checked = True
                    file.seek(0)
                    LineChecker().take(file.readline(LONGEST_HEADER))
                    file.seek(0, os.SEEK_END)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def _line(self, longest: int) -> bytes:
        try:
            line: bytes = self._file.readline(longest)
        except OSError as error:
            if not self._is_ours:
                raise
            raise InvalidArgumentError(f"the export cannot be read: {error}", code="unreadable_source") from error
        if len(line) >= longest and not line.endswith(b"\n"):
            if self._checker.number == 0:
                return line  # the check of the header says what it is
            self._checker.number += 1
            self._checker.fail(f"it has more than {longest:,} bytes")
        return line
