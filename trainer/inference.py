"""A trained policy for use outside a session."""

from __future__ import annotations

import contextlib
import re
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from contract.documents.session import CheckpointRecord
from contract.errors import InputError, UnavailableError
from contract.storage.layout import RECORD_MEMBER, STATE_MEMBER
from job.algorithms.registry import ALGORITHMS
from job.components import CLASS_REFERENCE
from job.model import Environment, stated_normalization
from trainer.algorithms.compiler import spare_the_compiler
from trainer.checkpoint.resume_state import ResumeState
from trainer.environments.making import make_acting_envs
from trainer.environments.wrapping.states import put_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.running_mean_std import RunningMeanStd
    from stable_baselines3.common.vec_env import VecEnv

Observation = Any
"""An array, or a dictionary of arrays, with one row for each environment."""

_SMALLEST_BUFFER: dict[str, Any] = {
    "buffer_size": 1,
    "n_steps": 1,
    "replay_buffer_class": None,
    "replay_buffer_kwargs": {},
    "optimize_memory_usage": False,
}
"""Who only acts needs no replay buffer, which may take gigabytes, and none that asks for environments."""


def load_for_inference(path: Path) -> tuple[BaseAlgorithm, Callable[[Observation], Observation]]:
    """The model of a checkpoint, and the function that scales observations as it learned them.

    Stable-Baselines3 and this project both unpickle parts of the file, so load only what you trust.

    Args:
        path: a checkpoint, best model or final model.

    Returns:
        The model, for `predict`, and a function from observations of the environment to those that
        the policy expects; without `VecNormalize` it gives them back as they are. Frames are scaled
        before they are stacked. Of the job's other wrappers it does nothing: `make_environment` does all.

    Raises:
        InputError: a module of the user's own that it needs is not on the path.
    """
    record, state = _read(path)
    model = _load_model(path, record, None if state.replay is None else _SMALLEST_BUFFER)
    settings = stated_normalization(record.training["env"])
    if settings is None or not settings["norm_obs"]:
        return model, lambda observation: observation
    statistics = next(each["obs_rms"] for each in state.statistics if "obs_rms" in each)

    def scale(observation: Observation, known: Any = statistics) -> Observation:
        if isinstance(observation, dict):
            return {name: scale(part, known[name]) if name in known else part for name, part in observation.items()}
        return _scaled(observation, known, settings)

    return model, scale


def make_environment(path: Path) -> VecEnv:
    """The environment that the policy of a checkpoint was measured in: one, with the job's wrappers around it.

    It is a vectorised one of Stable-Baselines3, for `model.predict` on what it gives, scaled and stacked as learned.

    Args:
        path: a checkpoint, best model or final model.

    Raises:
        InputError: it cannot be made here, as where a module is not on the path.
    """
    record, state = _read(path)
    env = Environment.model_validate(record.training["env"])
    try:
        venv = make_acting_envs(env)
    except UnavailableError as error:
        problem, remedy = f"{error.subject} {error.problem}", "install it, or put its folder on the path"
        raise InputError(path.name, problem, f"{remedy}, as with PYTHONPATH=FOLDER") from error
    put_back_what_was_learned(venv, env, state)
    return venv


def put_back_what_was_learned(venv: VecEnv, env: Environment, state: ResumeState) -> None:
    """Let the wrappers of one environment go by the running statistics of a checkpoint.

    Args:
        venv: made as `make_acting_envs` makes it.
        env: the `env` block that it was made by.
        state: of the checkpoint.
    """
    put_back(venv, state.statistics)
    if env.wrappers and state.environments:
        venv.env_method("try_restore", state.environments[0])
        (learned,) = venv.env_method("running_means")
        venv.env_method("go_by_running_means", learned)


def _read(path: Path) -> tuple[CheckpointRecord, ResumeState]:
    with zipfile.ZipFile(path) as packed:
        record = CheckpointRecord.model_validate_json(packed.read(RECORD_MEMBER))
        with _naming_modules(path, record):
            return record, ResumeState.from_bytes(packed.read(STATE_MEMBER))


def _load_model(path: Path, record: CheckpointRecord, custom: dict[str, Any] | None) -> BaseAlgorithm:
    spare_the_compiler()  # models are loaded with their optimizers
    with _naming_modules(path, record):
        return ALGORITHMS[record.training["algorithm"]].load_class().load(path, device="cpu", custom_objects=custom)


@contextlib.contextmanager
def _naming_modules(path: Path, record: CheckpointRecord) -> Iterator[None]:
    """Say of a module that is not there which folder to put on the path, and what of the job is in it."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        needs = [each for each in own_classes(record.training) if re.split("[.:]", each)[0] == missing]
        for_what = f", for {' and '.join(needs)}" if needs else ""
        problem = f"needs the module {missing}{for_what}, which is not on this path"
        remedy = f"put the folder that holds {missing} on it, as with PYTHONPATH=FOLDER"
        raise InputError(path.name, problem, remedy) from error


def own_classes(training: dict[str, Any]) -> list[str]:
    """The classes that a job names as `package.module:Name`: its policy, those of its networks, its wrappers."""
    env, policy_kwargs = training["env"], training["hyperparameters"].get("policy_kwargs") or {}
    named = [training["policy"], *policy_kwargs.values()]
    named += [name for key in ("wrappers", "vec_wrappers") for each in env.get(key, ()) for name in each]
    return [each for each in named if isinstance(each, str) and CLASS_REFERENCE.fullmatch(each)]


def _scaled(observation: Observation, known: RunningMeanStd, settings: dict[str, Any]) -> Observation:
    scaled = (observation - known.mean) / np.sqrt(known.var + settings["epsilon"])
    return np.clip(scaled, -settings["clip_obs"], settings["clip_obs"]).astype(np.float32)
