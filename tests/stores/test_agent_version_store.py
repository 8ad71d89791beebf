from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version
from store_harness import AT, Facade, agent_fields

from agentdb import AgentDB, Migrator, create_client_sync, migrations
from agentdb.errors import AlreadyExistsError, FieldError, IntegrityError, NotFoundError
from agentdb.stores.version_numbers import sort_key

#: semver.org, rule 11: each is lower than the next.
IN_ORDER = [
    *("0.0.1", "0.9.0", "0.10.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2"),
    *("1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.9.0", "1.10.0", "2.0.0", "10.0.0", "999999999999999999.0.0"),
]
NO_VERSIONS = [
    "",
    "1",
    "1.0",
    "1.0.0.0",
    "v1.0.0",
    "01.0.0",
    "1.0.0-",
    "1.0.0-01",
    "1.0.0+",
    " 1.0.0",
    "1.0.0\n",
    "1.0.x",
]
NO_VERSIONS += ["1.0.0-a..b", "1.0.0-é", "1.0.0+" + "a" * 300, "9" * 19 + ".0.0", "\u0661.0.0"]


@pytest.fixture(autouse=True)
def agent(stores: Facade) -> str:
    return str(stores.agents.create(**agent_fields()).id)


def test_a_version_keeps_the_agent_as_it_is(stores: Facade, agent: str) -> None:
    before = stores.agents.require(agent)
    version = stores.agent_versions.create(agent, "1.1.0", {"added": ["memory"]}, "user-7", True, performance={"ok": 1})
    assert (version.version_number, version.changes, version.created_by) == ("1.1.0", {"added": ["memory"]}, "user-7")
    assert (version.is_active, version.performance, version.deactivated_at) == (True, {"ok": 1}, None)
    assert version.activated_at is not None
    assert version.snapshot == {
        name: value for name, value in agent_fields().items() if name not in ("id", "created_at", "updated_at")
    }
    assert stores.agents.require(agent) == before
    assert stores.agent_versions.get(version.id) == stores.agent_versions.require(version.id) == version
    assert stores.agent_versions.by_number(agent, "1.1.0") == stores.agent_versions.active(agent) == version
    assert json.loads(json.dumps(version.to_dict())) == version.to_dict()


def test_activating_a_version_gives_the_agent_its_configuration_back(stores: Facade, agent: str) -> None:
    old = stores.agents.require(agent)
    first = stores.agent_versions.create(agent, "1.0.0", activate=True)
    changed = stores.agents.update(
        agent, name="B", description=None, mcps=["x"], configuration={}, max_steps=99, metadata=None, specializations=[]
    )
    second = stores.agent_versions.create(agent, "2.0.0", ["new"], activate=True)
    assert stores.agent_versions.require(first.id).is_active is False
    assert stores.agent_versions.require(first.id).deactivated_at is not None
    assert stores.agent_versions.active(agent) == second
    assert stores.agent_versions.activate(first.id).is_active is True
    restored = stores.agents.require(agent)
    without_time = {name: value for name, value in old.to_dict().items() if name != "updated_at"}
    assert {**restored.to_dict(), "updated_at": 0} == {**without_time, "updated_at": 0}
    stores.agent_versions.activate(second.id)
    assert stores.agents.require(agent).name == changed.name


def test_versions_are_listed_as_versions_the_highest_first(stores: Facade, agent: str) -> None:
    for number in random.Random(7).sample(IN_ORDER, len(IN_ORDER)):
        stores.agent_versions.create(agent, number)
    first = stores.agent_versions.list(agent, limit=10)
    rest = stores.agent_versions.list(agent, limit=10, cursor=first.next_cursor)
    assert [version.version_number for version in (*first.items, *rest.items)] == IN_ORDER[::-1]
    assert stores.agent_versions.count(agent) == len(IN_ORDER)


def test_a_difference_is_told_field_by_field(stores: Facade, agent: str) -> None:
    first = stores.agent_versions.create(agent, "1.0.0")
    stores.agents.update(agent, name="B", avatar=None)
    second = stores.agent_versions.create(agent, "1.1.0")
    changes = stores.agent_versions.diff(first.id, second.id)
    assert [(each.field, each.kind, each.before, each.after) for each in changes] == [
        ("name", "changed", "Researcher", "B"),
        ("avatar", "changed", "🦉", None),
    ]
    assert stores.agent_versions.diff(second.id) == ()
    stores.agents.update(agent, max_steps=5)
    assert [each.field for each in stores.agent_versions.diff(second.id)] == ["max_steps"]


