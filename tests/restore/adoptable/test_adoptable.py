"""What was pickled by hand is read without running anything in it."""

from __future__ import annotations

import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.save_util import save_to_pkl
from stable_baselines3.common.vec_env import VecNormalize

from contract.errors import CheckpointError
from restore.adoptable.model import read_model
from restore.adoptable.normalization import read_normalization
from restore.adoptable.transitions import read_transitions
from tests.examples import some

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stable_baselines3.common.buffers import BaseBuffer

SPACE = gym.spaces.Box(-1, 1, (3,), np.float32)
ACTIONS = gym.spaces.Discrete(2)
LARGE = 1 << 30


@pytest.fixture(scope="module")
def normalizing() -> VecNormalize:
    environments = VecNormalize(make_vec_env("CartPole-v1", 2, seed=3))
    environments.reset()
    for _ in range(5):
        environments.step(np.zeros(2, np.int64))
    return environments


@pytest.fixture(scope="module")
def saved(normalizing: VecNormalize, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "vecnormalize.pkl"
    normalizing.save(str(path))
    return path


def filled(buffer: ReplayBuffer, rows: int, observation: Any) -> ReplayBuffer:
    for row in range(rows):
        action, reward, done = np.array([[1]]), np.array([row], np.float32), np.array([False])
        buffer.add(observation, observation, action, reward, done, [{}])
    return buffer


def pickled(buffer: BaseBuffer, folder: Path) -> Path:
    path = folder / "buffer.pkl"
    save_to_pkl(path, buffer)
    return path


def test_the_statistics_of_a_vecnormalize_are_those_that_it_had(normalizing: VecNormalize, saved: Path) -> None:
    found = read_normalization(saved)
    assert found.norm_obs
    assert isinstance(normalizing.obs_rms, RunningMeanStd)
    assert found.arrays["obs_rms/mean"].tolist() == normalizing.obs_rms.mean.tolist()
    assert found.arrays["ret_rms/var"] == normalizing.ret_rms.var
    assert found.arrays["ret_rms/count"] == normalizing.ret_rms.count


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_every_protocol_of_pickles_says_the_same(
    normalizing: VecNormalize, saved: Path, tmp_path: Path, protocol: int
) -> None:
    path = tmp_path / "again.pkl"
    path.write_bytes(pickle.dumps(normalizing, protocol))
    found, expected = read_normalization(path).arrays, read_normalization(saved).arrays
    assert {name: each.tolist() for name, each in found.items()} == {
        name: each.tolist() for name, each in expected.items()
    }


def test_a_buffer_has_its_rows(tmp_path: Path) -> None:
    buffer = filled(ReplayBuffer(4, SPACE, ACTIONS), 6, np.full((1, 3), 0.5, np.float32))
    found = read_transitions(pickled(buffer, tmp_path), LARGE)
    assert (found.position, found.is_full) == (2, True)
    assert found.arrays["rewards"].tolist() == buffer.rewards.tolist()
    assert found.arrays.keys() == {"observations", "next_observations", "actions", "rewards", "dones", "timeouts"}


def test_observations_by_name_are_rows_by_name(tmp_path: Path) -> None:
    observation = {"near": np.zeros((1, 3), np.float32), "far": np.ones((1, 3), np.float32)}
    buffer = DictReplayBuffer(4, gym.spaces.Dict(near=SPACE, far=SPACE), ACTIONS)
    found = read_transitions(pickled(filled(buffer, 2, observation), tmp_path), LARGE)
    assert found.arrays["observations/far"][:2].tolist() == [[[1.0] * 3]] * 2


class Harmful:
    """Pickled, it is a command."""

    def __init__(self, *call: Any) -> None:
        self._call = call

    def __reduce__(self) -> Any:
        return self._call[0], self._call[1:]


@pytest.mark.parametrize("reader", [read_normalization, lambda path: read_transitions(path, LARGE)])
def test_what_a_pickle_would_run_is_named_and_not_run(tmp_path: Path, reader: Callable[[Path], Any]) -> None:
    path, trace = tmp_path / "harmful.pkl", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Harmful(open, str(trace), "w")))
    with pytest.raises(CheckpointError, match=r"would load .*open.*, which no saved object of Stable-Baselines3 needs"):
        reader(path)
    assert not trace.exists()


def test_what_a_pickle_hides_among_the_statistics_is_not_run(normalizing: VecNormalize, tmp_path: Path) -> None:
    path, trace = tmp_path / "harmful.pkl", tmp_path / "trace"
    state = normalizing.__getstate__()
    path.write_bytes(pickle.dumps([state["obs_rms"], Harmful(open, str(trace), "w")]))
    with pytest.raises(CheckpointError, match="would load"):
        read_normalization(path)
    assert not trace.exists()


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    buffer = filled(ReplayBuffer(4, SPACE, ACTIONS), 2, np.full((1, 3), np.nan, np.float32))
    with pytest.raises(CheckpointError, match="holds NaN or infinity among its 'observations'"):
        read_transitions(pickled(buffer, tmp_path), LARGE)


def test_rows_that_were_never_written_may_hold_anything(tmp_path: Path) -> None:
    buffer = filled(ReplayBuffer(4, SPACE, ACTIONS), 2, np.zeros((1, 3), np.float32))
    buffer.observations[3] = np.nan
    assert read_transitions(pickled(buffer, tmp_path), LARGE).position == 2


def test_another_object_is_refused_by_its_name(normalizing: VecNormalize, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds a .*VecNormalize.* instead of a ReplayBuffer"):
        read_transitions(saved, LARGE)
    path = tmp_path / "statistics.pkl"
    path.write_bytes(pickle.dumps(normalizing.ret_rms))
    with pytest.raises(CheckpointError, match=r"holds a .*RunningMeanStd.* instead of a VecNormalize"):
        read_normalization(path)


def test_a_buffer_beyond_the_limit_is_not_read(saved: Path) -> None:
    with pytest.raises(CheckpointError, match=r"more than the 10 allowed; raise validation\.max_replay_bytes"):
        read_transitions(saved, 10)


@settings(max_examples=some(150))
@given(data=st.data())
def test_damage_is_one_sentence_or_other_numbers(saved: Path, data: st.DataObject) -> None:
    content = bytearray(saved.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = saved.with_name("damaged.pkl")
    damaged.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    try:
        found = read_normalization(damaged)
    except CheckpointError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either may come
    else:
        assert all(np.isfinite(each).all() for each in found.arrays.values())


def a_zip(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    path = a_zip(tmp_path / "rl_model_64_steps.zip", data=b'{"num_timesteps": 64}')
    with pytest.raises(CheckpointError, match=r"lacks the member policy\.pth, which each model"):
        read_model(path, timesteps=64, max_bytes=LARGE)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CheckpointError, match="does not end as a zip does"):
        read_model(path, timesteps=64, max_bytes=LARGE)
