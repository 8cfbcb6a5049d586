"""Hyperparameters that are right alone and wrong together are named, with what to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import pytest
import torch
from sb3_contrib.common.envs import InvalidActionEnvDiscrete

from job.algorithms.registry import ALGORITHMS

if TYPE_CHECKING:
    from job.algorithms.on_policy import ClippedHyperparameters

GOALS = "MultiInputPolicy"
HER: dict[str, Any] = {"replay_buffer_class": "HerReplayBuffer"}
UNTIMED: dict[str, Any] = {"replay_buffer_kwargs": {"handle_timeout_termination": False}}
FRUGAL: dict[str, Any] = {"optimize_memory_usage": True, **UNTIMED}


def conflicts(algorithm: str, values: dict[str, Any], n_envs: int = 1, policy: str = "MlpPolicy") -> list[str]:
    """The last keys of the paths, each of which leads to something that was set or has a default."""
    hyperparameters = ALGORITHMS[algorithm].hyperparameters.model_validate(values)
    found = list(hyperparameters.conflicts(n_envs, policy))
    for path, message in found:
        known: Any = hyperparameters
        for key in path:
            assert key in type(known).model_fields
            known = getattr(known, key)
        assert ": " in message, "it says what to do"
    return [path[-1] for path, _ in found]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("policy", ["MlpPolicy", GOALS])
def test_defaults_go_together(algorithm: str, policy: str) -> None:
    assert conflicts(algorithm, {}, n_envs=8, policy=policy) == []


@pytest.mark.parametrize(
    ("algorithm", "values", "n_envs", "keys"),
    [
        ("PPO", {"n_steps": 1}, 1, ["n_steps"]),
        ("PPO", {"n_steps": 1}, 2, []),
        ("PPO", {"n_steps": 1, "normalize_advantage": False}, 1, []),
        ("PPO", {"n_steps": 16, "batch_size": 64}, 2, ["batch_size"]),
        ("PPO", {"n_steps": 16, "batch_size": 64}, 4, []),
        ("PPO", {"n_steps": 16}, 1, []),
        ("PPO", {"n_steps": 65}, 1, []),
        ("PPO", {"batch_size": 1}, 1, ["batch_size"]),
        ("PPO", {"batch_size": 1, "normalize_advantage": False}, 1, []),
        ("PPO", {"policy_kwargs": {"squash_output": True}}, 1, ["squash_output"]),
        ("PPO", {"policy_kwargs": {"squash_output": True}, "use_sde": True}, 1, []),
        ("MaskablePPO", {"n_steps": 65}, 1, ["batch_size"]),
        ("MaskablePPO", {"n_steps": 65, "normalize_advantage": False}, 1, []),
        ("MaskablePPO", {"n_steps": 65}, 2, []),
        ("MaskablePPO", {"n_steps": 10, "batch_size": 3}, 1, ["batch_size"]),
        ("MaskablePPO", {"n_steps": 1, "batch_size": 1}, 1, ["n_steps", "batch_size"]),
        ("RecurrentPPO", {"n_steps": 129}, 1, ["batch_size"]),
        ("RecurrentPPO", {"policy_kwargs": {"shared_lstm": True}}, 1, ["shared_lstm"]),
        ("RecurrentPPO", {"policy_kwargs": {"shared_lstm": True, "enable_critic_lstm": True}}, 1, ["shared_lstm"]),
        ("RecurrentPPO", {"policy_kwargs": {"shared_lstm": True, "enable_critic_lstm": False}}, 1, []),
        ("RecurrentPPO", {"policy_kwargs": {"shared_lstm": False, "share_features_extractor": False}}, 1, []),
        (
            "RecurrentPPO",
            {"policy_kwargs": {"shared_lstm": True, "enable_critic_lstm": False, "share_features_extractor": False}},
            1,
            ["shared_lstm"],
        ),
        ("A2C", {"n_steps": 1}, 1, []),
        ("A2C", {"n_steps": 1, "normalize_advantage": True}, 1, ["n_steps"]),
        ("A2C", {"policy_kwargs": {"optimizer_kwargs": {"eps": 1}}}, 1, ["optimizer_kwargs"]),
        ("A2C", {"policy_kwargs": {"optimizer_kwargs": {"eps": 1}}, "use_rms_prop": False}, 1, []),
        ("A2C", {"policy_kwargs": {"optimizer_kwargs": {"eps": 1}, "optimizer_class": "SGD"}}, 1, []),
        ("TRPO", {"n_steps": 16, "batch_size": 17}, 1, ["batch_size"]),
        ("TRPO", {"n_steps": 16, "sub_sampling_factor": 15}, 1, []),
        ("TRPO", {"n_steps": 16, "sub_sampling_factor": 16}, 1, ["sub_sampling_factor"]),
        ("TRPO", {"n_steps": 16, "sub_sampling_factor": 16, "normalize_advantage": False}, 1, []),
        ("ARS", {"n_top": 9}, 1, ["n_top"]),
        ("ARS", {"n_top": 9, "n_delta": 9}, 1, []),
    ],
)
def test_values_that_do_not_go_together_in_a_rollout_are_named(
    algorithm: str, values: dict[str, Any], n_envs: int, keys: list[str]
) -> None:
    assert conflicts(algorithm, values, n_envs) == keys


@pytest.mark.parametrize(
    ("algorithm", "values", "n_envs", "keys"),
    [
        ("DQN", {"train_freq": [1, "episode"]}, 1, []),
        ("DQN", {"train_freq": [1, "episode"]}, 2, ["train_freq"]),
        ("DQN", {"buffer_size": 3, "batch_size": 3}, 4, ["buffer_size"]),
        ("DQN", {"buffer_size": 4, "batch_size": 3}, 4, []),
        ("DQN", {"buffer_size": 31}, 1, ["buffer_size"]),
        ("DQN", {"buffer_size": 32}, 1, []),
        ("SAC", {"buffer_size": 255}, 1, ["buffer_size"]),
        ("SAC", {"batch_size": 1_000_001}, 1, ["buffer_size"]),
        ("SAC", {"optimize_memory_usage": True}, 1, ["optimize_memory_usage"]),
        ("SAC", {"optimize_memory_usage": False}, 1, []),
        ("SAC", FRUGAL, 1, []),
        ("SAC", {**FRUGAL, "replay_buffer_kwargs": {"handle_timeout_termination": True}}, 1, ["optimize_memory_usage"]),
        ("SAC", {**FRUGAL, "n_steps": 1}, 1, []),
        ("SAC", {**FRUGAL, "n_steps": 2}, 1, ["optimize_memory_usage"]),
        ("SAC", {**FRUGAL, "buffer_size": 7, "batch_size": 2}, 4, ["optimize_memory_usage"]),
        ("SAC", {**FRUGAL, "buffer_size": 8, "batch_size": 2}, 4, []),
        ("SAC", {"replay_buffer_kwargs": {"n_sampled_goal": 4}}, 1, ["n_sampled_goal"]),
        ("SAC", HER, 1, ["replay_buffer_class"]),
        ("CrossQ", HER, 1, ["replay_buffer_class"]),
        ("CrossQ", {"replay_buffer_kwargs": {"copy_info_dict": True}}, 1, ["copy_info_dict"]),
        ("CrossQ", UNTIMED, 1, []),
        ("CrossQ", {"batch_size": 1}, 1, ["batch_size"]),
        ("CrossQ", {"batch_size": 1, "policy_kwargs": {"batch_norm": True}}, 1, ["batch_size"]),
        ("CrossQ", {"batch_size": 1, "policy_kwargs": {"batch_norm": False}}, 1, []),
        ("SAC", {"batch_size": 1}, 1, []),
        ("TD3", {"noise_std": 0.1}, 1, ["noise_std"]),
        ("TD3", {"noise_type": "normal"}, 1, ["noise_type"]),
        ("TD3", {"noise_type": "normal", "noise_std": 0.0}, 1, []),
        ("QRDQN", {"policy_kwargs": {"optimizer_kwargs": {"eps": 1}}}, 1, ["optimizer_kwargs"]),
        ("QRDQN", {"policy_kwargs": {"optimizer_kwargs": {"eps": 1}, "optimizer_class": "SGD"}}, 1, []),
        ("DQN", {"policy_kwargs": {"optimizer_kwargs": {"eps": 1}}}, 1, []),
        ("TQC", {"top_quantiles_to_drop_per_net": 24}, 1, []),
        ("TQC", {"top_quantiles_to_drop_per_net": 25}, 1, ["top_quantiles_to_drop_per_net"]),
        ("TQC", {"policy_kwargs": {"n_quantiles": 2}}, 1, ["top_quantiles_to_drop_per_net"]),
        ("TQC", {"policy_kwargs": {"n_quantiles": 1}, "top_quantiles_to_drop_per_net": 0}, 1, []),
    ],
)
def test_values_that_do_not_go_together_in_a_replay_buffer_are_named(
    algorithm: str, values: dict[str, Any], n_envs: int, keys: list[str]
) -> None:
    assert conflicts(algorithm, values, n_envs) == keys


@pytest.mark.parametrize(
    ("algorithm", "policy", "values", "keys"),
    [
        ("SAC", GOALS, HER, []),
        ("SAC", GOALS, {**HER, "replay_buffer_kwargs": {"n_sampled_goal": 4}}, []),
        ("SAC", GOALS, {**HER, "n_steps": 3}, ["n_steps"]),
        ("SAC", GOALS, {"n_steps": 3}, ["n_steps"]),
        ("SAC", "CnnPolicy", {"n_steps": 3}, []),
        ("SAC", GOALS, FRUGAL, ["optimize_memory_usage"]),
        ("SAC", GOALS, {**HER, **FRUGAL}, ["optimize_memory_usage"]),
        ("SAC", "CnnPolicy", FRUGAL, []),
        ("TRPO", GOALS, {"sub_sampling_factor": 2}, ["sub_sampling_factor"]),
        ("TRPO", GOALS, {"sub_sampling_factor": 1}, []),
        ("TRPO", "CnnPolicy", {"sub_sampling_factor": 2}, []),
        ("ARS", "LinearPolicy", {"policy_kwargs": {"net_arch": [8], "with_bias": True}}, ["net_arch"]),
        ("ARS", "LinearPolicy", {"policy_kwargs": {"activation_fn": "Tanh"}}, ["activation_fn"]),
        ("ARS", "MlpPolicy", {"policy_kwargs": {"net_arch": [8], "activation_fn": "Tanh"}}, []),
    ],
)
def test_values_that_do_not_go_with_the_policy_are_named(
    algorithm: str, policy: str, values: dict[str, Any], keys: list[str]
) -> None:
    assert conflicts(algorithm, values, policy=policy) == keys


@pytest.mark.filterwarnings("ignore")  # they warn, and go on
@pytest.mark.parametrize("algorithm", ["PPO", "MaskablePPO", "RecurrentPPO"])
def test_a_last_minibatch_of_one_is_refused_where_it_ruins_the_weights(algorithm: str) -> None:
    entry = ALGORITHMS[algorithm]
    env = InvalidActionEnvDiscrete(dim=3) if algorithm == "MaskablePPO" else gym.make("CartPole-v1")
    arguments: dict[str, Any] = {"n_steps": 5, "batch_size": 4, "n_epochs": 1, "policy_kwargs": {"net_arch": [4]}}
    model = entry.load_class()(entry.policies[0], env, **arguments)
    model.learn(5)
    ruined = not all(math.isfinite(torch.sum(each)) for each in model.policy.parameters())
    hyperparameters: type[ClippedHyperparameters] = entry.hyperparameters  # type: ignore[assignment]
    assert ruined is not hyperparameters.trains_on_one_sample
    assert (conflicts(algorithm, arguments) == ["batch_size"]) is ruined
