"""Record: a frozen dataclass in all but its cost."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdb.frozen import Record


class Point(Record):
    x: int
    y: int = 0


class Solid(Point):
    z: int = 0
    _hidden: int = 7


class Other(Record):
    x: int
    y: int = 0


@given(st.integers(), st.integers())
def test_values_are_given_by_place_or_by_name(x: int, y: int) -> None:
    for point in (Point(x, y), Point(x, y=y), Point(x=x, y=y), Point(y=y, x=x)):
        assert (point.x, point.y) == (x, y)
    assert Point(x) == Point(x, 0)


@given(st.tuples(st.integers(0, 2), st.integers(0, 2)), st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_equal_and_hashed_by_value(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (Point(*one) == Point(*other)) == (one == other)
    if one == other:
        assert hash(Point(*one)) == hash(Point(*other))
    assert Point(*one) != Other(*one)
    assert Point(*one) != one
    assert Point(*one) != Solid(*one)


def test_fields_are_inherited_in_order_and_private_names_are_none() -> None:
    assert repr(Solid(1, 2, 3)) == "Solid(x=1, y=2, z=3)"
    assert Solid(1, 2, 3)._hidden == 7


def test_frozen() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match="frozen"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="frozen"):
        point.new = 2  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="frozen"):
        del point.x
    assert point == Point(1)


@pytest.mark.parametrize(
    ("args", "named", "message"),
    [
        ((), {}, "needs 'x'"),
        ((1, 2, 3), {}, "takes 2 values, 3 were given"),
        ((1,), {"x": 1}, "no field 'x' left"),
        ((1,), {"z": 1}, "no field 'z'"),
    ],
)
def test_wrong_values_are_a_type_error_as_in_a_dataclass(args: Any, named: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Point(*args, **named)


def test_copied_and_pickled() -> None:
    point = Solid(1, 2, 3)
    for again in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))):
        assert again == point
        assert type(again) is Solid
