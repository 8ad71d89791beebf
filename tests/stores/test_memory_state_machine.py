"""Memories against a model of them: counters, versions, what is recalled, what is forgotten."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agentdb import AgentDB
from agentdb.errors import IntegrityError
from agentdb.stores import NewMemoryAccess

PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
WORDS = ["tea", "cocoa", "Käse", "咖啡"]
VECTORS = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]


@dataclass
class Known:
    """What the model knows of a memory."""

    user: str | None
    word: str
    expires_at: datetime | None
    supersedes: str | None
    accesses: list[int] = field(default_factory=list)
    vector: list[float] | None = None


class Memories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.db = AgentDB.open(":memory:")
        self.known: dict[str, Known] = {}
        self.made = 0

    def teardown(self) -> None:
        self.db.close()

    def superseded(self) -> set[str | None]:
        return {each.supersedes for each in self.known.values()}

    def current(self) -> set[str]:
        gone = self.superseded()
        return {id for id, each in self.known.items() if id not in gone and each.expires_at != PAST}

    def chosen(self, data: st.DataObject) -> str:
        # In the order in which they came: some ids are random, and an example must be the same when it is run again.
        return data.draw(st.sampled_from(list(self.known)))

    def remove(self, ids: set[str]) -> None:
        for id in ids:
            del self.known[id]
        for each in self.known.values():
            if each.supersedes in ids:
                each.supersedes = None

    @rule(
        user=st.sampled_from([None, "u", "v"]),
        word=st.sampled_from(WORDS),
        expires_at=st.sampled_from([None, None, PAST, FUTURE]),
    )
    def create(self, user: str | None, word: str, expires_at: datetime | None) -> None:
        self.made += 1
        id = f"{self.made:03}"
        self.db.memories.create(content={"likes": word}, id=id, user_id=user, expires_at=expires_at)
        self.known[id] = Known(user, word, expires_at, None)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), word=st.sampled_from(WORDS))
    def supersede(self, data: st.DataObject, word: str) -> None:
        id = self.chosen(data)
        if id in self.superseded():
            try:
                self.db.memories.supersede(id, content=word)
            except IntegrityError as error:
                if error.code == "already_superseded":
                    return
            raise AssertionError("superseded twice")
        old = self.known[id]
        new = self.db.memories.supersede(id, content=word)
        self.known[new.id] = Known(old.user, word, old.expires_at, id)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), word=st.sampled_from(WORDS), kind=st.sampled_from(["correction", "verification"]))
    def annotate(self, data: st.DataObject, word: str, kind: Any) -> None:
        id = self.chosen(data)
        content = {"verification_status": "disputed"} if kind == "verification" else word
        annotation = self.db.memory_annotations.create(id, kind=kind, content=content)
        before = self.db.memories.require(id).text
        memory = self.db.memory_annotations.apply(annotation.id)
        if kind == "correction":
            self.known[id].word = word
            if memory.text != before:
                self.known[id].vector = None
        else:
            assert memory.verification_status == "disputed"

    @precondition(lambda self: self.known)
    @rule(data=st.data(), many=st.booleans())
    def access(self, data: st.DataObject, many: bool) -> None:
        if many:
            for hit in self.db.memories.recall(limit=100, record_access=NewMemoryAccess()):
                page = self.db.memory_accesses.page(hit.memory.id, limit=1000)
                (new,) = {each.id for each in page.items} - set(self.known[hit.memory.id].accesses)
                self.known[hit.memory.id].accesses.append(new)
        else:
            id = self.chosen(data)
            self.known[id].accesses.append(self.db.memories.record_access(id).id)

    @precondition(lambda self: any(each.accesses for each in self.known.values()))
    @rule(data=st.data())
    def take_an_access_away(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from([id for id, each in self.known.items() if each.accesses]))
        assert self.db.memory_accesses.delete(self.known[id].accesses.pop())

    @precondition(lambda self: self.known)
    @rule(data=st.data(), vector=st.sampled_from(VECTORS))
    def set_embedding(self, data: st.DataObject, vector: list[float]) -> None:
        id = self.chosen(data)
        self.db.memories.set_embedding(id, vector, "model")
        self.known[id].vector = vector

    @precondition(lambda self: self.known)
    @rule(data=st.data(), how=st.sampled_from(["forget", "delete", "user", "expire"]))
    def forget(self, data: st.DataObject, how: str) -> None:
        id = self.chosen(data)
        if how == "forget":
            chain = set()
            at: str | None = id
            while at is not None:
                chain.add(at)
                at = self.known[at].supersedes
            assert self.db.memories.forget(id) == len(chain)
            self.remove(chain)
        elif how == "delete":
            assert self.db.memories.delete(id)
            self.remove({id})
        elif how == "user":
            gone = {id for id, each in self.known.items() if each.user == "u"}
            assert self.db.memories.forget_user("u") == len(gone)
            self.remove(gone)
        else:
            gone = {id for id, each in self.known.items() if each.expires_at == PAST}
            assert self.db.memories.expire() == len(gone)
            self.remove(gone)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        """What is rolled back leaves no trace in the counters or the index; the invariants say so."""
        id = self.chosen(data)
        with suppress(ZeroDivisionError), self.db.transaction() as tx:
            tx.memories.record_access(id)
            tx.memories.update(id, content=WORDS)
            tx.memories.forget(id)
            tx.memories.create(content=WORDS)
            raise ZeroDivisionError

    @invariant()
    def the_counters_are_the_accesses(self) -> None:
        for id, each in self.known.items():
            memory = self.db.memories.require(id)
            accesses = self.db.memory_accesses.page(id, limit=1000).items
            assert sorted(access.id for access in accesses) == sorted(each.accesses)
            assert memory.access_count == len(accesses)
            assert memory.last_accessed_at == max((access.accessed_at for access in accesses), default=None)

    @invariant()
    def what_is_recalled_is_current_and_all_of_it_is(self) -> None:
        current = self.current()
        assert {hit.memory.id for hit in self.db.memories.recall(limit=1000)} == current
        for word in WORDS:
            wanted = {id for id in current if self.known[id].word == word}
            assert {hit.memory.id for hit in self.db.memories.recall(word, limit=1000)} == wanted
        wanted = {id for id in current if self.known[id].vector is not None}
        assert {hit.memory.id for hit in self.db.memories.recall(embedding=[1.0, 0.5], limit=1000)} == wanted
        of_user = {id for id in current if self.known[id].user == "u"}
        assert {hit.memory.id for hit in self.db.memories.recall(user_id="u", limit=1000)} == of_user

    @invariant()
    def nothing_is_left_of_what_was_forgotten(self) -> None:
        client = self.db.client
        client.execute("INSERT INTO memories_fts (memories_fts, rank) VALUES ('integrity-check', 1)")
        assert {row[0] for row in client.execute("SELECT id FROM memories").tuples} == set(self.known)
        for table in ("memory_accesses", "memory_annotations", "memory_embeddings"):
            owners = {row[0] for row in client.execute(f"SELECT memory_id FROM {table}").tuples}
            assert owners <= set(self.known)


Memories.TestCase.settings = settings(max_examples=15, stateful_step_count=20)
TestMemories = Memories.TestCase
