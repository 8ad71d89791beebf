from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdb.stores.canonical_json import canonical_hash, canonical_json

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [1e21, 1e20, 123456789012345680000.0, 1e-6, 1e-7, 0.1, -0.0, 5e-324, 1.7976931348623157e308, 100.0]
    )
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(values)
def test_the_text_is_that_of_rfc_8785(value: Any) -> None:
    assert canonical_json(value).encode() == rfc8785.dumps(value)


@settings(deadline=None)
@given(st.dictionaries(texts, values, max_size=5))
def test_the_order_of_keys_does_not_matter_and_the_value_does(value: dict[str, Any]) -> None:
    turned = dict(reversed(list(value.items())))
    assert canonical_hash(turned) == canonical_hash(value) == hashlib.sha256(rfc8785.dumps(value)).hexdigest()
    assert canonical_hash({**value, "another": 1}) != canonical_hash({**value, "another": 2})
    assert json.loads(canonical_json(value), parse_int=float) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"\U0001f600": 1, "\ufb33": 2, "1": 3, "\r": 4}, '{"\\r":4,"1":3,"\U0001f600":1,"\ufb33":2}'),
        ([2**60, 2**60 + 1], "[1152921504606846976,1152921504606846977]"),
        (("1.50", 1.50, "1e3", 1e3), '["1.50",1.5,"1e3",1000]'),
        ({'a"1.0': 'x\\"1.0'}, '{"a\\"1.0":"x\\\\\\"1.0"}'),
    ],
)
def test_keys_are_sorted_by_utf_16_and_text_is_left_alone(value: Any, text: str) -> None:
    assert canonical_json(value) == text
