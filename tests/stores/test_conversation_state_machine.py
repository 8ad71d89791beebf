"""Everything that can happen to a conversation, in any order, beside a model of plain Python."""

from __future__ import annotations

import json
import sqlite3
from contextlib import ExitStack, closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from conversation_model import COLUMNS, Event, Row, Session, arranged, row, tokens
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from search_index import check_search_index
from store_harness import AT, Facade, new_file, opened

from agentdb.errors import ConflictError, IntegrityError, NotFoundError
from agentdb.stores.compactions.store import PRUNED

SESSIONS = st.sampled_from(["s", "s", "s", "t"])
KINDS = st.sampled_from(["text", "text", "call", "result", "result", "preserved"])
WORDS = st.sampled_from(["", "a", "b", "tide", "潮汐", "x" * 90])
TOKENS = st.sampled_from([None, None, 0, 5, 20])
LIMITS = {"keep_last": st.integers(0, 4), "protect_tokens": st.sampled_from([0, 0, 10, 40])}
NUMBERS = st.integers(0, 40)
HOSTS = {"bookmarks": "CASCADE", "ratings": "SET NULL", "links": "NO ACTION"}


def text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


class Conversations(RuleBasedStateMachine):
    is_async = False

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = self.stack.enter_context(TemporaryDirectory())
        path = new_file(Path(folder))
        self.db: Facade = self.stack.enter_context(opened(path, is_async=self.is_async))
        # What is there is read as another program reads it: what was committed, and without a way through the client.
        self.outside = self.stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
        self.model = {"s": Session(), "t": Session()}
        self.next_id, self.next_call, self.referred, self.clock = 1, 1, 0, AT
        # A host's rows that refer to messages in every way: no call below may lose one, or its reference.
        for table, action in HOSTS.items():
            self.db.rows(
                f"CREATE TABLE {table} (message_id INTEGER REFERENCES messages (id) ON DELETE {action}) STRICT"
            )
        for id in self.model:
            self.db.conversations.save_session(id, [])
        for kind in ("text", "call", "result", "text", "preserved", "call", "text"):
            self.append_one("s", kind, "x" * 90, None, 0)

    def teardown(self) -> None:
        try:
            check_search_index(self.db.rows)
            assert self.db.rows("PRAGMA foreign_key_check") == []
        finally:
            self.stack.close()

    def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        return self.outside.execute(sql, args).fetchall()

    def tick(self) -> datetime:
        self.clock += timedelta(milliseconds=1)
        return self.clock

    # -- messages

    def new(self, kind: str, content: str | None, count: int | None, number: int) -> Row:
        """A message of some kind, without id and seq."""
        message = row(role="user", content=content, token_count=count, created_at=text(self.tick()))
        if kind == "call":
            message |= {
                "role": "assistant",
                "tool_calls_json": json.dumps([{"id": f"c{self.next_call}"}], separators=(",", ":")),
            }
            self.next_call += 1
        elif kind == "result":
            call = f"c{self.next_call - 1 - number % 2}"
            message |= {"role": "tool", "tool_call_id": call, "content": "x" * 90, "token_count": None}
        elif kind == "preserved":
            message |= {"is_preserved": 1}
        return message

    @rule(id=SESSIONS, kinds=st.lists(KINDS, min_size=1, max_size=6), content=WORDS, count=TOKENS, number=NUMBERS)
    def append(self, id: str, kinds: list[str], content: str, count: int | None, number: int) -> None:
        for kind in kinds:
            self.append_one(id, kind, content, count, number)

    def append_one(self, id: str, kind: str, content: str, count: int | None, number: int) -> None:
        message = self.new(kind, content, count, number)
        calls = message["tool_calls_json"]
        given = {
            "role": message["role"],
            "content": message["content"],
            "token_count": message["token_count"],
            "tool_call_id": message["tool_call_id"],
            "tool_calls": None if calls is None else json.loads(calls),
            "is_preserved": bool(message["is_preserved"]),
            "created_at": self.clock,
        }
        if self.model[id].hidden:
            with pytest.raises(NotFoundError):
                self.db.messages.append(id, **given)
            return
        added = self.db.messages.append(id, **given)
        assert added.seq == self.model[id].last_seq + 1
        self.model[id].put({**message, "id": added.id, "seq": added.seq})
        self.outside.execute("BEGIN IMMEDIATE")
        for table in HOSTS:
            self.outside.execute(f"INSERT INTO {table} VALUES (?)", (added.id,))
        self.outside.execute("COMMIT")
        self.referred += 1
        self.next_id = added.id + 1

    @rule(id=SESSIONS, number=NUMBERS, is_last=st.booleans())
    def remove(self, id: str, number: int, is_last: bool) -> None:
        session = self.model[id]
        rows = [] if session.hidden else session.transcript()
        if is_last:
            popped = self.db.messages.pop(id)
            assert (None if popped is None else popped.id) == (rows[-1]["id"] if rows else None)
            gone = rows[-1]["id"] if rows else None
        else:
            gone = rows[number % len(rows)]["id"] if rows else None
            assert self.db.messages.delete(gone or 10**9) is (gone is not None)
            assert self.db.messages.delete(gone or 10**9) is False
        if gone is not None:
            session.change(gone, is_removed=1)

    @rule(id=SESSIONS, number=NUMBERS)
    def bring_back(self, id: str, number: int) -> None:
        session = self.model[id]
        removed = [message for message in session.in_order() if message["is_removed"] and not message["is_summary"]]
        if not removed:
            return
        back = removed[number % len(removed)]["id"]
        if session.hidden:
            assert self.db.messages.restore(back) is False
        elif session.restorable(back):
            assert self.db.messages.restore(back) is True
            session.change(back, is_removed=0)
        else:
            with pytest.raises(IntegrityError) as refused:
                self.db.messages.restore(back)
            assert refused.value.code == "place_taken"

    @rule(id=SESSIONS, number=NUMBERS, by_id=st.booleans())
    def remove_from(self, id: str, number: int, by_id: bool) -> None:
        session = self.model[id]
        rows = session.transcript()
        if not rows or session.hidden:
            return
        first = rows[-1 - number % min(len(rows), 4)]
        if by_id:
            left = self.db.messages.regenerate(first["id"])
            session.remove_from(first["seq"])
            # In the same order, without parts of pairs, and from the first message of a user on.
            order = [message["id"] for message in session.context()]
            assert {message.id for message in left} <= set(order)
            assert left == self.db.messages.context(id)
        else:
            assert self.db.messages.delete_from(id, first["seq"]) == len(session.remove_from(first["seq"]))

    @rule(id=SESSIONS)
    def undo_the_latest_removal(self, id: str) -> None:
        session = self.model[id]
        sql = "SELECT id FROM messages WHERE session_id = ?1 AND removed_at = (SELECT max(removed_at) FROM messages WHERE session_id = ?1)"
        ids = [row[0] for row in self.rows(sql, id)]
        back = session.comes_back(ids)
        if session.hidden or not ids:
            assert self.db.messages.restore_removal(id) == 0
        elif back is None:
            with pytest.raises(IntegrityError) as refused:
                self.db.messages.restore_removal(id)
            assert refused.value.code == "place_taken"
        else:
            assert self.db.messages.restore_removal(id) == len(back)
            for one in back:
                session.change(one, is_removed=0)

    @rule(id=SESSIONS, number=NUMBERS, content=WORDS)
    def update(self, id: str, number: int, content: str) -> None:
        session = self.model[id]
        rows = session.in_order()
        if rows and not session.hidden:
            one = rows[number % len(rows)]["id"]
            assert self.db.messages.update(one, content=content).content == content
            session.change(one, content=content)

    @rule(id=SESSIONS, number=st.integers(0, 5), content=WORDS)
    def append_with_a_key(self, id: str, number: int, content: str) -> None:
        """Twice, or more often, is once."""
        session, key = self.model[id], f"k{number}"
        there = next((message for message in session.rows.values() if message["external_id"] == key), None)
        at = self.tick()
        if session.hidden:
            return
        added = self.db.messages.append(id, role="user", content=content, external_id=key, created_at=at)
        if there is not None:
            assert added.id == there["id"]
            return
        message = row(role="user", content=content, created_at=text(at), external_id=key)
        session.put({**message, "id": added.id, "seq": added.seq})
        self.next_id = added.id + 1

    @rule(id=SESSIONS, number=NUMBERS, whole=st.booleans())
    def fork(self, id: str, number: int, whole: bool) -> None:
        session = self.model[id]
        at = None if whole else min(number, session.last_seq)
        if session.hidden:
            with pytest.raises(NotFoundError):
                self.db.sessions.fork(id, at)
            return
        fork = self.db.sessions.fork(id, at)
        upto = session.last_seq if at is None else at
        copied = [message for message in session.transcript() if message["seq"] <= upto]
        there = self.db.messages.load(fork.id)
        said = ("seq", "role", "content", "token_count", "external_id")
        assert [tuple(getattr(m, name) for name in said) for m in there] == [
            tuple(m[name] for name in said) for m in copied
        ]
        assert (fork.forked_from_id, fork.forked_at_seq, fork.message_count) == (id, upto, len(copied))
        if whole:
            context = self.db.messages.context(fork.id)
            assert [m.content for m in context] == [m.content for m in self.db.messages.context(id)]
            tokens_of_context, events = session.counters()[3:]
            assert fork.context_tokens == tokens_of_context
            assert fork.compaction_count <= events  # what covers removed messages alone stays behind
        counted = (
            "SELECT sum(COALESCE(token_count, 0)) FROM messages WHERE session_id = ? AND compaction_event_id IS NULL"
        )
        assert self.db.rows(counted, fork.id)[0][0] in (fork.context_tokens, None)
        with suppress(IntegrityError):  # a pruned output that somebody has edited since stays as it is
            for event in self.db.compactions.history(fork.id, limit=1000).items:
                self.db.compactions.restore(event.id)
            assert not any(m.compaction_event_id for m in self.db.messages.load(fork.id))
        assert self.db.sessions.delete(fork.id)
        self.next_id = self.db.rows("SELECT seq + 1 FROM sqlite_sequence WHERE name = 'messages'")[0][0]

    @rule(id=SESSIONS, content=WORDS)
    def a_stale_save_is_refused(self, id: str, content: str) -> None:
        session = self.model[id]
        loaded = self.db.conversations.load_session(id)
        if loaded is None:
            return
        self.append_one(id, "text", content, 3, 0)
        for expected in ({"expected_version": loaded["version"]}, {"expected_last_seq": session.last_seq - 1}):
            with pytest.raises(ConflictError) as refused:
                self.db.conversations.save_session(id, loaded["messages"], **expected)
            assert [message.id for message in refused.value.messages][-1:] == [self.next_id - 1]

    @rule(id=SESSIONS, number=NUMBERS)
    def edit(self, id: str, number: int) -> None:
        rows = [
            message for message in self.model[id].in_order() if message["is_summary"] or message["content"] == PRUNED
        ]
        if rows and number % 4 == 0 and not self.model[id].hidden:
            edited = rows[number % len(rows)]["id"]
            assert self.db.messages.update(edited, content="edited").content == "edited"
            self.model[id].change(edited, content="edited")

    # -- compaction

    @rule(id=SESSIONS, count=TOKENS, by_plan=st.booleans(), **LIMITS)
    def compact(self, id: str, count: int | None, by_plan: bool, keep_last: int, protect_tokens: int) -> None:
        session, given = self.model[id], {"keep_last": keep_last, "protect_tokens": protect_tokens}
        if session.hidden:
            with pytest.raises(NotFoundError):
                self.db.compactions.compact(id, "in short", **given)
            return
        plan = self.db.compactions.plan(id, **given)
        gone = [session.rows[message.id] for message in plan.messages]
        session.check_taken(gone, keep_last, protect_tokens)
        assert plan.original_tokens == sum(map(tokens, session.context()))
        assert plan.removed_tokens == sum(map(tokens, gone))
        with_plan = {"plan": plan} if by_plan else {}
        event = self.db.compactions.compact(id, f"summary {self.next_id}", summary_tokens=count, **given, **with_plan)
        assert (event is None) is not bool(gone)
        if event is not None:
            summary = row(
                id=event.summary_message_id,
                seq=gone[-1]["seq"],
                role="system",
                content=f"summary {self.next_id}",
                token_count=count,
                is_summary=1,
                created_at=event.to_dict()["created_at"],
            )
            session.compact(event.id, gone, summary)
            self.next_id = event.summary_message_id + 1
            assert event.messages_removed == len(gone)
            assert event.compacted_tokens == sum(map(tokens, session.context()))

    @rule(id=SESSIONS, **LIMITS)
    def prune(self, id: str, keep_last: int, protect_tokens: int) -> None:
        session, given = self.model[id], {"keep_last": keep_last, "protect_tokens": protect_tokens}
        if session.hidden:
            with pytest.raises(NotFoundError):
                self.db.compactions.prune_tool_outputs(id, **given)
            return
        aged = session.before_tail(keep_last, protect_tokens)
        chosen = [message for message in aged if message["role"] == "tool" and tokens(message) >= 14 and message["content"] != PRUNED]  # fmt: skip
        event = self.db.compactions.prune_tool_outputs(id, min_tokens=14, **given)
        assert (event is None) is not bool(chosen)
        if event is not None:
            session.prune(event.id, chosen, PRUNED)
            assert event.compacted_tokens == sum(map(tokens, session.context()))

    @rule(id=SESSIONS, number=st.integers(0, 3))
    def restore(self, id: str, number: int) -> None:
        session = self.model[id]
        if not session.events:
            return
        event: Event = (session.standing() or session.events)[0] if number else session.events[-1]
        if session.hidden:
            with pytest.raises(NotFoundError):
                self.db.compactions.restore(event.id)
        elif (reason := session.refusal(event)) is not None:
            with pytest.raises(IntegrityError) as refused:
                self.db.compactions.restore(event.id)
            assert refused.value.code == reason
        else:
            assert self.db.compactions.restore(event.id).restored_at is not None
            session.restore(event)

    # -- sessions

    @rule(id=SESSIONS, is_hiding=st.sampled_from([True, False, False, False, False]))
    def hide_or_show(self, id: str, is_hiding: bool) -> None:
        session = self.model[id]
        done = self.db.sessions.soft_delete(id) if is_hiding else self.db.conversations.restore_session(id)
        assert done is (session.hidden is not is_hiding)
        session.hidden = is_hiding

    @rule(
        id=SESSIONS,
        change=st.sampled_from(
            ["nothing", "more", "more", "less", "other", "between", "everything", "everything", "none"]
        ),
        number=NUMBERS,
        content=WORDS,
        is_earlier=st.sampled_from([False, False, True]),
    )
    def save(self, id: str, change: str, number: int, content: str, is_earlier: bool) -> None:
        session = self.model[id]
        given = session.as_it_was() if change == "everything" else session.context()
        if number % 2:
            given = arranged(given)  # as load_session() gives it
        before = [{**message} for message in given]
        at = number % (len(given) + 1)
        if change in ("more", "between", "other", "everything"):
            place = len(given) if change in ("more", "everything") else at
            key = given[at]["external_id"] if change == "other" and at < len(given) else None
            given[place : place + (change == "other")] = [self.new("text", content, 3, number) | {"external_id": key}]
        elif change == "less":
            del given[at : at + 2]
        elif change == "none":
            given = given[:1] if number % 3 else given[1:]
        activity = self.clock - timedelta(days=1) if is_earlier else None
        said = [as_dict(message) for message in given]
        self.db.conversations.save_session(id, said, activity)
        session.hidden = False
        had = session.rows
        self.read_again(id, text(activity) if activity else None)
        context = session.context()
        assert [compared(as_dict(m)) for m in arranged(context)] == [compared(as_dict(m)) for m in arranged(given)]
        if change == "everything":
            pruned = {id for event in session.standing() for id in event.originals}
            assert not any(message["compaction_event_id"] for message in session.transcript())
            assert all(session.rows[id]["content"] != PRUNED or session.rows[id]["is_removed"] for id in pruned)
        if change in ("nothing", "more"):
            assert {message["id"] for message in before} <= {message["id"] for message in context}
        # Whatever is saved, nothing is lost: each message is there, with what it said, or what it was pruned of.
        assert had.keys() <= session.rows.keys()
        for old in had.values():
            new = session.rows[old["id"]]
            assert new["is_summary"] == old["is_summary"]
            if new["content"] != old["content"]:
                kept = [m["content"] for m in session.rows.values() if m["is_removed"] and m["seq"] == new["seq"]]
                assert old["content"] == PRUNED or old["content"] in kept

    def read_again(self, id: str, activity: str | None) -> None:
        """Take over what a save has done; what it may do is asserted there."""
        session = self.model[id]
        latest = max(
            [message["created_at"] for message in self.in_database(id) if message["id"] >= self.next_id], default=""
        )
        session.rows = {message["id"]: message for message in self.in_database(id)}
        self.next_id = max(self.next_id, *[number + 1 for number in session.rows], 1)
        session.last_seq = max([session.last_seq, *[message["seq"] for message in session.rows.values()]])
        session.activity = activity or max(session.activity or "", latest) or None
        in_force = {row[0] for row in self.rows("SELECT id FROM compaction_events WHERE restored_at IS NULL")}
        kept = self.rows("SELECT event_id, message_id FROM message_archive")
        for event in session.events:
            event.restored = event.id not in in_force
            event.originals = {id: row for id, row in event.originals.items() if (event.id, id) in set(kept)}

    def in_database(self, id: str) -> list[Row]:
        sql = f"SELECT {', '.join(COLUMNS)}, removed_at IS NOT NULL FROM messages WHERE session_id = ? ORDER BY seq, id"
        return [dict(zip((*COLUMNS, "is_removed"), message, strict=True)) for message in self.rows(sql, id)]

    # -- what is there

    @invariant()
    def the_rows_are_those_of_the_model(self) -> None:
        for id, session in self.model.items():
            assert self.in_database(id) == session.in_order()
            counters = (
                "last_seq, message_count, total_tokens, context_tokens, compaction_count, "
                "last_activity_at, deleted_at IS NOT NULL"
            )
            expected = (*session.counters(), session.activity, session.hidden)
            assert self.rows(f"SELECT {counters} FROM sessions WHERE id = ?", id) == [expected]
            events = self.rows("SELECT id, restored_at IS NOT NULL FROM compaction_events WHERE session_id = ?", id)
            assert events == [(event.id, event.restored) for event in session.events]
            for event in session.events:
                sql = "SELECT message_id, content FROM message_archive WHERE event_id = ? ORDER BY message_id"
                originals = [(id, event.originals[id]["content"]) for id in sorted(event.originals)]
                assert self.rows(sql, event.id) == originals

    @invariant()
    def a_host_keeps_every_row_and_reference(self) -> None:
        for table in HOSTS:
            there = self.rows(f"SELECT count(*), count(message_id), count(DISTINCT message_id) FROM {table}")
            assert there == [(self.referred, self.referred, self.referred)]

    @invariant()
    def a_hidden_conversation_is_not_seen(self) -> None:
        for id, session in self.model.items():
            loaded = self.db.conversations.load_session(id)
            assert (loaded is None) is session.hidden
            if loaded is not None:
                assert loaded["messages"] == [compared(as_dict(message)) for message in arranged(session.context())]


