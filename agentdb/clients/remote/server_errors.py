"""From what a server says to what agentdb raises."""

from __future__ import annotations

import json
import re
import sqlite3

from agentdb.clients.arguments import shorten
from agentdb.clients.local.error_translation import translate
from agentdb.errors import (
    AgentDBError,
    AuthenticationError,
    BusyError,
    ClosedError,
    InvalidArgumentError,
    LimitError,
    NetworkError,
    StatementError,
    StorageError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What the server puts around the words of SQLite.
_PREFIX = re.compile(r"^(?:SQLite error|SQL input error|SQL string could not be parsed|SQLite failure): ")
_SUFFIX = re.compile(r" \(at offset \d+\)$")
_NOT_ALLOWED = (
    "Leave it out: libSQL servers refuse ATTACH, VACUUM, ANALYZE, TEMP tables and most PRAGMAs that set something."
)
#: What ends a transaction on the server, whatever it was asked last.
_LOST = frozenset(("TRANSACTION_TIMEOUT", "TRANSACTION_BUSY", "STREAM_EXPIRED", "TXN_TIMEOUT"))
_LIMITS = frozenset(("RESPONSE_TOO_LARGE", "SQLITE_TOOBIG", "BLOCKED", "SQLITE_FULL"))
#: The words of a constraint that failed, and the name that SQLite has for it.
_CONSTRAINTS = (
    ("UNIQUE constraint", "SQLITE_CONSTRAINT_UNIQUE"),
    ("NOT NULL constraint", "SQLITE_CONSTRAINT_NOTNULL"),
    ("CHECK constraint", "SQLITE_CONSTRAINT_CHECK"),
    ("FOREIGN KEY constraint", "SQLITE_CONSTRAINT_FOREIGNKEY"),
    ("cannot store ", "SQLITE_CONSTRAINT_DATATYPE"),
)
_STORAGE = {
    "SQLITE_CORRUPT": ("corrupt", "is damaged"),
    "SQLITE_IOERR": ("io_error", "cannot read or write its disk"),
    "SQLITE_CANTOPEN": ("cannot_open", "cannot open its database"),
    "SQLITE_NOTADB": ("not_a_database", "has a file that is no database"),
}


def is_lost(error: dict[str, Any]) -> bool:
    """Whether this ends a transaction, whatever was asked last."""
    return error.get("code") in _LOST


def is_busy(error: dict[str, Any]) -> bool:
    """Whether another writer has the lock, so that nothing was done."""
    return str(error.get("code")).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def statement_error(error: dict[str, Any], place: str, sql: str, args: Any) -> AgentDBError:
    """The error for what the server says of one statement. Values never go into a message."""
    code = error.get("code") or None
    text = str(error.get("message") or "the server names no reason")
    words = _SUFFIX.sub("", _PREFIX.sub("", text))
    where = f" in: {shorten(sql)}" if sql else ""
    if is_lost(error):
        return lost(place, code)
    if is_busy(error):
        return BusyError(f"{place} is locked by another writer{where}", engine_code=code)
    if code == "SQL_MANY_STATEMENTS":
        return InvalidArgumentError(f"several statements in one call{where}", code="many_statements", engine_code=code)
    if code in _LIMITS or "string or blob too big" in words:
        return LimitError(f"{place}: {words}{where}", engine_code=code)
    if code == "ARGS_INVALID":
        return InvalidArgumentError(f"{words}{where}", engine_code=code)
    if code in _STORAGE:
        own, what = _STORAGE[code]
        return StorageError(f"{place} {what}: {words}{where}", code=own, engine_code=code)
    if words.startswith("unsupported statement"):
        return StatementError(
            f"the server does not allow this{where}", code="not_allowed", remedy=_NOT_ALLOWED, engine_code=code
        )
    if "write is forbidden" in words or "read-only" in words.lower() or "not authorized" in words.lower():
        return AuthenticationError(f"{place} refuses the write{where}", code="token_read_only", engine_code=code)
    spoken = sqlite3.OperationalError(words)
    spoken.sqlite_errorname = _sqlite_name(code, words)
    found = translate(spoken, place, sql, args)
    found.engine_code = code
    return found


def _sqlite_name(code: str | None, words: str) -> str:
    if code in ("SQLITE_CONSTRAINT", "SQLITE_MISMATCH") or " constraint failed" in words:
        return next((name for start, name in _CONSTRAINTS if words.startswith(start)), "SQLITE_CONSTRAINT")
    known = ("SQLITE_INTERRUPT", "SQLITE_AUTH")
    return code if code in known else "SQLITE_ERROR"


def lost(place: str, code: str | None = None) -> ClosedError:
    """The error of a transaction that the server has rolled back."""
    why = {"TRANSACTION_TIMEOUT": ": it was open for too long", "STREAM_EXPIRED": ": it was idle for too long"}
    return ClosedError(
        f"the transaction on {place} was rolled back by the server{why.get(str(code), '')}",
        code="transaction_lost",
        engine_code=code,
    )


def said(body: bytes) -> dict[str, Any]:
    """What an answer that is no success says: `message` and `code`, however the server writes them."""
    try:
        found = json.loads(body)
    except ValueError:
        return {"message": body[:200].decode("utf-8", "replace").strip(), "code": None}
    if not isinstance(found, dict):
        return {"message": "", "code": None}
    return {"message": str(found.get("message") or found.get("error") or "")[:500], "code": found.get("code")}


def refused(status: int, error: dict[str, Any], place: str, *, has_token: bool) -> AuthenticationError:
    """The error for a 401 or a 403."""
    words = f"{error['message']} {error['code']}".lower()
    if not has_token:
        code, what = "token_missing", "asks for a token"
    elif "expired" in words:
        code, what = "token_expired", "says that the token has expired"
    elif status == 403:
        code, what = "token_read_only", "does not allow this with the token"
    else:
        code, what = "token_refused", "refuses the token"
    return AuthenticationError(f"{place} {what}", code=code, engine_code=error["code"] or f"HTTP {status}")


def no_answer(place: str, why: str) -> NetworkError:
    """The error for an answer that is none."""
    return NetworkError(f"{place} gave an answer that is not of a libSQL server: {why}")
