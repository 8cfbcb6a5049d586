"""Everything beyond the tensors that the next rollout depends on is taken, and put back in place."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnvWrapper

from job.algorithms.registry import ALGORITHMS
from job.model import parse_job
from tests.trainer.conftest import HYPERPARAMETERS, ROLLOUT, digest_of, job_values
from trainer.algorithms.model import make_model
from trainer.checkpoint.resume_state import ResumeState, capture, put_back
from trainer.environments.making import make_training_envs
from trainer.environments.wrapping import states as wrappers

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

    from trainer.checkpoint.resume_state import Boundary

PPO = ALGORITHMS["PPO"]
NORMALIZED = {"id": "Pendulum-v1", "kwargs": {"max_episode_steps": 10}, "wrapper": "VecNormalize", "n_envs": 2}
NATIVE = {"id": "trainer.envs:TrafficLight-v0", "kwargs": {"decisions": 10}, "wrapper": "VecNormalize", "n_envs": 2}


def trained(rollouts: int = 2, **changes: Any) -> BaseAlgorithm:
    job = parse_job(job_values(**changes))
    model = make_model(job, make_training_envs(job))
    return model.learn(rollouts * job.rollout_timesteps)


def taken(model: BaseAlgorithm, boundary: Boundary = "rollout_start") -> ResumeState:
    return capture(model, PPO, boundary, {"saved_at": 5})


class At(BaseCallback):
    """Does something at the first rollout start."""

    def __init__(self, action: Any) -> None:
        super().__init__()
        self.action = action

    def _on_rollout_start(self) -> None:
        self.action(self.model)
        self.action = lambda _model: None

    def _on_step(self) -> bool:
        return True


def test_taking_the_state_draws_from_no_generator() -> None:
    model = trained(env=NORMALIZED)
    first, second = taken(model), taken(model)
    assert digest_of(first.generators) == digest_of(second.generators)


def test_the_state_survives_its_bytes() -> None:
    state = taken(trained(env=NORMALIZED), "training_end")
    again = ResumeState.from_bytes(state.to_bytes())
    assert (again.boundary, again.session, again.inexact) == ("training_end", {"saved_at": 5}, ())
    assert digest_of(again.generators) == digest_of(state.generators)
    assert again.environments == state.environments


def test_the_form_on_disk_is_that_of_every_checkpoint_so_far() -> None:
    kept = pickle.loads(taken(trained(env=NORMALIZED)).to_bytes())  # noqa: S301 - made a line before
    assert list(kept) == [
        *("boundary", "attributes", "generators", "action_space", "statistics", "episodes"),
        *("environments", "exploration", "session", "replay", "inexact"),
    ]
    assert [sorted(each) for each in kept["statistics"]] == [["obs_rms", "ret_rms"], []]
    assert [sorted(each) for each in kept["episodes"]] == [
        ["old_obs", "old_reward", "returns"],
        ["episode_count", "episode_lengths", "episode_returns"],
    ]
    python, numpy, cpu, cuda = kept["generators"]
    assert (python[0], numpy[0], cpu.dtype) == (3, "MT19937", torch.uint8)
    assert (cuda is None) is not torch.cuda.is_initialized()  # type: ignore[no-untyped-call] # torch has not typed it


def test_bytes_are_a_copy_that_training_does_not_reach() -> None:
    model = trained(env=NORMALIZED)
    state = taken(model)
    content = state.to_bytes()
    model.learn(ROLLOUT * 2, reset_num_timesteps=False)
    again = ResumeState.from_bytes(content)
    assert again.attributes["num_timesteps"] == 2 * 2 * ROLLOUT
    assert digest_of(again.statistics) != digest_of(taken(model).statistics)


@pytest.mark.parametrize("env", [NORMALIZED, NATIVE])
def test_what_is_put_back_is_what_was_taken(env: dict[str, Any]) -> None:
    first, other = trained(env=env), trained(env=env, seed=9)
    state = ResumeState.from_bytes(taken(first).to_bytes())
    before = digest_of(taken(other).statistics)
    assert put_back(other, PPO, ResumeState.from_bytes(taken(first).to_bytes()), same_environments=True) == ()
    again = taken(other)
    assert digest_of(again.statistics) == digest_of(state.statistics) != before
    for name in ("generators", "episodes", "action_space"):
        assert digest_of(getattr(again, name)) == digest_of(getattr(state, name)), name
    assert digest_of(again.attributes) == digest_of(state.attributes)


def test_the_state_is_put_back_in_place() -> None:
    # collect_rollouts holds these already when the callback runs.
    state = ResumeState.from_bytes(taken(trained(env=NORMALIZED)).to_bytes())
    model = trained(env=NORMALIZED, seed=9)
    before = model.get_env(), vars(model)["rollout_buffer"], model.action_space
    put_back(model, PPO, state, same_environments=True)
    assert before == (model.get_env(), vars(model)["rollout_buffer"], model.action_space)


class Counting(VecEnvWrapper):
    """A wrapper that nobody has heard of: it counts steps for ever, and those of the running episodes."""

    def __init__(self, venv: VecEnv) -> None:
        super().__init__(venv)
        self.ever = self.running = 0

    def reset(self) -> VecEnvObs:
        self.running = 0
        return self.venv.reset()

    def step_wait(self) -> VecEnvStepReturn:
        self.ever += 1
        self.running += 1
        return self.venv.step_wait()


def test_a_further_wrapper_takes_a_row_in_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = wrappers.WrapperAttributes(statistics=("ever",), episodes=("running",))
    known: dict[type[VecEnvWrapper], wrappers.WrapperAttributes] = {**wrappers.KNOWN, Counting: attributes}
    monkeypatch.setattr(wrappers, "KNOWN", known)

    def counting(n_envs: int = 2) -> tuple[BaseAlgorithm, Counting]:
        job = parse_job(job_values(env={**NORMALIZED, "n_envs": n_envs}))
        venv = Counting(make_training_envs(job))
        return make_model(job, venv), venv

    model, venv = counting()
    model.learn(2 * 2 * ROLLOUT)
    assert venv.ever == venv.running == 2 * ROLLOUT
    content = taken(model).to_bytes()
    for n_envs, running in ((2, venv.running), (3, 0)):
        resumed, again = counting(n_envs)
        put_back(resumed, PPO, ResumeState.from_bytes(content), same_environments=n_envs == 2)
        assert (again.ever, again.running) == (venv.ever, running)


def test_changed_environments_keep_statistics_and_begin_episodes_anew() -> None:
    state = ResumeState.from_bytes(taken(trained(env=NORMALIZED)).to_bytes())
    model = trained(env={**NORMALIZED, "n_envs": 3}, seed=9)
    episodes, observation = digest_of(taken(model).episodes), model._last_obs  # noqa: SLF001 - what SB3 goes on from
    reasons = put_back(model, PPO, state, same_environments=False)
    assert reasons == ("the environments changed: their episodes start anew",)
    assert digest_of(taken(model).statistics) == digest_of(state.statistics)
    assert digest_of(taken(model).episodes) == episodes
    assert model._last_obs is observation  # noqa: SLF001 - what SB3 goes on from
    assert model.num_timesteps == 2 * 2 * ROLLOUT


@pytest.mark.parametrize("part", ["lock", "rebuilt"])
def test_environments_without_state_are_a_reason(part: str) -> None:
    env = {"id": "Troubled-v0", "kwargs": {"part": part}}
    state = taken(trained(env=env, policy="MultiInputPolicy"))
    assert state.environments is None
    assert state.inexact[0].startswith("Troubled cannot be pickled and has no get_state/set_state")
    model = trained(env=env, policy="MultiInputPolicy", seed=9)
    observation = model._last_obs  # noqa: SLF001 - what SB3 goes on from
    assert put_back(model, PPO, state, same_environments=True) == state.inexact
    assert model._last_obs is observation  # noqa: SLF001 - what SB3 goes on from


def matrices(model: BaseAlgorithm) -> str:
    distribution: Any = model.policy.action_dist
    return digest_of([distribution.exploration_mat, distribution.exploration_matrices])


@pytest.mark.parametrize("boundary", ["rollout_start", "training_end"])
def test_the_noise_of_gsde_is_that_of_the_uninterrupted_rollout(boundary: Boundary) -> None:
    sde = {**HYPERPARAMETERS, "use_sde": True}
    first, resumed = (trained(env={"id": "Pendulum-v1"}, hyperparameters=sde, seed=seed) for seed in (1, 2))
    content: list[bytes] = []
    noise: list[str] = []

    def take(model: BaseAlgorithm) -> None:
        if not content:
            content.append(taken(model, boundary).to_bytes())
        noise.append(matrices(model))

    if boundary == "training_end":
        content.append(taken(first, boundary).to_bytes())
    parameters: Any = copy.deepcopy(first.get_parameters())
    first.learn(ROLLOUT, At(take), reset_num_timesteps=False)

    def go_on(model: BaseAlgorithm) -> None:
        put_back(model, PPO, ResumeState.from_bytes(content[0]), same_environments=True)
        noise.append(matrices(model))

    resumed.set_parameters(parameters)
    resumed.learn(ROLLOUT, At(go_on), reset_num_timesteps=False)
    assert noise[0] == noise[1]


def test_a_model_without_environments_has_no_state() -> None:
    model = trained()
    model.env = None
    with pytest.raises(TypeError, match="has no environments"):
        taken(model)
