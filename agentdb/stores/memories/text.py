"""What is searched of a memory, and the expression that looks for it."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

from agentdb.errors import FieldError
from agentdb.stores.folded_words import add_other_forms, behind_length
from agentdb.stores.messages.search import MAX_WORDS, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The index has sequences of three characters.
_INDEXED = 3
#: Characters of a word that the index is asked for: each is a step of a phrase.
_LONG = 64
#: Phrases of one expression. FTS5 takes none that is nested deeper than 256.
_PHRASES = 100
#: Names of fields that say nothing beside their value.
_PLAIN = frozenset(("text", "content", "value"))


def text_of_content(content: Any) -> str:
    """What a JSON value says, for searching: each string, number and boolean on a line, behind the name of its field."""
    if isinstance(content, str):
        return content
    lines: list[str] = []
    left: list[tuple[str, Any]] = [("", content)]  # not recursive: JSON may be nested deeper than Python's stack
    while left:
        name, item = left.pop()
        if isinstance(item, dict):
            left += reversed(list(item.items()))
        elif isinstance(item, (list, tuple)):
            left += reversed([(name, each) for each in item])
        elif item is not None and item != "":
            said = item if isinstance(item, str) else dumps(item)
            lines.append(said if not name or name in _PLAIN else f"{name}: {said}")
    return "\n".join(lines)


def search_words(text: str) -> str | None:
    """The words of a text whose folded form is not in it, behind the length of the text; None where there is none.

    SQLite compares without case, and knows no other way of writing. It reads to the first NUL character: so all words of a
    text with one are there.
    """
    if text.isascii() and "\0" not in text:
        return None
    shown, nul, hidden = text.partition("\0")
    words: dict[str, None] = {}
    add_other_forms(words, shown, everything=bool(nul))
    add_other_forms(words, hidden, everything=True)
    found = behind_length(len(shown), words)
    # A word of one character is found with two behind it: a line end comes, and then the text, if any of it is shown.
    return f"{found} " if found and not shown else found


def with_search_words(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a memory, as it is written, with its `search_words`."""
    return {**row, "search_words": search_words(row["text"])}


def expression_of(query: str) -> tuple[str | None, list[str]]:
    """What is looked for: an FTS5 expression that any of the words matches; and the words of one or two characters.

    The expression is None where no word has three characters. Of a run of Chinese, Japanese or Korean, which has no spaces,
    any three characters match. Raises FieldError for a query that holds no word, or too many.
    """
    try:
        words = words_of(query.replace("\0", " "))
    except FieldError as error:  # it names the argument of another search
        why = "holds no word to look for" if error.code == "missing_value" else f"holds more than {MAX_WORDS} words"
        raise FieldError.of("query", query, why, code=error.code, remedy=error.remedy) from error
    phrases: list[str] = []
    for word in words:
        if len(word) > _INDEXED and any(east_asian_width(character) == "W" for character in word):
            phrases += [word[at : at + _INDEXED] for at in range(len(word) - _INDEXED + 1)]
        elif len(word) >= _INDEXED:
            phrases.append(word[:_LONG])
    phrases = list(dict.fromkeys(phrases))[:_PHRASES]
    quoted = ['"' + phrase.replace('"', '""') + '"' for phrase in phrases]
    return " OR ".join(quoted) or None, [word for word in words if len(word) < _INDEXED]
