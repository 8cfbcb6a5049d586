"""Real sessions for the tests of the trainer: tiny, in this process where that will do, in their own where it must."""

from __future__ import annotations

import contextlib
import hashlib
import io
import multiprocessing
import os
import random
import shutil
import signal
import sys
import threading
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils import EzPickle

from contract import events
from contract.documents.session import CheckpointRecord, Manifest, TrainingMetadata
from contract.storage import files, layout
from contract.storage.layout import Artifacts
from tests.trainer.forks import ForkingProcess, Order
from trainer.checkpoint.resume_state import ResumeState
from trainer.session import run_session
from trainer.session_input import read_session_input
from trainer.stopping.interruption import Interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainer.stopping.deadline import Pace

ROOT = Path(__file__).resolve().parents[2]
JOB = "balance"
ROLLOUT = 16
HYPERPARAMETERS = {"n_steps": ROLLOUT, "batch_size": 8, "n_epochs": 1, "policy_kwargs": {"net_arch": [8]}}
PATIENCE_SECONDS = 240.0


def job_values(**changes: Any) -> dict[str, Any]:
    """A job whose rollouts take some milliseconds and end in the middle of episodes."""
    values = {
        "name": JOB,
        "env": {"id": "CartPole-v1"},
        "algorithm": "PPO",
        "hyperparameters": HYPERPARAMETERS,
        "total_timesteps": 5 * ROLLOUT,
        "seed": 3,
        **changes,
    }
    if values["algorithm"] == "A2C":
        own_to_ppo = ("batch_size", "n_epochs", "clip_range")
        values["hyperparameters"] = {k: v for k, v in values["hyperparameters"].items() if k not in own_to_ppo}
    return values


