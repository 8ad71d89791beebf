"""The audit trail of a database: switched on and off, read, and asked how rows were."""

from __future__ import annotations

from datetime import datetime
from json import loads
from typing import TYPE_CHECKING, Any

from agentdb.engine.audit import triggers
from agentdb.engine.audit.table import candidates, find
from agentdb.engine.audit.upkeep import write_gone, write_rows
from agentdb.errors import FieldError, InvalidArgumentError, NotFoundError, UnreadableRowError
from agentdb.operations import Operations, W, atomic, batch, execute, operation
from agentdb.queries import audit
from agentdb.sql.statement_tables import folded, quoted
from agentdb.stores.audit import replay
from agentdb.stores.audit.values import AUDIT_ENTRY, AuditEntry, AuditStatus, Key, key_json, key_values, native
from agentdb.stores.fields import BOOLEAN, ID, TIME
from agentdb.stores.pages import BEYOND_INTEGERS, BY_ID, Page, page
from agentdb.stores.pages import Key as PageKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.engine.audit.table import AuditedTable
    from agentdb.operations import Steps

_BY_CHANGE = PageKey(("changed_at", "id"), ("cursor_time", "cursor_id"), ("", 0), ("\U0010ffff", BEYOND_INTEGERS))


class AuditStore(Operations[W]):
    """Who changed which row of the audited tables, when, and what it was before. Off until enable() is called."""

    @atomic
    def enable(self, tables: Sequence[str] | None = None, *, existing: bool = True) -> Steps[list[str]]:
        """Audit these tables from now on, beside those that are audited already; returns the names of all of them.

        tables: their names; None: every table that can be audited. existing: write an entry `insert` for each row that is
        there, so that the log alone leads to the rows; False leaves these out, which is quicker in a large database.

        Raises NotFoundError for a table that is not there, InvalidArgumentError `not_auditable`, FieldError.
        """
        names = _names(tables)
        BOOLEAN.encode("existing", existing)
        known = [name for name, _ in (yield from execute(audit.TABLES)).tuples]
        for name in (yield from candidates()) if names is None else names:
            table = yield from find(name)
            if table.name in known and (yield from triggers.are_current(table)):
                continue
            if existing:
                yield from write_gone(table)
                yield from write_rows(table)
            yield from execute(audit.CLEAR_REPLACED, {"table_name": table.name})
            yield from triggers.make(table)
            yield from execute(audit.ADD_TABLE, {"table_name": table.name})
        return [name for name, _ in (yield from execute(audit.TABLES)).tuples]

    @atomic
    def disable(self, tables: Sequence[str] | None = None) -> Steps[list[str]]:
        """Audit these tables no longer, or None of them all; returns the names of those that still are. The entries stay.

        Raises NotFoundError `not_audited` for a table that is not audited, FieldError.
        """
        names = _names(tables)
        known = {folded(name): name for name, _ in (yield from execute(audit.TABLES)).tuples}
        for name in list(known.values()) if names is None else names:
            if folded(name) not in known:
                raise NotFoundError(f"the table {name} is not audited", code="not_audited")
            name = known[folded(name)]
            yield from triggers.drop(name)
            yield from execute(audit.REMOVE_TABLE, {"table_name": name})
            yield from execute(audit.CLEAR_REPLACED, {"table_name": name})
        return [name for name, _ in (yield from execute(audit.TABLES)).tuples]

    @operation
    def status(self) -> Steps[list[AuditStatus]]:
        """The tables that are audited, by name."""
        found = []
        for name, since in (yield from execute(audit.TABLES)).tuples:
            try:
                is_current = yield from triggers.are_current((yield from find(name)))
            except (NotFoundError, InvalidArgumentError):
                is_current = False
            found.append(AuditStatus(table_name=name, known_since=datetime.fromisoformat(since), is_current=is_current))
        return found

    @operation
    def history(self, table: str, key: Key, *, limit: int = 50, cursor: str | None = None) -> Steps[Page[AuditEntry]]:
        """What was done to a row, newest first: a page of at most `limit`, after the page that gave `cursor`.

        key: the value of its primary key, or a tuple with those of a key of several columns.
        """
        args = {"table_name": ID.encode("table", table), "row_key_json": key_json(key_values(key))}
        return (yield from page(AUDIT_ENTRY, audit.HISTORY, args, limit=limit, cursor=cursor, key=BY_ID))

    @operation
    def since(
        self, time: datetime, *, table: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Steps[Page[AuditEntry]]:
        """What was done from a time on, in all tables or in one, oldest first: a page of at most `limit`."""
        args = {
            "since": TIME.encode("time", time),
            "table_name": None if table is None else ID.encode("table", table),
        }
        return (
            yield from page(
                AUDIT_ENTRY, audit.SINCE, args, limit=limit, cursor=cursor, oldest_first=True, key=_BY_CHANGE
            )
        )

    @operation
    def row_at(self, table: str, key: Key, time: datetime) -> Steps[dict[str, Any] | None]:
        """A row as it was at a time: its columns and their values, or None where there was no such row then.

        Raises NotFoundError `not_audited` where that is not known, FieldError.
        """
        values = key_values(key)
        at = TIME.encode("time", time)
        shape = yield from _known(ID.encode("table", table), at)
        if len(values) != len(shape.key):
            why = f"has {len(values)} values, and the key of {shape.name} has {len(shape.key)}"
            raise FieldError.of("key", key, why, code="wrong_type")
        wanted = key_json(values)
        place = quoted(shape.name)
        matches = " AND ".join([f"{shape.column(place, name)} IS ?" for name in shape.key])
        found, undone = yield from batch(
            [
                (f"{_select(shape)} WHERE {matches}", values),
                (audit.UNDO_ROW, {"table_name": shape.name, "row_key_json": wanted, "changed_at": at}),
            ]
        )
        rows = {key: row for key, row in _read(shape, found.tuples).items() if key == replay.key_of(loads(wanted))}
        rows = replay.undo(rows, AUDIT_ENTRY.decode(undone))
        return next((native(row) for row in rows.values()), None)

    @operation
    def table_at(self, table: str, time: datetime) -> Steps[list[dict[str, Any]]]:
        """All rows of a table as they were at a time, in the order of their keys as JSON.

        Raises NotFoundError `not_audited` where that is not known, FieldError.
        """
        at = TIME.encode("time", time)
        shape = yield from _known(ID.encode("table", table), at)
        found, undone = yield from batch(
            [(_select(shape), ()), (audit.UNDO_TABLE, {"table_name": shape.name, "changed_at": at})]
        )
        rows = replay.undo(_read(shape, found.tuples), AUDIT_ENTRY.decode(undone))
        return [native(rows[key]) for key in sorted(rows)]

    @atomic
    def prune(self, before: datetime) -> Steps[int]:
        """Remove the entries from before a time; returns how many. Rows of earlier times are not known any more."""
        at = TIME.encode("before", before)
        removed = yield from execute(audit.PRUNE, {"before": at})
        yield from execute(audit.KNOWN_SINCE, {"before": at})
        yield from execute(audit.CLEAR_ALL_REPLACED)
        return removed.rows_affected


def _names(tables: object) -> list[str] | None:
    if tables is None:
        return None
    if not isinstance(tables, (list, tuple)):
        raise FieldError.of("tables", tables, f"is a list of names, not {type(tables).__name__}", code="wrong_type")
    return [ID.encode("tables", name) for name in tables]


def _known(name: str, time: str) -> Steps[AuditedTable]:
    """A table whose rows at this time are known. Raises NotFoundError."""
    known = {folded(name): since for name, since in (yield from execute(audit.TABLES)).tuples}
    since = known.get(folded(name))
    if since is None:
        raise NotFoundError(f"the table {name} is not audited", code="not_audited")
    table = yield from find(name)
    if not (yield from triggers.are_current(table)):
        raise NotFoundError(
            f"raw SQL has changed the table {table.name} or its triggers since they were made",
            code="not_audited",
            remedy="Call audit.enable() for it again. Its rows are known from then on.",
        )
    if time < since:
        raise NotFoundError(f"the rows of {table.name} are known from {since} on, not at {time}", code="not_audited")
    return table


def _select(table: AuditedTable) -> str:
    # As bytes: sqlite3 raises for a whole result where one text in it is not UTF-8.
    place = quoted(table.name)
    return f"SELECT CAST({table.key_json(place)} AS BLOB), CAST({table.row_json(place)} AS BLOB) FROM {place}"


def _read(table: AuditedTable, rows: list[tuple[bytes, bytes]]) -> replay.Rows:
    read: replay.Rows = {}
    for key, row in rows:
        try:
            read[replay.key_of(loads(key.decode()))] = loads(row.decode())
        except ValueError as error:
            shown = key.decode("utf-8", "replace")
            raise UnreadableRowError(table.name, shown, "?", "its text is not UTF-8") from error
    return read
