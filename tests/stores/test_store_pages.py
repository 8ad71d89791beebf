"""Pages that are read while rows come and go: what was there from the first page to the last is on one of them, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_harness import AT, Facade, new_file, opened


@dataclass
class List:
    """A list under test: what adds a row at a time and gives its id, what removes one, and what reads a page."""

    add: Callable[[Facade, Any], Any]
    remove: Callable[[Facade, Any], Any]
    page: Callable[..., Any]
    oldest_first: bool = False


LOG: dict[str, Any] = {"role": "user", "type": "message", "content": "x"}
LISTS = {
    "agents": List(
        lambda db, at: db.agents.create(name="n", model="m", type="codex", created_at=at).id,
        lambda db, id: db.agents.delete(id),
        lambda db, **options: db.agents.list(type="codex", **options),
    ),
    "sessions": List(
        lambda db, at: db.sessions.create(main_agent_id="a", created_at=at).id,
        lambda db, id: db.sessions.delete(id),
        lambda db, **options: db.sessions.list(**options),
    ),
    "sessions of a status": List(
        lambda db, at: db.sessions.create(main_agent_id="a", created_at=at, status="running").id,
        lambda db, id: db.sessions.delete(id),
        lambda db, **options: db.sessions.by_status("running", **options),
    ),
    "sessions of an agent": List(
        lambda db, at: db.sessions.create(main_agent_id="a", created_at=at).id,
        lambda db, id: db.sessions.delete(id),
        lambda db, **options: db.sessions.by_agent("a", **options),
    ),
    "logs": List(
        lambda db, at: db.session_logs.append("s", **LOG, created_at=at).id,
        lambda db, id: db.session_logs.delete(id),
        lambda db, **options: db.session_logs.page("s", **options),
        oldest_first=True,
    ),
    "logs from the end": List(
        lambda db, at: db.session_logs.append("s", **LOG, created_at=at).id,
        lambda db, id: db.session_logs.delete(id),
        lambda db, **options: db.session_logs.page("s", newest_first=True, **options),
    ),
}
#: Few moments, so that many rows have the same.
MOMENTS = st.integers(0, 3).map(lambda minutes: AT + timedelta(minutes=minutes))
#: Between two pages: rows that are added, and numbers that choose rows to remove.
BETWEEN = st.tuples(st.lists(MOMENTS, max_size=3), st.lists(st.integers(0, 1000), max_size=3))


@pytest.mark.parametrize("name", LISTS)
@settings(max_examples=40, deadline=None)
@given(
    moments=st.lists(MOMENTS, max_size=15),
    limits=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    between=st.lists(BETWEEN, max_size=12),
    is_async=st.sampled_from([False, False, False, True]),
)
def test_nothing_is_skipped_or_repeated(
    name: str, moments: list[Any], limits: list[int], between: list[Any], is_async: bool
) -> None:
    with TemporaryDirectory() as folder, opened(new_file(Path(folder)), is_async=is_async) as db:
        db.agents.create(id="a", name="n", model="m")
        if "logs" in name:
            db.sessions.create(id="s", main_agent_id="a")
        tested = LISTS[name]
        there = {tested.add(db, at): at for at in moments}
        stayed = set(there)
        seen: list[Any] = []
        cursor, number = None, 0
        while True:
            limit = limits[number % len(limits)]
            page = tested.page(db, limit=limit, cursor=cursor)
            assert len(page.items) <= limit
            assert all(item.id in there for item in page.items)
            seen += [(item.created_at, item.id) for item in page.items]
            if not page.has_more:
                break
            assert len(page.items) == limit
            cursor = page.next_cursor
            if number < len(between):
                added, removed = between[number]
                there |= {tested.add(db, at): at for at in added}
                for choice in removed:
                    if there:
                        gone = sorted(there, key=str)[choice % len(there)]
                        assert tested.remove(db, gone)
                        del there[gone]
                        stayed.discard(gone)
            number += 1
            assert number < 200
        ids = [id for _, id in seen]
        assert len(set(ids)) == len(ids)
        assert stayed <= set(ids)
        assert seen == sorted(seen, reverse=not tested.oldest_first)
