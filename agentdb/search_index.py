"""The full-text indexes of a database: made again from what the messages and memories say."""

from __future__ import annotations

from agentdb.migrations import get_migration
from agentdb.operations import Operations, W, atomic, execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.operations import Steps

#: The migrations that make the index of messages, and that of memories.
_MIGRATIONS = ("004", "012")


class SearchIndex(Operations[W]):
    """The full-text indexes over messages and memories. They hold no text of their own, so they can be made again."""

    @atomic
    def rebuild(self) -> Steps[None]:
        """Drop the indexes with their triggers, make them again, and fill them: after damage, or where raw SQL has dropped one.

        It reads every message and memory, and takes about as long as writing them did. Until it ends, others can read and
        not write.

        Raises StatementError where SQLite cannot drop what is there: a table of the index itself is gone or empty. Restore
        a backup then.
        """
        for id in _MIGRATIONS:
            migration = get_migration(id)
            for statement in migration.down:
                assert isinstance(statement, str)
                kind, what, name = statement.split(" ")
                yield from execute(f"{kind} {what} IF EXISTS {name}")
            for statement in migration.up:
                assert isinstance(statement, str)
                yield from execute(statement)
