"""The algorithm of a job: seeded, and with every hyperparameter that the job names."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from stable_baselines3.common.torch_layers import FlattenExtractor

from tests.trainer.conftest import HYPERPARAMETERS, digest_of, job_values
from trainer.environments import make_training_envs
from trainer.errors import InputError
from trainer.job import parse_job
from trainer.model import make_model, parameter_shapes, resolve_classes, use_threads


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
    assert (model.n_steps, model.batch_size, model.n_epochs, model.gamma) == (16, 8, 2, 0.5)
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


@pytest.mark.parametrize("name", ["NoSuchLayer", "no_such_module:Layer", "torch.nn:NoSuchLayer"])
def test_a_class_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve_classes({"activation_fn": name})
    assert caught.value.subject == "hyperparameters.policy_kwargs.activation_fn"
    assert caught.value.problem == f"'{name}' leads to no class"


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": "CnnPolicy"},
        {"policy": "MultiInputPolicy"},
        {"env": {"id": "CartPole-v1"}, "hyperparameters": {**HYPERPARAMETERS, "use_sde": True}},
    ],
)
def test_what_the_algorithm_refuses_is_the_users_to_correct(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="PPO refuses its hyperparameters: "):
        model_of(**changes)


def test_the_job_says_how_many_threads() -> None:
    before = torch.get_num_threads()
    try:
        use_threads(2)
        assert torch.get_num_threads() == 2
    finally:
        use_threads(before)
