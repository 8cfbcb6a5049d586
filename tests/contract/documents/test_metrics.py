"""Rows of what is measured, as they stand in their file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from contract.documents.metrics import LONGEST_KEY, MOST_KEYS, Row, finite_numbers


def test_a_row_is_one_line_that_says_what_it_has() -> None:
    row = Row("log", 64, 1.0, {"rollout/ep_rew_mean": 20.5})
    assert row.line().endswith(b"}\n")
    assert row.line().count(b"\n") == 1
    assert json.loads(row.line()) == {
        "kind": "log",
        "timesteps": 64,
        "at": 1.0,
        "values": {"rollout/ep_rew_mean": 20.5},
    }


class Array:
    """What several numbers at once are, to those who ask for one."""

    def item(self) -> float:
        raise ValueError("more than one")


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3.0), (2.5, 2.5), (True, 1.0), (np.float32(0.5), 0.5), (np.int64(7), 7.0), (np.array([4.0]), 4.0)],
)
def test_numbers_of_every_kind_are_taken(value: Any, number: float) -> None:
    assert finite_numbers({"train/loss": value}) == {"train/loss": number}


@pytest.mark.parametrize("value", ["fast", None, float("nan"), float("inf"), 10**400, np.array([1.0, 2.0]), Array()])
def test_what_is_no_finite_number_is_left_out(value: Any) -> None:
    assert finite_numbers({"train/loss": value, "train/lr": 0.1}) == {"train/lr": 0.1}


def test_odd_names_are_left_out_and_so_are_too_many() -> None:
    assert finite_numbers({"": 1, "two\nlines": 1, "x" * (LONGEST_KEY + 1): 1, "fine": 1}) == {"fine": 1.0}
    assert len(finite_numbers({f"key/{number}": number for number in range(2 * MOST_KEYS)})) == MOST_KEYS
