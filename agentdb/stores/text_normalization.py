"""Text as a person compares it: without case, accents and other ways to write the same word, and the way back."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from unicodedata import combining, normalize

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Accents and vowel points, by their combining class. Below 10 stand marks that make another letter: the nukta, the
#: virama, the voicing of kana. The marks of Thai and Lao do so too.
_MARKS = "".join(
    [chr(code) for code in range(0x300, 0x1E950) if combining(chr(code)) >= 10 and not 0xE00 <= code <= 0xEFF]
)
#: What is not seen: the soft hyphen, characters without width, directions of writing, forms of emoji, the tatweel.
_UNSEEN = "".join(
    [
        chr(code)
        for first, last in (
            *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x640, 0x640), (0x180B, 0x180E), (0x200B, 0x200F)),
            *((0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x2069), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
        )
        for code in range(first, last + 1)
    ]
)
#: Spacing accents, which Unicode takes apart into a space and an accent; people write them for an apostrophe.
_ACCENTS = "\u00b4\u0384\u1fbd\u1fbf\u1ffd"
_APOSTROPHES = str.maketrans(dict.fromkeys(_ACCENTS, "'"))


class Table(dict[int, "str | int | None"]):
    """For str.translate(): it remembers which characters stay."""

    def __missing__(self, code: int) -> int:
        self[code] = code
        return code


#: What falls away, letters that Unicode does not take apart, and marks that are written in several ways.
_SAME = Table(
    str.maketrans(
        {
            **dict.fromkeys(_MARKS + _UNSEEN),
            "ł": "l",
            "ø": "o",
            "đ": "d",
            "ð": "d",
            "ħ": "h",
            "ŧ": "t",
            "\u0131": "i",
            "æ": "ae",
            "œ": "oe",
            "þ": "th",
            "ة": "\u0647",
            "ى": "ي",
            "ی": "ي",
            "ک": "ك",
            "ٱ": "\u0627",
            **dict.fromkeys("\u2018\u2019\u201b\u02bc\u2032", "'"),
            **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        }
    )
)
#: A character, and what belongs to it: accents, and the vowels and ends of a Korean syllable that is taken apart.
_CLUSTER = re.compile(f".[{_MARKS}{_UNSEEN}\u3099\u309a\uff9e\uff9f\u1160-\u11ff]*", re.DOTALL)
_PIECE = 4096


def fold(text: str) -> str:
    """The text for comparing: two that differ in case, accents or other ways of writing alone are equal."""
    if text.isascii():
        return text.lower()
    return _fold(text)


def _fold(text: str) -> str:
    if any(accent in text for accent in _ACCENTS):
        text = text.translate(_APOSTROPHES)
    apart = normalize("NFKD", normalize("NFKD", text).casefold())
    # Put together again: a Korean syllable is one character, and two of them are two.
    return normalize("NFC", apart.translate(_SAME))


@lru_cache(10_000)
def fold_word(word: str) -> str:
    """As fold(), for words that come again and again."""
    return fold(word)


def place(text: str, position: int) -> int:
    """Where in the text the character begins that stands at this position of fold(text)."""
    if text.isascii():
        return position
    start = 0
    while (length := len(fold(text[start : start + _PIECE]))) <= position and start < len(text):
        position -= length
        start += _PIECE
    for cluster in _CLUSTER.finditer(text, start):
        position -= len(fold(cluster[0]))
        if position < 0:
            return cluster.start()
    return len(text)


def places(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where the folded words stand in a text: start and end of each place, in their order, none inside another."""
    clusters = list(_CLUSTER.finditer(text))
    folded = ""
    owners: list[int] = []
    for number, cluster in enumerate(clusters):
        piece = fold(cluster[0])
        folded += piece
        owners += [number] * len(piece)
    found: list[tuple[int, int]] = []
    for word in words:
        at = folded.find(word) if word else -1
        while at >= 0:
            last = at + len(word) - 1
            found.append((clusters[owners[at]].start(), clusters[owners[last]].end()))
            at = folded.find(word, last + 1)
    kept: list[tuple[int, int]] = []
    for start, end in sorted(found, key=lambda place: (place[0], -place[1])):
        if kept and start < kept[-1][1]:
            kept[-1] = (kept[-1][0], max(end, kept[-1][1]))
        else:
            kept.append((start, end))
    return kept
