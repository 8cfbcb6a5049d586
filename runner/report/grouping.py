"""Jobs that name the same group, as one curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.report.aggregate import aggregate
from runner.report.page import GroupReport
from runner.report.series import measured_line
from runner.report.values import EVALUATED_RETURN, TRAINING_RETURN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.report.values import JobReport

_FEWEST = 2
"""Points of a curve, and runs of a group."""
_ENOUGH = 5
"""Runs from which an interval can be told with some confidence."""
_WHAT = {EVALUATED_RETURN: "Mean return of each evaluation.", TRAINING_RETURN: "Mean return of the latest episodes."}


def group_reports(reports: Sequence[JobReport]) -> list[GroupReport]:
    """Every group that the jobs name, in their order."""
    members: dict[str, list[JobReport]] = {}
    for each in reports:
        if each.group:
            members.setdefault(each.group, []).append(each)
    return [_grouped(name, jobs) for name, jobs in members.items()]


def _grouped(name: str, reports: Sequence[JobReport]) -> GroupReport:
    names = tuple(each.job for each in reports)
    environments = sorted({each.environment for each in reports})
    if len(environments) > 1:
        note = f"They act in different environments ({', '.join(environments)}), whose returns have no common scale."
        return GroupReport(name, names, notes=(note,))
    for key, what in _WHAT.items():
        lines = [(each, line) for each in reports if len(line := measured_line(each.curve, key)) >= _FEWEST]
        if len(lines) < _FEWEST:
            continue
        whole = aggregate([line for _, line in lines], [each.kind for each, _ in lines])
        there = tuple(each.job for each, _ in lines)
        left_out = [each for each in names if each not in there]
        notes = [f"Not among them, since too little was measured so far: {', '.join(left_out)}."] if left_out else []
        if len(lines) < _ENOUGH:
            notes.append("Of so few runs the interval is a rough guess.")
        if whole is None:
            notes.append("They have no timesteps in common so far.")
        return GroupReport(name, there, what, whole, tuple(notes))
    return GroupReport(name, names, notes=("Fewer than two of them have been measured twice or more so far.",))
