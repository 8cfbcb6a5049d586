"""The trials on disk, `runs/.studies/<study>/trials/`: each is a job of that name for every command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runner.studies.values import Trial, trial_name

if TYPE_CHECKING:
    from runner.layout import RunsFolder
    from runner.studies.folder import StudyFolder

_NAME = re.compile(r"(?P<study>.+)-(?P<number>\d{4,})")


def trial_jobs(runs: RunsFolder) -> list[str]:
    """The names of the jobs of all trials, by study and number; no file is read for it."""
    return [trial_name(study, number) for study in runs.studies for number in trial_numbers(runs.study(study))]


def trial_numbers(folder: StudyFolder) -> list[int]:
    """The numbers of a study's trials, in order."""
    try:
        names = [each.stem for each in folder.trials.iterdir() if each.suffix == ".json"]
    except OSError:
        return []
    return sorted(int(each) for each in names if each.isdecimal())


def trials(folder: StudyFolder) -> list[Trial]:
    """A study's trials, in order.

    Raises:
        RelayError: a file of theirs is damaged.
    """
    return [Trial.read(folder.trial(number)) for number in trial_numbers(folder)]


def trial_of_job(runs: RunsFolder, job: str) -> Trial | None:
    """The trial whose job is called so.

    Raises:
        RelayError: its file is damaged.
    """
    if (found := _NAME.fullmatch(job)) is None:
        return None
    return Trial.read_if_there(runs.study(found["study"]).trial(int(found["number"])))


def write_trial(folder: StudyFolder, trial: Trial) -> Trial:
    """Put a trial on disk, durably; from then on its job is known to every command."""
    return trial.write(folder.trial(trial.number))
