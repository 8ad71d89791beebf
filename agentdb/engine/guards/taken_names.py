"""Tables that migrations would create, and that the file has already: of others, so it is said before anything is run."""

from __future__ import annotations

from agentdb.engine.history_row import Row
from agentdb.errors import MigrationError
from agentdb.operations.requests import execute
from agentdb.sql.lexer import tokens
from agentdb.sql.statement_tables import Statement, folded, name_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.engine.history_row import Key
    from agentdb.engine.migration import Migration
    from agentdb.operations.requests import Steps

_NAMES = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"


def taken(plan: Sequence[Migration], applied: Sequence[Key]) -> Steps[list[tuple[str, Migration]]]:
    """The tables of the file that a plan would create, and by which migration. Not those that it drops or renames itself,
    nor those of a migration that was begun: it may have made them."""
    there = {folded(name): name for (name,) in (yield from execute(_NAMES)).tuples}
    if not there:
        return []
    begun = {row.id.lstrip("0") for row in map(Row, applied) if row.in_progress is not None}
    found: list[tuple[str, Migration]] = []
    for migration in plan:
        if migration.id.lstrip("0") in begun:
            continue
        for item in migration.up:
            if not isinstance(item, str):
                continue
            made = created(item)
            if made is not None:
                if made[1] and folded(made[0]) in there:
                    found.append((there.pop(folded(made[0])), migration))
            elif "drop" in item.lower() or "rename" in item.lower():
                statement = Statement(item)
                if statement.verb in ("DROP", "DROP TABLE") or statement.renamed_table is not None:
                    for token in tokens(item):
                        there.pop(folded(token.text), None)
    return found


def name_taken(found: Sequence[tuple[str, Migration]]) -> MigrationError:
    """The error that names them all."""
    told = ", ".join([f"{name!r} (migration {migration.label})" for name, migration in found])
    return MigrationError(
        f"the file has tables already that pending migrations would create: {told}; nothing was run",
        code="name_taken",
        migration=found[0][1],
    )


def created(sql: str) -> tuple[str, bool] | None:
    """The name of the table or view that a statement creates, and whether it must not be there. None where it creates
    none, or in the TEMP schema."""
    found = tokens(sql[:2000])
    words = [token.text.upper() if token.is_name else token.text for token in found]
    at = 2 if words[1:2] == ["VIRTUAL"] else 1
    if words[:1] != ["CREATE"] or words[at : at + 1] not in (["TABLE"], ["VIEW"]):
        return None
    is_lenient = words[at + 1 : at + 4] == ["IF", "NOT", "EXISTS"]
    where = name_at(found, at + 4 if is_lenient else at + 1)
    return None if where is None else (found[where].text, not is_lenient)
