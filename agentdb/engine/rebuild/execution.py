"""How a table is rebuilt. Runs inside a transaction that has foreign keys off from before its BEGIN.

With them on, dropping the old table would delete from its children, or set them to NULL. The order is: new, copy, drop
old, rename new; for renaming the OLD table first would repoint children and triggers to it. Triggers and views go first
and come back last, all of them: a rename reads every one in the schema, and one that names a table which is not there at
that moment stops it. What an index, a view or a trigger can do afterwards that it could before is asked, not assumed.
"""

from __future__ import annotations

from agentdb.engine.guards.views_and_triggers import compiling, schema_of
from agentdb.engine.rebuild.search_indexes import search_indexes
from agentdb.engine.rebuild.statistics import Statistics
from agentdb.errors import DataLossError, MigrationError, StatementError
from agentdb.operations.requests import execute
from agentdb.sql.lexer import OTHER, WORD, tokens
from agentdb.sql.statement_tables import folded, literal, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet
    from typing import Any, TypeAlias

    from agentdb.clients.base import ResultSet
    from agentdb.engine.rebuild.search_indexes import SearchIndex
    from agentdb.engine.rebuild.specification import RebuildTable
    from agentdb.operations.requests import Steps

    #: Runs a statement that changes something, and remembers it.
    Change: TypeAlias = Callable[[str], Steps[ResultSet]]

_ROWID_NAMES = ("rowid", "_rowid_", "oid")
#: Stands for the rowid among names of columns, whatever it is called.
_ROWID = "\0"


class _Table:
    """What SQLite says of a table."""

    def __init__(
        self, name: str, sql: str, columns: list[tuple[Any, ...]], *, strict: bool, rowid: bool, key_index: bool
    ) -> None:
        """key_index: the primary key has an index of its own, so it is not the rowid (INTEGER PRIMARY KEY DESC is none)."""
        self.name = name
        self.is_strict = strict
        self.has_autoincrement = any(token.kind == WORD and token.is_word("AUTOINCREMENT") for token in tokens(sql))
        #: folded -> (as it is written, whether it is computed)
        self.columns = {folded(row[1]): (row[1], row[6] in (2, 3)) for row in columns if row[6] != 1}
        keys = [row for row in columns if row[5]]
        is_alias = rowid and not key_index and len(keys) == 1 and keys[0][2].upper() == "INTEGER"
        self.has_rowid = rowid
        #: The column that is the rowid, folded.
        self.alias: str | None = folded(keys[0][1]) if is_alias else None
        free = next((name for name in _ROWID_NAMES if name not in self.columns), None) if rowid else None
        #: A name for the rowid where no column keeps it: full-text tables that index this one refer to it.
        self.bare_rowid = None if is_alias else free
        #: What reads the rowid; None where there is none, or columns have taken all its names.
        self.rowid = quoted(keys[0][1]) if is_alias else free

    def meant(self, name: str) -> str | None:
        """Which column a folded name means, or _ROWID, or None for neither."""
        if name in self.columns:
            return _ROWID if name == self.alias else name
        return _ROWID if self.has_rowid and name in _ROWID_NAMES else None


