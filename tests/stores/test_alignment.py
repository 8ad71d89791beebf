"""The laws of saving a conversation anew: what stays, and where what is new finds a place."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentdb.stores.conversations.diff import kept, places

ITEMS = st.lists(st.sampled_from("abcd"), max_size=12)


@given(old=ITEMS, new=ITEMS)
@example(old=list("ab"), new=list("aab"))
def test_what_is_kept_is_the_same_and_in_the_same_order(old: list[str], new: list[str]) -> None:
    pairs = kept(old, new)
    assert all(new[position] == old[source] for position, source in pairs.items())
    ordered = sorted(pairs.items())
    assert [source for _, source in ordered] == sorted(set(pairs.values()))


@given(old=ITEMS, new=ITEMS, front=ITEMS, back=ITEMS)
def test_what_did_not_change_in_front_and_at_the_end_is_kept(
    old: list[str], new: list[str], front: list[str], back: list[str]
) -> None:
    assert len(kept(front + old + back, front + new + back)) >= len(front) + len(back)


@given(items=ITEMS, added=ITEMS)
def test_an_unchanged_conversation_is_kept_whole_and_what_was_added_is_all_that_is_new(
    items: list[str], added: list[str]
) -> None:
    pairs = kept(items, items + added)
    assert pairs == {position: position for position in range(len(items))}
    assert kept(items + added, items) == pairs


@given(items=st.lists(st.integers(), unique=True, max_size=12), chosen=st.sets(st.integers(0, 11)))
def test_where_messages_were_only_removed_all_others_are_kept(items: list[int], chosen: set[int]) -> None:
    left = [item for position, item in enumerate(items) if position not in chosen]
    assert kept(items, left) == {left.index(item): items.index(item) for item in left}


@given(old=ITEMS, new=ITEMS, many=st.integers(0, 200))
@example(old=list("ab"), new=list("ba"), many=200)
def test_as_much_is_kept_as_can_be_where_that_is_not_too_many_comparisons(
    old: list[str], new: list[str], many: int
) -> None:
    longest: dict[tuple[int, int], int] = {}
    for a in range(len(old) + 1):
        for b in range(len(new) + 1):
            if not a or not b:
                longest[a, b] = 0
            elif old[a - 1] == new[b - 1]:
                longest[a, b] = longest[a - 1, b - 1] + 1
            else:
                longest[a, b] = max(longest[a - 1, b], longest[a, b - 1])
    pairs = kept(old, new, many)
    assert all(new[position] == old[source] for position, source in pairs.items())
    ordered = [source for _, source in sorted(pairs.items())]
    assert all(before < after for before, after in zip(ordered, ordered[1:], strict=False))
    assert len(pairs) == longest[len(old), len(new)] or many < len(old) * len(new)


def test_all_of_a_long_conversation_is_kept_that_occurs_once() -> None:
    old = [f"m{number}" for number in range(30_000)]
    new = [*old[1:9_000], "x", *old[9_100:], "y"]
    pairs = kept(old, new)
    assert len(pairs) == 30_000 - 101
    assert all(new[position] == old[source] for position, source in pairs.items())


def test_what_comes_again_and_again_is_kept_beside_what_occurs_once() -> None:
    old = [item for number in range(4_000) for item in (f"m{number}", "yes")]
    new = [*old[2:4_000], "x", *old[4_002:], "y"]
    assert len(kept(old, new)) == len(new) - 2


@pytest.mark.parametrize("new", [["a", *["y", "x"] * 1_500, "b"], ["y", "x"] * 1_500], ids=["ends", "no ends"])
def test_a_long_monotony_is_not_compared_pair_by_pair(new: list[str]) -> None:
    began = perf_counter()
    pairs = kept(["a", *["x"] * 1_000, "b"], new)
    assert perf_counter() - began < 5  # the longest runs one after the other would take minutes
    assert all(position in pairs for position in (0, len(new) - 1) if new[0] == "a")


@given(old=ITEMS, new=ITEMS, gaps=st.data())
def test_places_grow_and_what_is_kept_keeps_its_own_where_there_is_room(
    old: list[str], new: list[str], gaps: st.DataObject
) -> None:
    seqs: list[int] = []
    for _ in old:
        seqs.append((seqs[-1] if seqs else 0) + gaps.draw(st.integers(1, 3)))
    last_seq = (seqs[-1] if seqs else 0) + gaps.draw(st.integers(0, 2))
    taken = gaps.draw(st.sets(st.integers(1, 10))) - set(seqs)
    pairs = kept(old, new)
    chosen = places(seqs, pairs, len(new), last_seq, taken)
    assert len(chosen) == len(new)
    assert all(before < after for before, after in zip(chosen, chosen[1:], strict=False))
    assert taken.isdisjoint(
        place for position, place in enumerate(chosen) if position not in pairs and place <= last_seq
    )
    for position, place in enumerate(chosen):
        if place <= last_seq:
            assert position not in pairs or place == seqs[pairs[position]]
        else:  # all behind one that went to the end went there too
            assert chosen[position:] == list(range(place, place + len(chosen) - position))
            break
    if all(position in pairs for position in range(len(new))):
        assert chosen == [seqs[pairs[position]] for position in range(len(new))]


def test_what_comes_between_takes_the_place_of_what_went_or_all_behind_it_moves() -> None:
    assert places([1, 2, 3], {0: 0, 2: 2}, 3, 3) == [1, 2, 3]
    assert places([1, 2, 3], {0: 0, 3: 2}, 4, 3) == [1, 4, 5, 6]
    assert places([1, 9], {0: 0, 3: 1}, 4, 9) == [1, 2, 3, 9]
    assert places([1, 9], {0: 0, 3: 1}, 4, 9, taken={2, 3}) == [1, 4, 5, 9]
    assert places([1, 2], {0: 0}, 2, 5) == [1, 6]
    assert places([], {}, 2, 5) == [6, 7]
