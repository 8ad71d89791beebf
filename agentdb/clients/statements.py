"""What a caller's statement is: its SQL, its arguments, and what it needs of a connection."""

from __future__ import annotations

from agentdb.clients.arguments import check_args, shorten
from agentdb.clients.base import Statement
from agentdb.errors import InvalidArgumentError, StorageError
from agentdb.sql.lexer import TRANSACTION_CONTROL, verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeAlias

    from agentdb.clients.base import InArgs, InStatement

    #: SQL, arguments as sqlite3 takes them, and the kind of the statement.
    Prepared: TypeAlias = tuple[str, Any, str]

#: The kinds. Only the first needs no write lock; the next two count rows; PRAGMA leaves the file as it is before a write.
READ, INSERT, CHANGE, OTHER, PRAGMA = "read", "insert", "change", "other", "pragma"

_KINDS = {
    "SELECT": READ,
    "VALUES": READ,
    "EXPLAIN": READ,
    "INSERT": INSERT,
    "REPLACE": INSERT,
    "UPDATE": CHANGE,
    "DELETE": CHANGE,
    "PRAGMA": PRAGMA,
}
_PLAIN = frozenset((str, int, bytes, type(None), bool))
_PLAIN_AND_FLOAT = _PLAIN | {float}
#: PRAGMAs that only report, although they take an argument; and those that write without one.
_REPORTING = ("table_", "index_", "foreign_key_", "integrity_check", "quick_check", "collation_list", "pragma_list")
_WRITING = ("wal_checkpoint", "incremental_vacuum", "optimize")
_kinds: dict[str, str] = {}


def statement_of(stmt: InStatement, args: InArgs = None) -> tuple[str, Any]:
    """SQL and arguments of whatever names a statement. Raises InvalidArgumentError for anything else."""
    if isinstance(stmt, str):
        sql: object = stmt
    elif isinstance(stmt, Statement):
        if args:
            raise InvalidArgumentError("a Statement brings its own arguments")
        sql, args = stmt.sql, stmt.args
    elif isinstance(stmt, tuple) and len(stmt) == 1:
        sql = stmt[0]
    elif isinstance(stmt, tuple) and len(stmt) == 2:
        if args:
            raise InvalidArgumentError("a (sql, args) tuple brings its own arguments")
        sql, args = stmt
    else:
        raise InvalidArgumentError(f"a statement is SQL, (sql, args) or a Statement, not {type(stmt).__name__}")
    if not isinstance(sql, str):
        raise InvalidArgumentError(f"SQL is text, not {type(sql).__name__}")
    if args is None:
        args = ()
    if type(args) is tuple or type(args) is list:
        if _PLAIN.issuperset(map(type, args)):
            return sql, args
    elif type(args) is dict and _is_plain(args):
        return sql, args
    return sql, check_args(args, sql)


def _is_plain(args: dict[Any, Any]) -> bool:
    """Whether the names are bare, the values what SQLite stores, and no number infinite or NaN."""
    types = set(map(type, args.values()))
    if not types <= _PLAIN_AND_FLOAT:
        return False
    try:
        if not all(map(str.isidentifier, args)):
            return False
    except TypeError:  # a name is no text
        return False
    return float not in types or all(value - value == 0 for value in args.values() if type(value) is float)


def statements_of(stmts: Iterable[InStatement]) -> tuple[list[Prepared], bool]:
    """The statements of a batch, and whether one of them needs the write lock. Raises InvalidArgumentError."""
    if isinstance(stmts, (str, bytes, Statement)) or not hasattr(stmts, "__iter__"):
        raise InvalidArgumentError(f"a batch is an iterable of statements, not {type(stmts).__name__}")
    prepared: list[Prepared] = []
    writing = False
    for stmt in stmts:
        sql, values = statement_of(stmt)
        kind = kind_of(sql)
        writing = writing or kind != READ
        prepared.append((sql, values, kind))
    return prepared, writing


def kind_of(sql: str) -> str:
    """The kind of a statement.

    Raises InvalidArgumentError for BEGIN, COMMIT and their like, and for switching foreign keys off.
    """
    kind = _kinds.get(sql)
    if kind is None:
        kind = _kind_of(sql)
        if len(sql) <= 4096:
            if len(_kinds) >= 1024:
                _kinds.clear()
            _kinds[sql] = kind
    return kind


def _kind_of(sql: str) -> str:
    word = verb(sql)
    if word in TRANSACTION_CONTROL:
        raise InvalidArgumentError(
            f"{word} is not a statement for a client: {shorten(sql)}", code="transaction_control"
        )
    kind = _KINDS.get(word, OTHER)
    if kind is PRAGMA and switches_foreign_keys(sql):
        raise InvalidArgumentError(f"this switches foreign keys: {shorten(sql)}", code="foreign_keys_stay_on")
    return kind


def refuse_writing_pragma(sql: str, path: str) -> None:
    """Raises StorageError for a PRAGMA that could change a file which was opened read-only, or make it writable."""
    name, has_argument = _pragma(sql)
    name = name.rpartition("pragma")[2].rpartition(".")[2].strip(" \t\r\n\v\f'\"`[]")
    if name.startswith(_REPORTING) if has_argument else not name.startswith(_WRITING):
        return
    raise StorageError(f"{path} was opened read-only; PRAGMA {name} could change it", code="read_only")


def switches_foreign_keys(pragma: str) -> bool:
    """Whether a PRAGMA switches the enforcement of foreign keys on or off; to defer them inside a transaction does not."""
    name, has_argument = _pragma(pragma)
    return has_argument and "foreign_keys" in name.replace("defer_foreign_keys", "")


#: Switches of a connection, not of a database, with which it would no longer refuse what the schema forbids, or read a
#: schema as others do.
_SWITCHES = ("ignore_check_constraints", "writable_schema", "legacy_alter_table", "query_only", "recursive_triggers")


def switches_connection(pragma: str) -> str | None:
    """Which switch a PRAGMA sets that would stay set for whatever the connection does next; None if it sets none."""
    name, has_argument = _pragma(pragma)
    return next((switch for switch in _SWITCHES if has_argument and switch in name), None)


def pragma_with_argument(pragma: str) -> str | None:
    """What a PRAGMA sets, in lower case and without its schema; None where it only asks."""
    if "--" in pragma or "/*" in pragma:
        import re

        pragma = re.sub(r"--[^\n]*|/\*.*?(?:\*/|$)", " ", pragma, flags=re.DOTALL)
    name, has_argument = _pragma(pragma)
    if not has_argument:
        return None
    name = name.rpartition("pragma")[2].rpartition(".")[2].strip(" \t\r\n\v\f'\"`[]")
    return None if name.startswith(_REPORTING) else name


def _pragma(sql: str) -> tuple[str, bool]:
    """The text up to a PRAGMA's argument, in lower case, and whether there is one. All of it where a comment is near."""
    text = sql.lower()
    ends = [at for at in (text.find("="), text.find("(")) if at >= 0]
    if not ends or "--" in text or "/*" in text:
        return text, bool(ends)
    return text[: min(ends)], True
