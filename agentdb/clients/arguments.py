"""The arguments of a statement: what can be bound, and how an error names them."""

from __future__ import annotations

from agentdb.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def check_args(args: Any, sql: str) -> Any:
    """Refuse what sqlite3 would store as something else: dates as text, NaN as NULL, any object by its adapter. And what
    would be lost on its way through JSON, or to a server: infinity.

    Returns the arguments as sqlite3 wants them (a mapping without the `:`, `@` or `$` that libsql-client allows).
    """
    if not isinstance(args, (list, tuple, dict)):
        if hasattr(args, "keys"):
            args = dict(args)
        elif isinstance(args, (str, bytes, bytearray)) or not hasattr(args, "__iter__"):
            raise InvalidArgumentError(f"arguments are a sequence or a mapping, not {type(args).__name__}")
        else:
            args = tuple(args)
    for value in args.values() if isinstance(args, dict) else args:
        if isinstance(value, float):
            if value != value:
                raise _not_bindable(args, value, "is NaN, which SQLite stores as NULL", sql)
            if value - value != 0:
                raise _not_bindable(args, value, "is infinite, which neither JSON nor a server of libSQL can hold", sql)
        elif value is not None and not isinstance(value, (int, str, bytes, bytearray, memoryview)):
            raise _not_bindable(args, value, f"is a {type(value).__name__}", sql)
    if isinstance(args, dict) and any(not isinstance(key, str) or key[:1] in (":", "@", "$") for key in args):
        for key in args:
            if not isinstance(key, str):
                raise InvalidArgumentError(f"the parameter name {key!r} is not text")
        return {key[1:] if key[:1] in (":", "@", "$") else key: value for key, value in args.items()}
    return args


def _not_bindable(args: Any, culprit: object, why: str, sql: str) -> InvalidArgumentError:
    name = next(name for name, value in named(args) if value is culprit)
    return InvalidArgumentError(f"{name} {why} in: {shorten(sql)}", code="not_bindable")


def named(args: Any) -> list[tuple[str, Any]]:
    """The arguments with the names that a person knows them by."""
    if isinstance(args, dict):
        return [(f"parameter {key!r}", value) for key, value in args.items()]
    return [(f"parameter {number}", value) for number, value in enumerate(args, 1)]


def shorten(sql: str, limit: int = 160) -> str:
    """SQL on one line, cut to `limit` characters."""
    read = 64 * limit  # of a statement of many megabytes, what is beyond is not shown
    line = " ".join(sql[:read].split()).encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= limit and len(sql) <= read else line[: limit - 1] + "…"
