"""The model of a job: what to train, and until when."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, overload

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from contract.identity import training_inputs
from job.algorithms.hyperparameters import Count, Fraction, whole_number
from job.algorithms.registry import ALGORITHMS, Algorithm
from job.brought import Packages, Sources
from job.components import (
    CLASS_REFERENCE,
    STOPS_BY_EVALUATION,
    VEC_FRAME_STACK,
    VEC_NORMALIZE,
    Callbacks,
    VecWrappers,
    Wrappers,
)
from job.computing import Cores, Determinism
from job.notation import parse_duration, parse_size
from job.problems import InvalidJobError, Problem, as_json, collect_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from job.algorithms.hyperparameters import Hyperparameters

JOB_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
DEFAULT_SESSION_LIMIT = "8h45m"
"""Kaggle ends a session after 9 to 12 hours and throws its output away; this leaves a margin."""
DEFAULT_PATIENCE = "15m"
"""For how long a session may show no sign of life before it counts as hung."""
DEFAULT_TRIAL_LIMIT = "2m"
"""How long a trial of the job may take, the import of torch included."""

SAVE_FREQUENCIES = ((5_000, 100), (20_000, 500), (100_000, 1_000))
SAVE_FREQUENCY_OF_LONG_RUNS = 10_000

_ENVIRONMENT_ID = re.compile(r"(?:[^\W\d]\w*(?:\.[^\W\d]\w*)*:)?(?:[\w-]+/)*[\w.-]*\w")


def _environment_id(value: str) -> str:
    if not _ENVIRONMENT_ID.fullmatch(value):
        raise ValueError("must be the id of an environment, such as CartPole-v1 or my_package.envs:MyEnv-v0")
    return value


def _save_frequency(value: object) -> object:
    value = whole_number(value)
    if value != "auto" and (isinstance(value, bool) or not isinstance(value, int) or value <= 0):
        raise ValueError("must be auto, or a whole number of timesteps above 0")
    return value


Duration = Annotated[float, BeforeValidator(parse_duration)]
Size = Annotated[int, BeforeValidator(parse_size)]
Positive = Annotated[float, Field(gt=0)]


def _is_empty(value: tuple[object, ...]) -> bool:
    """Whether a list holds nothing: a job without it is the same job as before there was such a list."""
    return not value


class Section(BaseModel):
    """A block of a job: an unknown key is an error, null means the default, nothing changes once read."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _null_is_the_default(cls, values: Any) -> Any:
        return {key: each for key, each in values.items() if each is not None} if isinstance(values, dict) else values


class Normalization(Section):
    """Arguments of Stable-Baselines3's `VecNormalize` (running means and variances)."""

    norm_obs: bool = True
    norm_reward: bool = True
    clip_obs: Positive = 10.0
    clip_reward: Positive = 10.0
    gamma: Fraction = 0.99
    epsilon: Positive = 1e-8


class Environment(Section):
    """What the agent acts in.

    `vectorization` is how `n_envs` copies run: `dummy` one after the other, `subproc` in a process
    each, `native` in the environment's own vectorised form, `auto` native where there is one and
    dummy elsewhere. `frame_stack` is how many of the latest observations the agent sees as one; a
    job without it is the same job as before there was one. `wrappers` stand around each single environment,
    the first innermost; `vec_wrappers` around all of them, outside of the former keys'. `check` is whether
    what the environments give is looked at in each step.
    """

    id: Annotated[str, AfterValidator(_environment_id)]
    kwargs: dict[str, Any] = {}
    n_envs: Cores = 1
    vectorization: Literal["auto", "dummy", "subproc", "native"] = "auto"
    wrapper: Literal["VecNormalize"] | None = None
    wrapper_kwargs: Normalization = Normalization()
    frame_stack: Annotated[Count, Field(gt=1)] | None = Field(default=None, exclude_if=lambda value: value is None)
    wrappers: Wrappers = Field(default=(), exclude_if=_is_empty)
    vec_wrappers: VecWrappers = Field(default=(), exclude_if=_is_empty)
    check: bool = Field(default=True, exclude_if=lambda value: value is True)


def stated_normalization(env: Mapping[str, Any]) -> dict[str, Any] | None:
    """How the VecNormalize of an `env` block (as JSON) scales, whichever key names one; None where none does."""
    if env["wrapper"] is not None:
        return dict(env["wrapper_kwargs"])
    named: list[dict[str, Any]] = [each[VEC_NORMALIZE] for each in env.get("vec_wrappers", ()) if VEC_NORMALIZE in each]
    return Normalization().model_dump() | named[0] if named else None


class Evaluation(Section):
    """How often the policy is measured to find the best one; `frequency` in timesteps, 0 for never."""

    frequency: Annotated[int, BeforeValidator(whole_number), Field(ge=0, le=10**15)] = 0
    episodes: Count = 5


class Validation(Section):
    """The rules by which downloaded artifacts are judged."""

    max_checkpoint_bytes: Count = 4 << 30
    max_replay_bytes: Count = 64 << 30
    max_artifact_files: Count = 10_000


