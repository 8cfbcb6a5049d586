"""Sessions that have measured something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.documents.metrics import Row
from contract.storage.layout import Artifacts
from runner.lineage import Phase
from tests.runner.conftest import JOB, JobOnDisk

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import SessionFolder

REWARD = "rollout/ep_rew_mean"


def leave(folder: SessionFolder, *rows: Row, torn: bytes = b"") -> None:
    """Let a session have measured that."""
    path = Artifacts(folder.artifacts, JOB).metrics
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(each.line() for each in rows) + torn)


def dump(timesteps: int, reward: float, **others: float) -> Row:
    """A dump of the logger's."""
    return Row("log", timesteps, 1000.0 + timesteps, {REWARD: reward, **others})


def two_sessions(root: Path) -> JobOnDisk:
    """The first measured beyond its checkpoint, and the second went on from there."""
    disk = JobOnDisk(root)
    first = disk.add(Phase.RESTORED, timesteps=64)
    leave(first, dump(32, 1), dump(64, 2), dump(96, 3))
    second = disk.add(Phase.RESTORED, timesteps=128, parent=disk.lineage.sessions[0].restored.checkpoint)
    leave(
        second,
        dump(96, 30, **{"train/loss": 0.5, "time/total_timesteps": 96.0}),
        dump(128, 40),
        Row("evaluation", 128, 2000.0, {"eval/mean_reward": 50.0}, (40.0, 60.0), (4, 6)),
    )
    return disk
