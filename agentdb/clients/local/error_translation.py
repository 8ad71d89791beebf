"""From what sqlite3 raises to what agentdb raises."""

from __future__ import annotations

import os
import sqlite3

from agentdb.clients.arguments import named, shorten
from agentdb.clients.location import MEMORY
from agentdb.errors import (
    AgentDBError,
    BusyError,
    ClosedError,
    IntegrityError,
    InvalidArgumentError,
    StatementError,
    StorageError,
)
from agentdb.sql.lexer import keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What stdlib sqlite3 is known to raise from execute(): Warning for two statements (3.10 to 3.11), ValueError for NUL
#: characters, UnicodeEncodeError (a ValueError) for lone surrogates, OverflowError for integers beyond 64 bits,
#: BufferError for a memoryview with gaps.
FAULTS = (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, BufferError)

_STORAGE = {
    "NOTADB": ("not_a_database", "{path} is not a SQLite database"),
    "CORRUPT": ("corrupt", "{path} is damaged"),
    "READONLY": ("read_only", "{path} cannot be written"),
    "FULL": ("disk_full", "the disk of {path} is full"),
    "IOERR": ("io_error", "reading or writing {path} failed"),
    "CANTOPEN": ("cannot_open", "{path} (or the -wal and -shm files beside it) cannot be opened"),
    "PERM": ("cannot_open", "{path} cannot be opened"),
    "NOLFS": ("disk_full", "{path} is larger than its file system allows"),
}
_WAL_UNAVAILABLE = ("wal_unavailable", "the -shm file of {path} cannot be shared or locked here")
_UNFINISHED = (
    "recovery_needed",
    "{path} was left in the middle of a write, which only a user who may write the file and its folder can roll back",
)
#: What it means that a file is read-only, where SQLite says more than that.
_READ_ONLY = {
    "SQLITE_READONLY_ROLLBACK": _UNFINISHED,
    "SQLITE_READONLY_RECOVERY": _UNFINISHED,
    "SQLITE_READONLY_DBMOVED": (
        "file_replaced",
        "{path} was deleted or renamed while it was open. Nothing was written",
    ),
}
_OUTSIDE = (
    "VACUUM runs outside a transaction only: in a migration of its own with use_transaction=False, or with execute() on the "
    "client."
)
#: Functions that an SQLite which agentdb runs on may lack, and the version that brought them.
_FUNCTIONS = {
    "unixepoch": "3.38.0",
    "format": "3.38.0",
    "unhex": "3.41.0",
    "octet_length": "3.43.0",
    "timediff": "3.43.0",
    "string_agg": "3.44.0",
    "concat": "3.44.0",
    "concat_ws": "3.44.0",
    "jsonb": "3.45.0",
    "jsonb_array": "3.45.0",
    "jsonb_extract": "3.45.0",
    "jsonb_group_array": "3.45.0",
    "jsonb_group_object": "3.45.0",
    "jsonb_insert": "3.45.0",
    "jsonb_object": "3.45.0",
    "jsonb_patch": "3.45.0",
    "jsonb_remove": "3.45.0",
    "jsonb_replace": "3.45.0",
    "jsonb_set": "3.45.0",
    "json_pretty": "3.46.0",
    "if": "3.48.0",
    "unistr": "3.50.0",
    "unistr_quote": "3.50.0",
}
#: A value of the wrong type in a STRICT table; the sqlite3 module of some Pythons has no name for it.
_CONSTRAINT_DATATYPE = 3091
_CONSTRAINTS = {
    "FOREIGNKEY": "foreign_key",
    "UNIQUE": "unique",
    "PRIMARYKEY": "unique",
    "ROWID": "unique",
    "NOTNULL": "not_null",
    "CHECK": "check",
}


