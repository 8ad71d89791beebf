"""Statements and results as Hrana writes them, in the words of libsql-client (`libsql_client.hrana.convert`)."""

from __future__ import annotations

from base64 import b64decode, b64encode

from agentdb.clients.arguments import named, shorten
from agentdb.clients.base import ResultSet
from agentdb.clients.local.error_translation import culprit
from agentdb.clients.statements import CHANGE, INSERT
from agentdb.errors import InvalidArgumentError, LimitError, StatementError
from agentdb.sql.lexer import OTHER, tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
#: Bytes that one value may have: the server sets SQLite's limit of a row to 5,000,000.
VALUE_LIMIT = 5_000_000
_NULL = {"type": "null"}
_names: dict[str, frozenset[str]] = {}


def statement(sql: str, args: Any) -> dict[str, Any]:
    """One statement with its arguments, as they come from agentdb.clients.statements. Raises InvalidArgumentError."""
    if not args:
        return {"sql": sql, "want_rows": True}
    try:
        if isinstance(args, dict):
            wanted = _parameters(sql)  # the server refuses what the statement has no parameter for; SQLite ignores it
            pairs = [{"name": name, "value": value_of(args[name])} for name in args if name in wanted]
            return {"sql": sql, "named_args": pairs, "want_rows": True}
        return {"sql": sql, "args": [value_of(value) for value in args], "want_rows": True}
    except (OverflowError, BufferError):
        raise not_bindable(sql, args) from None


def value_of(value: Any) -> dict[str, Any]:
    """One value. Raises OverflowError for an integer beyond 64 bits, BufferError for a memoryview with gaps."""
    if value is None:
        return _NULL
    if isinstance(value, str):
        return {"type": "text", "value": value}
    if isinstance(value, int):
        if not _SMALLEST <= value <= _LARGEST:
            raise OverflowError
        return {"type": "integer", "value": str(int(value))}
    if isinstance(value, float):
        return {"type": "float", "value": float(value)}
    if isinstance(value, memoryview) and not value.c_contiguous:
        raise BufferError
    return {"type": "blob", "base64": b64encode(value).decode("ascii")}


def not_bindable(sql: str, args: Any) -> InvalidArgumentError:
    """The error for arguments of which one cannot be sent."""
    name, reason = culprit(args)
    return InvalidArgumentError(f"{name} {reason} in: {shorten(sql)}", code="not_bindable")


def size_of(sql: str, args: Any) -> int:
    """Bytes of a statement with its arguments, about. Raises UnicodeEncodeError for what is no text in UTF-8."""
    size = len(sql) if sql.isascii() else len(sql.encode())
    for value in args.values() if isinstance(args, dict) else args:
        if isinstance(value, str):
            size += len(value) if value.isascii() else len(value.encode())
        elif isinstance(value, (bytes, bytearray)):
            size += len(value)
        elif isinstance(value, memoryview):
            size += value.nbytes
    return size


def check_sizes(sql: str, args: Any) -> None:
    """Raises LimitError where a value is longer than the server takes."""
    for name, value in named(args):
        size = size_of("", (value,))
        if size >= VALUE_LIMIT:
            raise LimitError(
                f"{name} has {size} bytes, and the server takes less than {VALUE_LIMIT} in: {shorten(sql)}"
            )


def _parameters(sql: str) -> frozenset[str]:
    """The names of a statement's parameters, without their marks."""
    found = _names.get(sql)
    if found is None:
        found = frozenset(
            token.text[1:] for token in tokens(sql) if token.kind == OTHER and token.text[:1] in (":", "@", "$")
        )
        if len(sql) <= 16_384:
            if len(_names) >= 1024:
                _names.clear()
            _names[sql] = found
    return found


def result_of(answer: dict[str, Any], kind: str) -> ResultSet:
    """A result, as a client of a file would give it for a statement of this kind. Raises StatementError."""
    description = [(column["name"] or "",) for column in answer["cols"]]
    tuples = [tuple([_read(value) for value in row]) for row in answer["rows"]]
    if kind != INSERT and kind != CHANGE:
        return ResultSet(description, tuples)
    affected = answer["affected_row_count"]
    rowid = answer.get("last_insert_rowid")
    return ResultSet(
        description, tuples, affected, int(rowid) if affected and rowid is not None and kind == INSERT else None
    )


def _read(value: dict[str, Any]) -> Any:
    kind = value["type"]
    if kind == "text":
        return value["value"]
    if kind == "integer":
        return int(value["value"])
    if kind == "null":
        return None
    if kind == "float":
        number = value["value"]
        if number is None:
            raise StatementError("a value is infinite, which the server cannot send")
        return float(number)
    return b64decode(value["base64"] + "==")
