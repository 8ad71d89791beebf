"""One start of several sets of migrations."""

from __future__ import annotations

from agentdb.engine.upgrade import upgrade
from agentdb.errors import InvalidArgumentError
from agentdb.operations import Operations, W, operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.engine.migrator import MigratorOperations
    from agentdb.engine.results import MigrationResult
    from agentdb.operations import Steps


class JointMigrator(Operations[W]):
    """Several migrators of one client: one plan, one backup from before all, one error that says how far it came."""

    def __init__(self, migrators: Sequence[MigratorOperations[W]]) -> None:
        """The first one's backup and events are those of all.

        Raises InvalidArgumentError where two work on one tracking table.
        """
        self._migrators: tuple[MigratorOperations[W], ...] = tuple(migrators)
        first = self._migrators[0]
        self._bind(first._target, first._on_event)
        tables = [migrator.table.lower() for migrator in self._migrators]
        for table in tables:
            if tables.count(table) > 1:
                raise InvalidArgumentError(
                    f"two sets of migrations have the tracking table {table!r}",
                    remedy="Give each a table of its own: MigrationSet(…, table=…), or TABLE in the module.",
                )

    @operation
    def migrate(
        self, dry_run: bool = False, use_transaction: bool = True, validate_checksums: bool = True
    ) -> Steps[list[MigrationResult]]:
        """Apply what is pending of each, in their order. Arguments and errors as in Migrator.migrate()."""
        first = self._migrators[0]
        sets = [migrator.of_this_database() for migrator in self._migrators]
        if dry_run:
            for one in sets:
                yield from one.survey(limit=None, target=None, checksums=validate_checksums)
            from agentdb.engine.preview import previews

            return (yield from previews([(migration, migration.up) for one in sets for migration in one.plan]))
        return (
            yield from upgrade(
                sets,
                use_transaction=use_transaction,
                checksums=validate_checksums,
                backup=first.backup_rules,
                told=self._on_event is not None,
            )
        )
