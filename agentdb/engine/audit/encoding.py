"""SQL expressions that write a row as JSON, so that it can be read back value for value.

JSON has no BLOB, no infinity and one kind of number. So:

- an INTEGER is a number without point, all 64 bits of it; a REAL is a number with a point or exponent, 20 digits;
- a text is a string, a NUL in it `\\u0000`; JSON in a text column stays a string;
- a BLOB is `{"$blob": "00FF"}`, an infinity `{"$real": "Infinity"}` or `{"$real": "-Infinity"}`.

A value of SQLite is never an object, so these cannot be mistaken for one.
"""

from __future__ import annotations

from agentdb.sql.statement_tables import literal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def value(expression: str, kind: str | None) -> str:
    """A value as JSON. kind: 'text' or 'integer' where it can be nothing else but NULL.

    `|| ''` takes off the mark that a result of json() has: json_quote() would write it as an object.
    """
    if kind == "integer":
        return f"coalesce({expression}, 'null')"
    if kind == "text":
        return f"json_quote({expression} || '')"
    return (
        f"CASE typeof({expression}) WHEN 'null' THEN 'null' WHEN 'integer' THEN {expression} || '' "
        f"WHEN 'text' THEN json_quote({expression} || '') "
        f"WHEN 'real' THEN CASE {expression} WHEN 9e999 THEN '{{\"$real\":\"Infinity\"}}' "
        f"WHEN -9e999 THEN '{{\"$real\":\"-Infinity\"}}' ELSE printf('%!.20g', {expression}) END "
        f"ELSE '{{\"$blob\":\"' || hex({expression}) || '\"}}' END"
    )


def key_value(expression: str, kind: str | None) -> str:
    """A value of a key as JSON. Keys are compared as text, and SQLite's versions write control characters differently: a
    text that has some is `{"$text": "hexadecimal UTF-8"}`."""
    if kind == "integer":
        return value(expression, kind)
    special = f"instr({expression}, char(0)) OR {expression} GLOB '*[' || char(1) || '-' || char(31) || ']*'"
    if kind is None:
        special = f"typeof({expression}) = 'text' AND ({special})"
    return (
        f"CASE WHEN {special} THEN '{{\"$text\":\"' || hex({expression}) || '\"}}' ELSE {value(expression, kind)} END"
    )


def joined(parts: Sequence[str], operator: str) -> str:
    """The parts with an operator between, as a balanced tree: SQLite takes no expression nested deeper than 1,000."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({joined(parts[:middle], operator)} {operator} {joined(parts[middle:], operator)})"


def as_object(pairs: Sequence[tuple[str, str]]) -> str:
    """An object of (name, JSON)."""
    parts = [piece for name, json in pairs for piece in (_label(name), f"({json})")]
    return f"'{{' || substr({joined(parts, '||')}, 2) || '}}'"


def as_object_where(triples: Sequence[tuple[str, str, str]]) -> str:
    """An object of (condition, name, JSON), with the columns whose condition holds."""
    parts = [f"CASE WHEN {condition} THEN {_label(name)} || ({json}) ELSE '' END" for condition, name, json in triples]
    return f"'{{' || substr({joined(parts, '||')}, 2) || '}}'" if parts else "'{}'"


def as_array(items: Sequence[str]) -> str:
    """An array of JSON."""
    parts = [piece for item in items for piece in ("','", f"({item})")]
    return f"'[' || substr({joined(parts, '||')}, 2) || ']'"


def _label(name: str) -> str:
    from json import dumps  # columns are named at run time alone where a table is audited

    return literal(f",{dumps(name, ensure_ascii=False)}:")
