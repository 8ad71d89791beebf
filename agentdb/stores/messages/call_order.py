"""Which calls of tools have their result, wherever it stands, and the order in which each result is behind its call."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from agentdb.stores.entity import Unreadable
from agentdb.stores.links import links_of
from agentdb.stores.messages.values import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdb.stores.messages.values import Message


class _Calls:
    """The calls of a context as its messages are read in their order, and which of them wait."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, str | None]] = []
        #: For each position that answers a call: that of the call.
        self.caller_of: dict[int, int] = {}
        self.answered: set[tuple[int, str | None]] = set()
        self.callers: set[int] = set()
        self._early: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, position: int, calls: Sequence[str | None], results: Sequence[str | None]) -> None:
        for id in results:
            call = self._call_of(id)
            if call is not None:
                self.waiting.remove(call)
                self.answered.add(call)
                if id is not None and call[1] == id:  # what has no id stays where it is
                    self._stands_behind(call[0], position)
            elif id is not None:
                self._early[id].append(position)
        for id in calls:
            call = (position, id)
            self.callers.add(position)
            if id is not None and self._early[id]:
                self.answered.add(call)
                self._stands_behind(position, self._early[id].pop(0))
            else:
                self.waiting.append(call)

    def _stands_behind(self, caller: int, position: int) -> None:
        self.caller_of[position] = max(caller, self.caller_of.get(position, -1))

    def _call_of(self, id: str | None) -> tuple[int, str | None] | None:
        """The nearest call before that has the id; for a result without an id, or where calls have none, the first that
        waits of the message that called last."""
        if id is not None:
            for call in reversed(self.waiting):
                if call[1] == id:
                    return call
        of_last = [call for call in self.waiting if call[0] == self.waiting[-1][0]] if self.waiting else []
        return next((call for call in of_last if id is None or call[1] is None), None)


class Entry(NamedTuple):
    """What of a message tells of calls of tools. `says`: it has a text."""

    role: str
    tool_call_id: Any = None
    tool_calls: Any = None
    payload: Any = None
    metadata: Any = None
    says: bool = False


def _read(entries: Sequence[Entry]) -> _Calls:
    found = _Calls()
    for position, (role, *given, _) in enumerate(entries):
        kind = kind_of(role)
        if kind == "tool" or any(value is not None for value in given):
            id, calls, payload, about = [None if isinstance(value, Unreadable) else value for value in given]
            links = links_of(kind, id, calls, payload, (about or {}).get("extra"))
            found.add(position, links.calls, links.results)
    return found


def _entry(message: Message) -> Entry:
    return Entry(
        message.role,
        message.tool_call_id,
        message.tool_calls,
        message.payload,
        message.metadata,
        bool(message.content),
    )


def _parts(entry: Entry) -> bool:
    """Whether a message that neither calls nor answers must not stand between a call and its result."""
    return entry.says or kind_of(entry.role) != "assistant"


def answered_calls(messages: Sequence[Message]) -> set[tuple[int, str | None]]:
    """The calls that have their result, each as the id of its message and its own."""
    return {(messages[position].id, id) for position, id in _read([*map(_entry, messages)]).answered}


def call_order(messages: Sequence[Message]) -> list[int]:
    """The positions of a context's messages with each result behind its call; see order_of()."""
    return order_of([*map(_entry, messages)])


def order_of(entries: Sequence[Entry]) -> list[int]:
    """The positions of a context's messages with each result behind its call.

    A result stays where it is behind its call, where only other calls, other results, and an assistant's items without text
    are between them, as those of reasoning. So does one whose call has no id. Any other one moves directly behind its call.
    """
    found = _read(entries)
    steps = {*found.caller_of, *found.callers}
    behind: defaultdict[int, list[int]] = defaultdict(list)
    for position, caller in sorted(found.caller_of.items()):
        between = range(caller + 1, position)
        if position < caller or any(at not in steps and _parts(entries[at]) for at in between):
            behind[caller] = []
    if not behind:
        return list(range(len(entries)))
    for position, caller in sorted(found.caller_of.items()):
        if caller in behind:  # all of its results, in their order
            behind[caller].append(position)
    moved = {position for positions in behind.values() for position in positions}
    ordered: list[int] = []
    left = [position for position in reversed(range(len(entries))) if position not in moved]
    while left:
        position = left.pop()
        ordered.append(position)
        left += reversed(behind.pop(position, []))
    # Two messages that answer each other, which only a mistake can write, stay behind all others.
    return ordered + sorted(moved.difference(ordered))
