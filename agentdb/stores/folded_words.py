"""The words of a text in the one form that a search looks for, where the text itself has them in another.

A search index compares without case, and knows no other equivalence. So the folded form of each word whose form it is not is
indexed beside the text.
"""

from __future__ import annotations

import re
from functools import lru_cache

from agentdb.stores.text_normalization import fold

#: A word ends at white space, at a NUL character, and at the punctuation of Chinese and Japanese.
_ENDS = (
    "\0\u3001\u3002\u3008-\u3011\u3014\u3015\uff01\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\uff3b\uff3d\uff5b\uff5d"
)
_split_at = re.compile(f"[{_ENDS}]+").sub
#: Of these letters, SQLite's tokenizer makes the same small ones as Python, in every version.
_WELL_KNOWN = re.compile("[\0-\u024f\u0386-\u0481]*")
#: Characters of which no word has another form, but for those that SQLite makes small: a text of these needs no folding.
_PLAIN = re.compile(
    f"[\0-\x7f{_ENDS}\u0410-\u044f\u05d0-\u05ea\u0621\u0627\u0628\u062a-\u063a\u0641-\u0648\u064a\u067e\u0686\u0698\u06af"
    "\u0900-\u093b\u093d-\u0950\u0964-\u096f\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff\uac00-\ud7a3\U0001f300-\U0001faff"
    "\u201c-\u201e\u2022\u20ac]*"
)
#: Characters of a word whose form is worth remembering.
_REMEMBERED = 40


def split(text: str) -> list[str]:
    """The words of a text, as they are written."""
    return _split_at(" ", text).split()


def add_other_forms(words: dict[str, None], text: str, *, everything: bool = False) -> None:
    """Add the folded forms of the words of a text, where the index does not have them anyway. `everything`: all of them,
    because the index does not have the text."""
    if everything:
        for word in split(text):
            if form := fold(word).strip():
                words[form] = None
    elif not _PLAIN.fullmatch(text):
        for written in dict.fromkeys(text.split()):
            if not written.isascii():
                forms = _remembered if len(written) <= _REMEMBERED else _other_forms
                for form in forms(written):
                    words[form] = None


def behind_length(length: int, words: dict[str, None]) -> str | None:
    """The words as a column has them, behind the length of the texts that they are of; None where there is none."""
    # A text of JSON that was cut off may end in half a character.
    return f"{length} {' '.join(words)}".encode("utf-8", "replace").decode() if words else None


def _other_forms(written: str) -> tuple[str, ...]:
    """The folded forms of words, where the index does not have them anyway."""
    forms = []
    for word in split(written):
        folded = fold(word).strip()
        is_there = folded == word or (folded == word.lower() and _WELL_KNOWN.fullmatch(word) is not None)
        if folded and not is_there:
            forms.append(folded)
    return tuple(forms)


_remembered = lru_cache(10_000)(_other_forms)
