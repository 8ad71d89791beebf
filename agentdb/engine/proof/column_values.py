"""Which values the CHECKs of a table allow: tried out, on values that are made for the kind of column or stand in the CHECKs.

The CHECKs are asked, not understood: each is run by SQLite itself on candidates, in a scratch database.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, product

from agentdb.errors import AgentDBError
from agentdb.sql.lexer import OTHER, QUOTED, tokens
from agentdb.sql.statement_tables import folded, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from agentdb.clients.local.sync_client import LocalClient

#: How many combinations of candidates are tried for columns that depend on each other, and how many answers are kept.
_TRIED, _KEPT = 60_000, 16
#: How many of them where SQLite cannot be asked for all at once.
_ONE_BY_ONE = 500
_INTEGERS = (1, 0, 2, 3, 10, 100, -1)
_REALS = (0.5, 1.0, 0.0, 100.0, -1.0)
_TEXTS = (
    *[f"generated-{number}" for number in range(1, _KEPT + 1)],  # no migration names such a row
    *("a", "b", "c", "d", "[]", "{}", '["a"]', '{"a": 1}', "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05Z"),
    *("2026-01-02 03:04:05", "2026-01-02", "03:04:05", "0b5ff2f6-5b0c-4a55-8a87-9d1dd4f4a0aa", "a@example.com"),
    *("https://example.com/a", "/a", "en", "EUR", "#00ff00", "1.0.0", "A", "aaaaaaaa", "0", "1", "", "null"),
)
_BLOBS = (b"\x00\x01", b"", b"{}")


@dataclass(frozen=True)
class Column:
    """A column that can be given a value. `references`: the keys there are to refer to, where it alone is a foreign key."""

    name: str
    type: str
    nullable: bool
    references: tuple[Any, ...] | None = None


def checks_of(sql: str) -> list[str]:
    """The expressions of all CHECKs in a CREATE TABLE."""
    found = tokens(sql)
    checks = []
    for at, token in enumerate(found[:-1]):
        if token.is_word("CHECK") and found[at + 1].text == "(":
            depth = 0
            for closing in found[at + 1 :]:
                if closing.kind == OTHER:
                    depth += (closing.text == "(") - (closing.text == ")")
                    if not depth:
                        checks.append(sql[found[at + 1].end : closing.start])
                        break
    return checks


class Domains:
    """The values of one table's columns, row by row."""

    def __init__(
        self, scratch: LocalClient, table: str, columns: Sequence[Column], checks: Sequence[str], bound: frozenset[str]
    ) -> None:
        """bound: folded names of columns whose values come from elsewhere; CHECKs on them are left to the INSERT."""
        self._scratch = scratch
        self._table = table
        by_name = {folded(column.name): column for column in columns}
        #: (columns, allowed values together), and why there are none where there are none.
        self.groups: list[tuple[list[Column], list[tuple[Any, ...]]]] = []
        self.trouble: list[str] = []
        for names, texts in _related([(names_in(check) & (by_name.keys() | bound), check) for check in checks], bound):
            self._solve([by_name[name] for name in by_name if name in names], texts)

    def _solve(self, columns: list[Column], checks: list[str]) -> None:
        share = max(3, int(_TRIED ** (1 / len(columns))))
        tried = [candidates(column, checks)[:share] for column in columns]
        # As a condition each stops where its answer is clear, as a CHECK does; NULL is no violation.
        allowed = " AND ".join([f"CASE WHEN NOT ({check}\n) THEN 0 ELSE 1 END" for check in checks])
        try:
            found = self._ask(columns, tried, allowed, 2000)
        except AgentDBError as error:  # a function that refuses one of the values: ask for each alone
            found = []
            for values in islice(product(*tried), _ONE_BY_ONE):
                try:
                    found += self._ask(columns, [[value] for value in values], allowed, 1)
                except AgentDBError:
                    continue
            if not found:
                self.trouble.append(error.message)
        if not found and not self.trouble:
            self.trouble.append(f"no value was found that CHECK ({' '.join(checks[0].split())}) allows")
        self.groups.append((columns, _varied(found)))

    def _ask(self, columns: list[Column], tried: list[list[Any]], allowed: str, limit: int) -> list[tuple[Any, ...]]:
        """Which of the combinations are allowed. The values stand in columns of their kind, which may change them."""
        tables = [f"c{number}" for number in range(len(columns))]
        names = ", ".join([f"{table}.{quoted(column.name)}" for table, column in zip(tables, columns, strict=True)])
        # In an order of no meaning, or the first value of the first column would stand in all of them.
        mixed = " + ".join([f"{table}.rowid * {7919 + 104729 * number}" for number, table in enumerate(tables)])
        try:
            for table, column, values in zip(tables, columns, tried, strict=True):
                self._scratch.execute(f"CREATE TABLE {table} ({quoted(column.name)} {column.type})")
                self._scratch.batch([(f"INSERT INTO {table} VALUES (?)", (value,)) for value in values])
            found = self._scratch.execute(
                f"SELECT * FROM (SELECT {names}, ({mixed}) % 1009 AS agentdb_mixed FROM {', '.join(tables)}) "
                f"AS {quoted(self._table)} WHERE {allowed} {'ORDER BY agentdb_mixed' if len(tables) > 1 else ''} "
                f"LIMIT {limit}"
            )
            return [row[:-1] for row in found.tuples]
        finally:
            for table in tables:
                self._scratch.execute(f"DROP TABLE IF EXISTS {table}")

    @property
    def variety(self) -> int:
        """How many rows it takes to see every value that was found."""
        return max([len(found) for _, found in self.groups], default=0)

    def constrained(self, row: int, shift: int) -> dict[str, Any]:
        """Values of the columns that CHECKs speak of, for this row; another `shift` gives others."""
        values: dict[str, Any] = {}
        for columns, found in self.groups:
            if found:
                values.update(zip([column.name for column in columns], found[(row + shift) % len(found)], strict=True))
        return values


