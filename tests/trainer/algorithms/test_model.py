"""The algorithm of a job: seeded, and with every hyperparameter that the job names."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib.common.envs import InvalidActionEnvDiscrete
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit

from contract.errors import InputError
from job.algorithms.registry import ALGORITHMS
from job.model import parse_job
from tests.trainer.conftest import HYPERPARAMETERS, digest_of, job_values
from trainer.algorithms.model import make_model, parameter_shapes, resolve_classes, use_threads
from trainer.environments.making import make_training_envs

if TYPE_CHECKING:
    from collections.abc import Iterator

PENDULUM = {"id": "Pendulum-v1", "kwargs": {"max_episode_steps": 20}}
SMALL: dict[str, Any] = {"policy_kwargs": {"net_arch": [4]}}
REPLAY = {**SMALL, "buffer_size": 100, "batch_size": 4, "learning_starts": 10}
HER = {
    **REPLAY,
    "learning_starts": 30,
    "replay_buffer_class": "HerReplayBuffer",
    "replay_buffer_kwargs": {"n_sampled_goal": 2},
}
ROLLOUT = {**SMALL, "n_steps": 16}
MINIBATCH = {**ROLLOUT, "batch_size": 8}
RECURRENT = {**MINIBATCH, "n_epochs": 1, "policy_kwargs": {"lstm_hidden_size": 4, "lstm_kwargs": {"bias": False}}}
FLIPPING = {"id": "EightBits-v0", "kwargs": {"continuous": True}}
TRAININGS: dict[str, dict[str, Any]] = {
    "PPO": {"hyperparameters": MINIBATCH},
    "A2C": {"hyperparameters": ROLLOUT},
    "DQN": {"hyperparameters": REPLAY},
    "SAC": {"env": PENDULUM, "hyperparameters": REPLAY},
    "TD3": {"env": PENDULUM, "hyperparameters": {**REPLAY, "noise_type": "normal", "noise_std": 0.1}},
    "DDPG": {"env": {**PENDULUM, "n_envs": 2}, "hyperparameters": {**REPLAY, "n_steps": 3}},
    "RecurrentPPO": {"policy": "MlpLstmPolicy", "hyperparameters": RECURRENT},
    "MaskablePPO": {"env": {"id": "InvalidActions-v0"}, "hyperparameters": MINIBATCH},
    "QRDQN": {"hyperparameters": {**REPLAY, "train_freq": [1, "episode"]}},
    "TQC": {"env": PENDULUM, "hyperparameters": {**REPLAY, "use_sde": True, "ent_coef": "auto_0.1"}},
    "TRPO": {"env": PENDULUM, "hyperparameters": {**MINIBATCH, "use_sde": True}},
    "ARS": {"policy": "LinearPolicy", "hyperparameters": {"n_delta": 1, "delta_std": "linear_0.05"}},
    "CrossQ": {"env": PENDULUM, "hyperparameters": {**REPLAY, "target_entropy": -1}},
    "DQN-HER": {"env": {"id": "EightBits-v0", "n_envs": 2}, "policy": "MultiInputPolicy", "hyperparameters": HER},
    "QRDQN-HER": {"env": {"id": "EightBits-v0"}, "policy": "MultiInputPolicy", "hyperparameters": HER},
    "SAC-HER": {"env": FLIPPING, "policy": "MultiInputPolicy", "hyperparameters": HER},
    "TD3-HER": {"env": FLIPPING, "policy": "MultiInputPolicy", "hyperparameters": HER},
    "DDPG-HER": {"env": FLIPPING, "policy": "MultiInputPolicy", "hyperparameters": HER},
    "TQC-HER": {"env": FLIPPING, "policy": "MultiInputPolicy", "hyperparameters": HER},
}

for name, entry in {"EightBits-v0": BitFlippingEnv, "InvalidActions-v0": InvalidActionEnvDiscrete}.items():
    if name not in gym.registry:
        make_environment: Any = entry
        gym.register(name, make_environment)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    use_threads(1)
    yield
    use_threads(before)


def model_of(**changes: Any) -> Any:
    job = parse_job(job_values(**changes))
    return make_model(job, make_training_envs(job))


def weights(**changes: Any) -> str:
    return digest_of(model_of(**changes).policy.state_dict())


def test_the_seed_decides_the_first_weights() -> None:
    assert weights(seed=1) == weights(seed=1)
    assert weights(seed=1) != weights(seed=2)


def test_hyperparameters_reach_the_algorithm() -> None:
    hyperparameters = {
        **HYPERPARAMETERS,
        "learning_rate": "linear_0.01",
        "clip_range": "constant_0.3",
        "gamma": 0.5,
        "policy_kwargs": {"net_arch": {"pi": [3], "vf": [4]}, "activation_fn": "ReLU", "optimizer_class": "SGD"},
    }
    model = model_of(hyperparameters=hyperparameters)
    assert (model.n_steps, model.batch_size, model.n_epochs, model.gamma) == (16, 8, 1, 0.5)
    assert [model.lr_schedule(left) for left in (1.0, 0.5, 0.0)] == [0.01, 0.005, 0.0]
    assert [model.clip_range(left) for left in (1.0, 0.0)] == [0.3, 0.3]
    assert type(model.policy.optimizer) is torch.optim.SGD
    assert isinstance(model.policy.mlp_extractor.policy_net[1], torch.nn.ReLU)
    shapes = parameter_shapes(model)
    assert shapes["mlp_extractor.policy_net.0.weight"] == (3, 4)
    assert shapes["mlp_extractor.value_net.0.weight"] == (4, 4)
    assert shapes["action_net.bias"] == (2,)


def test_classes_are_found_by_name_or_by_module_and_name() -> None:
    resolved = resolve_classes(
        {
            "net_arch": [8],
            "activation_fn": "torch.nn.modules.activation:GELU",
            "optimizer_class": "AdamW",
            "features_extractor_class": "FlattenExtractor",
        }
    )
    assert resolved == {
        "net_arch": [8],
        "activation_fn": torch.nn.GELU,
        "optimizer_class": torch.optim.AdamW,
        "features_extractor_class": FlattenExtractor,
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NoSuchLayer", "names torch.nn:NoSuchLayer, and torch.nn has no NoSuchLayer"),
        ("no_such_module:Layer", "names no_such_module:Layer: there is no module no_such_module, neither in the job's"),
        ("torch.nn:NoSuchLayer", "names torch.nn:NoSuchLayer, and torch.nn has no NoSuchLayer"),
    ],
)
def test_a_class_that_is_not_there_is_named(name: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve_classes({"activation_fn": name})
    assert caught.value.subject == "hyperparameters.policy_kwargs.activation_fn"
    assert caught.value.problem.startswith(said)


def test_every_algorithm_has_a_training_here() -> None:
    assert set(ALGORITHMS) == {training.partition("-")[0] for training in TRAININGS}


@pytest.mark.parametrize("training", TRAININGS)
def test_every_algorithm_learns_what_a_job_says(training: str) -> None:
    job = parse_job(job_values(algorithm=training.partition("-")[0], **TRAININGS[training]))
    before, model = copy.deepcopy(job), make_model(job, make_training_envs(job))
    weights_before = digest_of(model.policy.state_dict())
    model.learn(40)
    assert model.num_timesteps >= 40
    assert digest_of(model.policy.state_dict()) != weights_before
    assert job == before, "constructors write into what they are given"


def test_an_empty_mapping_of_a_job_stays_empty() -> None:
    job = parse_job(job_values(algorithm="A2C", hyperparameters={"policy_kwargs": {}}))
    make_model(job, make_training_envs(job))
    assert job.hyperparameters == {"policy_kwargs": {}}


@pytest.mark.parametrize(
    ("noise_type", "noise"), [("normal", NormalActionNoise), ("ornstein-uhlenbeck", OrnsteinUhlenbeckActionNoise)]
)
def test_noise_is_added_to_every_action(noise_type: str, noise: type[Any]) -> None:
    hyperparameters = {**REPLAY, "noise_type": noise_type, "noise_std": 0.25}
    model = model_of(algorithm="SAC", env=FLIPPING, policy="MultiInputPolicy", hyperparameters=hyperparameters)
    assert type(model.action_noise) is noise
    np.testing.assert_array_equal(model.action_noise._mu, np.zeros(10))  # noqa: SLF001 - it tells nothing else
    np.testing.assert_array_equal(model.action_noise._sigma, np.full(10, 0.25))  # noqa: SLF001 - it tells nothing else


@pytest.mark.parametrize(
    ("written", "unit"), [(4, TrainFrequencyUnit.STEP), ([4, "episode"], TrainFrequencyUnit.EPISODE)]
)
def test_rollouts_are_as_long_as_the_job_says(written: Any, unit: TrainFrequencyUnit) -> None:
    model = model_of(algorithm="DQN", hyperparameters={**REPLAY, "train_freq": written})
    assert model.train_freq == TrainFreq(4, unit)


def test_the_replay_buffer_is_the_one_that_the_job_names() -> None:
    of_goals = model_of(algorithm="DQN", **TRAININGS["DQN-HER"]).replay_buffer
    assert type(of_goals) is HerReplayBuffer
    assert of_goals.n_sampled_goal == 2
    of_several_steps = model_of(algorithm="DDPG", **TRAININGS["DDPG"]).replay_buffer
    assert type(of_several_steps) is NStepReplayBuffer
    assert of_several_steps.n_steps == 3


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"env": {"id": "CartPole-v1"}, "hyperparameters": {**HYPERPARAMETERS, "use_sde": True}}, "generalized State-"),
        ({"hyperparameters": {"policy_kwargs": {"optimizer_kwargs": {"n": 1}}}}, "unexpected keyword argument 'n'"),
        (
            {"hyperparameters": {"policy_kwargs": {"features_extractor_class": "NatureCNN"}}},
            "You should use NatureCNN only with images",
        ),
        ({"algorithm": "DQN", "hyperparameters": {"buffer_size": 10**15}}, "Unable to allocate 14.2 PiB"),
    ],
)
def test_what_the_algorithm_refuses_is_the_users_to_correct(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        model_of(**changes)
    sentence = str(caught.value)
    what = "needs more memory than there is" if "PiB" in problem else "refuses its hyperparameters"
    assert sentence.startswith(f"job balance: {changes.get('algorithm', 'PPO')} {what}: ")
    assert problem in sentence
    assert "\n" not in sentence


def test_an_environment_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="its actions are Discrete, and SAC takes Box only"):
        model_of(algorithm="SAC", hyperparameters={})


def test_the_job_says_how_many_threads() -> None:
    assert torch.get_num_threads() == 1
    use_threads(2)
    assert torch.get_num_threads() == 2
