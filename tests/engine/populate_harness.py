"""Filled databases, and what is in them."""

from __future__ import annotations

from typing import Any

from agentdb.clients.local.sync_client import LocalClient
from agentdb.engine.proof.row_generator import Populator


def filled(client: LocalClient, *statements: str, fixtures: Any = None) -> Populator:
    for sql in statements:
        client.execute(sql)
    populator = Populator(fixtures, ())
    populator.fill(client, "001")
    assert client.execute("PRAGMA foreign_key_check").tuples == []
    return populator


def values(client: LocalClient, column: str, table: str = "t") -> set[Any]:
    return {value for (value,) in client.execute(f"SELECT {column} FROM {table}").tuples}


def count(client: LocalClient, table: str) -> int:
    ((number,),) = client.execute(f"SELECT count(*) FROM {table}").tuples
    return int(number)


def is_shared(client: LocalClient, column: str, table: str = "t") -> bool:
    """Whether two rows have the same value there, other than NULL."""
    sql = f"SELECT 1 FROM {table} WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1"
    return bool(client.execute(sql).tuples)
