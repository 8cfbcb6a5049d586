"""Measuring a policy: the same episodes each time, and no trace left in any generator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import VecNormalize

from job.model import parse_job
from tests.trainer.conftest import digest_of, job_values
from trainer import evaluation
from trainer.algorithms.model import make_model
from trainer.environments.making import make_evaluation_envs, make_training_envs
from trainer.evaluation import EvaluationStopped, Evaluator, evaluate
from trainer.generators import capture_generators

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

STANDARD = "stable_baselines3.common.evaluation"


def model_and_envs(**env: Any) -> tuple[BaseAlgorithm, VecEnv]:
    job = parse_job(job_values(env={"id": "Pendulum-v1", **env}, eval={"frequency": 1, "episodes": 3}))
    return make_model(job, make_training_envs(job)), make_evaluation_envs(job)


def test_no_generator_has_moved() -> None:
    job = parse_job(job_values(env={"id": "Troubled-v0"}, policy="MultiInputPolicy", eval={"frequency": 1}))
    model, venv = make_model(job, make_training_envs(job)), make_evaluation_envs(job)
    before = digest_of(capture_generators())
    evaluate(model, venv, STANDARD, episodes=3, seed=1)
    assert digest_of(capture_generators()) == before


def test_no_generator_has_moved_where_an_episode_fails() -> None:
    kwargs = {"fails_at": 5}
    values = job_values(env={"id": "Troubled-v0", "kwargs": kwargs}, policy="MultiInputPolicy", eval={"frequency": 1})
    job = parse_job(values)
    model, venv = make_model(job, make_training_envs(job)), make_evaluation_envs(job)
    before = digest_of(capture_generators())
    with pytest.raises(RuntimeError, match="the road is closed"):
        evaluate(model, venv, STANDARD, episodes=3, seed=1)
    assert digest_of(capture_generators()) == before


def test_each_time_the_same_episodes_are_played() -> None:
    model, venv = model_and_envs()
    first = evaluate(model, venv, STANDARD, episodes=3, seed=1)
    model.learn(16)
    torch.manual_seed(99)
    fresh, other = model_and_envs()
    fresh.policy.load_state_dict(model.policy.state_dict())
    later = evaluate(model, venv, STANDARD, episodes=3, seed=1)
    assert later == evaluate(fresh, other, STANDARD, episodes=3, seed=1)
    assert later != first
    assert evaluate(model, venv, STANDARD, episodes=3, seed=2) != later


def test_they_are_not_the_episodes_of_the_training() -> None:
    model, venv = model_and_envs()
    training = model.get_env()
    assert training is not None
    training.seed(1)
    seen = training.reset()
    starts: list[Any] = []
    reset = venv.reset
    venv.reset = lambda: starts.append(reset()) or starts[-1]  # type: ignore[method-assign,func-returns-value]
    evaluate(model, venv, STANDARD, episodes=1, seed=1)
    assert digest_of(starts[0]) != digest_of(seen)


@pytest.mark.parametrize("episodes", [1, 3])
def test_it_is_the_mean_of_the_episodes_real_returns(episodes: int) -> None:
    model, venv = model_and_envs(id="CartPole-v1", wrapper="VecNormalize")
    ends: list[float] = []
    step = venv.step_wait

    def watched() -> Any:
        told = step()
        ends.extend(info["episode"]["r"] for info in told[3] if "episode" in info)
        return told

    venv.step_wait = watched  # type: ignore[method-assign]
    assert evaluate(model, venv, STANDARD, episodes=episodes, seed=1) == pytest.approx(np.mean(ends))
    assert len(ends) == episodes


def test_it_normalizes_by_the_trainings_statistics_and_leaves_them_alone() -> None:
    model, venv = model_and_envs(wrapper="VecNormalize")
    model.learn(64)
    training = model.get_env()
    assert isinstance(training, VecNormalize)
    assert isinstance(venv, VecNormalize)
    before = digest_of([training.obs_rms, training.ret_rms])
    evaluate(model, venv, STANDARD, episodes=2, seed=1)
    assert digest_of([venv.obs_rms, venv.ret_rms]) == digest_of([training.obs_rms, training.ret_rms]) == before


def test_an_evaluation_ends_where_there_is_a_reason_to_stop() -> None:
    job = parse_job(job_values(env={"id": "Pendulum-v1"}, eval={"frequency": 1}))
    model, venv = make_model(job, make_training_envs(job)), make_evaluation_envs(job)
    reasons = iter([None, None, "SIGTERM"])
    before = digest_of(capture_generators())
    with pytest.raises(EvaluationStopped) as stopped:
        Evaluator(job, venv).measure(model, lambda: next(reasons))
    assert stopped.value.reason == "SIGTERM"
    assert digest_of(capture_generators()) == before
    alone = evaluate(model, venv, STANDARD, episodes=job.eval.episodes, seed=job.seed)
    played = Evaluator(job, venv).measure(model, lambda: None)
    assert played is not None
    assert played.mean == alone


def endless(**kwargs: Any) -> Evaluator:
    env = {"id": "CliffWalking-v1", "kwargs": kwargs}
    return Evaluator(job := parse_job(job_values(env=env, eval={"frequency": 1})), make_evaluation_envs(job))


def test_episodes_without_an_end_are_told_of_and_given_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluation, "MOST_STEPS", 10)
    job = parse_job(job_values(env={"id": "CliffWalking-v1"}, eval={"frequency": 1}))
    model = make_model(job, make_training_envs(job))
    warned = endless()
    assert warned.warning == (
        "environment CliffWalking-v1: sets no limit to its episodes that is known here, so an evaluation may never "
        "end; write `kwargs: {max_episode_steps: N}` in the job's env block"
    )
    assert warned.measure(model, lambda: None) is None
    assert "the evaluation was given up after 51 steps" in capsys.readouterr().out
    limited = endless(max_episode_steps=30)
    assert limited.warning is None
    assert limited.measure(model, lambda: None) is not None


@pytest.mark.parametrize("vectorization", ["native", "dummy"])
def test_the_shipped_environment_has_an_end_to_its_episodes(vectorization: str) -> None:
    job = parse_job(job_values(env={"id": "TrafficLight-v0", "vectorization": vectorization}, eval={"frequency": 1}))
    assert Evaluator(job, make_evaluation_envs(job)).warning is None
