"""What an up or a down can hold beside SQL text, as the engine sees it: RebuildTable, PythonStep, Backfill."""

from __future__ import annotations

from agentdb.errors import InvalidMigrationError
from agentdb.frozen import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any


class MigrationItem(Record):
    """Base of them."""

    #: True: it runs only inside the transaction of its migration. False: it makes transactions of its own.
    in_transaction = True
    #: Whether its migration runs without foreign keys.
    without_foreign_keys = False
    #: Whether nobody can tell what it does before it has run.
    is_opaque = False

    @property
    def form(self) -> dict[str, Any]:
        """What the tracking table records, as JSON."""
        raise NotImplementedError

    @property
    def canonical_json(self) -> str:
        """What is hashed."""
        raise NotImplementedError

    @property
    def changed_table(self) -> str | None:
        """The table that it changes. None where that cannot be told before it has run."""
        return None

    @property
    def renamed_columns(self) -> tuple[tuple[str, str], ...]:
        """(before, after), folded, of columns of that table."""
        return ()

    def fits(self, position: str) -> bool:
        """Whether a recorded position inside an item can be one of this item."""
        return False


def check_items(id: str, up: Sequence[Any], down: Sequence[Any], use_transaction: bool) -> bool:
    """Whether a migration that has such items uses a transaction. Raises InvalidMigrationError where they do not go together.

    use_transaction: what the migration says; a Backfill implies False.
    """
    inside = [item for item in _items(up, down) if item.in_transaction]
    outside = [item for item in _items(up, down) if not item.in_transaction]
    if any(not item.in_transaction for item in _items(down)):
        raise InvalidMigrationError(
            f"the down of migration {id} has a Backfill",
            migration_id=id,
            remedy="Write it as an UPDATE. A rollback is whole or not at all, so it cannot stop between two batches.",
        )
    if outside and inside:
        raise InvalidMigrationError(
            f"migration {id} has a Backfill, which makes transactions of its own, and a {type(inside[0]).__name__}, which "
            "runs inside one",
            migration_id=id,
            remedy="Put them into two migrations.",
        )
    opaque: list[Any] = [item for item in inside if item.is_opaque]
    if opaque and not use_transaction:
        raise InvalidMigrationError(
            f"migration {id} has a PythonStep, so it needs a transaction",
            migration_id=id,
            remedy="Give the step a migration of its own, without use_transaction=False. To change many rows outside one "
            "transaction, use Backfill.",
        )
    names: dict[str, None] = {}
    for item in opaque:
        if item.name in names:
            raise InvalidMigrationError(
                f"migration {id} has two Python steps {item.name!r}",
                migration_id=id,
                remedy="Give each step of a migration its own name.",
            )
        names[item.name] = None
    return use_transaction and not outside


def _items(*parts: Iterable[Any]) -> list[MigrationItem | Any]:
    return [item for part in parts for item in part if type(item) is not str]
