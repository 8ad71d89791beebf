"""Searching for sessions: by what they are called, and by what was said in them."""

from __future__ import annotations

from dataclasses import dataclass
from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.operations import execute
from agentdb.queries import message_search, session_search
from agentdb.stores.entity import Values
from agentdb.stores.fields import TEXT
from agentdb.stores.messages.search import candidates, check_marks, messages_of, snippet, source_of, words_of
from agentdb.stores.messages.snippets import snippet_of
from agentdb.stores.messages.values import Message
from agentdb.stores.pages import BY_ACTIVITY, Page, check_limit, read_cursor, write_cursor
from agentdb.stores.sessions.values import SESSION_SUMMARY, SessionSummary
from agentdb.stores.text_normalization import fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agentdb.operations import Steps

#: The name of the list, for its cursors.
_LIST = "sessions.search"
_EVERYWHERE = {"session_id": None, "agent_id": None, "include_deleted": 0}
_FROM_THE_NEWEST = {"rank": None, "id": 2**63 - 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHit(Values):
    """A session that was found. `message` is the newest message that holds every word; None where only the name or the
    goal of the session holds them. `snippet` is a piece of the name or the goal, else of the message."""

    session: SessionSummary
    message: Message | None
    snippet: str


def search(
    text: str,
    filters: Mapping[str, Any],
    *,
    limit: int,
    cursor: str | None,
    marks: tuple[str, str],
    scan: int,
) -> Steps[Page[SessionHit]]:
    """As SessionStore.search(), whose arguments these are."""
    text = TEXT.encode("text", text)
    check_limit(limit)
    check_marks(marks)
    words = words_of(text)
    asked = {**filters, "text": text, "scan": scan}
    last = BY_ACTIVITY.behind_all if cursor is None else read_cursor(cursor, _LIST, asked, 2)
    source = yield from source_of(words, _EVERYWHERE, newest_first=True)
    said, _ = yield from candidates(source, _FROM_THE_NEWEST, limit=scan, most=scan)
    in_messages = dict((yield from execute(message_search.SESSIONS_OF, {"ids": dumps([id for id, _ in said])})).tuples)
    called: dict[str, str] = {}
    found: list[tuple[str, str]] = []
    for id, name, goal, active_at in (yield from execute(session_search.NAMES, filters)).tuples:
        if (active_at, id) < last:
            if (title := _title(name, goal, words)) is not None:
                called[id] = title
            if id in called or id in in_messages:
                found.append((active_at, id))
                if len(found) > limit:
                    break
    ids = [id for _, id in found[:limit]]
    summaries = yield from SESSION_SUMMARY.many(session_search.GET_SUMMARIES, {"ids": dumps(ids)})
    by_id = {summary.id: summary for summary in summaries}
    messages = yield from messages_of([in_messages[id] for id in ids if id in in_messages])
    hits = []
    for id in ids:
        message = messages.get(in_messages.get(id, 0), (None, None))[0]
        if id in by_id and (id in called or message is not None):  # else it was deleted meanwhile
            if id in called:
                piece = snippet_of(called[id], words, marks) or called[id]
            else:
                assert message is not None
                piece = snippet(message, words, marks)
            hits.append(SessionHit(session=by_id[id], message=message, snippet=piece))
    has_more = len(found) > limit
    return Page(hits, write_cursor(found[limit - 1], _LIST, asked) if has_more else None, has_more)


def _title(name: bytes | None, goal: bytes | None, words: Sequence[str]) -> str | None:
    """The name or the goal of a session, or both, that hold every one of the folded words; None where they do not."""
    texts = [(text or b"").decode("utf-8", "replace") for text in (name, goal)]
    for text in (*texts, "\n".join(texts)):
        if text:
            folded = fold(text)
            if all(word in folded for word in words):
                return text
    return None
