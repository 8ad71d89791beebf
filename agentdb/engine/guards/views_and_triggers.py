"""Which views and triggers SQLite can compile: asked before a change, and again behind it."""

from __future__ import annotations

from itertools import count

from agentdb.errors import AgentDBError, MigrationError, StatementError
from agentdb.operations.requests import execute
from agentdb.sql.statement_tables import literal, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentdb.operations.requests import Steps

#: Makes the text of each question its own; see _refusal().
_asked = count(1)


def schema_of(kind: str) -> Steps[list[tuple[str, str, str]]]:
    """(name, table, sql) of each, in the order in which they were made; the order in which triggers fire depends on it."""
    found = yield from execute(
        "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = ? AND sql IS NOT NULL ORDER BY rowid", (kind,)
    )
    return found.tuples


def compiling() -> Steps[dict[str, str | None]]:
    """For each view, and for each thing that fires triggers: None if SQLite can compile it, else what it says.

    By QUERY PLAN, which compiles just as well: the rows of a bare EXPLAIN of triggers that fire each other have crashed
    SQLite 3.40.
    """
    answers: dict[str, str | None] = {}
    for name, _, _ in (yield from schema_of("view")):
        answers[f"the view {name}"] = yield from _refusal(f"SELECT * FROM {quoted(name)}")
    for table in dict.fromkeys([table for _, table, _ in (yield from schema_of("trigger"))]):
        try:
            columns = (yield from execute(f"SELECT name, hidden FROM pragma_table_xinfo({literal(table)})")).tuples
        except StatementError:
            continue  # a view that was broken before: its triggers cannot fire
        names = [quoted(name) for name, hidden in columns if not hidden]
        where = f"a trigger of {table}"
        place = quoted(table)
        answers[f"{where} (DELETE)"] = yield from _refusal(f"DELETE FROM {place}")
        if names:
            values = ", ".join(names)
            nulls = ", ".join(["NULL"] * len(names))
            answers[f"{where} (INSERT)"] = yield from _refusal(f"INSERT INTO {place} ({values}) VALUES ({nulls})")
            sets = ", ".join([f"{name} = {name}" for name in names])
            answers[f"{where} (UPDATE)"] = yield from _refusal(f"UPDATE {place} SET {sets}")
    return answers


def _refusal(sql: str) -> Steps[str | None]:
    """What SQLite says to this, or None.

    No text is asked twice: sqlite3 would take out the statement that it has prepared, and an EXPLAIN runs nothing that
    could notice that the schema is another. It would tell what was true when it was prepared.
    """
    explain = f"EXPLAIN QUERY PLAN /* {next(_asked)} */ "
    try:
        yield from execute(explain + sql)
    except AgentDBError as error:
        return error.message.partition(" in: EXPLAIN QUERY PLAN")[0]
    return None


def broken(before: Mapping[str, str | None]) -> Steps[None]:
    """Ask again. Raises MigrationError `view_broken` where a view or a trigger that compiled before is there and does not."""
    found = []
    for what, why in (yield from compiling()).items():
        if why is not None and what in before and before[what] is None:
            found.append(f"{what} would not work any more: {why}")
    if found:
        raise MigrationError("; ".join(found), code="view_broken")