class Rebuilt(EzPickle):
    """Part of an environment that pickle makes anew from its arguments, its state forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0


class Troubled(gym.Env[Any, Any]):
    """A walk that draws from every generator there is, and causes the trouble that it is asked for.

    Args:
        part: something in it that pickle cannot give back: `lock`, `rebuilt` or none.
        fails_at: raises at this step of its life.
        hangs_at: says so and hangs at this step of its life.
    """

    def __init__(self, part: str | None = None, fails_at: int | None = None, hangs_at: int | None = None) -> None:
        place = gym.spaces.Box(-1e3, 1e3, (2,), np.float32)
        self._moods = gym.spaces.Discrete(3, seed=1)
        self.observation_space = gym.spaces.Dict({"place": place, "mood": gym.spaces.Discrete(3)})
        self.action_space = gym.spaces.Discrete(2)
        self.part = {"lock": threading.Lock, "rebuilt": Rebuilt}[part]() if part else None
        self._fails_at = fails_at
        self._hangs_at = hangs_at
        self._steps = 0
        self._place = np.zeros(2, np.float32)

    def _observation(self) -> dict[str, Any]:
        return {"place": self._place.copy(), "mood": int(self._moods.sample())}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self._place = self.np_random.normal(size=2).astype(np.float32)
        return self._observation(), {}

    def step(self, action: int) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self._steps += 1
        if self._steps == self._fails_at:
            raise RuntimeError("the road is closed")
        if self._steps == self._hangs_at:
            events.say("the road is blocked")
            time.sleep(PATIENCE_SECONDS)
        drawn = np.random.random(), random.random()  # noqa: NPY002 - what careless environments draw from
        self._place += np.float32(action - 0.5) + np.array(drawn, np.float32) / 10
        ended = bool(self.np_random.random() < 0.1)
        return self._observation(), float(drawn[0]), ended, False, {}


if "Troubled-v0" not in gym.registry:
    gym.register("Troubled-v0", f"{Troubled.__module__}:Troubled")

TROUBLED = f"{Troubled.__module__}:Troubled-v0"
"""Its id for worker processes and subprocesses, which must import it first."""


@dataclass(frozen=True)
class Ended:
    """A session that has ended: its exit code, its artifacts and what it printed."""

    code: int
    artifacts: Artifacts
    log: str

    @property
    def steps(self) -> list[int]:
        """The numbers of the checkpoints that it left."""
        return list(self.artifacts.checkpoints_by_timesteps())

    @property
    def latest(self) -> Path:
        """The checkpoint with the highest number."""
        return list(self.artifacts.checkpoints_by_timesteps().values())[-1]

    @property
    def metadata(self) -> TrainingMetadata:
        return TrainingMetadata.model_validate(files.read_json(self.artifacts.metadata))

    @property
    def manifest(self) -> Manifest:
        return Manifest.model_validate(files.read_json(self.artifacts.manifest))

    def events(self, name: str) -> list[dict[str, Any]]:
        """The values of every event of that name, in the order in which they were printed."""
        printed = (events.parse_event(line) for line in self.log.splitlines())
        return [event.values for event in printed if event is not None and event.name == name]


def record_of(checkpoint: Path) -> CheckpointRecord:
    with zipfile.ZipFile(checkpoint) as packed:
        return CheckpointRecord.model_validate_json(packed.read(layout.RECORD_MEMBER))


def state_of(checkpoint: Path) -> ResumeState:
    with zipfile.ZipFile(checkpoint) as packed:
        return ResumeState.from_bytes(packed.read(layout.STATE_MEMBER))


def _feed(digest: Any, value: Any) -> None:
    """Every bit of nested tensors, arrays and numbers."""
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            digest.update(f"{key}:".encode())
            _feed(digest, value[key])
    elif isinstance(value, list | tuple):
        for each in value:
            _feed(digest, each)
    elif isinstance(value, torch.Tensor):
        _feed(digest, value.detach().numpy())
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
    elif hasattr(value, "__dict__"):
        _feed(digest, vars(value))
    else:
        digest.update(repr(value).encode())


def digest_of(value: Any) -> str:
    digest = hashlib.sha256()
    _feed(digest, value)
    return digest.hexdigest()


def tensors_of(checkpoint: Path) -> str:
    """The sha256 over all tensors of the policy, of its optimizers, and beside them."""
    with zipfile.ZipFile(checkpoint) as packed:
        members = {name: packed.read(name) for name in packed.namelist() if name.endswith(".pth")}
    return digest_of({name: torch.load(io.BytesIO(each), weights_only=True) for name, each in members.items()})


def outcome_of(checkpoint: Path) -> dict[str, Any]:
    """All that must be equal where two trainings are to be the same one."""
    state, record = state_of(checkpoint), record_of(checkpoint)
    attributes = dict(state.attributes)
    latest = attributes.pop("ep_info_buffer")
    return {
        "tensors": tensors_of(checkpoint),
        "timesteps": record.timesteps,
        "statistics": digest_of(state.statistics),
        "episodes": digest_of([{k: v for k, v in each.items() if k != "episode_count"} for each in state.episodes]),
        "generators": digest_of(state.generators),
        "attributes": digest_of(attributes),
        "latest episodes": [(float(each["r"]), int(each["l"])) for each in latest],
        "replay buffer": (record.replay, digest_of(state.replay)),
        "mean_reward": record.mean_reward,
        "best_mean_reward": record.best_mean_reward,
        "milestones": state.session,
    }


class Relay:
    """Runs sessions of a job, each in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self._sessions = 0

    def input(self, job: dict[str, Any], parent: Path | None = None, best: Path | None = None) -> Path:
        """The input folder of the next session, as the package stage lays it out."""
        self._sessions += 1
        folder = self.folder / f"input-{self._sessions}"
        folder.mkdir()
        values = {
            "format": 1,
            "job": job["name"],
            "lineage": 1,
            "session": f"{self._sessions:04d}",
            "profile": "full",
            "goal": job["total_timesteps"],
            "parent": None,
        }
        if parent is not None:
            shutil.copyfile(parent, folder / layout.PARENT_CHECKPOINT)
            if (parent.parent / layout.REPLAY_FOLDER).exists():
                shutil.copytree(parent.parent / layout.REPLAY_FOLDER, folder / layout.REPLAY_FOLDER)
            values["parent"] = {
                "session": f"{self._sessions - 1:04d}",
                "timesteps": record_of(parent).timesteps,
                "sha256": files.sha256_of_file(parent),
            }
        if best is not None:
            shutil.copyfile(best, folder / layout.PARENT_BEST_MODEL)
        files.write_json(folder / layout.JOB_FILE, job)
        files.write_json(folder / layout.REQUEST_FILE, values)
        files.write_json(folder / layout.PAYLOAD_FILE, {"format": 1, "key": files.sha256_of_value(values), "files": {}})
        return folder

    def input_after(self, job: dict[str, Any], parent: Ended | None) -> Path:
        if parent is None:
            return self.input(job)
        best = parent.artifacts.best_model
        return self.input(job, parent.latest, best if best.exists() else None)

    def run(self, folder: Path, output: Path | None = None, stop_after: int | None = None) -> Ended:
        """A session in this process; `stop_after` asks it to stop at the end of that rollout."""
        session_input = read_session_input(folder)
        output = output or folder.with_name(folder.name.replace("input", "output"))
        artifacts = Artifacts(output, session_input.job.name)
        self._capsys.readouterr()
        with stopping(stop_after):
            code = run_session(session_input, artifacts.root, time.monotonic())
        return Ended(code, artifacts, "".join(self._capsys.readouterr()))

    def session(self, job: dict[str, Any], parent: Ended | None = None, stop_after: int | None = None) -> Ended:
        """A session in this process, from `parent` or from nothing."""
        return self.run(self.input_after(job, parent), stop_after=stop_after)

    def chain(self, job: dict[str, Any], *stops: int) -> Ended:
        """The last of several sessions: each but the last is stopped after that many rollouts."""
        ended: Ended | None = None
        for stop in stops:
            ended = self.session(job, ended, stop_after=stop)
            assert ended.metadata.interrupted_by == "SIGTERM"
        return self.session(job, ended)


