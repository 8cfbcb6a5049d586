"""Lineages whose sessions are cut off: packaged, judged and restored as the runner does, run as forked processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import sys
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from contract.documents.runs import Inputs, Manifest, Package, Parent, Request, Restored, Rules
from contract.documents.session import Manifest as OwnManifest
from contract.documents.session import TrainingMetadata
from contract.storage import files
from contract.storage.layout import Artifacts
from job.model import parse_job
from restore.validation import Report
from runner.layout import RunsFolder, SessionFolder
from runner.sources import Sources
from runner.stages.package import entries_below, package
from runner.stages.parent import ParentFiles, choose_parent
from runner.stages.restore import restore
from runner.stages.validate import validate
from tests.scenarios import kills_child, kills_jobs
from tests.scenarios.kills_child import Order, Reached

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator
    from multiprocessing.process import BaseProcess

    from tests.scenarios.kills_child import Blow

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 240.0
LOOKING_SECONDS = 0.002
_FORKS = multiprocessing.get_context("forkserver")
_IMPORTED_ONCE = [
    *("pytest", "torch.utils.serialization", "stable_baselines3", "sb3_contrib"),
    *("gymnasium.envs.classic_control.cartpole", "gymnasium.envs.classic_control.pendulum"),
    *("trainer.session", "trainer.session_input", kills_child.__name__, kills_jobs.__name__),
]


@contextlib.contextmanager
def server_of_sessions() -> Iterator[None]:
    """A process that has imported torch once, and of which each session is a fork: 2 seconds less for each."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined] # noqa: SLF001 - one that other tests began
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        if sys.platform == "linux":  # elsewhere a fork of a process that has imported torch is not safe
            _FORKS.set_forkserver_preload(_IMPORTED_ONCE)
        forkserver.ensure_running()
    yield
    forkserver._forkserver._stop()  # type: ignore[attr-defined] # noqa: SLF001 - else it lives as long as pytest


@dataclass(frozen=True)
class Strike:
    """Signals that a session gets from outside.

    Args:
        signals: one after the other.
        timesteps: how far it gets before.
        delay: seconds from there to the first signal.
        gap: seconds between two signals.
    """

    signals: tuple[signal.Signals, ...]
    timesteps: int
    delay: float
    gap: float = 0.0

    def __str__(self) -> str:
        names = " and ".join(each.name for each in self.signals)
        return f"{names} {1e3 * self.delay:.1f} ms after {self.timesteps} timesteps, {1e3 * self.gap:.1f} ms apart"


@dataclass(frozen=True)
class Cut:
    """A session that has ended.

    Args:
        code: its exit code; below 0 the signal that killed it.
        reached: what it noted, as `kills_child.Reached` names it.
        log: what it printed.
        artifacts: what it left, without the temporary files of a killed writer.
        report: the verdicts on it.
        start: timesteps of its parent.
        newest: timesteps of the checkpoint that the next session goes on from; None where that starts at zero.
    """

    code: int
    reached: dict[str, int]
    log: str
    artifacts: Artifacts
    report: Report
    start: int
    newest: int | None

    @property
    def metadata(self) -> TrainingMetadata:
        """What it says of itself."""
        return TrainingMetadata.model_validate(files.read_json(self.artifacts.metadata))

    @property
    def manifest(self) -> OwnManifest:
        """What it says of its files."""
        return OwnManifest.model_validate(files.read_json(self.artifacts.manifest))

    @property
    def latest(self) -> Path:
        """The newest of its own checkpoints."""
        return list(self.artifacts.checkpoints_by_timesteps().values())[-1]


