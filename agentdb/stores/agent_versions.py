"""Versions of agents: what an agent's configuration was, and which one it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agentdb.errors import AlreadyExistsError, IntegrityError, NotFoundError
from agentdb.operations import Operations, W, atomic, execute, operation
from agentdb.queries import agent_versions, agents
from agentdb.stores.agents import AGENT
from agentdb.stores.differences import FieldChange, differences
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import (
    BOOLEAN,
    ID,
    JSON_ARRAY_OR_OBJECT,
    JSON_OBJECT,
    TEXT,
    TIME,
    UNSET,
    JsonArray,
    JsonObject,
    Unset,
    now_text,
)
from agentdb.stores.pages import Key, Page, page
from agentdb.stores.version_numbers import VERSION_NUMBER, sort_key

if TYPE_CHECKING:
    from agentdb.operations import Steps
    from agentdb.stores.agents import Agent

_BY_VERSION = Key(("sort_key", "id"), ("cursor_sort_key", "cursor_id"), ("", ""), ("\U0010ffff", ""))
#: What a snapshot holds, under the names that an agent has in Python.
_CONFIGURATION = tuple(name for name in AGENT.columns if name not in ("id", "is_default", "created_at", "updated_at"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentVersion(Values):
    """One version of an agent. `snapshot` is the agent's configuration as it was when the version was created."""

    id: str
    agent_id: str
    version_number: str
    changes: JsonArray | JsonObject | None
    snapshot: JsonObject
    created_by: str | None
    is_active: bool
    activated_at: datetime | None
    deactivated_at: datetime | None
    performance: JsonObject | None
    created_at: datetime
    updated_at: datetime


AGENT_VERSION = Entity(
    AgentVersion,
    id=ID,
    agent_id=ID,
    version_number=VERSION_NUMBER,
    changes=JSON_ARRAY_OR_OBJECT.or_none().stored_as("changes_json"),
    snapshot=JSON_OBJECT.stored_as("snapshot_json"),
    created_by=TEXT.or_none(),
    is_active=BOOLEAN,
    activated_at=TIME.or_none(),
    deactivated_at=TIME.or_none(),
    performance=JSON_OBJECT.or_none().stored_as("performance_json"),
    created_at=TIME,
    updated_at=TIME,
)


