"""What a job puts around its environments is seen by everybody, and remembers over sessions what it remembered."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gymnasium.wrappers import NormalizeObservation

from contract.errors import InputError, UnavailableError
from job.components import VecWrapper, Wrapper
from job.model import parse_job
from tests.trainer.conftest import ROLLOUT, job_values, outcome_of
from tests.trainer.lab import BOTH, LAB
from trainer.environments import self_check
from trainer.environments.making import make_evaluation_envs, make_training_envs
from trainer.environments.self_check import Resumption, check_environments
from trainer.environments.wrapping.running_means import hand_on_running_means
from trainer.inference import load_for_inference, make_environment
from trainer.trial import try_job

if TYPE_CHECKING:
    from job.model import Job
    from tests.trainer.conftest import Relay

CART_POLE = {"id": "CartPole-v1"}
REMEMBERING, FORGETTING = f"{LAB}:Remembering", f"{LAB}:Forgetting"
SHAKEN, SIEVE, LOCKED = f"{LAB}:Shaken", f"{LAB}:Sieve", f"{LAB}:Locked"
STACKED = {"VecFrameStack": {"n_stack": 2}}
NEEDS_ATARI = pytest.mark.skipif(
    not (importlib.util.find_spec("ale_py") and importlib.util.find_spec("cv2")),
    reason="Atari is not installed: pip install .[atari]",
)
FEW_STEPS = {
    "n_steps": 8,
    "batch_size": 8,
    "n_epochs": 1,
    "policy_kwargs": {"features_extractor_kwargs": {"features_dim": 8}, "net_arch": [8]},
}
PONG = {
    "id": "ale_py:ALE/Pong-v5",
    "kwargs": {"frameskip": 1, "repeat_action_probability": 0.0},
    "wrappers": [{"AtariWrapper": {"screen_size": 36}}],
    "vec_wrappers": [{"VecFrameStack": {"n_stack": 4}}],
}


def a_job(**env: Any) -> Job:
    return parse_job(job_values(env=CART_POLE | env))


OF_GYMNASIUM: list[Any] = [
    *("FlattenObservation", "NormalizeObservation", "NormalizeReward", "TimeAwareObservation"),
    *("RecordEpisodeStatistics",),
    {"ClipReward": {"max_reward": 0.5}},
    {"DelayObservation": {"delay": 2}},
    {"FrameStackObservation": {"stack_size": 3}},
    {"MaxAndSkipObservation": {"skip": 2}},
    {"ReshapeObservation": {"shape": [2, 2]}},
    {"StickyAction": {"repeat_action_probability": 0.5}},
    {"TimeLimit": {"max_episode_steps": 9}},
]


def test_gymnasiums_own_give_their_state() -> None:
    told = {str(each): check_environments(a_job(wrappers=[each])) for each in OF_GYMNASIUM}
    assert told == {str(each): Resumption("state", ()) for each in OF_GYMNASIUM}


EXACT: dict[str, dict[str, Any]] = {
    "around each": {
        "env": {
            **CART_POLE,
            "n_envs": 2,
            "wrappers": [
                {REMEMBERING: {"length": 3}},
                "NormalizeObservation",
                {"FrameStackObservation": {"stack_size": 2}},
            ],
        },
        "eval": {"frequency": 2 * ROLLOUT, "episodes": 1},
    },
    "around all": {
        "env": {**CART_POLE, "n_envs": 2, "vec_wrappers": ["VecCheckNan", SHAKEN, STACKED, "VecNormalize"]},
        "eval": {"frequency": 2 * ROLLOUT, "episodes": 1},
    },
    "around the native form": {
        "env": {"id": "trainer.envs:TrafficLight-v0", "n_envs": 2, "vec_wrappers": [SHAKEN, "VecNormalize"]}
    },
    "some keys scaled": {
        "env": {
            "id": BOTH,
            "wrappers": [REMEMBERING],
            "vec_wrappers": [{"VecNormalize": {"norm_obs_keys": ["numbers"]}}],
        },
        "policy": "MultiInputPolicy",
    },
    "actions repeated": {"env": {"id": "tests.trainer.test_every_environment:Sealed-v0", "wrappers": [REMEMBERING]}},
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.filterwarnings("ignore:.*should return new observation data:UserWarning")
def test_three_sessions_are_one_uninterrupted_training(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(self_check.EFFORT, "actions", 1)  # how far repeated actions lead is not what this is about
    n_envs = EXACT[name]["env"].get("n_envs", 1)
    job = job_values(**EXACT[name], total_timesteps=5 * ROLLOUT * n_envs)
    whole, chained = relay.session(job), relay.chain(job, 2, 1)
    assert whole.code == chained.code == 0, whole.log
    assert chained.metadata.resume.exact, chained.metadata.resume.reasons
    assert outcome_of(chained.latest) == outcome_of(whole.latest)


@NEEDS_ATARI
def test_atari_gives_its_state_and_two_sessions_are_one(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tests/scenarios/test_own_parts.py` has three, killed, at full size."""
    monkeypatch.setattr(self_check, "PATIENCE", 0.1)
    job = job_values(env=PONG, policy="CnnPolicy", hyperparameters=FEW_STEPS, total_timesteps=16)
    whole, chained = relay.session(job), relay.chain(job, 1)
    assert whole.code == chained.code == 0, whole.log
    assert chained.metadata.resume.exact, chained.metadata.resume.reasons
    assert outcome_of(chained.latest) == outcome_of(whole.latest)


