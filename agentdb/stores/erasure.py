"""Erasing a session: its rows, what the indexes have of them, freed pages, and the write-ahead log."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from agentdb.clients.location import MEMORY
from agentdb.engine.backup.copies import copies_with
from agentdb.errors import AgentDBError, BusyError, StatementError, StorageError
from agentdb.operations import Operations, W, execute, operation
from agentdb.operations.requests import atomically, call, renew
from agentdb.queries import erasure, memories, memory_transfer, sessions
from agentdb.stores.entity import Values
from agentdb.stores.fields import BOOLEAN
from agentdb.stores.scope import scope_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.operations import Steps


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseReport(Values):
    """What was erased, and what still holds it.

    `session_ids`: the sessions that were there. `rows`: how many of each table. `remains`: sentences that say what in the
    database's files may still hold it, and what to call for that; empty: no byte of the file, its -wal and its -shm does.
    `backups`: paths of copies that still hold it, in the folders that are known; agentdb removes none of them. `forks`: ids
    of the sessions that were forked from it, and have copies of its messages.
    """

    session_ids: tuple[str, ...]
    rows: Mapping[str, int]
    remains: tuple[str, ...]
    backups: tuple[str, ...]
    forks: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing of it is in the database's own files any more."""
        return not self.remains


class ErasureStore(Operations[W]):
    """What db.erase() does."""

    def __init__(self, target: Any, *, backups: Sequence[tuple[str, str]] = ()) -> None:
        """backups: folders, beside the usual one, in which a tracking table has backups of its upgrades."""
        super().__init__(target)
        self._backups = backups

    @operation
    def erase(
        self, session_id: str | None = None, *, user_id: str | None = None, forks: bool = False, vacuum: bool = True
    ) -> Steps[EraseReport]:
        """As AgentDB.erase()."""
        scope = scope_of(session_id, user_id)
        with_forks: bool = bool(BOOLEAN.encode("forks", forks))
        with_vacuum = bool(BOOLEAN.encode("vacuum", vacuum))
        is_remote = bool(getattr(self._target, "is_remote", False))
        erased: _Erasure = _Erasure(scope, with_forks, is_remote)
        is_file = getattr(self._target, "path", MEMORY) != MEMORY and not is_remote
        try:
            yield from atomically(erased.steps())
        except AgentDBError:
            yield from renew()
            raise
        yield from renew()  # the connection that deleted has another setting than the client's
        if is_file:
            yield from self._clean(erased, vacuum=with_vacuum)
        elif is_remote:
            erased.remains.append(
                "The rows are gone. Freed space of the server's files, its log and its replicas may hold what was in them."
            )
        backups: list[str] = []
        if is_file:
            backups = yield from call(copies_with, self._target.path, self._backups, erased.names)
        return EraseReport(
            session_ids=tuple(erased.session_ids),
            rows=dict(erased.rows),
            remains=tuple(erased.remains),
            backups=tuple(backups),
            forks=() if with_forks else tuple(erased.forks),
        )

    def _clean(self, erased: _Erasure, *, vacuum: bool) -> Steps[None]:
        """Freed space from before, the journal and the -wal file."""
        again = f"Call db.erase({erased.call}) again when no other program uses the database."
        if not vacuum:
            erased.remains.append(
                "Freed space of the file was not rewritten. It may hold what was changed or deleted before, where "
                f"secure_delete was not 'on' then. Call db.erase({erased.call}) without vacuum=False for that."
            )
        else:
            try:
                yield from execute(erasure.VACUUM)
            except (BusyError, StorageError) as error:
                erased.remains.append(
                    f"The file could not be rewritten, so its freed space is as it was: {error.message}. {again}"
                )
        if not (yield from self._remove_journal()):
            erased.remains.append(
                f"The -journal file beside the database could not be removed, and may hold it. {again}"
            )
        deadline = monotonic() + self._target.settings.busy_timeout
        while (yield from execute(erasure.CHECKPOINT)).tuples[0][0]:
            if monotonic() >= deadline:
                erased.remains.append(
                    "The -wal file could not be moved into the file and emptied: a reader is in the way. Both may hold it "
                    f"until then. {again}"
                )
                return

    def _remove_journal(self) -> Steps[bool]:
        """A rollback journal that is kept between transactions has the pages as they were. Whether there is none."""
        journal = f"{self._target.path}-journal"
        if (yield from call(_size, journal)):
            for statement in (erasure.KEEP_JOURNAL, erasure.REMOVE_JOURNAL):  # only this pair has SQLite remove it
                yield from execute(statement)
            yield from renew()
        return not (yield from call(_size, journal))


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


