"""The migrations that every contender applies: one CREATE TABLE and one CREATE INDEX each, laid out as usual."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

#: id, description, statements
Planned = tuple[str, str, tuple[str, ...]]
Plan = tuple[Planned, ...]


def plan(size: int) -> Plan:
    """`size` migrations, numbered from 0001."""
    return tuple(_planned(f"{number:04}") for number in range(1, size + 1))


def _planned(id: str) -> Planned:
    table = f"item_{id}"
    return (
        id,
        f"create {table}",
        (
            f"CREATE TABLE {table} (\n"
            "    id INTEGER PRIMARY KEY,\n"
            "    name TEXT NOT NULL,\n"
            "    value TEXT,\n"
            "    created_at TEXT\n"
            ")",
            f"CREATE INDEX {table}_name ON {table} (name)",
        ),
    )


def planned(raw: Sequence[tuple[str, str, Sequence[str]]]) -> Plan:
    """A plan again, after a journey through JSON."""
    return tuple((id, description, tuple(statements)) for id, description, statements in raw)


def write_module(path: Path, lines: Sequence[str]) -> None:
    """Writes a generated Python module, one element of `lines` per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
