"""What to write instead of something that jobs.yaml cannot hold: a near name, or the section where a key belongs."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, get_args

from job.algorithms.registry import ALGORITHMS
from job.problems import UNKNOWN_KEY, Problem, as_json
from runner.jobs.other_tools import OURS
from runner.jobs.yaml_positions import KeyPath, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import BaseModel

    from job.model import Job


def _homes(model: type[BaseModel], below: KeyPath = ()) -> Iterator[tuple[str, KeyPath]]:
    """Each key that `model` knows, with the section that it belongs to, outer sections first."""
    for key in model.model_fields:
        yield key, below
    for key, field in model.model_fields.items():
        for annotation in (field.annotation, *get_args(field.annotation)):
            if hasattr(annotation, "model_fields"):
                yield from _homes(annotation, (*below, key))


def what_to_write(problem: Problem, algorithm: object, model: type[Job]) -> str | None:
    """What to write instead: a near name, the section where the key belongs, or all names that would do."""
    if problem.message == UNKNOWN_KEY:
        return _remedy_for_key(problem.path, algorithm, model)
    if problem.unknown is None:
        return problem.remedy
    return nearest(problem.unknown, problem.known) or f"write {_listed(problem.known, 'or')}"


def _remedy_for_key(path: KeyPath, algorithm: object, model: type[Job]) -> str:
    *section, key = map(str, path)
    homes = [*((each, home) for each, home in _homes(model) if each != "name"), ("quick", ())]
    entries = [ALGORITHMS[algorithm]] if isinstance(algorithm, str) and algorithm in ALGORITHMS else ALGORITHMS.values()
    homes += [home for entry in entries for home in _homes(entry.hyperparameters, ("hyperparameters",))]
    for known, home in homes:
        if known == key:
            return f"it belongs under {dotted(home)}" if home else "it belongs to the job itself"
    if key in OURS:
        return OURS[key]
    siblings = [each for each, home in homes if home == tuple(section)]
    return nearest(key, siblings) or f"the keys here are {_listed(siblings, 'and')}"


def as_matrix(values: object, path: KeyPath) -> str | None:
    """What to write for a list where one value is due: a job for each."""
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    if not isinstance(values, list) or not values:
        return None
    each = [*{as_json(value): value for value in values}.values()]
    return f"for a job of each write `matrix: {{{dotted(path)}: {as_json(each)}}}`"


def nearest(name: str, known: Sequence[str]) -> str | None:
    """A question whether one of `known` was meant, where one is like `name`."""
    by_lower = {each.lower(): each for each in known}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"did you mean {by_lower[matches[0]]}?" if matches else None


def _listed(names: Sequence[str], conjunction: str) -> str:
    return f" {conjunction} ".join(filter(None, (", ".join(names[:-1]), names[-1])))
