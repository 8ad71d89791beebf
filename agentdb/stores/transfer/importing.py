"""The steps of an import: each session of an export is added whole, or compared with the one that is here."""

from __future__ import annotations

import json
from binascii import Error as Base64Error
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn

from agentdb.errors import AgentDBError, ExportFileError, IntegrityError, InvalidArgumentError, StatementError
from agentdb.operations import execute
from agentdb.operations.requests import call
from agentdb.queries import agents, attachments, memories, sessions, transfer
from agentdb.stores.attachments.values import PIECE_SIZE
from agentdb.stores.transfer.memory_parts import BY_TABLE as MEMORIES_BY_TABLE
from agentdb.stores.transfer.memory_parts import MEMORIES, MemoryPart
from agentdb.stores.transfer.parts import AGENTS, BY_TABLE, CONTENTS, PARTS, PIECES, SESSIONS, Part
from agentdb.stores.transfer.values import MOST_CONFLICTS, Conflict, ImportReport

if TYPE_CHECKING:
    from agentdb.operations import Steps
    from agentdb.stores.transfer.reader import ExportReader

#: What a memory may refer to, and how it is found.
_REFERENCES = {
    "agent_id": agents.CHECK_EXISTS,
    "session_id": sessions.CHECK_EXISTS,
    "supersedes_id": memories.GET_BY_ID,
}
_VALUES = (str, int, float, type(None))


class IdTakenError(Exception):
    """An id of a session is taken by a row of another one: all ids of that table have to move."""

    def __init__(self, session_id: str, table: str) -> None:
        super().__init__(session_id, table)
        self.session_id, self.table = session_id, table


