from __future__ import annotations

import itertools
import re
import sys
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env

from contract.errors import InputError, UnavailableError
from trainer.envs.traffic_light.environment import TrafficLightEnv
from trainer.envs.traffic_light.network import CELLS, JAM_VEHICLES, LANES
from trainer.envs.traffic_light.picture import HEIGHT, WIDTH
from trainer.envs.traffic_light.scenario import DEFAULT_DEMAND, Scenario

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENVIRONMENT = "trainer.envs:TrafficLight-v0"


def make(**kwargs: Any) -> TrafficLightEnv:
    env = gym.make(ENVIRONMENT, **kwargs).unwrapped
    assert isinstance(env, TrafficLightEnv)
    return env


def test_gymnasiums_checker_finds_nothing() -> None:
    check_env(make())


def test_the_same_seed_gives_the_same_episode_and_another_seed_another() -> None:
    def rewards(seed: int) -> list[float]:
        env = make(decisions=40)
        env.reset(seed=seed)
        return [env.step(index % 4)[1] for index in range(40)]

    assert rewards(3) == rewards(3)
    assert rewards(3) != rewards(4)


def test_reset_without_a_seed_goes_on_to_other_traffic() -> None:
    env = make(decisions=30)
    env.reset(seed=0)
    first = [env.step(0)[1] for _ in range(30)]
    env.reset()
    assert [env.step(0)[1] for _ in range(30)] != first


