"""What an export and an import report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentdb.stores.entity import Values

#: Conflicts that an import names; it counts all of them.
MOST_CONFLICTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport(Values):
    """What was exported. `rows`: how many of each table. `size`: bytes of the file. `path`: where it is, None where it has no
    path of its own. `data`: the bytes, where no place was given, else b""."""

    path: str | None
    size: int
    rows: Mapping[str, int]
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict(Values):
    """A row of the file that this database has otherwise, or not at all; it was left as it is.

    `line` of the file, `table`, `key` of the row there. `columns` are those that differ; empty: the row is not here.
    """

    line: int
    table: str
    key: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport(Values):
    """What an import did.

    `imported`: ids of the sessions that were added. `unchanged`: of those that are here already, just like that.
    `differing`: of those that are here already, but otherwise; nothing of them was changed. `rows`: how many rows of each
    table were added. `conflicts`: the first hundred rows that differ or are missing here; `conflict_count`: how many there
    are. `moved_ids`: {session id: {table: number}} where a table's ids were taken here; the number was added to each of
    them, see id_of(). `unlinked`: {id: columns} where a session or a memory refers to what is not here; the column is NULL.
    """

    imported: tuple[str, ...]
    unchanged: tuple[str, ...]
    differing: tuple[str, ...]
    rows: Mapping[str, int]
    conflicts: tuple[Conflict, ...]
    conflict_count: int
    moved_ids: Mapping[str, Mapping[str, int]]
    unlinked: Mapping[str, tuple[str, ...]]

    def id_of(self, session_id: str, table: str, id: int) -> int:
        """The id that a row of a session has here, by its id in the file: `report.id_of("s1", "messages", 17)`."""
        return id + self.moved_ids.get(session_id, {}).get(table, 0)
