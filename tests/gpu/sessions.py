"""Session processes for the checks on a GPU, without the runner: their input, what they left, and what is compared."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from contract.documents.session import CheckpointRecord, TrainingMetadata
from contract.storage import files, layout
from contract.storage.layout import Artifacts
from tests.gpu.worlds_of_gpu_tests import DIES_AFTER_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
WORLDS = "worlds_of_gpu_tests"
PATIENCE_SECONDS = 240.0
KILLED = -9


@dataclass(frozen=True)
class Ended:
    """A session that has ended.

    Args:
        code: its exit code.
        artifacts: what it left.
        log: what it printed.
    """

    code: int
    artifacts: Artifacts
    log: str

    @property
    def latest(self) -> Path:
        """The checkpoint with the highest number."""
        return [*self.artifacts.checkpoints_by_timesteps().values()][-1]

    @property
    def metadata(self) -> TrainingMetadata:
        """What it says of itself."""
        return TrainingMetadata.model_validate(files.read_json(self.artifacts.metadata))


def run(folder: Path, job: dict[str, Any], parent: Ended | None = None, *, dies: bool = False) -> Ended:
    """A session of a job in a process of its own.

    Args:
        folder: for its input and output; not there yet.
        job: as JSON.
        parent: the session whose newest checkpoint it goes on from.
        dies: whether it is killed as soon as it has a checkpoint.
    """
    given, artifacts = folder / "input", Artifacts(folder / "output", job["name"])
    given.mkdir(parents=True)
    request: dict[str, Any] = {
        "format": 1,
        "job": job["name"],
        "lineage": 1,
        "session": "0001" if parent is None else "0002",
        "profile": "full",
        "goal": job["total_timesteps"],
        "parent": None if parent is None else _hand_on(parent.latest, given),
    }
    payload = {"format": 1, "key": files.sha256_of_value(request), "files": {}}
    documents = {layout.JOB_FILE: job, layout.REQUEST_FILE: request, layout.PAYLOAD_FILE: payload}
    for name, document in documents.items():
        files.write_json(given / name, document)
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, Path(__file__).parent)))}
    if "PYTHONPATH" in os.environ:
        variables["PYTHONPATH"] += os.pathsep + os.environ["PYTHONPATH"]
    if dies:
        variables[DIES_AFTER_VARIABLE] = str(artifacts.root / "checkpoints")
    command = [sys.executable, "-m", "trainer", "--input", str(given), "--output", str(artifacts.root)]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Ended(ended.returncode, artifacts, ended.stdout)


def _hand_on(checkpoint: Path, given: Path) -> dict[str, Any]:
    content = checkpoint.read_bytes()
    (given / layout.PARENT_CHECKPOINT).write_bytes(content)
    replay = checkpoint.parent / layout.REPLAY_FOLDER
    for segment in replay.iterdir() if replay.exists() else ():
        (given / layout.REPLAY_FOLDER).mkdir(exist_ok=True)
        (given / layout.REPLAY_FOLDER / segment.name).write_bytes(segment.read_bytes())
    timesteps = record_of(checkpoint).timesteps
    return {"session": "0001", "timesteps": timesteps, "sha256": hashlib.sha256(content).hexdigest()}


def record_of(checkpoint: Path) -> CheckpointRecord:
    """What a checkpoint says of itself."""
    with zipfile.ZipFile(checkpoint) as packed:
        return CheckpointRecord.model_validate_json(packed.read(layout.RECORD_MEMBER))


def tensors_of(checkpoint: Path) -> str:
    """One digest over all tensors of the policy, of its optimizers and beside them, bit for bit."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(checkpoint) as packed:
        for name in sorted(each for each in packed.namelist() if each.endswith(".pth")):
            _feed(digest, torch.load(io.BytesIO(packed.read(name)), map_location="cpu", weights_only=True))
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            digest.update(f"{key}:".encode())
            _feed(digest, value[key])
    elif isinstance(value, list | tuple):
        for each in value:
            _feed(digest, each)
    elif isinstance(value, torch.Tensor):
        tensor = value.detach().cpu().contiguous()
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode() + tensor.numpy().tobytes())
    else:
        digest.update(repr(value).encode())
