"""Agent contexts as plain dicts, and how one is saved: what stayed is left alone, what changed is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError
from agentdb.operations import batch, execute
from agentdb.queries import contexts
from agentdb.stores.archive import visible_session
from agentdb.stores.contexts import AGENT_CONTEXT, AGENT_SWITCH
from agentdb.stores.fields import COUNT, ID, JSON_OBJECT, TEXT, now_text
from agentdb.stores.message_dicts import moment

if TYPE_CHECKING:
    from agentdb.operations import Steps
    from agentdb.stores.contexts import AgentSwitch


def read_history(history: Any) -> list[dict[str, Any]]:
    """A caller's history, checked: each entry as a row, without a time where the caller gave none. Raises FieldError."""
    if isinstance(history, (str, Mapping)) or not isinstance(history, Iterable):
        raise FieldError.of(
            "agent_history", history, f"is a list of dicts, not {type(history).__name__}", code="wrong_type"
        )
    return [_read_switch(f"agent_history[{number}]", entry) for number, entry in enumerate(history)]


def _read_switch(place: str, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, Mapping):
        raise FieldError.of(place, entry, f"is a dict, not {type(entry).__name__}", code="wrong_type")
    at = _either(place, entry, "timestamp", "switched_at")
    return {
        "from_agent": ID.or_none().encode(f"{place}.from", _either(place, entry, "from", "from_agent")),
        "to_agent": ID.encode(f"{place}.to", _either(place, entry, "to", "to_agent")),
        "reason": TEXT.or_none().encode(f"{place}.reason", entry.get("reason")),
        "switched_at": None if at is None else moment(f"{place}.timestamp", at),
        "metadata_json": JSON_OBJECT.or_none().encode(f"{place}.metadata", entry.get("metadata") or None),
    }


def _either(place: str, entry: Mapping[str, Any], name: str, other: str) -> Any:
    """A value under the name that it has in a history, or under the one that it has in a list of switches."""
    found = entry.get(name, entry.get(other))
    if name in entry and other in entry and entry[name] != entry[other]:
        raise FieldError.of(f"{place}.{name}", found, f"is not what {other} says, {entry[other]!r}", code="wrong_type")
    return found


def save_context(
    session_id: str,
    current_agent: str,
    history: list[dict[str, Any]],
    metadata_json: str | None,
    created_at: str | None,
    last_switch_at: str | None,
    switch_count: int | None,
) -> Steps[None]:
    """Let the context of a session be this. Raises NotFoundError for a session that is not there or hidden."""
    yield from visible_session(session_id)
    found = yield from execute(contexts.GET, {"session_id": session_id, "include_deleted": 1})
    row: dict[str, Any]
    if found.tuples:
        row = dict(zip(found.columns, found.tuples[0], strict=True))
    else:
        row = {"session_id": session_id, "last_switch_at": None, "created_at": created_at or now_text()}
        yield from execute(contexts.INSERT, {**row, "current_agent": current_agent, "metadata_json": metadata_json})
    result = yield from execute(contexts.ALL_SWITCHES, {"session_id": session_id})
    switches = [dict(zip(result.columns, values, strict=True)) for values in result.tuples]
    same = 0
    while same < min(len(switches), len(history)) and _is_same(switches[same], history[same]):
        same += 1
    for switch in switches[same:]:
        yield from execute(contexts.DELETE_SWITCH, {"id": switch["id"]})
    for switch in history[same:]:
        at = switch["switched_at"] or now_text()
        yield from execute(contexts.INSERT_SWITCH, {**switch, "session_id": session_id, "switched_at": at})
        if switch["from_agent"] is not None:
            row["last_switch_at"] = at
    counted = sum(switch["from_agent"] is not None for switch in history)
    row |= {
        "current_agent": current_agent,
        "metadata_json": metadata_json,
        "switch_count": counted if switch_count is None else switch_count,
        "last_switch_at": last_switch_at or row["last_switch_at"],
        "created_at": created_at or row["created_at"],
    }
    yield from execute(contexts.UPDATE, row)


def _is_same(switch: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Whether an entry is there already; what the caller did not give says nothing."""
    return all(switch[name] == given[name] for name in ("from_agent", "to_agent", "reason")) and all(
        given[name] is None or switch[name] == given[name] for name in ("switched_at", "metadata_json")
    )


def load_context(session_id: str) -> Steps[dict[str, Any] | None]:
    """The context of a session that is not hidden, with its history in its order; or None."""
    args: dict[str, Any] = {"session_id": session_id, "include_deleted": 0}
    # A batch of reads is one snapshot, and takes no lock.
    found, seen = yield from batch([(contexts.GET, args), (contexts.ALL_SWITCHES, {"session_id": session_id})])
    if not found.tuples:
        return None
    (context,) = AGENT_CONTEXT.decode(found)
    return {
        "session_id": context.session_id,
        "current_agent": context.current_agent,
        "agent_history": [
            {
                "from": switch.from_agent,
                "to": switch.to_agent,
                "reason": switch.reason,
                "timestamp": switch.switched_at,
            }
            for switch in AGENT_SWITCH.decode(seen)
        ],
        "metadata": context.metadata_json or {},
        "created_at": context.created_at,
        "last_switch_at": context.last_switch_at,
        "switch_count": context.switch_count,
    }


def shown_switch(switch: AgentSwitch) -> dict[str, Any]:
    """A switch as a caller of get_agent_switch_history() has it."""
    return {
        "id": switch.id,
        "from_agent": switch.from_agent,
        "to_agent": switch.to_agent,
        "switched_at": switch.switched_at,
        "reason": switch.reason,
        "metadata": switch.metadata_json or {},
    }


def read_count(name: str, value: Any) -> int | None:
    """A number from 0 on, or None. Raises FieldError."""
    return None if value is None else int(COUNT.encode(name, value))
