"""Rows for the virtual tables that keep rows of their own: full-text tables and R-trees that nobody else fills."""

from __future__ import annotations

from agentdb.engine.proof.table_rows import insert
from agentdb.errors import AgentDBError
from agentdb.sql.lexer import QUOTED, tokens
from agentdb.sql.statement_tables import folded, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agentdb.clients.local.sync_client import LocalClient
    from agentdb.sql.lexer import Token

#: Rows that one gets: no more than a table, from which a migration may fill it anew.
_ROWS = 3
_FULL_TEXT, _BOXES = ("fts3", "fts4", "fts5"), ("rtree", "rtree_i32")

_TABLES = (
    "SELECT l.name, s.sql FROM pragma_table_list l JOIN sqlite_master s ON s.type = 'table' AND s.name = l.name "
    "WHERE l.schema = 'main' AND l.type = 'virtual' ORDER BY s.rowid"
)


class VirtualTable:
    """A virtual table, and what its module was told."""

    def __init__(self, client: LocalClient, name: str, sql: str) -> None:
        self.name = name
        self._client = client
        self._module, self._arguments = _parsed(sql)
        found = client.execute("SELECT name FROM pragma_table_xinfo(?) WHERE NOT hidden ORDER BY cid", (name,))
        #: Those that rows of it have, and the one that numbers them, if it has another name.
        self.columns = [str(column) for (column,) in found.tuples]

    @property
    def keeps_rows(self) -> bool:
        """Whether rows are written to it, and it is no index of rows that are in another table."""
        return self._module in _BOXES or (self._module in _FULL_TEXT and not self._option("content"))

    def _option(self, name: str) -> str | None:
        for argument in self._arguments:
            if len(argument) > 2 and argument[0].is_word(name.upper()) and argument[1].text == "=":
                return argument[2].text
        return None

    @property
    def is_empty(self) -> bool:
        """Whether nobody has written to it. One that does not let its rows be counted is not."""
        for table in (self.name, f"{self.name}_docsize"):  # FTS4 without content has only that
            try:
                return not self._client.execute(f"SELECT 1 FROM {quoted(table)} LIMIT 1").tuples
            except AgentDBError:
                continue
        return False

    def fill(self) -> str:
        """A few rows. Why there is none, where there is none."""
        why = ""
        for row in range(1, _ROWS + 1):
            try:
                insert(self._client, self.name, self._row(row))
            except AgentDBError as error:
                why = error.message
        return why

    def _row(self, row: int) -> dict[str, Any]:
        if self._module in _FULL_TEXT:
            texts = {column: f"{column} generated {row}" for column in self.columns}
            # Without content it cannot number them by itself, in FTS4.
            return {"rowid" if self._module == "fts5" else "docid": row, **texts}
        number = sum([argument[0].text != "+" for argument in self._arguments if argument])
        values: dict[str, Any] = {self.columns[0]: row}
        for at, column in enumerate(self.columns[1:]):
            values[column] = row + at % 2 if at + 1 < number else f"{column} {row}"
        return values


def virtual_tables(client: LocalClient) -> list[VirtualTable]:
    """All of a database."""
    return [VirtualTable(client, name, sql) for name, sql in client.execute(_TABLES).tuples]


def _parsed(sql: str) -> tuple[str, list[list[Token]]]:
    """The folded name of the module, and its arguments."""
    found = tokens(sql)
    at = next((at for at, token in enumerate(found) if token.is_word("USING")), len(found))
    if at + 1 >= len(found):
        return "", []
    arguments: list[list[Token]] = [[]]
    depth = 0
    for token in found[at + 2 :]:
        mark = "" if token.kind == QUOTED else token.text
        depth += (mark == "(") - (mark == ")")
        if mark == "," and depth == 1:
            arguments.append([])
        elif depth and not (mark == "(" and depth == 1):
            arguments[-1].append(token)
    return folded(found[at + 1].text), arguments
