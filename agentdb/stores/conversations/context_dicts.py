"""Agent contexts as plain dicts, and how one is saved: what stayed is left alone, what changed is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.errors import FieldError
from agentdb.operations import batch
from agentdb.queries import agent_contexts
from agentdb.stores.agent_contexts import AGENT_CONTEXT, AGENT_SWITCH
from agentdb.stores.conversations.diff import kept
from agentdb.stores.conversations.message_dicts import moment
from agentdb.stores.fields import COUNT, ID, JSON_OBJECT, TEXT, now_text
from agentdb.stores.sessions.live import check_live

if TYPE_CHECKING:
    from agentdb.operations import Steps
    from agentdb.stores.agent_contexts import AgentSwitch


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
        raise FieldError.of(f"{place}.{name}", found, f"is not what {other} says", code="wrong_type")
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
    yield from check_live(session_id)
    key = {"session_id": session_id}
    found, result = yield from batch(
        [(agent_contexts.GET, {**key, "include_deleted": 1}), (agent_contexts.ALL_SWITCHES, key)]
    )
    writes: list[tuple[str, dict[str, Any]]] = []
    row: dict[str, Any]
    if found.tuples:
        row = dict(zip(found.columns, found.tuples[0], strict=True))
    else:
        row = {"session_id": session_id, "last_switch_at": None, "created_at": created_at or now_text()}
        new = {**row, "current_agent": current_agent, "metadata_json": metadata_json}
        writes.append((agent_contexts.INSERT, new))
    switches = [dict(zip(result.columns, values, strict=True)) for values in result.tuples]
    pairs = _aligned(switches, history)
    # The order of switches is that of their ids: what stands behind something new is put in again, as it was.
    same = next((position for position in range(len(history)) if position not in pairs), len(history))
    stays = {old for position, old in pairs.items() if position < same}
    if gone := [switch["id"] for position, switch in enumerate(switches) if position not in stays]:
        writes.append((agent_contexts.DELETE_THESE_SWITCHES, {"ids": dumps(gone)}))
    was = [position for position, switch in enumerate(switches) if switch["from_agent"] is not None]
    if was and was[-1] not in stays:  # the time of a switch that has gone says nothing of those that are left
        left = [switches[position]["switched_at"] for position in was if position in stays]
        row["last_switch_at"] = left[-1] if left else None
    for position, given in enumerate(history):
        there = switches[pairs[position]] if position in pairs else {}
        noted = given["metadata_json"] or there.get("metadata_json")
        if position >= same:
            at = given["switched_at"] or there.get("switched_at") or now_text()
            entry = {**given, "session_id": session_id, "switched_at": at, "metadata_json": noted}
            writes.append((agent_contexts.INSERT_SWITCH, entry))
            if given["from_agent"] is not None:
                row["last_switch_at"] = at
        elif noted != there["metadata_json"]:
            writes.append((agent_contexts.ANNOTATE_SWITCH, {"id": there["id"], "metadata_json": noted}))
    counted = sum(switch["from_agent"] is not None for switch in history)
    row |= {
        "current_agent": current_agent,
        "metadata_json": metadata_json,
        "switch_count": counted if switch_count is None else switch_count,
        "last_switch_at": last_switch_at or row["last_switch_at"],
        "created_at": created_at or row["created_at"],
    }
    yield from batch([*writes, (agent_contexts.UPDATE, row)])


def _aligned(switches: list[dict[str, Any]], history: list[dict[str, Any]]) -> dict[int, int]:
    """Which switch each position of a history has its entry from; a time that the caller did not give says nothing, but
    between entries that changed."""
    shorter = min(len(switches), len(history))
    front = 0
    while front < shorter and _is_same(switches[front], history[front]):
        front += 1
    back = 0
    while back < shorter - front and _is_same(switches[-1 - back], history[-1 - back]):
        back += 1
    between = kept(
        [_key(switch) for switch in switches[front : len(switches) - back]],
        [_key(given) for given in history[front : len(history) - back]],
    )
    return (
        {position: position for position in range(front)}
        | {front + new: front + old for new, old in between.items()}
        | {len(history) - n: len(switches) - n for n in range(1, back + 1)}
    )


def _key(switch: Mapping[str, Any]) -> tuple[Any, ...]:
    return switch["from_agent"], switch["to_agent"], switch["reason"], switch["switched_at"]


def _is_same(switch: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Whether an entry is there already; a time that the caller did not give says nothing."""
    return _key(switch) == (*_key(given)[:3], given["switched_at"] or switch["switched_at"])


def load_context(session_id: str) -> Steps[dict[str, Any] | None]:
    """The context of a session that is not hidden, with its history in its order; or None."""
    args: dict[str, Any] = {"session_id": session_id, "include_deleted": 0}
    # A batch of reads is one snapshot, and takes no lock.
    found, seen = yield from batch(
        [(agent_contexts.GET, args), (agent_contexts.ALL_SWITCHES, {"session_id": session_id})]
    )
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
        "metadata": context.metadata or {},
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
        "metadata": switch.metadata or {},
    }


def read_count(name: str, value: Any) -> int | None:
    """A number from 0 on, or None. Raises FieldError."""
    return None if value is None else int(COUNT.encode(name, value))
