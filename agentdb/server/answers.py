"""How an answer is written: JSON, and errors as JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from starlette.responses import Response

from agentdb.errors import (
    AgentDBError,
    AlreadyExistsError,
    BusyError,
    ConflictError,
    IntegrityError,
    InvalidArgumentError,
    NotFoundError,
    TransactionActiveError,
    UnreadableRowError,
)
from agentdb.stores.entity import Values
from agentdb.stores.fields import time_text

#: From the particular to the general: the first that fits.
_STATUSES: tuple[tuple[type[AgentDBError], int], ...] = (
    (NotFoundError, 404),
    (AlreadyExistsError, 409),
    (ConflictError, 409),
    (IntegrityError, 409),
    (BusyError, 503),
    (TransactionActiveError, 503),
    (UnreadableRowError, 500),
    (InvalidArgumentError, 422),
)
#: The seconds after which a client may ask again.
RETRY_AFTER = "1"


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Values):
        return value.to_dict()
    raise TypeError(f"{type(value).__name__} is no JSON")


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
_ascii = json.JSONEncoder(separators=(",", ":"), default=_plain).encode


def encoded(document: Any) -> bytes:
    """A document as JSON in UTF-8: times as text, values of stores as their fields. Half a character, which UTF-8 cannot
    hold, is escaped."""
    try:
        return _compact(document).encode()
    except UnicodeEncodeError:
        return _ascii(document).encode()


def answer(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer that holds a document."""
    return Response(encoded(document), status, headers, "application/json")


def refusal(status: int, error: str, code: str, remedy: str = "", **more: Any) -> Response:
    """An answer that says what went wrong, and what to do next."""
    headers = {"Retry-After": RETRY_AFTER} if status in (429, 503) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    said = {"error": error, "code": code} | ({"remedy": remedy} if remedy else {}) | more
    return answer(said, status, headers)


def refused(error: AgentDBError) -> Response:
    """The same of an error of agentdb. What is wrong with the database itself is for the log of the service, not for who
    asks: it may name files of this machine."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    if status == 500:
        return refusal(500, "the database cannot answer", error.code)
    more = {"message_ids": [message.id for message in error.messages]} if isinstance(error, ConflictError) else {}
    return refusal(status, error.message, error.code, error.remedy, **more)
