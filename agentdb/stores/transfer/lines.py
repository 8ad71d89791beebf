"""The lines of an export: JSON Lines, UTF-8. See docs/how-to/export-and-erase.md for what a reader of one may rely on."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn

from agentdb.errors import ExportFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "agentdb.export"
VERSION = 1
#: Bytes of the first line at the most: what is longer is no export, and is not read to its end.
LONGEST_HEADER = 65_536
#: Bytes of any other line at the most. SQLite holds values of 1,000,000,000 bytes.
LONGEST_LINE = 1 << 31
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class LineWriter:
    """Makes the lines, and counts what they hold."""

    def __init__(self) -> None:
        self._hasher = sha256()
        self.rows: Counter[str] = Counter()
        self.size = 0

    def header(self, scope: Mapping[str, str], exported_at: str) -> bytes:
        """The first line."""
        return self._line({"format": FORMAT, "version": VERSION, "scope": scope, "exported_at": exported_at})

    def row(self, table: str, row: Mapping[str, Any], **more: Any) -> bytes:
        """A row of a table, with what is to be known of it beside its columns."""
        self.rows[table] += 1
        return self._line({"table": table, "row": row, **more})

    def end(self) -> bytes:
        """The last line."""
        line = self._encoded({"end": True, "rows": dict(self.rows), "sha256": self._hasher.hexdigest()})
        self.size += len(line)
        return line

    def _line(self, value: Mapping[str, Any]) -> bytes:
        line = self._encoded(value)
        self._hasher.update(line)
        self.size += len(line)
        return line

    @staticmethod
    def _encoded(value: Mapping[str, Any]) -> bytes:
        return _encode(value).encode() + b"\n"


class LineChecker:
    """Takes the lines in their order, and knows at the end whether that was all."""

    def __init__(self) -> None:
        self._hasher = sha256()
        self._rows: Counter[str] = Counter()
        self.number = 0
        self.is_at_end = False

    def take(self, line: bytes) -> dict[str, Any] | None:
        """What a line holds, with its number as `line`; None for the header, the end, and blank lines behind it.

        Raises ExportFileError.
        """
        self.number += 1
        text = line.strip(b"\r\n \t")
        if self.is_at_end:
            if text:
                self.fail("something follows the end of the export", code="damaged_export")
            return None
        if self.number == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")
            self._check_header(text)
            self._count(text)
            return None
        value = self._parsed(text)
        if value.get("end") is True:
            self._check_end(value)
            return None
        self._count(text)
        table, row = value.get("table"), value.get("row")
        if not isinstance(table, str) or not isinstance(row, dict):
            self.fail("it holds no row of a table")
        self._rows[table] += 1
        return {**value, "line": self.number}

    def _count(self, text: bytes) -> None:
        self._hasher.update(text)
        self._hasher.update(b"\n")

    def finish(self) -> None:
        """Raises ExportFileError where the end has not come."""
        if self.number == 0:
            raise ExportFileError("the file is empty", line=1)
        if not self.is_at_end:
            raise ExportFileError(
                f"the export is cut off behind line {self.number}", code="truncated_export", line=self.number
            )

    def fail(self, why: str, code: str = "bad_export_row") -> NoReturn:
        """Raise the error of the line that was taken last."""
        raise ExportFileError(f"line {self.number}: {why}", code=code, line=self.number)

    def _check_header(self, text: bytes) -> None:
        try:
            header = json.loads(text)
        except (ValueError, RecursionError):
            header = None
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise ExportFileError("the first line is not that of an export of agentdb", line=1)
        version = header.get("version")
        if version != VERSION or type(version) is not int:
            shown = version if type(version) is int and abs(version) < 10**9 else type(version).__name__
            raise ExportFileError(
                f"the export has version {shown}; this build reads version {VERSION}", code="unknown_version", line=1
            )

    def _check_end(self, value: dict[str, Any]) -> None:
        self.is_at_end = True
        if value.keys() - {"end", "rows", "sha256"}:
            self.fail("the end of the export has a key that none has", code="damaged_export")
        if value.get("rows") != dict(self._rows):
            self.fail("the export has not the rows that its end counts", code="truncated_export")
        if "sha256" in value and value["sha256"] != self._hasher.hexdigest():
            self.fail("the export is not as it was written: its SHA-256 is another one", code="damaged_export")

    def _parsed(self, text: bytes) -> dict[str, Any]:
        try:
            value = json.loads(text, parse_constant=_refuse)
        except RecursionError:
            self.fail("its JSON is nested too deep")
        except ValueError as error:
            # The last line of a file that was cut off is the beginning of one.
            raise ExportFileError(
                f"line {self.number} is no JSON: the export is cut off or damaged there",
                code="truncated_export",
                line=self.number,
            ) from error
        if not isinstance(value, dict):
            self.fail("it is no JSON object")
        return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