@NEEDS_ATARI
def test_sticky_actions_of_atari_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(self_check.EFFORT, "actions", 1)
    found = check_environments(a_job(**PONG | {"kwargs": {"frameskip": 1, "repeat_action_probability": 0.25}}))
    assert found.method == "actions"
    assert "repeat_action_probability is 0.25, and ale-py does not tell the action before" in found.reasons[0]


@pytest.mark.parametrize(
    ("env", "found"),
    [
        (
            {"wrappers": [REMEMBERING, FORGETTING, "FlattenObservation"]},
            Resumption("none", (f"{FORGETTING} (env.wrappers) does not give its state back: ",)),
        ),
        (
            {"vec_wrappers": [SIEVE, "VecNormalize"]},
            Resumption("state", (), (f"{SIEVE} (env.vec_wrappers) does not give its state back: ",)),
        ),
        (
            {"vec_wrappers": [SHAKEN, LOCKED]},
            Resumption("state", (), (f"{LOCKED} (env.vec_wrappers) does not give its state back: ",)),
        ),
    ],
    ids=["around each", "around all", "what no pickle holds"],
)
def test_a_wrapper_that_forgets_is_named(env: dict[str, Any], found: Resumption) -> None:
    told = check_environments(a_job(**env))
    assert told.method == found.method
    assert len(told.inexact) == 1
    assert told.inexact[0].startswith(found.inexact[0])


def test_a_session_with_a_wrapper_that_forgets_says_so_and_goes_on(relay: Relay) -> None:
    job = job_values(env={**CART_POLE, "vec_wrappers": [LOCKED]})
    ended = relay.chain(job, 2)
    assert ended.code == 0
    assert not ended.metadata.resume.exact
    assert any("Locked" in reason for reason in ended.metadata.resume.reasons)
    assert "Resume will be approximate: " in ended.log


def test_evaluation_goes_by_what_the_training_has_learned() -> None:
    job = a_job(wrappers=["NormalizeObservation", {"TimeLimit": {"max_episode_steps": 9}}])
    training, evaluation = make_training_envs(job), make_evaluation_envs(job)
    training.reset()
    for _ in range(20):
        training.step(np.array([1]))
    hand_on_running_means(training, evaluation)
    (learned,), (handed,) = training.env_method("running_means"), evaluation.env_method("running_means")
    before = [each["obs_rms"].mean for each in handed if each]
    assert next(each["obs_rms"].mean for each in learned if each) == pytest.approx(before[0])
    evaluation.reset()
    evaluation.step(np.array([0]))
    (after,) = evaluation.env_method("running_means")
    assert (next(each["obs_rms"].mean for each in after if each) == before[0]).all()
    assert evaluation.get_attr("update_running_mean") == [False]
    assert NormalizeObservation.__name__ in {type(each).__name__ for each in layers(evaluation)}


