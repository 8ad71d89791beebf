"""Backfill: an UPDATE in batches, as an item of an up. See agentdb.engine.backfill.execution."""

from __future__ import annotations

from agentdb.engine.canonical_text import canonical, escaped, is_encodable
from agentdb.engine.item import MigrationItem
from agentdb.errors import InvalidMigrationError
from agentdb.sql.lexer import OTHER, count, tokens
from agentdb.sql.statement_tables import folded, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agentdb.sql.lexer import Token

#: What stands in the JSON form for its kind and its version.
KIND, VERSION = "backfill", 1
#: Rows of one batch, at the most.
MAX_BATCH = 1_000_000
#: Words that would end the SET clause.
_CLAUSES = ("FROM", "WHERE", "RETURNING", "ORDER", "LIMIT")


class Backfill(MigrationItem):
    """`UPDATE table SET set WHERE where`, in batches that are a transaction each.

    table: its name. set: the assignments, `column = expression, …`. where: which rows; by default all. batch: how many rows
    are looked at in one transaction, at the most; it is neither hashed nor recorded.

    It processes the rows in the order of the rowid, or of the primary key of a table WITHOUT ROWID. It looks at each row once,
    so `set` need not make `where` false. Each batch records its position. After a crash the next start continues there, and
    two processes that start at once share the work. Each row is changed once. `set` must not change the key.

    Others may write between two batches. It ends at the highest key that existed when it began, so it does not change rows
    that are inserted after that key. A row that is inserted before that key is changed only if its position is still ahead. So
    give the column a DEFAULT, or a trigger that fills it, before the Backfill begins.

    Its migration runs outside a transaction, as with use_transaction=False. It cannot stand in a down.

    Raises InvalidMigrationError.
    """

    in_transaction = False

    table: str
    set: str
    where: str
    batch: int

    def __init__(self, table: str, set: str, where: str = "TRUE", *, batch: int = 1000) -> None:
        if type(table) is not str or not table or "\0" in table or not is_encodable(table):
            raise _refused(table, f"the name of the table is {table!r}")
        if folded(table).startswith("sqlite_"):
            raise _refused(table, "the tables of SQLite itself cannot be changed")
        if type(batch) is not int or not 0 < batch <= MAX_BATCH:
            raise _refused(table, f"batch is {batch!r}; it is a number of rows, from 1 to {MAX_BATCH:,}")
        found = {name: _expression(table, name, text) for name, text in (("set", set), ("where", where))}
        self.__dict__.update(table=table, set=found["set"], where=found["where"], batch=batch)
        _assigned(self)

    @property
    def changed_table(self) -> str:
        """The table that it changes."""
        return self.table

    @property
    def assigned(self) -> frozenset[str]:
        """The folded names of the columns that it sets."""
        return frozenset(_assigned(self))

    def update(self, key_range: str | None = None) -> str:
        """The UPDATE. key_range: SQL for the keys of one batch; None: all rows."""
        # A comment at the end of what the caller has written ends with its line.
        within = f"{key_range} AND " if key_range is not None else ""
        return f"UPDATE main.{quoted(self.table)} SET {self.set}\nWHERE {within}({self.where}\n)"

    def fits(self, position: str) -> bool:
        """Whether a recorded position can be one in this table."""
        from agentdb.engine.backfill.position import Position

        found = Position.read(position)
        return found is not None and folded(found.table) == folded(self.table)

    @property
    def form(self) -> dict[str, Any]:
        """What the tracking table records, as JSON."""
        return {"agentdb": KIND, "set": self.set, "table": self.table, "version": VERSION, "where": self.where}

    @property
    def canonical_json(self) -> str:
        """The form in canonical JSON (RFC 8785), for the checksum."""
        return (
            f'{{"agentdb":"{KIND}","set":"{escaped(self.set)}","table":"{escaped(self.table)}",'
            f'"version":{VERSION},"where":"{escaped(self.where)}"}}'
        )

    def __str__(self) -> str:
        return f"-- Backfill, {self.batch} rows at a time\n{self.update()}"


def _expression(table: str, name: str, text: object) -> str:
    """The canonical text. Raises InvalidMigrationError for what would reach beyond its place in the UPDATE."""
    if type(text) is not str:
        raise _refused(table, f"{name} is a {type(text).__name__}, not SQL")
    text = canonical(text)
    if "\0" in text or not is_encodable(text):
        raise _refused(table, f"{name} holds a NUL or a lone surrogate")
    found = tokens(text)
    if not found:
        raise _refused(table, f"{name} is empty")
    depth = 0
    for token in found:
        if token.kind == OTHER:
            depth += (token.text == "(") - (token.text == ")")
            if token.text == ";":
                raise _refused(table, f"{name} has a `;`")
            if token.text[0] in "?:@$#":
                raise _refused(table, f"{name} has the parameter {token.text}, for which there is no value")
        if depth < 0:
            break
    if depth:
        raise _refused(table, f"the parentheses of {name} do not match")
    if _is_open(found[-1], text) or _ends_in_comment(text, found[-1]):
        raise _refused(table, f"{name} ends inside a quote or a comment")
    return text


def _is_open(token: Token, text: str) -> bool:
    """Whether the quote in which the text ends is never closed."""
    mark = text[token.start]
    if mark not in "'\"`[" or token.kind == OTHER:
        return False
    whole = text[token.start : token.end]
    end = "]" if mark == "[" else mark
    return len(whole) < 2 or whole[-1] != end or (mark != "[" and whole[1:].count(mark) % 2 == 0)


def _ends_in_comment(text: str, last: Token) -> bool:
    """Whether a block comment behind the last token is never closed, so that it would swallow what comes next."""
    return count(f"SELECT {text[last.end :]}\n;SELECT 1") != 2


def _assigned(item: Backfill) -> list[str]:
    """The folded columns on the left of each `=`. Raises InvalidMigrationError where there is no such list."""
    columns: list[str] = []
    depth = 0
    is_left = True  # of an `=`
    found = tokens(item.set)
    for before, token in zip((None, *found), found, strict=False):
        if token.kind == OTHER and token.text in "()":
            depth += 1 if token.text == "(" else -1
        elif is_left and token.is_name:
            columns.append(folded(token.text))
        elif token.kind == OTHER and token.text == "=" and is_left and not depth:
            is_left = False
        elif not depth and token.kind == OTHER and token.text == ",":
            if is_left:
                break
            is_left = True
        elif is_left and not (depth and token.text == ","):
            break
        elif not depth and not is_left and token.is_word(*_CLAUSES):
            if before is not None and before.is_word("DISTINCT"):  # a IS DISTINCT FROM b
                continue
            raise _refused(
                item.table, f"set has {token.text.upper()}; to read another table, use a subquery in parentheses"
            )
    else:
        if not is_left and columns:
            return columns
    raise _refused(item.table, f"set is {item.set[:80]!r}; it is `column = expression, …`")


def _refused(table: object, why: str) -> InvalidMigrationError:
    return InvalidMigrationError(f"Backfill of {table!r}: {why}")
