"""What must hold of the artifacts of a session that was cut off, of what it lost, and of the run's end."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from contract.storage import files, layout
from restore.metrics import MetricsReader
from runner.stages.package import entries_below
from tests.scenarios.kills_child import KINDS
from tests.trainer.conftest import outcome_of, record_of, tensors_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contract.storage.layout import Artifacts
    from job.model import Job
    from tests.scenarios.kills import Cut

MOST_CHECKPOINTS = 3
"""Two are kept; a third one is there until the oldest is removed."""


@dataclass(frozen=True)
class Whole:
    """An uninterrupted run: what it came to, and what that took.

    Args:
        outcome: all that must be equal where two trainings are to be the same one.
        best: the tensors of its best model; None without evaluations.
        steps: how often its callback was asked.
        operations: how many file operations it took, by their kind.
        longest_rollout: timesteps.
        measured: all of its curve that does not depend on the speed of the machine.
    """

    outcome: dict[str, Any]
    best: str | None
    steps: int
    operations: dict[str, int]
    longest_rollout: int
    measured: list[tuple[int, str, float]]

    @classmethod
    def of(cls, cut: Cut, measured: list[tuple[int, str, float]]) -> Whole:
        """What an uninterrupted session came to and measured."""
        assert (cut.code, cut.start) == (0, 0), cut.log
        return cls(
            outcome=outcome_of(cut.latest),
            best=best_of(cut.artifacts),
            steps=cut.reached["steps"],
            operations={kind: cut.reached[kind] for kind in KINDS},
            longest_rollout=cut.reached["longest_rollout"],
            measured=measured,
        )

    @property
    def timesteps(self) -> int:
        """Where it ended."""
        return int(self.outcome["timesteps"])


def best_of(artifacts: Artifacts) -> str | None:
    """The tensors of the best model, where there is one."""
    return tensors_of(artifacts.best_model) if artifacts.best_model.exists() else None


def most_lost(job: Job, whole: Whole) -> int:
    """Timesteps that a kill may cost: up to a whole `save_freq`, and what a save has to wait for a rollout's end."""
    rollout, frequency = whole.longest_rollout, job.save_frequency
    return frequency if frequency % rollout == 0 else frequency - 1 + rollout


def check_files(cut: Cut) -> None:
    """Nothing broken stands where a reader looks, whenever the writer was killed."""
    artifacts, report = cut.artifacts, cut.report
    models = [*report.checkpoints, *filter(None, (report.best_model, report.final_model))]
    assert [f"{each.file}: {each.reason}" for each in models if each.verdict == "refused"] == []
    assert len(report.checkpoints) <= MOST_CHECKPOINTS
    known = {artifacts.root / each.file for each in models}
    for path in artifacts.replay.glob(layout.segment_name("*")):
        assert files.sha256_of_file(path) == path.stem, f"{path.name} is broken"
        known.add(path)
    for document in (artifacts.metadata, artifacts.manifest, artifacts.metrics):
        if document.exists():
            known.add(document)
    if artifacts.metrics in known:
        measured = MetricsReader(artifacts.metrics)
        assert list(measured.rows()) or not report.checkpoints, "a checkpoint is there before its rows"
        assert measured.skipped == 0, "a row is broken that is not the last one"
    assert {path for path in artifacts.root.rglob("*") if path.is_file()} == known
    if artifacts.metadata.exists():
        assert report.metadata.verdict == "sound", report.metadata.reason
        assert cut.start <= cut.metadata.timesteps
    if artifacts.manifest.exists():
        assert cut.manifest.key == cut.metadata.key


@dataclass(frozen=True)
class Loss:
    """Timesteps from the newest checkpoint that was copied, and from the newest that was written, to a kill."""

    copied: int
    written: int
    save_freq: int


