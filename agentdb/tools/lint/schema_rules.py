"""Rules that need a database in memory, at the state in which a statement finds it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agentdb.clients import create_client_sync
from agentdb.engine.guards.views_and_triggers import compiling
from agentdb.errors import AgentDBError
from agentdb.operations.runners import run
from agentdb.sql.lexer import QUOTED, keyword, tokens
from agentdb.sql.statement_tables import Statement, folded, quoted
from agentdb.tools.schema_model import created_table, read_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.engine.migration import Migration
    from agentdb.tools.lint.text_rules import Hit

_EXISTS = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"
_SQLITE_TIME = re.compile(r"CURRENT_TIMESTAMP|datetime\s*\(\s*'now'", re.IGNORECASE)
_ISO_TIME = re.compile(r"%Y-%m-%dT", re.IGNORECASE)
_UNIQUE = re.compile(r"\s*CREATE\s+UNIQUE\s+INDEX\b", re.IGNORECASE)


def added_column_hits(sql: str) -> Iterator[Hit]:
    """What SQLite says of ADD COLUMN where the table has a row: it is tried on one."""
    statement = Statement(sql)
    if statement.verb != "ALTER ADD" or statement.table is None:
        return
    with create_client_sync(":memory:") as client:
        client.execute(f"CREATE TABLE {quoted(statement.table)} (agentdb_lint)")
        client.execute(f"INSERT INTO {quoted(statement.table)} VALUES (1)")
        try:
            client.execute(sql)
        except AgentDBError as error:
            text = error.message.lower()
            if "non-constant default" in text:
                yield "non_constant_default", f"ADD COLUMN to {statement.table} has a default that is not constant", 0
            elif "not null column with default value null" in text:
                yield "not_null_without_default", f"ADD COLUMN to {statement.table} is NOT NULL without a default", 0


def double_quoted_hits(client: LocalClient, sql: str) -> Iterator[Hit]:
    """Text in double quotes: SQLite takes "x" for text where it is no name. [x] is always a name, so it is tried with that."""
    found = [one for one in tokens(sql) if one.kind == QUOTED and sql[one.start] == '"' and "]" not in one.text]
    word = keyword(sql)
    if not found or word not in ("INSERT", "UPDATE", "DELETE", "SELECT", "REPLACE", "WITH", "CREATE"):
        return
    if word == "CREATE" and not any(one.is_word("TABLE", "INDEX") for one in tokens(sql)[:3]):
        return  # what a view or trigger names is looked for later
    if not _compiles(client, sql, word):
        return
    for one in found:
        if not _compiles(client, f"{sql[: one.start]}[{one.text}]{sql[one.end :]}", word):
            yield "double_quoted_string", f'"{one.text}" is text in double quotes', one.start


def _compiles(client: LocalClient, sql: str, word: str) -> bool:
    try:
        if word != "CREATE":
            client.execute(f"EXPLAIN {sql}")
            return True
        with client.transaction() as transaction:
            transaction.execute(sql)
            transaction.rollback()
    except AgentDBError:
        return False
    return True


def existing_rows_hits(client: LocalClient, sql: str, made_here: set[str]) -> Iterator[Hit]:
    """A unique index on, a drop of, a column of, a table that may have rows: one that this migration has not made."""
    statement = Statement(sql)
    if statement.table is not None and folded(statement.table) not in made_here:
        if statement.verb == "DROP TABLE" and client.execute(_EXISTS, (statement.table,)).tuples:
            yield "drop_table", f"the table {statement.table} is dropped, with its rows", 0
        elif statement.verb == "ALTER DROP":
            yield "drop_column", f"a column of {statement.table} is dropped, with its values", 0
    if _UNIQUE.match(sql):
        found = tokens(sql)
        on = next((at for at, token in enumerate(found) if token.is_word("ON")), None)
        if on is not None and on + 1 < len(found) and folded(found[on + 1].text) not in made_here:
            yield "unique_on_existing_rows", f"rows of {found[on + 1].text} may repeat", found[on].start


def broken_things(client: LocalClient) -> set[str]:
    """The views, and the tables with triggers, that SQLite cannot compile now."""
    answers: Mapping[str, str | None] = run(client, compiling())
    return {what for what, refusal in answers.items() if refusal is not None}


def may_break(sql: str | None) -> bool:
    """Whether a statement may break a view or a trigger."""
    return sql is None or Statement(sql).verb in ("DROP TABLE", "ALTER RENAME", "ALTER DROP", "DROP")


def unindexed_references(client: LocalClient, migrations: Sequence[Migration]) -> Iterator[tuple[str, int, str]]:
    """References without an index at the end: migration id, number of the statement, what to say."""
    makers = _makers(migrations)
    for table in run(client, read_tables()):
        for reference in table.references:
            maker = makers.get(folded(table.name))
            if not reference.has_index and maker is not None:
                columns = ", ".join(reference.columns)
                what = f"{table.name} ({columns}) refers to {reference.table}, and no index begins with {columns}"
                yield (*_place(migrations, table.name, reference.columns[0], maker), what)


def _makers(migrations: Sequence[Migration]) -> dict[str, tuple[str, int]]:
    makers: dict[str, tuple[str, int]] = {}
    for migration in migrations:
        for number, item in enumerate(migration.up, 1):
            if not isinstance(item, str):
                if item.changed_table is not None:
                    makers[folded(item.changed_table)] = (migration.id, number)
                continue
            name = created_table(item)
            if name is not None:
                makers[folded(name)] = (migration.id, number)
            elif (pair := Statement(item).renamed_table) is not None and pair[0] in makers:
                makers[pair[1]] = makers.pop(pair[0])
    return makers


def _place(migrations: Sequence[Migration], table: str, column: str, maker: tuple[str, int]) -> tuple[str, int]:
    """Where a column was added later, that place; else where the table was made."""
    for migration in reversed(migrations):
        for number, item in enumerate(migration.up, 1):
            if isinstance(item, str) and "ADD" in item.upper():
                statement = Statement(item)
                if (
                    statement.verb == "ALTER ADD"
                    and statement.table is not None
                    and folded(statement.table) == folded(table)
                ) and any(token.is_name and folded(token.text) == folded(column) for token in tokens(item)[3:6]):
                    return migration.id, number
    return maker


def time_formats(sql: str) -> tuple[bool, bool]:
    """Whether a definition has a default in SQLite's form of a time, and one in ISO 8601."""
    if created_table(sql) is None and Statement(sql).verb != "ALTER ADD":
        return False, False
    return bool(_SQLITE_TIME.search(sql)), bool(_ISO_TIME.search(sql))