class Import:
    """One attempt, inside one transaction. In memory are the rows that the reader gives at once, and one content's hash."""

    def __init__(self, reader: ExportReader, taken: set[tuple[str, str]]) -> None:
        """taken: (session id, table) of which the ids have to move."""
        self._reader = reader
        self._taken = taken
        self._line = 0
        self._session: str | None = None
        self._is_new = False
        self._last: dict[str, Any] = {}  # what finishes a session
        self._moves: dict[str, int] = {}
        self._content: _Content | None = None
        self._differs = False
        self._imported: list[str] = []
        self._unchanged: list[str] = []
        self._differing: list[str] = []
        self._rows: Counter[str] = Counter()
        self._conflicts: list[Conflict] = []
        self._conflict_count = 0
        self._moved: dict[str, dict[str, int]] = {}
        self._unlinked: dict[str, tuple[str, ...]] = {}
        self._new_memories: set[Any] = set()

    def steps(self) -> Steps[ImportReport]:
        """Raises ExportFileError, IdTakenError."""
        # A log may stand before its parent, and an attachment stands before its content.
        yield from execute("PRAGMA defer_foreign_keys=ON")
        while rows := (yield from call(self._reader.next_rows)):
            for found in rows:
                self._line = found["line"]
                try:
                    yield from self._take(found)
                except (IntegrityError, InvalidArgumentError, StatementError) as error:
                    if error.code == "interrupted":
                        raise
                    self._fail(f"its row does not fit: {error.message.partition(' in: ')[0]}", error)
        yield from self._finish_session()
        return ImportReport(
            imported=tuple(self._imported),
            unchanged=tuple(self._unchanged),
            differing=tuple(self._differing),
            rows=dict(self._rows),
            conflicts=tuple(self._conflicts),
            conflict_count=self._conflict_count,
            moved_ids=self._moved,
            unlinked=self._unlinked,
        )

    def _take(self, found: dict[str, Any]) -> Steps[None]:
        table, row = found["table"], found["row"]
        if table == PIECES:
            yield from self._take_piece(row)
            return
        self._check_content_is_whole()
        of_memory = MEMORIES_BY_TABLE.get(table)
        if of_memory is not None:
            yield from self._finish_session()
            yield from self._take_of_memory(of_memory, self._checked(of_memory, row))
            return
        part = BY_TABLE.get(table)
        if part is None:
            self._fail("its table is none that an export has")
        row = self._checked(part, row)
        if part is AGENTS:
            yield from self._finish_session()
            yield from self._take_agent(row)
        elif part is SESSIONS:
            yield from self._finish_session()
            yield from self._begin_session(row, found.get("lowest_ids"))
        else:
            if self._session is None or (part.has_session_id and row["session_id"] != self._session):
                self._fail("its session is not the one that the file has before it")
            yield from self._take_row(part, row)

    def _checked(self, part: Part, row: dict[str, Any]) -> dict[str, Any]:
        """Every column of a row; one that the file does not have is NULL."""
        unknown = row.keys() - set(part.columns)
        if unknown:
            self._fail(f"{part.table} has no column {min(unknown)!r}")
        for name, value in row.items():
            if not isinstance(value, _VALUES) or isinstance(value, bool):
                self._fail(f"{name} is text, a number or null, not {type(value).__name__}")
        return {name: row.get(name) for name in part.columns}

    # -- agents

    def _take_agent(self, row: dict[str, Any]) -> Steps[None]:
        here = yield from execute(transfer.AGENT, {"id": row["id"]})
        if here.tuples:
            self._compare(AGENTS, row, dict(zip(here.columns, here.tuples[0], strict=True)))
        else:
            yield from execute(AGENTS.insert, row)
            self._rows["agents"] += 1

    # -- memories

    def _take_of_memory(self, part: MemoryPart, line: dict[str, Any]) -> Steps[None]:
        try:
            row = part.to_row(line)
        except ValueError as error:
            self._fail(f"its bytes are damaged: {error}", error)
        if part is MEMORIES:
            yield from self._take_memory(row)
        elif row["memory_id"] not in self._new_memories:
            if not (yield from execute(part.same, row)).tuples:
                self._conflict(part, row, ())
        else:
            try:
                yield from execute(part.insert, row)
            except IntegrityError:
                if type(row["id"]) is not int:
                    raise
                yield from execute(part.insert, {**row, "id": None})  # the number is taken here by another one
            self._rows[part.table] += 1

    def _take_memory(self, row: dict[str, Any]) -> Steps[None]:
        here = yield from execute(MEMORIES.same, {"id": row["id"]})
        unlinked = []
        for column, exists in _REFERENCES.items():
            other = row[column]
            if other is not None and not (yield from execute(exists, {"id": other})).tuples:
                row[column] = None
                unlinked.append(column)
        if here.tuples:
            there = dict(zip(here.columns, here.tuples[0], strict=True))
            self._compare(MEMORIES, {**row, "number": there["number"]}, there)
            return
        yield from execute(MEMORIES.insert, row)
        self._new_memories.add(row["id"])
        self._rows["memories"] += 1
        if unlinked:
            self._unlinked[row["id"]] = tuple(unlinked)

    # -- sessions

    def _begin_session(self, row: dict[str, Any], lowest: object) -> Steps[None]:
        if not isinstance(lowest, dict) or not all(type(id) is int for id in lowest.values()):
            self._fail("lowest_ids is an object of numbers")
        id = row["id"]
        if not isinstance(id, str):
            self._fail("id is text")
        self._session, self._last, self._moves, self._differs = id, row, {}, False
        unlinked = []
        for column in ("parent_session_id", "forked_from_id"):
            other = row[column]
            if other is not None and not (yield from execute(sessions.CHECK_EXISTS, {"id": other})).tuples:
                row[column] = None
                unlinked.append(column)
        here = yield from execute(SESSIONS.select, {"session_id": id})
        self._is_new = not here.tuples
        if self._is_new:
            yield from execute(SESSIONS.insert, {**row, "last_seq": 0, "last_activity_at": None})
            self._rows["sessions"] += 1
            if unlinked:
                self._unlinked[id] = tuple(unlinked)
            for table in [table for session, table in self._taken if session == id]:
                last = (yield from execute(transfer.LAST_ID, {"name": table})).tuples[0][0] or 0
                self._moves[table] = last + 1 - lowest.get(table, 1)
        else:
            self._compare(SESSIONS, row, dict(zip(here.columns, here.tuples[0], strict=True)))
            for part in PARTS:
                if part.is_numbered and part.table in lowest:
                    yield from self._align(part, lowest[part.table])

    def _align(self, part: Part, lowest: int) -> Steps[None]:
        """By how much the ids of a session that is here have moved when it was imported: its first row tells."""
        found = (yield from execute(transfer.LOWEST_IDS, {"session_id": self._session})).rows[0][part.table]
        if found is not None and found != lowest:
            self._moves[part.table] = found - lowest

    def _finish_session(self) -> Steps[None]:
        self._check_content_is_whole()
        if self._session is None:
            return
        if self._is_new:
            if (yield from execute(transfer.DANGLING_MARK, {"session_id": self._session})).tuples:
                self._fail(
                    f"a message of session {self._session!r} was taken out by a compaction that is not in the file"
                )
            yield from execute(transfer.FINISH_SESSION, self._last)
            self._imported.append(self._session)
        else:
            (self._differing if self._differs else self._unchanged).append(self._session)
        if self._moves:
            self._moved[self._session] = self._moves
        self._session = None

    # -- what belongs to one

    def _take_row(self, part: Part, row: dict[str, Any]) -> Steps[None]:
        for column, table in part.ids.items():
            if type(row[column]) is int:
                row[column] += self._moves.get(table, 0)
        for column, table in part.id_arrays.items():
            if self._moves.get(table):
                row[column] = self._moved_array(row[column], self._moves[table])
        if not self._is_new:
            yield from self._look(part, row)
            return
        if part is CONTENTS:
            yield from self._begin_content(row)
            return
        try:
            added = yield from execute(part.insert, {"session_id": self._session, **row})
        except IntegrityError as error:
            if f"UNIQUE constraint failed: {part.table}.id" in error.message and part.is_numbered:
                assert self._session is not None
                if (self._session, part.table) not in self._taken:
                    raise IdTakenError(self._session, part.table) from error
            raise
        if not added.rows_affected:
            self._fail("it refers to a row that is not of its session")
        self._rows[part.table] += 1

    def _moved_array(self, text: object, move: int) -> str:
        try:
            ids = json.loads(text) if isinstance(text, str) else None
        except (ValueError, RecursionError):
            ids = None
        if not isinstance(ids, list):
            self._fail("it holds no JSON array of ids")
        return json.dumps([id + move if type(id) is int else id for id in ids])

    def _look(self, part: Part, row: dict[str, Any]) -> Steps[None]:
        """Compare a row of a session that is here with the one that has its key."""
        args: dict[str, Any] = {"session_id": self._session, "limit": 1}
        if part is CONTENTS:
            self._content = _Content(row["sha256"], row["size"], is_new=False)
            if not (yield from execute(attachments.GET_SIZE, {"sha256": row["sha256"]})).tuples:
                self._conflict(part, row, ())
            return
        *outer, inner = part.key or (None,)
        for name in outer:
            args[f"cursor_{name}"] = row[name]
        if inner is not None:
            if type(row[inner]) is not int:
                self._fail(f"{inner} is a number")
            args[f"cursor_{inner}"] = row[inner] - 1
        found = yield from execute(part.select, args)
        here = dict(zip(found.columns, found.tuples[0], strict=True)) if found.tuples else {}
        if any(here.get(name) != row[name] for name in part.key) or not here:
            self._conflict(part, row, ())
        else:
            self._compare(part, row, here)

    def _compare(self, part: Part, row: dict[str, Any], here: dict[str, Any]) -> None:
        columns = [name for name in part.columns if row[name] != here[name]]
        if columns:
            self._conflict(part, row, tuple(columns))

    def _conflict(self, part: Part, row: dict[str, Any], columns: tuple[str, ...]) -> None:
        if part is not AGENTS:
            self._differs = True
        self._conflict_count += 1
        if len(self._conflicts) < MOST_CONFLICTS:
            names = (
                ["id"]
                if isinstance(part, MemoryPart)
                else list(part.key) or ["id" if part is SESSIONS else "session_id"]
            )
            key = str(row["id"] if "id" in names else ", ".join(str(row[name]) for name in names))
            self._conflicts.append(Conflict(line=self._line, table=part.table, key=key, columns=columns))

    # -- contents

    def _begin_content(self, row: dict[str, Any]) -> Steps[None]:
        known = bool((yield from execute(attachments.GET_SIZE, {"sha256": row["sha256"]})).tuples)
        if not known:
            if not (yield from execute(CONTENTS.insert, {"session_id": self._session, **row})).rows_affected:
                self._fail("no attachment of its session has these bytes")
            self._rows[CONTENTS.table] += 1
        self._content = _Content(row["sha256"], row["size"], is_new=not known)

    def _take_piece(self, row: dict[str, Any]) -> Steps[None]:
        content = self._content
        if content is None or row.get("sha256") != content.sha256:
            self._fail("a piece stands apart from its content")
        try:
            data = yield from call(content.take, row)
        except (ValueError, TypeError, Base64Error) as error:
            self._fail(f"a piece of a content is damaged: {error}", error)
        if content.is_new:
            piece = {"sha256": content.sha256, "piece": row["piece"], "data": data}
            yield from execute(attachments.INSERT_PIECE, piece)
            self._rows[PIECES] += 1

    def _check_content_is_whole(self) -> None:
        content, self._content = self._content, None
        if content is not None and not content.is_whole:
            self._fail(f"before it, the bytes of the content {content.sha256} are not those that their SHA-256 says")

    def _fail(self, why: str, error: AgentDBError | Exception | None = None) -> NoReturn:
        raise ExportFileError(f"line {self._line}: {why}", code="bad_export_row", line=self._line) from error


class _Content:
    """The pieces of one content as they come."""

    def __init__(self, name: object, size: object, *, is_new: bool) -> None:
        self.sha256 = name
        self.is_new = is_new
        self._size = size
        self._seen = 0
        self._pieces = 0
        self._hasher = sha256()

    def take(self, row: dict[str, Any]) -> bytes:
        """The bytes of the next piece. Raises ValueError, TypeError."""
        from base64 import b64decode

        data = b64decode(row["data"], validate=True) if isinstance(row.get("data"), str) else b""
        left = self._size - self._seen if type(self._size) is int else 0
        if row.get("piece") != self._pieces or len(data) != min(PIECE_SIZE, left) or not data:
            raise ValueError("it has another number or length than is due")
        self._pieces += 1
        self._seen += len(data)
        self._hasher.update(data)
        return data

    @property
    def is_whole(self) -> bool:
        """Whether all bytes have come, and are those that the hash is of."""
        return self._seen == self._size and self._hasher.hexdigest() == self.sha256
