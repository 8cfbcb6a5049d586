"""What changed between two JSON values, one line per leaf."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.differences import differences

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 2}, ["a changed from 1 to 2"]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, ["a.c changed from 2 to 3"]),
        ({"b": 1, "a": 1}, {}, ["a changed from 1 to (unset)", "b changed from 1 to (unset)"]),
        ({}, {"a": {"b": 1}}, ["a changed from (unset) to {'b': 1}"]),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["a changed from [1, 2] to [2, 1]"]),
        ({"a": {"b": 1}}, {"a": None}, ["a changed from {'b': 1} to None"]),
    ],
)
def test_each_leaf_that_differs_is_told(before: Any, after: Any, told: list[str]) -> None:
    assert [str(each) for each in differences(before, after)] == told


@given(JSON, JSON)
def test_there_are_differences_where_values_differ(one: Any, other: Any) -> None:
    assert bool(differences(one, other)) == (one != other)
    assert differences(one, one) == []


@given(JSON, JSON)
def test_the_way_back_is_the_same_way(one: Any, other: Any) -> None:
    there = [(each.path, each.before, each.after) for each in differences(one, other)]
    assert [(each.path, each.after, each.before) for each in differences(other, one)] == there
