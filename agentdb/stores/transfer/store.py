"""Exports and imports of whole sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdb.clients.location import MEMORY
from agentdb.errors import ExportFileError, IntegrityError
from agentdb.operations import Operations, W, operation
from agentdb.operations.requests import atomically, backup, call
from agentdb.stores.fields import BOOLEAN
from agentdb.stores.scope import scope_of
from agentdb.stores.transfer.export import Export
from agentdb.stores.transfer.importing import IdTakenError, Import
from agentdb.stores.transfer.reader import ExportReader, ImportSource
from agentdb.stores.transfer.sink import Place, Sink, SnapshotTask
from agentdb.stores.transfer.values import ExportReport, ImportReport

if TYPE_CHECKING:
    from agentdb.operations import Steps


class TransferStore(Operations[W]):
    """What db.export() and db.import_() do."""

    @operation
    def export(
        self,
        session_id: str | None = None,
        to: Place | None = None,
        *,
        user_id: str | None = None,
        include_deleted: bool = False,
    ) -> Steps[ExportReport]:
        """As AgentDB.export()."""
        scope = scope_of(session_id, user_id)
        with_deleted = bool(BOOLEAN.encode("include_deleted", include_deleted))
        sink = Sink(to)
        export = Export(scope, with_deleted, sink.write)
        yield from export.check()  # by the client itself, which refuses the owner of an open transaction
        try:
            yield from call(sink.open)
            if getattr(self._target, "path", MEMORY) == MEMORY or getattr(self._target, "is_remote", False):
                yield from atomically(export.steps())
            else:
                yield from backup(SnapshotTask(export.steps))
            data = yield from call(sink.keep)
        finally:
            sink.discard()
        return ExportReport(path=sink.path, size=export.lines.size, rows=dict(export.lines.rows), data=data)

    @operation
    def import_(self, source: ImportSource) -> Steps[ImportReport]:
        """As AgentDB.import_()."""
        reader = ExportReader(source)
        taken: set[tuple[str, str]] = set()
        try:
            yield from call(reader.start)
            while True:
                try:
                    return (yield from atomically(Import(reader, taken).steps()))
                except IdTakenError as error:
                    taken.add((error.session_id, error.table))
                    yield from call(reader.rewind)
        except IntegrityError as error:
            if error.code != "foreign_key":
                raise
            raise ExportFileError(
                "a row of the export refers to one that is neither in it nor in this database", code="bad_export_row"
            ) from error
        finally:
            reader.close()