def translate(error: Exception, path: str, sql: str = "", args: Any = ()) -> AgentDBError:
    """The agentdb error for what sqlite3 raised. Values never go into a message: they are somebody's conversation."""
    error = redacted(error, sql, args)
    engine_code = getattr(error, "sqlite_errorname", None)
    where = f" in: {shorten(sql)}" if sql else ""
    if _is_of_a_damaged_schema(error, sql):
        text = "its schema cannot be read" if isinstance(error, UnicodeDecodeError) else str(error)
        return StorageError(
            f"{path} is damaged: {text.partition(' with text ')[0]}{where}", code="corrupt", engine_code=engine_code
        )
    if engine_code is None:
        return _misuse(error, where, args)
    if getattr(error, "sqlite_errorcode", None) == _CONSTRAINT_DATATYPE:
        engine_code = "SQLITE_CONSTRAINT_DATATYPE"
    family, _, detail = engine_code.removeprefix("SQLITE_").partition("_")
    if family in ("BUSY", "LOCKED"):
        return BusyError(f"{path} is locked by another writer{where}", engine_code=engine_code)
    if family == "PROTOCOL" or detail.startswith("SHM"):
        code, text = _STORAGE["FULL"] if _is_full(path) else _WAL_UNAVAILABLE
        return StorageError(f"{text.format(path=path)}: {error}{where}", code=code, engine_code=engine_code)
    if engine_code in _READ_ONLY:
        code, text = _READ_ONLY[engine_code]
        return StorageError(f"{text.format(path=path)}{where}", code=code, engine_code=engine_code)
    if family in ("FULL", "IOERR", "CANTOPEN") and _is_vacuum(sql) and not _is_full(path):
        return StorageError(
            f"the folder for SQLite's temporary files is full, or this user may not write there: {error}{where}",
            code="temp_folder_full",
            engine_code=engine_code,
        )
    if family in _STORAGE:
        code, text = _STORAGE[family]
        if code == "io_error" and _is_full(path):
            code, text = _STORAGE["FULL"]
        elif code in ("cannot_open", "io_error") and _is_only_readable(path):
            code, text = _STORAGE["READONLY"]
        return StorageError(f"{text.format(path=path)}: {error}{where}", code=code, engine_code=engine_code)
    if family == "CONSTRAINT":
        return IntegrityError(f"{error}{where}", code=_CONSTRAINTS.get(detail, "constraint"), engine_code=engine_code)
    if str(error).startswith("no such collation sequence: "):
        return StatementError(
            f"{error}{where}",
            remedy="Register it on every connection: open the database with on_connect=…, or --on-connect on the command line.",
            engine_code=engine_code,
        )
    if str(error).startswith(("no such module: ", "no such tokenizer: ")):
        part = str(error).removeprefix("no such ").replace(": ", " ")
        message = f"this SQLite, {sqlite3.sqlite_version}, was built without the {part}{where}"
        return StatementError(message, code="module_missing", engine_code=engine_code)
    text = str(error)
    if text.startswith("no such function: "):
        return StatementError(f"{text}{where}", code="statement_failed", remedy=_since(text), engine_code=engine_code)
    if text.startswith("cannot VACUUM from within"):
        return StatementError(f"{text}{where}", remedy=_OUTSIDE, engine_code=engine_code)
    code = {"AUTH": "not_allowed", "INTERRUPT": "interrupted", "TOOBIG": "too_big"}.get(family, "statement_failed")
    return StatementError(f"{error}{where}", code=code, engine_code=engine_code)


def redacted(error: Exception, sql: str, args: Any) -> Exception:
    """The same, without what it quotes of a row or of an argument: a text that is no UTF-8, an expression of FTS5, a path in
    JSON, the name of a file. It is the cause of what is raised, and so it gets into logs."""
    text = str(error)
    head, found, _ = text.partition(" with text ")
    if found:
        return _shorter(error, head)
    if not args or getattr(error, "sqlite_errorname", None) not in ("SQLITE_ERROR", "SQLITE_CANTOPEN"):
        return error
    given = [
        bytes(value).decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else str(value)
        for _, value in named(args)
        # What SQLite could not hold, it cannot quote; and Python writes no integer of some thousand digits.
        if isinstance(value, (str, bytes, bytearray, float)) or (isinstance(value, int) and abs(value) < 2**64)
    ]
    for mark in (' near "', " near '", ': "', ": '", ": "):
        head, found, rest = text.partition(mark)
        quoted = rest.strip("\"' ")
        if mark[-1] in "\"'":
            quoted = rest.rpartition(mark[-1])[0] or quoted
        if found and quoted and quoted not in sql and any(quoted in value for value in given):
            return _shorter(error, head)
    return error