def check_kill(cut: Cut, job: Job, whole: Whole) -> Loss:
    """A session that was killed has lost no more than a `save_freq`.

    A checkpoint is copied while training waits, and written beside it. A copy is not made before the
    one before is on disk, so what is missing there is one checkpoint at most.
    """
    check_files(cut)
    reached, on_disk = cut.reached, cut.newest or 0
    if not reached["learning"]:
        assert on_disk == cut.start
        return Loss(0, 0, job.save_frequency)
    assert cut.newest is not None or reached["copied_before"] == 0, "a run starts at zero whose checkpoint was written"
    assert reached["copied_before"] <= on_disk <= reached["timesteps"]
    now = reached["timesteps"]
    loss = Loss(now - max(reached["copied"], on_disk), now - on_disk, job.save_frequency)
    assert loss.copied <= most_lost(job, whole)
    assert loss.written <= 2 * most_lost(job, whole)
    return loss


def check_stop(cut: Cut) -> None:
    """A session that was asked to stop has ended in good order, and lost nothing."""
    check_files(cut)
    check_manifest(cut)
    assert cut.metadata.timesteps == (cut.newest or 0)
    if cut.reached["learning"]:
        assert cut.metadata.timesteps == cut.reached["timesteps"]


def check_giving_up(cut: Cut, job: Job, whole: Whole) -> None:
    """A session that was asked twice has ended in good order, and lost what came after the checkpoint before."""
    check_files(cut)
    check_manifest(cut)
    assert cut.reached["copied"] == (cut.newest or 0) <= cut.metadata.timesteps <= cut.reached["timesteps"]
    assert cut.reached["timesteps"] - cut.reached["copied"] <= most_lost(job, whole)


def check_manifest(cut: Cut) -> None:
    """A session that ended in good order lists each of its files."""
    listed = entries_below(cut.artifacts.root)
    listed.pop(layout.MANIFEST_FILE)
    assert cut.manifest.complete
    assert {name: (each.bytes, each.sha256) for name, each in cut.manifest.files.items()} == {
        name: (each.bytes, each.sha256) for name, each in listed.items()
    }


def check_outcome(cut: Cut, whole: Whole) -> None:
    """A session has come to what the uninterrupted run came to, bit for bit."""
    assert outcome_of(cut.latest) == whole.outcome
    assert best_of(cut.artifacts) == whole.best
    assert tensors_of(cut.artifacts.final_model) == whole.outcome["tensors"]


def check_end(cut: Cut, whole: Whole) -> None:
    """Likewise, and it has ended in good order at the goal."""
    assert cut.code == 0, cut.log
    check_outcome(cut, whole)
    check_files(cut)
    check_manifest(cut)
    assert cut.metadata.goal_met
    assert cut.metadata.timesteps_at_start == cut.start
    assert cut.metadata.resume.exact, cut.metadata.resume.reasons
    kept = [record_of(path).replay for path in cut.artifacts.checkpoints_by_timesteps().values()]
    named = {layout.segment_name(each.sha256) for replay in kept if replay for each in replay.segments}
    assert {path.name for path in cut.artifacts.replay.glob("*")} == named


@dataclass
class Tally:
    """What was done to sessions, and what it cost."""

    cuts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    lost: dict[str, list[Loss]] = field(default_factory=lambda: defaultdict(list))

    def count(self, kind: str, job: str, loss: Loss | None) -> None:
        """Note one, and what it cost where it was a SIGKILL."""
        self.cuts[kind][job] += 1
        if loss is not None:
            self.lost[kind].append(loss)

    def lines(self) -> Iterator[str]:
        """As a report."""
        for kind, jobs in sorted(self.cuts.items()):
            yield f"{kind}: {jobs.total()} ({', '.join(f'{job} {count}' for job, count in sorted(jobs.items()))})"
            losses = self.lost[kind]
            for since in ("copied", "written") if losses else ():
                values = [getattr(each, since) for each in losses]
                over = sum(value > each.save_freq for value, each in zip(values, losses, strict=True))
                spread = f"median {statistics.median(values):.0f}, most {max(values)}"
                yield f"    timesteps since a checkpoint was {since}: {spread}, {over} times over save_freq"
