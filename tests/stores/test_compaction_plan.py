"""Which messages a compaction takes out: the laws of the planner, and the forms in which tools are called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdb.stores.compactions.plan import Line, grouped, links, pruned, pruned_message, removable

CALL_IDS = st.sampled_from([None, "a", "b", "c"])
LINKS = st.lists(CALL_IDS, max_size=2, unique=True).map(tuple)
LINES = st.lists(
    st.builds(
        Line,
        id=st.just(0),
        seq=st.just(0),
        role=st.just("user"),
        tokens=st.integers(0, 20),
        is_preserved=st.sampled_from([False, False, False, True]),
        calls=st.just(()) | LINKS,
        results=st.just(()) | LINKS,
    ),
    max_size=25,
).map(lambda lines: [replace(line, id=number, seq=number) for number, line in enumerate(lines, 1)])
LIMITS = {"keep_last": st.integers(0, 8), "protect_tokens": st.integers(0, 80)}


def line(id: int, tokens: int = 10, **given: Any) -> Line:
    return Line(id=id, seq=id, role="user", tokens=tokens, **given)


@given(lines=LINES, **LIMITS)
def test_the_last_messages_the_protected_tail_and_what_is_preserved_stay(
    lines: list[Line], keep_last: int, protect_tokens: int
) -> None:
    gone = removable(lines, keep_last=keep_last, protect_tokens=protect_tokens)
    assert gone == sorted(set(gone))
    for position in gone:
        assert position < len(lines) - keep_last
        assert sum(line.tokens for line in lines[position:]) > protect_tokens
        assert not lines[position].is_preserved


@given(lines=LINES, **LIMITS)
def test_a_group_goes_or_stays_whole_and_one_that_waits_for_a_result_stays(
    lines: list[Line], keep_last: int, protect_tokens: int
) -> None:
    gone = set(removable(lines, keep_last=keep_last, protect_tokens=protect_tokens))
    groups, unanswered = grouped(lines)
    for group in set(groups):
        members = {position for position, other in enumerate(groups) if other == group}
        assert members <= gone or members.isdisjoint(gone)
        assert group not in unanswered or members.isdisjoint(gone)


@given(lines=LINES, **LIMITS)
def test_all_that_nothing_holds_back_goes(lines: list[Line], keep_last: int, protect_tokens: int) -> None:
    gone = set(removable(lines, keep_last=keep_last, protect_tokens=protect_tokens))
    groups, unanswered = grouped(lines)
    held = {
        group
        for position, group in enumerate(groups)
        if lines[position].is_preserved
        or position >= len(lines) - keep_last
        or sum(line.tokens for line in lines[position:]) <= protect_tokens
    }
    assert gone == {position for position, group in enumerate(groups) if group not in held | unanswered}


@given(lines=LINES, more=st.integers(0, 5), **LIMITS)
def test_who_keeps_more_removes_no_more(lines: list[Line], keep_last: int, protect_tokens: int, more: int) -> None:
    gone = set(removable(lines, keep_last=keep_last, protect_tokens=protect_tokens))
    assert set(removable(lines, keep_last=keep_last + more, protect_tokens=protect_tokens)) <= gone
    assert set(removable(lines, keep_last=keep_last, protect_tokens=protect_tokens + more)) <= gone


@given(lines=LINES, **LIMITS)
def test_what_a_plan_leaves_the_same_plan_leaves_again(lines: list[Line], keep_last: int, protect_tokens: int) -> None:
    gone = set(removable(lines, keep_last=keep_last, protect_tokens=protect_tokens))
    left = [line for position, line in enumerate(lines) if position not in gone]
    assert removable(left, keep_last=keep_last, protect_tokens=protect_tokens) == []


@given(lines=LINES)
def test_a_line_that_neither_calls_nor_answers_is_a_group_of_its_own(lines: list[Line]) -> None:
    groups, _ = grouped(lines)
    for position, other in enumerate(lines):
        if not other.calls and not other.results:
            assert groups.count(groups[position]) == 1


def test_a_call_and_its_results_are_one_group_wherever_the_results_stand() -> None:
    lines = [line(1), line(2, calls=("a", "b")), line(3, results=("b",)), line(4), line(5, results=("a",)), line(6)]
    assert removable(lines, keep_last=1, protect_tokens=0) == [0, 1, 2, 3, 4]
    assert removable(lines, keep_last=2, protect_tokens=0) == [0, 3]
    assert removable(lines[:4], keep_last=0, protect_tokens=0) == [0, 3]  # one result has not come yet


def test_an_id_that_comes_again_belongs_to_the_nearest_call() -> None:
    lines = [line(n, calls=("0",)) if n % 2 else line(n, results=("0",)) for n in range(1, 7)]
    assert removable(lines, keep_last=2, protect_tokens=0) == [0, 1, 2, 3]
    assert removable(lines, keep_last=3, protect_tokens=0) == [0, 1]


def test_two_open_calls_with_one_id_take_a_result_each() -> None:
    for call, result in (("0", "0"), (None, "x")):
        lines = [line(1, calls=(call,)), line(2, calls=(call,)), line(3, results=(result,)), line(4, results=(result,))]
        assert grouped([*lines, line(5)])[1] == set()
        assert removable([*lines, line(5)], keep_last=1, protect_tokens=0) == [0, 1, 2, 3]
        assert removable([*lines[:3], line(5)], keep_last=1, protect_tokens=0) == [1, 2]
    # One more result than calls is a part of the last answer.
    lines = [line(1, calls=("0",)), line(2, results=("0",)), line(3, results=("0",)), line(4)]
    assert removable(lines, keep_last=2, protect_tokens=0) == []


def test_calls_and_results_without_ids_find_each_other() -> None:
    lines = [line(1, calls=(None,)), line(2, results=(None,)), line(3, calls=("a",)), line(4, results=(None,))]
    assert removable(lines, keep_last=1, protect_tokens=0) == [0, 1]
    assert removable(lines, keep_last=0, protect_tokens=0) == [0, 1, 2, 3]
    assert removable([line(1, results=("lost",)), line(2)], keep_last=1, protect_tokens=0) == [0]


def test_results_without_ids_answer_each_of_the_calls_in_a_row_and_all_of_them_are_one_group() -> None:
    def groups(lines: list[Line]) -> tuple[list[int], int]:
        found, unanswered = grouped(lines)
        return [found.index(group) for group in found], len(unanswered)

    for call in (None, "a"):
        calls = [line(n, calls=(call and f"{call}{n}",)) for n in (1, 2, 3)]
        results = [line(n, results=(None,)) for n in (4, 5, 6)]
        assert groups([*calls, *results]) == ([0] * 6, 0)
        assert groups([*calls, *results[:2]]) == ([0] * 5, 1)
    # What was given up before something else was said is answered last, and is no part of the other.
    lost = [line(1, calls=(None,)), line(2), line(3, calls=(None,)), line(4, results=(None,))]
    assert groups(lost) == ([0, 1, 2, 2], 1)
    assert groups([*lost, line(5, results=(None,))]) == ([0, 1, 2, 2, 0], 0)
    assert groups([lost[0], *lost[2:]]) == ([0, 1, 1], 1)  # also when what was between has gone


def test_a_protected_tail_ends_before_it_has_too_many_tokens() -> None:
    lines = [line(number) for number in range(1, 7)]
    for protected, gone in ((0, 6), (9, 6), (10, 5), (29, 4), (30, 3), (1000, 0)):
        assert removable(lines, keep_last=0, protect_tokens=protected) == list(range(gone))
    assert removable(lines, keep_last=4, protect_tokens=10) == [0, 1]


@pytest.mark.parametrize(
    ("role", "tool_call_id", "tool_calls", "payload", "expected"),
    [
        ("user", None, None, None, ((), ())),
        ("assistant", None, [{"id": "a", "function": {}}, {"id": "b"}], None, (("a", "b"), ())),
        ("assistant", None, [{"name": "f"}, "odd", {"id": 7}], None, ((None,), ())),
        ("tool", "a", None, None, ((), ("a",))),
        ("tool", None, None, None, ((), (None,))),
        ("assistant", None, None, [{"type": "text"}, {"type": "tool_use", "id": "a"}, "odd"], (("a",), ())),
        ("user", None, None, [{"type": "tool_result", "tool_use_id": "a"}], ((), ("a",))),
        ("assistant", None, None, {"type": "function_call", "id": "item", "call_id": "a"}, (("a",), ())),
        ("tool", None, None, {"type": "function_call_output", "call_id": "a"}, ((), ("a",))),
        ("tool", "a", None, {"type": "function_call_output", "call_id": "a"}, ((), ("a",))),
        ("user", None, None, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}, ((), ("a",))),
        ("user", None, None, {"content": "text", "type": ["list"]}, ((), ())),
        ("assistant", None, None, {"type": "computer_call", "id": "item", "call_id": "a"}, (("a",), ())),
        ("tool", None, None, {"type": "computer_call_output", "call_id": "a"}, ((), ("a",))),
        ("assistant", None, None, {"type": "local_shell_call", "id": "item", "call_id": "a"}, (("a",), ())),
        ("user", None, None, {"type": "local_shell_call_output", "id": "other"}, ((), (None,))),
        ("assistant", None, None, [{"type": "mcp_tool_use", "id": "a"}], (("a",), ())),
        ("user", None, None, [{"type": "mcp_tool_result", "tool_use_id": "a"}], ((), ("a",))),
        ("assistant", None, None, [{"type": "tool-call", "toolCallId": "a", "toolName": "f"}], (("a",), ())),
        ("tool", None, None, [{"type": "tool-result", "toolCallId": "a", "result": 1}], ((), ("a",))),
        ("assistant", None, None, [{"type": "toolCall", "id": "a"}], (("a",), ())),
        ("assistant", None, None, [{"function_call": {"name": "f", "args": {}}}], ((None,), ())),
        ("user", None, None, [{"function_response": {"name": "f"}}], ((), (None,))),
        ("model", None, None, {"parts": [{"functionCall": {"id": "a"}}, {"text": "x"}]}, (("a",), ())),
        ("user", None, None, {"parts": [{"functionResponse": {"id": "a"}}]}, ((), ("a",))),
        ("assistant", None, None, [{"toolUse": {"toolUseId": "a"}}], (("a",), ())),
        ("user", None, None, [{"toolResult": {"toolUseId": "a"}}], ((), ("a",))),
        ("assistant", None, None, {"role": "assistant", "tool_calls": [{"id": "a"}]}, (("a",), ())),
        # What the provider runs itself has its answer in it, or beside it: nothing is waited for.
        ("assistant", None, None, {"type": "web_search_call", "id": "a", "status": "completed"}, ((), ())),
        ("assistant", None, None, {"type": "mcp_call", "id": "a", "output": "x"}, ((), ())),
        (
            "assistant",
            None,
            None,
            [{"type": "server_tool_use", "id": "a"}, {"type": "web_search_tool_result", "tool_use_id": "a"}],
            ((), ()),
        ),
        ("user", None, None, [{"type": "phone_call", "about": "a result"}], ((), ())),
        ("assistant", None, None, [{"type": "function", "id": "a", "function": {"name": "f"}}], (("a",), ())),
        ("system", None, None, [{"type": "function", "function": {"name": "f", "parameters": {}}}], ((), ())),
        ("assistant", None, None, {"type": "mcp_approval_request", "id": "a", "name": "f"}, (("a",), ())),
        ("user", None, None, {"type": "mcp_approval_response", "approval_request_id": "a"}, ((), ("a",))),
        (
            "assistant",
            None,
            None,
            {"type": "ai", "data": {"content": "", "tool_calls": [{"name": "f", "id": "a", "type": "tool_call"}]}},
            (("a",), ()),
        ),
        ("tool", None, None, {"type": "tool", "data": {"content": "r", "tool_call_id": "a"}}, ((), ("a",))),
        ("tool", None, None, {"lc": 1, "type": "constructor", "kwargs": {"tool_call_id": "a"}}, ((), ("a",))),
        (
            "assistant",
            None,
            None,
            {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain", "AIMessage"],
                "kwargs": {
                    "content": [{"type": "text", "text": "x"}, {"type": "tool_use", "id": "a"}],
                    "additional_kwargs": {"tool_calls": [{"id": "a", "function": {}}, {"id": "b"}]},
                },
            },
            (("a", "b"), ()),
        ),
        ("assistant", None, None, {"additional_kwargs": {"function_call": {"name": "f"}}}, ((None,), ())),
        (
            "assistant",
            None,
            None,
            {"data": {"tool_calls": [{"id": "a"}], "additional_kwargs": {"function_call": {"name": "f"}}}},
            (("a",), ()),
        ),
        (
            "assistant",
            None,
            None,
            {"kind": "response", "parts": [{"part_kind": "text"}, {"part_kind": "tool-call", "tool_call_id": "a"}]},
            (("a",), ()),
        ),
        (
            "user",
            None,
            None,
            {
                "kind": "request",
                "parts": [
                    {"part_kind": "tool-return", "tool_call_id": "a", "content": {"tool_calls": [{"id": "no call"}]}},
                    {"part_kind": "retry-prompt", "tool_call_id": "b"},
                ],
            },
            ((), ("a", "b")),
        ),
    ],
)
def test_calls_and_results_are_read_in_the_forms_that_providers_have(
    role: str, tool_call_id: str | None, tool_calls: Any, payload: Any, expected: Any
) -> None:
    assert links(role, tool_call_id, tool_calls, payload) == expected


def test_what_stood_beside_a_message_in_a_callers_dict_may_call_too() -> None:
    assert links("assistant", None, None, None, {"function_call": {"name": "f", "arguments": "{}"}}) == ((None,), ())
    assert links("assistant", None, [{"id": "a"}], None, {"function_call": {"name": "f"}}) == (("a",), ())
    assert links("user", None, None, None, {"type": "function_call_output", "call_id": "a"}) == ((), ("a",))
    assert links("user", None, None, None, "odd") == ((), ())


def test_a_result_that_no_call_explains_belongs_to_the_nearest_line_that_may_have_called() -> None:
    strange = line(2, may_call=True)
    for result in ("x", None):
        lines = [line(1), strange, line(3), line(4, results=(result,)), line(5)]
        assert removable(lines, keep_last=1, protect_tokens=0) == [0, 1, 2, 3]
        assert removable(lines, keep_last=2, protect_tokens=0) == [0, 2]
        # One that a call explains belongs to that.
        known = [line(1, calls=(result,)), strange, line(3), line(4, results=(result,)), line(5)]
        assert removable(known, keep_last=2, protect_tokens=0) == [1, 2]
        answered = [line(0, calls=("a",)), line(1, results=("a",)), strange, line(4, results=(result,)), line(5)]
        assert removable(answered, keep_last=2, protect_tokens=0) == [0, 1]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"type": "function_call_output", "call_id": "a", "output": "x"}, {"type": "function_call_output", "call_id": "a", "output": "-"}),
        ({"role": "tool", "content": [1]}, {"role": "tool", "content": "-"}),
        ({"unknown": 1}, None),
        ([{"type": "text", "text": "x"}, {"type": "image"}], [{"type": "text", "text": "-"}]),
        ([{"type": "tool_result", "content": "x"}, {"type": "text"}], [{"type": "tool_result", "content": "-"}, {"type": "text"}]),
        ([{"type": "tool_result"}], None),
        ([{"type": "tool_result"}, {"type": "tool_result", "content": "x"}], [{"type": "tool_result"}, {"type": "tool_result", "content": "-"}]),
        ([{"type": "tool_result", "is_error": True}, {"type": "text"}], None),
        (["odd"], None),
    ],
)  # fmt: skip
def test_an_output_is_pruned_in_a_known_form_or_not_at_all(payload: Any, expected: Any) -> None:
    assert pruned(payload, "-") == expected


LONG = "a long output of a tool"
USED = {"type": "tool_result", "tool_use_id": "a", "content": LONG}


@pytest.mark.parametrize(
    ("content", "blocks", "expected"),
    [
        (f"{LONG}\nwhat is {LONG}?", [USED, {"type": "text", "text": f"what is {LONG}?"}], f"-\nwhat is {LONG}?"),
        (f"what is {LONG}?\n{LONG}", [{"type": "text", "text": f"what is {LONG}?"}, USED], f"what is {LONG}?\n-"),
        # A content that somebody else has made: the output may be there, or not.
        (f"{LONG} / {LONG}!", [{"type": "text", "text": f"{LONG}!"}, USED], f"- / {LONG}!"),
        (f"what is {LONG}? / {LONG}", [{"type": "text", "text": f"what is {LONG}?"}, USED], f"what is {LONG}? / -"),
        (f"what is {LONG}?", [USED, {"type": "text", "text": f"what is {LONG}?"}], f"what is {LONG}?"),
        (f"[{LONG}] [{LONG}] [{LONG}]", [USED, USED], f"[-] [-] [{LONG}]"),
        ("in other words", [USED], "in other words"),
        (None, [USED], None),
        ("", [USED], ""),
    ],
)
def test_what_a_user_says_of_an_output_is_not_pruned(
    content: str | None, blocks: list[Any], expected: str | None
) -> None:
    left = [{**block, "content": "-"} if block is USED else block for block in blocks]
    assert pruned_message("user", content, blocks, "-") == (expected, left)


def test_an_item_whose_own_content_is_the_users_is_not_pruned() -> None:
    item = {"content": "my words", "parts": [{"functionResponse": {"id": "a"}}]}
    assert pruned_message("user", "my words", item, "-") is None
