"""What migrations would run, as SQL: for a dry run and for scripts.

The statements of a RebuildTable depend on the schema, which an earlier migration of the same run may change. So the
schema, without rows, is built in memory, and the migrations' definitions are run there.
"""

from __future__ import annotations

from agentdb.engine.results import MigrationResult
from agentdb.errors import AgentDBError
from agentdb.operations.requests import atomically, execute
from agentdb.operations.runners import run
from agentdb.sql.statement_tables import Statement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from agentdb.clients.base import ResultSet
    from agentdb.engine.migration import Item, Migration
    from agentdb.operations.requests import Steps

#: What another database needs to have the same schema; FTS and R-tree make their own tables again.
_SCHEMA = (
    "SELECT m.sql FROM sqlite_master m LEFT JOIN pragma_table_list t ON t.schema = 'main' AND t.name = m.name "
    "WHERE m.sql IS NOT NULL AND m.name NOT LIKE 'sqlite~_%' ESCAPE '~' AND coalesce(t.type, '') <> 'shadow' "
    "ORDER BY m.type <> 'table', m.rowid"
)
_IS_ANALYZED = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'"
_DEFINITIONS = ("CREATE", "ALTER", "DROP", "ANALYZE")


def previews(runs: Sequence[tuple[Migration, tuple[Item, ...]]]) -> Steps[list[MigrationResult]]:
    """What a dry run of these ups or downs returns."""
    statements = yield from expanded([items for _, items in runs])
    return [
        MigrationResult(migration, True, dry_run=True, statements=sql)
        for (migration, _), sql in zip(runs, statements, strict=True)
    ]


def expanded(runs: Sequence[Sequence[Item]]) -> Steps[list[tuple[str, ...]]]:
    """The statements of several ups or downs that would run one after the other on this database."""
    if all(isinstance(item, str) for items in runs for item in items):
        return [tuple(map(str, items)) for items in runs]
    schema = [sql for (sql,) in (yield from execute(_SCHEMA)).tuples]
    if (yield from execute(_IS_ANALYZED)).tuples:
        schema.append("ANALYZE")  # finds nothing, and makes the tables for it
    return _on_a_twin(schema, runs)


def _on_a_twin(schema: Iterable[str], runs: Sequence[Sequence[Item]]) -> list[tuple[str, ...]]:
    from agentdb.clients import create_client_sync

    with create_client_sync(":memory:") as twin:
        for sql in schema:
            _try(twin, sql)
        return [tuple([sql for item in items for sql in _statements(twin, item)]) for items in runs]


def _try(twin: Any, sql: str) -> None:
    try:
        twin.execute(sql)
    except AgentDBError:
        pass  # a module that is not loaded here, a row that it lacks: the rebuild will tell if it needed that


def _statements(twin: Any, item: Item) -> list[str]:
    if isinstance(item, str):
        if Statement(item).verb.startswith(_DEFINITIONS):
            _try(twin, item)
        return [item]
    from agentdb.engine.rebuild.specification import RebuildTable

    if not isinstance(item, RebuildTable):
        return [str(item)]
    from agentdb.engine.rebuild.execution import rebuild

    ran: list[str] = []

    def change(sql: str) -> Steps[ResultSet]:
        result = yield from execute(sql)
        ran.append(sql)
        return result

    try:
        run(twin, atomically(rebuild(item, change), foreign_keys=False))
    except AgentDBError:
        return [str(item)]
    return ran
