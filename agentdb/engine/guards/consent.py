"""What a migration agrees to lose: what it names, and what its statements drop or change by name."""

from __future__ import annotations

from agentdb.engine.guards.losses import consent_of
from agentdb.engine.guards.references import drops
from agentdb.engine.guards.taken_names import created
from agentdb.engine.history_row import UP
from agentdb.sql.statement_tables import folded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agentdb.engine.migration import Item, Migration


def consented(direction: str, migration: Migration, items: Iterable[Item]) -> Iterable[str]:
    """What it may lose: what it says when it is applied, and what its down names when it is rolled back."""
    return migration.allows_loss if direction == UP else consent_of(items)


def dropped(items: Sequence[Item], *, is_outside: bool) -> Iterable[str]:
    """The tables that an up drops by name. Outside a transaction, where each statement is looked at alone, not those
    whose name another statement of it gives to something that it creates."""
    named = drops(items).values()
    if not is_outside:
        return named
    made = [created(item) for item in items if isinstance(item, str)]
    living = {folded(one[0]) for one in made if one is not None}
    return [name for name in named if folded(name) not in living]
