"""Which tables statements can take rows or references from: those that they change, and those that hang on these by foreign
keys, triggers and views. So that a guard need not count a database of which a migration touches one corner.

It may name more than can be lost, and never less: what cannot be told reaches everything. It looks at names, whether or
not there is a table of that name yet, for a statement before may make one.
"""

from __future__ import annotations

from agentdb.operations.requests import execute
from agentdb.sql.lexer import tokens
from agentdb.sql.statement_tables import Statement, folded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from agentdb.engine.migration import Item
    from agentdb.operations.requests import Steps

#: What changes no row of a table that was there; with DROP, those of DROP INDEX, VIEW and TRIGGER.
_HARMLESS = frozenset(("CREATE", "DROP", "SELECT", "VALUES", "EXPLAIN"))
_CHANGING = frozenset(
    ("INSERT", "REPLACE", "UPSERT", "UPDATE", "DELETE", "DROP TABLE", "ALTER ADD", "ALTER DROP", "ALTER RENAME")
)
#: Modules whose tables write to none but their own.
_KNOWN_MODULES = frozenset(("fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly"))
_PROGRAMS = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('trigger', 'view') "
    "OR (type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE %') UNION ALL "
    "SELECT type, name, tbl_name, sql FROM sqlite_temp_master WHERE type IN ('trigger', 'view')"
)
_CHILDREN = (
    "SELECT DISTINCT m.name, f.\"table\" FROM sqlite_master m, pragma_foreign_key_list(m.name, 'main') f "
    "WHERE m.type = 'table' AND m.sql LIKE '%references%'"
)
#: So many names are looked for in the definitions, before the foreign keys of every table are read.
_FEW = 8


def reached(items: Iterable[Item]) -> Steps[frozenset[str] | None]:
    """The folded names of all tables that the items can take rows or references from. None: of any."""
    seeds: set[str] = set()
    for item in items:
        names = _changed(item)
        if names is None:
            return None
        seeds |= names
    return (yield from _with_what_hangs_on(seeds))


def _changed(item: Item) -> set[str] | None:
    """The tables that an item changes by itself. None where that cannot be told."""
    if not isinstance(item, str):
        return None if item.changed_table is None else {folded(item.changed_table)}
    statement = Statement(item)
    if statement.creates_trigger:  # whatever fires it
        return _names(item)
    if statement.verb in _HARMLESS:
        return set()
    if statement.verb not in _CHANGING or statement.table is None:
        return None
    names = {folded(statement.table)}
    if statement.verb == "ALTER RENAME":
        if statement.renamed_table is not None:
            names.update(statement.renamed_table)
        elif statement.renamed_column is None:
            return None
    return names


def _with_what_hangs_on(seeds: set[str]) -> Steps[frozenset[str] | None]:
    hanging: dict[str, list[str]] = {}  # a table or view, and the texts of what is run when it is changed
    virtual: dict[str, str] = {}
    if seeds:
        for kind, name, table, sql in (yield from execute(_PROGRAMS)).tuples:
            if kind == "table":
                virtual[folded(name)] = sql
            else:
                hanging.setdefault(folded(table if kind == "trigger" else name), []).append(sql)
    children: dict[str, set[str]] | None = None
    found: set[str] = set()
    fresh = seeds
    while fresh:
        found |= fresh
        if any(name in virtual and _module(virtual[name]) not in _KNOWN_MODULES for name in fresh):
            return None
        named = {owner for owner in virtual for name in fresh if name.startswith(f"{owner}_")}
        for sql in [sql for name in fresh for sql in hanging.get(name, ())]:
            named |= _names(sql)
        if children is None:
            listed = yield from referring(fresh)
            for child, _ in listed:
                named.add(folded(child))
            if named - found:  # it goes on, so the foreign keys of all are read once
                children = {}
                for child, parent in (yield from referring(None)):
                    children.setdefault(folded(parent), set()).add(folded(child))
        else:
            for name in fresh:
                named |= children.get(name, set())
        fresh = named - found
    return frozenset(found)


def referring(parents: AbstractSet[str] | None) -> Steps[list[tuple[str, str]]]:
    """(child, parent), as they are written, for each table that has a foreign key to one of those; None: to any."""
    sql = _CHILDREN
    looked_for: tuple[str, ...] = ()
    if parents is not None and len(parents) <= _FEW and all(map(_is_plain, parents)):
        # The name of a parent stands in the definition.
        looked_for = tuple(parents)
        sql += f" AND ({' OR '.join(['instr(lower(m.sql), ?)'] * len(looked_for)) or '0'})"
    pairs = (yield from execute(sql, looked_for)).tuples
    return [(child, parent) for child, parent in pairs if parents is None or folded(parent) in parents]


def _is_plain(name: str) -> bool:
    """Whether it is the same in quotes and without."""
    return name.isascii() and name.replace("_", "a").isalnum()


def _names(sql: str) -> set[str]:
    """The folded names of all sorts; also texts, which SQLite takes for names in some places."""
    return {folded(token.text) for token in tokens(sql) if token.is_name}


def _module(sql: str) -> str:
    found = tokens(sql)  # CREATE VIRTUAL TABLE name USING module
    return folded(found[5].text) if len(found) > 5 and found[4].is_word("USING") else ""