class Job(Section):
    """A job as a session runs it: an entry of jobs.yaml with its `quick` block applied or dropped.

    Where a session runs has sections of its own in jobs.yaml, which belong to the backends (`runner.jobs.sections`).
    """

    name: Annotated[str, Field(pattern=rf"^{JOB_NAME.pattern}$")]
    env: Environment
    algorithm: str
    policy: str = "MlpPolicy"
    hyperparameters: dict[str, Any] = {}
    total_timesteps: Count
    save_freq: Annotated[Literal["auto"] | int, BeforeValidator(_save_frequency)] = "auto"
    seed: Annotated[int, BeforeValidator(whole_number), Field(ge=0, lt=2**32)] = 0
    eval: Evaluation = Evaluation()
    callbacks: Callbacks = Field(default=(), exclude_if=_is_empty)
    session_limit: Duration = Field(default_factory=lambda: parse_duration(DEFAULT_SESSION_LIMIT))
    patience: Duration = Field(default_factory=lambda: parse_duration(DEFAULT_PATIENCE))
    trial_limit: Duration = Field(default_factory=lambda: parse_duration(DEFAULT_TRIAL_LIMIT))
    max_sessions: Count = 100
    backend: str = "local"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    deterministic: Determinism = "auto"
    threads: Cores = 1
    internet: bool = False
    sources: Sources = ()
    packages: Packages = ()
    validation: Validation = Validation()

    @property
    def entry(self) -> Algorithm:
        """The registry entry of the job's algorithm."""
        return ALGORITHMS[self.algorithm]

    @property
    def typed_hyperparameters(self) -> Hyperparameters:
        """`hyperparameters` as the model of the job's algorithm."""
        return self.entry.hyperparameters.model_validate(self.hyperparameters)

    @property
    def rollout_timesteps(self) -> int:
        """Timesteps between two updates, over all parallel environments."""
        return self.typed_hyperparameters.rollout_timesteps(self.env.n_envs)

    @property
    def save_frequency(self) -> int:
        """Timesteps between two checkpoints, with `auto` worked out from the goal."""
        if self.save_freq != "auto":
            return self.save_freq
        for below, frequency in SAVE_FREQUENCIES:
            if self.total_timesteps < below:
                return frequency
        return SAVE_FREQUENCY_OF_LONG_RUNS

    def training_inputs(self) -> dict[str, Any]:
        """What decides the weights at a given timestep, as JSON (see `contract.identity`)."""
        return training_inputs(self.model_dump(mode="json"))


AnyJob = TypeVar("AnyJob", bound=Job)


def session_part(job: Mapping[str, Any]) -> dict[str, Any]:
    """What a session reads of a job (as JSON): all but the sections of backends."""
    return {name: value for name, value in job.items() if name in Job.model_fields}


@overload
def parse_job(values: dict[str, Any]) -> Job: ...


@overload
def parse_job(values: dict[str, Any], model: type[AnyJob]) -> AnyJob: ...


def parse_job(values: dict[str, Any], model: type[Job] = Job) -> Job:
    """The job that `values` (plain JSON or YAML data, with its `name`) describes.

    Its `hyperparameters` hold what was set, in the type that the algorithm wants: `1e3` and 1000 are one job.

    Args:
        values: the job.
        model: what it is read by: a job, or a job with further sections.

    Raises:
        InvalidJobError: unknown keys, wrong types, unknown names or impossible values.
    """
    problems: list[Problem] = []
    try:
        job = model.model_validate(values)
    except ValidationError as error:
        problems = collect_problems(error)
    if isinstance(values, dict):
        problems += _problems_of_algorithm(values)
    if problems:
        raise InvalidJobError(problems)
    typed = job.typed_hyperparameters
    problems = [Problem(("hyperparameters", *path), each) for path, each in typed.conflicts(job.env.n_envs, job.policy)]
    problems += _conflicts(job)
    if problems:
        raise InvalidJobError(problems)
    return job.model_copy(update={"hyperparameters": typed.arguments()})


def _conflicts(job: Job) -> Iterator[Problem]:
    """What is fine alone but not beside something else."""
    env, vectorized = job.env, [each.name for each in job.env.vec_wrappers]
    if env.wrapper is None and env.wrapper_kwargs != Normalization():
        yield Problem(
            ("env", "wrapper_kwargs"), "is set, but there is no wrapper", remedy="add `wrapper: VecNormalize`"
        )
    if env.wrappers and env.vectorization == "native":
        message = "stand around single environments, which the native form has not"
        yield Problem(("env", "wrappers"), message, remedy="write `vectorization: auto`, or wrap all in vec_wrappers")
    for name, key in ((VEC_NORMALIZE, "wrapper"), (VEC_FRAME_STACK, "frame_stack")):
        if getattr(env, key) is not None and name in vectorized:
            yield Problem(("env", key), f"stands beside {name} in vec_wrappers", remedy="keep one of the two")
    for index, name in enumerate(vectorized):
        if vectorized.index(name) < index:
            yield Problem(("env", "vec_wrappers", index), f"{name} stands there twice", remedy="remove one")
    for index, callback in enumerate(job.callbacks):
        if callback.name in STOPS_BY_EVALUATION and not job.eval.frequency:
            message = f"{callback.name} goes by the job's evaluations, and there are none"
            yield Problem(("callbacks", index), message, remedy="set eval.frequency")


def _problems_of_algorithm(values: dict[str, Any]) -> list[Problem]:
    """What the job asks of its algorithm in vain; what has the wrong type is reported elsewhere."""
    name, policy, hyperparameters = (values.get(key) for key in ("algorithm", "policy", "hyperparameters"))
    policy = Job.model_fields["policy"].default if policy is None else policy
    if not isinstance(name, str):
        return []
    if name not in ALGORITHMS:
        return [Problem(("algorithm",), f"unknown algorithm {as_json(name)}", name, tuple(ALGORITHMS))]
    entry = ALGORITHMS[name]
    problems = []
    if isinstance(policy, str) and policy not in entry.policies and not CLASS_REFERENCE.fullmatch(policy):
        problems.append(Problem(("policy",), f"{name} has no policy {as_json(policy)}", policy, entry.policies))
    if isinstance(hyperparameters, dict):
        try:
            entry.hyperparameters.model_validate(hyperparameters)
        except ValidationError as error:
            problems += collect_problems(error, "hyperparameters")
    return problems
