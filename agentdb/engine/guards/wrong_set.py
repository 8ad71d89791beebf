"""A set of migrations on the tracking table of another one. Looked for only where the two do not fit."""

from __future__ import annotations

from agentdb.engine.history import History
from agentdb.engine.history_row import Row
from agentdb.engine.migration import MANUAL
from agentdb.engine.planner import recorded_number
from agentdb.errors import AgentDBError, MigrationError
from agentdb.operations import execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.engine.migration import Migration
    from agentdb.operations import Steps

_TRACKING_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%' "
    "AND sql LIKE '%applied_at TEXT%' AND sql LIKE '%in_progress TEXT%' ORDER BY name"
)


def check_set(history: History, registered: Sequence[Migration], rows: Sequence[Row] | None = None) -> Steps[None]:
    """Raises MigrationError `wrong_migration_set` where the tracking table has migrations and none of these; or where it is
    missing, and another table has these. rows: of the tracking table, whole, where they are read already."""
    if not registered:
        return
    if rows is None:
        rows = yield from history.read()
    if rows and _has_in_common(rows, registered):
        return
    names = [name for (name,) in (yield from execute(_TRACKING_TABLES)).tuples]
    others = [name for name in names if name.lower() != history.table.lower()]
    holding = []
    for name in others:
        try:
            if _has_texts_of((yield from History(name).read()), registered):
                holding.append(name)
        except AgentDBError:  # it only looks like one
            continue
    if not rows and not holding:
        return
    what = "none of these migrations" if rows else "nothing of these migrations yet"
    there = f"they are recorded in {_listed(holding)}" if holding else f"the tracking tables there are {_listed(names)}"
    raise MigrationError(
        f"the table {history.table!r} has {what}; {there}; nothing was run", code="wrong_migration_set"
    )


def _has_in_common(rows: Sequence[Row], registered: Sequence[Migration]) -> bool:
    """Whether one is the same by its number, and by its text or at least by its description."""
    known = {migration.number: migration for migration in registered}
    for row in rows:
        if row.checksum == MANUAL:
            return True  # somebody has put it there by hand
        try:
            migration = known.get(recorded_number(row))
        except MigrationError:  # it is told elsewhere
            continue
        if migration is not None and (migration.is_of(row.checksum) or row.description == migration.description):
            return True
    return False


def _has_texts_of(rows: Sequence[Row], registered: Sequence[Migration]) -> bool:
    """Whether one is the very same: two sets may both begin with a 001 of the same description."""
    texts = {migration.checksum for migration in registered}
    return any(row.checksum in texts for row in rows)


def _listed(names: Sequence[str]) -> str:
    return ", ".join([repr(name) for name in names[:20]])
