"""A zoo entry as a job: each of its lines with what it is here, or with why there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from contract.errors import InputError
from job.algorithms.registry import ALGORITHMS
from job.components import CLASS_REFERENCE, VecWrapper, Wrapper
from job.model import JOB_NAME, Environment, Normalization, parse_job
from job.problems import InvalidJobError
from runner.jobs.other_tools import OURS
from runner.jobs.zoo.expressions import parse_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from job.components import Component

ALGORITHMS_OF_ZOO = {**{name.lower(): name for name in ALGORITHMS}, "ppo_lstm": "RecurrentPPO"}
"""What the zoo calls them, which is how its files are called."""
_ZOO = "rl_zoo3"
_AS_TEXT = ("policy_kwargs", "replay_buffer_kwargs", "replay_buffer_class", "normalize", "env_kwargs")
"""The keys whose value may be Python as text."""


class Line(NamedTuple):
    """A line of the entry.

    Args:
        key: of the zoo's.
        here: where the same stands in the job; None where it does not.
        why: why it does not.
    """

    key: str
    here: str | None
    why: str = ""


class Conversion(NamedTuple):
    """A job, by its name, and what became of each line."""

    name: str
    job: dict[str, Any]
    lines: tuple[Line, ...]


def convert(entry: Mapping[str, Any], environment: str, algorithm: str) -> Conversion:
    """The job that trains `environment` as the entry says.

    Args:
        entry: of the zoo's file.
        environment: its id.
        algorithm: as jobs call it.

    Raises:
        InputError: no job can be made of it.
    """
    made = _Job(environment, algorithm)
    lines = [made.take(key, value) for key, value in entry.items()]
    made.normalize_as_the_zoo_does()
    refused = made.without_what_is_refused()
    lines = [Line(line.key, None, refused[line.here]) if line.here in refused else line for line in lines]
    return Conversion(made.name, made.job, tuple(lines))


class _Job:
    """A job that is being made, in the order in which its keys are written."""

    def __init__(self, environment: str, algorithm: str) -> None:
        plain = re.sub(r"[^a-z0-9_-]", "_", environment.rpartition(":")[2].rpartition("/")[2].lower())
        self.name = plain if JOB_NAME.fullmatch(plain) else f"job_{plain}"[:63]
        self._environment: dict[str, Any] = {"id": environment}
        self._hyperparameters: dict[str, Any] = {}
        self.job: dict[str, Any] = {"env": self._environment, "algorithm": algorithm}
        self._known = ALGORITHMS[algorithm].hyperparameters.model_fields
        self._takers: dict[str, Callable[[Any], Line]] = {
            "n_timesteps": lambda value: self._put(self.job, "n_timesteps", "total_timesteps", value),
            "policy": lambda value: self._put(self.job, "policy", "policy", value),
            "n_envs": lambda value: self._put(self._environment, "n_envs", "n_envs", value),
            "frame_stack": lambda value: self._put(self._environment, "frame_stack", "frame_stack", value),
            "env_kwargs": lambda value: self._put(self._environment, "env_kwargs", "kwargs", value),
            "normalize": self._normalize,
            "env_wrapper": lambda value: self._wrap("env_wrapper", "wrappers", Wrapper, value),
            "vec_env_wrapper": lambda value: self._wrap("vec_env_wrapper", "vec_wrappers", VecWrapper, value),
        }

    def take(self, key: str, value: Any) -> Line:
        """Put the value of a line where it belongs."""
        if key in _AS_TEXT and isinstance(value, str):
            try:
                value = parse_value(value)
            except ValueError as error:
                return Line(key, None, str(error))
        if key in self._takers:
            return self._takers[key](value)
        if key == "model_class":
            return Line(key, "algorithm")
        if key in self._known:
            return self._put(self._hyperparameters, key, key, value)
        return Line(key, None, OURS.get(key, f"{self.job['algorithm']} has no such hyperparameter here"))

    def _put(self, section: dict[str, Any], key: str, name: str, value: Any) -> Line:
        section[name] = value
        before = "env." if section is self._environment else ""
        return Line(key, f"{'hyperparameters.' if section is self._hyperparameters else before}{name}")

    def _wrap(self, key: str, name: str, kind: type[Component], value: Any) -> Line:
        wrappers = []
        for each in value if isinstance(value, list) else [value]:
            said, kwargs = next(iter(each.items())) if isinstance(each, dict) and len(each) == 1 else (each, None)
            module, _, short = str(said).rpartition(".")
            if module.partition(".")[0] == _ZOO:
                return Line(key, None, f"no session has {_ZOO}: copy {short} into a folder of the job's sources")
            found = short if kind.homes.get(short) == module else f"{module}:{short}"
            if short not in kind.homes and not CLASS_REFERENCE.fullmatch(found):
                return Line(key, None, OURS[key])
            wrappers.append({found: kwargs} if kwargs else found)
        return self._put(self._environment, key, name, wrappers)

    def _normalize(self, value: Any) -> Line:
        if value is False:
            return Line("normalize", None, "false is what a job has where it says nothing")
        arguments = value if isinstance(value, dict) else {}
        if unknown := sorted(arguments.keys() - Normalization.model_fields.keys()):
            return Line("normalize", None, f"a job's VecNormalize takes no {unknown[0]}")
        self._environment |= {"wrapper": "VecNormalize", "wrapper_kwargs": arguments}
        return Line("normalize", "env.wrapper")

    def normalize_as_the_zoo_does(self) -> None:
        """The zoo normalizes with the discount of the algorithm, where that is set."""
        if "wrapper" in self._environment:
            gamma = {"gamma": self._hyperparameters["gamma"]} if "gamma" in self._hyperparameters else {}
            arguments = self._environment["wrapper_kwargs"] | gamma
            self._environment["wrapper_kwargs"] = arguments
            if not arguments:
                del self._environment["wrapper_kwargs"]

    def without_what_is_refused(self) -> dict[str, str]:
        """Take out of the job what it cannot have, and say why, by where it stood.

        Raises:
            InputError: it lacks what no job is without.
        """
        refused: dict[str, str] = {}
        while True:
            job = self.job | ({"hyperparameters": self._hyperparameters} if self._hyperparameters else {})
            try:
                read = parse_job({**job, "name": self.name})
            except InvalidJobError as error:
                problem = error.problems[0]
                section, place = self._place(problem.path)
                if section is None or place not in section:
                    said = f"{'.'.join(map(str, problem.path))} {problem.message}"
                    raise InputError("the entry", f"makes no job: {said}", "correct it") from None
                refused[".".join(map(str, problem.path[:2]))] = f"is refused here: {problem.message}"
                del section[place]
            else:
                self.job = job | {"total_timesteps": read.total_timesteps}
                return refused

    def _place(self, path: tuple[str | int, ...]) -> tuple[dict[str, Any] | None, str]:
        match path:
            case ("hyperparameters", str(name), *_):
                return self._hyperparameters, name
            case ("env", str(name), *_) if name in Environment.model_fields and name != "id":
                return self._environment, name
        return None, ""
