"""The things that a schema consists of, and the difference between two schemas."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from agentdb.engine.audit.state import PREFIX
from agentdb.engine.schema_text import normalized
from agentdb.operations.requests import execute
from agentdb.sql.statement_tables import folded, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Literal, TypeAlias

    from agentdb.operations.requests import Steps

    #: (type, folded name) -> the thing.
    Schema: TypeAlias = "Mapping[tuple[str, str], SchemaObject]"
    Change: TypeAlias = Literal["missing", "unexpected", "changed"]

# The names of the shadow tables of FTS and R-tree are taken from SQLite: they come and go with their table.
_OBJECTS = (
    "SELECT m.type, m.name, m.tbl_name, m.sql FROM sqlite_master AS m WHERE m.sql IS NOT NULL "
    "AND m.name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY m.rowid"
)
_SHADOWS = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'"
#: In this order things are dropped, and in the reverse order they are made.
_ORDER = ("trigger", "view", "index", "table")


@dataclass(frozen=True)
class SchemaObject:
    """A table, index, view or trigger: type, name, the table that it belongs to, and its SQL."""

    type: str
    name: str
    table: str
    sql: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others of one schema."""
        return self.type, folded(self.name)


@dataclass(frozen=True)
class Difference:
    """One thing in which a database differs from its migrations.

    change: `missing` in the database, `unexpected` there, or `changed`. expected: its SQL after the migrations, None where
    it is unexpected. actual: its SQL in the database, None where it is missing.
    """

    type: str
    name: str
    table: str
    change: Change
    expected: str | None
    actual: str | None

    def __str__(self) -> str:
        return f"{self.type} {self.name}: {self.change}"

    @property
    def sql(self) -> str:
        """SQL that shows the difference, and repairs it where that is safe.

        A missing thing is created. An index, view or trigger that is unexpected or changed is dropped, and made again.
        What would touch the rows of a table is a comment.
        """
        drop = f"DROP {self.type.upper()} {quoted(self.name)};"
        if self.change == "missing":
            return f"{self.expected};"
        if self.type == "table":
            head = f"-- table {self.name} is {self.change}; in the database it is:\n{_commented(self.actual)}"
            tail = f"\n-- after the migrations it is:\n{_commented(self.expected)}" if self.expected is not None else ""
            return head + tail
        head = f"-- in the database it is:\n{_commented(self.actual)}\n{drop}"
        return head if self.expected is None else f"{head}\n{self.expected};"


def _commented(sql: str | None) -> str:
    return "\n".join([f"--   {line}" for line in (sql or "").split("\n")])


def read_objects(
    without_tables: Collection[str] = (), ignore: Iterable[str] = ()
) -> Steps[dict[tuple[str, str], SchemaObject]]:
    """What a database has, without SQLite's own tables, shadow tables and the triggers of the audit trail.

    without_tables: tracking tables, which are left out with their indexes and triggers. ignore: patterns as of a shell, of
    names of tables, which are left out in the same way, and of other things.
    """
    left_out = {folded(name) for name in without_tables}
    left_out |= {folded(name) for (name,) in (yield from execute(_SHADOWS)).tuples}
    patterns = [folded(pattern) for pattern in ignore]
    found = [SchemaObject(*row) for row in (yield from execute(_OBJECTS)).tuples]
    return {
        one.key: one
        for one in found
        if folded(one.name) not in left_out and folded(one.table) not in left_out
        if not (one.type == "trigger" and one.name.startswith(PREFIX))
        if not any(fnmatchcase(folded(name), pattern) for pattern in patterns for name in (one.name, one.table))
    }


def differences(expected: Schema, actual: Schema) -> tuple[Difference, ...]:
    """The things in which two schemas differ: tables first, each kind by name."""
    found = [
        Difference(one.type, one.name, one.table, "missing", one.sql, None)
        for key, one in expected.items()
        if key not in actual
    ]
    for key, one in actual.items():
        other = expected.get(key)
        if other is None:
            found.append(Difference(one.type, one.name, one.table, "unexpected", None, one.sql))
        elif one.sql != other.sql and normalized(one.sql) != normalized(other.sql):
            found.append(Difference(one.type, one.name, one.table, "changed", other.sql, one.sql))
    return tuple(sorted(found, key=lambda one: (-_ORDER.index(one.type), folded(one.name))))
