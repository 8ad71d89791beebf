"""Text as a person compares it: without case, accents and other ways to write the same word, and the way back."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING
from unicodedata import combining, normalize

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What is not seen: the soft hyphen, characters without width, directions of writing, forms of emoji, the tatweel.
_UNSEEN = "\u00ad\u034f\u061c\u0640\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
#: Letters that Unicode does not take apart, and marks that are written in several ways. The spacing accents, which Unicode
#: takes apart into a space and an accent, are what people write for an apostrophe.
_SAME = {
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
_ACCENTS = "\u00b4\u0384\u1fbd\u1fbf\u1ffd"
_APOSTROPHES = str.maketrans(dict.fromkeys(_ACCENTS, "'"))
_is_unseen = re.compile(f"[{_UNSEEN}]").match
#: Characters that are compared one by one, whatever stands beside them: letters and signs that nothing is put together with.
_SINGLE = re.compile(
    "[\0-\u02ff\u0370-\u0481\u048a-\u052f\u05d0-\u05ea\u0621-\u064a\u0660-\u066f\u0671-\u06d3\u0900-\u093b\u093d-\u0950\u0958-\u096f"
    "\u0e01-\u0e30\u1e00-\u20bf\u2100-\u214f\u2190-\u2bff\u3000-\u3029\u3041-\u3096\u309d-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uff01-\uff5e\U0001f300-\U0001faff]*"
)
_PIECE = 4096


def is_mark(character: str) -> bool:
    """Whether it is an accent or a vowel point. Below class 10 stand marks that make another letter: the nukta, the virama,
    the voicing of kana. The marks of Thai and Lao do so too."""
    return combining(character) >= 10 and not "\u0e00" <= character <= "\u0eff"


class _Kept(dict[int, "int | str | None"]):
    """For str.translate(), of a text that is taken apart: what each character becomes, and which fall away."""

    def __missing__(self, code: int) -> int | str | None:
        character = chr(code)
        falls = is_mark(character) or _is_unseen(character)
        self[code] = None if falls else _SAME.get(character, code)
        return self[code]


class _Folded(dict[int, str]):
    """For str.translate(), of characters that are compared one by one: what each becomes."""

    def __missing__(self, code: int) -> str:
        self[code] = _fold(chr(code))
        return self[code]


_kept, _folded = _Kept(), _Folded()


def fold(text: str) -> str:
    """The text for comparing: two that differ in case, accents or other ways of writing alone are equal."""
    if text.isascii():
        return text.lower()
    return text.translate(_folded) if _SINGLE.fullmatch(text) else _fold(text)


def _fold(text: str) -> str:
    if any(accent in text for accent in _ACCENTS):
        text = text.translate(_APOSTROPHES)
    apart = normalize("NFKD", normalize("NFKD", text).casefold())
    # \u0439 is a letter of its own: nobody writes it without its breve.
    apart = apart.replace("\u0438\u0306", "\u0439")
    # Put together again: a Korean syllable is one character, and two of them are two.
    return normalize("NFC", apart.translate(_kept))


@cache
def _clusters() -> re.Pattern[str]:
    """A character, and what belongs to it: accents, and the vowels and ends of a Korean syllable that is taken apart."""
    marks = "".join([chr(code) for code in range(0x300, 0x1E950) if is_mark(chr(code))])
    return re.compile(f".[{marks}{_UNSEEN}\u3099\u309a\uff9e\uff9f\u1160-\u11ff]*", re.DOTALL)


def place(text: str, position: int) -> int:
    """Where in the text the character begins that stands at this position of fold(text)."""
    if text.isascii():
        return position
    start = 0
    while (length := len(fold(text[start : start + _PIECE]))) <= position and start < len(text):
        position -= length
        start += _PIECE
    for cluster in _clusters().finditer(text, start):
        position -= len(fold(cluster[0]))
        if position < 0:
            return cluster.start()
    return len(text)


def places(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where the folded words stand in a text: start and end of each place, in their order, none inside another."""
    clusters = list(_clusters().finditer(text))
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
