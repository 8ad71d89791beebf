"""Whole conversations of the SDKs of agents, compacted, pruned and restored with many settings: what the model is sent is
accepted by its API each time, by the checkers of tests/payloads/api_checkers.py, and people read all of it still."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest
from payloads.api_checkers import RULES, belonging, problems
from payloads.recordings import RecordedConversation, RecordedMessage, conversations
from store_harness import Facade, opened

from agentdb.stores import Message, NewMessage

CONVERSATIONS = conversations()
IDS = [f"{each.family}: {each.name}" for each in CONVERSATIONS]
#: keep_last and protect_tokens.
SETTINGS = [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (6, 0), (9, 0), (0, 700), (1, 2_000), (3, 350)]
#: Families whose outputs a pruning must reach, whatever their form; another is left as it is where its form is not known.
PRUNED = (
    "openai_responses", "openai_chat", "openai_agents", "anthropic", "claude_agent_sdk", "gemini", "google_adk",
    "gemini_interactions", "langchain", "langgraph", "pydantic_ai", "ai_sdk", "ai_sdk_ui",
)  # fmt: skip
#: What each long output of a tool says, and nothing else does.
OUTPUT = "reading 17 of station 1"
QUESTION = RecordedMessage("user", None, "And now?")
_numbers = count()


@pytest.fixture(scope="module")
def sync_db() -> Iterator[Facade]:
    with opened(":memory:", is_async=False) as db:
        db.agents.create(id="agent", name="Keeper", model="m")
        yield db


@pytest.fixture(params=["sync", "async"], scope="module")
def db(request: pytest.FixtureRequest) -> Iterator[Facade]:
    with opened(":memory:", is_async=request.param == "async") as db:
        db.agents.create(id="agent", name="Keeper", model="m")
        yield db


class Stored:
    """A conversation in a session of its own, and what must hold of it whatever is done."""

    def __init__(self, db: Facade, api: str, recorded: Sequence[RecordedMessage], *, finished: bool = True) -> None:
        self.db, self.api, self.recorded, self.finished = db, api, recorded, finished
        self.session = db.sessions.create(main_agent_id="agent", id=f"s{next(_numbers)}").id
        new = [NewMessage(role=message.role, payload=message.payload) for message in recorded]
        self.positions = {message.id: n for n, message in enumerate(db.messages.append_many(self.session, new))}
        self.groups = belonging(api, recorded)
        self.transcript = db.messages.load(self.session)
        self.before = self.context()

    def context(self) -> list[Message]:
        return list(self.db.messages.context(self.session))

    def check(self, how: Any) -> list[Message]:
        """What is sent is accepted: with the next question, or in the middle of a turn as it is. What belongs together is
        there whole or not at all. The transcript is complete."""
        context = self.context()
        sent = [*context, QUESTION] if self.finished else context
        assert problems(self.api, sent) == [], how
        kept = {self.positions[message.id] for message in context if message.id in self.positions}
        for group in set(self.groups):
            members = {n for n, number in enumerate(self.groups) if number == group}
            assert members <= kept or not members & kept, (how, "parted", members, kept)
        others = [message for message in context if message.id not in self.positions]
        assert all(message.is_summary for message in others), how
        return context

    def head(self) -> list[int]:
        """The ids of the system and developer messages at the head."""
        ids = []
        for message in self.before:
            if message.role not in ("system", "developer"):
                break
            ids.append(message.id)
        return ids

    def compact(self, how: Any, **settings: Any) -> Any:
        """Compact, and check. Returns the event, or None."""
        event = self.db.compactions.compact(self.session, "in short", **settings)
        context = self.check(how)
        head = self.head()
        assert [message.id for message in context[: len(head)]] == head, how
        return event

    def restore(self, event: Any, how: Any) -> None:
        if event is not None:
            self.db.compactions.restore(event.id)
        assert self.context() == self.before, how

    def check_transcript(self, how: Any) -> None:
        read = [(message.id, message.seq, message.role) for message in self.db.messages.load(self.session)]
        assert read == [(message.id, message.seq, message.role) for message in self.transcript], how


def same(messages: Sequence[Message], recorded: Sequence[RecordedMessage]) -> bool:
    """Whether the payloads are verbatim, key order included."""
    return [json.dumps(message.payload) for message in messages] == [json.dumps(each.payload) for each in recorded]


def in_mid_turn(conversation: RecordedConversation) -> list[RecordedMessage]:
    """The conversation up to a result that the model has not read yet, as far behind as there is one."""
    parts = [RULES[conversation.api].parts(message.payload) for message in conversation.messages]
    for end in range(len(parts) - 1, 1, -1):
        answers = any(part.what == "result" and not part.at_once for part in parts[end - 1])
        if answers and not problems(conversation.api, conversation.messages[:end]):
            return conversation.messages[:end]
    return []


def turns_of(conversation: RecordedConversation) -> int:
    """How many turns it has: one for each message of the user's that is no result."""
    parts = RULES[conversation.api].parts
    return sum(
        message.role == "user" and all(part.what != "result" for part in parts(message.payload))
        for message in conversation.messages
    )


