"""Real checkpoints to break: SB3's own `save`, with our record and state beside it."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch as th
from stable_baselines3 import A2C, DQN, PPO, SAC

from contract.documents.session import CheckpointRecord, FileEntry, ResumeVerdict
from contract.storage.files import sha256_of_bytes
from contract.storage.layout import POLICY_MEMBER, RECORD_MEMBER, STATE_MEMBER, checkpoint_name
from restore.integrity import inspect_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from stable_baselines3.common.base_class import BaseAlgorithm

JOB = "cartpole"
TIMESTEPS = 32
MAX_BYTES = 1 << 28
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
NEVER = (
    "pickle.find_class",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "subprocess.Popen",
    "exec",
    "compile",
    "socket.",
)


class Watch:
    """An audit hook, which cannot be taken off: it notes what validation must never do while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.events: list[str] = []
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        if writes or event.startswith((*NEVER, "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink")):
            self.events.append(f"{event} {arguments!r}")


def save(model: BaseAlgorithm) -> dict[str, bytes]:
    stream = io.BytesIO()
    model.save(stream)
    with zipfile.ZipFile(stream) as saved:
        return {name: saved.read(name) for name in saved.namelist()}


@pytest.fixture(scope="session")
def saved_models() -> dict[str, dict[str, bytes]]:
    """The members that SB3 writes, after each algorithm has made an update."""

    def small(**more: Any) -> dict[str, Any]:  # afresh for each: SB3 writes into policy_kwargs
        return {"device": "cpu", "seed": 1, "policy_kwargs": {"net_arch": [8]}, **more}

    off_policy = {"learning_starts": 4, "buffer_size": 64}
    models = {
        "PPO": PPO("MlpPolicy", "CartPole-v1", n_steps=TIMESTEPS, batch_size=16, n_epochs=1, **small()),
        "A2C": A2C("MlpPolicy", "CartPole-v1", n_steps=TIMESTEPS, **small()),
        "PPO with gSDE": PPO("MlpPolicy", "Pendulum-v1", n_steps=TIMESTEPS, batch_size=16, use_sde=True, **small()),
        "DQN": DQN("MlpPolicy", "CartPole-v1", **small(**off_policy)),
        "SAC": SAC("MlpPolicy", "Pendulum-v1", **small(**off_policy)),
    }
    return {name: save(model.learn(TIMESTEPS)) for name, model in models.items()}


@pytest.fixture(scope="session")
def members(saved_models: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    """What a checkpoint of PPO holds beside its record."""
    return {**saved_models["PPO"], STATE_MEMBER: b"\x80\x05not for validation to open."}


def make_record(members: dict[str, bytes], /, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "job": JOB,
        "session": "0001",
        "key": "0" * 64,
        "kind": "checkpoint",
        "timesteps": TIMESTEPS,
        "goal": 100,
        "training": {"algorithm": "PPO"},
        "observation_space": {},
        "action_space": {},
        "parameters": changes.pop("parameters", None) or parameters(members[POLICY_MEMBER]),
        "libraries": {"python": "3.12"},
        "resume": ResumeVerdict(exact=True),
        "mean_reward": 20,
        "best_mean_reward": None,
        "parent": None,
        "members": {name: FileEntry(bytes=len(each), sha256=sha256_of_bytes(each)) for name, each in members.items()},
    }
    return {**CheckpointRecord(**values).model_dump(mode="json"), **changes}


def parameters(policy: bytes) -> dict[str, tuple[int, ...]]:
    state = th.load(io.BytesIO(policy), map_location="cpu", weights_only=True)
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def zip_of(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as packed:
        for name, content in members.items():
            packed.writestr(zipfile.ZipInfo(name), content, compress_type=compression)
    return stream.getvalue()


@pytest.fixture(scope="session")
def record_of() -> Callable[..., dict[str, Any]]:
    """`record_of(members, **changes)`: the record of these members as JSON data."""
    return make_record


@pytest.fixture(scope="session")
def pack() -> Callable[..., bytes]:
    """`pack(members, **changes)`: a checkpoint of these members, with changes to its record."""

    def packed(members: dict[str, bytes], /, **changes: Any) -> bytes:
        record = json.dumps(make_record(members, **changes)).encode()
        return zip_of({RECORD_MEMBER: record, **members})

    return packed


@pytest.fixture(scope="session")
def zipped() -> Callable[..., bytes]:
    """`zipped(members, compression)`: a zip of these members and nothing else."""
    return zip_of


@pytest.fixture(scope="session")
def checkpoint(pack: Callable[..., bytes], members: dict[str, bytes]) -> bytes:
    """A sound checkpoint."""
    return pack(members)


@pytest.fixture(scope="session")
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="session")
def inspect(watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., CheckpointRecord]:
    """`inspect(content)`: run `inspect_checkpoint`, and see that it wrote and executed nothing."""
    folder = tmp_path_factory.mktemp("artifacts")

    def inspected(content: bytes, name: str = checkpoint_name(JOB, TIMESTEPS), **changes: Any) -> CheckpointRecord:
        path = Path(folder, name)
        path.write_bytes(content)
        arguments: dict[str, Any] = {"job": JOB, "expected": None, "max_bytes": MAX_BYTES, **changes}
        watch.events.clear()
        watch.on = True
        try:
            return inspect_checkpoint(path, **arguments)
        finally:
            watch.on = False
            assert watch.events == []
            assert path.read_bytes() == content
            path.unlink()
            assert list(folder.iterdir()) == []

    return inspected
