"""What the store writes beside a message: its tokens, counted or estimated, the calls that it makes and answers, and the words
that a search looks for in another form."""

from __future__ import annotations

from collections.abc import Callable
from json import loads
from typing import TYPE_CHECKING, Any, TypeAlias

from agentdb.errors import TokenCounterError
from agentdb.stores.fields import MAX_TOKENS
from agentdb.stores.links import ANONYMOUS_RESULT, Links, decoded, encoded, links_of
from agentdb.stores.messages.values import NewMessage, kind_of
from agentdb.stores.token_estimate import estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentdb.clients.base import Row

#: Counts the tokens of a message for the model that the application uses; see AgentDB.open().
TokenCounter: TypeAlias = Callable[[NewMessage], int]

#: The columns that tokens, links and words are made of.
SOURCES = frozenset(("content", "tool_calls_json", "payload_json", "metadata_json", "token_count"))


def derive(row: dict[str, Any], given: Mapping[str, Any], counter: TokenCounter | None, place: str) -> None:
    """Complete the row of a new message by its tokens, links and words. `given` has the values that its columns are
    made of, `place` names the message in errors. Raises TokenCounterError."""
    payload, tool_calls, extra = given.get("payload"), given.get("tool_calls"), _extra(given.get("metadata"))
    row["links_json"] = None
    if payload is not None or tool_calls is not None or extra is not None:
        row["links_json"] = encoded(links_of(kind_of(row["role"]), row["tool_call_id"], tool_calls, payload, extra))
    if row["token_count"] is None and counter is not None:
        row["token_count"] = count(counter, _countable(row, payload, tool_calls, given.get("metadata")), place)
    counted = row["token_count"] is not None
    row["estimated_tokens"] = None if counted else estimate(row["content"], tool_calls, payload, extra)
    row["search_words"] = _search_words(row, payload, tool_calls)


def _search_words(row: Mapping[str, Any], payload: Any, tool_calls: Any) -> str | None:
    """None for plain ASCII, which the index has as a search looks for it. JSON may have escapes of other characters."""
    content, *json = row["content"], row["payload_json"], row["tool_calls_json"]
    if (content is None or (content.isascii() and "\0" not in content)) and all(
        text is None or (text.isascii() and "\\u" not in text) for text in json
    ):
        return None
    from agentdb.stores.messages.search_words import search_words

    return search_words(row, payload, tool_calls)


def derive_again(row: dict[str, Any], changes: Mapping[str, Any], counter: TokenCounter | None) -> dict[str, Any]:
    """The same for a row that changes. Where what is sent changes and a counter is there, it is counted again, unless the
    caller gave a count. Raises TokenCounterError."""
    if SOURCES.isdisjoint(changes):
        return row
    if counter is not None and "token_count" not in changes:
        row["token_count"] = None
    derive_encoded(row, counter, f"message {row['id']}")
    return row


def derive_encoded(row: dict[str, Any], counter: TokenCounter | None, place: str) -> None:
    """The same for a row whose JSON is text. Raises TokenCounterError."""
    names = {"tool_calls": "tool_calls_json", "payload": "payload_json", "metadata": "metadata_json"}
    derive(row, {name: _parsed(row[column]) for name, column in names.items()}, counter, place)


def _parsed(text: str | None) -> Any:
    return None if text is None else loads(text)


def _extra(metadata: Any) -> Any:
    return metadata.get("extra") if isinstance(metadata, dict) else None


def _countable(row: Mapping[str, Any], payload: Any, tool_calls: Any, metadata: Any) -> NewMessage:
    return NewMessage(
        role=row["role"],
        content=row["content"],
        name=row.get("name"),
        tool_call_id=row.get("tool_call_id"),
        tool_calls=tool_calls,
        metadata=metadata,
        payload=payload,
        is_summary=bool(row.get("is_summary")),
    )


def count(counter: TokenCounter, message: NewMessage, place: str) -> int:
    """What a counter says of a message. Raises TokenCounterError where it raises, or gives no count."""
    try:
        found = counter(message)
    except Exception as error:
        why = f"token_counter raised {type(error).__name__} for {place}, of role {message.role!r}"
        raise TokenCounterError(why) from error
    if isinstance(found, bool) or not isinstance(found, int):
        raise TokenCounterError(f"token_counter gave a {type(found).__name__} for {place}, of role {message.role!r}")
    if not 0 <= found <= MAX_TOKENS:
        why = "less than 0" if found < 0 else f"more than {MAX_TOKENS}"
        raise TokenCounterError(f"token_counter gave {why} for {place}, of role {message.role!r}")
    return int(found)


def links_of_row(kind: str, tool_call_id: str | None, links: str | None) -> Links | None:
    """The links of a row whose payload needs not be read: None where it neither calls nor answers."""
    if links is not None:
        return decoded(links)
    if tool_call_id is not None:
        return Links(results=(tool_call_id,))
    return ANONYMOUS_RESULT if kind == "tool" else None


def details_of(row: Row) -> tuple[Links, int]:
    """The links and the estimate of a row that has none: one that raw SQL wrote. See queries.messages.DETAILS."""
    try:
        tool_calls, payload, extra = map(_parsed, (row["tool_calls_json"], row["payload_json"], row["extra_json"]))
    except (ValueError, RecursionError):
        return Links(is_unknown=True), estimate(row["payload_json"])
    links = links_of(kind_of(row["role"]), row["tool_call_id"], tool_calls, payload, extra)
    return links, estimate(row["content"], tool_calls, payload, extra)