@contextlib.contextmanager
def stopping(after: int | None) -> Iterator[None]:
    """Let a stop be asked for at the end of a session's rollout number `after`."""
    boundaries = 0

    def reason(_self: Interruption, _pace: Pace) -> str | None:
        nonlocal boundaries
        boundaries += 1
        return "SIGTERM" if boundaries == after else None

    with mock.patch.object(Interruption, "reason", reason) if after else contextlib.nullcontext():
        yield


class SessionProcess:
    """`python -m trainer` as a process of its own, whose log is read as it grows; it leads a group."""

    def __init__(self, forking: ForkingProcess, folder: Path, output: Path) -> None:
        self.artifacts = Artifacts(output, JOB)
        self._forking = forking
        self._log = folder / "log.txt"
        self._code: int | None = None
        self.pid = forking.start(Order(str(folder), str(output), str(self._log)))

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    def code(self) -> int | None:
        """How it has ended, if it has."""
        if self._code is None:
            self._code = self._forking.wait(self.pid)
        return self._code

    def wait_for(self, text: str) -> None:
        """Wait until the session has printed `text`."""
        self.wait_until(lambda: text in self.log)

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """Wait for something while the session runs."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert self.code() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill it, and where the system can all that it started."""
        if sys.platform == "win32":
            os.kill(self.pid, signal.SIGTERM)
        else:
            os.killpg(self.pid, signal.SIGKILL)

    def end(self) -> Ended:
        """Wait for its end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (code := self.code()) is None:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)
        return Ended(code, self.artifacts, self.log)


@pytest.fixture(scope="session")
def forking() -> Iterator[ForkingProcess]:
    """Who starts sessions as processes of their own."""
    process = ForkingProcess("tests.trainer.hanging", __name__)
    yield process
    process.close()


@pytest.fixture(scope="module", autouse=True)
def _workers_are_forks() -> None:
    """Let worker processes be forks of one that has imported torch: 2 seconds less for each.

    On Linux: elsewhere such a fork is not safe.
    """
    if sys.platform == "linux":
        imported_once = ["stable_baselines3", "trainer.environments.vectorized", "forked_workers"]
        multiprocessing.set_forkserver_preload(imported_once)


@pytest.fixture
def relay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Relay]:
    """Sessions; the signal handlers that they install are put back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield Relay(tmp_path, capsys)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def processes() -> Iterator[list[SessionProcess]]:
    """Put session processes here, and none outlives the test."""
    started: list[SessionProcess] = []
    yield started
    for each in started:
        if each.code() is None:
            each.kill()
            each.end()
