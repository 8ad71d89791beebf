"""States of modules: what a part of an application was in, and what led from one state to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from agentdb.errors import IntegrityError, NotFoundError
from agentdb.operations import Operations, W, atomic, execute, operation
from agentdb.operations.requests import atomically
from agentdb.queries import module_states
from agentdb.stores.canonical_json import canonical_hash
from agentdb.stores.differences import FieldChange, differences
from agentdb.stores.entity import Entity, Values
from agentdb.stores.fields import (
    BOOLEAN,
    COUNT,
    ID,
    INTEGER,
    JSON_ARRAY_OR_OBJECT,
    JSON_OBJECT,
    JSON_OBJECT_KEPT,
    TEXT,
    TIME,
    JsonArray,
    JsonObject,
    now_text,
)
from agentdb.stores.pages import BEYOND_INTEGERS, BY_ID, Key, Page, page

if TYPE_CHECKING:
    from agentdb.operations import Steps

_BY_VERSION = Key(("version",), ("cursor_version",), (0,), (BEYOND_INTEGERS,))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleState(Values):
    """One state of a module. `session_id` is None outside any session. `version` counts from 1 in each chain."""

    id: str
    module_id: str
    session_id: str | None
    version: int
    state: JsonObject
    state_hash: str
    state_type: str | None
    previous_state_id: str | None
    is_snapshot: bool
    snapshot_reason: str | None
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTransition(Values):
    """What led to a state: `trigger_type` and `trigger_id` are words of the caller's."""

    id: int
    state_id: str
    trigger_type: str
    trigger_id: str | None
    transition_data: JsonArray | JsonObject | None
    previous_values: JsonObject | None
    new_values: JsonObject | None
    created_at: datetime


MODULE_STATE = Entity(
    ModuleState,
    id=ID,
    module_id=ID,
    session_id=ID.or_none(),
    version=COUNT,
    state=JSON_OBJECT_KEPT.stored_as("state_json"),
    state_hash=TEXT,
    state_type=TEXT.or_none(),
    previous_state_id=ID.or_none(),
    is_snapshot=BOOLEAN,
    snapshot_reason=TEXT.or_none(),
    expires_at=TIME.or_none(),
    created_at=TIME,
)
STATE_TRANSITION = Entity(
    StateTransition,
    id=INTEGER,
    state_id=ID,
    trigger_type=ID,
    trigger_id=TEXT.or_none(),
    transition_data=JSON_ARRAY_OR_OBJECT.or_none().stored_as("transition_data_json"),
    previous_values=JSON_OBJECT.or_none().stored_as("previous_values_json"),
    new_values=JSON_OBJECT.or_none().stored_as("new_values_json"),
    created_at=TIME,
)