class _Erasure:
    """The rows of one erasure, inside one transaction."""

    def __init__(self, scope: dict[str, str], with_forks: bool, is_remote: bool) -> None:
        self._is_remote = is_remote
        self._scope = scope
        self._with_forks = with_forks
        #: What copies that hold it are found by.
        self.names = list(scope.values())
        self.session_ids: list[str] = []
        self.rows: Counter[str] = Counter()
        self.remains: list[str] = []
        self.forks: list[str] = []

    def steps(self) -> Steps[None]:
        # Whatever the client's own setting is. Inside the transaction, so that it is of the connection that deletes.
        if not self._is_remote:  # a server does not let a client set this
            yield from execute(erasure.OVERWRITE_FREED)
        before = (yield from execute(erasure.CONTENT_COUNTS)).rows[0].asdict()
        ids = yield from self._sessions()
        if "user_id" in self._scope:
            yield from self._memories()
        for id in ids:
            counts = (yield from execute(erasure.COUNTS, {"session_id": id})).rows[0].asdict()
            if counts["sessions"]:
                self.session_ids.append(id)
                self.rows.update({table: count for table, count in counts.items() if count})
                yield from execute(sessions.DELETE, {"id": id})
            # Also of one that is gone: its history may be there still.
            forgotten = (yield from execute(erasure.FORGET_HISTORY, {"session_id": id})).rows_affected
            if forgotten:
                self.rows["audit_log"] += forgotten
        after = (yield from execute(erasure.CONTENT_COUNTS)).rows[0].asdict()
        self.rows.update({table: before[table] - after[table] for table in before if before[table] > after[table]})
        yield from self._merge_indexes()

    def _sessions(self) -> Steps[list[str]]:
        """The sessions to erase; those that were forked from them are noted."""
        ids = [self._scope["session_id"]] if "session_id" in self._scope else []
        if not ids:
            ids = [row[0] for row in (yield from execute(memory_transfer.SESSIONS, self._scope)).tuples]
        for id in ids:
            forks = yield from execute(erasure.FORKS, {"session_id": id})
            self.forks += [fork for (fork,) in forks.tuples if fork not in ids and fork not in self.forks]
        ids += self.forks if self._with_forks else ()
        self.names = list(dict.fromkeys([*self.names, *ids]))
        return ids

    def _memories(self) -> Steps[None]:
        counts = (yield from execute(memory_transfer.COUNTS, self._scope)).rows[0].asdict()
        self.rows.update({table: count for table, count in counts.items() if count})
        yield from execute(memories.FORGET_USER, self._scope)
        forgotten = (yield from execute(memory_transfer.FORGET_HISTORY, self._scope)).rows_affected
        if forgotten:
            self.rows["audit_log"] += forgotten

    @property
    def call(self) -> str:
        """The arguments of the call, as its caller writes them."""
        [(name, value)] = self._scope.items()
        return repr(value) if name == "session_id" else f"{name}={value!r}"

    def _merge_indexes(self) -> Steps[None]:
        """A full-text index keeps sequences of characters of deleted rows until its pieces are merged."""
        for (name,) in (yield from execute(erasure.SEARCH_INDEXES)).tuples:
            quoted = '"' + name.replace('"', '""') + '"'
            try:
                yield from execute(f"INSERT INTO {quoted} ({quoted}) VALUES ('optimize')")
            except StatementError as error:  # a tokenizer of the host that is not loaded here
                self.remains.append(
                    f"The full-text index {name} could not be merged, and may hold pieces of words: {error.message}. Open "
                    "the database as the application that made the index does, and erase again."
                )
