"""RebuildTable: a table that is made again with its rows kept, as an item of an up or a down.

SQLite can add, rename and drop a column, and nothing else: a new CHECK, a type, a NOT NULL, another foreign key need a
new table. Written by hand that loses, sooner or later, the rows of the children, an index, a trigger, STRICT, or the ids
that AUTOINCREMENT has promised never to give again. See agentdb.engine.rebuild.execution for what it does.
"""

from __future__ import annotations

from agentdb.engine.canonical_text import canonical, escaped, is_encodable
from agentdb.engine.item import MigrationItem
from agentdb.errors import InvalidMigrationError
from agentdb.sql.lexer import OTHER, count, has_stray_end, tokens
from agentdb.sql.statement_tables import folded, name_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from agentdb.sql.lexer import Token

#: What stands in the JSON form for its kind and its version.
KIND, VERSION = "rebuild_table", 1
#: Words that are no name of a column.
_VALUES = ("NULL", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP")


class RebuildTable(MigrationItem):
    """Make a table again and keep its rows.

    table: its name. create: the whole CREATE TABLE of the new table, under the same name. columns: {new column: SQL
    expression over the old row}; every other column of the new table is copied from the old one of its name, or, where
    there was none, has its default. Columns that `create` leaves out, and no expression reads, are gone.

    Indexes, triggers and views come back as they were; so do STRICT, WITHOUT ROWID and the sequence of AUTOINCREMENT. An
    index on a column that goes must be dropped by a statement before.

    Raises InvalidMigrationError.
    """

    without_foreign_keys = True

    table: str
    create: str
    columns: dict[str, str]

    def __init__(self, table: str, create: str, columns: Mapping[str, str] | None = None) -> None:
        if type(table) is not str or not table or "\0" in table or not is_encodable(table):
            raise _refused(table, f"the name of the table is {table!r}")
        if folded(table).startswith("sqlite_"):
            raise _refused(table, "the tables of SQLite itself cannot be rebuilt")
        if type(create) is not str:
            raise _refused(table, f"create is a {type(create).__name__}, not SQL")
        create = canonical(create)
        if "\0" in create or not is_encodable(create):
            raise _refused(table, "create holds a value that is not text")
        if count(create) != 1 or has_stray_end(create):
            raise _refused(table, "create is not one statement")
        if columns is not None and not hasattr(columns, "items"):
            raise _refused(table, f"columns is {columns!r}; it maps names to SQL expressions")
        expressions = {}
        for name, expression in (columns or {}).items():
            if type(name) is not str or not name or type(expression) is not str:
                raise _refused(table, f"columns maps {name!r} to {expression!r}; both are text")
            expression = canonical(expression)
            if count(f"SELECT {expression}") != 1 or ";" in [t.text for t in tokens(expression) if t.kind == OTHER]:
                raise _refused(table, f"what columns has for {name!r} is not one expression")
            if not expression or "\0" in name + expression or not is_encodable(name + expression):
                raise _refused(table, f"what columns has for {name!r} is not an SQL expression")
            expressions[name] = expression
        if len(set(map(folded, expressions))) < len(expressions):
            raise _refused(table, "columns has one name twice; SQLite does not tell A from a")
        self.__dict__.update(table=table, create=create, columns=expressions)
        self._name()

    def _name(self) -> tuple[int, int]:
        """Where the name stands in `create`, its schema included."""
        found = tokens(self.create)
        at = 2
        if len(found) < 4 or not (found[0].is_word("CREATE") and found[1].is_word("TABLE")):
            raise _refused(self.table, "create does not begin with CREATE TABLE")
        if found[at].is_word("IF") and found[at + 1].is_word("NOT"):
            raise _refused(self.table, "create says IF NOT EXISTS; the table is there, and is to be made again")
        where = name_at(found, at)
        if where is None or folded(found[where].text) != folded(self.table):
            raise _refused(self.table, "create makes a table of another name")
        if where > at and folded(found[at].text) != "main":
            raise _refused(self.table, f"create makes a table in {found[at].text!r}; only those of main are rebuilt")
        if where + 1 >= len(found) or found[where + 1].text != "(" or found[where + 1].kind != OTHER:
            raise _refused(self.table, "create does not list its columns after the name")
        return found[at].start, found[where].end

    def create_as(self, name: str, options: tuple[str, ...]) -> str:
        """`create` under another name (as SQL), with those table options that it does not have itself."""
        start, end = self._name()
        found = tokens(self.create)
        stop = found[-2].end if found[-1].text == ";" and found[-1].kind == OTHER else found[-1].end
        last = max([token.end for token in found if token.text == ")" and token.kind == OTHER], default=stop)
        own = [token.text.upper() for token in found if token.start >= last and token.end <= stop]
        missing = [option for option in options if option.split()[0] not in own]
        behind = self.create[end:stop]
        # Last first, so that the places of those before stay what they are.
        for token in reversed([token for token in self._qualifiers(found) if end <= token.start < stop]):
            behind = behind[: token.start - end] + name + behind[token.end - end :]
        # Behind a comment at the end nothing can follow, so the statement ends with its last token.
        return (
            self.create[:start]
            + name
            + behind
            + (", " if missing and stop > last else " " if missing else "")
            + ", ".join(missing)
        )

    def _qualifiers(self, found: list[Token]) -> list[Token]:
        """Where the table's name stands before a column's, as in CHECK (notes.stars > 0)."""
        table = folded(self.table)
        dots = {at for at, token in enumerate(found) if token.text == "." and token.kind == OTHER}
        return [
            token
            for at, token in enumerate(found)
            if token.is_name and folded(token.text) == table and at + 1 in dots and at + 3 not in dots
        ]

    @property
    def changed_table(self) -> str:
        """The table that it changes."""
        return self.table

    @property
    def renamed_columns(self) -> tuple[tuple[str, str], ...]:
        """(before, after), folded: the columns that get what another had, as it is."""
        pairs = []
        for name, expression in self.columns.items():
            found = tokens(expression)
            if len(found) != 1 or not found[0].is_name or found[0].is_word(*_VALUES):
                continue
            if expression[found[0].start] != "'":
                pairs.append((folded(found[0].text), folded(name)))
        return tuple(pairs)

    @property
    def form(self) -> dict[str, Any]:
        """What the tracking table records, as JSON."""
        return {
            "agentdb": KIND,
            "columns": self.columns,
            "create": self.create,
            "table": self.table,
            "version": VERSION,
        }

    @property
    def canonical_json(self) -> str:
        """The form in canonical JSON (RFC 8785), for the checksum."""
        ordered = sorted(self.columns.items(), key=lambda pair: pair[0].encode("utf-16-be"))
        columns = ",".join([f'"{escaped(name)}":"{escaped(expression)}"' for name, expression in ordered])
        return (
            f'{{"agentdb":"{KIND}","columns":{{{columns}}},"create":"{escaped(self.create)}",'
            f'"table":"{escaped(self.table)}","version":{VERSION}}}'
        )

    def __str__(self) -> str:
        return f"-- rebuild the table {self.table!r} as: {self.create}"

    def __hash__(self) -> int:
        return hash(self.canonical_json)


def _refused(table: object, why: str) -> InvalidMigrationError:
    return InvalidMigrationError(f"RebuildTable of {table!r}: {why}")
