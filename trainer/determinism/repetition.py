"""Whether a few updates of a job's own model come to the same bits twice, measured on the device before the training.

The models are made for that alone, in pretended environments, and thrown away: the training finds every weight,
generator and environment as it would have without.
"""

from __future__ import annotations

import gc
import math
from typing import TYPE_CHECKING, Any

import torch

from contract.errors import RelayError
from job.algorithms.off_policy import OffPolicyHyperparameters
from trainer.algorithms.model import construct
from trainer.determinism.pretended import STEPS_OF_AN_EPISODE, Pretended
from trainer.generators import as_bits, preserved_generators

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

    from job.model import Job

UPDATES = 4
_ROWS = 64
"""Of the replay buffer, which holds some episodes."""

Bits = dict[str, Any]


def why_it_differs(job: Job, like: VecEnv, device: str) -> str | None:
    """Why going on cannot be exact on the device: what differed between two equal updates; None where nothing did.

    Args:
        job: whose model is made.
        like: its environments, which are not touched.
        device: where it is made.

    Raises:
        RelayError: it cannot be made there.
        OutOfMemoryError: the GPU has no room for it.
        RuntimeError: an operation has no deterministic form, and none other is allowed.
    """
    with preserved_generators():
        try:
            first, second = (_updated(job, like, device) for _ in range(2))
        except (RelayError, RuntimeError):
            raise
        except Exception as error:  # noqa: BLE001 - a policy of the user's may ask anything of its environments
            raised = f"{type(error).__name__}: {' '.join(str(error).split())}"
            return f"whether the GPU computes the same twice could not be measured before the training ({raised})"
        finally:
            gc.collect()
            if device != "cpu":
                torch.cuda.empty_cache()
    where = first_difference(first, second)
    return None if where is None else f"two equal updates gave different bits before the training (in {where})"


def first_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """The name of the first part whose bits differ, None where they are the same."""
    return next((name for name in sorted({*one, *other}) if one.get(name) != other.get(name)), None)


def _updated(job: Job, like: VecEnv, device: str) -> Bits:
    """The bits of a fresh model of the job after a few updates."""
    sizes, timesteps = course(job)
    model = construct(job, Pretended(like, job.seed), device, sizes)
    model.learn(timesteps)
    return copy_bits(model)


def course(job: Job) -> tuple[dict[str, int], int]:
    """The hyperparameters by which updates as large as the job's come soon, and the timesteps to a few of them."""
    hyperparameters, count = job.typed_hyperparameters, job.env.n_envs
    fields = type(hyperparameters).model_fields
    if isinstance(hyperparameters, OffPolicyHyperparameters):
        starts, frequency = 2 * STEPS_OF_AN_EPISODE, UPDATES
        sizes = {"buffer_size": _ROWS * count, "learning_starts": starts * count}
        sizes |= {"train_freq": frequency, "gradient_steps": UPDATES}
        return sizes, (starts + 3 * frequency) * count
    if "n_steps" not in fields:
        return {}, 1
    sizes = {"n_epochs": 2} if "n_epochs" in fields else {}
    rollout = hyperparameters.rollout_timesteps(count)
    batch = getattr(hyperparameters, "batch_size", None) or getattr(type(hyperparameters), "default_batch_size", None)
    if batch is not None:
        rollout = min(rollout, count * math.ceil(2 * batch / count))
        sizes["n_steps"] = rollout // count
    return sizes, 2 * rollout


def copy_bits(model: BaseAlgorithm) -> Bits:
    """Every tensor of a model, of its optimizers too, by name."""
    found: Bits = {}
    for part, state in model.get_parameters().items():
        _collect(part, state, found)
    _, variables = model._get_torch_save_params()  # noqa: SLF001 - what SB3 saves beside
    for name in variables:
        owner: Any = model
        for step in name.split("."):
            owner = getattr(owner, step)
        _collect(name, owner, found)
    return found


def _collect(name: str, value: Any, found: Bits) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            _collect(f"{name}.{key}", each, found)
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            _collect(f"{name}.{number}", each, found)
    else:
        found[name] = as_bits(value)
