"""What the stores of conversations should do, in plain Python: rows are dicts, a database is a dictionary of them."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from agentdb.stores.alignment import kept, places

Row = dict[str, Any]
COLUMNS = ("id", "seq", "role", "content", "tool_call_id", "tool_calls_json", "token_count", "is_preserved", "is_summary", "created_at")  # fmt: skip


def row(**given: Any) -> Row:
    return {**dict.fromkeys(COLUMNS), "is_preserved": 0, "is_summary": 0, **given}


def tokens(message: Row) -> int:
    """As counted, or a token for four bytes."""
    counted: int | None = message["token_count"]
    size = len((message["content"] or "").encode()) + len(message["tool_calls_json"] or "")
    return (size + 3) // 4 if counted is None else counted


def said(message: Row) -> tuple[Any, ...]:
    return tuple(message[name] for name in ("role", "content", "tool_call_id", "tool_calls_json"))


@dataclass
class Event:
    id: int
    archive: dict[int, Row]
    words: str
    summary: Row | None
    restored: bool = False


@dataclass
class Session:
    rows: dict[int, Row] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    last_seq: int = 0
    activity: str | None = None
    hidden: bool = False

    def in_order(self) -> list[Row]:
        return sorted(self.rows.values(), key=lambda message: message["seq"])

    def standing(self) -> list[Event]:
        """The newest first."""
        return [event for event in reversed(self.events) if not event.restored]

    def put(self, message: Row, *, is_activity: bool = True) -> None:
        assert message["id"] not in self.rows
        assert message["seq"] not in {other["seq"] for other in self.rows.values()}
        self.rows[message["id"]] = message
        self.last_seq = max(self.last_seq, message["seq"])
        if is_activity:
            self.activity = max(self.activity or "", message["created_at"])

    def counters(self) -> tuple[int, int, int, int]:
        """As the session has them: last_seq, message_count, total_tokens, compaction_count."""
        total = sum(message["token_count"] or 0 for message in self.rows.values())
        return self.last_seq, len(self.rows), total, len(self.standing())

    # -- compaction

    def removable(self, keep_last: int, protect_tokens: int, *, groups: bool = True) -> list[Row]:
        rows = self.in_order()
        held = set()
        for number, message in enumerate(rows):
            tail = sum(tokens(later) for later in rows[number:])
            if message["is_preserved"] or number >= len(rows) - keep_last or tail <= protect_tokens:
                held.add(message["id"])
        for group in self.groups() if groups else []:
            answered = {rows_of["tool_call_id"] for rows_of in group}
            asked = {call["id"] for member in group for call in json.loads(member["tool_calls_json"] or "[]")}
            if asked - answered or any(member["id"] in held for member in group):
                held |= {member["id"] for member in group}
        return [message for message in rows if message["id"] not in held]

    def groups(self) -> list[list[Row]]:
        """Calls with their results, for ids come again: a result belongs to the nearest call before it that has its id and
        still waits, else to the nearest."""
        rows = self.in_order()
        found = {message["id"]: [message] for message in rows if message["tool_calls_json"]}
        for number, message in enumerate(rows):
            wanted = message["tool_call_id"]
            callers = [
                earlier["id"]
                for earlier in reversed(rows[:number] if wanted else [])
                if wanted in {call["id"] for call in json.loads(earlier["tool_calls_json"] or "[]")}
            ]
            waiting = [id for id in callers if wanted not in {member["tool_call_id"] for member in found[id]}]
            for caller in (waiting or callers)[:1]:
                found[caller].append(message)
        return list(found.values())

    def compact(self, event_id: int, gone: list[Row], summary: Row) -> None:
        archive = {message["id"]: self.rows.pop(message["id"]) for message in gone}
        self.put(summary, is_activity=False)
        self.events.append(Event(event_id, archive, summary["content"], {**summary}))

    def prune(self, event_id: int, chosen: list[Row], words: str) -> None:
        self.events.append(Event(event_id, {message["id"]: message for message in chosen}, words, None))
        for message in chosen:
            counted = None if message["token_count"] is None else (len(words.encode()) + 3) // 4
            self.rows[message["id"]] = {**message, "content": words, "token_count": counted}

    def refusal(self, event: Event) -> str | None:
        """Why an event cannot be restored."""
        if event.restored:
            return "already_restored"
        if event is not self.standing()[0]:
            return "newer_event"
        if event.summary is not None:
            found = self.rows.get(event.summary["id"])
            if found is None:
                return "summary_removed"
            return "summary_changed" if said(found) != said(event.summary) else None
        changed = any(id in self.rows and self.rows[id]["content"] != event.words for id in event.archive)
        return "summary_changed" if changed else None

    def before(self, event: Event, rows: dict[int, Row]) -> dict[int, Row]:
        if event.summary is None:
            back = {id: {name: old[name] for name in ("content", "token_count")} for id, old in event.archive.items()}
            return {id: message | back.get(id, {}) for id, message in rows.items()}
        return {id: message for id, message in rows.items() if id != event.summary["id"]} | event.archive

    def restore(self, event: Event) -> None:
        self.rows = self.before(event, self.rows)
        event.restored = True
        event.archive = {id: message for id, message in event.archive.items() if id not in self.rows}

    # -- saving

    def save(self, given: list[Row], next_id: int, activity: str | None) -> int:
        """`given` have no ids and no seqs; the next id that is free afterwards."""
        new = [said(message) for message in given]

        if len(self.common(self.rows, new)) < len(self.rows):
            self.bring_back(new)
        rows = self.in_order()
        pairs = kept([said(message) for message in rows], new)
        taken = {message["seq"] for event in self.standing() for message in event.archive.values()}
        seqs = [message["seq"] for message in rows]
        chosen = places(seqs, pairs, len(new), self.last_seq, taken.difference(seqs))
        self.rows = {}
        for number, (message, seq) in enumerate(zip(given, chosen, strict=True)):
            if number in pairs:
                stayed = rows[pairs[number]]
                counted = stayed["token_count"] if message["token_count"] is None else message["token_count"]
                self.put({**stayed, "seq": seq, "token_count": counted}, is_activity=False)
            else:
                self.put({**message, "id": next_id, "seq": seq, "token_count": tokens(message)})
                next_id += 1
        self.activity = activity or self.activity
        self.hidden = False
        return next_id

    def common(self, rows: dict[int, Row], new: list[Any]) -> set[int]:
        """The ids of the rows that a save of `new` leaves alone."""
        ordered = sorted(rows.values(), key=lambda message: message["seq"])
        return {ordered[old]["id"] for old in kept([said(message) for message in ordered], new).values()}

    def bring_back(self, new: list[Any]) -> None:
        """Restore the events whose whole archive is in what is saved, as deep as more of it is there again."""
        best, rows = len(self.common(self.rows, new)), self.rows
        standing, depths = self.standing(), []
        summaries, archived = set(), set()
        for depth, event in enumerate(standing, 1):
            rows = self.before(event, rows)
            archived |= event.archive.keys()
            summaries |= {event.summary["id"]} if event.summary else set()
            stays = self.common(rows, new)
            if len(stays) > best and archived - summaries <= stays:
                best = len(stays)
                depths.append(depth)
        for depth in reversed(depths):
            trial = deepcopy(self)
            if all(trial.refusal(event) is None and trial.restore(event) is None for event in trial.standing()[:depth]):
                self.rows, self.events = trial.rows, trial.events
                return