class ModuleStateStore(Operations[W]):
    """The states of an application's modules.

    The states of one module are a chain in each session, and one outside any session. A state never changes; a new one
    follows it.
    """

    @operation
    def upsert(
        self,
        module_id: str,
        state: JsonObject,
        *,
        session_id: str | None = None,
        state_type: str | None = None,
        expires_at: datetime | None = None,
        trigger_type: str | None = None,
        trigger_id: str | None = None,
        transition_data: JsonArray | JsonObject | None = None,
        previous_values: JsonObject | None = None,
        new_values: JsonObject | None = None,
    ) -> Steps[ModuleState]:
        """Make this the state of a module, and return it. Where it is that already, nothing is written.

        Two states are the same where their values are; the order of keys does not count. A, then B, then A are three
        states.

        Args:
            module_id: The module: a word of the caller's.
            state: The whole state, as a dict.
            session_id: The session that it belongs to; None: no session.
            state_type: A word of the caller's about the state.
            expires_at: From then on it is not the current state any more.
            trigger_type: What led to it; a transition is recorded with it. None: no transition is recorded.
            trigger_id: The id of what led to it.
            transition_data: More about the transition.
            previous_values: What changed, as it was before. None: the keys that changed, with their values.
            new_values: What changed, as it is now. None: the keys that changed, with their values.

        Raises:
            NotFoundError: There is no such session.
            FieldError: A value that its field cannot hold, or a detail of a transition without a trigger_type.
        """
        details = {
            "trigger_type": trigger_type,
            "trigger_id": trigger_id,
            "transition_data": transition_data,
            "previous_values": previous_values,
            "new_values": new_values,
        }
        if trigger_type is not None or any(value is not None for value in details.values()):
            STATE_TRANSITION.new(details)  # refused before anything is written
        row = MODULE_STATE.new({"state_type": state_type, "expires_at": expires_at})
        current = yield from self.current.steps(module_id, session_id=session_id)
        if current is not None and _is_state(current, state):
            return current
        row |= MODULE_STATE.new({"module_id": module_id, "state": state, "session_id": session_id})
        row["state_hash"] = canonical_hash(state)
        if current is not None and current.state_hash == row["state_hash"]:
            return current
        return (yield from atomically(_append(row, None if trigger_type is None else details)))

    @operation
    def current(self, module_id: str, *, session_id: str | None = None) -> Steps[ModuleState | None]:
        """The state that a module is in, or None. A state that has expired is none."""
        args = {**_chain(module_id, session_id), "now": now_text()}
        return (yield from MODULE_STATE.one(module_states.GET_CURRENT, args))

    @operation
    def get(self, id: str) -> Steps[ModuleState | None]:
        """The state with this id, or None."""
        return (yield from MODULE_STATE.one(module_states.GET_BY_ID, {"id": ID.encode("id", id)}))

    @operation
    def require(self, id: str) -> Steps[ModuleState]:
        """The state with this id. Raises NotFoundError."""
        state = yield from self.get.steps(id)
        if state is None:
            raise MODULE_STATE.not_found(id)
        return state

    @operation
    def at(self, module_id: str, time: datetime, *, session_id: str | None = None) -> Steps[ModuleState | None]:
        """The state that a module was in at this time, or None."""
        args = {**_chain(module_id, session_id), "created_at": TIME.encode("time", time)}
        return (yield from MODULE_STATE.one(module_states.GET_AT, args))

    @operation
    def history(
        self,
        module_id: str,
        *,
        session_id: str | None = None,
        snapshots_only: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Steps[Page[ModuleState]]:
        """The states of a module, the latest first: a page of at most `limit`, after the page that gave `cursor`.
        snapshots_only: those alone that were marked by snapshot()."""
        args = {
            **_chain(module_id, session_id),
            "snapshots_only": BOOLEAN.encode("snapshots_only", snapshots_only),
        }
        return (yield from page(MODULE_STATE, module_states.PAGE, args, limit=limit, cursor=cursor, key=_BY_VERSION))

    @operation
    def modules(self, session_id: str) -> Steps[list[str]]:
        """The ids of the modules that have a state in this session, in order."""
        args = {"session_id": ID.encode("session_id", session_id)}
        return [row[0] for row in (yield from execute(module_states.MODULES_OF_SESSION, args)).tuples]

    @operation
    def diff(self, before: str, after: str) -> Steps[tuple[FieldChange, ...]]:
        """What differs between two states, key by key at the top level. Raises NotFoundError."""
        old = yield from self.require.steps(before)
        new = yield from self.require.steps(after)
        return tuple(differences(old.state, new.state))

    @atomic
    def snapshot(
        self, module_id: str, *, session_id: str | None = None, reason: str | None = None
    ) -> Steps[ModuleState]:
        """Mark the current state as a snapshot, which does not expire, and return it.

        Raises NotFoundError where the module has no current state.
        """
        args = MODULE_STATE.new({"snapshot_reason": reason})
        current = yield from self.current.steps(module_id, session_id=session_id)
        if current is None:
            raise NotFoundError(
                f"module {module_id!r} has no state", remedy="Give it one with module_states.upsert() first."
            )
        yield from execute(module_states.MARK_SNAPSHOT, {**args, "id": current.id})
        return (yield from self.require.steps(current.id))

    @atomic
    def restore(self, state_id: str) -> Steps[ModuleState]:
        """Make an earlier state the current one again: a new state with its values, and a transition 'restore' that names it.

        Where the module is in that state already, nothing is written. Raises NotFoundError.
        """
        old = yield from self.require.steps(state_id)
        return (
            yield from self.upsert.steps(
                old.module_id,
                old.state,
                session_id=old.session_id,
                state_type=old.state_type,
                trigger_type="restore",
                trigger_id=old.id,
            )
        )

    @operation
    def expire(self, now: datetime | None = None) -> Steps[int]:
        """Delete the states that have expired, with their transitions; how many. Snapshots stay.

        now: states that expire at this time or earlier; the present, if it is not given.
        """
        args = {"now": now_text() if now is None else TIME.encode("now", now)}
        return (yield from execute(module_states.EXPIRE, args)).rows_affected

    @operation
    def delete(self, module_id: str, *, session_id: str | None = None) -> Steps[int]:
        """Delete all states of a module in one session, or outside any, with their transitions; how many states."""
        return (yield from execute(module_states.DELETE_CHAIN, _chain(module_id, session_id))).rows_affected

    @operation
    def record_transition(
        self,
        state_id: str,
        *,
        trigger_type: str,
        trigger_id: str | None = None,
        transition_data: JsonArray | JsonObject | None = None,
        previous_values: JsonObject | None = None,
        new_values: JsonObject | None = None,
        created_at: datetime | None = None,
    ) -> Steps[StateTransition]:
        """Record what led to a state. Raises NotFoundError for a state that is not there, FieldError."""
        return (yield from _record(STATE_TRANSITION.new(locals())))

    @operation
    def transitions(self, state_id: str) -> Steps[list[StateTransition]]:
        """What led to this state, in order."""
        args = {"state_id": ID.encode("state_id", state_id)}
        return (yield from STATE_TRANSITION.many(module_states.TRANSITIONS_OF_STATE, args))

    @operation
    def transition_history(
        self, module_id: str, *, session_id: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Steps[Page[StateTransition]]:
        """What led a module from state to state, the latest first: a page, as history()."""
        args = _chain(module_id, session_id)
        sql = module_states.PAGE_TRANSITIONS
        return (yield from page(STATE_TRANSITION, sql, args, limit=limit, cursor=cursor, key=BY_ID))


def _is_state(current: ModuleState, state: object) -> bool:
    """Whether this is the current state for certain. It is asked before the state is checked, which takes as long as this
    does: what a dict of JSON is equal to, to the types of its numbers, is JSON."""
    try:
        return current.state == state and current.state_hash == canonical_hash(state)
    except (TypeError, ValueError, RecursionError):
        return False


def _chain(module_id: str, session_id: str | None) -> dict[str, Any]:
    return {
        "module_id": ID.encode("module_id", module_id),
        "session_id": MODULE_STATE.filter("session_id", session_id),
    }


def _append(row: dict[str, Any], transition: dict[str, Any] | None) -> Steps[ModuleState]:
    """Add a state, unless another process has made the same one the current state meanwhile."""
    now = datetime.now(UTC)
    args = {"module_id": row["module_id"], "session_id": row["session_id"], "now": now_text()}
    current = yield from MODULE_STATE.one(module_states.GET_CURRENT, args)
    if current is not None and current.state_hash == row["state_hash"]:
        return current
    row = {**row, "id": str(uuid4()), "created_at": TIME.encode("created_at", now)}
    try:
        added = (yield from execute(module_states.APPEND, row)).tuples[0]
    except IntegrityError as error:
        if error.code == "foreign_key":
            raise NotFoundError(f"session_id: there is no session {row['session_id']!r}") from error
        raise
    row |= {"version": added[1], "previous_state_id": added[2], "is_snapshot": 0, "snapshot_reason": None}
    state = MODULE_STATE.of_encoded(row)
    if transition is not None:
        changes = differences({} if current is None else current.state, state.state)
        details = {
            **transition,
            "state_id": state.id,
            "created_at": now,
            "previous_values": _given(
                transition["previous_values"], {c.field: c.before for c in changes if c.kind != "added"}
            ),
            "new_values": _given(transition["new_values"], {c.field: c.after for c in changes if c.kind != "removed"}),
        }
        yield from _record(STATE_TRANSITION.new(details))
    return state


def _given(given: JsonObject | None, found: JsonObject) -> JsonObject:
    return found if given is None else given


def _record(row: dict[str, Any]) -> Steps[StateTransition]:
    try:
        result = yield from execute(module_states.INSERT_TRANSITION, row)
    except IntegrityError as error:
        if error.code == "foreign_key":
            raise NotFoundError(f"state_id: there is no module state {row['state_id']!r}") from error
        raise
    return STATE_TRANSITION.of_encoded({"id": result.last_insert_rowid, **row})
