"""The position of a Backfill, as the tracking table records it: a line of JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

#: The values of a rowid, or of a primary key.
Key: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class Position:
    """Rows up to the key `at` are done, None: none; the last one to be done has the key `last`. rows: how many were looked
    at."""

    table: str
    last: Key
    at: Key | None = None
    rows: int = 0

    def behind(self, key: Key, rows: int) -> Position:
        """Where it stands after so many rows more."""
        return replace(self, at=key, rows=self.rows + rows)

    def written(self) -> str:
        """As text in one line."""
        at = None if self.at is None else list(map(_written, self.at))
        return json.dumps({"table": self.table, "last": list(map(_written, self.last)), "at": at, "rows": self.rows})

    @classmethod
    def read(cls, text: str) -> Position | None:
        """From such a line; None where it is none, because somebody has altered it."""
        try:
            found = json.loads(text)
            table, rows = found["table"], found["rows"]
            last = _key(found["last"])
            at = None if found["at"] is None else _key(found["at"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        if type(table) is not str or type(rows) is not int or (at is not None and len(at) != len(last)):
            return None
        return cls(table, last, at, rows)


def _written(value: Any) -> Any:
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


def _key(values: Any) -> Key:
    if not isinstance(values, list) or not values:
        raise TypeError
    return tuple([_value(value) for value in values])


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return bytes.fromhex(value["bytes"])
    if type(value) not in (int, float, str):
        raise TypeError
    return value
