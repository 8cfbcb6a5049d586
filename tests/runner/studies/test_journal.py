"""What Optuna is told of a study, and what it says: values, and which trials are pruned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from runner.studies.journal import Journal
from runner.studies.values import Outcome
from tests.runner.studies.conftest import RATE, read_study, write_study

if TYPE_CHECKING:
    from runner.layout import RunsFolder


def journal(runs: RunsFolder, **changes: Any) -> Journal:
    """Optuna's journal of a study."""
    write_study(runs.root, **changes)
    return Journal(runs.study("lr"), read_study(runs.root))


def asked(runs: RunsFolder, count: int, **changes: Any) -> list[dict[str, Any]]:
    """The values of so many trials, each asked for by a command of its own."""
    return [journal(runs, **changes).ask().parameters for _ in range(count)]


@pytest.mark.parametrize("kind", ["tpe", "random"])
def test_a_seed_decides_what_is_tried(runs: RunsFolder, kind: str) -> None:
    first = asked(runs, 3, sampler={"kind": kind, "seed": 7})
    runs.study("lr").journal.unlink()
    assert asked(runs, 3, sampler={"kind": kind, "seed": 7}) == first
    runs.study("lr").journal.unlink()
    assert asked(runs, 3, sampler={"kind": kind, "seed": 8}) != first
    assert len({each[RATE] for each in first}) == 3


def test_values_are_of_the_kind_that_the_job_wants(runs: RunsFolder) -> None:
    search = {
        "hyperparameters.n_epochs": {"low": 2, "high": 9, "step": 3},
        "hyperparameters.gae_lambda": {"low": 0.5, "high": 1.0, "step": 0.25},
        "hyperparameters.target_kl": {"choices": [None, 0.5, 1]},
        "hyperparameters.policy_kwargs": {"choices": [{"net_arch": [8]}, {"net_arch": {"pi": [8], "vf": [16]}}]},
    }
    found = asked(runs, 12, search=search, sampler="random")
    assert {each["hyperparameters.n_epochs"] for each in found} == {2, 5, 8}
    assert {each["hyperparameters.gae_lambda"] for each in found} == {0.5, 0.75, 1.0}
    assert {each["hyperparameters.target_kl"] for each in found} == {None, 0.5, 1}
    assert {type(each["hyperparameters.policy_kwargs"]) for each in found} == {dict}
    assert [each.parameters for each in journal(runs, search=search).trials] == found


@pytest.mark.parametrize(
    ("pruner", "prunes"),
    [
        ({"kind": "median", "startup": 1}, {64}),
        ({"kind": "median", "startup": 1, "warmup": 128}, {128}),
        ({"kind": "median", "startup": 2}, set()),
        ({"kind": "halving", "warmup": 64, "keep": 2}, {64}),
        ({"kind": "hyperband", "warmup": 64, "keep": 2}, {128}),
        ("none", set()),
    ],
    ids=["median", "warm-up", "before enough have come to their goal", "halving", "hyperband", "none"],
)
def test_what_does_worse_is_pruned_where_it_shows(runs: RunsFolder, pruner: Any, prunes: set[int]) -> None:
    opened = journal(runs, pruner=pruner)
    for value in (10.0, 11.0) if pruner == "none" or "startup" not in pruner else (10.0,):
        number = opened.ask().number
        for step in (64, 128, 192, 256):
            opened.report(number, step, value)
        opened.tell(number, Outcome(state="complete", value=value))
    number = opened.ask().number
    found = set()
    for step in (64, 128):
        if opened.prunes(number, step, 1.0):
            found.add(step)
            break
        opened.report(number, step, 1.0)
    assert found == prunes
    assert opened.reported(number) == {step: 1.0 for step in (64, 128) if step < min(prunes, default=256)}
