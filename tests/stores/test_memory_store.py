from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from store_harness import AT, Facade, agent_fields

from agentdb.errors import AlreadyExistsError, FieldError, IntegrityError, NotFoundError
from agentdb.stores import Memory, MemoryAccess

PAST = datetime(2020, 1, 1, tzinfo=UTC)
FUTURE = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture
def session(stores: Facade) -> str:
    agent = stores.agents.create(**agent_fields())
    return str(stores.sessions.create(main_agent_id=agent.id, id="s").id)


def fields(**changes: Any) -> dict[str, Any]:
    """Every argument of memories.create() but what refers to other rows, none as it would be by default."""
    return {
        "content": {"preference": "dark mode", "since": 2024},
        "text": "prefers dark mode",
        "type": "preference",
        "memory_type": "long term",
        "user_id": "user-1",
        "importance": 0.8,
        "confidence": 0.9,
        "source_type": "chat",
        "verification_status": "verified",
        "expires_at": FUTURE,
        "id": "m",
        "created_at": AT,
        "updated_at": AT + timedelta(days=1),
        **changes,
    }


def ids(memories: Any) -> list[str]:
    return [memory.id for memory in memories]


def test_a_memory_is_read_as_it_was_given(stores: Facade, session: str) -> None:
    before = stores.memories.create(content="before")
    given = fields(agent_id="agent-1", session_id=session, supersedes_id=before.id)
    memory = stores.memories.create(**given)
    assert isinstance(memory, Memory)
    assert {name: getattr(memory, name) for name in given} == given
    assert (memory.access_count, memory.last_accessed_at) == (0, None)
    assert stores.memories.get("m") == stores.memories.require("m") == memory
    assert json.loads(json.dumps(memory.to_dict())) == memory.to_dict()


def test_the_least_that_is_given_is_a_content(stores: Facade) -> None:
    memory = stores.memories.create(content="tea")
    assert stores.memories.require(memory.id) == memory
    assert (memory.type, memory.importance, memory.confidence) == ("fact", 0.5, 1.0)
    assert (memory.verification_status, memory.text) == ("unverified", "tea")
    assert memory.created_at == memory.updated_at


@pytest.mark.parametrize("score", [0, 0.0, 1, 0.25])
def test_a_score_of_0_stays_0(stores: Facade, score: float) -> None:
    memory = stores.memories.create(content="tea", importance=score, confidence=score)
    assert (memory.importance, memory.confidence) == (score, score)
    memory = stores.memories.update(stores.memories.create(content="tea").id, importance=score, confidence=score)
    assert stores.memories.require(memory.id) == memory
    assert (memory.importance, memory.confidence) == (score, score)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("tea", "tea"),
        ({"drink": "tea", "sugar": False, "cups": 2, "none": None, "empty": ""}, "drink: tea\nsugar: false\ncups: 2"),
        ({"text": "likes tea", "tags": ["a", "b"]}, "likes tea\ntags: a\ntags: b"),
        (["x", {"y": [1.5]}], "x\ny: 1.5"),
        (0, "0"),
        (True, "true"),
        ([], ""),
        ("", ""),
    ],
    ids=str,
)
def test_the_text_is_taken_from_the_content(stores: Facade, content: Any, text: str) -> None:
    assert stores.memories.create(content=content).text == text
    assert stores.memories.create(content=content, text="").text == ""


def test_a_content_can_be_nested_deep_and_be_ten_megabytes(stores: Facade) -> None:
    deep: Any = "x"
    for _ in range(499):
        deep = [deep]
    assert stores.memories.create(content=deep).text == "x"
    big = "tea \x00 ü 𝄞 \U0010ffff " * 500_000
    memory = stores.memories.create(content=big)
    assert stores.memories.require(memory.id).content == big


def test_an_update_changes_what_is_given_and_nothing_else(stores: Facade, session: str) -> None:
    memory = stores.memories.create(**fields(agent_id="agent-1", session_id=session))
    stores.memories.record_access("m")
    changed = stores.memories.update("m", importance=0, expires_at=None, session_id=None)
    assert changed == stores.memories.require("m")
    assert changed.updated_at > memory.updated_at
    wanted = {"importance": 0, "expires_at": None, "session_id": None, "access_count": 1}
    kept = {name: value for name, value in memory.to_dict().items() if name not in (*wanted, "updated_at")}
    kept.pop("last_accessed_at")
    assert {name: changed.to_dict()[name] for name in kept} == kept
    assert {name: getattr(changed, name) for name in wanted} == wanted


