"""The built-in migrations, in the order in which they are applied. They alone define the schema."""

from __future__ import annotations

from agentdb.engine.migration import number_of
from agentdb.errors import InvalidArgumentError, NotFoundError
from agentdb.migrations.m001_agents import MIGRATION as _AGENTS
from agentdb.migrations.m002_sessions import MIGRATION as _SESSIONS
from agentdb.migrations.m003_messages import MIGRATION as _MESSAGES
from agentdb.migrations.m004_message_search import MIGRATION as _MESSAGE_SEARCH
from agentdb.migrations.m005_agent_contexts import MIGRATION as _AGENT_CONTEXTS
from agentdb.migrations.m006_compaction import MIGRATION as _COMPACTION
from agentdb.migrations.m007_session_events import MIGRATION as _SESSION_EVENTS
from agentdb.migrations.m008_metrics import MIGRATION as _METRICS
from agentdb.migrations.m009_agent_versions import MIGRATION as _AGENT_VERSIONS
from agentdb.migrations.m010_module_states import MIGRATION as _MODULE_STATES
from agentdb.migrations.m011_memories import MIGRATION as _MEMORIES
from agentdb.migrations.m012_memory_search import MIGRATION as _MEMORY_SEARCH
from agentdb.migrations.m013_memory_vectors import MIGRATION as _MEMORY_VECTORS
from agentdb.migrations.m014_audit import MIGRATION as _AUDIT
from agentdb.migrations.m015_attachments import MIGRATION as _ATTACHMENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.engine.migration import Migration

__all__ = ["MIGRATIONS", "get_migration", "latest_migration_id", "migrations_after", "migrations_up_to"]

MIGRATIONS: tuple[Migration, ...] = (
    _AGENTS,
    _SESSIONS,
    _MESSAGES,
    _MESSAGE_SEARCH,
    _AGENT_CONTEXTS,
    _COMPACTION,
    _SESSION_EVENTS,
    _METRICS,
    _AGENT_VERSIONS,
    _MODULE_STATES,
    _MEMORIES,
    _MEMORY_SEARCH,
    _MEMORY_VECTORS,
    _AUDIT,
    _ATTACHMENTS,
)


def get_migration(id: str) -> Migration:
    """The migration with this id; '1' is '001'.

    Raises NotFoundError if no migration has it, InvalidArgumentError if it is not a text of digits.
    """
    position = _position(id)
    if position is None:
        raise NotFoundError(f"There is no built-in migration {id!r}.", remedy=f"The ids are {_ids()}.")
    return MIGRATIONS[position]


def migrations_up_to(id: str) -> tuple[Migration, ...]:
    """The migrations from the first one to this one, included. Raises InvalidArgumentError for an unknown id."""
    return MIGRATIONS[: _known_position(id) + 1]


def migrations_after(id: str) -> tuple[Migration, ...]:
    """The migrations that follow this one. Raises InvalidArgumentError for an unknown id."""
    return MIGRATIONS[_known_position(id) + 1 :]


def latest_migration_id() -> str:
    """The id of the newest migration."""
    return MIGRATIONS[-1].id


def _known_position(id: str) -> int:
    position = _position(id)
    if position is None:
        raise InvalidArgumentError(f"There is no built-in migration {id!r}.", remedy=f"The ids are {_ids()}.")
    return position


def _position(id: str) -> int | None:
    number = number_of(id)
    for position, migration in enumerate(MIGRATIONS):
        if migration.number == number:
            return position
    return None


def _ids() -> str:
    return ", ".join(migration.id for migration in MIGRATIONS)
