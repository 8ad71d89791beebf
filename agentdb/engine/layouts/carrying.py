"""A migration of another tool as one of agentdb: what becomes a flag, what is left out, and what is not carried over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentdb.clients.statements import pragma_with_argument, switches_connection, switches_foreign_keys
from agentdb.engine.migration import Migration
from agentdb.errors import InvalidMigrationError
from agentdb.sql.lexer import keyword, split, tokens
from agentdb.sql.statement_tables import Statement, folded

if TYPE_CHECKING:
    from agentdb.engine.layouts.reading import SourceMigration

_FILTERS = ("WHERE", "JOIN", "DISTINCT", "GROUP", "LIMIT")
_OPENS, _CLOSES = frozenset(("BEGIN",)), frozenset(("COMMIT", "END"))


@dataclass(frozen=True)
class Carried:
    """A migration, and what was done to have it.

    notes: for people; what was turned into a flag or left out. lost: what could not be carried over: somebody must look.
    """

    migration: Migration
    source: SourceMigration
    notes: tuple[str, ...]
    lost: tuple[str, ...]


def carried(source: SourceMigration) -> Carried:
    """Make a Migration of one. Raises InvalidMigrationError with the file, for what no migration can be made of."""
    notes: list[str] = []
    lost: list[str] = []
    up, without_foreign_keys, is_bracketed = _bare(split(source.up), notes, lost, "up")
    down, _, _ = _bare(split(source.down or ""), notes, lost, "down")
    use_transaction = source.use_transaction or is_bracketed
    if without_foreign_keys and not use_transaction:
        use_transaction = True
        notes.append("runs in a transaction, for it works without foreign keys")
    losses = _losses(up)
    if losses:
        notes.append(f"allows_loss={', '.join(losses)} is proposed: it deletes, drops or filters rows")
    if not up:
        notes.append("has no statement")
    try:
        migration = Migration(
            source.id,
            source.name,
            up,
            down,
            use_transaction=use_transaction,
            foreign_keys=not without_foreign_keys,
            allows_loss=losses,
        )
    except InvalidMigrationError as error:
        error.args = (f"{source.file}: {error.message}",)
        raise
    return Carried(migration, source, tuple(notes), tuple(lost))


def _bare(statements: list[str], notes: list[str], lost: list[str], part: str) -> tuple[list[str], bool, bool]:
    """The statements without what agentdb does itself; whether they work without foreign keys, and in a transaction."""
    left: list[str] = []
    without_foreign_keys = is_bracketed = False
    outside = 0
    is_open = False
    has_brackets = any(keyword(sql) == "PRAGMA" and switches_foreign_keys(sql) and _is_off(sql) for sql in statements)
    for sql in statements:
        word = keyword(sql)
        if word in _OPENS or word in _CLOSES:
            is_open = word in _OPENS
            is_bracketed = True
            continue
        if word == "PRAGMA" and switches_foreign_keys(sql):
            without_foreign_keys = without_foreign_keys or _is_off(sql)
            continue
        if word == "PRAGMA":
            sql = sql[tokens(sql)[0].start :]  # without a comment before it
            if "defer_foreign_keys" in sql.lower() and has_brackets:
                continue  # it has no effect where they are not enforced
            name = switches_connection(sql)
            if name is not None or pragma_with_argument(sql) in ("auto_vacuum", "journal_mode"):
                lost.append(f"{part}: {' '.join(sql.split())[:120]} is left out: it is a setting of the connection")
                continue
        if word in ("SAVEPOINT", "RELEASE", "ROLLBACK"):
            lost.append(f"{part}: {' '.join(sql.split())[:120]} is left out: a migration is one transaction")
            continue
        outside += not is_open
        left.append(sql)
    if is_bracketed:
        notes.append(f"{part}: BEGIN and COMMIT are left out: each migration is a transaction")
        if outside and outside < len(left):
            lost.append(f"{part}: some statements stood outside BEGIN and COMMIT; now all are in one transaction")
    if without_foreign_keys:
        notes.append(f"{part}: PRAGMA foreign_keys is now foreign_keys=False")
    return left, without_foreign_keys, is_bracketed


def _is_off(sql: str) -> bool:
    return any(token.text.lower() in ("off", "0", "false", "no") for token in tokens(sql)[2:])


def _losses(up: list[str]) -> tuple[str, ...]:
    """The tables that an up takes rows of: by DELETE, by REPLACE, by a drop, or by a copy that is filtered.

    A table that is dropped and comes back with rows, under its name or by a rename, is a rebuild.
    """
    names: dict[str, None] = {}
    made: set[str] = set()
    dropped: dict[str, str] = {}
    filled: set[str] = set()
    filtered: set[str] = set()
    origin: dict[str, str] = {}  # the name that a table was given -> the one that it had
    for sql in up:
        statement = Statement(sql)
        table = folded(statement.table) if statement.table is not None else None
        if statement.verb == "CREATE":
            made |= {folded(token.text) for token in tokens(sql)[2:6] if token.is_name}
        elif (pair := statement.renamed_table) is not None:
            before, after = pair
            origin[after] = origin.pop(before, before if before not in made else after)
            if before in filled:
                filled.add(after)
            if before in filtered:
                names[dropped.get(after, after)] = None
            made.add(after)
            made.discard(before)
        elif table is None:
            continue
        elif statement.verb == "DROP TABLE" and (table not in made or origin.get(table, table) != table):
            dropped[origin.get(table, table)] = origin.get(table, statement.table or "")
        elif statement.verb in ("DELETE", "REPLACE") and table not in made:
            names[statement.table or ""] = None
        elif statement.verb in ("INSERT", "REPLACE", "UPSERT"):
            filled.add(table)
            if table in made and any(token.is_word(*_FILTERS) for token in tokens(sql)):
                filtered.add(table)
    for folded_name, name in dropped.items():
        if not (folded_name in made and folded_name in filled):
            names[name] = None
    return tuple(names)