def test_a_new_content_brings_its_text_unless_one_is_given(stores: Facade) -> None:
    stores.memories.create(**fields())
    assert stores.memories.update("m", type="fact").text == "prefers dark mode"
    assert stores.memories.update("m", content={"drink": "tea"}).text == "drink: tea"
    assert stores.memories.update("m", content={"drink": "cocoa"}, text="likes it hot").text == "likes it hot"
    assert stores.memories.update("m", text=None).text == "drink: cocoa"
    assert stores.memories.update("m", text="Käse").content == {"drink": "cocoa"}
    assert ids(hit.memory for hit in stores.memories.recall("kase")) == ["m"]
    assert stores.memories.recall("cocoa") == []


def test_a_taken_id_and_a_missing_parent_are_told(stores: Facade, session: str) -> None:
    stores.memories.create(content="tea", id="m")
    with pytest.raises(AlreadyExistsError, match="memory 'm' exists already"):
        stores.memories.create(content="tea", id="m")
    for name, what in (("agent_id", "agent"), ("session_id", "session"), ("supersedes_id", "memory")):
        with pytest.raises(NotFoundError, match=f"{name}: there is no {what} 'nobody'"):
            stores.memories.create(content="tea", **{name: "nobody"})
    with pytest.raises(NotFoundError, match="refers to what is not there: agent_id 'x' or session_id 's'"):
        stores.memories.create(content="tea", agent_id="x", session_id=session)
    with pytest.raises(NotFoundError, match="agent_id: there is no agent 'nobody'"):
        stores.memories.update("m", agent_id="nobody")
    with pytest.raises(NotFoundError):
        stores.memories.create(content="tea", id="new", supersedes_id="new")
    for call in (
        lambda: stores.memories.require("x"),
        lambda: stores.memories.update("x", type="fact"),
        lambda: stores.memories.update("x", text=None),
        lambda: stores.memories.supersede("x", content="tea"),
        lambda: stores.memories.record_access("x"),
        lambda: stores.memory_links.create("m", "x"),
        lambda: stores.memory_links.create("x", "m"),
        lambda: stores.memory_annotations.create("x", kind="verification"),
        lambda: stores.memory_annotations.apply("x"),
        lambda: stores.memories.set_embedding("x", [1.0], "model"),
    ):
        with pytest.raises(NotFoundError):
            call()
    assert stores.memories.count() == 1


# -- versions


def test_a_memory_is_superseded_by_one_that_takes_what_is_not_given(stores: Facade, session: str) -> None:
    first = stores.memories.create(**fields(agent_id="agent-1", session_id=session))
    second = stores.memories.supersede("m", content={"preference": "light mode"}, importance=0)
    taken = ("agent_id", "user_id", "session_id", "type", "memory_type", "confidence", "source_type", "expires_at")
    assert [getattr(second, name) for name in taken] == [getattr(first, name) for name in taken]
    assert (second.supersedes_id, second.importance, second.text) == ("m", 0, "preference: light mode")
    assert second.verification_status == "unverified"
    third = stores.memories.supersede(second.id, content="either", user_id=None, text="either mode")
    assert (third.user_id, third.text) == (None, "either mode")
    assert ids(stores.memories.versions(third.id)) == [third.id, second.id, "m"]
    assert ids(stores.memories.versions("m")) == ["m"]
    assert stores.memories.versions("x") == []
    assert stores.memories.successor("m") == second
    assert stores.memories.successor(third.id) is None
    assert ids(stores.memories.list().items) == [third.id]
    assert len(stores.memories.list(include_outdated=True).items) == 3
    with pytest.raises(IntegrityError, match="'m' is superseded by another one already") as raised:
        stores.memories.supersede("m", content="no mode")
    assert raised.value.code == "already_superseded"
    assert stores.memories.delete(third.id) is True
    assert ids(stores.memories.list().items) == [second.id]


# -- lists