def compared(message: dict[str, Any]) -> dict[str, Any]:
    """What makes two messages the same."""
    return {name: value for name, value in message.items() if name not in ("token_count", "timestamp")}


def as_dict(message: Row) -> dict[str, Any]:
    """A message as a caller of db.conversations has it."""
    found = {"role": message["role"], "content": message["content"], "timestamp": message["created_at"]}
    if message["token_count"] is not None:
        found["token_count"] = message["token_count"]
    if message["external_id"] is not None:
        found["id"] = message["external_id"]
    if message["tool_call_id"] is not None:
        found["tool_call_id"] = message["tool_call_id"]
    if message["tool_calls_json"] is not None:
        found["tool_calls"] = json.loads(message["tool_calls_json"])
    return found


class AsyncConversations(Conversations):
    is_async = True


RULES = settings(max_examples=80, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LONGER = settings(RULES, max_examples=500, stateful_step_count=50)
TestConversations = Conversations.TestCase
TestConversations.settings = RULES
TestAsyncConversations = AsyncConversations.TestCase
TestAsyncConversations.settings = settings(RULES, max_examples=20)


@pytest.mark.soak
class TestLongRounds:
    @pytest.mark.parametrize("machine", [Conversations, AsyncConversations])
    def test_everything_that_can_happen_in_any_order(self, machine: type[Conversations]) -> None:
        run_state_machine_as_test(machine, settings=LONGER)
