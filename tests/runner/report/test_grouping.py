"""Jobs that name the same group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.curve.measurements import Curve
from runner.report.grouping import group_reports
from tests.runner.report import examples

if TYPE_CHECKING:
    from runner.report.values import JobReport


def seeds(*groups: str) -> list[JobReport]:
    return [examples.report(f"walk-{seed}", seed=seed, group=group) for seed, group in enumerate(groups)]


def test_jobs_of_one_group_are_one_curve_and_those_without_are_in_none() -> None:
    (group,) = group_reports(seeds("walks", "", "walks"))
    assert (group.name, group.jobs) == ("walks", ("walk-0", "walk-2"))
    assert group.whole is not None
    assert group.whole.timesteps.tolist() == [10_000, 20_000, 30_000, 40_000, 50_000, 60_000]
    assert group.what == "Mean return of each evaluation."


def test_a_job_of_which_too_little_was_measured_is_left_out_and_named() -> None:
    young = examples.report("walk-9", curve=Curve("walk-9", 1, (), ()))
    (group,) = group_reports([*seeds("walks", "walks"), young])
    assert group.jobs == ("walk-0", "walk-1")
    assert group.notes == (
        "Not among them, since too little was measured so far: walk-9.",
        "Of so few runs the interval is a rough guess.",
    )


def test_of_five_runs_nothing_more_needs_to_be_said() -> None:
    (group,) = group_reports(seeds(*["walks"] * 5))
    assert (group.notes, len(group.jobs)) == ((), 5)


def test_returns_in_different_environments_are_not_put_together() -> None:
    (group,) = group_reports([*seeds("walks"), examples.report("fall", environment="lab:Fall-v0")])
    assert group.whole is None
    assert "no common scale" in group.notes[0]


def test_one_job_alone_is_no_group_to_compare() -> None:
    (group,) = group_reports(seeds("walks"))
    assert (group.whole, group.jobs) == (None, ("walk-0",))
