"""Whether two equal updates come to the same bits is measured, and the training finds nothing of it."""

from __future__ import annotations

import contextlib
import copy
import os
from typing import TYPE_CHECKING, Any

import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from contract.documents.session import ResumeVerdict
from job.model import Job, parse_job
from tests.trainer.conftest import job_values, outcome_of
from tests.trainer.test_every_algorithm import JOBS, job_for
from trainer import training
from trainer.algorithms.model import make_model
from trainer.determinism import machine as of_machine
from trainer.determinism.machine import driver_version, machine
from trainer.determinism.repetition import first_difference, why_it_differs
from trainer.environments.making import make_training_envs
from trainer.environments.spaces import random_states
from trainer.generators import as_bits, capture_generators

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import gymnasium as gym
    from stable_baselines3.common.vec_env import VecEnv

    from tests.trainer.conftest import Relay

SOME = ("DQN-images-stacked", "DQN-HER", "SAC-gSDE-normalized-evaluated", "MaskablePPO", "RecurrentPPO")


class Unsteady(BaseFeaturesExtractor):
    """An extractor that computes something else each time, as sums in any order would."""

    def __init__(self, space: gym.spaces.Box) -> None:
        super().__init__(space, 4)
        self.scale = torch.nn.Linear(1, 1)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        scaled: torch.Tensor = self.scale(torch.ones(1)) * observations
        return scaled + int.from_bytes(os.urandom(2), "big") * 1e-6


def differs(job: Job) -> str | None:
    """What is measured of a job on the CPU."""
    with contextlib.closing(make_training_envs(job, "state")) as venv:
        return why_it_differs(job, venv, "cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As sessions have it: more are slower for networks as small as these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", SOME)
def test_two_equal_updates_agree(name: str) -> None:
    assert differs(parse_job(job_for(name))) is None


@pytest.mark.long("some of them are measured without")
@pytest.mark.parametrize("name", sorted(set(JOBS) - set(SOME)))
def test_they_do_whatever_the_algorithm(name: str) -> None:
    assert differs(parse_job(job_for(name))) is None


@pytest.mark.parametrize("algorithm", ["PPO", "A2C"])
def test_and_those_of_the_others(algorithm: str) -> None:
    assert differs(parse_job(job_values(algorithm=algorithm))) is None


def test_updates_that_differ_are_noticed() -> None:
    policy = {"net_arch": [8], "features_extractor_class": f"{__name__}:Unsteady"}
    found = differs(parse_job(job_values(hyperparameters={"n_steps": 16, "batch_size": 8, "policy_kwargs": policy})))
    assert found is not None
    assert found.startswith("two equal updates gave different bits before the training (in policy")


def test_what_cannot_be_measured_is_not_called_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    def asks_for_more(_self: PPO, _timesteps: int) -> None:
        raise AttributeError("get_lights")

    monkeypatch.setattr(PPO, "learn", asks_for_more)
    said = "whether the GPU computes the same twice could not be measured before the training"
    assert differs(parse_job(job_values())) == f"{said} (AttributeError: get_lights)"


def test_the_first_part_that_differs_is_named() -> None:
    one = {"policy.a": 1, "policy.b": 2}
    assert first_difference(one, dict(one)) is None
    assert first_difference(one, {**one, "policy.b": 3}) == "policy.b"
    assert first_difference(one, {"policy.a": 1}) == "policy.b"
    for least in (torch.tensor([0.1]), torch.tensor([-0.0])):
        other = torch.nextafter(least, torch.tensor([1.0]))
        assert first_difference({"w": as_bits(least)}, {"w": as_bits(other)}) == "w"


def test_generators_spaces_and_environments_stand_where_they_stood() -> None:
    job = parse_job(job_for("SAC"))
    with contextlib.closing(make_training_envs(job, "state")) as venv:
        venv.seed(1)
        venv.reset()
        before = as_bits(capture_generators()), copy.deepcopy(random_states(venv.action_space))
        assert why_it_differs(job, venv, "cpu") is None
        assert (as_bits(capture_generators()), random_states(venv.action_space)) == before


@pytest.mark.parametrize("name", ["PPO", pytest.param("SAC", marks=pytest.mark.long("PPO's does without"))])
def test_a_training_comes_to_the_same_bits_with_and_without_it(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    job = job_for(name) if name == "SAC" else job_values()
    without = relay.session(job)
    measured = []

    def make(wanted: Job, venv: VecEnv, device: str) -> Any:
        measured.append(why_it_differs(wanted, venv, device))
        return make_model(wanted, venv, device)

    monkeypatch.setattr(training, "make_model", make)
    assert outcome_of(relay.session(job).latest) == outcome_of(without.latest)
    assert measured == [None]


def test_on_the_cpu_nothing_is_measured_and_nothing_recorded(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "why_it_differs", None)
    ended = relay.session(job_values())
    assert ended.code == 0
    assert ended.metadata.resume == ResumeVerdict(exact=True)
    assert not {"gpu", "cuda", "tf32"} & set(ended.metadata.libraries)


def test_a_gpu_that_is_full_leaves_the_checkpoint_before(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    update, updates = PPO.train, []

    def train(model: PPO) -> None:
        updates.append(1)
        if len(updates) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        update(model)

    monkeypatch.setattr(PPO, "train", train)
    job = job_values(save_freq=16)
    ended = relay.session(job)
    assert (ended.code, ended.metadata.interrupted_by) == (1, "SessionError")
    assert ended.metadata.error is not None
    assert ended.metadata.error.startswith("device cuda: CUDA out of memory; lower batch_size")
    assert "Traceback" not in ended.log
    monkeypatch.setattr(PPO, "train", update)
    following = relay.session(job, ended)
    assert following.metadata.timesteps_at_start == ended.steps[-1] == 32
    assert following.metadata.resume.exact


def as_on(monkeypatch: pytest.MonkeyPatch, gpu: str | None) -> None:
    """Have sessions compute on the CPU and take it for a GPU."""
    found = {"gpu": gpu, "gpu-driver": "550.54"} if gpu else {}
    monkeypatch.setattr(training, "machine", lambda _device: found)


def test_another_gpu_between_two_sessions_is_recorded_like_a_library(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_values()
    as_on(monkeypatch, "Tesla T4")
    first = relay.session(job, stop_after=2)
    same = relay.session(job, first, stop_after=1)
    assert same.metadata.resume.exact
    assert same.metadata.libraries["gpu"] == "Tesla T4"
    as_on(monkeypatch, "NVIDIA L4")
    other = relay.session(job, same, stop_after=1)
    assert other.metadata.resume.reasons == ("gpu changed from Tesla T4 to NVIDIA L4 at 48 timesteps",)
    as_on(monkeypatch, None)
    on_cpu = relay.session(job, other)
    assert "gpu changed from NVIDIA L4 to (unset) at 64 timesteps" in on_cpu.metadata.resume.reasons
    assert "Resumed at 64 timesteps (approximate: gpu changed" in on_cpu.log


def test_the_driver_is_found_by_what_it_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "version"
    told.write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.90.07  Fri May 31 09:35:42 UTC 2024\n"
        "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n",
        encoding="utf-8",
    )
    assert driver_version(told) == "550.90.07"
    monkeypatch.setattr(of_machine, "_QUERY", ("no-such-program-anywhere",))
    assert driver_version(tmp_path / "absent") is None
    assert machine("cpu") == {}
