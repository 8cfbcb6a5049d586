"""The values that a study of jobs.yaml tries of a key of its job, or what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError

from job.model import Section
from job.problems import as_json, collect_problems
from runner.jobs.yaml_positions import KeyPath
from runner.studies.values import Choices, Range

if TYPE_CHECKING:
    from collections.abc import Mapping

SEARCHED = ("hyperparameters", "env", "algorithm", "policy")
"""The keys of a job that may be searched, or sections of them."""
Space = Range | Choices
Find = Callable[[KeyPath, str, str | None], None]
"""Is told of what is wrong: the keys that lead to it, what, and what to do."""
_A_SPACE = "write `{low: ..., high: ...}` or `{choices: [...]}`"
_ELSEWHERE = {
    "seed": "search with one seed, and repeat what was found with several: a matrix does that",
    "total_timesteps": "trials are compared at the same timesteps: set it below `with:`",
}


class _Range(Section):
    low: float | int
    high: float | int
    log: bool = False
    step: Annotated[float | int | None, Field(gt=0)] = None


class _Choices(Section):
    choices: Annotated[list[Any], Field(min_length=1)]


def space(key: str, stated: Any, where: KeyPath, find: Find) -> Space | None:
    """The values of a key, or nothing where something is wrong with them.

    Args:
        key: of the job, with dots.
        stated: as the file has it.
        where: the keys that lead there.
        find: is told of what is wrong.
    """
    if key.partition(".")[0] not in SEARCHED:
        remedy = _ELSEWHERE.get(key, f"what can be searched lies in {', '.join(SEARCHED)}")
        find(where, "is not a key that can be searched", remedy)
        return None
    if not isinstance(stated, dict):
        find(where, f"must say which values to try, found {as_json(stated)}", _A_SPACE)
        return None
    try:
        if "choices" in stated:
            return _choices(_Choices.model_validate(stated).choices, (*where, "choices"), find)
        return _range(_Range.model_validate(stated), where, find)
    except ValidationError as error:
        for problem in collect_problems(error):
            find((*where, *problem.path[:1]), problem.message, problem.remedy or _A_SPACE)
        return None


def _choices(choices: list[Any], where: KeyPath, find: Find) -> Choices | None:
    texts = [json.dumps(each, sort_keys=True) for each in choices]
    twice = next((each for each in texts if texts.count(each) > 1), None)
    if twice is not None:
        find(where, f"{as_json(json.loads(twice))} stands there twice", "remove one")
        return None
    return Choices(choices=choices)


def _range(stated: _Range, where: KeyPath, find: Find) -> Range | None:
    problems = (
        ("high", not stated.low < stated.high, "must be above low"),
        ("low", stated.log and stated.low <= 0, "must be above 0 where log is true"),
        ("step", stated.log and stated.step is not None, "does not go with log: remove one of the two"),
        ("step", (stated.step or 0) > stated.high - stated.low, "is more than lies between low and high"),
    )
    wrong = next(((key, problem) for key, is_wrong, problem in problems if is_wrong), None)
    if wrong is not None:
        find((*where, wrong[0]), wrong[1], None)
        return None
    whole = all(isinstance(each, int) for each in (stated.low, stated.high, stated.step or 1))
    return Range(low=stated.low, high=stated.high, log=stated.log, step=stated.step, whole=whole)


def ends(values: Space) -> list[Any]:
    """The values to look at before any is tried: all choices, or both ends."""
    if isinstance(values, Choices):
        return values.choices
    return [int(each) if values.whole else float(each) for each in (values.low, values.high)]


def nested(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Values by keys with dots, as a job has them."""
    values: dict[str, Any] = {}
    for key, value in parameters.items():
        *sections, last = key.split(".")
        inner = values
        for each in sections:
            inner = inner.setdefault(each, {})
        inner[last] = value
    return values
