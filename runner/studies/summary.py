"""How a study stands, in words: read from its trials, without Optuna."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runner.studies.values import Trial

_STATES = ("running", "complete", "pruned", "failed")


def best(trials: Sequence[Trial]) -> Trial | None:
    """The trial that came to the highest value at its goal, the first of several; None where none has."""
    complete = [each for each in trials if each.outcome is not None and each.outcome.state == "complete"]
    return max(complete, key=_value, default=None)


def counted(trials: Sequence[Trial]) -> dict[str, int]:
    """How many of the trials are in each state, but for those in which none is."""
    found = Counter(each.state for each in trials)
    return {state: found[state] for state in _STATES if found[state]}


def sentence(study: str, trials: Sequence[Trial], planned: int | None = None) -> str:
    """How a study stands.

    Args:
        study: its name.
        trials: of it.
        planned: how many there are to be, where jobs.yaml has the study.
    """
    of = f" of {planned}" if planned is not None and planned != len(trials) else ""
    words = ", ".join(f"{count} {state}" for state, count in counted(trials).items())
    said = f"study {study}: {len(trials)}{of} trials" + (f", {words}" if words else "")
    found = best(trials)
    return said if found is None else f"{said}; the best is {found.name} with {_value(found):,.1f}"


def parameters(trial_parameters: Mapping[str, Any]) -> str:
    """Hyperparameters in a line: `learning_rate 0.0003, n_epochs 4`."""
    return ", ".join(f"{key.rpartition('.')[2]} {readable(value)}" for key, value in trial_parameters.items())


def readable(value: object) -> str:
    """A value as a person reads it; what is written down has all digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str):
        return value
    from job.problems import as_json  # noqa: PLC0415 - it imports pydantic

    return as_json(value)


def _value(trial: Trial) -> float:
    return trial.outcome.value if trial.outcome is not None and trial.outcome.value is not None else float("-inf")
