"""A replay buffer that is saved piece by piece comes back as it was, to the last bit, and a save writes what is new."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.buffers import DictReplayBuffer, NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

from contract.errors import CheckpointError
from trainer.checkpoint import replay_buffer
from trainer.checkpoint.replay_buffer import ReplayRecorder, fill, replay_fields, take_state
from trainer.checkpoint.segments import SegmentStore, unnamed_segments

if TYPE_CHECKING:
    from pathlib import Path

    from contract.documents.session import Replay

VECTOR = gym.spaces.Box(-1, 1, (3,), np.float32)
IMAGE = gym.spaces.Box(0, 255, (8, 8, 2), np.uint8)
GOAL = gym.spaces.Dict(dict.fromkeys(("observation", "achieved_goal", "desired_goal"), VECTOR))
BUTTONS = gym.spaces.Discrete(4)
STICK = gym.spaces.Box(-1, 1, (2,), np.float32)
CAPACITY = 60


class Goals(gym.Env[Any, Any]):
    """What a HER buffer asks for new rewards."""

    observation_space = GOAL
    action_space = STICK


def make_buffer(kind: str, n_envs: int) -> ReplayBuffer:
    size = CAPACITY * n_envs
    if kind == "her":
        env = DummyVecEnv([Goals] * n_envs)
        return HerReplayBuffer(size, GOAL, STICK, env, "cpu", n_envs=n_envs, copy_info_dict=True)
    if kind == "dict":
        return DictReplayBuffer(size, GOAL, STICK, "cpu", n_envs=n_envs)
    if kind == "n-step":
        return NStepReplayBuffer(size, VECTOR, BUTTONS, "cpu", n_envs=n_envs)
    if kind == "frugal":
        settings = {"optimize_memory_usage": True, "handle_timeout_termination": False}
        return ReplayBuffer(size, IMAGE, BUTTONS, "cpu", n_envs=n_envs, **settings)
    return ReplayBuffer(size, VECTOR, STICK, "cpu", n_envs=n_envs)


KINDS = ("plain", "frugal", "n-step", "dict", "her")


class Life:
    """A buffer that gets one row after the other, episodes ending at random."""

    def __init__(self, kind: str, n_envs: int, seed: int) -> None:
        self.buffer = make_buffer(kind, n_envs)
        self._random = np.random.default_rng(seed)
        self._n_envs = n_envs
        self._observation = self._draw(self.buffer.observation_space)

    def _draw(self, space: gym.Space[Any]) -> Any:
        if isinstance(space, gym.spaces.Dict):
            return {name: self._draw(part) for name, part in space.items()}
        shape = (self._n_envs, *(space.shape or ()))
        if space.dtype is not None and np.issubdtype(space.dtype, np.integer):
            return self._random.integers(0, 4, shape).astype(space.dtype)
        return self._random.normal(size=shape).astype(np.float32)

    def add(self, rows: int) -> None:
        for _ in range(rows):
            following = self._draw(self.buffer.observation_space)
            done = self._random.random(self._n_envs) < 0.15
            infos = [{"TimeLimit.truncated": bool(self._random.random() < 0.5)} for _ in range(self._n_envs)]
            reward = self._random.normal(size=self._n_envs).astype(np.float32)
            self.buffer.add(self._observation, following, self._draw(self.buffer.action_space), reward, done, infos)
            self._observation = following


def everything_in(buffer: ReplayBuffer) -> dict[str, Any]:
    """All that a later sample can depend on."""
    filled = replay_buffer.filled_rows(buffer)
    found: dict[str, Any] = {
        name: array[:filled].tobytes() for name, array in replay_buffer.replay_arrays(buffer).items()
    }
    found |= {"pos": buffer.pos, "full": buffer.full}
    if isinstance(buffer, HerReplayBuffer):
        tables = (buffer.ep_start, buffer.ep_length, buffer._current_ep_start)  # noqa: SLF001 - HER has no public way
        found |= {"tables": [(each.dtype, each.flags.c_contiguous, each.tobytes()) for each in tables]}
        found |= {"infos": buffer.infos[:filled].tolist()}
    return found


def refilled(kind: str, n_envs: int, named: Replay, state: dict[str, Any], folder: Path) -> ReplayBuffer:
    buffer = make_buffer(kind, n_envs)
    fill(buffer, named, state, folder)
    return buffer


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_buffer, "SMALLEST_SEGMENT_BYTES", 500)


@pytest.mark.parametrize("n_envs", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_saved_at_any_moment_comes_back(
    tmp_path: Path, kind: str, n_envs: int, request: pytest.FixtureRequest
) -> None:
    moments = random.Random(n_envs)
    life = Life(kind, n_envs, seed=n_envs)
    recorder = ReplayRecorder(life.buffer)
    store = SegmentStore(tmp_path, type(life.buffer).__name__, CAPACITY, replay_fields(life.buffer))
    saved = []
    for _ in range(40 if request.config.getoption("--long") else 16):
        for _ in range(moments.randrange(4)):  # rollouts between two saves, some longer than the buffer
            rows = moments.choice((0, 1, 1, 2, 5, 17, CAPACITY, CAPACITY + 7))
            life.add(rows)
            recorder.advance(rows)
            for each in recorder.take_full():
                store.put(each.first_row, each.count, each.raw)
        for each in recorder.take_all():
            store.put(each.first_row, each.count, each.raw)
        named, state = store.replay(), take_state(life.buffer)
        saved.append((named, state, everything_in(life.buffer)))
        assert everything_in(refilled(kind, n_envs, named, state, tmp_path)) == saved[-1][2]
    assert life.buffer.full
    assert any(not expected["full"] for _, _, expected in saved)
    for named, state, expected in saved:  # what came later has changed nothing
        assert everything_in(refilled(kind, n_envs, named, state, tmp_path)) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_going_on_from_a_parent_is_going_on(tmp_path: Path, kind: str) -> None:
    for rows in (0, 7, CAPACITY - 1, CAPACITY, CAPACITY + 1, 3 * CAPACITY + 11):
        life = Life(kind, 2, seed=rows)
        life.add(rows)
        parents = SegmentStore(tmp_path / f"{rows}", type(life.buffer).__name__, CAPACITY, replay_fields(life.buffer))
        for each in ReplayRecorder(life.buffer).take_all():
            parents.put(each.first_row, each.count, each.raw)
        child = tmp_path / f"{rows} child"
        store = SegmentStore(child, type(life.buffer).__name__, CAPACITY, replay_fields(life.buffer))
        recorder = ReplayRecorder(life.buffer, parents.replay())
        assert recorder.goes_on
        for segment in parents.replay().segments:
            store.adopt(segment, tmp_path / f"{rows}" / f"{segment.sha256}.segment")
        life.add(5)
        recorder.advance(5)
        for each in recorder.take_all():
            store.put(each.first_row, each.count, each.raw)
        again = refilled(kind, 2, store.replay(), take_state(life.buffer), child)
        assert everything_in(again) == everything_in(life.buffer)


def test_a_save_copies_what_is_new_and_less_than_one_segment_more() -> None:
    life = Life("plain", 1, seed=0)
    recorder = ReplayRecorder(life.buffer)
    row = replay_buffer.row_bytes(replay_fields(life.buffer))
    segment = 500 // row * row
    for rows in (1, 3, 20, 1, 40, 7):
        life.add(rows)
        recorder.advance(rows)
        copied = sum(each.raw.nbytes for each in recorder.take_all())
        assert rows * row <= copied < rows * row + 2 * segment
    assert list(recorder.take_all()) == []


def test_segments_are_written_while_the_buffer_fills() -> None:
    life = Life("plain", 1, seed=0)
    recorder = ReplayRecorder(life.buffer)
    length = 500 // replay_buffer.row_bytes(replay_fields(life.buffer))
    life.add(length - 1)
    recorder.advance(length - 1)
    assert list(recorder.take_full()) == []
    life.add(2)
    recorder.advance(2)
    assert [(each.first_row, each.count) for each in recorder.take_full()] == [(0, length)]
    assert [(each.first_row, each.count) for each in recorder.take_all()] == [(length, 1)]


def test_segments_that_no_checkpoint_names_are_found(tmp_path: Path) -> None:
    life = Life("plain", 1, seed=0)
    recorder = ReplayRecorder(life.buffer)
    store = SegmentStore(tmp_path, "ReplayBuffer", CAPACITY, replay_fields(life.buffer))
    named = []
    for _ in range(3):
        life.add(25)
        recorder.advance(25)
        for each in recorder.take_all():
            store.put(each.first_row, each.count, each.raw)
        named.append(store.replay())
    everything = {path.name for path in tmp_path.iterdir()}
    surplus = {path.name for path in unnamed_segments(tmp_path, [named[1], None, named[2]])}
    needed = {f"{each.sha256}.segment" for each in (*named[1].segments, *named[2].segments)}
    assert surplus == everything - needed != set()
    assert unnamed_segments(tmp_path, named) == []


def test_images_are_compressed_and_noise_is_not(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path, "ReplayBuffer", CAPACITY, ())
    image, noise = np.zeros(9_000, np.uint8), np.random.default_rng(0).integers(0, 256, 9_000).astype(np.uint8)
    store.put(0, 1, image)
    store.put(1, 1, noise)
    first, second = store.replay().segments
    assert (first.compression, second.compression) == ("zlib", "none")
    assert first.bytes < second.bytes == 9_000


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Replay, dict[str, Any], Path]:
    life = Life("plain", 1, seed=0)
    life.add(30)
    store = SegmentStore(tmp_path, "ReplayBuffer", CAPACITY, replay_fields(life.buffer))
    for each in ReplayRecorder(life.buffer).take_all():
        store.put(each.first_row, each.count, each.raw)
    return store.replay(), take_state(life.buffer), tmp_path


@pytest.mark.parametrize("damage", ["missing", "truncated", "changed", "compressed"])
def test_a_damaged_segment_is_refused_by_name(saved: tuple[Replay, dict[str, Any], Path], damage: str) -> None:
    named, state, folder = saved
    first = named.segments[0]
    path = folder / f"{first.sha256}.segment"
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(content[:-1])
    elif damage == "changed":
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    else:
        other = {"zlib": "none", "none": "zlib"}[first.compression]
        lying = first.model_copy(update={"compression": other})
        named = named.model_copy(update={"segments": (lying, *named.segments[1:])})
    with pytest.raises(CheckpointError, match=first.sha256):
        fill(make_buffer("plain", 1), named, state, folder)


@pytest.mark.parametrize(("kind", "n_envs"), [("plain", 2), ("n-step", 1), ("frugal", 1)])
def test_a_buffer_of_another_make_is_refused(
    saved: tuple[Replay, dict[str, Any], Path], kind: str, n_envs: int
) -> None:
    named, state, folder = saved
    with pytest.raises(CheckpointError, match="replay buffer"):
        fill(make_buffer(kind, n_envs), named, state, folder)


@pytest.mark.parametrize("kind", ["plain", "her"])
def test_episodes_that_were_cut_count_as_ended(kind: str) -> None:
    life = Life(kind, 1, seed=1)
    life.add(CAPACITY + 3)
    replay_buffer.end_running_episodes(life.buffer)
    assert life.buffer.dones[life.buffer.pos - 1].all()
    assert life.buffer.timeouts[life.buffer.pos - 1].all()
