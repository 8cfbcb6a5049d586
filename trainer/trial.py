"""A job tried before anything is spent: its environment and model are made, stepped, saved and loaded.

What is being tried is printed as it begins, so that whoever waits for something that hangs can name it.
"""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from contract import events
from contract.documents.session import Memory, Tried
from contract.errors import InputError, RelayError
from contract.trying import TRYING
from job.algorithms.off_policy import OffPolicyHyperparameters
from trainer.algorithms.model import construct, parameter_shapes
from trainer.algorithms.suitability import MASKING_ALGORITHM, notes_on_images, refuse_unsuitable
from trainer.environments.failures import as_refusal, in_words
from trainer.environments.making import is_native, make_envs_to_check, make_evaluation_envs, make_training_envs
from trainer.environments.self_check import once
from trainer.environments.spaces import describe_space
from trainer.own_callbacks import OwnCallbacks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

    from job.model import Job

STEPS = 4
_KEYS = ("env.", "callbacks.", "policy", "hyperparameters.")
"""What begins a sentence about a key of the job, which says not whose."""
_ROWS = 2
"""Of the buffers that are made for a trial."""
_COPIES_OF_WEIGHTS = 4
"""The weights, their gradients, and the two averages that Adam keeps."""


def try_job(job: Job) -> Tried:
    """What a session of `job` would find, and what it would need.

    Raises:
        InputError: no session of it could train: the sentence says what is wrong and what to do.
    """
    try:
        return _try(job)
    except InputError as error:
        if not error.subject.startswith(_KEYS):
            raise
        raise type(error)(f"job {job.name}, {error.subject}", error.problem, error.remedy) from error


def _try(job: Job) -> Tried:
    small = _smaller(job)
    _begin("the import of its module")
    is_native(job.env)
    _begin("its constructor")
    venv = make_training_envs(small)
    try:
        _refuse_a_window(job, venv)
        refuse_unsuitable(job, venv)
        on_images = tuple(notes_on_images(job, venv))
        _begin("the making of the model")
        warnings.simplefilter("ignore")  # Stable-Baselines3's on the sizes of buffers, which are the trial's
        model = construct(job, venv, "cpu", _small_buffers(job, venv))
        _step(job, model, venv)
        OwnCallbacks(job).init_callback(model)
        _save_and_load(job, model, venv)
        trial = Tried(
            observation_space=describe_space(model.observation_space),
            action_space=describe_space(model.action_space),
            parameters=parameter_shapes(model),
            memory=_memory(job, model, venv),
        )
        if job.eval.frequency and job.env.vectorization != "subproc":
            _begin("its second construction, for the evaluation")
            with _closed(job, make_evaluation_envs(small)):
                pass
    except BaseException:
        venv.close()
        raise
    with _closed(job, venv):
        pass
    return trial.model_copy(update={"notes": (*on_images, *_notes(job))})


def _smaller(job: Job) -> Job:
    """As few environments as show what may be wrong, in this process: two where several stand beside each other."""
    if is_native_form(job):
        return job
    count = 1 if job.env.vectorization == "subproc" else min(2, job.env.n_envs)
    return job.model_copy(update={"env": job.env.model_copy(update={"n_envs": count, "vectorization": "dummy"})})


def is_native_form(job: Job) -> bool:
    """Whether the job's environments step as one; where the id is unknown, that is said later and better."""
    try:
        return is_native(job.env)
    except InputError:
        return False


def _begin(what: str) -> None:
    events.emit(TRYING, what=what)


@contextmanager
def _telling(job: Job, what: str) -> Iterator[None]:
    """Name what is tried, and what of the environment's raises meanwhile."""
    _begin(what)
    try:
        yield
    except RelayError:
        raise
    except Exception as error:  # anything may come out of a user's environment
        raise as_refusal(job.env.id, f"{what} fails", error, "correct the environment") from error


@contextmanager
def _closed(job: Job, venv: VecEnv) -> Iterator[None]:
    yield
    with _telling(job, "its close()"):
        venv.close()


def _refuse_a_window(job: Job, venv: VecEnv) -> None:
    modes = venv.get_attr("render_mode") if venv.has_attr("render_mode") else []
    if "human" in (job.env.kwargs.get("render_mode"), *modes):
        problem = "opens a window for each session and waits for it at each step (render_mode: human)"
        raise InputError(f"environment {job.env.id}", problem, "remove render_mode from env.kwargs")


def _small_buffers(job: Job, venv: VecEnv) -> dict[str, int]:
    """Hyperparameters by which the buffers take next to nothing; what they would take follows from a row."""
    hyperparameters = job.typed_hyperparameters
    if isinstance(hyperparameters, OffPolicyHyperparameters):
        return {"buffer_size": _ROWS * venv.num_envs}
    return {"n_steps": _ROWS} if "n_steps" in type(hyperparameters).model_fields else {}


def _step(job: Job, model: BaseAlgorithm, venv: VecEnv) -> None:
    arguments: dict[str, Any] = {}
    with _telling(job, "its reset()"):
        seen: Any = venv.reset()
    for _ in range(STEPS):
        if job.algorithm == MASKING_ALGORITHM:
            with _telling(job, "its action_masks()"):
                arguments["action_masks"] = np.stack(venv.env_method("action_masks"))
        with _telling(job, "the policy's choice of an action"):
            actions, _ = model.predict(seen, **arguments)
        with _telling(job, "its step()"):
            seen, *_ = venv.step(actions)


def _save_and_load(job: Job, model: BaseAlgorithm, venv: VecEnv) -> None:
    _begin("the saving and loading of the model")
    try:
        saved = io.BytesIO()
        model.save(saved)
        saved.seek(0)
        type(model).load(saved, env=venv, device="cpu")
    except Exception as error:
        problem = f"{job.algorithm} cannot be saved and loaded again: {in_words(error)}"
        raise InputError(f"job {job.name}", problem, "correct policy_kwargs") from error


def _memory(job: Job, model: BaseAlgorithm, venv: VecEnv) -> Memory:
    """What full buffers take: as many rows as the job asks for, each as large as those that were made."""
    hyperparameters, n_envs = job.typed_hyperparameters, job.env.n_envs
    replay = rollout = 0.0
    if isinstance(hyperparameters, OffPolicyHyperparameters):
        rows = max(hyperparameters.capacity() // n_envs, 1)
        replay = _bytes_of_arrays(getattr(model, "replay_buffer", None)) / venv.num_envs * n_envs / _ROWS * rows
    else:
        transitions = hyperparameters.rollout_timesteps(n_envs)
        rollout = _bytes_of_arrays(getattr(model, "rollout_buffer", None)) / (venv.num_envs * _ROWS) * transitions
    weights = sum(each.nbytes for each in model.policy.state_dict().values())
    return Memory(replay=int(replay), rollout=int(rollout), networks=_COPIES_OF_WEIGHTS * weights)


def _bytes_of_arrays(buffer: object) -> int:
    arrays = vars(buffer).values() if buffer is not None else ()
    each = [part for array in arrays for part in (array.values() if isinstance(array, dict) else (array,))]
    return sum(array.nbytes for array in each if isinstance(array, np.ndarray))


def _notes(job: Job) -> Iterator[str]:
    """What the session's check before the training will come upon: it makes one more, after this one was closed."""
    if job.env.vectorization == "subproc":
        return
    _begin("its construction after the first one was closed, for the check before the training")
    try:
        again = make_envs_to_check(job, "state")
    except InputError as error:
        yield f"{once(job.env.id, error)}: it is trained without, and its resume is approximate"
        return
    with _closed(job, again):
        pass
