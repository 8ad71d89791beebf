"""The steps of an export: every row that belongs to a session, as lines."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256 as hash_of
from typing import TYPE_CHECKING, Any

from agentdb.errors import DamagedAttachmentError, NotFoundError, StatementError, UnreadableRowError
from agentdb.operations import execute
from agentdb.queries import attachments, memory_transfer, transfer
from agentdb.stores.fields import now_text
from agentdb.stores.transfer.lines import LineWriter
from agentdb.stores.transfer.memory_parts import AGENTS_OF_MEMORIES, MEMORY_PARTS, MemoryPart
from agentdb.stores.transfer.parts import CONTENTS, PARTS, PIECES, SESSIONS, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agentdb.clients.base import ResultSet
    from agentdb.operations import Steps

#: Rows that are read at once; one at a time where the last ones had more bytes than this.
_TOGETHER, _LARGE = 16, 1 << 20
#: The rows of a user are sorted for each page.
_OF_MEMORIES_TOGETHER = 256


class Export:
    """The export of one session, or of all that belongs to a user. In memory are at most 16 rows (256 of
    memories), one row behind large ones, and one piece of an attachment."""

    def __init__(self, scope: Mapping[str, str], include_deleted: bool, write: Callable[[bytes], object]) -> None:
        """scope: {"session_id": …} or {"user_id": …}. write: takes a line after the other."""
        self._scope = dict(scope)
        self._include_deleted = include_deleted
        self._write = write
        self.lines = LineWriter()

    def steps(self) -> Steps[None]:
        """Reads only; all of them are of one snapshot where the caller sees to it.

        Raises NotFoundError before anything is written, UnreadableRowError, DamagedAttachmentError.
        """
        yield from self.check()
        self._write(self.lines.header(self._scope, now_text()))
        if "session_id" in self._scope:
            yield from self._session(self._scope["session_id"])
        else:
            for id in in_order((yield from execute(memory_transfer.SESSIONS, self._scope)).tuples):
                yield from self._session(id)
            for part in (AGENTS_OF_MEMORIES, *MEMORY_PARTS):
                yield from self._rows(part, self._scope, {})
        self._write(self.lines.end())

    def check(self) -> Steps[None]:
        """Raises NotFoundError for a session that is not there, or is deleted softly and was not asked for; and for a user who
        has nothing."""
        if "session_id" not in self._scope:
            sessions = yield from execute(memory_transfer.SESSIONS, self._scope)
            memories = yield from execute(memory_transfer.COUNTS, self._scope)
            if not sessions.tuples and not memories.tuples[0][0]:
                raise NotFoundError(f"there is nothing of user {self._scope['user_id']!r}")
            return
        id = self._scope["session_id"]
        found = yield from self._read(SESSIONS, {"session_id": id})
        if not found.tuples:
            raise NotFoundError(f"there is no session {id!r}")
        if not self._include_deleted and found.tuples[0][found.columns.index("deleted_at")] is not None:
            raise NotFoundError(f"session {id!r} is deleted", code="session_deleted")

    def _session(self, id: str) -> Steps[None]:
        for part in PARTS:
            more = {}
            if part is SESSIONS:
                found = yield from execute(transfer.LOWEST_IDS, {"session_id": id})
                lowest = dict(zip(found.columns, found.tuples[0], strict=True))
                more["lowest_ids"] = {table: id for table, id in lowest.items() if id is not None}
            yield from self._rows(part, {"session_id": id}, more)

    def _rows(self, part: Part, scope: Mapping[str, str], more: dict[str, Any]) -> Steps[None]:
        args: dict[str, Any] = dict(scope)
        args |= {f"cursor_{name}": value for name, value in part.key.items()}
        limit = 1
        while True:
            found = yield from self._read(part, {**args, "limit": limit})
            before = self.lines.size
            row: dict[str, Any] = {}
            for values in found.tuples:
                row = dict(zip(found.columns, values, strict=True))
                line = part.to_line(row) if isinstance(part, MemoryPart) else row
                self._write(self.lines.row(part.table, line, **more))
                if part is CONTENTS:
                    yield from self._pieces(row["sha256"], row["size"])
            if not part.key or len(found.tuples) < limit:
                return
            args |= {f"cursor_{name}": row[name] for name in part.key}
            together = _OF_MEMORIES_TOGETHER if isinstance(part, MemoryPart) else _TOGETHER
            limit = together if self.lines.size - before < _LARGE else 1

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
                    key = values[part.columns.index(list(part.key)[-1])] if part.key else args["session_id"]
                    shown = key.decode("utf-8", "replace") if isinstance(key, bytes) else key
                    return UnreadableRowError(part.table, shown, name, "its text is not UTF-8")
        raise AssertionError


def in_order(found: Iterable[tuple[Any, ...]]) -> list[str]:
    """The ids of sessions, each behind its parent and the one that it was forked from, where these are among them."""
    refers = {id: others for id, *others in found}
    order: dict[str, None] = {}
    for first in refers:
        above = [first]
        while above:
            missing = [
                other for other in refers[above[-1]] if other in refers and other not in order and other not in above
            ]
            if missing:
                above.append(missing[0])
            else:
                order[above.pop()] = None
    return list(order)
