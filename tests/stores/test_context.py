"""What goes to the model: well paired and from a turn on, whatever was said in which order, compacted, pruned or restored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from payloads.api_checkers import problems
from store_harness import Facade, agent_fields, opened

from agentdb.errors import FieldError, InvalidArgumentError, TokenCounterError
from agentdb.stores import NOT_READ, NewMessage
from agentdb.stores.token_estimate import AUDIO_TOKENS, FILE_TOKENS, IMAGE_TOKENS, estimate

PICTURE = "iVBORw0KGgo" * 40_000


@pytest.fixture(autouse=True)
def session(request: pytest.FixtureRequest) -> None:
    if "stores" in request.fixturenames:
        stores = request.getfixturevalue("stores")
        stores.agents.create(**agent_fields())
        stores.sessions.create(main_agent_id="agent-1", id="s")


def seqs(stores: Facade, **given: Any) -> list[int]:
    return [message.seq for message in stores.messages.context("s", **given)]


def user(words: str = "q", **more: Any) -> NewMessage:
    return NewMessage(role="user", content=words, **more)


def call(*ids: str) -> NewMessage:
    return NewMessage(role="assistant", tool_calls=[{"id": id, "function": {"name": "f"}} for id in ids])


def result(id: str, words: str = "r") -> NewMessage:
    return NewMessage(role="tool", content=words, tool_call_id=id)


def said(words: str = "a", **more: Any) -> NewMessage:
    return NewMessage(role="assistant", content=words, **more)


# -- any interleaving

IDS = st.sampled_from(["0", "1", "2"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("user"), IDS),
        st.tuples(st.just("said"), IDS),
        st.tuples(st.just("calls"), st.lists(IDS, min_size=1, max_size=2, unique=True).map(tuple)),
        st.tuples(st.just("result"), IDS),
        st.tuples(st.just("preserved"), IDS),
        st.tuples(st.just("unknown"), IDS),
    ),
    max_size=24,
)


def made(kind: str, given: Any, api: str) -> NewMessage:
    if kind == "user":
        return user()
    if kind in ("said", "preserved"):
        return said(is_preserved=kind == "preserved")
    if kind == "unknown":
        return NewMessage(role="assistant", payload={"type": "shape of tomorrow", "ref": given})
    if api == "openai_chat":
        calls = [{"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}} for id in given]
        if kind == "calls":
            return NewMessage(role="assistant", payload={"role": "assistant", "content": None, "tool_calls": calls})
        return NewMessage(role="tool", payload={"role": "tool", "tool_call_id": given, "content": "r" * 90})
    if kind == "calls":
        uses = [{"type": "tool_use", "id": id, "name": "f", "input": {}} for id in given]
        return NewMessage(role="assistant", payload={"role": "assistant", "content": uses})
    blocks = [{"type": "tool_result", "tool_use_id": given, "content": "r" * 90}]
    return NewMessage(role="user", payload={"role": "user", "content": blocks})


def merged(messages: list[Any]) -> list[NewMessage]:
    """Messages of one role in a row are one for that API: results of several messages answer the calls of several."""
    found: list[NewMessage] = []
    for message in messages:
        blocks = message.payload["content"] if message.payload else [{"type": "text", "text": message.content}]
        if found and found[-1].role == message.role and message.role != "system":
            blocks = [*found.pop().payload["content"], *blocks]
        # In one message the results come first.
        blocks.sort(key=lambda block: message.role == "user" and block["type"] != "tool_result")
        found.append(NewMessage(role=message.role, payload={"role": message.role, "content": blocks}))
    return found


@given(
    steps=STEPS,
    api=st.sampled_from(["openai_chat", "anthropic"]),
    keep_last=st.integers(0, 6),
    protect_tokens=st.sampled_from([0, 0, 30]),
    role=st.sampled_from(["system", "user", "developer"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_context_is_well_paired_and_begins_at_a_turn_whatever_was_done(
    steps: list[tuple[str, Any]], api: str, keep_last: int, protect_tokens: int, role: str
) -> None:
    with opened(":memory:", is_async=False) as db:
        db.agents.create(**agent_fields())
        db.sessions.create(main_agent_id="agent-1", id="s")
        new = [made(kind, each, api) for kind, each in [("user", "0"), *steps]]
        added = db.messages.append_many("s", new)
        has_unknown = any(kind == "unknown" for kind, _ in steps)
        before = db.messages.context("s")

        def check() -> None:
            context = db.messages.context("s")
            if not has_unknown:
                sent = [message for message in context if message.role not in ("system", "developer")]
                found = problems(api, merged([*context, user()]) if api == "anthropic" else [*context, user()])
                assert found == []
                assert not sent or sent[0].is_summary or (sent[0].role == "user" and sent[0].content == "q")

        check()
        limits = {"keep_last": keep_last, "protect_tokens": protect_tokens}
        event = db.compactions.compact("s", "in short", summary_role=role, **limits)
        check()
        kept = {message.id for message in db.messages.context("s")}
        for message in added[len(added) - keep_last :]:
            assert (message.id in kept) is (message.id in {each.id for each in before})
        assert all(m.id in kept for m in before if m.is_preserved)
        pruned = db.compactions.prune_tool_outputs("s", min_tokens=1, replacement="-", **limits)
        check()
        for each in (pruned, event):
            if each is not None:
                db.compactions.restore(each.id)
        assert db.messages.context("s") == before
        assert [message.id for message in db.messages.load("s")] == [message.id for message in added]


# -- order, and what is left out


def test_a_result_stands_behind_its_call_and_parts_of_pairs_are_left_out(stores: Facade) -> None:
    stores.messages.append_many(
        "s",
        [said("hello"), user(), call("a", "b"), result("b"), user("meanwhile"), result("a"), result("lost"), call("c")],
    )
    assert seqs(stores) == [2, 3, 4, 6, 5]
    assert seqs(stores, include_open_calls=True) == [2, 3, 4, 6, 5, 8]
    assert [message.seq for message in stores.messages.load("s")] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_reasoning_goes_with_the_call_that_waits(stores: Facade) -> None:
    items = [
        {"type": "reasoning", "id": "r", "summary": []},
        {"type": "function_call", "call_id": "1", "arguments": "{}"},
    ]
    stores.messages.append_many("s", [user(), *[NewMessage(role="assistant", payload=item) for item in items]])
    assert seqs(stores) == [1]


def test_inside_one_long_turn_whole_steps_go_and_the_users_message_stays(stores: Facade) -> None:
    steps = [message for n in range(6) for message in (call(str(n)), result(str(n), "x" * 400))]
    stores.messages.append_many("s", [NewMessage(role="developer", content="rules"), user("the task"), *steps])
    assert stores.compactions.compact("s", "in short", keep_last=3, protect_tokens=0).messages_removed == 8
    context = stores.messages.context("s")
    assert [message.content for message in context[:3]] == ["rules", "the task", "in short"]
    assert [message.seq for message in context[3:]] == [11, 12, 13, 14]
    assert stores.compactions.compact("s", "again", keep_last=3, protect_tokens=0) is None


def test_what_is_preserved_later_stays_in_later_plans(stores: Facade) -> None:
    ids = [message.id for message in stores.messages.append_many("s", [user(), said("keep"), user(), said(), user()])]
    stores.messages.update(ids[1], is_preserved=True)
    plan = stores.compactions.plan("s", keep_last=1, protect_tokens=0)
    assert ([message.id for message in plan.messages], plan.preserved_message_ids) == (ids[2:4], [ids[1]])


def test_a_limit_of_tokens_keeps_the_latest_whole_turns(stores: Facade) -> None:
    new = [NewMessage(role="system", content="rules", token_count=5)]
    for n in range(4):
        new += [user(f"q{n}", token_count=10), said(f"a{n}", token_count=10)]
    stores.messages.append_many("s", new)
    assert seqs(stores, limit_tokens=45) == [1, 6, 7, 8, 9]
    assert [message.seq for message in stores.messages.context("s", 44)] == [1, 8, 9]
    assert seqs(stores, limit_tokens=1000) == list(range(1, 10))
    with pytest.raises(FieldError, match="less than the 25 tokens that must be sent") as refused:
        stores.messages.context("s", limit_tokens=24)
    assert (refused.value.field, refused.value.code) == ("limit_tokens", "too_small")


@pytest.mark.parametrize("role", ["system", "user", "developer"])
def test_a_summary_has_the_role_that_was_chosen(stores: Facade, role: str) -> None:
    stores.messages.append_many("s", [user(), said(), user()])
    event = stores.compactions.compact("s", "in short", keep_last=1, protect_tokens=0, summary_role=role)
    assert [(message.role, message.is_summary) for message in stores.messages.context("s")] == [
        (role, True),
        ("user", False),
    ]
    stores.compactions.restore(event.id)
    assert seqs(stores) == [1, 2, 3]
    with pytest.raises(FieldError):
        stores.compactions.compact("s", "in short", summary_role="tool")


# -- lists


def test_lists_are_read_without_payloads_with_summaries_and_with_what_was_removed(stores: Facade) -> None:
    blocks = [{"type": "text", "text": "x"}]
    ids = [m.id for m in stores.messages.append_many("s", [user(payload=blocks), said(), user(), said()])]
    stores.compactions.compact("s", "in short", keep_last=2, protect_tokens=0)
    stores.messages.delete(ids[3])
    for read in (stores.messages.load, stores.messages.latest, lambda *a, **k: stores.messages.page(*a, **k).items):
        assert [m.id for m in read("s")] == ids[:3]
        bare = read("s", payload=False)
        assert [m.payload for m in bare] == [NOT_READ, None, None]
        assert bare[0].to_dict()["payload"] == "[not read]"
        assert [m.seq for m in read("s", include_summaries=True)] == [1, 2, 2, 3]
        assert [m.id for m in read("s", include_removed=True)] == ids
        assert len(read("s", include_summaries=True, include_removed=True, payload=False)) == 5
    page = stores.messages.page("s", limit=2, include_summaries=True)
    rest = stores.messages.page("s", limit=2, include_summaries=True, cursor=page.next_cursor)
    assert [m.seq for m in [*page.items, *rest.items]] == [1, 2, 2, 3]
    assert [m.seq for m in stores.messages.context("s", payload=False)] == [2, 3]


# -- tokens


def test_an_estimate_is_over_all_that_is_sent_and_pictures_cost_the_same() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
    assert estimate(None, None, [image]) == IMAGE_TOKENS
    assert (
        estimate(None, None, {"type": "input_audio", "input_audio": {"data": PICTURE, "format": "wav"}}) == AUDIO_TOKENS
    )
    assert estimate(None, None, {"type": "file", "file": {"file_data": PICTURE}}) == FILE_TOKENS
    assert estimate("abcd", [{"id": "1", "function": {"name": "f", "arguments": "y" * 400_000}}]) == 100_002
    assert estimate("text", None, [{"type": "tool_use", "id": "a", "input": {"t": "x" * 4_000}}]) > 1_000
    assert estimate("ü" * 4) == 2


def test_estimates_are_never_counts(stores: Facade) -> None:
    added = stores.messages.append("s", role="user", content="x" * 400)
    assert added.token_count is None
    assert stores.messages.stats("s").total_tokens == 0
    assert stores.compactions.should_compact("s", max_tokens=100, trigger=1) is True
    plan = stores.compactions.plan("s", keep_last=0, protect_tokens=0)
    assert (plan.original_tokens, plan.is_estimated) == (100, True)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_counter_counts_whatever_is_written(path: str, is_async: bool) -> None:
    def counter(message: NewMessage) -> int:
        return len(message.content or "")

    with opened(path, is_async=is_async, token_counter=counter) as db:
        db.agents.create(**agent_fields())
        db.sessions.create(main_agent_id="agent-1", id="s")
        first = db.messages.append("s", role="user", content="abc")
        assert (first.token_count, db.messages.append("s", role="user", token_count=9).token_count) == (3, 9)
        assert [m.token_count for m in db.messages.append_many("s", [user("ab"), said("abcde")])] == [2, 5]
        assert db.messages.update(first.id, content="abcdef").token_count == 6
        with db.transaction() as tx:
            assert tx.messages.append("s", role="user", content="x").token_count == 1
        db.compactions.compact("s", "in short", keep_last=1, protect_tokens=0)
        assert db.messages.context("s")[0].token_count == 8
        db.conversations.save_session("t", [{"role": "user", "content": "abcd"}])
        assert db.messages.load("t")[0].token_count == 4


@pytest.mark.parametrize("given", [1.5, -1, None, True, "7", ValueError("no")])
def test_a_counter_that_gives_no_count_is_named_and_nothing_is_written(path: str, given: Any) -> None:
    def counter(message: NewMessage) -> Any:
        if message.content != "b":
            return 1
        if isinstance(given, Exception):
            raise given
        return given

    with opened(path, is_async=False, token_counter=counter) as db:
        db.agents.create(**agent_fields())
        db.sessions.create(main_agent_id="agent-1", id="s")
        with pytest.raises(TokenCounterError, match=r"new\[1\], of role 'user'") as refused:
            db.messages.append_many("s", [user("a"), user("b")])
        assert refused.value.code == "token_counter"
        with pytest.raises(TokenCounterError, match="the message at seq 1"):
            db.conversations.save_session("s", [{"role": "user", "content": "b"}])
        assert db.messages.load("s") == []


def test_a_counter_is_a_function(path: str) -> None:
    with (
        pytest.raises(InvalidArgumentError, match="token_counter is a int"),
        opened(path, is_async=False, token_counter=4),
    ):
        pass