def layers(venv: Any) -> list[Any]:
    found = [venv.unwrapped.envs[0]]
    while hasattr(found[-1], "env"):
        found.append(found[-1].env)
    return found


def test_who_only_acts_is_given_the_environment_that_the_policy_knows(relay: Relay) -> None:
    env = {
        "id": BOTH,
        "n_envs": 2,
        "wrappers": [{"TimeLimit": {"max_episode_steps": 4}}],
        "vec_wrappers": [{"VecNormalize": {"norm_obs_keys": ["numbers"]}}],
    }
    ended = relay.session(job_values(env=env, policy="MultiInputPolicy", total_timesteps=2 * ROLLOUT))
    model, scale = load_for_inference(ended.latest)
    venv = make_environment(ended.latest)
    venv.seed(5)
    seen: Any = venv.reset()
    assert venv.num_envs == 1
    raw: Any = vars(venv)["old_obs"]
    assert all((scale(raw)[key] == seen[key]).all() for key in seen)
    assert not np.allclose(raw["numbers"], seen["numbers"])
    ended_at = []
    for step in range(8):
        seen, _, dones, _ = venv.step(model.predict(seen, deterministic=True)[0])
        ended_at += [step] if dones[0] else []
    assert ended_at[0] < 4 <= max(ended_at)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"wrappers": [{"TimeLimit": {"max_steps": 9}}]}, "TimeLimit has no argument max_steps; did you mean max_ep"),
        ({"wrappers": ["TimeLimit"]}, "env.wrappers.0: TimeLimit lacks its argument max_episode_steps; write `Time"),
        (
            {"wrappers": ["FlattenObservation", f"{LAB}:Remembring"]},
            f"env.wrappers.1: names {LAB}:Remembring, and {LAB}",
        ),
        ({"wrappers": ["lab.nowhere:Mine"]}, "env.wrappers.0: names lab.nowhere:Mine: there is no module lab, neither"),
        ({"wrappers": [f"{LAB}:Both"]}, f"env.wrappers.0: {LAB}:Both cannot be made: TypeError"),
        ({"wrappers": [SHAKEN]}, "env.wrappers.0: tests.trainer.lab:Shaken cannot be made"),
        (
            {"vec_wrappers": ["VecTransposeImage"]},
            "env.vec_wrappers.0: VecTransposeImage cannot be made: AssertionError",
        ),
        (
            {"vec_wrappers": [{"VecNormalize": {"clip": 1}}]},
            "VecNormalize has no argument clip; did you mean clip_obs?",
        ),
        ({"vec_wrappers": [{"VecNormalize": {"norm_obs_keys": ["a"]}}]}, "`norm_obs_keys` param is applicable only"),
    ],
)
def test_what_cannot_be_put_around_is_one_sentence(env: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        try_job(a_job(**env))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, UnavailableError) == ("nowhere" in said)


def test_a_replay_buffer_and_frames_stacked_outside_of_the_scaling_are_refused() -> None:
    values = job_values(
        env={**CART_POLE, "vec_wrappers": ["VecNormalize", STACKED]},
        algorithm="DQN",
        hyperparameters={"buffer_size": 50},
    )
    with pytest.raises(InputError, match=r"get another shape outside of VecNormalize, and DQN keeps those inside"):
        try_job(parse_job(values))
    values["env"]["vec_wrappers"].reverse()
    try_job(parse_job(values))


@pytest.mark.parametrize("known", [Wrapper, VecWrapper])
def test_each_short_name_names_a_class(known: type[Wrapper | VecWrapper]) -> None:
    for name, module in known.homes.items():
        assert isinstance(getattr(importlib.import_module(module), name), type)