def test_an_episode_is_truncated_after_its_decisions_and_tells_its_totals() -> None:
    env = make(decisions=20)
    env.reset(seed=0)
    steps = [env.step(index // 3 % 4) for index in range(20)]
    assert [truncated for _, _, _, truncated, _ in steps] == [False] * 19 + [True]
    assert not any(terminated for _, _, terminated, _, _ in steps)
    assert not any(info for *_, info in steps[:-1])
    info = steps[-1][-1]
    assert info["total_delay"] == pytest.approx(-sum(reward for _, reward, *_ in steps))
    assert info["mean_delay"] == pytest.approx(info["total_delay"] / info["arrived"])
    assert 0 < info["departed"] < info["arrived"]


@pytest.mark.parametrize("over", [False, True])
def test_a_step_outside_an_episode_asks_for_a_reset(over: bool) -> None:
    env = make(decisions=1)
    if over:
        env.reset(seed=0)
        env.step(0)
    with pytest.raises(ResetNeeded, match="call reset"):
        env.step(0)


@pytest.mark.parametrize(("segments", "features"), [(1, 22), (3, 38), (12, 110)])
def test_observed_segments_change_the_observation_space(segments: int, features: int) -> None:
    env = make(observed_segments=segments)
    assert env.observation_space.shape == (features,)
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space


@pytest.mark.parametrize("kwargs", [{"demand": dict.fromkeys(DEFAULT_DEMAND, 100)}, {"min_green": 10}, {"yellow": 5}])
def test_other_arguments_leave_the_spaces_alone(kwargs: dict[str, Any]) -> None:
    assert make(**kwargs).observation_space == make().observation_space
    assert make(**kwargs).action_space == make().action_space


def test_a_closed_approach_is_observed_to_fill_up_from_the_stop_line() -> None:
    env = make(decisions=100, demand_spread=0, demand_swing=0)
    env.reset(seed=0)
    for _ in range(100):
        observation, *_ = env.step(0)
    assert observation in env.observation_space
    east = observation[8:12]
    assert east[2] == pytest.approx(1, abs=0.02)
    assert east[3] > 0.5
    assert observation[-6:].tolist() == [1, 0, 0, 0, 1, 1]


def test_the_vehicles_on_the_road_can_be_read_from_an_observation() -> None:
    env = make(observed_segments=6)
    observation, _ = env.reset(seed=0)
    for _ in range(60):
        observation, *_ = env.step(0)
    content = env.get_state()["batch"]["vehicles"].sum(axis=0) * LANES
    layout = env._batch.layout  # noqa: SLF001 - the layout is what is tested
    np.testing.assert_allclose(layout.vehicles(observation[np.newaxis]), content, rtol=1e-4, atol=1e-4)
    assert content.max() > CELLS * JAM_VEHICLES


@pytest.mark.parametrize(
    ("kwargs", "sentence"),
    [
        ({"demand": {"north": 1}}, "demand: found {'north': 1}, expected vehicles per hour for each of north, east"),
        ({"demand": 500}, "demand: found 500, expected vehicles per hour"),
        ({"demand": dict(DEFAULT_DEMAND, east=-1)}, "demand of east: found -1, expected a number from 0 to 5400"),
        ({"demand": dict(DEFAULT_DEMAND, east="1")}, "demand of east: found '1', expected a number"),
        ({"demand": dict(DEFAULT_DEMAND, west=float("nan"))}, "demand of west: found nan, expected a number"),
        ({"left_share": 1.5}, "left_share: found 1.5, expected a number from 0 to 1"),
        ({"demand_swing": True}, "demand_swing: found True, expected a number"),
        ({"min_green": 0}, "min_green: found 0, expected a whole number of at least 1"),
        ({"yellow": 2.5}, "yellow: found 2.5, expected a whole number of at least 0"),
        ({"decisions": False}, "decisions: found False, expected a whole number"),
        ({"observed_segments": 5}, "observed_segments: found 5, expected one of 1, 2, 3, 4, 6, 12"),
        ({"observed_segments": True}, "observed_segments: found True, expected one of 1, 2"),
    ],
)
def test_a_bad_argument_is_one_clear_sentence(kwargs: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        make(**kwargs)
    assert str(caught.value).startswith(f"TrafficLight-v0 {sentence}")


def test_an_unknown_argument_is_a_type_error_as_gymnasium_expects() -> None:
    with pytest.raises(TypeError, match="'min_gren'"):
        make(min_gren=5)


def test_stable_baselines_makes_it_and_finds_that_it_draws() -> None:
    venv = make_vec_env(ENVIRONMENT, n_envs=2, seed=0)
    assert venv.render_mode == "rgb_array"
    assert len(venv.reset()) == 2


def test_a_picture_shows_the_traffic_and_changes_nothing_of_it() -> None:
    def played(*, draws: bool) -> tuple[list[tuple[float, bytes]], list[NDArray[Any]]]:
        env, frames, steps = make(render_mode="rgb_array", decisions=40), [], []
        env.reset(seed=3)
        for index in range(40):
            if draws:
                frame = env.render()
                assert frame is not None
                frames.append(frame)
            observation, reward, *_ = env.step(index // 3 % 4)
            steps.append((reward, observation.tobytes()))
        return steps, frames

    steps, frames = played(draws=True)
    assert played(draws=False) == (steps, [])
    assert {(frame.shape, frame.dtype) for frame in frames} == {((HEIGHT, WIDTH, 3), np.dtype(np.uint8))}
    assert all((before != after).any() for before, after in itertools.pairwise(frames))
    assert all((one == again).all() for one, again in zip(frames, played(draws=True)[1], strict=True))
    assert WIDTH % 2 == HEIGHT % 2 == 0, "videos have even sides"


def test_without_a_render_mode_there_is_no_picture_and_no_other_mode_is_known() -> None:
    env = make()
    env.reset(seed=0)
    assert env.render() is None
    with pytest.raises(TypeError, match="has the render mode rgb_array alone, found 'ansi'"):
        TrafficLightEnv(render_mode="ansi")


def test_without_pillow_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "trainer.envs.traffic_light.picture")
    env = make(render_mode="rgb_array")
    env.reset(seed=0)
    with pytest.raises(UnavailableError, match=re.escape('pip install "kaggle-relay[report]"')):
        env.unwrapped.render()


def test_no_demand_means_no_delay() -> None:
    env = make(demand=dict.fromkeys(DEFAULT_DEMAND, 0), decisions=10)
    env.reset(seed=0)
    steps = [env.step(0) for _ in range(10)]
    assert {reward for _, reward, *_ in steps} == {0.0}
    assert steps[-1][-1]["mean_delay"] == 0


def arrivals(episodes: int, **kwargs: Any) -> np.ndarray:
    env = make(**kwargs)
    drawn = []
    for seed in range(episodes):
        env.reset(seed=seed)
        drawn.append(env.get_state()["batch"]["arrivals"][:, 0])
    return np.stack(drawn).astype(float)


def test_demand_has_the_mean_that_was_asked_for() -> None:
    mean = arrivals(60).mean(axis=(0, 1)) * 3600
    assert mean.reshape(4, 2).sum(axis=1) == pytest.approx(list(DEFAULT_DEMAND.values()), rel=0.1)
    assert mean[1::2].sum() / mean.sum() == pytest.approx(Scenario().left_share, rel=0.05)


def test_demand_without_spread_and_swing_is_poisson_second_by_second() -> None:
    drawn = arrivals(60, demand_spread=0, demand_swing=0)
    mean = drawn.mean(axis=(0, 1))
    assert drawn.var(axis=(0, 1)) == pytest.approx(mean, rel=0.03)
    assert (drawn == 0).mean(axis=(0, 1)) == pytest.approx(np.exp(-mean), rel=0.01)
    assert np.corrcoef(drawn.reshape(-1, 8).T) == pytest.approx(np.eye(8), abs=0.02)
    halves = drawn.reshape(60, 2, -1, 8).mean(axis=(0, 2))
    assert halves[0] == pytest.approx(halves[1], rel=0.1)


def test_spread_varies_demand_between_episodes_and_swing_within_them() -> None:
    def variation(values: np.ndarray) -> float:
        return float((values.std(axis=0) / values.mean(axis=0)).max())

    steady, spread = arrivals(40, demand_spread=0, demand_swing=0), arrivals(40, demand_spread=0.5, demand_swing=0)
    swinging = arrivals(40, demand_spread=0, demand_swing=0.8)
    assert variation(spread.sum(axis=1)[:, 2:3]) > 2 * variation(steady.sum(axis=1)[:, 2:3])
    assert variation(swinging[0].reshape(6, 150, 8).sum(axis=1)[:, 2:3]) > 0.3
    assert swinging.sum(axis=1).mean(axis=0) == pytest.approx(steady.sum(axis=1).mean(axis=0), rel=0.1)
