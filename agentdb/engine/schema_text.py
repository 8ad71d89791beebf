"""The SQL of one thing in a schema, for comparison."""

from __future__ import annotations

from functools import lru_cache

from agentdb.sql.lexer import OTHER, QUOTED, tokens
from agentdb.sql.statement_tables import quoted


@lru_cache(maxsize=4096)
def normalized(sql: str) -> str:
    """The SQL without white space, comments, and quotes around names. A rename, as that of a rebuild, puts those around the
    table's name wherever it stands; a virtual table's own have them from the beginning."""
    found = tokens(sql)
    named = next((at + 1 for at, token in enumerate(found[:3]) if token.is_word("TABLE")), None)
    parts = []
    for at, token in enumerate(found):
        is_text = token.kind == QUOTED and sql[token.start] == "'" and at != named
        if is_text or token.kind == OTHER:
            parts.append(sql[token.start : token.end])
        else:
            parts.append(token.text if token.text.isidentifier() else quoted(token.text))
    return " ".join(parts)
