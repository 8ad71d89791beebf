"""All operations in any order, beside a model of dictionaries."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from store_harness import AT, Facade, new_file, opened

from agentdb.errors import AlreadyExistsError, FieldError, IntegrityError, NotFoundError
from agentdb.stores import NewLog

#: Few of each, so that rules meet each other's rows; the last of each is seldom there.
AGENT_IDS = st.sampled_from(["a", "b", "c", "nobody"])
SESSION_IDS = st.sampled_from(["s", "t", "u", "v", "nowhere"])
LOG_NUMBERS = st.integers(0, 30)
MOMENTS = st.integers(0, 2).map(lambda minutes: AT + timedelta(minutes=minutes))
STATUSES = st.sampled_from(["idle", "running", "failed"])
VALUES = st.sampled_from([None, "", "x"])
Row = dict[str, Any]


class Stores(RuleBasedStateMachine):
    is_async = False

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = self.stack.enter_context(TemporaryDirectory())
        self.db: Facade = self.stack.enter_context(opened(new_file(Path(folder)), is_async=self.is_async))
        self.inside: ExitStack | None = None
        self.saved: tuple[Any, ...] | None = None
        self.stores = self.db
        self.agents: dict[str, Row] = {}
        self.sessions: dict[str, Row] = {}
        self.logs: dict[int, Row] = {}
        self.next_log = 1

    def teardown(self) -> None:
        if self.inside is not None:
            self.inside.close()
        self.stack.close()

    # -- transactions

    @rule()
    @precondition(lambda self: self.inside is None)
    def begin(self) -> None:
        self.inside = ExitStack()
        self.stores = self.inside.enter_context(self.db.transaction())
        self.saved = ({**self.agents}, {**self.sessions}, {**self.logs}, self.next_log)

    @rule(keep=st.booleans())
    @precondition(lambda self: self.inside is not None)
    def end(self, keep: bool) -> None:
        assert self.inside is not None
        assert self.saved is not None
        if keep:
            self.inside.close()
        else:
            with pytest.raises(RuntimeError, match="take it back"), self.inside:
                raise RuntimeError("take it back")
            self.agents, self.sessions, self.logs, self.next_log = self.saved
        self.inside, self.stores = None, self.db

    # -- agents

    @rule(id=AGENT_IDS, name=st.sampled_from(["", "n"]), at=MOMENTS)
    def create_agent(self, id: str, name: str, at: datetime) -> None:
        if id in self.agents:
            with pytest.raises(AlreadyExistsError):
                self.stores.agents.create(id=id, name=name, model="m")
            return
        self.agents[id] = self.stores.agents.create(id=id, name=name, model="m", created_at=at).to_dict()

    @rule(id=AGENT_IDS, description=VALUES)
    def update_agent(self, id: str, description: str | None) -> None:
        if id not in self.agents:
            with pytest.raises(NotFoundError):
                self.stores.agents.update(id, description=description)
            return
        found = self.stores.agents.update(id, description=description).to_dict()
        assert found["updated_at"] > AT.isoformat()
        self.agents[id] = self.agents[id] | {"description": description, "updated_at": found["updated_at"]}

    @rule(id=AGENT_IDS, cascade=st.booleans())
    def delete_agent(self, id: str, cascade: bool) -> None:
        own = [session for session, row in self.sessions.items() if row["main_agent_id"] == id]
        if own and not cascade:
            with pytest.raises(IntegrityError):
                self.stores.agents.delete(id)
            return
        assert self.stores.agents.delete(id, cascade=cascade) is (id in self.agents)
        self.agents = {key: row for key, row in self.agents.items() if key != id}
        for session in own:
            self.forget_session(session)

    # -- sessions

    @rule(id=SESSION_IDS, agent=AGENT_IDS, status=STATUSES, external=VALUES, at=MOMENTS)
    def create_session(self, id: str, agent: str, status: str, external: str | None, at: datetime) -> None:
        def call() -> Any:
            return self.stores.sessions.create(
                id=id, main_agent_id=agent, status=status, external_session_id=external, created_at=at
            )

        if id in self.sessions:
            with pytest.raises(AlreadyExistsError):
                call()
        elif agent not in self.agents:
            with pytest.raises(NotFoundError, match="main_agent_id"):
                call()
        else:
            self.sessions[id] = call().to_dict()

    @rule(id=SESSION_IDS, agent=AGENT_IDS, model=VALUES)
    def update_session(self, id: str, agent: str, model: str | None) -> None:
        if id not in self.sessions or agent not in self.agents:
            with pytest.raises(NotFoundError):
                self.stores.sessions.update(id, main_agent_id=agent, model=model)
            return
        found = self.stores.sessions.update(id, main_agent_id=agent, model=model).to_dict()
        changed = {"main_agent_id": agent, "model": model, "updated_at": found["updated_at"]}
        self.sessions[id] = self.sessions[id] | changed

    @rule(id=SESSION_IDS, status=STATUSES)
    def update_status(self, id: str, status: str) -> None:
        if id not in self.sessions:
            with pytest.raises(NotFoundError):
                self.stores.sessions.update_status(id, status)
            return
        self.stores.sessions.update_status(id, status)
        updated_at = self.stores.sessions.get(id).to_dict()["updated_at"]
        assert datetime.now(UTC) - datetime.fromisoformat(updated_at) < timedelta(minutes=5)
        self.sessions[id] = self.sessions[id] | {"status": status, "updated_at": updated_at}

    @rule(id=SESSION_IDS)
    def delete_session(self, id: str) -> None:
        assert self.stores.sessions.delete(id) is (id in self.sessions)
        self.forget_session(id)

    def forget_session(self, id: str) -> None:
        self.sessions = {key: row for key, row in self.sessions.items() if key != id}
        self.logs = {key: row for key, row in self.logs.items() if row["session_id"] != id}

    # -- logs

    def parent(self, number: int) -> int | None:
        """None, a log that may be there, or one that was never there."""
        return None if number == 0 else sorted(self.logs)[number % len(self.logs)] if self.logs else number

    @rule(session=SESSION_IDS, parent=LOG_NUMBERS, at=MOMENTS, content=st.sampled_from(["", 0, [], {"a": 1}]))
    def append(self, session: str, parent: int, at: datetime, content: Any) -> None:
        parent_id = self.parent(parent)
        given = {"role": "user", "type": "message", "content": content, "parent_id": parent_id, "created_at": at}
        if session not in self.sessions or (parent_id is not None and parent_id not in self.logs):
            with pytest.raises(NotFoundError):
                self.stores.session_logs.append(session, **given)
        elif parent_id is not None and self.logs[parent_id]["session_id"] != session:
            with pytest.raises(FieldError):
                self.stores.session_logs.append(session, **given)
        else:
            self.add(self.stores.session_logs.append(session, **given))

    @rule(session=SESSION_IDS, number=st.integers(0, 4), bad=st.booleans())
    def append_many(self, session: str, number: int, bad: bool) -> None:
        logs = [NewLog(role="agent", type="thought", content=n) for n in range(number)]
        if bad:
            logs.append(NewLog(role="agent", type="thought", content=0, parent_id=10**9))
            with pytest.raises(NotFoundError):
                self.stores.session_logs.append_many(session, logs)
        elif session not in self.sessions and logs:
            with pytest.raises(NotFoundError):
                self.stores.session_logs.append_many(session, logs)
        else:
            for log in self.stores.session_logs.append_many(session, logs):
                self.add(log)

    def add(self, log: Any) -> None:
        assert log.id >= self.next_log  # ids are never given twice
        self.next_log = log.id + 1
        self.logs = {**self.logs, log.id: log.to_dict()}

    @rule(number=LOG_NUMBERS, metadata=st.sampled_from([None, {}, {"a": [1]}]))
    def update_log(self, number: int, metadata: Any) -> None:
        id = self.parent(number) or 10**9
        if id not in self.logs:
            with pytest.raises(NotFoundError):
                self.stores.session_logs.update(id, metadata=metadata)
            return
        found = self.stores.session_logs.update(id, metadata=metadata).to_dict()
        changed = self.logs[id] | {"metadata": metadata, "updated_at": found["updated_at"]}
        self.logs = {**self.logs, id: changed}

    def below(self, id: int) -> dict[int, int]:
        """A log and its descendants, with their depth."""
        depths = {id: 0} if id in self.logs else {}
        for key in sorted(self.logs):  # a parent is older than its children
            if self.logs[key]["parent_id"] in depths:
                depths[key] = depths[self.logs[key]["parent_id"]] + 1
        return depths

    @rule(number=LOG_NUMBERS)
    def delete_log(self, number: int) -> None:
        id = self.parent(number) or 10**9
        gone = self.below(id)
        assert self.stores.session_logs.delete(id) == len(gone)
        self.logs = {key: row for key, row in self.logs.items() if key not in gone}

    @rule(session=SESSION_IDS)
    def clear(self, session: str) -> None:
        kept = {key: row for key, row in self.logs.items() if row["session_id"] != session}
        assert self.stores.session_logs.clear(session) == len(self.logs) - len(kept)
        self.logs = kept

    # -- what is there

    @rule(
        agent=AGENT_IDS, session=SESSION_IDS, number=LOG_NUMBERS, status=STATUSES, external=st.sampled_from(["", "x"])
    )
    def ask(self, agent: str, session: str, number: int, status: str, external: str) -> None:
        stores, log = self.stores, self.parent(number) or 10**9
        for store, id, rows in (
            (stores.agents, agent, self.agents),
            (stores.sessions, session, self.sessions),
            (stores.session_logs, log, self.logs),
        ):
            found = store.get(id)
            assert (None if found is None else found.to_dict()) == rows.get(id)
            assert store.exists(id) is (id in rows)
            if id in rows:
                assert store.require(id) == found
            else:
                with pytest.raises(NotFoundError):
                    store.require(id)
        own = [row for row in self.sessions.values() if row["main_agent_id"] == agent]
        self.same_cards(stores.sessions.by_agent(agent), own)
        self.same_cards(stores.sessions.list(main_agent_id=agent, status=status), with_status(own, status))
        assert stores.sessions.count(main_agent_id=agent) == len(own)
        self.same_cards(stores.sessions.by_status(status), with_status(self.sessions.values(), status))
        assert stores.sessions.count(status=status) == len(with_status(self.sessions.values(), status))
        known = in_order([row for row in self.sessions.values() if row["external_session_id"] == external])
        found = stores.sessions.by_external_id(external)
        assert (None if found is None else found.to_dict()) == (known[-1] if known else None)
        whole = stores.sessions.with_agent(session)
        if session in self.sessions:
            row = self.sessions[session]
            owner = self.agents[row["main_agent_id"]]
            assert whole.session.to_dict() == row
            assert whole.agent.description == owner["description"]
            assert whole.effective.model == (owner["model"] if row["model"] is None else row["model"])
        else:
            assert whole is None
        depths = self.below(log)
        assert [(entry.log.to_dict(), entry.depth) for entry in stores.session_logs.subtree(log)] == [
            (row, depths[row["id"]]) for row in in_order([self.logs[id] for id in depths])
        ]
        children = in_order([self.logs[id] for id, depth in depths.items() if depth == 1])
        assert [child.to_dict() for child in stores.session_logs.children(log)] == children
        transcript = in_order([row for row in self.logs.values() if row["session_id"] == session])
        assert [log.to_dict() for log in stores.session_logs.page(session).items] == transcript
        assert [log.to_dict() for log in stores.session_logs.page(session, newest_first=True).items] == transcript[::-1]
        assert [log.to_dict() for log in stores.session_logs.latest(session, 3)] == transcript[-3:]
        assert stores.session_logs.count(session) == len(transcript)

    def same_cards(self, page: Any, rows: Any) -> None:
        expected = in_order(rows)[::-1]
        assert [card.id for card in page.items] == [row["id"] for row in expected]
        assert all(card.to_dict().items() <= row.items() for card, row in zip(page.items, expected, strict=True))

    @invariant()
    def the_rows_are_those_of_the_model(self) -> None:
        assert self.stores.totals() == (len(self.agents), len(self.sessions), len(self.logs))
        assert [agent.to_dict() for agent in self.stores.agents.list().items] == in_order(self.agents.values())[::-1]
        assert self.stores.agents.count() == len(self.agents)
        self.same_cards(self.stores.sessions.list(), self.sessions.values())
        assert self.stores.sessions.count() == len(self.sessions)


def in_order(rows: Any) -> list[Row]:
    return sorted(rows, key=lambda row: (row["created_at"], row["id"]))


def with_status(rows: Any, status: str) -> list[Row]:
    return [row for row in rows if row["status"] == status]


class AsyncStores(Stores):
    is_async = True


RULES = settings(max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LONGER = settings(RULES, max_examples=400, stateful_step_count=60)
TestStores = Stores.TestCase
TestStores.settings = RULES
TestAsyncStores = AsyncStores.TestCase
TestAsyncStores.settings = RULES


@pytest.mark.soak
class TestLongRounds:
    @pytest.mark.parametrize("machine", [Stores, AsyncStores])
    def test_all_operations_in_any_order(self, machine: type[Stores]) -> None:
        from hypothesis.stateful import run_state_machine_as_test

        run_state_machine_as_test(machine, settings=LONGER)
