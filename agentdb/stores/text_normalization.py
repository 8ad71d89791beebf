"""Text as a person compares it: without case, accents and forms of the same letter, and the way back to the original."""

from __future__ import annotations

import re
from unicodedata import combining, normalize

#: Accents and vowel points, by their combining class, and the selectors between forms of one emoji. Below 10 stand marks
#: that make another letter: the nukta, the virama, the voicing of kana.
_MARKS = re.compile(
    f"[\ufe00-\ufe0f{''.join([chr(code) for code in range(0x300, 0x1E950) if combining(chr(code)) >= 10])}]"
)
_PIECE = 4096


def fold(text: str) -> str:
    """The text for comparing: two that differ in case, accents or compatibility forms alone are equal."""
    if text.isascii():
        return text.lower()
    # The dotless i of Turkish, \u0131, has no mark that could be taken off, and its capital is I.
    return _MARKS.sub("", normalize("NFKD", normalize("NFKD", text).casefold())).replace("\u0131", "i")


def place(text: str, position: int) -> int:
    """Where in the text the character begins that stands at this position of fold(text)."""
    if text.isascii():
        return position
    start = 0
    while (length := len(fold(text[start : start + _PIECE]))) <= position and start < len(text):
        position -= length
        start += _PIECE
    for index in range(start, len(text)):
        position -= len(fold(text[index]))
        if position < 0:
            return index
    return len(text)
