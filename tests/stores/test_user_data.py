"""All that belongs to one user: exported, imported and erased."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_harness import Facade, opened
from test_erasure import NEEDLE, traces

from agentdb.errors import ExportFileError, FieldError, NotFoundError
from agentdb.stores.transfer.export import in_order


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def is_async(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def fill(db: Facade) -> None:
    """User 'u' has everything, with the needle; user 'v' has other words."""
    db.agents.create(id="a", name="Researcher", model="large")
    db.sessions.create(id="z", main_agent_id="a", user_id="u", name=NEEDLE)
    db.sessions.create(id="c", main_agent_id="a", user_id="u", parent_session_id="z")
    db.messages.append("z", role="user", content=f"{NEEDLE} one")
    db.attachments.add("z", NEEDLE.encode())
    db.sessions.soft_delete("c")
    first = db.memories.create(content={"likes": NEEDLE}, user_id="u", session_id="z", agent_id="a", importance=0.0)
    second = db.memories.supersede(first.id, content=NEEDLE)
    third = db.memories.create(content="third", user_id="u")
    db.memory_links.create(second.id, third.id)
    for usefulness in (0.5, None):
        db.memories.record_access(second.id, usefulness=usefulness, context=NEEDLE)
    db.memory_annotations.create(second.id, kind="correction", content=NEEDLE)
    db.memories.set_embedding(second.id, [1.0, 2.5, -3.0], "model")
    db.sessions.create(id="o", main_agent_id="a", user_id="v")
    db.messages.append("o", role="user", content="other")
    other = db.memories.create(content="of another", user_id="v")
    db.memory_links.create(third.id, other.id)


def lines_of(db: Facade, **scope: str) -> list[dict[str, Any]]:
    """The rows of an export; the number of a memory is of its database."""
    rows = [json.loads(line) for line in db.export(**scope).data.splitlines()[1:-1]]
    for row in rows:
        row["row"].pop("number", None)
    return rows


def test_a_user_comes_back_with_the_same_ids_and_twice_changes_nothing(tmp_path: Path, is_async: bool) -> None:
    with (
        opened(str(tmp_path / "one.db"), is_async=is_async) as db,
        opened(str(tmp_path / "two.db"), is_async=is_async) as other,
    ):
        fill(db)
        data = db.export(user_id="u").data
        assert b"another" not in data
        report = other.import_(data)
        assert (report.imported, report.conflict_count, report.unlinked, report.moved_ids) == (("z", "c"), 0, {}, {})
        assert lines_of(other, user_id="u") == lines_of(db, user_id="u")
        assert other.sessions.get("c", include_deleted=True).parent_session_id == "z"
        for column in ("access_count", "last_accessed_at", "supersedes_id"):
            sql = f"SELECT id, {column} FROM memories WHERE user_id = 'u' ORDER BY id"
            assert other.rows(sql) == db.rows(sql)
        assert [one.memory.content for one in other.memories.recall("third")] == ["third"]
        again = other.import_(data)
        assert (again.imported, again.unchanged, dict(again.rows), again.conflict_count) == ((), ("z", "c"), {}, 0)


def test_numbers_that_are_taken_there_are_given_anew(tmp_path: Path) -> None:
    with (
        opened(str(tmp_path / "one.db"), is_async=False) as db,
        opened(str(tmp_path / "two.db"), is_async=False) as other,
    ):
        fill(db)
        mine = other.memories.create(content="mine", user_id="w")
        for _ in range(5):
            other.memories.record_access(mine.id)
        data = db.export(user_id="u").data
        other.import_(data)
        assert other.rows("SELECT count(*) FROM memory_accesses") == [(7,)]
        assert other.import_(data).conflict_count == 0
        assert other.rows("SELECT count(*) FROM memory_accesses") == [(7,)]


def test_a_memory_that_is_there_otherwise_is_listed_and_stays(tmp_path: Path) -> None:
    with (
        opened(str(tmp_path / "one.db"), is_async=False) as db,
        opened(str(tmp_path / "two.db"), is_async=False) as other,
    ):
        fill(db)
        data = db.export(user_id="u").data
        other.import_(data)
        changed = other.memories.list(user_id="u").items[0]
        other.memories.update(changed.id, importance=0.9)
        report = other.import_(data)
        assert [(one.table, one.key) for one in report.conflicts] == [("memories", changed.id)]
        assert "importance" in report.conflicts[0].columns
        assert other.memories.get(changed.id).importance == 0.9


def test_what_a_memory_refers_to_and_is_not_there_is_left_out(tmp_path: Path) -> None:
    with (
        opened(str(tmp_path / "one.db"), is_async=False) as db,
        opened(str(tmp_path / "two.db"), is_async=False) as other,
    ):
        db.agents.create(id="a", name="Researcher", model="large")
        db.sessions.create(id="o", main_agent_id="a", user_id="v")
        made = db.memories.create(content="learnt elsewhere", user_id="u", session_id="o")
        report = other.import_(db.export(user_id="u").data)
        assert report.unlinked == {made.id: ("session_id",)}
        assert other.memories.get(made.id).session_id is None


@pytest.mark.parametrize("is_audited", [False, True])
def test_erased_is_all_of_a_user_and_nothing_of_another(tmp_path: Path, is_async: bool, is_audited: bool) -> None:
    path = str(tmp_path / "one.db")
    with opened(path, is_async=is_async, secure_delete="off") as db:
        if is_audited:
            db.audit.enable()
        fill(db)
        assert traces(path)
        others = lines_of(db, user_id="v")
        report = db.erase(user_id="u")
        assert traces(path) == []
        assert (sorted(report.session_ids), report.remains) == (["c", "z"], ())
        counts = dict(report.rows)
        assert (counts.pop("audit_log", 0) > 0) is is_audited
        assert {"sessions": 2, "messages": 1, "memories": 3, "memory_accesses": 2}.items() <= counts.items()
        assert lines_of(db, user_id="v") == others
        with pytest.raises(NotFoundError):
            db.export(user_id="u")
        assert dict(db.erase(user_id="u").rows) == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vector": "not base64!"}, "bytes are damaged"),
        ({"vector": 5}, "bytes are damaged"),
        ({"dimensions": 7}, "does not fit"),
        ({"memory_id": "nobody"}, None),
    ],
)
def test_a_vector_that_does_not_fit_is_refused_and_nothing_is_imported(
    tmp_path: Path, changes: dict[str, Any], said: str | None
) -> None:
    with (
        opened(str(tmp_path / "one.db"), is_async=False) as db,
        opened(str(tmp_path / "two.db"), is_async=False) as other,
    ):
        fill(db)
        lines = [json.loads(line) for line in db.export(user_id="u").data.splitlines()]
        next(line for line in lines if line.get("table") == "memory_embeddings")["row"].update(changes)
        del lines[-1]["sha256"]
        data = b"\n".join(json.dumps(line).encode() for line in lines)
        if said is None:
            assert [one.table for one in other.import_(data).conflicts] == ["memory_embeddings"]
            return
        with pytest.raises(ExportFileError, match=said):
            other.import_(data)
        assert other.rows("SELECT count(*) FROM memories") == [(0,)]
        assert other.rows("SELECT count(*) FROM sessions") == [(0,)]


@pytest.mark.parametrize("name", ["export", "erase"])
def test_a_session_or_a_user_is_wanted(tmp_path: Path, name: str) -> None:
    with opened(str(tmp_path / "one.db"), is_async=False) as db:
        with pytest.raises(FieldError, match="or user_id is wanted"):
            getattr(db, name)()
        with pytest.raises(FieldError, match="both given"):
            getattr(db, name)("s", user_id="u")
        with pytest.raises(FieldError):
            getattr(db, name)(user_id="")


@given(st.dictionaries(st.integers(0, 9).map(str), st.lists(st.none() | st.integers(0, 12).map(str), max_size=2)))
def test_each_session_stands_behind_those_that_it_refers_to(refers: dict[str, list[str | None]]) -> None:
    found = in_order((id, *others) for id, others in refers.items())
    assert sorted(found) == sorted(refers)
    before: set[str] = set()
    for id in found:
        for other in refers[id]:
            is_loop = other is not None and id in _reached(refers, other)
            assert other not in refers or other in before or is_loop
        before.add(id)


def _reached(refers: dict[str, list[str | None]], id: str) -> set[str]:
    seen, left = set(), [id]
    while left:
        one = left.pop()
        if one not in seen:
            seen.add(one)
            left += [other for other in refers.get(one, ()) if other is not None]
    return seen
