"""How a conversation is saved: what stayed is left alone, what changed is written, what went is marked as removed."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from agentdb.operations import batch, execute
from agentdb.queries import compactions, conversations, messages
from agentdb.stores.conversations.diff import places
from agentdb.stores.conversations.matching import Matching, best_matching, stored_of
from agentdb.stores.conversations.message_dicts import Said
from agentdb.stores.conversations.stored import Stored
from agentdb.stores.fields import now_text
from agentdb.stores.messages.append import session_full
from agentdb.stores.messages.values import LAST_SEQ, MESSAGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agentdb.clients.base import ResultSet
    from agentdb.operations import Steps

_Writes = list[tuple[str, dict[str, Any]]]


class Given:
    """The messages of a caller, each checked when it is first needed: what is there already need not be."""

    def __init__(self, given: Sequence[Any], *, replaces: bool) -> None:
        self._given = given
        self._replaces = replaces
        self._said: list[Said | None] = [None] * len(given)

    def __len__(self) -> int:
        return len(self._given)

    def said(self, position: int) -> Said:
        """Raises FieldError, which names the message."""
        said = self._said[position]
        if said is None:
            said = self._said[position] = Said(_place(position), self._given[position], self._replaces)
        return said

    def all(self) -> list[Said]:
        """All of them, of which no two have one external id. Raises FieldError."""
        seen: set[str] = set()
        for position in range(len(self)):
            said = self.said(position)
            if said.external_id is not None:
                if said.external_id in seen:
                    said.without_id(_place(position))
                else:
                    seen.add(said.external_id)
        return [self.said(position) for position in range(len(self))]

    def begins_with(self, outline: Sequence[tuple[Any, ...]], more: Mapping[int, tuple[Any, ...]]) -> bool:
        """Whether the first of them say what these rows say, and nothing else: outline: of conversations.OUTLINE, more: those
        of SPOKEN_BESIDE by their ids."""
        for position, (role, content, id) in enumerate(outline):
            given = self._given[position]
            if id is None and type(given) is dict and len(given) == 2 and "role" in given and "content" in given:
                if given["role"] != role or given["content"] != content:
                    return False
            elif not self._is_as(position, _PLAIN if id is None else more[id], role, content):
                return False
        return True

    def _is_as(self, position: int, row: tuple[Any, ...], role: str, content: str | None) -> bool:
        id, _, _, _, name, tool_call_id, calls, payload, usage, metadata, external_id, *_ = row
        said = self.said(position)
        columns = said.columns
        has_blocks = payload is not None and payload.startswith("[")
        return (
            columns["role"] == role
            and (columns["payload_json"] == payload if said.blocks or has_blocks else columns["content"] == content)
            and (columns["payload_json"] is None or columns["payload_json"] == payload)
            and columns["name"] == name
            and columns["tool_call_id"] == tool_call_id
            and columns["tool_calls_json"] == calls
            and columns["usage_json"] == usage
            and columns["metadata_json"] == metadata
            and (said.external_id == external_id if said.id is None else said.id == id)
            and said.token_count is None
        )


#: What a row of SPOKEN_BESIDE would be that has role and content alone. Its id is not known, and matches none.
_PLAIN: tuple[Any, ...] = (None,) * 14


def _place(position: int) -> str:
    return f"messages[{position}]"


def save(session_id: str, given: Given, outline: ResultSet, last_seq: int, compactions_in_force: int) -> Steps[_Writes]:
    """What is to be written so that the context of a session is what is given; with the times of what is new.

    What is not among it any more is marked as removed; so is the earlier version of what has lost something. A message
    that a compaction took out comes back where the caller still has it; a compaction of which nothing is left out any more
    is restored. outline: of conversations.OUTLINE.
    """
    rows = outline.tuples
    more: dict[int, tuple[Any, ...]] = {}
    if len(rows) <= len(given) and any(row[2] is not None for row in rows):
        beside = yield from execute(conversations.SPOKEN_BESIDE, {"session_id": session_id})
        more = {row[0]: row for row in beside.tuples}
    if len(rows) <= len(given) and given.begins_with(rows, more):
        new = [given.said(position) for position in range(len(rows), len(given))]
        # Without a summary that stands for them, what is new may be what a compaction took out.
        may_be_out = bool(new) and compactions_in_force and not any(row[-2] for row in more.values())
        ids = [said for said in new if said.external_id is not None or said.id is not None]
        is_known = _comes_twice(ids) or (bool(ids) and len((yield from _known(session_id, ids))) > 0)
        if not may_be_out and not is_known:
            if last_seq + len(new) > LAST_SEQ:
                raise session_full(session_id)
            return [_inserted(session_id, said, last_seq + 1 + number) for number, said in enumerate(new)]
    return (yield from _save_changes(session_id, given.all(), last_seq, compactions_in_force))


def _comes_twice(said: Sequence[Said]) -> bool:
    ids = [one.external_id for one in said if one.external_id is not None]
    return len(ids) > len(set(ids))


def _save_changes(session_id: str, said: list[Said], last_seq: int, compactions_in_force: int) -> Steps[_Writes]:
    context = yield from MESSAGE.read(conversations.CONTEXT, {"session_id": session_id})
    elsewhere = yield from _elsewhere(session_id, said, context)
    found = best_matching(context, said, elsewhere)
    if compactions_in_force and not found.is_all_there():
        found = yield from _among_all(session_id, said, found)
    stored, pairs = found.stored, found.pairs
    stays = {id(stored[old]) for old in pairs.values()}
    moves = {id(one) for one in found.placed.values()}
    seqs = [one.message.seq for one in stored]
    taken: set[int] = set()
    if pairs and max(pairs) >= len(pairs):  # something new comes before something kept
        others = yield from execute(conversations.SEQS_OUT_OF_CONTEXT, {"session_id": session_id})
        taken = {row[0] for row in others.tuples}.difference(seqs[old] for old in pairs.values())
    if found.is_longer:
        chosen = [*seqs, *range(last_seq + 1, last_seq + 1 + len(said) - len(seqs))]
    else:
        chosen = places(seqs, pairs, len(said), last_seq, taken)
    if chosen and chosen[-1] > LAST_SEQ:
        raise session_full(session_id)
    now = now_text()
    # In this order no place is taken twice: what goes or moves frees its place first.
    writes: _Writes = []
    left = [one for one in stored if id(one) not in stays]
    freed = [one.message.id for one in left if id(one) in moves or one.message.compaction_event_id is None]
    if freed:
        writes.append((conversations.REMOVE, {"ids": dumps(freed), "removed_at": now}))
    here = [*[stored[old] for old in pairs.values()], *found.placed.values()]
    if back := [one.message.id for one in here if one.message.compaction_event_id is not None]:
        writes.append((conversations.BRING_BACK, {"ids": dumps(back)}))
    if found.unpruned:
        ids = {"ids": dumps([one.message.id for one in found.unpruned])}
        writes += [(conversations.PUT_BACK, ids), (conversations.FORGET_ORIGINALS, ids)]
    if back or found.unpruned:
        settled = {"session_id": session_id, "restored_at": now}
        writes += [(conversations.SETTLE_SUMMARIES, settled), (conversations.SETTLE_EVENTS, settled)]
    for position, old in pairs.items():
        if chosen[position] != seqs[old]:
            writes.append((conversations.MOVE, {"id": stored[old].message.id, "seq": chosen[position]}))
    for position, message in enumerate(said):
        one = stored[pairs[position]] if position in pairs else found.placed.get(position)
        if one is None:
            writes.append(_inserted(session_id, message, chosen[position]))
            continue
        if position not in pairs:
            place = {"id": one.message.id, "seq": chosen[position], "updated_at": now}
            writes.append((conversations.PLACE, place))
        writes += _changes(one, message, chosen[position], now)
    return writes


def _inserted(session_id: str, said: Said, seq: int) -> tuple[str, dict[str, Any]]:
    if said.refusal is not None:
        raise said.refusal
    return messages.INSERT, {**said.row, "id": None, "session_id": session_id, "seq": seq}


def _changes(one: Stored, said: Said, seq: int, now: str) -> _Writes:
    """What makes a stored message say what the caller says, and keeps its earlier version where something goes."""
    row = one.rewritten(said)
    if row is None:
        return []
    if said.refusal is not None:
        raise said.refusal
    writes: _Writes = [(conversations.REWRITE, {**row, "updated_at": now})]
    if one.loses(row):
        earlier = {**one.row, "seq": seq, "removed_at": now}
        if row["external_id"] is not None:  # else it is that of the earlier version now
            earlier["external_id"] = None
        writes.append((conversations.KEEP, earlier))
    return writes


def _known(session_id: str, said: Sequence[Said]) -> Steps[list[Stored]]:
    """The messages of a session that these ids name, wherever they are."""
    external = [message.external_id for message in said if message.external_id is not None]
    ids = [message.id for message in said if message.id is not None]
    results = yield from batch(
        [
            (conversations.KNOWN_BY_EXTERNAL_ID, {"session_id": session_id, "ids": dumps(external)}),
            (conversations.KNOWN_BY_ID, {"session_id": session_id, "ids": dumps(ids)}),
        ]
    )
    return [one for result in results for one in stored_of(result)]


def _elsewhere(session_id: str, said: Sequence[Said], result: ResultSet) -> Steps[dict[int, Stored]]:
    """By the position of the caller's message: what its id names that is removed, and not among these rows."""
    there = {row["id"] for row in result.rows}
    external = {row["external_id"] for row in result.rows}
    missing = [
        (position, message)
        for position, message in enumerate(said)
        if (message.external_id is not None and message.external_id not in external)
        or (message.external_id is None and message.id is not None and message.id not in there)
    ]
    found: dict[int, Stored] = {}
    if not missing:
        return found
    known = yield from _known(session_id, [message for _, message in missing])
    removed = [one for one in known if one.message.removed_at is not None and not one.message.is_summary]
    by_external_id = {one.message.external_id: one for one in removed}
    by_id: dict[int | None, Stored] = {one.message.id: one for one in removed}
    taken: set[int] = set()
    for position, message in missing:
        one = by_id.get(message.id) if message.external_id is None else by_external_id.get(message.external_id)
        if one is not None and one.message.id not in taken:
            taken.add(one.message.id)
            found[position] = one
    return found


