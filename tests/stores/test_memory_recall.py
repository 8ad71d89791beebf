from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from store_harness import Facade, agent_fields

from agentdb import AgentDB
from agentdb.errors import FieldError
from agentdb.stores import NewMemoryAccess, RecallCandidate, RecalledMemory, RecallWeights
from agentdb.stores.memories import ranking
from agentdb.stores.memories.text import search_words
from agentdb.stores.text_normalization import fold

NOW = datetime.now(UTC)
PAST = datetime(2020, 1, 1, tzinfo=UTC)


def remember(stores: Facade, **texts: Any) -> None:
    for id, content in texts.items():
        stores.memories.create(content=content, id=id, created_at=NOW)


def recalled(stores: Facade, *args: Any, **asked: Any) -> list[str]:
    return [hit.memory.id for hit in stores.memories.recall(*args, **asked)]


# -- by words


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("tea", "a"),
        ("TEA", "a"),
        ("what tea does she like", "a"),
        ("kase", "b"),
        ("KÄSE", "b"),
        ("käse", "b"),
        ("strasse", "b"),
        ("喝咖啡", "c"),
        ("咖啡", "c"),
        ("啡", "c"),
        ("我喜欢喝咖啡吗", "c"),
        ("Москва", "d"),
        ("behind", "e"),
        ("don't", "f"),
        ("50%", "f"),
        ("_under_score_", "f"),
    ],
)
def test_any_word_of_a_query_finds_a_memory(stores: Facade, query: str, wanted: str) -> None:
    remember(stores, a="likes green tea", b="mag Käse von der Straße", c="我喜欢喝咖啡", d="живёт в москва")
    remember(stores, e="before\0behind", f="don't say 50% or _under_score_ or \U0001f375")
    assert recalled(stores, query)[:1] == [wanted]


def test_more_and_rarer_words_rank_higher(stores: Facade) -> None:
    remember(stores, **{f"m{number}": "likes tea very much" for number in range(9)})
    remember(stores, rare="likes cocoa very much", both="likes cocoa and tea")
    assert recalled(stores, "cocoa and tea")[:2] == ["both", "rare"]
    assert len(recalled(stores, "cocoa tea", limit=50)) == 11
    assert recalled(stores, "coffee") == []


@pytest.mark.parametrize(
    "query",
    ['"', '""', "*", "tea*", "^tea", "tea AND", "NEAR(tea, 1)", "text:tea", "{text}:tea", "-tea", "(", "tea'; DROP TABLE memories",
     "a\0b", "%", "\U0010ffff", "\u0301 tea", "NOT", "OR OR OR", "x" * 10_000, "漢" * 10_000],
)  # fmt: skip
def test_no_query_is_syntax(stores: Facade, query: str) -> None:
    remember(stores, m=query, n="something else")
    found = recalled(stores, query)
    assert found[0] == "m"
    assert stores.memories.require("m").content == query


@given(text=st.text(min_size=1, max_size=30).filter(lambda text: text.split()))
@example(text="\x000")
@settings(max_examples=100)
def test_every_text_is_found_by_its_words(text: str) -> None:
    with AgentDB.open(":memory:") as db:
        db.memories.create(content="something else")
        memory = db.memories.create(content=text)
        assert memory.content == db.memories.require(memory.id).content == text
        for word in text.split():
            if fold(word.replace("\0", " ")).strip():  # an accent alone is no word
                assert memory.id in {hit.memory.id for hit in db.memories.recall(word)}


def test_only_words_that_are_written_in_another_way_are_stored_twice() -> None:
    assert search_words("likes tea") is None
    assert search_words("喜欢 咖啡 москва") is None
    assert search_words("mag Käse") == "8 kase"
    assert search_words("before\0Behind") == "6 before behind"


# -- what never comes, and filters


def test_what_has_expired_or_is_superseded_never_comes(stores: Facade) -> None:
    for id, expires_at in (("past", PAST), ("future", NOW + timedelta(days=1)), ("ever", None)):
        stores.memories.create(content=f"{id} tea", id=id, expires_at=expires_at)
        stores.memories.set_embedding(id, [1.0, 0.0], "model")
    new = stores.memories.supersede("ever", content="new tea").id
    stores.memories.set_embedding(new, [0.0, 1.0], "model")
    for asked in ({"query": "tea"}, {"embedding": [1.0, 0.0]}, {"query": "te", "embedding": [1.0, 0.0]}, {}):
        assert set(recalled(stores, **asked)) == {"future", new}
        assert recalled(stores, **asked, user_id="nobody") == []
    stores.memories.update("past", expires_at=None)
    assert "past" in recalled(stores, "tea")