def rebuild(item: RebuildTable, change: Change) -> Steps[None]:
    """Rebuild one table.

    Raises MigrationError `rebuild_refused` where there is no such table, or where something else would not work any more;
    IntegrityError where a row does not fit into the new table; DataLossError.
    """
    old = yield from _look(item.table)
    if old is None:
        raise _refused(item, "there is no such table")
    compiled = yield from compiling()
    triggers = yield from schema_of("trigger")
    views = yield from schema_of("view")
    indexes = [row for row in (yield from schema_of("index")) if folded(row[1]) == folded(old.name)]
    for name, _, _ in triggers:
        yield from change(f"DROP TRIGGER {quoted(name)}")
    for name, _, _ in views:
        yield from change(f"DROP VIEW {quoted(name)}")

    new_name = yield from _free_name(old.name)
    options = (("STRICT",) if old.is_strict else ()) + (() if old.has_rowid else ("WITHOUT ROWID",))
    yield from change(item.create_as(quoted(new_name), options))
    new = yield from _look(new_name)
    if new is None:
        raise _refused(item, "its create makes no table")
    if old.has_autoincrement and not new.has_autoincrement:
        raise _refused(
            item, "the table has AUTOINCREMENT, and its create has not: ids that were deleted would be used again"
        )

    for index in (yield from search_indexes(old.name)):
        _check_search_index(item, old, new, index)
    copied = yield from change(_copy(item, old, new))
    ((rows,),) = (yield from execute(f"SELECT count(*) FROM {quoted(old.name)}")).tuples
    if copied.rows_affected != rows:
        raise DataLossError(
            f"not all rows of {old.name} were copied: {rows} -> {copied.rows_affected}",
            tables={old.name: (rows, copied.rows_affected)},
        )
    if old.has_autoincrement:
        for sql in _keep_sequence(old.name, new_name):
            yield from change(sql)
    statistics = Statistics(old.name, new_name, change)
    yield from statistics.put_aside()
    yield from change(f"DROP TABLE {quoted(old.name)}")
    yield from change(f"ALTER TABLE {quoted(new_name)} RENAME TO {quoted(old.name)}")
    gone = old.columns.keys() - new.columns.keys()
    shown = _shown_by(old.name, views) if gone else set()
    for kind, things in (("index", indexes), ("view", views), ("trigger", triggers)):
        for name, table, sql in things:
            if kind == "trigger" and folded(table) == folded(old.name):
                for column in _watched(sql, gone):
                    raise _refused(
                        item,
                        f"the trigger {name} waits for an UPDATE OF {column}, which is dropped: it would never fire",
                    )
            for column in _literal_soon(sql, gone, shown):
                raise _refused(
                    item, f'the {kind} {name} names "{column}", which is dropped: SQLite would take it for a text'
                )
            try:
                yield from change(sql)
            except StatementError as error:
                raise _refused(item, f"the {kind} {name} cannot be made again: {error.message}") from error
    yield from statistics.put_back()
    for what, why in (yield from compiling()).items():
        if why is not None and what in compiled and compiled[what] is None:
            raise _refused(item, f"{what} would not work any more: {why}")


def _look(name: str) -> Steps[_Table | None]:
    """An ordinary table of the main schema."""
    listed = yield from execute(
        "SELECT t.name, m.sql, t.strict, t.wr FROM pragma_table_list t JOIN sqlite_master m ON m.type = 'table' "
        "AND m.name = t.name WHERE t.schema = 'main' AND t.type = 'table' AND t.name = ? COLLATE NOCASE",
        (name,),
    )
    if not listed.tuples:
        return None
    name, sql, strict, without_rowid = listed.tuples[0]
    columns = (yield from execute(f"PRAGMA table_xinfo({quoted(name)})")).tuples
    key_index = yield from execute("SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'", (name,))
    return _Table(name, sql, columns, strict=bool(strict), rowid=not without_rowid, key_index=bool(key_index.tuples))


def _shown_by(table: str, views: list[tuple[str, str, str]]) -> set[str]:
    """The table, and the views that read it, or read such a view; folded."""
    shown = {folded(table)}
    while True:
        more = {
            folded(name)
            for name, _, sql in views
            if folded(name) not in shown and any(folded(token.text) in shown for token in tokens(sql))
        }
        if not more:
            return shown
        shown |= more


def _literal_soon(sql: str, gone: AbstractSet[str], shown: set[str]) -> list[str]:
    """Columns that go and that this names in double quotes. What is in double quotes and is no column is a text to SQLite, so
    it would compile, and mean something else."""
    found = tokens(sql) if gone else []
    if not any(folded(token.text) in shown for token in found):
        return []
    return [token.text for token in found if sql[token.start] == '"' and folded(token.text) in gone]


def _watched(sql: str, gone: AbstractSet[str]) -> list[str]:
    """Columns that go and that a trigger waits for: what follows UPDATE OF is a list of names that SQLite never checks."""
    found = tokens(sql) if gone else []
    for at in range(len(found) - 1):
        if found[at].is_word("UPDATE") and found[at + 1].is_word("OF"):
            names = []
            for token in found[at + 2 :]:
                if token.is_word("ON"):
                    break
                names.append(token)
            return [token.text for token in names if token.is_name and folded(token.text) in gone]
    return []


def _free_name(table: str) -> Steps[str]:
    names = (yield from execute("SELECT name FROM sqlite_master")).tuples
    taken = {folded(name) for (name,) in names}
    name = f"agentdb_rebuild_{table}"
    number = 1
    while folded(name) in taken:
        number += 1
        name = f"agentdb_rebuild_{number}_{table}"
    return name


