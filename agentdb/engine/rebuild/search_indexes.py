"""Full-text tables that keep no text of their own: they look it up in another table, by the number of its row.

SQLite does not know that they hang on it. Where the number of a row becomes another, they answer with another row's text.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentdb.errors import StatementError
from agentdb.operations.requests import execute
from agentdb.sql.lexer import OTHER, WORD, tokens
from agentdb.sql.statement_tables import folded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentdb.operations.requests import Steps

_VIRTUAL = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE %' ORDER BY name"
)


@dataclass(frozen=True)
class SearchIndex:
    """One of them. key: what it finds a row of the other table by, folded. columns: what it looks up, as written."""

    name: str
    key: str
    columns: tuple[str, ...]


def search_indexes(table: str) -> Steps[list[SearchIndex]]:
    """Those that look their text up in this table."""
    found = []
    for name, sql in (yield from execute(_VIRTUAL)).tuples:
        module, options = _arguments(sql)
        if folded(options.get("content", "")) != folded(table):
            continue
        key = options.get("content_rowid", "rowid") if module == "fts5" else "rowid"
        try:
            columns = (yield from execute("SELECT name FROM pragma_table_info(?)", (name,))).tuples
        except StatementError:  # a tokenizer that is not loaded here; what it looks up cannot be told
            columns = []
        found.append(SearchIndex(name, folded(key), tuple([column for (column,) in columns])))
    return found


def _arguments(sql: str) -> tuple[str, dict[str, str]]:
    """The module of a virtual table, and those of its options that say where its text is."""
    found = tokens(sql)
    at = next(n for n, token in enumerate(found) if n > 3 and token.is_word("USING")) + 1
    module = folded(found[at].text)
    options: dict[str, str] = {}
    for n in range(at + 2, len(found) - 2):
        begins = found[n - 1].kind == OTHER and found[n - 1].text in ("(", ",")
        if begins and found[n].kind == WORD and found[n + 1].kind == OTHER and found[n + 1].text == "=":
            name = _option(module, folded(found[n].text))
            value = found[n + 2]
            if name and not (value.kind == OTHER and value.text in (",", ")")):
                options[name] = value.text
    return module, options


def _option(module: str, written: str) -> str | None:
    if module == "fts5":  # takes the beginning of a name for the name
        return next((name for name in ("content", "content_rowid") if name.startswith(written)), None)
    return "content" if module == "fts4" and written == "content" else None
