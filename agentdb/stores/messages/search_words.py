"""What a search needs beside the texts of a message: the words that people write in several ways, in one form.

SQL takes the texts out of a row (the view `message_texts`), and compares without case. It knows no other equivalence. So the
store adds the folded form of each word whose form it is not: a search looks for folded words alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from agentdb.stores.fields import JSON
from agentdb.stores.folded_words import add_other_forms, behind_length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_parse: Callable[[str], Any] = JSON.decode  # type: ignore[assignment]
#: Fields that tell a program what something is: see `message_texts`.
_SILENT = re.compile(
    r"[Tt]ype\Z|kind\Z|ignature|ncrypted"
    r"|\A(?:role|status|state|object|model|finish_reason|finishReason|stop_reason|stopReason)\Z"
)
_ID = re.compile(r"\Aid\Z|_id\Z|Id\Z|ID\Z|[Uu][Uu][Ii][Dd]\Z")
_BYTES = re.compile(
    r"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=[^0-9]*[0-9])[A-Za-z0-9+/=_-]{60}[A-Za-z0-9+/=_\n\r-]{68,}\Z",
)
_DATA_URL = re.compile(r"data:.*base64,", re.DOTALL)


def search_words(row: Mapping[str, Any], payload: Any, tool_calls: Any) -> str | None:
    """The words of a row whose folded form is not in its texts, behind the length of the texts; None where there is none.

    `payload` and `tool_calls` are what the JSON of the row says.
    """
    shown, nul, hidden = (row["content"] or "").partition("\0")
    # SQLite measures to the first NUL character.
    length = len(shown) + len(row["payload_json"] or "") + len(row["tool_calls_json"] or "")
    words: dict[str, None] = {}
    # SQLite's tokenizer stops at a NUL character: the words before one begin no trigram, those behind it are not read.
    add_other_forms(words, shown, everything=bool(nul))
    add_other_forms(words, hidden, everything=True)
    for value in (payload, tool_calls):
        if value is not None:
            for text, is_shown in strings_of(value):
                nul = nul or ("\0" if "\0" in text else "")
                add_other_forms(words, text, everything=bool(nul) or not (is_shown or text.isascii()))
    return behind_length(length, words)


def strings_of(value: Any) -> Iterator[tuple[str, bool]]:
    """The strings and integers of parsed JSON that say something, those of JSON inside a string too, in their order.
    Of each, whether SQL takes it out as it is: it reads JSON in JSON, and no deeper.

    The rule is that of the view `message_texts`.
    """
    left: list[tuple[str | None, Any, int]] = [
        (None, value, 0)
    ]  # not recursive: JSON may be nested deeper than Python's stack
    while left:
        key, item, depth = left.pop()
        if isinstance(item, dict):
            left += reversed([(name, each, depth) for name, each in item.items()])
        elif isinstance(item, (list, tuple)):
            left += reversed([(None, each, depth) for each in item])
        elif type(item) is int:
            if abs(item) > 99 and key is not None and "oken" not in key and -(2**63) <= item < 2**63:
                yield str(item), depth < 2
        elif isinstance(item, str) and item and says_something(key or "", item):
            if item[0] in "[{" and (inner := _parsed(item)) is not None:
                left.append((key, inner, depth + 1))
            else:
                yield item, depth < 2


def says_something(key: str, text: str) -> bool:
    """Whether a person may look for a string of JSON that stands under this key: prose always, else what is no type, no
    id, no signature and no bytes of a file."""
    if " " in text:
        return True
    return not (
        _SILENT.search(key)
        or _DATA_URL.match(text)
        or (len(text) >= 16 and _ID.search(key))
        or (len(text) >= 128 and _BYTES.match(text))
    )


def _parsed(text: str) -> Any:
    try:
        value = _parse(text)
    except ValueError:
        return None  # cut off, or no JSON: it is found as it is written
    return value if isinstance(value, (dict, list)) else None
