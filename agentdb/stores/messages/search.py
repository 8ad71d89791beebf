"""Searching in messages: the index finds, and texts are read only to compare what it cannot tell."""

from __future__ import annotations

from dataclasses import dataclass
from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError, StatementError
from agentdb.operations import batch, execute
from agentdb.queries import message_search
from agentdb.stores.entity import Values
from agentdb.stores.fields import TEXT
from agentdb.stores.folded_words import split
from agentdb.stores.messages.search_words import strings_of
from agentdb.stores.messages.snippets import snippet_of
from agentdb.stores.messages.values import MESSAGE, Message
from agentdb.stores.pages import Page, check_limit, read_cursor, write_cursor
from agentdb.stores.text_normalization import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agentdb.operations import Steps

#: The index has sequences of three characters. A shorter word is the beginning of several.
_INDEXED = 3
#: Characters of a word that the index is asked for: each is a step of a phrase. The rest is compared.
_LONG = 64
#: FTS5 takes no expression that is nested deeper than 256.
MAX_WORDS = 100
#: Places of the index that a short word may have. One that has more is soon found in the newest messages.
_PLACES = 100_000
#: Ids looked at in one statement, and characters of text read in one, beyond the first message of it.
_SLICE, _CHARACTERS = 256, 1_000_000
_BEHIND_ALL = 2**63 - 1
_LAST = "\U0010ffff"
#: The name of the list, for its cursors.
_LIST = "messages.search"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit(Values):
    """A message that was found, and the name of its session. `rank` is what the index thinks of it, the lower the better;
    None where the order is by time. `snippet` is a piece of its text about the first word found, `…` where more stands
    beside it."""

    message: Message
    session_name: str | None
    rank: float | None
    snippet: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where candidates come from: a statement that gives ids and ranks, and the words that are compared in their texts."""

    sql: str
    args: Mapping[str, Any]
    compared: Sequence[str]


def search(
    text: str,
    scope: Mapping[str, Any],
    *,
    limit: int,
    cursor: str | None,
    newest_first: bool,
    marks: tuple[str, str],
    syntax: bool,
    scan: int,
) -> Steps[Page[SearchHit]]:
    """As MessageStore.search(), whose arguments these are."""
    text = TEXT.encode("text", text)
    check_limit(limit)
    check_marks(marks)
    asked = {**scope, "text": text, "newest_first": newest_first, "syntax": syntax}
    after = {"rank": None, "id": _BEHIND_ALL}
    name = None
    if cursor is not None:
        name, after["rank"], after["id"] = read_cursor(cursor, _LIST, asked, 3)
    words: list[str] = []
    if syntax:
        source = _by_expression(text, scope, newest_first)
    else:
        words = words_of(text)
        source = yield from source_of(words, scope, newest_first, by_scan=name and name == "scan")
    try:
        found, last = yield from candidates(source, after, limit=limit + 1, most=scan)
    except StatementError as error:
        if not syntax or error.code != "statement_failed" or error.message.startswith("no such table"):
            raise
        why = error.message.partition(" in: ")[0]
        raise FieldError.of("text", text, f"is not an FTS5 expression: {why}", code="bad_search") from error
    if len(found) > limit:
        found = found[:limit]
        last = found[-1]
    hits = yield from _hits(found, source, words, marks)
    if last is None:
        return Page(hits, None, False)
    kind = "scan" if source.sql in (message_search.NEWEST, message_search.NEWEST_OF_SESSION) else "index"
    return Page(hits, write_cursor((kind, last[1], last[0]), _LIST, asked), True)


def check_marks(marks: object) -> None:
    """Raises FieldError for marks that are not two texts."""
    if not isinstance(marks, tuple) or len(marks) != 2:
        raise FieldError.of("marks", marks, "is a pair of texts, as in ('<b>', '</b>')", code="wrong_type")
    for mark in marks:
        TEXT.encode("marks", mark)


def words_of(text: str) -> list[str]:
    """The folded words to look for, each once. Raises FieldError where there are none, or too many."""
    folded = [fold(word).strip() for word in split(text)]
    words = [word for word in dict.fromkeys(folded) if word]  # an accent alone is none
    if not words:
        raise FieldError.of("text", text, "holds no word to look for", code="missing_value")
    if len(words) > MAX_WORDS:
        raise FieldError.of("text", text, f"holds more than {MAX_WORDS} words", code="too_large", remedy="Give fewer.")
    return words


def source_of(
    words: Sequence[str], scope: Mapping[str, Any], newest_first: bool, by_scan: bool | None = None
) -> Steps[Source]:
    """Where messages that hold these words are looked for. by_scan: whether an earlier page read the newest messages, None
    where there was none."""
    indexed = [word for word in words if len(word) >= _INDEXED]
    if indexed:
        expression = " AND ".join(['"' + word[:_LONG].replace('"', '""') + '"' for word in indexed])
        sql = message_search.MATCH_NEWEST if newest_first else message_search.MATCH
        compared = [word for word in words if word not in indexed or len(word) > _LONG]
        return Source(sql, {**scope, "expression": expression}, compared)
    if not by_scan:
        terms = [{"term": word, "last_term": word + _LAST} for word in words]
        asked = [(message_search.COUNT_PLACES, dict[str, Any](term, limit=_PLACES)) for term in terms]
        counts = [result.tuples[0][0] for result in (yield from batch(asked))]
        rarest = counts.index(min(counts))
        if counts[rarest] < _PLACES or by_scan is False:
            others = [word for word in words if word != words[rarest]]
            return Source(message_search.PLACES, {**scope, **terms[rarest]}, others)
    if scope["session_id"] is None:
        without = {name: value for name, value in scope.items() if name != "session_id"}
        return Source(message_search.NEWEST, without, words)
    return Source(message_search.NEWEST_OF_SESSION, scope, words)


def candidates(
    source: Source, after: Mapping[str, Any], *, limit: int, most: int
) -> Steps[tuple[list[tuple[int, float | None]], tuple[int, float | None] | None]]:
    """The messages of a source that hold the words that are to be compared, each with its id and rank: at most `limit`. And
    the last one that was looked at, where there may be more: at most `most` texts are read."""
    by_rank = source.sql == message_search.MATCH
    found: list[tuple[int, float | None]] = []
    left = most if source.compared else limit
    args = {**source.args, "cursor_id": after["id"], **({"cursor_rank": after["rank"]} if by_rank else {})}
    last = None
    while len(found) < limit:
        # A rank is computed for all that match, however few are asked for.
        asked = left if by_rank or not source.compared else min(left, _SLICE)
        rows = (yield from execute(source.sql, {**args, "limit": asked})).tuples if asked else []
        left -= len(rows)
        kept = rows
        if source.compared:
            kept = yield from _holding(rows, source.compared, limit - len(found))
        found += kept
        if len(rows) < asked:
            return found, None
        last = rows[-1] if rows else None
        if left == 0:
            break
        args["cursor_id"] = rows[-1][0]
    return found, last


def _by_expression(expression: str, scope: Mapping[str, Any], newest_first: bool) -> Source:
    if "\0" in expression:
        raise FieldError.of("text", expression, "holds a NUL character", code="bad_search")
    if expression.startswith("*"):  # what follows would be a command, answered with a number of its own as the id
        raise FieldError.of("text", expression, "is not an FTS5 expression", code="bad_search")
    sql = message_search.MATCH_NEWEST if newest_first else message_search.MATCH
    return Source(sql, {**scope, "expression": expression}, ())


def _hits(
    found: Sequence[tuple[int, float | None]], source: Source, words: Sequence[str], marks: tuple[str, str]
) -> Steps[list[SearchHit]]:
    """What is shown of the messages that were found; one that has gone meanwhile is left out."""
    shown = yield from messages_of([id for id, _ in found])
    ranks = dict(found)
    if words:
        snippets = {id: snippet(message, words, marks) for id, (message, _) in shown.items()}
    else:
        expression = {"expression": source.args["expression"], "start_mark": marks[0], "end_mark": marks[1]}
        asked = [(message_search.SNIPPET, {**expression, "id": id}) for id in shown]
        rows = [result.tuples for result in ((yield from batch(asked)) if asked else [])]
        snippets = {row[0][0]: row[0][1].strip("\n") for row in rows if row}  # else it matches no more
    return [
        SearchHit(message=message, session_name=name, rank=ranks[id], snippet=snippets[id])
        for id, (message, name) in shown.items()
        if id in snippets
    ]


def messages_of(ids: list[int]) -> Steps[dict[int, tuple[Message, str | None]]]:
    """The messages with these ids, in this order, each with the name of its session."""
    if not ids:
        return {}
    result = yield from MESSAGE.read(message_search.GET_BY_IDS, {"ids": dumps(ids)}, ("session_name",))
    at = result.columns.index("session_name")
    names = [row[at] if isinstance(row[at], str) else None for row in result.tuples]
    by_id = {message.id: (message, name) for message, name in zip(MESSAGE.decode(result), names, strict=True)}
    return {id: by_id[id] for id in ids if id in by_id}


def snippet(message: Message, words: Sequence[str], marks: tuple[str, str]) -> str:
    """A piece of what a message says about the first of the words: of its content, or of its payload."""
    found = snippet_of(message.content or "", words, marks)
    if found is None:
        said = [text for value in (message.payload, message.tool_calls) for text, _ in strings_of(value)]
        found = snippet_of("\n".join(said), words, marks)
    return found or snippet_of(message.content or "", (), marks) or ""


def _holding(
    rows: Sequence[tuple[int, float | None]], words: Sequence[str], limit: int
) -> Steps[list[tuple[int, float | None]]]:
    """Of these messages, those whose text holds all the folded words: at most `limit`."""
    kept: list[tuple[int, float | None]] = []
    for start in range(0, len(rows), _SLICE):
        some = dict(rows[start : start + _SLICE])
        sizes = dict((yield from execute(message_search.SIZES, {"ids": dumps(list(some))})).tuples)
        for ids in _portions([(id, sizes[id]) for id in some if id in sizes]):
            if len(kept) >= limit:
                return kept[:limit]
            texts = dict((yield from execute(message_search.TEXTS, {"ids": dumps(ids)})).tuples)
            for id in ids:
                text = fold((texts.get(id) or b"").decode("utf-8", "replace"))
                if all(word in text for word in words):
                    kept.append((id, some[id]))
    return kept[:limit]


def _portions(sized: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Ids together, as long as their texts have about a million characters."""
    ids: list[int] = []
    total = 0
    for id, size in sized:
        if ids and total + size > _CHARACTERS:
            yield ids
            ids, total = [], 0
        ids.append(id)
        total += size
    if ids:
        yield ids