class AgentVersionStore(Operations[W]):
    """The versions of a database's agents. At most one version of an agent is active."""

    @atomic
    def create(
        self,
        agent_id: str,
        version_number: str,
        changes: JsonArray | JsonObject | None = None,
        created_by: str | None = None,
        activate: bool = False,
        *,
        id: str | None = None,
        performance: JsonObject | None = None,
        created_at: datetime | None = None,
    ) -> Steps[AgentVersion]:
        """Keep an agent's configuration as it is now, under a version number.

        Args:
            agent_id: The agent.
            version_number: A semantic version, such as '1.10.0', that the agent does not have yet.
            changes: What is new in it, as a list or dict of the caller's.
            created_by: Who made it.
            activate: Make it the active version.
            id: An id of the caller's; else a UUID.
            performance: Figures about it, as a dict of the caller's.
            created_at: When it was made; now, if it is not given.

        Raises:
            NotFoundError: There is no such agent.
            AlreadyExistsError: The agent has a version with this number, or the id is taken.
            FieldError: A value that its field cannot hold.
        """
        BOOLEAN.encode("activate", activate)
        given = {**locals(), "updated_at": None}
        given.pop("self")
        row = AGENT_VERSION.new(given)
        agent = yield from _agent(agent_id)
        row |= AGENT_VERSION.changes({"snapshot": _configuration(agent)})
        row["sort_key"] = sort_key(version_number)
        try:
            yield from execute(agent_versions.INSERT, row)
        except IntegrityError as error:
            if error.code == "unique":
                raise (yield from _taken(row)) from error
            raise
        if activate:
            yield from _make_active(row["id"], agent_id)
        return (yield from self.require.steps(row["id"]))

    @operation
    def get(self, id: str) -> Steps[AgentVersion | None]:
        """The version with this id, or None."""
        return (yield from AGENT_VERSION.one(agent_versions.GET_BY_ID, {"id": ID.encode("id", id)}))

    @operation
    def require(self, id: str) -> Steps[AgentVersion]:
        """The version with this id. Raises NotFoundError."""
        version = yield from self.get.steps(id)
        if version is None:
            raise AGENT_VERSION.not_found(id)
        return version

    @operation
    def by_number(self, agent_id: str, version_number: str) -> Steps[AgentVersion | None]:
        """The version of an agent with this number, or None."""
        args = {
            "agent_id": ID.encode("agent_id", agent_id),
            "version_number": VERSION_NUMBER.encode("version_number", version_number),
        }
        return (yield from AGENT_VERSION.one(agent_versions.GET_BY_NUMBER, args))

    @operation
    def active(self, agent_id: str) -> Steps[AgentVersion | None]:
        """The version that an agent runs on, or None."""
        args = {"agent_id": ID.encode("agent_id", agent_id)}
        return (yield from AGENT_VERSION.one(agent_versions.GET_ACTIVE, args))

    @operation
    def list(self, agent_id: str, *, limit: int = 50, cursor: str | None = None) -> Steps[Page[AgentVersion]]:
        """The versions of an agent, the highest first: a page of at most `limit`, after the page that gave `cursor`."""
        args = {"agent_id": ID.encode("agent_id", agent_id)}
        return (yield from page(AGENT_VERSION, agent_versions.PAGE, args, limit=limit, cursor=cursor, key=_BY_VERSION))

    @operation
    def count(self, agent_id: str) -> Steps[int]:
        """How many versions an agent has."""
        args = {"agent_id": ID.encode("agent_id", agent_id)}
        return int((yield from execute(agent_versions.COUNT_BY_AGENT_ID, args)).tuples[0][0])

    @atomic
    def activate(self, id: str) -> Steps[AgentVersion]:
        """Give an agent the configuration of this version, and make it the active one in place of the one before.

        The agent's type does not change. Returns the version. Raises NotFoundError.
        """
        version = yield from self.require.steps(id)
        agent = yield from _agent(version.agent_id)
        restored = {name: version.snapshot.get(name) for name in _CONFIGURATION if name in version.snapshot}
        row = {
            **AGENT.changes({name: getattr(agent, name) for name in _CONFIGURATION}),
            **AGENT.changes(restored),
            "id": agent.id,
            "updated_at": now_text(),
        }
        yield from execute(agents.CHANGE, row)
        yield from _make_active(id, version.agent_id)
        return (yield from self.require.steps(id))

    @operation
    def diff(self, before: str, after: str | None = None) -> Steps[tuple[FieldChange, ...]]:
        """What differs between two versions, field by field.

        Args:
            before: The id of a version.
            after: The id of another version; None: the agent as it is now.

        Raises:
            NotFoundError: There is no such version.
        """
        old = yield from self.require.steps(before)
        if after is None:
            new = _configuration((yield from _agent(old.agent_id)))
        else:
            new = (yield from self.require.steps(after)).snapshot
        return tuple(differences(old.snapshot, new))

    @atomic
    def update(
        self,
        id: str,
        *,
        changes: JsonArray | JsonObject | None | Unset = UNSET,
        created_by: str | None | Unset = UNSET,
        performance: JsonObject | None | Unset = UNSET,
    ) -> Steps[AgentVersion]:
        """Change what is said about a version, and return it as it is now. Its number and its snapshot never change.

        Raises NotFoundError, FieldError.
        """
        given = AGENT_VERSION.changes(locals())
        read, write = agent_versions.GET_BY_ID, agent_versions.UPDATE
        return (yield from AGENT_VERSION.change(id, given, read=read, write=write))

    @atomic
    def delete(self, id: str) -> Steps[bool]:
        """Delete a version; False if there is none. Raises IntegrityError `version_active` for the active one."""
        version = yield from self.get.steps(id)
        if version is None:
            return False
        if version.is_active:
            raise IntegrityError(f"agent version {id!r} is the active one", code="version_active")
        yield from execute(agent_versions.DELETE, {"id": id})
        return True


def _agent(id: str) -> Steps[Agent]:
    agent = yield from AGENT.one(agents.GET_BY_ID, {"id": ID.encode("agent_id", id)})
    if agent is None:
        raise NotFoundError(f"agent_id: there is no agent {id!r}")
    return agent


def _configuration(agent: Agent) -> JsonObject:
    return {name: getattr(agent, name) for name in _CONFIGURATION}


def _make_active(id: str, agent_id: str) -> Steps[None]:
    now = now_text()
    yield from execute(agent_versions.DEACTIVATE, {"agent_id": agent_id, "id": id, "deactivated_at": now})
    yield from execute(agent_versions.ACTIVATE, {"id": id, "activated_at": now})


def _taken(row: dict[str, Any]) -> Steps[AlreadyExistsError]:
    """Which of the two keys is taken."""
    if (yield from execute(agent_versions.GET_BY_ID, {"id": row["id"]})).tuples:
        return AGENT_VERSION.taken(row["id"])
    return AlreadyExistsError(
        f"agent {row['agent_id']!r} has a version {row['version_number']} already", remedy="Give a higher number."
    )
