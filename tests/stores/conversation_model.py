"""What the stores of conversations should do, in plain Python: rows are dicts, a database is a dictionary of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from agentdb.stores.compactions.store import PRUNED

Row = dict[str, Any]
COLUMNS = ("id", "seq", "role", "content", "tool_call_id", "tool_calls_json", "token_count", "is_preserved", "is_summary", "compaction_event_id", "created_at", "external_id")  # fmt: skip


def row(**given: Any) -> Row:
    return {**dict.fromkeys(COLUMNS), "is_preserved": 0, "is_summary": 0, "is_removed": 0, **given}


def tokens(message: Row) -> int:
    """As counted, or a token for four bytes; the calls of these tests have nothing but an id."""
    counted: int | None = message["token_count"]
    return (len((message["content"] or "").encode()) + 3) // 4 if counted is None else counted


def arranged(rows: list[Row]) -> list[Row]:
    """A context with each result behind its call: it moves where somebody has said something in between, or where it
    comes before its call."""
    asked = {
        number: call["id"]
        for number, message in enumerate(rows)
        for call in json.loads(message["tool_calls_json"] or "[]")
    }
    behind: dict[int, list[int]] = {}
    answers: set[int] = set()
    waiting: list[int] = []
    early: list[int] = []
    for number, message in enumerate(rows):
        wanted = message["tool_call_id"]
        if wanted is not None:
            caller = next((at for at in reversed(waiting) if asked[at] == wanted), None)
            if caller is None:
                early.append(number)
            else:
                waiting.remove(caller)
                behind[caller] = [*behind.get(caller, []), number]
                answers.add(number)
        if number in asked:
            first = next((at for at in early if rows[at]["tool_call_id"] == asked[number]), None)
            if first is None:
                waiting.append(number)
            else:
                early.remove(first)
                behind[number] = [first]
                answers.add(first)
    torn = {
        caller
        for caller, numbers in behind.items()
        for number in numbers
        if number < caller
        or any(
            at not in asked and at not in answers and (rows[at]["content"] or rows[at]["role"] != "assistant")
            for at in range(caller + 1, number)
        )
    }
    moved = {number for caller in torn for number in behind[caller]}
    found = []
    for number, message in enumerate(rows):
        if number not in moved:
            found += [message, *[rows[at] for at in behind.get(number, []) if at in moved]]
    return found


@dataclass
class Event:
    id: int
    words: str
    summary_id: int | None
    originals: dict[int, Row] = field(default_factory=dict)
    restored: bool = False


@dataclass
class Session:
    rows: dict[int, Row] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    last_seq: int = 0
    activity: str | None = None
    hidden: bool = False

    def in_order(self) -> list[Row]:
        """Every message that there ever was."""
        return sorted(self.rows.values(), key=lambda message: (message["seq"], message["id"]))

    def transcript(self) -> list[Row]:
        return [message for message in self.in_order() if not message["is_summary"] and not message["is_removed"]]

    def context(self) -> list[Row]:
        return [
            message
            for message in self.in_order()
            if message["compaction_event_id"] is None and not message["is_removed"]
        ]

    def standing(self) -> list[Event]:
        """The newest first."""
        return [event for event in reversed(self.events) if not event.restored]

    def put(self, message: Row) -> None:
        assert message["id"] not in self.rows
        self.rows[message["id"]] = message
        self.last_seq = max(self.last_seq, message["seq"])
        if not message["is_summary"]:
            self.activity = max(self.activity or "", message["created_at"])

    def change(self, id: int, **changes: Any) -> None:
        self.rows[id] = {**self.rows[id], **changes}

    def counters(self) -> tuple[int, ...]:
        """As the session has them: last_seq, message_count, total_tokens, context_tokens, compaction_count."""
        transcript, context = self.transcript(), self.context()
        total, sent = (sum(message["token_count"] or 0 for message in rows) for rows in (transcript, context))
        return self.last_seq, len(transcript), total, sent, len(self.standing())

    def remove_from(self, seq: int) -> list[int]:
        """The ids of what goes. A compaction that is cut in two is restored."""
        gone = [message["id"] for message in self.in_order() if message["seq"] >= seq and not message["is_removed"]]
        for id in gone:
            self.change(id, is_removed=1)
        for event in self.standing():
            left = [m for m in self.rows.values() if m["compaction_event_id"] == event.id and not m["is_removed"]]
            if event.summary_id in gone and left:
                event.restored = True
        for event in self.events:
            if event.restored:
                for id, message in self.rows.items():
                    if message["compaction_event_id"] == event.id:
                        self.change(id, compaction_event_id=None)
        return gone

    def comes_back(self, ids: list[int]) -> list[int] | None:
        """What of one removal comes back: all but the summaries of compactions that are restored. None where one of them
        has lost its place."""
        settled = {event.summary_id for event in self.events if event.restored}
        back = [id for id in ids if id not in settled]
        seqs = [self.rows[id]["seq"] for id in back if not self.rows[id]["is_summary"]]
        taken = {message["seq"] for message in self.transcript()}
        return None if len(set(seqs)) < len(seqs) or taken & set(seqs) else back

    def restorable(self, id: int) -> bool:
        """Whether a removed message has its place still."""
        taken = {message["seq"] for message in self.transcript()}
        return bool(self.rows[id]["is_summary"]) or self.rows[id]["seq"] not in taken

    # -- compaction

    def before_tail(self, keep_last: int, protect_tokens: int) -> list[Row]:
        """What a compaction or a pruning may touch: not the tail, and nothing that is preserved."""
        rows = self.context()
        return [
            message
            for number, message in enumerate(rows)
            if number < len(rows) - keep_last
            and sum(tokens(later) for later in rows[number:]) > protect_tokens
            and not message["is_preserved"]
        ]

    def groups(self) -> list[list[Row]]:
        """Calls with their results, for ids come again: a result belongs to the nearest call before it that has its id and
        still waits. A second result of an answered call is not needed by it."""
        rows = self.context()
        found = {message["id"]: [message] for message in rows if message["tool_calls_json"]}
        for number, message in enumerate(rows):
            wanted = message["tool_call_id"]
            callers = [
                earlier["id"]
                for earlier in reversed(rows[:number] if wanted else [])
                if wanted in {call["id"] for call in json.loads(earlier["tool_calls_json"] or "[]")}
            ]
            waiting = [id for id in callers if wanted not in {member["tool_call_id"] for member in found[id]}]
            for caller in waiting[:1]:
                found[caller].append(message)
        return list(found.values())

    def check_taken(self, gone: list[Row], keep_last: int, protect_tokens: int) -> None:
        """What must hold of what a plan takes out."""
        ids = {message["id"] for message in gone}
        assert ids <= {message["id"] for message in self.before_tail(keep_last, protect_tokens)}
        for group in self.groups():
            asked = {call["id"] for member in group for call in json.loads(member["tool_calls_json"] or "[]")}
            members = {member["id"] for member in group}
            assert members <= ids or not members & ids
            if asked - {member["tool_call_id"] for member in group}:
                assert not members & ids
        assert not gone or not all(message["is_summary"] for message in gone)

    def compact(self, event_id: int, gone: list[Row], summary: Row) -> None:
        for message in gone:
            self.change(message["id"], compaction_event_id=event_id)
        self.put(summary)
        self.events.append(Event(event_id, summary["content"], summary["id"]))

    def prune(self, event_id: int, chosen: list[Row], words: str) -> None:
        self.events.append(Event(event_id, words, None, {message["id"]: message for message in chosen}))
        for message in chosen:
            self.change(message["id"], content=words, token_count=None)

    def refusal(self, event: Event) -> str | None:
        """Why an event cannot be restored."""
        if event.restored:
            return "already_restored"
        if event is not self.standing()[0]:
            return "newer_event"
        changed = any(self.rows[id]["content"] != event.words for id in event.originals)
        return "output_changed" if changed else None

    def restore(self, event: Event) -> None:
        for id, message in self.rows.items():
            if message["compaction_event_id"] == event.id:
                self.change(id, compaction_event_id=None)
        for id, original in event.originals.items():
            self.change(id, content=original["content"], token_count=original["token_count"])
        if event.summary_id is not None:
            self.change(event.summary_id, is_removed=1)
        event.restored, event.originals = True, {}

    def as_it_was(self) -> list[Row]:
        """The context as somebody has it who never heard of a compaction or a pruning. What was edited since says what it
        says now."""
        originals: dict[int, Row] = {}
        for event in self.standing():
            originals |= event.originals
        return [
            {**message, "content": originals.get(message["id"], message)["content"]}
            if message["content"] == PRUNED
            else message
            for message in self.transcript()
        ]
