"""Tables that a migration rebuilds by hand, and the RebuildTable that does the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentdb.sql.lexer import OTHER, tokens
from agentdb.sql.statement_tables import Statement, folded, name_at
from agentdb.tools.schema_model import created_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class HandMadeRebuild:
    """One of them. table: its name. first: the number of the statement that begins it, from 1. drops: the number of the one
    that drops. code: of the rule. suggestion: the RebuildTable, as Python; None where it cannot be told."""

    table: str
    first: int
    drops: int
    code: str
    suggestion: str | None


def rebuilds(statements: Sequence[str | None]) -> Iterator[HandMadeRebuild]:
    """Those of one up. statements: its items, None for what is no text."""
    made: dict[str, int] = {}
    filled: dict[str, tuple[str, int]] = {}  # the new table -> the old one, and which statement
    renamed: dict[str, tuple[str, int]] = {}  # the name that the old one got -> the one that it had
    dropped: dict[str, int] = {}
    for number, sql in enumerate(statements, 1):
        if sql is None:
            continue
        statement = Statement(sql)
        name = created_table(sql)
        if name is not None:
            made[folded(name)] = number
        elif statement.verb in ("INSERT", "REPLACE") and statement.table is not None:
            for source in _sources(sql):
                filled[folded(statement.table)] = (source, number)
        elif statement.verb == "DROP TABLE" and statement.table is not None:
            old = folded(statement.table)
            dropped[old] = number
            if old in renamed:
                was, first = renamed[old]
                if made.get(was, 0) > first and filled.get(was, ("", 0))[0] == old:
                    yield HandMadeRebuild(
                        was, first, number, "rename_first", _suggested(was, statements, made[was], filled[was][1])
                    )
        elif (pair := statement.renamed_table) is not None:
            before, after = pair
            if before in made and after in dropped and filled.get(before, ("", 0))[0] == after:
                told = _suggested(after, statements, made[before], filled[before][1])
                yield HandMadeRebuild(after, made[before], dropped[after], "hand_made_rebuild", told)
            elif before not in made:
                renamed[after] = (before, number)


def _sources(sql: str) -> list[str]:
    found = tokens(sql)
    names = [name_at(found, at + 1) for at, token in enumerate(found) if token.is_word("FROM", "JOIN")]
    return [folded(found[name].text) for name in names if name is not None][:1]


def _suggested(table: str, statements: Sequence[str | None], created: int, filled: int) -> str | None:
    create, insert = statements[created - 1], statements[filled - 1]
    if create is None or insert is None:
        return None
    columns = _columns(insert)
    if columns is None:
        return None
    text = _renamed(create, table)
    pairs = ", ".join([f"{name!r}: {value!r}" for name, value in columns])
    return f'RebuildTable({table!r}, """{text}""", columns={{{pairs}}})'


def _renamed(create: str, table: str) -> str:
    """CREATE TABLE with another name."""
    found = tokens(create)
    at = next(at for at, token in enumerate(found) if token.is_word("TABLE"))
    at += 4 if found[at + 1].is_word("IF") else 1
    name = name_at(found, at)
    assert name is not None
    return f"{create[: found[name].start]}{_name(table)}{create[found[name].end :]}"


def _name(table: str) -> str:
    return table if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", table) else '"' + table.replace('"', '""') + '"'


def _columns(insert: str) -> list[tuple[str, str]] | None:
    """The columns of INSERT INTO new (…) SELECT …, each with its expression. None where they do not go together."""
    found = tokens(insert)
    at = next((at for at, token in enumerate(found) if token.is_word("INTO")), None)
    name = name_at(found, at + 1) if at is not None else None
    if name is None or name + 1 >= len(found) or found[name + 1].text != "(":
        return None
    end = next((n for n in range(name + 2, len(found)) if found[n].text == ")" and found[n].kind == OTHER), None)
    if end is None or end + 1 >= len(found) or not found[end + 1].is_word("SELECT"):
        return None
    targets = [token.text for token in found[name + 2 : end] if token.text != ","]
    values: list[str] = []
    depth, start = 0, end + 2
    for n in range(end + 2, len(found)):
        token = found[n]
        if token.kind == OTHER:
            depth += (token.text == "(") - (token.text == ")")
        if not depth and (token.is_word("FROM") or (token.text == "," and token.kind == OTHER)):
            values.append(insert[found[start].start : found[n - 1].end] if n > start else "")
            start = n + 1
            if token.is_word("FROM"):
                break
    return list(zip(targets, values, strict=True)) if len(targets) == len(values) and all(values) else None