def _copy(item: RebuildTable, old: _Table, new: _Table) -> str:
    given = {folded(name): expression for name, expression in item.columns.items()}
    for name in item.columns:
        if folded(name) not in new.columns or new.columns[folded(name)][1]:
            raise _refused(item, f"columns names {name!r}, which is not a column of the new table that can be written")
        for text in _mistyped(item.columns[name], old):
            raise _refused(
                item,
                f'what columns has for {name!r} names "{text}", which is not a column of the old table: SQLite would take it '
                f"for a text; write {literal(text)} where one is meant",
            )
    targets: list[str] = []
    sources: list[str] = []
    if old.rowid is not None and new.bare_rowid is not None:
        targets.append(new.bare_rowid)
        sources.append(old.rowid)
    for key, (name, is_computed) in new.columns.items():
        if key in given:
            targets.append(quoted(name))
            sources.append(f"({given[key]}\n)" if "--" in given[key] else f"({given[key]})")
        elif key in old.columns and not is_computed:
            targets.append(quoted(name))
            sources.append(quoted(old.columns[key][0]))
    if not targets:
        raise _refused(item, "the new table has no column that the old one can give anything")
    # OR ABORT: a table that resolves conflicts by leaving rows out, or by replacing others, would lose them here.
    return (
        f"INSERT OR ABORT INTO {quoted(new.name)} ({', '.join(targets)}) "
        f"SELECT {', '.join(sources)} FROM {quoted(old.name)}"
    )


def _mistyped(expression: str, old: _Table) -> list[str]:
    """What stands in double quotes where a column would, and is none. Sub-selects see other columns, and are not looked at."""
    found = tokens(expression)
    marks = [token.text if token.kind == OTHER else "" for token in found] + [""]
    names = []
    selects = depth = 0
    for at, token in enumerate(found):
        if marks[at] in ("(", ")"):
            depth += 1 if marks[at] == "(" else -1
            if not selects and marks[at] == "(" and at + 1 < len(found):
                selects = depth if found[at + 1].is_word("SELECT", "WITH", "VALUES") else 0
            elif depth < selects:
                selects = 0
        is_column = (
            expression[token.start] == '"'
            and not selects
            and marks[at + 1] not in (".", "(")  # a table, a function
            and (at == 0 or not (marks[at - 1] == "." or found[at - 1].is_word("AS", "COLLATE", "IN")))
        )
        if is_column and old.meant(folded(token.text)) is None:
            names.append(token.text)
    return names


def _check_search_index(item: RebuildTable, old: _Table, new: _Table, index: SearchIndex) -> None:
    """Refuse what would make it answer with another row's text, or with none."""
    found_by = old.meant(index.key)
    if found_by is not None and _origin(item, old, new, index.key) != found_by:
        raise _refused(
            item,
            f"the search index {index.name} finds its rows by {index.key}, which would change; drop it "
            "before, and create it again at the end",
        )
    for column in index.columns:
        if folded(column) in old.columns and folded(column) not in new.columns:
            raise _refused(
                item,
                f"the search index {index.name} reads {column}, which is dropped; drop it before, and create it again at the end",
            )


def _origin(item: RebuildTable, old: _Table, new: _Table, name: str) -> str | None:
    """What of the old row the new one has under a folded name, as _Table.meant() says it. None: something else."""
    meant = new.meant(name)
    if meant == _ROWID:
        if new.alias is None:
            return None if old.rowid is None else _ROWID
        meant = new.alias
    if meant is None:
        return None
    if meant in map(folded, item.columns):
        copied = {after: before for before, after in item.renamed_columns}
        return old.meant(copied[meant]) if meant in copied else None
    return old.meant(meant) if meant in old.columns else None


def _keep_sequence(old: str, new: str) -> tuple[str, str]:
    """The drop forgets the old table's sequence, the rename takes the new one's along."""
    before, after = [name.replace("'", "''") for name in (old, new)]
    theirs = f"(SELECT max(seq) FROM sqlite_sequence WHERE name = '{before}')"
    return (
        f"UPDATE sqlite_sequence SET seq = max(seq, coalesce({theirs}, seq)) WHERE name = '{after}'",
        f"INSERT INTO sqlite_sequence (name, seq) SELECT '{after}', seq FROM sqlite_sequence WHERE name = '{before}' "
        f"AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = '{after}')",
    )


def _refused(item: RebuildTable, why: str) -> MigrationError:
    return MigrationError(f"the table {item.table} cannot be rebuilt: {why}", code="rebuild_refused")
