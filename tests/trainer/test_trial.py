"""A job tried in this process: what its environment may not allow, what it would take, what opens a window."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from unittest import mock

import gymnasium as gym
import numpy as np
import pytest

from contract.errors import InputError
from contract.storage.layout import Artifacts
from job.model import parse_job
from tests.trainer.conftest import ROLLOUT, job_values, record_of
from trainer.environments.identifiers import registered_spec
from trainer.trial import try_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.trainer.conftest import Relay

HELD: list[socket.socket] = []


class Port(gym.Env[Any, Any]):
    """One that takes a port of this machine, and may not give it back.

    Args:
        gives_back: whether closing it does.
    """

    number = 0
    observation_space = gym.spaces.Box(0, 255, (8, 8, 3), np.uint8)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, *, gives_back: bool = True) -> None:
        self._link = socket.socket()
        self._gives_back = gives_back
        HELD.append(self._link)
        self._link.bind(("127.0.0.1", Port.number))
        Port.number = self._link.getsockname()[1]
        self._link.listen()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return self.observation_space.sample(), {}

    def step(self, _action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), 1.0, False, False, {}

    def close(self) -> None:
        if self._gives_back:
            self._link.close()


if "Port-v0" not in gym.registry:
    gym.register("Port-v0", f"{__name__}:Port")


@pytest.fixture(autouse=True)
def port() -> Iterator[None]:
    """A port that nobody holds yet, for each test."""
    Port.number = 0
    yield
    while HELD:
        HELD.pop().close()


def tried(**changes: Any) -> Any:
    return try_job(parse_job(job_values(**changes)))


def test_one_that_stands_alone_is_tried_without_a_word() -> None:
    assert tried(env={"id": "Port-v0"}, policy="CnnPolicy", hyperparameters=IMAGES).notes == ()


IMAGES = {"n_steps": 8, "batch_size": 8, "policy_kwargs": {"features_extractor_class": "FlattenExtractor"}}


@pytest.mark.parametrize(
    ("changes", "who", "remedy"),
    [
        ({"env": {"id": "Port-v0", "n_envs": 4}}, "which n_envs above 1 needs: OSError", "set n_envs to 1"),
        ({"eval": {"frequency": 8}}, "evaluation makes a second one beside the training's", "set eval.frequency to 0"),
    ],
)
def test_a_second_instance_that_is_not_allowed_is_refused_with_who_needs_it(
    changes: dict[str, Any], who: str, remedy: str
) -> None:
    with pytest.raises(InputError) as caught:
        tried(**{"env": {"id": "Port-v0"}, "hyperparameters": IMAGES, **changes})
    assert who in caught.value.problem
    assert str(caught.value.remedy).startswith(remedy)


def test_one_that_can_be_made_only_once_is_said_to_go_unchecked() -> None:
    (note,) = tried(env={"id": "Port-v0", "kwargs": {"gives_back": False}}, hyperparameters=IMAGES).notes
    assert note.startswith("Port-v0 can be made only once in a process, so that its resume cannot be checked (")
    assert note.endswith("it is trained without, and its resume is approximate")


def test_a_window_is_refused() -> None:
    with pytest.raises(InputError, match=r"opens a window .* \(render_mode: human\); remove render_mode"):
        tried(env={"id": "CartPole-v1", "kwargs": {"render_mode": "human"}})


@pytest.mark.parametrize("n_envs", [1, 3])
def test_a_full_replay_buffer_is_counted_without_being_made(n_envs: int) -> None:
    capacity = 3_000_000_000
    hyperparameters = {"buffer_size": capacity, "learning_starts": 8, "batch_size": 8}
    found = tried(env={"id": "CartPole-v1", "n_envs": n_envs}, algorithm="DQN", hyperparameters=hyperparameters)
    a_row = 2 * 4 * 4 + 8 + 3 * 4  # both observations, the action, and reward, end and time limit
    assert found.memory.replay == pytest.approx(capacity * a_row, rel=0.01)
    assert found.memory.rollout == 0


@pytest.mark.parametrize(
    ("env_id", "problem", "remedy"),
    [
        ("CartPol-v1", "no environment of this name is registered", "did you mean CartPole-v1?"),
        ("cartpole-v1", "no environment of this name is registered", "did you mean CartPole-v1?"),
        ("CartPole-v7", "there is no such version of it", "write CartPole-v1"),
        (
            "gymnasium.envs:CartPole-v7",
            "no such version",
            "write gymnasium.envs:CartPole-v1",
        ),
        ("ALE/Nowhere-v5", "nothing is registered under ALE/", "write ale_py:ALE/Nowhere-v5"),
        ("FetchNowhere-v3", "no environment of this name", "write gymnasium_robotics:FetchNowhere-v3"),
        ("Qqqqqqqq-v0", "no environment of this name", "write the module that registers it before it"),
        (
            "qqqqqqqq:Mine-v0",
            "there is no module qqqqqqqq, neither in the job's sources nor",
            "install it",
        ),
    ],
)
def test_an_id_that_names_nothing_is_told_with_what_to_write(env_id: str, problem: str, remedy: str) -> None:
    with mock.patch.dict(gym.registry):
        for each in [name for name in gym.registry if name.startswith("ALE/")]:
            del gym.registry[each]  # another test of this process may have had them registered
        with pytest.raises(InputError) as caught:
            registered_spec(env_id)
    assert problem in caught.value.problem
    assert str(caught.value.remedy).startswith(remedy)


ONCE = """
import gymnasium as gym

try:
    import fcntl
    import resource
except ImportError:
    fcntl = None

MANY_OPEN = 5_000
made = 0


def make():
    global made
    made += 1
    if made > 1:
        raise RuntimeError("the simulator is taken")
    if fcntl is not None:
        take()
    return gym.make("CartPole-v1")


def take():
    # It is held as long as the file is open, which has a number as in a process with many open files.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    may_open = MANY_OPEN + 1 if hard == resource.RLIM_INFINITY else min(MANY_OPEN + 1, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, may_open), hard))
    with open("simulator.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.fcntl(lock, fcntl.F_DUPFD, may_open - 1)


gym.register("Once-v0", make)
"""


@pytest.mark.slow
def test_an_environment_that_can_be_made_once_is_trained_without_the_check(relay: Relay, tmp_path: Path) -> None:
    (tmp_path / "made_once.py").write_text(ONCE, encoding="utf-8")
    values = job_values(env={"id": "made_once:Once-v0"}, total_timesteps=ROLLOUT)
    command = ["-m", "trainer", "--input", str(relay.input(values)), "--output", str(tmp_path / "artifacts")]
    answer = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Resume will be approximate: made_once:Once-v0 can be made only once in a process" in answer.stdout
    latest = list(Artifacts(tmp_path / "artifacts", values["name"]).checkpoints_by_timesteps().values())[-1]
    (reason,) = record_of(latest).resume.reasons
    assert "RuntimeError: the simulator is taken" in reason
