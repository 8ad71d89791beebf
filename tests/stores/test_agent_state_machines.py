"""Versions of agents and states of modules against models of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agentdb import AgentDB
from agentdb.stores.canonical_json import canonical_hash


class Versions(RuleBasedStateMachine):
    """At most one version is active, and the agent has what was activated last."""

    def __init__(self) -> None:
        super().__init__()
        self.db = AgentDB.open(":memory:")
        self.agent = self.db.agents.create(name="0", model="m").id
        self.name = "0"
        self.names: dict[str, str] = {}
        self.active: str | None = None

    def teardown(self) -> None:
        self.db.close()

    @rule(name=st.sampled_from("abc"))
    def change(self, name: str) -> None:
        self.db.agents.update(self.agent, name=name)
        self.name = name

    @rule(activate=st.booleans())
    def create(self, activate: bool) -> None:
        version = self.db.agent_versions.create(self.agent, f"1.{len(self.names)}.0", activate=activate)
        self.names[version.id] = self.name
        self.active = version.id if activate else self.active

    @rule(data=st.data())
    def activate(self, data: st.DataObject) -> None:
        if self.names:
            id = data.draw(st.sampled_from(sorted(self.names)))
            self.db.agent_versions.activate(id)
            self.active, self.name = id, self.names[id]

    @invariant()
    def the_database_agrees(self) -> None:
        active = self.db.agent_versions.active(self.agent)
        assert (active and active.id) == self.active
        assert self.db.agents.require(self.agent).name == self.name
        for version in self.db.agent_versions.list(self.agent, limit=1000).items:
            assert version.is_active is (version.id == self.active)
            assert version.snapshot["name"] == self.names[version.id]


class ModuleStates(RuleBasedStateMachine):
    """A chain for each session and one outside any; the same state twice in a row is one."""

    def __init__(self) -> None:
        super().__init__()
        self.db = AgentDB.open(":memory:")
        agent = self.db.agents.create(name="0", model="m").id
        self.db.sessions.create(main_agent_id=agent, id="s")
        self.chains: dict[str | None, list[tuple[str, dict[str, Any]]]] = {None: [], "s": []}
        self.transitions: dict[str | None, int] = {None: 0, "s": 0}

    def teardown(self) -> None:
        self.db.close()

    @rule(
        session=st.sampled_from([None, "s"]),
        state=st.dictionaries(st.sampled_from("ab"), st.sampled_from([0, 1, True, 1.5, None, "é"]), max_size=2),
        trigger=st.sampled_from([None, "user"]),
    )
    def upsert(self, session: str | None, state: dict[str, Any], trigger: str | None) -> None:
        chain = self.chains[session]
        found = self.db.module_states.upsert("m", state, session_id=session, trigger_type=trigger)
        if chain and json.dumps(chain[-1][1], sort_keys=True) == json.dumps(state, sort_keys=True):
            assert found.id == chain[-1][0]
            return
        assert found.previous_state_id == (chain[-1][0] if chain else None)
        if trigger is not None:
            self.transitions[session] += 1
            (transition,) = self.db.module_states.transitions(found.id)
            before = chain[-1][1] if chain else {}
            assert before | (transition.new_values or {}) == {**before, **state}
            assert {**state, **(transition.previous_values or {})}.keys() == {**state, **before}.keys()
        chain.append((found.id, state))

    @rule(session=st.sampled_from([None, "s"]), data=st.data())
    def restore(self, session: str | None, data: st.DataObject) -> None:
        chain = self.chains[session]
        if chain:
            id, state = data.draw(st.sampled_from(chain))
            found = self.db.module_states.restore(id)
            if found.id != chain[-1][0]:
                chain.append((found.id, state))
                self.transitions[session] += 1

    @invariant()
    def the_database_agrees(self) -> None:
        for session, chain in self.chains.items():
            current = self.db.module_states.current("m", session_id=session)
            assert (current and (current.id, current.state)) == (chain[-1] if chain else None)
            history = self.db.module_states.history("m", session_id=session, limit=1000).items
            assert [(each.id, each.state) for each in history] == chain[::-1]
            assert [each.version for each in history] == list(range(len(chain), 0, -1))
            assert all(each.state_hash == canonical_hash(each.state) for each in history)
            transitions = self.db.module_states.transition_history("m", session_id=session, limit=1000).items
            assert len(transitions) == self.transitions[session]
            later = self.db.module_states.at("m", datetime.now(UTC) + timedelta(hours=1), session_id=session)
            assert later == current


for machine in (Versions, ModuleStates):
    machine.TestCase.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestVersions = Versions.TestCase
TestModuleStates = ModuleStates.TestCase
