"""One entry of jobs.yaml that stands for many jobs: its `matrix:` says in what they differ.

A key of the matrix is a key of the job, with a dot between sections, and has the values to try; `cases:` lists settings
that belong together, and `exclude:` what is not wanted of all that could be combined. The names of the jobs follow from
their values alone: neither a further value nor another order of the lines renames a job that was there before.
"""

from __future__ import annotations

import decimal
import itertools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from job.problems import UNKNOWN_KEY, as_json
from runner.jobs.remedies import nearest
from runner.jobs.yaml_positions import KeyPath, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MATRIX = "matrix"
CASES, EXCLUDE = "cases", "exclude"
MOST_JOBS = 10_000
"""That one entry may stand for."""

_LEAST_PLAIN = decimal.Decimal("0.01")
"""Smaller numbers are written with an exponent in names."""


class Setting(NamedTuple):
    """A value of a job that the matrix sets.

    Args:
        value: it.
        stands_at: the keys that lead to it, below the matrix.
    """

    value: Any
    stands_at: KeyPath


@dataclass(frozen=True)
class Combination:
    """One job of a matrix.

    Args:
        name: of the job.
        settings: what it has of its own, by the keys of the job that lead there.
    """

    name: str
    settings: Mapping[KeyPath, Setting]

    def over(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """`entry` with the settings laid over it, and without its matrix."""
        values = {key: value for key, value in entry.items() if key != MATRIX}
        for path, setting in self.settings.items():
            section = values
            for key in path[:-1]:
                inner = section.get(str(key))
                section[str(key)] = section = dict(inner) if isinstance(inner, dict) else {}
            section[str(path[-1])] = setting.value
        return values


class MatrixProblem(NamedTuple):
    """What is wrong with a matrix: where below it, what, and what to do."""

    path: KeyPath
    problem: str
    remedy: str | None


class MatrixError(ValueError):
    """A matrix that stands for no jobs, for its `problem`."""

    def __init__(self, path: KeyPath, problem: str, remedy: str | None = None) -> None:
        self.problem = MatrixProblem(path, problem, remedy)
        super().__init__(problem)


def combinations(name: str, matrix: object) -> list[Combination]:
    """The jobs that the `matrix` of the entry called `name` stands for.

    Raises:
        MatrixError: it stands for none, or for two of one name.
    """
    if not isinstance(matrix, dict) or not matrix:
        found = f"must be a mapping, found {as_json(matrix)}" if matrix else "does not say how its jobs differ"
        raise MatrixError((), found, "write keys of the job with the values to try, such as `seed: [0, 1, 2]`")
    grid = [_axis(key, values) for key, values in matrix.items() if key not in (CASES, EXCLUDE)]
    if CASES in matrix:
        grid.append([_row(each, (CASES, number)) for number, each in _rows(matrix[CASES], CASES)])
    if not grid:
        raise MatrixError((), "does not say how its jobs differ", "write the values to try, such as `seed: [0, 1]`")
    count = 1
    for axis in grid:
        count *= len(axis)
    if count > MOST_JOBS:
        raise MatrixError((), f"stands for {count:,} jobs, which is more than {MOST_JOBS:,}", "leave values out")
    settings = [_joined(chosen) for chosen in itertools.product(*grid)]
    if EXCLUDE in matrix:
        settings = _kept(settings, [(n, _row(each, (EXCLUDE, n))) for n, each in _rows(matrix[EXCLUDE], EXCLUDE)])
    return _named(name, settings)


def _axis(key: str, values: object) -> list[dict[KeyPath, Setting]]:
    path = tuple(key.split("."))
    if not isinstance(values, list) or not values:
        found = f"must be a list of the values to try, found {as_json(values)}"
        raise MatrixError((key,), found, f"write `{key}: [...]`, or take it out of the matrix")
    seen = set[str]()
    for number, value in enumerate(values):
        if isinstance(value, dict):
            raise MatrixError((key, number), "is a mapping", f"write its keys one by one, such as `{key}.name: [...]`")
        if (text := json.dumps(value, default=repr)) in seen:
            raise MatrixError((key, number), f"has {as_json(value)} twice", "leave one of them out")
        seen.add(text)
    return [{path: Setting(value, (key, number))} for number, value in enumerate(values)]


def _rows(rows: object, key: str) -> Iterator[tuple[int, object]]:
    if not isinstance(rows, list) or not rows:
        found = f"must be a list of mappings, found {as_json(rows)}"
        raise MatrixError((key,), found, f"write `{key}:` and below it lines such as `- {{algorithm: PPO, seed: 1}}`")
    return enumerate(rows)


def _row(row: object, where: KeyPath) -> dict[KeyPath, Setting]:
    """The settings of a line of `cases` or `exclude`; a section may be written as a mapping there."""
    if not isinstance(row, dict) or not row:
        raise MatrixError(where, f"must be a mapping, found {as_json(row)}", "write `{algorithm: PPO, seed: 1}`")
    settings: dict[KeyPath, Setting] = {}

    def add(values: dict[str, Any], path: KeyPath, stands_at: KeyPath) -> None:
        for key, value in values.items():
            inner, here = (*path, *key.split(".")), (*stands_at, key)
            if isinstance(value, dict) and value:
                add(value, inner, here)
            else:
                settings[inner] = Setting(value, here)

    add(row, (), where)
    return settings


def _joined(chosen: Sequence[Mapping[KeyPath, Setting]]) -> dict[KeyPath, Setting]:
    """All that was chosen for one job, outer sections first."""
    settings: dict[KeyPath, Setting] = {}
    for each in chosen:
        settings |= each
    return dict(sorted(settings.items(), key=lambda item: [str(key) for key in item[0]]))


def _kept(
    settings: list[dict[KeyPath, Setting]], excluded: list[tuple[int, dict[KeyPath, Setting]]]
) -> list[dict[KeyPath, Setting]]:
    """Those of the jobs that no line excludes; a line that excludes none of them is a mistake."""
    known = {dotted(path) for each in settings for path in each}
    for number, row in excluded:
        for path, setting in row.items():
            if dotted(path) not in known:
                remedy = nearest(dotted(path), sorted(known)) or f"the matrix has {', '.join(sorted(known))}"
                raise MatrixError(setting.stands_at, UNKNOWN_KEY, remedy)
        if not any(_has(each, row) for each in settings):
            problem = "excludes nothing: no job of the matrix has these values together"
            raise MatrixError((EXCLUDE, number), problem, "write them as they stand above, or remove the line")
    kept = [each for each in settings if not any(_has(each, row) for _, row in excluded)]
    if not kept:
        raise MatrixError((EXCLUDE,), "excludes every job of the matrix", "take a line out")
    return kept


def _has(settings: Mapping[KeyPath, Setting], row: Mapping[KeyPath, Setting]) -> bool:
    return all(path in settings and as_json(settings[path].value) == as_json(row[path].value) for path in row)


def _named(name: str, settings: list[dict[KeyPath, Setting]]) -> list[Combination]:
    named: dict[str, Combination] = {}
    for each in settings:
        words = [_word(str(path[-1]), setting.value) for path, setting in each.items()]
        full = "-".join(filter(None, (name, *words)))
        if (other := named.get(full)) is not None:
            twice = next((path for path in each if each[path].value != other.settings[path].value), next(iter(each)))
            problem = f"gives two jobs the name {full}"
            raise MatrixError(each[twice].stands_at, problem, "let their values differ in letters and digits")
        named[full] = Combination(full, each)
    return list(named.values())


def _word(key: str, value: object) -> str:
    """What a value adds to a job's name: `ppo`, `seed3`, `gamma0_99`, `learning_rate3e-4`."""
    text = value if isinstance(value, str) else f"{key}{_digits(value)}"
    return re.sub(r"[^a-z0-9_-]+", "_", text.lower()).strip("_-")


def _digits(value: object) -> str:
    if isinstance(value, list):
        return "_".join(_digits(each) for each in value)
    if isinstance(value, bool) or value is None or not isinstance(value, float):
        return as_json(value)
    number = decimal.Decimal(repr(value)).normalize()
    if 0 < abs(number) < _LEAST_PLAIN:
        return f"{number:e}".replace("e-0", "e-")
    return f"{number:f}"
