"""A model that a session left, and an environment for it to act in."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.documents.session import CheckpointRecord
from contract.errors import CheckpointError, InputError
from contract.storage import files
from contract.storage.layout import RECORD_MEMBER, STATE_MEMBER
from job.algorithms.off_policy import OffPolicyHyperparameters
from job.model import parse_job, stated_normalization
from trainer.algorithms.model import construct, use_threads
from trainer.checkpoint.resume_state import ResumeState
from trainer.checkpoint.zip_file import load_tensors
from trainer.environments.making import make_acting_envs
from trainer.inference import put_back_what_was_learned

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

    from job.model import Environment, Job
    from runner.acting.order import Order

_ROWS = 2
"""Of the buffers of who only acts."""


@dataclass(frozen=True)
class Agent:
    """What acts, and where.

    Args:
        job: what the model was made by.
        record: what its file says of itself.
        model: with the file's tensors.
        venv: one environment with the job's wrappers, going by what they have learned.
    """

    job: Job
    record: CheckpointRecord
    model: BaseAlgorithm
    venv: VecEnv


def load_agent(order: Order, *, draws: bool = False) -> Agent:
    """Make the model of an order's job, and put the tensors of its file into it.

    No pickle of Stable-Baselines3's is opened. What wrappers have learned is one of ours: it is opened where there are
    any, as by the next session, and only after the digest was compared.

    Args:
        order: which.
        draws: whether the environment is to draw itself.

    Raises:
        RelayError: the file is not what was adopted, or environment or model cannot be made.
    """
    path = Path(order.model)
    content = path.read_bytes()
    if files.sha256_of_bytes(content) != order.sha256:
        raise CheckpointError(path.name, "has another sha256 than when it was adopted", "run the same command again")
    job = parse_job(order.job)
    use_threads(job.threads)
    with zipfile.ZipFile(BytesIO(content)) as packed:
        record = CheckpointRecord.model_validate_json(packed.read(RECORD_MEMBER))
        state = packed.read(STATE_MEMBER) if _learns_outside_of_the_model(job) else None
    venv = _drawing(job.env) if draws else make_acting_envs(job.env)
    model = construct(job, venv, "cpu", _smallest_buffers(job))
    try:
        load_tensors(model, content, ())
    except CheckpointError as error:
        problem = f"does not fit the environment as it is now: {error.problem.partition(': ')[2]}"
        raise CheckpointError(path.name, problem, "change the sources back, or train anew") from error
    model.policy.set_training_mode(mode=False)
    if state is not None:
        _put_back(venv, job.env, ResumeState.from_bytes(state), draws=draws)
    return Agent(job, record, model, venv)


def _learns_outside_of_the_model(job: Job) -> bool:
    env = job.env
    return bool(env.wrappers or env.vec_wrappers) or stated_normalization(env.model_dump(mode="json")) is not None


def _put_back(venv: VecEnv, env: Environment, state: ResumeState, *, draws: bool) -> None:
    """Let wrappers go by what they have learned; an environment that draws is left as it was made.

    The state of a whole environment may say that it does not draw, so another one tells what it holds of wrappers.
    """
    if not (draws and env.wrappers and state.environments):
        put_back_what_was_learned(venv, env, state)
        return
    plain = make_acting_envs(env.model_copy(update={"vectorization": "dummy"}))
    try:
        put_back_what_was_learned(plain, env, state)
        (learned,) = plain.env_method("running_means")
    finally:
        plain.close()
    put_back_what_was_learned(venv, env, replace(state, environments=None))
    venv.env_method("go_by_running_means", learned)


def _smallest_buffers(job: Job) -> dict[str, int]:
    hyperparameters = job.typed_hyperparameters
    if isinstance(hyperparameters, OffPolicyHyperparameters):
        return {"buffer_size": _ROWS}
    known = type(hyperparameters).model_fields
    return {name: _ROWS for name in ("n_steps", "batch_size") if name in known}


def _drawing(env: Environment) -> VecEnv:
    """The environment, made so that it draws itself.

    Raises:
        InputError: it cannot be made at all, or does not draw.
    """
    kwargs: dict[str, Any] = {**env.kwargs, "render_mode": "rgb_array"}
    single = env.model_copy(update={"vectorization": "dummy"})
    try:
        return make_acting_envs(single.model_copy(update={"kwargs": kwargs}))
    except InputError as error:
        make_acting_envs(single).close()  # what cannot be made at all says so itself
        problem = f"draws no pictures: {error.problem}"
        remedy = "let its constructor take render_mode and its render() give an RGB array for rgb_array"
        raise InputError(f"environment {env.id}", problem, remedy) from error
