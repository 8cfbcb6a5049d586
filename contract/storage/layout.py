"""Names and paths inside a session's input and its artifacts: spelled here and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

JOB_FILE = "job.json"
REQUEST_FILE = "request.json"
SOURCES_BUNDLE = "sources.bundle"
"""A zip of Python sources; no archive suffix, since Kaggle unpacks archives in datasets."""
PARENT_CHECKPOINT = "parent_checkpoint.bundle"
PARENT_BEST_MODEL = "parent_best_model.bundle"
REPLAY_FOLDER = "replay"
"""Holds the segments of replay buffers: beside the checkpoints that name them, and in a session's input."""
ADOPTED_FILE = "adopted.json"
"""Says what a session takes in that was saved by hand, and trains nothing; its files are beside it."""
ADOPTED_MODEL = "adopted_model.bundle"
ADOPTED_ARRAYS = "adopted_arrays.bundle"
"""Running statistics and transitions as NumPy's npz."""
PACKAGE_SUFFIX = ".wheel.bundle"
"""Ends the name of a pure-Python distribution that a session brings along, unpacked wheel in a zip."""
WHEEL_SUFFIX = ".whl.bundle"
"""Ends the name of a wheel that a session brings along, before which stand the tags of what it is for."""
PACK_SUFFIX = ".pack"
"""Ends the name of a file that holds several of the input, where an input may have few: a line of JSON, then they."""
PAYLOAD_FILE = "payload.json"
"""Lists every other file of the input with its sha256 and size."""

METADATA_FILE = "training_metadata.json"
METRICS_FILE = "training_metrics.jsonl"
MANIFEST_FILE = "manifest.json"
CHECKPOINTS_FOLDER = "checkpoints"
BEST_MODEL = "best_model/best_model.zip"

RECORD_MEMBER = "relay/checkpoint.json"
STATE_MEMBER = "relay/state.pkl"
"""Opened by the trainer alone: everything that validates leaves this pickle shut."""
POLICY_MEMBER = "policy.pth"
OPTIMIZER_MEMBER = "policy.optimizer.pth"
VARIABLES_MEMBER = "pytorch_variables.pth"

_KEY_LINE = re.compile(r'^KEY = "([0-9a-f]{64})"$', re.MULTILINE)
_CHECKPOINT_NAME = re.compile(r"(?P<job>.+)_checkpoint_(?P<timesteps>0|[1-9][0-9]{0,18})_steps\.zip")


def key_line(key: str) -> str:
    """The line by which a session's script states its key; a script that was not packaged yet states an empty one.

    A backend that keeps scripts finds a session by it.
    """
    return f'KEY = "{key}"'


def stated_key(script: str) -> str | None:
    """The key that a script states by that line, None where it states none."""
    match = _KEY_LINE.search(script)
    return match[1] if match else None


def checkpoint_name(job: str, timesteps: int) -> str:
    """The file name of the checkpoint of `job` at `timesteps`."""
    return f"{job}_checkpoint_{timesteps}_steps.zip"


def segment_name(sha256: str) -> str:
    """The file name of the replay segment whose bytes have this digest."""
    return f"{sha256}.segment"


def timesteps_in_name(name: str, job: str) -> int | None:
    """The timesteps that a checkpoint's file name states, or None for any other file."""
    match = _CHECKPOINT_NAME.fullmatch(name)
    return int(match["timesteps"]) if match and match["job"] == job else None


@dataclass(frozen=True)
class Artifacts:
    """Where a session of `job` leaves what below `root`."""

    root: Path
    job: str

    @property
    def checkpoints(self) -> Path:
        """The folder of level 1: the latest checkpoints."""
        return self.root / CHECKPOINTS_FOLDER

    def checkpoint(self, timesteps: int) -> Path:
        """The checkpoint at `timesteps`."""
        return self.checkpoints / checkpoint_name(self.job, timesteps)

    @property
    def replay(self) -> Path:
        """The folder of the replay segments that the checkpoints name."""
        return self.checkpoints / REPLAY_FOLDER

    def segment(self, sha256: str) -> Path:
        """The replay segment with this digest."""
        return self.replay / segment_name(sha256)

    @property
    def best_model(self) -> Path:
        """Level 2: the best model so far."""
        return self.root / PurePosixPath(BEST_MODEL)

    @property
    def final_model(self) -> Path:
        """Level 3: the model at the goal."""
        return self.root / f"{self.job}_final.zip"

    @property
    def metadata(self) -> Path:
        """What the session was and how it went."""
        return self.root / METADATA_FILE

    @property
    def metrics(self) -> Path:
        """What the session measured, a line for each row."""
        return self.root / METRICS_FILE

    @property
    def manifest(self) -> Path:
        """Size and sha256 of every artifact, written last."""
        return self.root / MANIFEST_FILE

    def checkpoints_by_timesteps(self) -> dict[int, Path]:
        """Every checkpoint by the number in its name, lowest first; the number is the truth, never the mtime."""
        found = {
            timesteps: path
            for path in self.checkpoints.glob("*.zip")
            if (timesteps := timesteps_in_name(path.name, self.job)) is not None
        }
        return dict(sorted(found.items()))
