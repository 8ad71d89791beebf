"""The recorded statements of a down: text from a database, which somebody may have altered."""

from __future__ import annotations

from agentdb.engine.migration import check_statement
from agentdb.errors import InvalidMigrationError, MigrationError
from agentdb.sql.lexer import keyword, tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.engine.migration import Item

#: What reaches other files, stays set on the connection, or does nothing.
_REFUSED = frozenset(("ATTACH", "DETACH", "PRAGMA", "EXPLAIN"))


def checked(migration_id: str, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The items, where all are such as a migration may have, and none reaches beyond the database.

    Raises MigrationError `recorded_down_refused`.
    """
    found = []
    for position, item in enumerate(items, 1):
        try:
            item = check_statement(migration_id, "recorded down", position, item)
        except InvalidMigrationError as error:
            raise _refused(migration_id, position, error.message) from error
        if isinstance(item, str):
            word = keyword(item)
            if not word or word in _REFUSED or (word == "VACUUM" and any(t.is_word("INTO") for t in tokens(item))):
                what = "VACUUM INTO" if word == "VACUUM" else word or "no SQL"
                raise _refused(migration_id, position, f"statement {position} of it is {what}")
        elif not item.in_transaction:
            raise _refused(migration_id, position, f"statement {position} of it is a {type(item).__name__}")
        found.append(item)
    return tuple(found)


def _refused(migration_id: str, position: int, why: str) -> MigrationError:
    return MigrationError(
        f"the recorded down of migration {migration_id} was not run: {why}; nothing was rolled back",
        code="recorded_down_refused",
        migration_id=migration_id,
        statement_number=position,
    )
