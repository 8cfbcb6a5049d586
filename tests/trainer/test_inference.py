"""A policy for use outside a session acts as it did in its training."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from stable_baselines3.common.vec_env import VecNormalize

from contract.errors import InputError
from job.model import parse_job
from tests.trainer import lab
from tests.trainer.conftest import ROLLOUT, job_values, state_of
from trainer.environments.making import make_evaluation_envs
from trainer.inference import load_for_inference, make_environment

if TYPE_CHECKING:
    from tests.trainer.conftest import Relay

PENDULUM = {"id": "Pendulum-v1", "wrapper": "VecNormalize"}
REPLAY = {"buffer_size": 10**6, "learning_starts": 30, "batch_size": 8, "policy_kwargs": {"net_arch": [8]}}


@pytest.mark.parametrize("algorithm", ["PPO", "SAC"])
def test_observations_are_scaled_as_they_were_learned(relay: Relay, algorithm: str) -> None:
    changes: dict[str, Any] = {"hyperparameters": REPLAY} if algorithm == "SAC" else {}
    job = job_values(algorithm=algorithm, env=PENDULUM, total_timesteps=4 * ROLLOUT, **changes)
    ended = relay.session(job)
    model, scale = load_for_inference(ended.latest)
    raw = np.array([[0.6, 0.8, -3.0]], np.float32)
    scaled = scale(raw)
    assert scaled.dtype == np.float32
    assert not np.allclose(scaled, raw)
    venv = make_evaluation_envs(parse_job(job))
    assert isinstance(venv, VecNormalize)
    venv.obs_rms = next(each["obs_rms"] for each in state_of(ended.latest).statistics if "obs_rms" in each)
    assert (scaled == venv.normalize_obs(raw)).all()
    again, _ = load_for_inference(ended.artifacts.final_model)
    assert (again.predict(scaled, deterministic=True)[0] == model.predict(scaled, deterministic=True)[0]).all()


def test_a_module_that_is_not_on_the_path_is_named(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copyfile(Path(lab.__file__), tmp_path / "elsewhere_lab.py")
    monkeypatch.syspath_prepend(tmp_path)
    job = job_values(policy="elsewhere_lab:Mine", env={"id": "CartPole-v1", "wrappers": ["elsewhere_lab:Remembering"]})
    final = relay.session(job).artifacts.final_model
    model, _ = load_for_inference(final)
    seen: Any = make_environment(final).reset()
    assert model.action_space.contains(model.predict(seen)[0][0])
    monkeypatch.undo()
    monkeypatch.delitem(sys.modules, "elsewhere_lab")
    said = (
        "balance_final.zip: needs the module elsewhere_lab, for elsewhere_lab:Mine and elsewhere_lab:Remembering, which"
    )
    with pytest.raises(InputError) as caught:
        load_for_inference(final)
    assert str(caught.value).startswith(said)
    assert "put the folder that holds elsewhere_lab on it, as with PYTHONPATH=FOLDER" in str(caught.value)
    with pytest.raises(
        InputError, match=r"env\.wrappers\.0 names elsewhere_lab:Remembering.* as with PYTHONPATH=FOLDER"
    ):
        make_environment(final)


@pytest.mark.parametrize("changes", [{"replay_buffer_class": "HerReplayBuffer"}, {"n_steps": 3}], ids=["HER", "n-step"])
def test_no_replay_buffer_is_needed(relay: Relay, changes: dict[str, Any]) -> None:
    env: dict[str, Any] = {"id": "CartPole-v1"}
    policy = "MlpPolicy"
    if "replay_buffer_class" in changes:
        env, policy = {"id": "tests.trainer.test_every_algorithm:Flipping-v0"}, "MultiInputPolicy"
    hyperparameters = {**REPLAY, "buffer_size": 10**5, **changes}
    job = job_values(algorithm="DQN", env=env, policy=policy, hyperparameters=hyperparameters)
    ended = relay.session(job)
    assert ended.code == 0
    model, scale = load_for_inference(ended.latest)
    assert vars(model)["buffer_size"] == vars(load_for_inference(ended.artifacts.final_model)[0])["buffer_size"] == 1
    observation = scale(model.observation_space.sample())
    assert model.action_space.contains(model.predict(observation)[0])