def test_every_filter_holds_in_every_search(stores: Facade) -> None:
    agent = stores.agents.create(**agent_fields()).id
    session = stores.sessions.create(main_agent_id=agent, id="s").id
    of = {
        "all": {"agent_id": agent, "user_id": "u", "session_id": session, "type": "preference", "importance": 1},
        "agent": {"agent_id": agent},
        "user": {"user_id": "u"},
        "session": {"session_id": session},
        "type": {"type": "preference"},
        "important": {"importance": 0.9},
        "none": {"importance": 0},
    }
    for id, fields in of.items():
        stores.memories.create(content="green tea", id=id, **fields)
        stores.memories.set_embedding(id, [1.0, 0.5], "model")
    for search in ({"query": "tea"}, {"query": "te"}, {"embedding": [1.0, 0.0]}, {}):
        found = lambda **asked: set(recalled(stores, **search, **asked))  # noqa: B023, E731
        assert found() == set(of)
        assert found(agent_id=agent) == {"all", "agent"}
        assert found(user_id="u") == {"all", "user"}
        assert found(session_id=session) == {"all", "session"}
        assert found(type="preference") == {"all", "type"}
        assert found(min_importance=0.9) == {"all", "important"}
        assert found(user_id="u", session_id=session, agent_id=agent) == {"all"}
        assert found(user_id="u", min_importance=0.9, type="fact") == set()
        assert len(stores.memories.recall(**search, limit=3)) == 3


# -- the formula


def candidate(**changes: Any) -> RecallCandidate:
    plain: dict[str, Any] = {
        **dict.fromkeys(("text_rank", "vector_rank", "distance")),
        "memory_id": "m",
        "importance": 0.0,
        "confidence": 1.0,
        "access_count": 0,
        "age_days": 1e6,
    }
    return RecallCandidate(**{**plain, **changes})


def test_the_formula_is_that_of_its_documentation() -> None:
    weights = RecallWeights()
    assert weights(candidate()) == 1
    assert weights(candidate(text_rank=1)) == 1 / 61
    assert weights(candidate(text_rank=2, vector_rank=3)) == 1 / 62 + 1 / 63
    assert weights(candidate(importance=1)) == 1.5
    assert weights(candidate(age_days=0)) == 1.3
    assert weights(candidate(age_days=30)) == 1.15
    assert weights(candidate(access_count=5)) == 1.1
    other = RecallWeights(text=2, vector=0, k=0, importance=1, recency=0, use=0)
    assert other(candidate(text_rank=4, vector_rank=1, importance=0.5)) == 0.75
    text = ranking.RecallWeights.__doc__ or ""
    for line in ("relevance = text / (k + text_rank) + vector / (k + vector_rank)", "n / (n + 5)"):
        assert line in text
        assert line in (AgentDB.open(":memory:").memories.recall.__doc__ or "")


@given(
    rank=st.none() | st.integers(1, 10**9),
    importance=st.floats(0, 1),
    age=st.floats(0, 1e9),
    count=st.integers(0, 2**53),
)
def test_a_better_rank_importance_age_or_use_never_lowers_a_score(
    rank: int | None, importance: float, age: float, count: int
) -> None:
    weights = RecallWeights()
    score = weights(candidate(text_rank=rank, importance=importance, age_days=age, access_count=count))
    assert score > 0
    better = candidate(text_rank=rank and max(1, rank - 1), importance=1, age_days=age / 2, access_count=count + 1)
    assert weights(better) >= score


def test_importance_recency_and_use_decide_between_equals(stores: Facade) -> None:
    remember(stores, plain="green tea", used="green tea")
    stores.memories.create(content="green tea", id="important", importance=1, created_at=NOW)
    stores.memories.create(content="green tea", id="old", created_at=PAST)
    stores.memories.record_access("used")
    for asked in ({"query": "tea"}, {}):
        found = recalled(stores, **asked)
        assert (found[0], found[-1]) == ("important", "old")
        assert found.index("used") < found.index("plain")
    stores.memories.record_access("old")
    assert recalled(stores)[-1] != "old"