def test_what_is_said_of_a_version_can_change_and_its_snapshot_cannot(stores: Facade, agent: str) -> None:
    version = stores.agent_versions.create(agent, "1.0.0", ["a"], created_at=AT)
    changed = stores.agent_versions.update(version.id, performance={"rate": 0.5}, changes=None)
    assert (changed.performance, changed.changes, changed.created_at) == ({"rate": 0.5}, None, AT)
    assert changed.updated_at > version.updated_at
    with pytest.raises(TypeError):
        stores.agent_versions.update(version.id, snapshot={})


def test_the_active_version_is_not_deleted(stores: Facade, agent: str) -> None:
    first, second = (stores.agent_versions.create(agent, number, activate=True) for number in ("1.0.0", "2.0.0"))
    with pytest.raises(IntegrityError) as refused:
        stores.agent_versions.delete(second.id)
    assert refused.value.code == "version_active"
    assert stores.agent_versions.delete(first.id) is True
    assert stores.agent_versions.delete(first.id) is False


def test_what_is_missing_taken_or_wrong_is_refused_and_nothing_is_written(stores: Facade, agent: str) -> None:
    version = stores.agent_versions.create(agent, "1.0.0", id="v")
    for arguments in ({"version_number": "1.0.0"}, {"version_number": "1.0.1", "id": "v"}):
        with pytest.raises(AlreadyExistsError):
            stores.agent_versions.create(agent, **arguments)
    with pytest.raises(NotFoundError, match="agent_id"):
        stores.agent_versions.create("nobody", "1.0.0")
    for call in ("require", "activate", "update", "diff"):
        with pytest.raises(NotFoundError):
            getattr(stores.agent_versions, call)("nothing")
    for number in (*NO_VERSIONS, None, 1, "\ud800"):
        with pytest.raises(FieldError):
            stores.agent_versions.create(agent, number)
    bad: list[dict[str, Any]] = [{"changes": "text"}, {"performance": [1]}, {"activate": 1}, {"created_by": 7}]
    for arguments in bad:
        with pytest.raises(FieldError):
            stores.agent_versions.create(agent, "3.0.0", **arguments)
    assert stores.agent_versions.list(agent).items == [version]


def test_versions_go_with_their_agent(stores: Facade, agent: str) -> None:
    stores.agent_versions.create(agent, "1.0.0", activate=True)
    assert stores.agents.delete(agent) is True
    assert stores.rows("SELECT count(*) FROM agent_versions") == [(0,)]


def test_the_keys_of_versions_sort_as_versions_do() -> None:
    keys = list(map(sort_key, IN_ORDER))
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert sort_key("1.0.0+build.7") == sort_key("1.0.0")


numbers = st.integers(0, 10**9)
releases = st.tuples(numbers, numbers, numbers).map(lambda parts: ".".join(map(str, parts)))


@settings(deadline=None)
@given(releases, st.integers(0, 30), releases, st.integers(0, 30))
def test_the_keys_agree_with_the_order_of_python_packages(one: str, rc: int, other: str, other_rc: int) -> None:
    texts = [one, f"{one}-rc.{rc}", other, f"{other}-rc.{other_rc}"]
    for a, b in itertools.combinations(texts, 2):
        assert (sort_key(a) < sort_key(b)) is (Version(a.replace("-rc.", "rc")) < Version(b.replace("-rc.", "rc")))


def test_an_agent_of_before_the_migration_has_version_1_0_0(tmp_path: Any) -> None:
    path = str(tmp_path / "old.db")
    before = [m for m in migrations.MIGRATIONS if m.description != "Agent versions" and m.number < 9]
    with create_client_sync(path) as client:
        Migrator(client, before).migrate()
    with AgentDB.open(path, migrate=False) as db:
        full = db.agents.create(**agent_fields())
        bare = db.agents.create(name="bare\x00 \N{OWL}", model="m", id="bare")
    with AgentDB.open(path) as db:
        for agent in (full, bare):
            version = db.agent_versions.active(agent.id)
            assert version is not None
            assert version.version_number == "1.0.0"
            assert db.agent_versions.diff(version.id) == ()
            newer = db.agent_versions.create(agent.id, "1.0.1-rc.1")
            assert [each.id for each in db.agent_versions.list(agent.id).items] == [newer.id, version.id]
            db.agents.update(agent.id, name="changed")
            db.agent_versions.activate(version.id)
            assert db.agents.require(agent.id).name == agent.name
