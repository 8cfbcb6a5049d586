"""The model of a job: what to train, and until when."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from trainer.algorithms.registry import ALGORITHMS, Algorithm

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from trainer.algorithms.hyperparameters import OnPolicyHyperparameters

JOB_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
DEFAULT_SESSION_LIMIT = "8h45m"
"""Kaggle ends a session after 9 to 12 hours and throws its output away; this leaves a margin."""

SAVE_FREQUENCIES = ((5_000, 100), (20_000, 500), (100_000, 1_000))
SAVE_FREQUENCY_OF_LONG_RUNS = 10_000

_DURATION = re.compile(r"(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s)?")


def parse_duration(value: object) -> float:
    """Seconds of a duration such as `8h45m`, `90s` or a plain number of seconds.

    Raises:
        ValueError: it is not a duration, or not a positive one.
    """
    if isinstance(value, str) and value and (match := _DURATION.fullmatch(value.replace(" ", ""))):
        hours, minutes, seconds = (int(part or 0) for part in match.group("h", "m", "s"))
        value = 3600 * hours + 60 * minutes + seconds
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"{value!r} is not a duration: write 8h45m, 90s or a number of seconds")
    return float(value)


def _whole_number(value: object) -> object:
    """Let `1e6` stand for 1,000,000, which YAML reads as a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _environment_id(value: str) -> str:
    if not re.fullmatch(r"(?:[\w.]+:)?(?:[\w-]+/)?[\w.-]+", value):
        raise ValueError(f"{value!r} is not an environment: write CartPole-v1, or my_package.envs:MyEnv-v0")
    return value


Timesteps = Annotated[int, BeforeValidator(_whole_number), Field(gt=0, strict=True)]
Count = Annotated[int, BeforeValidator(_whole_number), Field(gt=0, strict=True)]
Duration = Annotated[float, BeforeValidator(parse_duration)]


class Section(BaseModel):
    """A block of a job: an unknown key is an error, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Normalization(Section):
    """Arguments of Stable-Baselines3's `VecNormalize` (running means and variances)."""

    norm_obs: bool = True
    norm_reward: bool = True
    clip_obs: Annotated[float, Field(gt=0)] = 10.0
    clip_reward: Annotated[float, Field(gt=0)] = 10.0
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.99
    epsilon: Annotated[float, Field(gt=0)] = 1e-8


class Environment(Section):
    """What the agent acts in.

    `vectorization` is how `n_envs` copies run: `dummy` one after the other, `subproc` in a process
    each, `native` in the environment's own vectorised form, `auto` native where there is one and
    dummy elsewhere.
    """

    id: Annotated[str, AfterValidator(_environment_id)]
    kwargs: dict[str, Any] = {}
    n_envs: Count = 1
    vectorization: Literal["auto", "dummy", "subproc", "native"] = "auto"
    wrapper: Literal["VecNormalize"] | None = None
    wrapper_kwargs: Normalization = Normalization()

    @model_validator(mode="after")
    def _arguments_have_a_wrapper(self) -> Self:
        if self.wrapper is None and self.wrapper_kwargs != Normalization():
            raise ValueError("wrapper_kwargs without a wrapper: add `wrapper: VecNormalize`")
        return self


class Evaluation(Section):
    """How often the policy is measured to find the best one; `frequency` in timesteps, 0 for never."""

    frequency: Annotated[int, BeforeValidator(_whole_number), Field(ge=0, strict=True)] = 0
    episodes: Count = 5


class Validation(Section):
    """The rules by which downloaded artifacts are judged."""

    max_checkpoint_bytes: Count = 4 << 30
    max_artifact_files: Count = 10_000


class Job(Section):
    """A job as a session runs it: an entry of jobs.yaml with its `quick` block applied or dropped."""

    name: Annotated[str, Field(pattern=rf"^{JOB_NAME.pattern}$")]
    env: Environment
    algorithm: str
    policy: str = "MlpPolicy"
    hyperparameters: dict[str, Any] = {}
    total_timesteps: Timesteps
    save_freq: Literal["auto"] | Timesteps = "auto"
    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)] = 0
    eval: Evaluation = Evaluation()
    session_limit: Duration = Field(default_factory=lambda: parse_duration(DEFAULT_SESSION_LIMIT))
    max_sessions: Count = 100
    backend: str = "local"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Count = 1
    sources: tuple[str, ...] = ()
    validation: Validation = Validation()

    @property
    def entry(self) -> Algorithm:
        """The registry entry of the job's algorithm."""
        return ALGORITHMS[self.algorithm]

    @property
    def typed_hyperparameters(self) -> OnPolicyHyperparameters:
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
        """What decides the weights at a given timestep, as JSON.

        The goal is left out: a longer run goes on from a shorter one. So is what only says how
        often to save, how long a session may last, where it runs and how it is judged.
        """
        return self.model_dump(mode="json", include=set(TRAINING_INPUTS))


TRAINING_INPUTS = ("env", "algorithm", "policy", "hyperparameters", "seed", "device", "threads")


class Problem(NamedTuple):
    """Something wrong in a job.

    Args:
        path: the keys that lead to it, outermost first.
        message: what is wrong, as half a sentence.
        known: where a name is unknown, the names that would do.
    """

    path: tuple[str | int, ...]
    message: str
    known: tuple[str, ...] = ()


class InvalidJobError(ValueError):
    """A job that cannot be: `problems` holds everything found, at least one."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{'.'.join(map(str, each.path))}: {each.message}" for each in problems))


def parse_job(values: dict[str, Any]) -> Job:
    """The job that `values` (plain JSON or YAML data, with its `name`) describes.

    Raises:
        InvalidJobError: unknown keys, wrong types, unknown names or impossible values.
    """
    try:
        job = Job.model_validate(values)
    except ValidationError as error:
        raise InvalidJobError(_problems(error, Job)) from None
    entry = ALGORITHMS.get(job.algorithm)
    if entry is None:
        raise InvalidJobError([Problem(("algorithm",), f"unknown algorithm {job.algorithm!r}", tuple(ALGORITHMS))])
    if job.policy not in entry.policies:
        message = f"{entry.name} has no policy {job.policy!r}"
        raise InvalidJobError([Problem(("policy",), message, entry.policies)])
    try:
        entry.hyperparameters.model_validate(job.hyperparameters)
    except ValidationError as error:
        raise InvalidJobError(_problems(error, entry.hyperparameters, ("hyperparameters",))) from None
    return job


def _problems(error: ValidationError, model: type[BaseModel], prefix: tuple[str | int, ...] = ()) -> list[Problem]:
    return [_problem(details, model, prefix) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, model: type[BaseModel], prefix: tuple[str | int, ...]) -> Problem:
    location = details["loc"]
    if details["type"] == "extra_forbidden":
        known = tuple(_model_at(model, location[:-1]).model_fields)
        return Problem((*prefix, *location), "unknown key", known)
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "missing":
        message = "is missing"
    elif details["type"] != "value_error":
        message = f"{message[0].lower()}{message[1:]}, found {details['input']!r}"
    return Problem((*prefix, *location), message)


def _model_at(model: type[BaseModel], path: tuple[str | int, ...]) -> type[BaseModel]:
    for key in path:
        field = model.model_fields.get(str(key))
        if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            model = field.annotation
    return model
