"""What a search needs beside the texts of a message: the words that people write in several ways, in one form.

SQL takes the texts out of a row (the view `message_texts`), and compares without case. It knows no other equivalence. So the
store adds the folded form of each word whose form it is not: a search looks for folded words alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from agentdb.stores.fields import JSON
from agentdb.stores.text_normalization import Table, fold, fold_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: A word ends at white space, at a NUL character, and at the punctuation of Chinese and Japanese.
_ENDS = Table(
    dict.fromkeys(
        (
            *(0, 0x3001, 0x3002, *range(0x3008, 0x3012), 0x3014, 0x3015),
            *(0xFF01, 0xFF08, 0xFF09, 0xFF0C, 0xFF0E, 0xFF1A, 0xFF1B, 0xFF1F, 0xFF3B, 0xFF3D, 0xFF5B, 0xFF5D),
        ),
        " ",
    )
)
#: Columns that hold text, and those of them that hold JSON.
_TEXTS = ("content", "payload_json", "tool_calls_json")
_JSON = _TEXTS[1:]
#: Of these letters, SQLite's tokenizer makes the same small ones as Python, in every version.
_WELL_KNOWN = re.compile("[\0-\u024f\u0386-\u0481]*")
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


def split(text: str) -> list[str]:
    """The words of a text, as they are written."""
    return text.translate(_ENDS).split()


def with_search_words(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a message, as it is written, with its `search_words`."""
    return {**row, "search_words": search_words(row)}


def search_words(row: Mapping[str, Any]) -> str | None:
    """The words of a row whose folded form is not in its texts, behind the length of the texts; None where there is none."""
    texts = [row[name] or "" for name in _TEXTS]
    if all(map(str.isascii, texts)) and "\0" not in texts[0] and "\\u" not in texts[1] and "\\u" not in texts[2]:
        return None
    shown, nul, hidden = texts[0].partition("\0")
    length = len(shown) + len(texts[1]) + len(texts[2])  # SQLite measures to the first NUL character
    words: dict[str, None] = {}
    # SQLite's tokenizer stops at a NUL character: the words before one begin no trigram, those behind it are not read.
    _add(words, shown, everything=bool(nul))
    _add(words, hidden, everything=True)
    for name in _JSON:
        if row[name] is not None:
            for text, is_shown in strings_of(_parse(row[name])):
                nul = nul or ("\0" if "\0" in text else "")
                _add(words, text, everything=bool(nul), is_shown=is_shown)
    # A call that was cut off may end in half a character.
    return f"{length} {' '.join(words)}".encode("utf-8", "replace").decode() if words else None


def _add(words: dict[str, None], text: str, *, everything: bool, is_shown: bool = True) -> None:
    if text.isascii() and not everything:
        return
    for word in dict.fromkeys(split(text)):
        if everything or not word.isascii():
            form = _other_form(word) if is_shown and not everything else fold_word(word).strip()
            if form:
                words[form] = None


@lru_cache(10_000)
def _other_form(word: str) -> str | None:
    """The folded form of a word; None where the index has it anyway."""
    folded = fold(word).strip()
    is_there = folded == word or (folded == word.lower() and _WELL_KNOWN.fullmatch(word) is not None)
    return None if is_there else folded


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
