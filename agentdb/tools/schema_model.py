"""A schema as tables, columns and keys, read from a live database; and as SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentdb.engine.canonical_text import canonical
from agentdb.operations.requests import execute
from agentdb.sql.statement_tables import Statement, folded, literal
from agentdb.tools.recorded_history import recorded_sets
from agentdb.tools.schema_objects import read_objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agentdb.engine.migration import Migration
    from agentdb.operations.requests import Steps
    from agentdb.tools.recorded_history import RecordedSet

_COLUMNS = 'SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo({table})'
_KEYS = 'SELECT id, seq, "table", "from", "to" FROM pragma_foreign_key_list({table}) ORDER BY id, seq'
_UNIQUE = (
    "SELECT l.name, i.name FROM pragma_index_list({table}) AS l, pragma_index_info(l.name) AS i "
    'WHERE l."unique" AND NOT l.partial ORDER BY l.name, i.seqno'
)
_INDEXES = "SELECT l.name, i.name FROM pragma_index_list({table}) AS l, pragma_index_info(l.name) AS i ORDER BY l.name, i.seqno"


@dataclass(frozen=True)
class Column:
    """A column: name, declared type, whether it may be NULL, its place in the primary key from 1 (0: not in it)."""

    name: str
    type: str
    is_nullable: bool
    key: int


@dataclass(frozen=True)
class Reference:
    """A foreign key of a table.

    is_optional: whether a row may refer to nothing. is_single: whether at most one row refers to one row. has_index: whether
    an index begins with these columns.
    """

    columns: tuple[str, ...]
    table: str
    to: tuple[str, ...]
    is_optional: bool
    is_single: bool
    has_index: bool


@dataclass(frozen=True)
class Table:
    """A table, or a virtual one, with the set of migrations that made it. set: its tracking table; "" where none did."""

    name: str
    set: str
    is_virtual: bool
    columns: tuple[Column, ...]
    references: tuple[Reference, ...]


def read_tables(without: Iterable[str] = ()) -> Steps[tuple[Table, ...]]:
    """The tables of a database, without tracking tables, shadow tables and SQLite's own, in the order of their names.

    without: patterns of names to leave out, as of a shell.
    """
    sets = yield from recorded_sets({})
    objects = yield from read_objects([one.table for one in sets], without)
    owners = _owners(sets)
    tables = []
    for one in sorted(objects.values(), key=lambda one: folded(one.name)):
        if one.type == "table":
            is_virtual = one.sql.upper().startswith("CREATE VIRTUAL")
            columns = () if is_virtual else (yield from _columns(one.name))
            references = () if is_virtual else (yield from _references(one.name, columns))
            tables.append(Table(one.name, owners.get(folded(one.name), ""), is_virtual, columns, references))
    return tuple(tables)


def _columns(table: str) -> Steps[tuple[Column, ...]]:
    rows = (yield from execute(_COLUMNS.format(table=literal(table)))).tuples
    return tuple(
        [
            Column(name, type, not not_null and not (key and type.upper() == "INTEGER"), key)
            for name, type, not_null, key, hidden in rows
            if hidden != 1
        ]
    )


def _references(table: str, columns: Sequence[Column]) -> Steps[tuple[Reference, ...]]:
    keys: dict[int, list[tuple[str, str, str | None]]] = {}
    for id, _, other, column, to in (yield from execute(_KEYS.format(table=literal(table)))).tuples:
        keys.setdefault(id, []).append((other, column, to))
    if not keys:
        return ()
    unique = yield from _indexes(_UNIQUE, table)
    indexes = yield from _indexes(_INDEXES, table)
    primary = [one.name for one in sorted(columns, key=lambda one: one.key) if one.key]
    nullable = {folded(one.name) for one in columns if one.is_nullable}
    found = []
    for parts in keys.values():
        names = [folded(column) for _, column, _ in parts]
        singles = [*unique, [folded(name) for name in primary]]
        found.append(
            Reference(
                tuple([column for _, column, _ in parts]),
                parts[0][0],
                tuple([to for _, _, to in parts if to is not None]),
                any(name in nullable for name in names),
                any(one and set(one) <= set(names) for one in singles),
                any(set(one[: len(names)]) == set(names) for one in [*indexes, [folded(name) for name in primary]]),
            )
        )
    return tuple(sorted(found, key=lambda one: (one.table, one.columns)))


def _indexes(sql: str, table: str) -> Steps[list[list[str]]]:
    found: dict[str, list[str]] = {}
    for index, column in (yield from execute(sql.format(table=literal(table)))).tuples:
        found.setdefault(index, []).append(folded(column or ""))  # an expression has no name
    return list(found.values())


def _owners(sets: Sequence[RecordedSet]) -> Mapping[str, str]:
    """The tracking table of the set that created each table, by folded name."""
    owners: dict[str, str] = {}
    for one in sets:
        for recorded in one.migrations:
            if recorded.migration is not None:
                for name in created_tables(recorded.migration):
                    owners.setdefault(name, one.table)
    return owners


def created_tables(migration: Migration) -> list[str]:
    """The tables that its statements create, or rename others to, folded."""
    names = []
    for item in migration.up:
        if isinstance(item, str):
            name = created_table(item)
            if name is not None:
                names.append(folded(name))
            elif (renamed := Statement(item).renamed_table) is not None:
                names.append(renamed[1])
    return names


def created_table(sql: str) -> str | None:
    """The name of the table that a statement creates; None where it creates none."""
    from agentdb.sql.lexer import OTHER, read_tokens

    words = iter(read_tokens(sql))
    token = next(words, None)
    if token is None or not token.is_word("CREATE"):
        return None
    token = next(words, None)
    while token is not None and token.is_word("TEMP", "TEMPORARY", "VIRTUAL"):
        if not token.is_word("VIRTUAL"):
            return None
        token = next(words, None)
    if token is None or not token.is_word("TABLE"):
        return None
    name = next(words, None)
    if name is not None and name.is_word("IF"):
        for _ in ("NOT", "EXISTS"):
            next(words, None)
        name = next(words, None)
    behind = next(words, None)
    if behind is not None and behind.kind == OTHER and behind.text == ".":
        name = next(words, None)
    return name.text if name is not None and name.kind != OTHER else None


def schema_sql() -> Steps[str]:
    """The schema as a script: tables in the order in which they were made, each with its indexes and triggers; views last."""
    sets = yield from recorded_sets({})
    objects = list((yield from read_objects([one.table for one in sets])).values())
    parts: list[str] = []
    for table in [one for one in objects if one.type == "table"]:
        own = [one for one in objects if one.type in ("index", "trigger") and folded(one.table) == folded(table.name)]
        parts.append("\n".join([f"{canonical(one.sql)};" for one in (table, *own)]))
    views = [one for one in objects if one.type == "view"]
    for view in views:
        own = [one for one in objects if one.type == "trigger" and folded(one.table) == folded(view.name)]
        parts.append("\n".join([f"{canonical(one.sql)};" for one in (view, *own)]))
    return "\n\n".join(parts) + ("\n" if parts else "")