def test_a_list_has_the_newest_first_and_what_is_asked_for(stores: Facade, session: str) -> None:
    for number in range(6):
        stores.memories.create(
            content=number,
            id=str(number),
            user_id=f"u{number % 2}",
            agent_id="agent-1" if number % 3 == 0 else None,
            session_id=session if number < 2 else None,
            type="preference" if number > 3 else "fact",
            created_at=AT + timedelta(hours=number // 2),
        )
    stores.memories.create(content="old", id="old", user_id="u0", expires_at=PAST)
    listed = lambda **asked: ids(stores.memories.list(**asked).items)  # noqa: E731
    assert listed() == ["5", "4", "3", "2", "1", "0"]
    assert listed(user_id="u1") == ["5", "3", "1"]
    assert listed(user_id="u0", include_outdated=True) == ["old", "4", "2", "0"]
    assert listed(agent_id="agent-1") == ["3", "0"]
    assert listed(agent_id="agent-1", user_id="u1") == ["3"]
    assert listed(session_id=session) == ["1", "0"]
    assert listed(session_id=session, user_id="u0", agent_id="agent-1") == ["0"]
    assert listed(type="preference") == ["5", "4"]
    assert listed(user_id="nobody") == []
    for asked in ({}, {"user_id": "u0"}, {"agent_id": "agent-1"}):
        seen, cursor = [], None
        while True:
            page = stores.memories.list(limit=1, cursor=cursor, include_outdated=True, **asked)
            seen += ids(page.items)
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == listed(include_outdated=True, **asked)
    assert (stores.memories.count(), stores.memories.count(user_id="u0"), stores.memories.count(user_id="x")) == (
        7,
        4,
        0,
    )


# -- the end of a memory


def test_what_is_forgotten_takes_its_versions_and_all_that_is_its_own(stores: Facade) -> None:
    for id in ("a", "b"):
        stores.memories.create(content=f"{id} likes tea", id=id, user_id=id)
    newest = stores.memories.supersede("a", content="a likes cocoa")
    for id in ("a", newest.id):
        stores.memories.set_embedding(id, [1.0, 0.0], "model")
        stores.memories.record_access(id)
        stores.memory_annotations.create(id, kind="verification")
        stores.memory_links.create(id, "b")
    assert stores.memories.forget(newest.id) == 2
    assert stores.memories.forget(newest.id) == 0
    for table in ("memory_embeddings", "memory_accesses", "memory_annotations", "memory_links"):
        assert stores.rows(f"SELECT count(*) FROM {table}") == [(0,)]
    assert ids(hit.memory for hit in stores.memories.recall("likes")) == ["b"]
    assert stores.memories.forget_user("b") == 1
    assert stores.memories.forget_user("b") == 0
    assert stores.rows("SELECT count(*) FROM memories") == [(0,)]


def test_a_version_in_the_middle_takes_the_earlier_ones_alone(stores: Facade) -> None:
    first = stores.memories.create(content=1)
    second = stores.memories.supersede(first.id, content=2)
    third = stores.memories.supersede(second.id, content=3)
    assert stores.memories.forget(second.id) == 2
    assert stores.memories.require(third.id).supersedes_id is None


def test_a_long_chain_is_forgotten(stores: Facade) -> None:
    id = stores.memories.create(content=0).id
    for number in range(1_200):  # cascades of SQLite stop at 1,000
        id = stores.memories.create(content=number, supersedes_id=id).id
    assert len(stores.memories.versions(id)) == 1_201
    assert stores.memories.forget(id) == 1_201


def test_what_has_expired_can_be_deleted(stores: Facade) -> None:
    stores.memories.create(content=1, id="past", expires_at=PAST)
    stores.memories.create(content=2, id="future", expires_at=FUTURE)
    stores.memories.create(content=3, id="ever")
    assert stores.memories.get("past") is not None
    assert stores.memories.expire() == 1
    assert stores.memories.expire(FUTURE) == 1
    assert ids(stores.memories.list().items) == ["ever"]


def test_no_byte_of_a_forgotten_memory_is_left(db: Facade, path: str) -> None:
    secret = "Zaphod Beeblebrox lives in Magrathea"
    for number in range(50):
        db.memories.create(content=f"{number} likes tea", id=str(number))
    db.memories.create(content={"secret": secret}, id="m", user_id="u")
    db.memories.set_embedding("m", [0.123456, 0.654321, 0.111222], "model")
    db.memories.record_access("m", context=f"asked for {secret}")
    db.memory_annotations.create("m", kind="enhancement", content={"more": secret})
    with open(path, "rb") as file, open(f"{path}-wal", "rb") as wal:
        assert b"Magrathea" in file.read() + wal.read()
    assert db.memories.forget_user("u") == 1
    assert db.memories.erase_deleted() is True
    with open(path, "rb") as file, open(f"{path}-wal", "rb") as wal:
        left = file.read() + wal.read()
    vector = db.memories.get("0") and __import__("struct").pack("<f", 0.123456)
    for piece in (b"Magrathea", b"Beeblebrox", b"agr\x00", b"\x02magr", vector):
        assert piece not in left


# -- accesses


def test_an_access_moves_the_counters_of_its_memory(stores: Facade) -> None:
    memory = stores.memories.create(content="tea")
    access = stores.memories.record_access(
        memory.id,
        access_type="reference",
        accessed_by="agent-1",
        accessor_type="agent",
        context="asked for a drink",
        usefulness=0.9,
        accessed_at=AT,
    )
    assert isinstance(access, MemoryAccess)
    assert (access.access_type, access.accessed_by, access.accessor_type) == ("reference", "agent-1", "agent")
    assert (access.context, access.usefulness, access.accessed_at) == ("asked for a drink", 0.9, AT)
    assert stores.memory_accesses.get(access.id) == stores.memory_accesses.require(access.id) == access
    assert json.loads(json.dumps(access.to_dict())) == access.to_dict()
    after = stores.memories.require(memory.id)
    assert (after.access_count, after.last_accessed_at, after.updated_at) == (1, AT, memory.updated_at)
    later = stores.memory_accesses.create(memory.id, usefulness=0)
    assert later.usefulness == 0
    earlier = stores.memories.record_access(memory.id, accessed_at=AT - timedelta(days=1))
    after = stores.memories.require(memory.id)
    assert (after.access_count, after.last_accessed_at) == (3, later.accessed_at)
    page = stores.memory_accesses.page(memory.id, limit=2)
    assert page.items == [later, access]
    assert stores.memory_accesses.page(memory.id, limit=2, cursor=page.next_cursor).items == [earlier]
    assert stores.memory_accesses.delete(later.id) is True
    assert stores.memory_accesses.delete(later.id) is False
    after = stores.memories.require(memory.id)
    assert (after.access_count, after.last_accessed_at) == (2, AT)
    with pytest.raises(NotFoundError):
        stores.memory_accesses.require(later.id)


# -- links


def test_links_are_found_at_both_their_ends(stores: Facade) -> None:
    for id in "abc":
        stores.memories.create(content=id, id=id)
    link = stores.memory_links.create("a", "b", kind="contradicts", created_at=AT)
    assert (link.memory_id, link.related_id, link.kind, link.created_at) == ("a", "b", "contradicts", AT)
    other = stores.memory_links.create("c", "a")
    assert stores.memory_links.get(link.id) == stores.memory_links.require(link.id) == link
    assert stores.memory_links.page("a").items == [other, link]
    assert stores.memory_links.page("a", kind="related").items == [other]
    page = stores.memory_links.page("a", limit=1)
    assert stores.memory_links.page("a", limit=1, cursor=page.next_cursor).items == [link]
    assert ids(stores.memory_links.related("a")) == ["c", "b"]
    assert ids(stores.memory_links.related("a", kind="contradicts")) == ["b"]
    assert ids(stores.memory_links.related("b")) == ["a"]
    back = stores.memory_links.create("b", "a", kind="contradicts")
    assert ids(stores.memory_links.related("a")) == ["b", "c"]
    with pytest.raises(AlreadyExistsError, match="of kind 'contradicts' from memory 'a' to 'b'"):
        stores.memory_links.create("a", "b", kind="contradicts")
    with pytest.raises(FieldError, match="related_id is the memory itself"):
        stores.memory_links.create("a", "a")
    assert stores.memory_links.delete(back.id) is True
    assert stores.memory_links.delete(back.id) is False
    with pytest.raises(NotFoundError):
        stores.memory_links.require(back.id)
