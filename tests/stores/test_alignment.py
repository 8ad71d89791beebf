"""The laws of saving a conversation anew: what stays, and where what is new finds a place."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from agentdb.stores.alignment import kept, places

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


def test_long_middles_with_nothing_in_common_are_not_compared_pair_by_pair() -> None:
    old, new = ["a", *["x"] * 3_000, "b"], ["a", *["y", "x"] * 1_500, "b"]
    pairs = kept(old, new)
    assert pairs[0] == 0
    assert pairs[3_001] == 3_001


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
