"""What the page of a study tells: read from its trials, without Optuna."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from runner.report.values import End
from runner.studies import summary

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from runner.studies.values import Trial

_ENDS = {"complete": End.MET, "pruned": End.CUT, "failed": End.FAILED, "running": End.UNDER_WAY}


class TrialRow(NamedTuple):
    """A trial.

    Args:
        job: the name of its job.
        number: 0 and so on.
        parameters: what was chosen, as text, in the order of the study.
        end: how it is drawn.
        state: in a word.
        value: what it came to.
        timesteps: how far it came; None while it runs.
        why: it was pruned, or failed.
        has_page: whether there is a page of its job.
        is_best: whether none came to more.
    """

    job: str
    number: int
    parameters: tuple[str, ...]
    end: End
    state: str
    value: float | None
    timesteps: int | None
    why: str
    has_page: bool
    is_best: bool


@dataclass(frozen=True)
class StudyReport:
    """A study.

    Args:
        name: its name.
        job: the job whose hyperparameters are searched; empty where jobs.yaml has the study no more.
        metric: which of a trial's evaluations counts.
        planned: how many trials there are to be.
        keys: what is searched.
        rows: its trials, in order.
        sentence: how it stands.
    """

    name: str
    job: str
    metric: str
    planned: int
    keys: tuple[str, ...]
    rows: tuple[TrialRow, ...]
    sentence: str

    @property
    def heads(self) -> tuple[str, ...]:
        """What is searched, as short as tells each from the others."""
        short = [key.rpartition(".")[2] for key in self.keys]
        return tuple(each if short.count(each) == 1 else key for key, each in zip(self.keys, short, strict=True))

    @property
    def best(self) -> TrialRow | None:
        """The trial that came to the most."""
        return next((each for each in self.rows if each.is_best), None)

    def count(self, state: str) -> int:
        """How many trials are in a state."""
        return sum(each.state == state for each in self.rows)


def trial_rows(trials: Sequence[Trial], keys: Sequence[str], written: Collection[str]) -> tuple[TrialRow, ...]:
    """The trials of a study.

    Args:
        trials: in order.
        keys: what is searched.
        written: the jobs that have pages.
    """
    best = summary.best(trials)
    return tuple(
        TrialRow(
            job=each.name,
            number=each.number,
            parameters=tuple(summary.readable(each.parameters.get(key)) for key in keys),
            end=_ENDS[each.state],
            state=each.state,
            value=each.outcome.value if each.outcome is not None else None,
            timesteps=each.outcome.timesteps if each.outcome is not None else None,
            why=each.outcome.why if each.outcome is not None else "",
            has_page=each.name in written,
            is_best=each is best,
        )
        for each in trials
    )
