"""The best trial of a study as a job of jobs.yaml, which begins anew: at zero, with the goal that the job itself has.

A trial's lineage is not gone on from: its goal is the study's, which may be a short one, and schedules of its learning
rate, say, have come to their end there. What is taken over is what was searched for.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from job.model import parse_job
from runner.jobs.adding import in_blocks
from runner.jobs.layers import merged
from runner.studies.search_space import nested
from runner.studies.summary import readable

if TYPE_CHECKING:
    from collections.abc import Collection

    from job.model import Job
    from runner.studies.values import Study, Trial


class Promoted(NamedTuple):
    """A job to write.

    Args:
        name: of it.
        text: as it stands below `jobs:`.
    """

    name: str
    text: str


def promoted(study: Study, trial: Trial, taken: Collection[str]) -> Promoted:
    """The job of the best trial, with a name that is free.

    Args:
        study: the study.
        trial: its best one.
        taken: the names that there are.
    """
    name = first_free(f"{study.name}-best", taken)
    outcome = trial.outcome
    came_to = "" if outcome is None else f", whose {study.metric} evaluation was {readable(outcome.value)}"
    comment = f"# Trial {trial.number} of the study {study.name}{came_to} in {study.goal:,} timesteps."
    return Promoted(name, textwrap.indent(f"{comment}\n{in_blocks({name: _entry(study, trial)})}", "  "))


def full_form(study: Study, trial: Trial, name: str, model: type[Job]) -> dict[str, Any]:
    """That job as jobs.yaml's reader has it, under some name."""
    values = merged(study.defaults, _entry(study, trial))
    entry = {key: value for key, value in values.items() if key != "quick"}
    return parse_job({**entry, "name": name}, model).model_dump(mode="json")


def is_promoted(study: str, job: str) -> bool:
    """Whether a job is called as a promoted trial is."""
    return re.fullmatch(rf"{re.escape(study)}-best(-\d+)?", job) is not None


def first_free(name: str, taken: Collection[str]) -> str:
    """`name`, or with the first number behind it that makes it one of its own."""
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def _entry(study: Study, trial: Trial) -> dict[str, Any]:
    """What the searched job states of its own, with the trial's values; what the study lays over it is the study's."""
    entry: dict[str, Any] = merged(study.entry, nested(trial.parameters))
    return entry
