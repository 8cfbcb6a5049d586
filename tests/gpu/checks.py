"""What must hold on a GPU; the same on the CPU, as far as there is anything to hold there."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from job.model import parse_job
from tests.gpu.sessions import KILLED, WORLDS, Ended, record_of, run, tensors_of
from trainer.algorithms.model import use_threads
from trainer.determinism.flags import computing
from trainer.determinism.repetition import why_it_differs
from trainer.environments.making import make_training_envs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Check = Callable[[Path, str], str]

NAME = "walk"
ROLLOUT: dict[str, Any] = {"n_steps": 32, "batch_size": 32, "n_epochs": 2}
REPLAY: dict[str, Any] = {"buffer_size": 300, "learning_starts": 60, "batch_size": 32, "train_freq": 4}
SMALL: dict[str, Any] = {"net_arch": [64, 64]}


def job(device: str, algorithm: str = "PPO", *, images: bool = False, **changes: Any) -> dict[str, Any]:
    """A job that trains for a second or two."""
    continuous = algorithm == "SAC"
    hyperparameters: dict[str, Any] = {"A2C": {}, "DQN": REPLAY, "SAC": REPLAY}.get(algorithm, ROLLOUT)
    if algorithm == "RecurrentPPO":
        policy, kwargs = "MlpLstmPolicy", {"lstm_hidden_size": 32, **SMALL}
    else:
        policy, kwargs = (
            ("CnnPolicy", {"features_extractor_kwargs": {"features_dim": 64}}) if images else ("MlpPolicy", SMALL)
        )
    values = {
        "name": NAME,
        "env": {"id": f"{WORLDS}:GpuWalk-v0", "kwargs": {"images": images, "continuous": continuous}, "n_envs": 2},
        "algorithm": algorithm,
        "policy": policy,
        "hyperparameters": {**hyperparameters, "policy_kwargs": kwargs},
        "total_timesteps": 512,
        "save_freq": 128,
        "seed": 7,
        "device": device,
        **changes,
    }
    return parse_job(values).model_dump(mode="json")


class CheckError(AssertionError):
    """Something that must hold and does not."""


def hold(is_so: object, what: str, ended: Ended | None = None) -> None:
    """Fail with `what` where something is not so.

    Raises:
        CheckError: it is not.
    """
    if not is_so:
        log = f"\n{ended.log}" if ended is not None else ""
        raise CheckError(f"{what}{log}")


def exact_after_a_kill(algorithm: str, *, images: bool = False) -> Check:
    """Whether a session that was killed and gone on with is one uninterrupted training, bit for bit."""

    def check(folder: Path, device: str) -> str:
        wanted = job(device, algorithm, images=images)
        whole = run(folder / "whole", wanted)
        hold(whole.code == 0, "the uninterrupted session fails", whole)
        cut = run(folder / "cut", wanted, dies=True)
        hold(cut.code in (KILLED, -KILLED, 128 - KILLED), f"the session is not killed, but ends with {cut.code}", cut)
        reached = record_of(cut.latest).timesteps
        rest = run(folder / "rest", wanted, cut)
        hold(rest.code == 0, "the session that goes on fails", rest)
        for ended in (whole, rest):
            hold(ended.metadata.resume.exact, f"is not exact: {ended.metadata.resume.reasons}", ended)
        hold(tensors_of(rest.latest) == tensors_of(whole.latest), "the tensors differ", rest)
        return f"killed after {reached} of {whole.metadata.timesteps} timesteps, the same tensors at the goal"

    return check


def from_one_device_to_the_other(folder: Path, device: str) -> str:
    """Whether a checkpoint of the CPU is gone on from on the GPU and back, and is said to be approximate."""
    first = run(folder / "on-cpu", job("cpu", total_timesteps=128))
    there = run(folder / "there", job(device, total_timesteps=256), first)
    back = run(folder / "back", job("cpu", total_timesteps=384), there)
    for ended, timesteps in ((first, 128), (there, 256), (back, 384)):
        hold(ended.code == 0 and ended.metadata.timesteps == timesteps, "a session fails", ended)
    changes = f"device changed from cpu to {device}", f"device changed from {device} to cpu"
    for ended, change in zip((there, back), changes, strict=True):
        said = ended.metadata.resume
        hold(not said.exact and any(each.startswith(change) for each in said.reasons), f"is not said: {change}", ended)
    hold("gpu changed from (unset) to" in " ".join(there.metadata.resume.reasons), "no GPU is recorded", there)
    gpu = there.metadata.libraries
    return f"{gpu['gpu']}, driver {gpu.get('gpu-driver')}, CUDA {gpu['cuda']}, cuDNN {gpu.get('cudnn')}"


def out_of_memory(folder: Path, device: str) -> str:
    """Whether a full GPU is one sentence, and the checkpoint before it goes on."""
    kwargs = {**SMALL, "features_extractor_class": f"{WORLDS}:Hungry"}
    hungry = job(device, hyperparameters={**ROLLOUT, "policy_kwargs": kwargs}, total_timesteps=10_000, save_freq=64)
    ended = run(folder / "full", hungry)
    error = ended.metadata.error or ""
    hold(ended.code == 1, f"ends with {ended.code}", ended)
    hold(error.startswith("device cuda: CUDA out of memory"), f"says {error!r}", ended)
    hold("Traceback" not in ended.log, "shows a traceback", ended)
    reached = record_of(ended.latest).timesteps
    further = run(folder / "further", {**hungry, "total_timesteps": reached + 64}, ended)
    hold(further.code == 0 and further.metadata.resume.exact, "the checkpoint does not go on", further)
    return f"at {reached} timesteps: {error.partition(';')[0]}"


def self_test(folder: Path, device: str) -> str:
    """Whether two equal updates agree, and whether some that do not are noticed."""
    del folder
    kwargs = {**SMALL, "features_extractor_class": f"{WORLDS}:Unsteady"}
    unsteady = job(device, hyperparameters={**ROLLOUT, "policy_kwargs": kwargs})
    found = {
        "Mlp": measured(job(device)),
        "Cnn": measured(job(device, images=True)),
        "unsteady": measured(unsteady),
        "Cnn without determinism": measured(job(device, images=True, deterministic=False)),
    }
    hold(found["Mlp"] is None, f"Mlp: {found['Mlp']}")
    hold(found["Cnn"] is None, f"Cnn: {found['Cnn']}")
    hold("gave different bits" in (found["unsteady"] or ""), "updates that differ are not noticed")
    return f"Mlp and Cnn agree, unsteady ones are noticed; Cnn without determinism: {found['Cnn without determinism']}"


def measured(values: dict[str, Any]) -> str | None:
    """What the check before the training finds of a job."""
    wanted, operations = parse_job(values), list[str]()
    use_threads(wanted.threads)
    with (
        computing(wanted, operations.append) as device,
        contextlib.closing(make_training_envs(wanted, "state")) as venv,
    ):
        differs = why_it_differs(wanted, venv, device)
    named = [each for each in dict.fromkeys(operations) if "deterministic: false" not in each]
    return "; ".join([*([differs] if differs else []), *named]) or None


CHECKS: dict[str, Check] = {
    "the self-test": self_test,
    **{f"{name} Mlp": exact_after_a_kill(name) for name in ("PPO", "A2C", "DQN", "SAC")},
    **{f"{name} Cnn": exact_after_a_kill(name, images=True) for name in ("PPO", "A2C", "DQN", "SAC")},
    "RecurrentPPO": exact_after_a_kill("RecurrentPPO"),
    "CPU to GPU and back": from_one_device_to_the_other,
    "out of GPU memory": out_of_memory,
}
