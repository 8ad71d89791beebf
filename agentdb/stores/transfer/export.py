"""The steps of an export: every row that belongs to a session, as lines."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256 as hash_of
from typing import TYPE_CHECKING, Any

from agentdb.errors import DamagedAttachmentError, NotFoundError, StatementError, UnreadableRowError
from agentdb.operations import execute
from agentdb.queries import attachments, transfer
from agentdb.stores.fields import now_text
from agentdb.stores.transfer.lines import LineWriter
from agentdb.stores.transfer.parts import CONTENTS, PARTS, PIECES, SESSIONS, Part

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentdb.clients.base import ResultSet
    from agentdb.operations import Steps

#: Rows that are read at once; one at a time where the last ones had more bytes than this.
_TOGETHER, _LARGE = 16, 1 << 20


class Export:
    """The export of one session. In memory are at most 16 rows, one row behind large ones, and one piece of an attachment."""

    def __init__(self, session_id: str, include_deleted: bool, write: Callable[[bytes], object]) -> None:
        """write: takes a line after the other."""
        self._session_id = session_id
        self._include_deleted = include_deleted
        self._write = write
        self.lines = LineWriter()

    def steps(self) -> Steps[None]:
        """Reads only; all of them are of one snapshot where the caller sees to it.

        Raises NotFoundError before anything is written, UnreadableRowError, DamagedAttachmentError.
        """
        yield from self.check_session()
        self._write(self.lines.header({"session_id": self._session_id}, now_text()))
        for part in PARTS:
            more = {}
            if part is SESSIONS:
                found = yield from execute(transfer.LOWEST_IDS, {"session_id": self._session_id})
                lowest = dict(zip(found.columns, found.tuples[0], strict=True))
                more["lowest_ids"] = {table: id for table, id in lowest.items() if id is not None}
            yield from self._rows(part, more)
        self._write(self.lines.end())

    def check_session(self) -> Steps[None]:
        """Raises NotFoundError for a session that is not there, or is deleted softly and was not asked for."""
        found = yield from self._read(SESSIONS, {"session_id": self._session_id})
        if not found.tuples:
            raise NotFoundError(f"there is no session {self._session_id!r}")
        if not self._include_deleted and found.tuples[0][found.columns.index("deleted_at")] is not None:
            raise NotFoundError(f"session {self._session_id!r} is deleted", code="session_deleted")

    def _rows(self, part: Part, more: dict[str, Any]) -> Steps[None]:
        args: dict[str, Any] = {"session_id": self._session_id}
        args |= {f"cursor_{name}": value for name, value in part.key.items()}
        limit = 1
        while True:
            found = yield from self._read(part, {**args, "limit": limit})
            before = self.lines.size
            row: dict[str, Any] = {}
            for values in found.tuples:
                row = dict(zip(found.columns, values, strict=True))
                self._write(self.lines.row(part.table, row, **more))
                if part is CONTENTS:
                    yield from self._pieces(row["sha256"], row["size"])
            if not part.key or len(found.tuples) < limit:
                return
            args |= {f"cursor_{name}": row[name] for name in part.key}
            limit = _TOGETHER if self.lines.size - before < _LARGE else 1

    def _pieces(self, sha256: str, size: int) -> Steps[None]:
        number = written = 0
        hasher = hash_of()
        while written < size:
            found = yield from execute(attachments.GET_PIECE, {"sha256": sha256, "piece": number})
            if not found.tuples:
                raise DamagedAttachmentError(f"piece {number} of the content {sha256} is missing")
            data = found.tuples[0][0]
            hasher.update(data)
            row = {"sha256": sha256, "piece": number, "data": b64encode(data).decode()}
            self._write(self.lines.row(PIECES, row))
            number += 1
            written += len(data)
        if written != size or hasher.hexdigest() != sha256:
            raise DamagedAttachmentError(f"the bytes of the content {sha256} are not those that were added")

    def _read(self, part: Part, args: dict[str, Any]) -> Steps[ResultSet]:
        try:
            return (yield from execute(part.select, args))
        except StatementError as error:
            if not error.message.startswith("Could not decode to UTF-8"):
                raise
            raise (yield from self._unreadable(part, args)) from error

    def _unreadable(self, part: Part, args: dict[str, Any]) -> Steps[UnreadableRowError]:
        """Which text it is that is not UTF-8: sqlite3 gives no row of a page that has one."""
        chosen = [f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END" for name in part.columns]
        raw = yield from execute(f"SELECT {', '.join(chosen)} FROM ({part.select})", args)
        for values in raw.tuples:
            for name, value in zip(part.columns, values, strict=True):
                try:
                    if isinstance(value, bytes):
                        value.decode()
                except UnicodeDecodeError:
                    key = values[part.columns.index(list(part.key)[-1])] if part.key else self._session_id
                    shown = key.decode("utf-8", "replace") if isinstance(key, bytes) else key
                    return UnreadableRowError(part.table, shown, name, "its text is not UTF-8")
        raise AssertionError
