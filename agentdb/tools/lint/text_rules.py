"""Rules that need only the text of one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdb.sql.lexer import OTHER, QUOTED, tokens
from agentdb.sql.statement_tables import Statement, name_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agentdb.sql.lexer import Token

    #: The code, what to say, and where in the text it stands.
    Hit = tuple[str, str, int]

#: Words that follow each other -> what they are, and the first SQLite that has it.
_PHRASES: tuple[tuple[tuple[str, ...], str, tuple[int, int]], ...] = (
    (("RETURNING",), "RETURNING", (3, 35)),
    (("MATERIALIZED",), "MATERIALIZED", (3, 35)),
    (("GENERATED", "ALWAYS"), "a generated column", (3, 31)),
    (("NULLS", "FIRST"), "NULLS FIRST", (3, 30)),
    (("NULLS", "LAST"), "NULLS LAST", (3, 30)),
    (("IS", "DISTINCT", "FROM"), "IS DISTINCT FROM", (3, 39)),
    (("IS", "NOT", "DISTINCT", "FROM"), "IS NOT DISTINCT FROM", (3, 39)),
    (("RIGHT", "JOIN"), "RIGHT JOIN", (3, 39)),
    (("RIGHT", "OUTER", "JOIN"), "RIGHT JOIN", (3, 39)),
    (("FULL", "JOIN"), "FULL JOIN", (3, 39)),
    (("FULL", "OUTER", "JOIN"), "FULL JOIN", (3, 39)),
)
_FUNCTIONS = {
    "IIF": (3, 32),
    "UNIXEPOCH": (3, 38),
    "FORMAT": (3, 38),
    "TIMEDIFF": (3, 43),
    "OCTET_LENGTH": (3, 43),
    "CONCAT": (3, 44),
    "CONCAT_WS": (3, 44),
    "STRING_AGG": (3, 44),
    "JSONB": (3, 45),
    "JSONB_SET": (3, 45),
    "JSONB_INSERT": (3, 45),
    "JSONB_EXTRACT": (3, 45),
    "JSONB_OBJECT": (3, 45),
    "JSONB_ARRAY": (3, 45),
    "JSON_PRETTY": (3, 46),
}
_REFUSED_BY_LIBSQL = frozenset(("ATTACH", "DETACH", "VACUUM", "ANALYZE"))
_SET_BY_LIBSQL = frozenset(
    (
        "JOURNAL_MODE",
        "BUSY_TIMEOUT",
        "APPLICATION_ID",
        "WRITABLE_SCHEMA",
        "CACHE_SIZE",
        "OPTIMIZE",
        "LEGACY_ALTER_TABLE",
    )
)


def text_hits(sql: str, floor: tuple[int, int], libsql: bool) -> Iterator[Hit]:
    """What the rules find in one statement."""
    found = tokens(sql)
    if not found:
        return
    yield from _conflicts(found)
    yield from _double_quoted_defaults(sql, found)
    yield from _insert_select(found)
    yield from newer_than(sql, found, floor)
    if libsql:
        yield from _refused_by_libsql(found)


def _conflicts(found: Sequence[Token]) -> Iterator[Hit]:
    for at, token in enumerate(found[:-1]):
        behind = found[at + 1]
        if token.is_word("OR", "CONFLICT") and behind.is_word("ROLLBACK"):
            yield "or_rollback", f"{token.text.upper()} ROLLBACK ends the transaction around it", token.start
        elif token.is_word("RAISE") and at + 2 < len(found) and found[at + 2].is_word("ROLLBACK"):
            yield "or_rollback", "RAISE(ROLLBACK) ends the transaction around the statement that fires it", token.start


def _double_quoted_defaults(sql: str, found: Sequence[Token]) -> Iterator[Hit]:
    """SQLite takes any name behind DEFAULT for text. Elsewhere only SQLite itself can tell; see schema_rules."""
    for at, token in enumerate(found[:-1]):
        behind = found[at + 1]
        if token.is_word("DEFAULT") and behind.kind == QUOTED and sql[behind.start] == '"':
            yield "double_quoted_string", f'DEFAULT "{behind.text}" is text in double quotes', behind.start


def _insert_select(found: Sequence[Token]) -> Iterator[Hit]:
    for at, token in enumerate(found):
        if (
            not token.is_word("INTO")
            or not at
            or not any(one.is_word("INSERT", "REPLACE") for one in found[max(0, at - 3) : at])
        ):
            continue
        name = name_at(found, at + 1)
        if name is None:
            continue
        behind = name + 1
        if behind < len(found) and found[behind].is_word("AS"):
            behind += 2
        if behind < len(found) and found[behind].is_word("SELECT", "WITH"):
            yield (
                "insert_select_without_columns",
                f"INSERT INTO {found[name].text} SELECT names no columns",
                token.start,
            )


def newer_than(sql: str, found: Sequence[Token], floor: tuple[int, int]) -> Iterator[Hit]:
    """What an older SQLite does not know."""
    for what, version, start in _features(sql, found):
        if version > floor:
            shown = ".".join(map(str, version))
            yield (
                "newer_than_floor",
                f"{what} needs SQLite {shown}, and the floor is {'.'.join(map(str, floor))}",
                start,
            )


def _features(sql: str, found: Sequence[Token]) -> Iterator[tuple[str, tuple[int, int], int]]:
    for at, token in enumerate(found):
        for words, what, version in _PHRASES:
            if token.is_word(words[0]) and all(
                at + n < len(found) and found[at + n].is_word(word) for n, word in enumerate(words)
            ):
                # A column may have such a name, which then follows a comma or a dot, or is alone in front of one.
                if words == ("RETURNING",) and (not at or found[at - 1].text in (",", ".", "(")):
                    continue
                yield what, version, token.start
        is_called = at + 1 < len(found) and found[at + 1].text == "(" and found[at + 1].kind == OTHER
        if token.kind == "word" and is_called and token.text.upper() in _FUNCTIONS:
            yield f"{token.text.lower()}()", _FUNCTIONS[token.text.upper()], token.start
        if sql.startswith("->", token.start) and token.kind == OTHER:
            yield "the operator ->", (3, 38), token.start
    statement = Statement(sql)
    if statement.verb == "ALTER DROP":
        yield "DROP COLUMN", (3, 35), 0
    if statement.renamed_column is not None:
        yield "RENAME COLUMN", (3, 25), 0
    if statement.verb == "UPSERT":
        yield "ON CONFLICT DO UPDATE", (3, 24), 0
    if found[0].is_word("CREATE") and len(found) > 1 and found[1].is_word("TABLE"):
        depth = 0
        for token in found:
            depth += (token.text == "(") - (token.text == ")") if token.kind == OTHER else 0
            if not depth and token.is_word("STRICT"):
                yield "a STRICT table", (3, 37), token.start


def _refused_by_libsql(found: Sequence[Token]) -> Iterator[Hit]:
    first = found[0]
    if first.text.upper() in _REFUSED_BY_LIBSQL:
        yield "libsql_refuses", f"a libSQL server refuses {first.text.upper()}", first.start
    elif first.is_word("CREATE") and len(found) > 1 and found[1].is_word("TEMP", "TEMPORARY"):
        yield "libsql_refuses", "a libSQL server refuses TEMP tables", first.start
    elif first.is_word("PRAGMA") and any(one.text.upper() in _SET_BY_LIBSQL for one in found[1:4]):
        yield "libsql_refuses", f"a libSQL server refuses PRAGMA {found[1].text}", first.start