def _shorter(error: Exception, text: str) -> Exception:
    fresh = type(error)(text)
    for name in ("sqlite_errorcode", "sqlite_errorname"):
        if hasattr(error, name):
            setattr(fresh, name, getattr(error, name))
    return fresh


def _is_vacuum(sql: str) -> bool:
    return keyword(sql) == "VACUUM" and " into " not in f" {' '.join(sql.lower().split())} "


def _since(text: str) -> str | None:
    """What to do about a function that is missing; None where no version of SQLite is known to have it."""
    version = _FUNCTIONS.get(text.removeprefix("no such function: ").lower())
    if version is None:
        return None
    have = sqlite3.sqlite_version
    if tuple(map(int, have.split("."))) >= tuple(map(int, version.split("."))):
        return f"SQLite has it since {version}, and this is {have}, but built without it: use another way to say it."
    return f"SQLite has it since {version}, and this Python uses {have}: run one with a newer SQLite, or say it in another way."


def _is_of_a_damaged_schema(error: Exception, sql: str) -> bool:
    """SQLite says SQLITE_ERROR, as of a wrong statement, of a schema of an unknown format; and where it quotes bytes that are
    not UTF-8, sqlite3 cannot even make the message."""
    if isinstance(error, UnicodeDecodeError):
        return True
    text = str(error)
    if text.startswith(("unsupported file format", "malformed database schema")):
        return True
    if text.startswith("Could not decode to UTF-8"):  # of a row it is the statement's matter, of the schema the file's
        lowered = sql.lower()
        return any(name in lowered for name in ("sqlite_master", "sqlite_schema", "pragma"))
    return False


def _misuse(error: Exception, where: str, args: Any) -> AgentDBError:
    """What the sqlite3 module refuses before SQLite sees it; it has no error codes, only words."""
    text = str(error)
    if "one statement at a time" in text:
        return InvalidArgumentError(f"several statements in one call{where}", code="many_statements")
    if "closed database" in text:
        return ClosedError("the connection is closed")
    if isinstance(error, (OverflowError, UnicodeEncodeError, BufferError)):
        name, reason = culprit(args)
        return InvalidArgumentError(f"{name} {reason}{where}", code="not_bindable")
    if isinstance(error, sqlite3.Error) and not isinstance(error, (sqlite3.ProgrammingError, sqlite3.InterfaceError)):
        # A column that is no UTF-8 is quoted with its value.
        return StatementError(f"{text.partition(' with text ')[0]}{where}")
    return InvalidArgumentError(f"{text}{where}")


def culprit(args: Any) -> tuple[str, str]:
    for name, value in named(args):
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return name, "is an integer that does not fit in 64 bits"
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError as error:
                return name, f"holds a lone surrogate at index {error.start}, which is not text in UTF-8"
        if isinstance(value, memoryview) and not value.c_contiguous:
            return name, "is a memoryview with gaps; make it bytes"
    return "the SQL", "holds a character that is not text in UTF-8"


def _is_only_readable(path: str) -> bool:
    """Whether this user lacks nothing but the right to write the file, or to create it: SQLite does not tell."""
    if path == MEMORY:
        return False
    if os.path.exists(path):
        if not os.access(path, os.R_OK):
            return False
        if not os.access(path, os.W_OK):
            return True
    return not os.access(os.path.dirname(path), os.W_OK)


def _is_full(path: str) -> bool:
    """Whether an I/O error is in truth a full disk: extending -shm or -wal fails with IOERR, not with FULL."""
    if path == MEMORY or not hasattr(os, "statvfs"):
        return False
    try:
        disk = os.statvfs(os.path.dirname(path))
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < 65_536