class Lineage:
    """The sessions of one job, one after the other.

    Args:
        root: a folder of its own, which does not exist yet.
        values: the job, as jobs.yaml has it.
        segment_bytes: how long the segments of its replay buffer are.
    """

    def __init__(self, root: Path, values: dict[str, Any], segment_bytes: int) -> None:
        self.job = parse_job(values)
        self._segment_bytes = segment_bytes
        self._runs = RunsFolder(root)
        root.mkdir()
        self.history: list[str] = []
        self.last: Cut | None = None
        self._restored: Restored | None = None
        self._before: Restored | None = None
        self._keys: list[str] = []

    @property
    def runs(self) -> RunsFolder:
        """Where its sessions lie."""
        return self._runs

    @property
    def newest(self) -> int | None:
        """Timesteps of the checkpoint that the next session goes on from; None where that starts at zero."""
        return self.last.newest if self.last else None

    def branch(self, root: Path) -> Lineage:
        """Another lineage, in a folder of its own, with the same sessions so far."""
        other = Lineage(root, self.job.model_dump(mode="json"), self._segment_bytes)
        shutil.copytree(self._runs.root, root, dirs_exist_ok=True)
        other.history, other.last = [*self.history], self.last
        other._restored, other._keys = self._restored, [*self._keys]
        return other

    def remove(self) -> None:
        """Remove its files."""
        shutil.rmtree(self._runs.root)

    def session(self, *blows: Blow, strike: Strike | None = None) -> Cut:
        """Run the next session, and restore what it leaves.

        Args:
            blows: what it does to itself.
            strike: what is done to it.
        """
        self.history.append(" and ".join(map(str, (*blows, *filter(None, [strike])))) or "nothing")
        folder = self._runs.session(self.job.name, len(self._keys) + 1)
        folder.path.mkdir(parents=True)
        parent, self._before = self._parent(), self._restored
        self._package(folder, parent)
        order = Order(
            folder=folder.payload,
            output=folder.artifacts,
            reached=folder.path / "reached.bin",
            log=folder.log,
            segment_bytes=self._segment_bytes,
            blows=blows,
        )
        code, reached = _execute(order, strike)
        folder.artifacts.mkdir(exist_ok=True)
        report = self._restore(folder)
        newest = self._parent()
        self.last = Cut(
            code=code,
            reached=reached,
            log=folder.log.read_text(encoding="utf-8"),
            artifacts=Artifacts(folder.artifacts, self.job.name),
            report=report,
            start=parent.timesteps if parent else 0,
            newest=newest.timesteps if newest else None,
        )
        return self.last

    def fall_back(self) -> bool:
        """Let the next session go on from the second newest checkpoint; whether there is one."""
        if self._restored is None or not self._restored.fallbacks:
            return False
        second, *others = self._restored.fallbacks
        self._restored = msgspec.structs.replace(self._restored, checkpoint=second, fallbacks=tuple(others))
        return True

    def redo(self) -> None:
        """Let the next session go on from where the last one did."""
        self._restored = self._before

    def _parent(self) -> ParentFiles | None:
        if self._restored is None or self._restored.checkpoint is None:
            return None
        parent = choose_parent(self._restored, self._runs.job(self.job.name))
        assert parent.sha256 == self._restored.checkpoint.sha256, "what was adopted has changed since"
        return parent

    def _package(self, folder: SessionFolder, parent: ParentFiles | None) -> None:
        request = Request(
            job=self.job.name,
            lineage=1,
            session=folder.number,
            profile="full",
            goal=self.job.total_timesteps,
            parent=Parent(session=parent.session, timesteps=parent.timesteps, sha256=parent.sha256) if parent else None,
        )
        job = self.job.model_dump(mode="json")
        nothing = Sources(())
        inputs = Inputs(training=self.job.training_inputs(), sources=nothing.identity(), code=nothing.identity())
        package(folder, job=job, request=request, sources=nothing, inputs=inputs, parent=parent)
        self._keys.append(Package.read(folder.package_json).key)

    def _restore(self, folder: SessionFolder) -> Report:
        """Judge and adopt what a session left."""
        files.remove_leftovers(folder.artifacts)
        Manifest(key=self._keys[-1], files=entries_below(folder.artifacts)).write(folder.manifest_json)
        rules = Rules(job=self.job.validation.model_dump())
        validate(folder, job=self.job.name, rules=rules, known_keys=frozenset(self._keys))
        restore(folder, job_folder=self._runs.job(self.job.name), inherited=self._restored)
        self._restored = Restored.read(folder.restored_json)
        return Report.model_validate(files.read_json(folder.report_json))


def _execute(order: Order, strike: Strike | None) -> tuple[int, dict[str, int]]:
    """Run a session in a process of its own; return its exit code and what it noted."""
    if sys.platform == "win32":
        pytest.skip("Windows has no processes that fork")
    reached = Reached(order.reached)
    process = _FORKS.Process(target=kills_child.run, args=(order,), daemon=True)
    process.start()
    try:
        if strike is not None:
            _strike(process, reached, strike)
        process.join(PATIENCE_SECONDS)
        assert process.exitcode is not None, order.log.read_text(encoding="utf-8")
        return process.exitcode, reached.close()
    finally:
        process.kill()
        process.join()


def _strike(process: BaseProcess, reached: Reached, strike: Strike) -> None:
    while process.exitcode is None and not (reached["learning"] and reached["timesteps"] >= strike.timesteps):
        process.join(LOOKING_SECONDS)
    pause = strike.delay
    for number in strike.signals:
        process.join(pause)
        pause = strike.gap
        if process.exitcode is None and process.pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it has ended in this instant
                os.kill(process.pid, number)
