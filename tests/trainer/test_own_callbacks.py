"""Callbacks of a user's own go on over sessions, and end a job as met."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import (
    EvalCallback,
    StopTrainingOnNoModelImprovement,
    StopTrainingOnRewardThreshold,
)

from contract.errors import InputError
from job.model import parse_job
from job.problems import InvalidJobError
from tests.trainer.conftest import ROLLOUT, job_values, outcome_of, record_of, state_of, tensors_of
from tests.trainer.lab import LAB
from trainer.inference import load_for_inference
from trainer.trial import try_job

if TYPE_CHECKING:
    from tests.trainer.conftest import Relay

COUNTING, TOLD, UNPICKLABLE = f"{LAB}:Counting", f"{LAB}:Told", f"{LAB}:Unpicklable"
REPLAY = {"buffer_size": 60, "learning_starts": 20, "batch_size": 8, "policy_kwargs": {"net_arch": [8]}}
MEASURED = {"eval": {"frequency": ROLLOUT, "episodes": 1}}


@pytest.mark.parametrize(
    "changes",
    [
        {"callbacks": [COUNTING]},
        {"callbacks": [TOLD, "StopTrainingOnMaxEpisodes: 90"]},
        {"callbacks": [TOLD], "algorithm": "DQN", "hyperparameters": REPLAY},
        {"callbacks": [{"StopTrainingOnNoModelImprovement": {"max_no_improvement_evals": 90}}], **MEASURED},
    ],
    ids=["pickled", "by the protocol", "off-policy", "by evaluations"],
)
def test_three_sessions_are_one_uninterrupted_training(relay: Relay, changes: dict[str, Any]) -> None:
    changes = copy.deepcopy(changes)
    if changes["callbacks"][-1] == "StopTrainingOnMaxEpisodes: 90":
        changes["callbacks"][-1] = {"StopTrainingOnMaxEpisodes": {"max_episodes": 90}}
    job = job_values(**changes)
    whole, chained = relay.session(job), relay.chain(job, 2, 1)
    assert whole.code == chained.code == 0, whole.log
    assert chained.metadata.resume.exact, chained.metadata.resume.reasons
    assert outcome_of(chained.latest) == outcome_of(whole.latest)
    assert state_of(chained.latest).callbacks == state_of(whole.latest).callbacks


def test_one_whose_state_does_not_come_back_is_named(relay: Relay) -> None:
    job = job_values(callbacks=[UNPICKLABLE])
    ended = relay.chain(job, 2)
    assert ended.code == 0
    (reason,) = ended.metadata.resume.reasons
    assert reason.startswith("callback Unpicklable cannot be pickled and has no get_state/set_state")
    assert f"Resumed at {2 * ROLLOUT} timesteps (approximate: {reason})" in ended.log


def test_a_callback_that_returns_false_ends_the_job_as_met(relay: Relay) -> None:
    job = job_values(callbacks=[{COUNTING: {"episodes": 4}}], total_timesteps=100 * ROLLOUT)
    ended = relay.chain(job, 1, 1)
    assert ended.code == 0
    assert ended.metadata.goal_met
    assert ended.metadata.stopped_by == COUNTING
    assert ended.metadata.interrupted_by is None
    assert 2 * ROLLOUT < ended.metadata.timesteps < 50 * ROLLOUT
    assert ended.metadata.timesteps % ROLLOUT == 0  # the rollout has ended, and is learned from
    assert record_of(ended.latest).stopped_by == COUNTING
    assert record_of(ended.artifacts.final_model).timesteps == ended.metadata.timesteps
    assert f"{COUNTING} ends the training at {ended.metadata.timesteps:,} timesteps" in ended.log
    assert outcome_of(ended.latest) == outcome_of(relay.session(job).latest)


def test_who_takes_the_callback_out_goes_on_from_where_it_ended(relay: Relay) -> None:
    job = job_values(callbacks=[{COUNTING: {"episodes": 2}}], total_timesteps=20 * ROLLOUT)
    ended = relay.session(job)
    further = relay.session(job_values(total_timesteps=20 * ROLLOUT), ended)
    assert further.metadata.timesteps_at_start == ended.metadata.timesteps
    assert further.metadata.goal_met
    assert further.metadata.stopped_by is None
    assert any("callbacks changed" in reason for reason in further.metadata.resume.reasons)


def test_no_improvement_ends_the_job(relay: Relay) -> None:
    named = {"StopTrainingOnNoModelImprovement": {"max_no_improvement_evals": 1, "min_evals": 1}}
    job = job_values(callbacks=[named], total_timesteps=100 * ROLLOUT, **MEASURED)
    ended = relay.chain(job, 1)
    assert ended.metadata.stopped_by == "StopTrainingOnNoModelImprovement"
    means = [each["mean_reward"] for each in relay.session(job).events("evaluation")]
    assert ended.metadata.timesteps == len(means) * ROLLOUT
    asked = StopTrainingOnNoModelImprovement(1, 1)  # what it says where Stable-Baselines3's own callback asks it
    parent = EvalCallback.__new__(EvalCallback)
    asked.parent = parent
    answers = []
    for count in range(1, len(means) + 1):
        parent.best_mean_reward = max(means[:count])
        asked.n_calls = count
        answers.append(asked._on_step())  # noqa: SLF001 - without a model
    assert answers == [*[True] * (len(means) - 1), False]


def test_a_reward_ends_the_job(relay: Relay) -> None:
    threshold = {StopTrainingOnRewardThreshold.__name__: {"reward_threshold": 1.0}}
    ended = relay.session(job_values(callbacks=[threshold], **MEASURED))
    assert (ended.metadata.timesteps, ended.metadata.goal_met) == (ROLLOUT, True)
    assert record_of(ended.artifacts.best_model).timesteps == ROLLOUT


def test_one_that_goes_by_evaluations_needs_some() -> None:
    with pytest.raises(InvalidJobError, match="goes by the job's evaluations, and there are none"):
        parse_job(job_values(callbacks=[{"StopTrainingOnRewardThreshold": {"reward_threshold": 1.0}}]))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"callbacks": [{COUNTING: {"episode": 3}}]},
            "callbacks.0: tests.trainer.lab:Counting has no argument ep",
        ),
        ({"callbacks": [f"{LAB}:Mine"]}, f"callbacks.0: {LAB}:Mine cannot be made: TypeError"),
        ({"callbacks": ["lab.x:Stop"]}, "callbacks.0: names lab.x:Stop: there is no module lab"),
        (
            {"policy": f"{LAB}:Min"},
            f"job balance, policy: names {LAB}:Min, and {LAB} has no Min; did you mean {LAB}:Mine?",
        ),
        ({"policy": COUNTING}, f"policy: {COUNTING} is not a policy; derive it from a policy of Stable-Baselines3"),
    ],
)
def test_what_is_not_there_is_one_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        try_job(parse_job(job_values(**changes)))
    assert said in str(caught.value)


def test_a_policy_of_the_users_own_goes_on_and_acts(relay: Relay) -> None:
    job = job_values(policy=f"{LAB}:Mine")
    whole, chained = relay.session(job), relay.chain(job, 2, 1)
    assert whole.code == chained.code == 0, whole.log
    assert tensors_of(chained.latest) == tensors_of(whole.latest)
    model, _ = load_for_inference(chained.latest)
    assert type(model.policy).__name__ == "Mine"
    assert PPO.load(chained.latest).predict(np.zeros(4, np.float32)) is not None
