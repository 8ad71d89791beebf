"""Searching in messages: the index where it can answer, a bounded scan where it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from json import dumps
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width, normalize

from agentdb.errors import FieldError, StatementError
from agentdb.operations import batch, execute
from agentdb.queries import message_search
from agentdb.stores.entity import Values
from agentdb.stores.fields import TEXT
from agentdb.stores.messages.values import MESSAGE, Message
from agentdb.stores.pages import BY_SEQ, check_limit
from agentdb.stores.text_normalization import fold, place

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from agentdb.operations import Steps

#: The index has sequences of three characters.
_INDEXED = 3
#: Characters of a word that the index is asked for: each is a step of a phrase. The rest is compared.
_LONG = 64
#: FTS5 takes no expression that is nested deeper than 256.
MAX_WORDS = 100
#: Ids looked at in one statement, and bytes of text read in one, beyond the first message of it.
_SLICE, _BYTES = 256, 1_000_000
#: Characters of a snippet, and of those how many stand before what was found.
_SNIPPET, _BEFORE = 120, 40
_BEHIND_ALL = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit(Values):
    """A message that was found. `rank` is what the index thinks of it, the lower the better; None where a scan found it.
    `snippet` is a piece of its content about the first word found, `…` where more stands beside it."""

    message: Message
    rank: float | None
    snippet: str


def search(
    text: str,
    *,
    session_id: str | None,
    agent_id: str | None,
    include_deleted: int,
    limit: int,
    syntax: bool,
    scan: int,
) -> Steps[list[SearchHit]]:
    """As MessageStore.search(), whose arguments these are."""
    text = TEXT.encode("text", text)
    check_limit(limit)
    scope = {"session_id": session_id, "agent_id": agent_id, "include_deleted": include_deleted}
    if syntax:
        return (yield from _by_expression(text, scope, limit))
    words = _words(text)
    # The index compares accents as they are written: a letter with its accent in it, or a letter and an accent.
    forms = {word: list(dict.fromkeys((word, normalize("NFC", word), normalize("NFD", word)))) for word in words}
    indexed = [word for word in words if min(map(len, forms[word])) >= _INDEXED and "\0" not in word]
    others = [fold(word) for word in words if word not in indexed or max(map(len, forms[word])) > _LONG]
    folded = [fold(word) for word in words]
    found: dict[int, float | None] = {}
    if indexed:
        phrases = [[form[:_LONG].replace('"', '""') for form in forms[word]] for word in indexed]
        expression = " AND ".join(['("' + '" OR "'.join(either) + '")' for either in phrases])
        most = max(scan, limit) if others else limit
        ranks = dict(
            (yield from execute(message_search.MATCH, {**scope, "expression": expression, "limit": most})).tuples
        )
        ids = list(ranks)
        if others:
            ids = yield from _among(ids, others, limit)
        found.update((id, ranks[id]) for id in ids)
    scanned: dict[int, int] = {}
    if scan and len(found) < limit:
        sqls = [message_search.NEWEST_WITH_NUL]
        # The index tells é from e: where a word may be written with accents, what it found may not be all.
        if not found or any(map(_takes_accents, words)):
            sqls.append(message_search.NEWEST if session_id is None else message_search.NEWEST_OF_SESSION)
        # Of two texts in ASCII, it has told all that there is.
        told = bool(indexed) and all(map(str.isascii, indexed))
        for sql in sqls:
            scanned |= yield from _scan(sql, scope, folded, limit - len(found), scan, found, told)
    newest = sorted(scanned, key=lambda id: id if session_id is None else scanned[id], reverse=True)
    messages = yield from _messages([*found, *newest][:limit])
    return [
        SearchHit(message=message, rank=found.get(message.id), snippet=_snippet(message.content or "", words))
        for message in messages
    ]


def _words(text: str) -> list[str]:
    """The words to look for, each once. Raises FieldError where there are none, or too many."""
    words = [word for word in dict.fromkeys(text.split()) if fold(word)]  # an accent alone is none
    if not words:
        raise FieldError.of("text", text, "holds no word to look for", code="missing_value")
    if len(words) > MAX_WORDS:
        raise FieldError.of("text", text, f"holds more than {MAX_WORDS} words", code="too_large", remedy="Give fewer.")
    return words


def words_of(text: str) -> list[str]:
    """The folded words to look for, each once. Raises FieldError where there are none, or too many."""
    words = [word for word in dict.fromkeys(fold(word).strip() for word in _words(text)) if word]
    if not words:  # a spacing accent alone is none
        raise FieldError.of("text", text, "holds no word to look for", code="missing_value")
    return words


def _takes_accents(word: str) -> bool:
    """Whether a word has a letter that other writers may write with an accent; an ideograph, or a kana, is none."""
    return any(character.isalpha() and east_asian_width(character) != "W" for character in word)


def _by_expression(expression: str, scope: dict[str, Any], limit: int) -> Steps[list[SearchHit]]:
    if "\0" in expression:
        raise FieldError.of("text", expression, "holds a NUL character", code="bad_search")
    if expression.startswith("*"):  # what follows would be a command, answered with a number of its own as the id
        raise FieldError.of("text", expression, "is not an FTS5 expression", code="bad_search")
    try:
        matches = yield from execute(message_search.MATCH, {**scope, "expression": expression, "limit": limit})
    except StatementError as error:
        if error.code != "statement_failed" or error.message.startswith("no such table"):
            raise
        why = error.message.partition(" in: ")[0]
        raise FieldError.of("text", expression, f"is not an FTS5 expression: {why}", code="bad_search") from error
    ranks = dict(matches.tuples)
    messages = yield from _messages(list(ranks))
    if not messages:
        return []
    snippets = yield from batch(
        [(message_search.SNIPPET, {"expression": expression, "id": message.id}) for message in messages]
    )
    return [
        SearchHit(message=message, rank=ranks[message.id], snippet=snippet.tuples[0][1])
        for message, snippet in zip(messages, snippets, strict=True)
        if snippet.tuples  # else it was changed meanwhile, and matches no more
    ]


def _messages(ids: list[int]) -> Steps[list[Message]]:
    """The messages with these ids, in this order; those that have gone meanwhile are left out."""
    if not ids:
        return []
    found = yield from MESSAGE.many(message_search.GET_BY_IDS, {"ids": dumps(ids)})
    by_id = {message.id: message for message in found}
    return [by_id[id] for id in ids if id in by_id]


def _among(ids: list[int], words: Sequence[str], limit: int) -> Steps[list[int]]:
    """Of these ids, in their order, those whose content holds every one of the folded words: at most `limit`."""
    kept: list[int] = []
    for start in range(0, len(ids), _SLICE):
        some = ids[start : start + _SLICE]
        sizes = dict((yield from execute(message_search.SIZES, {"ids": dumps(some)})).tuples)
        kept += yield from _holding([(id, sizes[id]) for id in some if id in sizes], words, limit - len(kept))
        if len(kept) >= limit:
            break
    return kept


def _scan(
    sql: str, scope: dict[str, Any], words: Sequence[str], limit: int, most: int, found: Container[int], told: bool
) -> Steps[dict[int, int]]:
    """The newest messages that hold every one of the folded words, each with its seq: at most `limit`, of the first
    `most`. Those that are `found` already are left out, and where `told` those that are all ASCII."""
    args: dict[str, Any] = {**scope, "cursor_id": _BEHIND_ALL, "cursor_seq": BY_SEQ.behind_all[0]}
    kept: dict[int, int] = {}
    while most > 0 and len(kept) < limit:
        rows = (yield from execute(sql, {**args, "limit": min(most, _SLICE)})).tuples
        if not rows:
            break
        most -= len(rows)
        args["cursor_id"], args["cursor_seq"] = rows[-1][:2]
        seqs = {id: seq for id, seq, _, _ in rows}
        sized = [(id, size) for id, _, length, size in rows if id not in found and not (told and length == size)]
        kept.update({id: seqs[id] for id in (yield from _holding(sized, words, limit - len(kept)))})
    return kept


def _holding(sized: Sequence[tuple[int, int]], words: Sequence[str], limit: int) -> Steps[list[int]]:
    """Of these messages, given with their bytes, those whose content holds all the words: at most `limit`."""
    kept: list[int] = []
    for ids in _portions(sized):
        if len(kept) >= limit:
            break
        contents = dict((yield from execute(message_search.CONTENTS, {"ids": dumps(ids)})).tuples)
        for id in ids:
            content = fold((contents.get(id) or b"").decode("utf-8", "replace"))
            if all(word in content for word in words):
                kept.append(id)
    return kept[:limit]


def _portions(sized: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Ids together, as long as their texts are about a megabyte."""
    ids: list[int] = []
    total = 0
    for id, size in sized:
        if ids and total + size > _BYTES:
            yield ids
            ids, total = [], 0
        ids.append(id)
        total += size
    if ids:
        yield ids


def _snippet(content: str, words: Sequence[str]) -> str:
    at = min((at for word in words if (at := content.find(word)) >= 0), default=-1)
    if at < 0:
        folded = fold(content)
        at = min((at for word in words if (at := folded.find(fold(word))) >= 0), default=0)
        at = place(content, at)
    start = max(0, at - _BEFORE)
    end = start + _SNIPPET
    return f"{'…' * (start > 0)}{content[start:end]}{'…' * (end < len(content))}"