def names_in(sql: str) -> set[str]:
    """The folded names of all sorts in a piece of SQL."""
    return {folded(token.text) for token in tokens(sql) if token.is_name and sql[token.start] != "'"}


def _related(checks: Sequence[tuple[set[str], str]], bound: frozenset[str]) -> list[tuple[set[str], list[str]]]:
    """CHECKs that speak of the same columns, together."""
    groups: list[tuple[set[str], list[str]]] = []
    for names, text in checks:
        if not names or not names.isdisjoint(bound):
            continue
        joined, texts = set(names), [text]
        for group in [group for group in groups if not group[0].isdisjoint(names)]:
            groups.remove(group)
            joined |= group[0]
            texts = group[1] + texts
        groups.append((joined, texts))
    return groups


def candidates(column: Column, checks: Sequence[str] = ()) -> list[Any]:
    """Values worth a try: those that stand in the CHECKs, then those of its kind, then NULL."""
    kind = column.type.upper()
    found: list[Any] = []
    if column.references is not None:
        found += column.references
    else:
        numbers, texts = _literals(checks)
        lengths = ["x" * number for number in numbers if 0 <= number <= 5000]
        if "INT" in kind or kind == "BOOLEAN":
            found += [*numbers, *_INTEGERS]
        elif any(word in kind for word in ("CHAR", "CLOB", "TEXT")):
            found += [*texts, *_TEXTS, *lengths]
        elif "BLOB" in kind:
            found += [*_BLOBS, *[length.encode() for length in lengths], *texts, *numbers]
        elif any(word in kind for word in ("REAL", "FLOA", "DOUB")):
            found += [*map(float, numbers), *_REALS]
        else:
            found += [*texts, *numbers, *_INTEGERS, *_TEXTS, *_REALS, *_BLOBS, *lengths]
    if column.nullable:
        found.insert(min(2, len(found)), None)
    return list({(type(value), value): value for value in found}.values())


def _literals(checks: Sequence[str]) -> tuple[list[int], list[str]]:
    numbers: list[int] = []
    farther: list[int] = []  # where the column is unique, more than one are wanted beyond a limit
    texts: list[str] = []
    for check in checks:
        for token in tokens(check):
            if token.kind == QUOTED and check[token.start] == "'":
                texts.append(token.text)
            elif token.kind == OTHER and token.text.isdigit() and len(token.text) < 15:
                number = int(token.text)
                numbers += [number, number + 1, number - 1, -number]
                farther += [number + 2, number + 3, number + 5, number + 8, number - 2, number - 3]
    return numbers + farther, texts


def _varied(found: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """A few of them, those first that show a value which none before has shown."""
    seen: set[tuple[int, Any]] = set()
    fresh: list[tuple[Any, ...]] = []
    others: list[tuple[Any, ...]] = []
    for values in found:
        marks = {(at, (type(value), value)) for at, value in enumerate(values)}
        (others if marks <= seen else fresh).append(values)
        seen |= marks
    return [*fresh, *others][:_KEPT]


def free_value(column: Column, row: int, shift: int) -> Any:
    """A value for a column that no CHECK speaks of: of its kind, and another for every number of a row."""
    kind, number = column.type.upper(), row + 1 + 1000 * shift
    if "INT" in kind:
        return number
    if "BOOL" in kind:
        return row % 2
    if "BLOB" in kind:
        return f"{column.name} {number}".encode()
    if any(word in kind for word in ("REAL", "FLOA", "DOUB", "NUM", "DEC")):
        return number + 0.5
    return f"{column.name} {number}"
