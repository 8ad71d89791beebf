"""A schema as an entity relationship diagram of Mermaid, which code hosts draw."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agentdb.sql.statement_tables import folded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.tools.schema_model import Column, Reference, Table


def mermaid(tables: Sequence[Table]) -> str:
    """The text of the diagram: tables grouped by set, their keys, and cardinalities."""
    ids = _ids(tables)
    lines = ["erDiagram"]
    for name in dict.fromkeys([table.set for table in tables]):
        lines.append(f"    %% {_comment(name) or 'made by no recorded migration'}")
        for table in tables:
            if table.set == name:
                lines += _table(table, ids)
    for table in tables:
        for reference in table.references:
            if folded(reference.table) in ids:
                lines.append(
                    f"    {ids[folded(reference.table)]} {_line(reference)} {ids[folded(table.name)]} : {_label(reference)}"
                )
    return "\n".join(lines) + "\n"


def _ids(tables: Sequence[Table]) -> dict[str, str]:
    """A name for each table that Mermaid takes, each its own."""
    ids: dict[str, str] = {}
    for table in tables:
        base = re.sub(r"[^A-Za-z0-9_]", "_", table.name) or "_"
        base = base if base[0].isalpha() else f"t_{base}"
        id, number = base, 1
        while id in ids.values():
            number += 1
            id = f"{base}_{number}"
        ids[folded(table.name)] = id
    return ids


def _table(table: Table, ids: dict[str, str]) -> list[str]:
    id = ids[folded(table.name)]
    head = id if id == table.name else f'{id}["{_quoted(table.name)}"]'
    if not table.columns:
        return [f"    {head}"]
    foreign = {folded(column) for reference in table.references for column in reference.columns}
    return [f"    {head} {{", *[_column(column, folded(column.name) in foreign) for column in table.columns], "    }"]


def _column(column: Column, is_foreign: bool) -> str:
    type = re.sub(r"[^A-Za-z0-9_]", "_", column.type) or "any"
    type = type if type[0].isalpha() else f"t_{type}"
    name = re.sub(r"[^A-Za-z0-9_]", "_", column.name) or "_"
    name = name if name[0].isalpha() else f"c_{name}"
    keys = ", ".join([key for key, holds in (("PK", column.key > 0), ("FK", is_foreign)) if holds])
    return f"        {type} {name}{f' {keys}' if keys else ''}"


def _line(reference: Reference) -> str:
    parent = "|o" if reference.is_optional else "||"
    child = "o|" if reference.is_single else "o{"
    return f"{parent}--{child}"


def _label(reference: Reference) -> str:
    return f'"{_quoted(", ".join(reference.columns))}"'


def _quoted(text: str) -> str:
    return _comment(text).replace('"', "'")


def _comment(text: str) -> str:
    return "".join([char if char.isprintable() else "?" for char in text])
