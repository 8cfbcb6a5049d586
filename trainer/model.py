"""The algorithm of a job, made from its hyperparameters."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import torch

from trainer.errors import InputError
from trainer.schedules import parse_schedule

if TYPE_CHECKING:
    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

    from trainer.job import Job

CLASSES_IN_POLICY_KWARGS = {
    "activation_fn": "torch.nn",
    "optimizer_class": "torch.optim",
    "features_extractor_class": "stable_baselines3.common.torch_layers",
}
"""Where a short name given for one of these `policy_kwargs` is looked up; `module:Name` names any other."""


def make_model(job: Job, env: VecEnv) -> OnPolicyAlgorithm:
    """The untrained algorithm of `job` over `env`, seeded.

    Raises:
        InputError: its constructor refuses the job's hyperparameters.
    """
    arguments = dict(job.hyperparameters)
    for name in job.entry.schedules:
        if isinstance(arguments.get(name), str):
            arguments[name] = parse_schedule(arguments[name])
    if policy_kwargs := arguments.get("policy_kwargs"):
        arguments["policy_kwargs"] = resolve_classes(policy_kwargs)
    try:
        return job.entry.load_class()(job.policy, env, seed=job.seed, device=job.device, **arguments)
    except (TypeError, ValueError, AssertionError, AttributeError) as error:
        subject = f"job {job.name}"
        problem = f"{job.algorithm} refuses its hyperparameters: {error}"
        raise InputError(subject, problem, "correct them in jobs.yaml") from error


def resolve_classes(policy_kwargs: dict[str, Any]) -> dict[str, Any]:
    """`policy_kwargs` with the names of classes replaced by the classes.

    Raises:
        InputError: a name leads to nothing.
    """
    resolved = dict(policy_kwargs)
    for key, default_module in CLASSES_IN_POLICY_KWARGS.items():
        if isinstance(resolved.get(key), str):
            module, _, name = resolved[key].rpartition(":")
            try:
                resolved[key] = getattr(importlib.import_module(module or default_module), name)
            except (ImportError, AttributeError) as error:
                subject = f"hyperparameters.policy_kwargs.{key}"
                raise InputError(subject, f"{resolved[key]!r} leads to no class", "write module:Name") from error
    return resolved


def parameter_shapes(model: OnPolicyAlgorithm) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of the policy, by name."""
    return {name: tuple(tensor.shape) for name, tensor in model.policy.state_dict().items()}


def use_threads(count: int) -> None:
    """Let torch use `count` threads; for small networks one is 2 to 5 times faster than two."""
    torch.set_num_threads(count)
