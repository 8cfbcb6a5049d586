"""What a registry entry says of an algorithm is true of the installed one."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer, RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise

from job.algorithms.registry import ALGORITHMS, Algorithm

ACTIONS: dict[str, gym.Space[Any]] = {
    "Box": spaces.Box(-1, 1, (2,), np.float32),
    "Discrete": spaces.Discrete(3),
    "MultiDiscrete": spaces.MultiDiscrete([2, 3]),
    "MultiBinary": spaces.MultiBinary(3),
}
APART = {"env", "action_space", "_logger"}
"""What a checkpoint holds in other ways (the action space by its generator), or what every session makes anew."""
OF_EACH_LEARN = {"start_time", "_num_timesteps_at_start", "_total_timesteps"}
COMPUTED = {"ARS": {"_current_progress_remaining"}}
"""What follows from the timesteps before anything depends on it."""
FIXED_TEMPERATURE = {"SAC", "TQC", "CrossQ"}
FEWEST_TIMESTEPS, FEWEST_ROLLOUTS = 60, 6
"""The former fill a replay buffer; where a rollout is some episodes, how many it takes is up to their lengths."""
each_algorithm = pytest.mark.parametrize("entry", ALGORITHMS.values(), ids=ALGORITHMS)


class Walk(gym.Env[Any, Any]):
    """A walk under any action, of which the odd ones are not valid."""

    observation_space = spaces.Box(-10, 10, (2,), np.float32)

    def __init__(self, actions: str) -> None:
        self.action_space = ACTIONS[actions]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return self.np_random.normal(size=2).astype(np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        ended = bool(self.np_random.random() < 0.2)
        info = {"is_success": True} if ended else {}
        return self.np_random.normal(size=2).astype(np.float32), float(np.sum(action)), ended, False, info

    def action_masks(self) -> np.ndarray[Any, Any]:
        return np.array([True, False, True])


def make(entry: Algorithm, actions: str, **arguments: Any) -> Any:
    policy_kwargs: dict[str, Any] = {"net_arch": [4]}
    if entry.name == "RecurrentPPO":
        policy_kwargs["lstm_hidden_size"] = 4
    algorithm: Any = entry.load_class()
    return algorithm(entry.policies[0], Walk(actions), device="cpu", seed=3, policy_kwargs=policy_kwargs, **arguments)


def small(entry: Algorithm) -> dict[str, Any]:
    """Arguments with which every part of the algorithm is at work within some steps."""
    fields = entry.hyperparameters.model_fields
    arguments: dict[str, Any] = {}
    if "learning_starts" in fields:
        arguments |= {"learning_starts": 5, "batch_size": 4, "buffer_size": 50}
    elif "n_steps" in fields:
        arguments |= {"n_steps": 8} | ({"batch_size": 4} if "batch_size" in fields else {})
    if "n_epochs" in fields:
        arguments |= {"n_epochs": 2}
    if "n_delta" in fields:
        arguments |= {"n_delta": 2}
    return arguments


@each_algorithm
def test_actions_are_those_that_the_constructor_takes(entry: Algorithm) -> None:
    taken = []
    for name in ACTIONS:
        try:
            make(entry, name)
        except AssertionError:
            continue
        taken.append(name)
    assert tuple(taken) == entry.actions


@each_algorithm
def test_policies_are_those_that_the_class_knows(entry: Algorithm) -> None:
    assert set(entry.policies) == set(entry.load_class().policy_aliases)


@each_algorithm
def test_optimizers_are_those_that_every_checkpoint_holds(entry: Algorithm) -> None:
    fixed = {"ent_coef": 0.1} if entry.name in FIXED_TEMPERATURE else {}
    saved = [name for name in make(entry, entry.actions[0], **fixed).get_parameters() if name != "policy"]
    assert sorted(saved) == sorted(entry.optimizers)
    assert set(entry.optimizers) <= set(make(entry, entry.actions[0]).get_parameters())


@each_algorithm
def test_the_explorer_is_what_draws_the_noise(entry: Algorithm) -> None:
    uses_sde = "use_sde" in entry.hyperparameters.model_fields
    model = make(entry, entry.actions[0], **({"use_sde": True} if uses_sde else {}))
    explorer: Any = getattr(model, entry.explorer)
    if uses_sde:
        explorer.reset_noise(2)
        before = explorer.action_dist.exploration_matrices
        explorer.reset_noise(2)
        assert not torch.equal(before, explorer.action_dist.exploration_matrices)


class Attributes(BaseCallback):
    """Notes what each attribute of the model is worth at every rollout start, but modules and buffers; ends in time."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, bytes]] = []

    def _on_rollout_start(self) -> None:
        self.seen.append(
            {
                name: pickle.dumps(value)
                for name, value in vars(self.model).items()
                if name not in APART | OF_EACH_LEARN
                and not isinstance(value, torch.nn.Module | torch.optim.Optimizer | ReplayBuffer | RolloutBuffer)
            }
        )

    def _on_step(self) -> bool:
        return self.num_timesteps < FEWEST_TIMESTEPS or len(self.seen) < FEWEST_ROLLOUTS

    @property
    def changed(self) -> set[str]:
        first, *others = self.seen
        assert len(self.seen) >= FEWEST_ROLLOUTS
        return {name for name, value in first.items() if any(each[name] != value for each in others)}


@each_algorithm
def test_whatever_changes_from_rollout_to_rollout_is_part_of_the_state(entry: Algorithm) -> None:
    arguments = small(entry)
    if "noise_type" in entry.hyperparameters.model_fields:
        arguments["action_noise"] = OrnsteinUhlenbeckActionNoise(np.zeros(2), np.ones(2))
    model, attributes = make(entry, entry.actions[0], **arguments), Attributes()
    # ARS asks no callback whether to go on.
    model.learn(FEWEST_TIMESTEPS * (1 if entry.name == "ARS" else 100), callback=attributes)
    saved_as_tensors = set(model._get_torch_save_params()[1])  # noqa: SLF001 - as its save does
    assert attributes.changed - saved_as_tensors - COMPUTED.get(entry.name, set()) <= set(entry.state)
    # What does not change here does so elsewhere, such as behind VecNormalize or over workers.
    assert {name for name in entry.state if not hasattr(model, name)} == set()
