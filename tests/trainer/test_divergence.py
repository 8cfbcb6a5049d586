"""A training that came to what is no number stops, says so, and leaves the checkpoints before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from contract.errors import DivergedError
from job.model import parse_job
from restore.integrity import inspect_checkpoint
from tests.trainer.conftest import ROLLOUT, job_values
from trainer.algorithms.model import make_model
from trainer.divergence import NAN_LOSS, refuse_unusable_losses, refuse_unusable_weights
from trainer.environments.making import make_training_envs

if TYPE_CHECKING:
    from tests.trainer.conftest import Relay

REPLAY = {"buffer_size": 100, "learning_starts": 30, "batch_size": 8, "policy_kwargs": {"net_arch": [8]}}
JUMP = 1e30
"""A learning rate that throws the weights out of all bounds."""


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("nan")])
@pytest.mark.parametrize("name", ["train/loss", "train/critic_loss"])
def test_a_loss_that_is_no_number_is_named(name: str, value: Any) -> None:
    with pytest.raises(DivergedError, match=rf"{name} became (nan|inf) between 1,000 and 1,016 timesteps"):
        refuse_unusable_losses({"train/n_updates": 3, name: value}, "balance", 1000, 1016)


def test_what_may_be_no_number_is_left_alone() -> None:
    # The explained variance of constant returns is one, and so is the mean reward before an episode has ended.
    logged = {"train/explained_variance": float("nan"), "rollout/ep_rew_mean": float("nan"), "train/loss": 0.1}
    refuse_unusable_losses(logged, "balance", 0, 16)


def test_a_weight_that_is_no_number_is_named() -> None:
    job = parse_job(job_values())
    model = make_model(job, make_training_envs(job))
    refuse_unusable_weights(model, "balance")
    with torch.no_grad():
        model.policy.get_parameter("action_net.bias")[1] = float("inf")
    with pytest.raises(DivergedError, match=r"its weights action_net\.bias are not finite numbers"):
        refuse_unusable_weights(model, "balance")


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "PPO"},
        {"algorithm": "A2C"},
        {"algorithm": "SAC", "env": {"id": "Pendulum-v1"}, "hyperparameters": REPLAY},
        {"algorithm": "DQN", "hyperparameters": {**REPLAY, "train_freq": 1}},
    ],
    ids=lambda changes: changes["algorithm"],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numbers overflow on the way
def test_a_session_that_diverges_says_so_and_keeps_what_was_sound(relay: Relay, changes: dict[str, Any]) -> None:
    good = relay.session(job_values(**{"total_timesteps": 3 * ROLLOUT, "save_freq": ROLLOUT, **changes}))
    assert good.code == 0
    hyperparameters = {**job_values(**changes)["hyperparameters"], "learning_rate": JUMP}
    job = job_values(
        **{**changes, "total_timesteps": 400 * ROLLOUT, "save_freq": ROLLOUT, "hyperparameters": hyperparameters}
    )
    diverged = relay.session(job, good)
    assert diverged.code == 1
    assert diverged.metadata.interrupted_by == NAN_LOSS
    assert "the checkpoints before it are intact" in str(diverged.metadata.error)
    assert diverged.metadata.timesteps < 400 * ROLLOUT
    assert diverged.manifest.complete
    for path in diverged.artifacts.checkpoints_by_timesteps().values():
        inspect_checkpoint(path, job=None, expected=None, max_bytes=1 << 30)
