"""A hash of the schema, recorded at the end of each run: the next run tells where somebody has changed the schema between.

Nothing of this runs at a start with nothing pending.
"""

from __future__ import annotations

from agentdb.engine.audit.state import PREFIX
from agentdb.engine.canonical_text import escaped, fingerprint
from agentdb.engine.events import SchemaChanged
from agentdb.errors import AgentDBError
from agentdb.logs import WARNING, log
from agentdb.operations import atomically, emit, execute
from agentdb.sql.statement_tables import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.operations import Steps

_COLUMN = "schema_fingerprint"
_TRACKING = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND sql LIKE '%in_progress%' "
    f"AND sql LIKE '%{_COLUMN} TEXT%' ORDER BY name"
)
_OBJECTS = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' ESCAPE '~' "
    f"AND NOT (type = 'trigger' AND name GLOB '{PREFIX}*') ORDER BY type, name"
)
#: The row of the newest migration. A run that was killed has left it without a hash.
_NEWEST = "SELECT id, {column} FROM {table} ORDER BY applied_at DESC, length(id) DESC, id DESC LIMIT 1"


def _current(tables: list[str]) -> Steps[str]:
    rows = (yield from execute(_OBJECTS)).tuples
    texts = [f"{kind} {name} {sql}" for kind, name, table, sql in rows if table not in tables]
    return "v1:" + fingerprint("\n".join(map(escaped, texts)))


def record() -> Steps[None]:
    """Put the hash beside the newest migration of every set in the file. What fails is not worth a failed run."""
    try:
        yield from atomically(_record())
    except AgentDBError as error:
        log(WARNING, "the fingerprint of the schema was not recorded", error=error)


def _record() -> Steps[None]:
    tables = [name for (name,) in (yield from execute(_TRACKING)).tuples]
    if not tables:
        return
    current = yield from _current(tables)
    for table in tables:
        newest = (yield from execute(_NEWEST.format(column=_COLUMN, table=quoted(table)))).tuples
        if newest and newest[0][1] != current:
            yield from execute(f"UPDATE {quoted(table)} SET {_COLUMN} = ? WHERE id = ?", (current, newest[0][0]))


def check() -> Steps[None]:
    """Tell where the schema is not that of the last run. Silent where that is not known."""
    tables = [name for (name,) in (yield from execute(_TRACKING)).tuples]
    known = set()
    for table in tables:
        newest = (yield from execute(_NEWEST.format(column=_COLUMN, table=quoted(table)))).tuples
        known |= {hash for _, hash in newest}
    if len(known) == 1 and None not in known and known != {(yield from _current(tables))}:
        log(WARNING, "the schema is not what the last run has left; `agentdb check` shows what differs")
        yield from emit(SchemaChanged())
