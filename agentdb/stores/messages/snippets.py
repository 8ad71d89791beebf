"""A piece of a text about what was found in it, between marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdb.stores.text_normalization import fold, place, places

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Characters of a snippet, and of those how many stand before what was found.
_SNIPPET, _BEFORE = 120, 40


def snippet_of(text: str, words: Sequence[str], marks: tuple[str, str]) -> str | None:
    """A piece of a text about the first of the folded words that it holds, each word in it between the marks; `…` where more
    stands beside it. None where it holds none of them. Without words it is the beginning."""
    at = 0
    if words:
        folded = fold(text)
        first = min((at for word in words if (at := folded.find(word)) >= 0), default=-1)
        if first < 0:
            return None
        at = place(text, first)
    start = max(0, at - _BEFORE)
    end = start + _SNIPPET
    piece = text[start:end]
    if words and any(marks):
        marked = []
        done = 0
        for begin, close in places(piece, words):
            marked += [piece[done:begin], marks[0], piece[begin:close], marks[1]]
            done = close
        piece = "".join(marked) + piece[done:]
    return f"{'…' * (start > 0)}{piece}{'…' * (end < len(text))}"