def every(conversation: RecordedConversation, db: Facade) -> Iterator[Stored]:
    """The whole conversation, and its beginning up to a result in the middle of a turn."""
    yield Stored(db, conversation.api, conversation.messages)
    if begun := in_mid_turn(conversation):
        yield Stored(db, conversation.api, begun, finished=False)


recorded_conversations = pytest.mark.parametrize("conversation", CONVERSATIONS, ids=IDS)


def test_there_are_forty_conversations_of_nine_sdks() -> None:
    assert len(CONVERSATIONS) >= 40
    assert len({each.family for each in CONVERSATIONS}) >= 9
    assert sum(bool(in_mid_turn(each)) for each in CONVERSATIONS) >= 30


@recorded_conversations
def test_a_conversation_is_read_and_sent_as_it_was_stored(db: Facade, conversation: RecordedConversation) -> None:
    stored = Stored(db, conversation.api, conversation.messages)
    assert same(stored.transcript, conversation.messages)
    stored.check("as it was stored")
    assert sorted(message.id for message in stored.before) == [message.id for message in stored.transcript]
    if conversation.valid:
        assert stored.before == stored.transcript


@recorded_conversations
def test_a_compacted_conversation_is_accepted_with_every_setting(
    sync_db: Facade, conversation: RecordedConversation
) -> None:
    for stored in every(conversation, sync_db):
        for keep_last, protect_tokens in SETTINGS:
            if not (stored.finished or keep_last):
                continue  # who keeps nothing of an unfinished turn has nothing to send
            how = {"keep_last": keep_last, "protect_tokens": protect_tokens, "finished": stored.finished}
            event = stored.compact(how, keep_last=keep_last, protect_tokens=protect_tokens)
            stored.check_transcript(how)
            stored.restore(event, how)
        assert same(sync_db.messages.load(stored.session), stored.recorded)


@recorded_conversations
def test_a_conversation_is_accepted_in_both_worlds_and_with_the_defaults(
    db: Facade, conversation: RecordedConversation
) -> None:
    stored = Stored(db, conversation.api, conversation.messages)
    assert stored.compact("defaults") is None
    event = stored.compact("two", keep_last=2, protect_tokens=0)
    assert event is not None or turns_of(conversation) == 1
    assert len(stored.context()) < len(stored.before) or event is None
    assert same(db.messages.load(stored.session), conversation.messages)
    stored.restore(event, "two")


