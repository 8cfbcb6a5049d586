"""The `studies:` of jobs.yaml: each is a search for hyperparameters of one of its jobs, or what is wrong with it."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, ValidationError

from job.algorithms.hyperparameters import Count, whole_number
from job.model import JOB_NAME, Section, parse_job
from job.problems import UNKNOWN_KEY, InvalidJobError, as_json, collect_problems
from runner.jobs.layers import merged, quick_form
from runner.jobs.own_keys import GROUP
from runner.jobs.remedies import nearest, what_to_write
from runner.studies import values as found
from runner.studies.search_space import ends, nested, space
from runner.studies.values import LONGEST_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from job.model import Job
    from job.problems import Problem
    from runner.jobs.yaml_positions import KeyPath
    from runner.studies.search_space import Find, Space

STUDIES = "studies"
MOST_AT_ONCE = 1_000

Whole = Annotated[int, BeforeValidator(whole_number), Field(ge=0)]


class _Sampler(Section):
    kind: Literal["tpe", "random"] = "tpe"
    seed: Annotated[Whole, Field(lt=2**32)] = 0
    startup: Count = 10


class _Pruner(Section):
    kind: Literal["median", "halving", "hyperband", "none"] = "median"
    startup: Whole = 5
    warmup: Whole = 0
    keep: Annotated[Whole, Field(ge=2)] = 3


def _by_kind(value: object) -> object:
    """A kind alone stands for a mapping with it."""
    return {"kind": value} if isinstance(value, str) else value


class _Study(Section):
    job: str
    over: dict[str, Any] = Field({}, alias="with")
    search: Annotated[dict[str, Any], Field(min_length=1)]
    trials: Count
    at_once: Annotated[Count, Field(le=MOST_AT_ONCE)] = 1
    metric: Literal["best", "last"] = "best"
    sampler: Annotated[_Sampler, BeforeValidator(_by_kind)] = _Sampler()
    pruner: Annotated[_Pruner, BeforeValidator(_by_kind)] = _Pruner()


class Base(NamedTuple):
    """A job that a study may search for.

    Args:
        entry: what it states of its own.
        defaults: what stands below that.
    """

    entry: dict[str, Any]
    defaults: dict[str, Any]


class StudiesReader:
    """Reads the studies of a file.

    Args:
        model: of a job.
        bases: the jobs, by name.
        find: is told of what is wrong: the keys that lead to it, what, and what to do.
    """

    def __init__(self, model: type[Job], bases: Mapping[str, Base], find: Find) -> None:
        self._model = model
        self._bases = bases
        self._find = find

    def studies(self, stated: Any) -> dict[str, found.Study]:
        """The studies that are right, by name."""
        if stated is None:
            return {}
        if not isinstance(stated, dict):
            self._find((STUDIES,), f"must be a mapping, found {as_json(stated)}", "write a line `name:` for each study")
            return {}
        read = ((name, self._study(name, values)) for name, values in stated.items() if self._is_name(name, stated))
        return {name: study for name, study in read if study is not None}

    def _is_name(self, name: str, stated: Mapping[str, Any]) -> bool:
        where = (STUDIES, name)
        if not JOB_NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            remedy = f"begin with a letter and use a-z, 0-9, _ and -, {LONGEST_NAME} characters at most"
            self._find(where, "not a study's name", remedy)
            return False
        trial = re.compile(rf"{re.escape(name)}(-\d{{4,}})?")
        taken = [each for each in self._bases if trial.fullmatch(each)]
        taken += [each for each in stated if each != name and trial.fullmatch(each)]
        if taken:
            problem = f"its trials are called {name}-0000 and so on, and {taken[0]} has such a name"
            self._find(where, problem if taken[0] != name else "a job has this name too", "rename one of the two")
        return not taken

    def _study(self, name: str, values: Any) -> found.Study | None:
        where: KeyPath = (STUDIES, name)
        try:
            stated = _Study.model_validate(values)
        except ValidationError as error:
            for problem in collect_problems(error):
                self._tell(where, problem)
            return None
        base = self._bases.get(stated.job)
        if base is None:
            remedy = nearest(stated.job, [*self._bases]) or f"the jobs are {', '.join(self._bases)}"
            self._find((*where, "job"), f"there is no job {as_json(stated.job)}", remedy)
            return None
        spaces = {key: space(key, each, (*where, "search", key), self._find) for key, each in stated.search.items()}
        search = {key: each for key, each in spaces.items() if each is not None}
        job = self._job(name, stated, base) if len(search) == len(spaces) else None
        if job is None or not self._fits(where, stated, search, base) or not self._can_be_told(where, stated, job):
            return None
        training = copy.deepcopy(job.training_inputs())
        for key in search:
            _remove(training, key.split("."))
        return found.Study(
            name=name,
            job=stated.job,
            entry=base.entry,
            defaults=base.defaults,
            over=stated.over,
            search=search,
            trials=stated.trials,
            at_once=stated.at_once,
            metric=stated.metric,
            frequency=job.eval.frequency,
            goal=job.total_timesteps,
            training=training,
            sampler=found.Sampler(**stated.sampler.model_dump()),
            pruner=found.Pruner(**stated.pruner.model_dump()),
        )

    def _tell(self, where: KeyPath, problem: Problem) -> None:
        """Say what is wrong with what a study states."""
        path, remedy = problem.path, problem.remedy
        if problem.message == UNKNOWN_KEY:
            models: dict[KeyPath, type[Section]] = {(): _Study, ("sampler",): _Sampler, ("pruner",): _Pruner}
            keys = [each.alias or key for key, each in models.get(path[:-1], _Study).model_fields.items()]
            remedy = nearest(str(path[-1]), keys) or f"the keys here are {', '.join(keys)}"
        elif problem.known:
            remedy = f"write {' or '.join(problem.known)}"
        self._find((*where, *path), problem.message, remedy)

    def _job(self, name: str, stated: _Study, base: Base) -> Job | None:
        """The job without anything that is searched, as far as it can be told whether it is one."""
        try:
            return parse_job(_values(base, stated.over) | {"name": name}, self._model)
        except InvalidJobError as error:
            for problem in error.problems:
                if problem.path[:1] and problem.path[0] in stated.over:
                    remedy = what_to_write(problem, None, self._model)
                    self._find((STUDIES, name, "with", *problem.path), problem.message, remedy)
            return None  # what is wrong with the job itself is said there

    def _fits(self, where: KeyPath, stated: _Study, search: Mapping[str, Space], base: Base) -> bool:
        """Whether each value at the ends of what is searched could stand in the job, beside whatever else."""
        below = _values(base, stated.over)
        wrong = (
            (key, tried, problem)
            for key, space in search.items()
            for tried in ends(space)
            for problem in self._problems_at(tuple(key.split(".")), merged(below, nested({key: tried})))
        )
        for key, tried, problem in wrong:
            remedy = what_to_write(problem, below.get("algorithm"), self._model)
            self._find((*where, "search", key), f"{as_json(tried)}: {problem.message}", remedy)
            return False
        return True

    def _problems_at(self, path: KeyPath, values: dict[str, Any]) -> Iterator[Problem]:
        """What is wrong with the value at `path`, whatever stands beside it."""
        try:
            parse_job(values | {"name": "study"}, self._model)
        except InvalidJobError as error:
            if path[0] != "policy" and self._is_well_key_by_key(values):
                return  # values do not go together, of which others may be searched too: a trial may find that
            yield from (each for each in error.problems if each.path[: len(path)] == path)

    def _is_well_key_by_key(self, values: dict[str, Any]) -> bool:
        try:
            job = self._model.model_validate(values | {"name": "study"})
            return bool(job.typed_hyperparameters)
        except (ValidationError, KeyError):
            return False

    def _can_be_told(self, where: KeyPath, stated: _Study, job: Job) -> bool:
        """Whether its trials come to values, before which they can be pruned."""
        if not job.eval.frequency:
            problem = f"its trials go by their evaluations, and the job {stated.job} has none"
            self._find(where, problem, "set eval.frequency there, or below `with:`")
            return False
        warmup = stated.pruner.warmup
        if warmup >= job.total_timesteps and stated.pruner.kind != "none":
            problem = f"{warmup:,} timesteps are no fewer than a trial has, {job.total_timesteps:,}"
            self._find((*where, "pruner", "warmup"), problem, "lower it, or write `pruner: none`")
            return False
        return True


def trial_job(study: found.Study, name: str, parameters: Mapping[str, Any], model: type[Job]) -> dict[str, Any]:
    """The job of a trial in its two forms, as JSON.

    Raises:
        InvalidJobError: its hyperparameters do not go together.
    """
    values = merged(_values(Base(study.entry, study.defaults), study.over), nested(parameters))
    job = parse_job({**values, GROUP: study.name, "name": name}, model)
    return {"full": job.model_dump(mode="json"), "quick": quick_form(job, {}).model_dump(mode="json")}


def _values(base: Base, over: Mapping[str, Any]) -> dict[str, Any]:
    """What a trial states, but for what is searched."""
    values: dict[str, Any] = merged(merged(base.defaults, base.entry), over)
    return {key: value for key, value in values.items() if key != "quick"}


def _remove(values: dict[str, Any], path: list[str]) -> None:
    for key in path[:-1]:
        values = values.get(key) or {}
        if not isinstance(values, dict):
            return
    values.pop(path[-1], None)
