"""The algorithm of a job, made from its hyperparameters."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from stable_baselines3.common.noise import ActionNoise, NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

from contract.errors import InputError
from job.schedules import parse_schedule
from trainer.algorithms.compiler import spare_the_compiler
from trainer.algorithms.suitability import refuse_unsuitable
from trainer.named_classes import find_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

    from job.model import Job

CLASSES_IN_POLICY_KWARGS = {
    "activation_fn": "torch.nn",
    "optimizer_class": "torch.optim",
    "features_extractor_class": "stable_baselines3.common.torch_layers",
}
"""Where a short name given for one of these `policy_kwargs` is looked up; `module:Name` names any other."""


NOISES: dict[str, type[NormalActionNoise | OrnsteinUhlenbeckActionNoise]] = {
    "normal": NormalActionNoise,
    "ornstein-uhlenbeck": OrnsteinUhlenbeckActionNoise,
}
"""What `noise_type` names."""


def make_model(job: Job, env: VecEnv, device: str | None = None) -> BaseAlgorithm:
    """The untrained algorithm of `job` over `env`, seeded.

    Args:
        job: what is trained.
        env: what it acts in.
        device: `cpu` or `cuda`, known to compute; what the job asks for, as far as it is there, if not given.

    Raises:
        InputError: it cannot learn in `env`, or its constructor refuses the job's hyperparameters.
    """
    refuse_unsuitable(job, env)
    return construct(job, env, device or job.device, {})


def construct(job: Job, env: VecEnv, device: str, sizes: Mapping[str, int]) -> BaseAlgorithm:
    """The untrained algorithm of `job` over `env`, which suits it.

    Args:
        job: what is trained.
        env: what it acts in.
        device: where its tensors lie.
        sizes: hyperparameters that are to be other than the job's, such as a small `buffer_size`.

    Raises:
        InputError: its constructor refuses the job's hyperparameters, or the memory is not there.
    """
    spare_the_compiler()
    arguments = constructor_arguments(job, env.action_space.shape or ()) | dict(sizes)
    try:
        return job.entry.load_class()(resolve_policy(job), env, seed=job.seed, device=device, **arguments)
    except torch.OutOfMemoryError:  # of the GPU, where it is said
        raise
    except MemoryError as error:
        problem = f"{job.algorithm} needs more memory than there is: {' '.join(str(error).split())}"
        raise InputError(f"job {job.name}", problem, "make its buffer or its network smaller") from error
    except (TypeError, ValueError, AssertionError, AttributeError, LookupError, RuntimeError) as error:
        subject = f"job {job.name}"
        problem = f"{job.algorithm} refuses its hyperparameters: {' '.join(str(error).split())}"
        raise InputError(subject, problem, "correct them in jobs.yaml") from error


def resolve_policy(job: Job) -> str | type[BasePolicy]:
    """The job's policy as the constructor takes it: a name that the algorithm knows, or a class of the user's own.

    Raises:
        InputError: it is neither.
    """
    if job.policy in job.entry.policies:
        return job.policy
    found = find_class("policy", job.policy)
    if not (isinstance(found, type) and issubclass(found, BasePolicy)):
        remedy = "derive it from a policy of Stable-Baselines3, such as ActorCriticPolicy for PPO"
        raise InputError("policy", f"{job.policy} is not a policy", remedy)
    return found


def constructor_arguments(job: Job, shape_of_actions: tuple[int, ...]) -> dict[str, Any]:
    """The job's hyperparameters as the constructor of its algorithm takes them.

    Args:
        job: what is trained.
        shape_of_actions: of the environment's action space.

    Raises:
        InputError: the name of a class leads to nothing.
    """
    arguments = copy.deepcopy(job.hyperparameters)  # constructors write into the mappings that they are given
    for name in job.entry.schedules:
        if isinstance(arguments.get(name), str):
            arguments[name] = parse_schedule(arguments[name])
    if policy_kwargs := arguments.get("policy_kwargs"):
        arguments["policy_kwargs"] = resolve_classes(policy_kwargs)
    if isinstance(arguments.get("train_freq"), list):
        arguments["train_freq"] = tuple(arguments["train_freq"])
    if "replay_buffer_class" in arguments:
        arguments["replay_buffer_class"] = HerReplayBuffer
    if "noise_type" in arguments:
        kind, size = NOISES[arguments.pop("noise_type")], arguments.pop("noise_std")
        arguments["action_noise"] = make_noise(kind, size, shape_of_actions)
    return arguments


def make_noise(
    kind: type[NormalActionNoise | OrnsteinUhlenbeckActionNoise], size: float, shape: tuple[int, ...]
) -> ActionNoise:
    """Noise around zero for actions of that shape, `size` (a standard deviation) in units of the scaled action."""
    return kind(mean=np.zeros(shape), sigma=np.full(shape, size))


def resolve_classes(policy_kwargs: dict[str, Any]) -> dict[str, Any]:
    """`policy_kwargs` with the names of classes replaced by the classes.

    Raises:
        InputError: a name leads to nothing.
    """
    resolved = dict(policy_kwargs)
    for key, default_module in CLASSES_IN_POLICY_KWARGS.items():
        if isinstance(resolved.get(key), str):
            reference = resolved[key] if ":" in resolved[key] else f"{default_module}:{resolved[key]}"
            resolved[key] = find_class(f"hyperparameters.policy_kwargs.{key}", reference)
    return resolved


def parameter_shapes(model: BaseAlgorithm) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of the policy, by name."""
    return {name: tuple(tensor.shape) for name, tensor in model.policy.state_dict().items()}


def use_threads(count: int) -> None:
    """Let torch use `count` threads; for small networks one is 2 to 5 times faster than two."""
    torch.set_num_threads(count)