def _among_all(session_id: str, said: Sequence[Said], found: Matching) -> Steps[Matching]:
    """The same, among what compactions took out or pruned, too, where more of what the caller has is found there."""
    args = {"session_id": session_id}
    everything, kept_outputs = yield from batch(
        [(conversations.NOT_REMOVED, args), (compactions.ORIGINALS_OF_SESSION, args)]
    )
    words = {row["id"]: row["words"] for row in kept_outputs.rows}
    originals = {one.message.id: (one, words[one.message.id]) for one in stored_of(kept_outputs)}
    elsewhere = yield from _elsewhere(session_id, said, everything)
    more = best_matching(everything, said, elsewhere, originals)
    in_context = {
        position: found.stored[old].message.id
        for position, old in found.pairs.items()
        if position not in found.reworded
    }
    kept_ids = {more.stored[old].message.id for old in more.pairs.values()}
    if not kept_ids.issuperset(in_context.values()):
        # Of messages that say the same, those of the context go first: where no fewer are found so, and where the caller has
        # the whole context and has written on.
        stays = best_matching(everything, said, elsewhere, originals, in_context)
        has_whole_context = in_context.keys() == set(range(len(found.stored)))
        if has_whole_context or len(stays.pairs) >= len(more.pairs):
            more = stays
    known = {one.message.external_id for one in more.stored}
    is_needed = any(
        message.external_id in known and position not in found.pairs and position not in found.placed
        for position, message in enumerate(said)
        if message.external_id is not None
    )
    return more if is_needed or more.found > found.found else found
