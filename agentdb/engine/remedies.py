"""What to do next where the database has refused a statement of a migration: its rows are those of users."""

from __future__ import annotations

from agentdb.errors import IntegrityError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.errors import AgentDBError


def of_a_migration(error: AgentDBError, statement: str | None) -> str | None:
    """What to do next where an error speaks of rows that users have, or of a rebuild by hand: nobody can use another value."""
    if isinstance(error, IntegrityError) and statement is not None:
        from agentdb.sql.lexer import tokens

        words = [token.text.upper() for token in tokens(statement[:10_000]) if token.is_name]
        if words[:1] == ["CREATE"]:
            return (
                "Users have rows that are not unique. Merge or delete the duplicates in the migration, before it creates "
                "the index; or create it without UNIQUE."
            )
        if words[:1] == ["UPDATE"] or "SELECT" in words:
            return "Users have rows that violate this rule. Change them in the migration, before this statement."
    if "error in view" in error.message or "error in trigger" in error.message:
        return (
            "A view or a trigger names a table that is missing at this statement. Rebuild the table with RebuildTable, which "
            "keeps both. Or drop them before, and create them again at the end."
        )
    return None
