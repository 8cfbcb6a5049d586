"""A study as jobs.yaml states it, and a trial as it is written down; read without pydantic and without Optuna."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec

from contract.documents.typed_json import Document, Value

LONGEST_NAME = 57
"""Of a study: its trials are called after it, `-0000` and so on, and a job's name has 63 characters at most."""


class Range(Value, frozen=True, kw_only=True, tag="range"):
    """Numbers from `low` to `high`.

    Args:
        low, high: both are among them.
        log: whether small ones are tried as often as large ones, by their order of magnitude.
        step: the distance between two of them, None for any number.
        whole: whether they are whole.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False


class Choices(Value, frozen=True, kw_only=True, tag="choices"):
    """Values without an order."""

    choices: list[Any]

    @property
    def labels(self) -> list[str | int | float | bool | None]:
        """What stands for each where only plain values are taken: itself, or its JSON."""
        return [each if isinstance(each, str | int | float | bool | None) else _json(each) for each in self.choices]

    def labelled(self, label: object) -> Any:
        """The value that `label` stands for."""
        is_same = [type(each) is type(label) and each == label for each in self.labels]
        return self.choices[is_same.index(True)]


class Sampler(Value, frozen=True, kw_only=True):
    """Who chooses values.

    Args:
        kind: `tpe`: near those that did well; `random`: anywhere.
        seed: decides them all, together with what the trials before came to.
        startup: how many trials are random before it goes by what they came to.
    """

    kind: Literal["tpe", "random"] = "tpe"
    seed: int = 0
    startup: int = 10


class Pruner(Value, frozen=True, kw_only=True):
    """Which trials are ended before their goal.

    Args:
        kind: `median`: those that are worse than half of the others were then; `halving`: all but the best share, again
            and again; `hyperband`: several of the latter; `none`.
        startup: how many trials reach their goal before any is pruned (`median`).
        warmup: timesteps before which no trial is pruned; with the others the first at which some are.
        keep: one in how many is kept (`halving`, `hyperband`).
    """

    kind: Literal["median", "halving", "hyperband", "none"] = "median"
    startup: int = 5
    warmup: int = 0
    keep: int = 3


class Study(Value, frozen=True, kw_only=True):
    """A study.

    Args:
        name: of it.
        job: the job whose hyperparameters are searched.
        entry: what that job states of its own.
        defaults: what every job of the file states.
        over: what the study lays over the job for all its trials.
        search: the values to try, by the keys of the job that lead there, with dots.
        trials: how many there are to be.
        at_once: how many of them at a time.
        metric: what a trial comes to: the `best` of its evaluations, or the `last`.
        frequency: timesteps between two evaluations of a trial.
        goal: timesteps of a trial.
        training: what decides the weights of a trial, but for what is searched.
        sampler: who chooses values.
        pruner: who ends trials.
    """

    name: str
    job: str
    entry: dict[str, Any]
    defaults: dict[str, Any]
    over: dict[str, Any]
    search: dict[str, Range | Choices]
    trials: int
    at_once: int
    metric: Literal["best", "last"]
    frequency: int
    goal: int
    training: dict[str, Any]
    sampler: Sampler
    pruner: Pruner

    @property
    def comparable(self) -> dict[str, Any]:
        """What all trials have to have in common, so that their values can be compared, by what it is called."""
        space = {f"search.{key}": msgspec.to_builtins(each) for key, each in self.search.items()}
        inputs = {f"job.{key}": value for key, value in self.training.items()}
        others = {"total_timesteps": self.goal, "eval.frequency": self.frequency, "metric": self.metric}
        return {**inputs, **space, **others}


class Pruning(Value, frozen=True, kw_only=True):
    """That a trial is to end: at which timesteps that was seen, and why."""

    timesteps: int
    why: str


class Outcome(Value, frozen=True, kw_only=True):
    """How a trial ended.

    Args:
        state: how.
        value: what it came to; None where it failed.
        timesteps: how far it came.
        why: it was pruned, or failed.
    """

    state: Literal["complete", "pruned", "failed"]
    value: float | None = None
    timesteps: int = 0
    why: str = ""


class Founding(Document, frozen=True, kw_only=True):
    """What a study was when its first trial began: what its trials have in common."""

    comparable: dict[str, Any]


class Trial(Document, frozen=True, kw_only=True):
    """A trial.

    Args:
        study: the study's name.
        number: 0 and so on, as Optuna counts.
        parameters: what was chosen for it, by the keys of the study's search; never changes.
        job: its job as `quick` and as `full`, or why it can be none.
        pruning: set before its session is asked to stop.
        outcome: set before Optuna is told.
    """

    study: str
    number: int
    parameters: dict[str, Any]
    job: dict[str, dict[str, Any]] | str
    pruning: Pruning | None = None
    outcome: Outcome | None = None

    @property
    def name(self) -> str:
        """Of its job."""
        return trial_name(self.study, self.number)

    @property
    def state(self) -> str:
        """In a word."""
        return self.outcome.state if self.outcome is not None else "running"


def trial_name(study: str, number: int) -> str:
    """What the job of a trial is called."""
    return f"{study}-{number:04d}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