def test_a_formula_of_the_callers_decides(stores: Facade) -> None:
    remember(stores, a="tea", b="tea tea tea", c="cocoa")
    stores.memories.set_embedding("c", [1.0, 0.0], "model")
    seen: list[RecallCandidate] = []

    def alphabetical(candidate: RecallCandidate) -> float:
        seen.append(candidate)
        return -ord(candidate.memory_id)

    hits = stores.memories.recall("tea", embedding=[1.0, 0.0], formula=alphabetical)
    assert [(hit.memory.id, hit.score) for hit in hits] == [("a", -97.0), ("b", -98.0), ("c", -99.0)]
    assert isinstance(hits[0], RecalledMemory)
    assert {(each.memory_id, each.text_rank, each.vector_rank, each.distance) for each in seen} >= {("c", None, 1, 0.0)}
    assert [hit.text_rank for hit in hits if hit.memory.id != "c"] != [None, None]
    by_vector = stores.memories.recall("tea", embedding=[1.0, 0.0], formula=RecallWeights(vector=10))
    assert by_vector[0].memory.id == "c"


# -- accesses


def test_accesses_are_recorded_where_they_are_asked_for(stores: Facade) -> None:
    remember(stores, a="green tea", b="black tea", c="cocoa")
    assert [hit.memory.access_count for hit in stores.memories.recall("tea")] == [0, 0]
    access = NewMemoryAccess(accessed_by="agent-1", context="breakfast", usefulness=0.5)
    hits = stores.memories.recall("tea", record_access=access)
    assert [hit.memory.access_count for hit in hits] == [1, 1]
    assert [stores.memories.require(hit.memory.id) for hit in hits] == [hit.memory for hit in hits]
    (found,) = stores.memory_accesses.page("a").items
    assert (found.accessed_by, found.accessor_type, found.access_type) == ("agent-1", "agent", "read")
    assert (found.context, found.usefulness) == ("breakfast", 0.5)
    assert stores.memories.require("c").access_count == 0
    assert stores.memories.recall("nothing", record_access=access) == []


# -- bad input


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"query": ""}, "missing_value"),
        ({"query": " \n"}, "missing_value"),
        ({"query": "\u0301"}, "missing_value"),
        ({"query": " ".join(map(str, range(101)))}, "too_large"),
        ({"query": 5}, "wrong_type"),
        ({"query": b"tea"}, "wrong_type"),
        ({"query": "\ud800"}, "not_text"),
        *[({"limit": value}, code) for value, code in ((0, "too_small"), (10_001, "too_large"), (True, "wrong_type"))],
        *[({"min_importance": value}, "too_large") for value in (1.1, float("inf"))],
        *[({"min_importance": value}, "too_small") for value in (-0.1, float("nan"))],
        ({"min_importance": None}, "missing_value"),
        ({"min_importance": "0"}, "wrong_type"),
        *[({name: ""}, "missing_value") for name in ("user_id", "agent_id", "session_id", "type")],
        *[({name: 5}, "wrong_type") for name in ("user_id", "agent_id", "session_id", "type")],
        ({"record_access": True}, "wrong_type"),
        ({"record_access": NewMemoryAccess(usefulness=2)}, "too_large"),
        ({"record_access": NewMemoryAccess(accessor_type="robot")}, "not_one_of"),
        ({"formula": 5}, "wrong_type"),
        ({"formula": lambda candidate: float("nan")}, "wrong_type"),
        ({"formula": lambda candidate: "best"}, "wrong_type"),
        ({"model": "x"}, "missing_value"),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0][:60],
)
def test_what_cannot_be_asked_is_refused(stores: Facade, asked: dict[str, Any], code: str) -> None:
    remember(stores, a="green tea")
    with pytest.raises(FieldError) as raised:
        stores.memories.recall(**asked)
    assert raised.value.code == code
    assert stores.memories.require("a").access_count == 0
    assert recalled(stores, "tea") == ["a"]


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True, "1", None])
def test_a_weight_is_a_number_from_0(value: Any) -> None:
    with pytest.raises(FieldError):
        RecallWeights(text=value)
    with pytest.raises(FieldError):
        RecallWeights(half_life_days=0)


def test_what_a_formula_raises_reaches_the_caller(stores: Facade) -> None:
    remember(stores, a="green tea")
    with pytest.raises(ZeroDivisionError):
        stores.memories.recall("tea", formula=lambda candidate: 1 / 0)
    assert recalled(stores, "tea") == ["a"]