@recorded_conversations
def test_a_conversation_that_is_compacted_twice_is_accepted(
    sync_db: Facade, conversation: RecordedConversation
) -> None:
    for stored in every(conversation, sync_db):
        events = [stored.compact(keep_last, keep_last=keep_last, protect_tokens=0) for keep_last in (6, 1)]
        between = [message for message in stored.context() if message.is_summary]
        assert len(between) <= 1
        for event in reversed(events):
            if event is not None:
                sync_db.compactions.restore(event.id)
                stored.check(event)
        stored.restore(None, "both restored")


@recorded_conversations
def test_a_conversation_with_what_is_preserved_is_accepted(sync_db: Facade, conversation: RecordedConversation) -> None:
    stored = Stored(sync_db, conversation.api, conversation.messages)
    for at in range(0, len(conversation.messages), max(2, len(conversation.messages) // 5)):
        id = stored.transcript[at].id
        sync_db.messages.update(id, is_preserved=True)
        stored.before = stored.context()
        event = stored.compact(at, keep_last=1, protect_tokens=0)
        assert id in [message.id for message in stored.context()], at
        stored.restore(event, at)
        sync_db.messages.update(id, is_preserved=False)


@recorded_conversations
def test_a_summary_of_another_role_is_accepted(sync_db: Facade, conversation: RecordedConversation) -> None:
    for stored in every(conversation, sync_db):
        for role in ("user", "developer"):
            event = stored.compact(role, keep_last=2, protect_tokens=0, summary_role=role)
            assert [message.role for message in stored.context() if message.is_summary] == [role] * bool(event)
            stored.restore(event, role)


def check_pruned(stored: Stored, how: Any) -> list[Message]:
    """What a pruning left: the same messages, which do the same, and are accepted."""
    context = stored.check(how)
    assert [(m.id, m.role) for m in context] == [(m.id, m.role) for m in stored.before], how
    parts = RULES[stored.api].parts
    for message, was in zip(context, stored.before, strict=True):
        assert parts(message.payload) == parts(was.payload), how
        if not any(part.what == "result" for part in parts(was.payload)) and OUTPUT not in json.dumps(was.payload):
            assert json.dumps(message.payload) == json.dumps(was.payload), how
        assert list(message.payload) == list(was.payload), how
    return context


@recorded_conversations
def test_a_pruned_conversation_is_accepted_and_comes_back(db: Facade, conversation: RecordedConversation) -> None:
    for stored in every(conversation, db):
        event = db.compactions.prune_tool_outputs(stored.session, keep_last=0, protect_tokens=0, min_tokens=1)
        left = check_pruned(stored, "pruned")
        stored.check_transcript("pruned")
        if conversation.family in PRUNED and OUTPUT in json.dumps([message.payload for message in stored.before]):
            assert event is not None
            assert [message.seq for message in left if OUTPUT in json.dumps(message.payload)] == []
        stored.restore(event, "restored")
        assert same(db.messages.load(stored.session), stored.recorded)


@recorded_conversations
def test_a_pruning_that_protects_the_end_leaves_it_as_it_is(
    sync_db: Facade, conversation: RecordedConversation
) -> None:
    for stored in every(conversation, sync_db):
        for keep_last in (2, 5):
            event = sync_db.compactions.prune_tool_outputs(stored.session, keep_last=keep_last, protect_tokens=0)
            left = check_pruned(stored, keep_last)
            assert left[-keep_last:] == stored.before[-keep_last:]
            stored.restore(event, keep_last)


@recorded_conversations
def test_a_conversation_that_is_pruned_and_then_compacted_is_accepted(
    sync_db: Facade, conversation: RecordedConversation
) -> None:
    for stored in every(conversation, sync_db):
        pruned = sync_db.compactions.prune_tool_outputs(stored.session, keep_last=1, protect_tokens=0, min_tokens=1)
        event = stored.compact("pruned, then compacted", keep_last=3, protect_tokens=0)
        for each in (event, pruned):
            if each is not None:
                sync_db.compactions.restore(each.id)
        stored.restore(None, "both restored")
        assert same(sync_db.messages.load(stored.session), stored.recorded)
