"""The promise itself: a tiny training that is killed and gone on from ends with the bits of one that was not."""

from __future__ import annotations

import contextlib
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.documents.runs import Inputs, Manifest, Package, Parent, Request, Restored, Rules
from contract.errors import RelayError
from contract.identity import training_inputs
from contract.make import target
from contract.states import State
from contract.storage.layout import OPTIMIZER_MEMBER, POLICY_MEMBER, Artifacts
from executors.local_launcher import WORKING
from runner.backends.on_executor import sandbox_name
from runner.layout import RunsFolder
from runner.sources import OWN_FOLDERS, SourceReader
from runner.stages.package import entries_below, package
from runner.stages.parent import choose_parent
from runner.verifying.findings import Finding, Kind, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.backends.local import LocalBackend
    from runner.layout import SessionFolder
    from runner.stages.parent import ParentFiles

_KIND = Kind.RESUMING
PROOF: dict[str, Any] = {
    "name": "proof",
    "env": {"id": "CartPole-v1", "n_envs": 2},
    "algorithm": "PPO",
    "hyperparameters": {"n_steps": 16, "batch_size": 16, "n_epochs": 2, "policy_kwargs": {"net_arch": [8]}},
    "total_timesteps": 768,
    "save_freq": 64,
    "seed": 7,
    "session_limit": "10m",
}
PATIENCE_SECONDS = 300.0
_LOOK_SECONDS, _ASK_SECONDS = 0.005, 0.25
"""Between two looks into a folder, and two questions after a process, which cost a hundred times as much."""
_TRIES = 3
"""A session may come to its end between two looks."""


def prove_resuming() -> Iterator[Finding]:
    """Train twice in a temporary folder, once to the end, once killed and gone on from."""
    from runner.backends.local import LocalBackend  # noqa: PLC0415 - as the registry does

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="relay-proof-", ignore_cleanup_errors=True) as name:
        proof = Proof(Path(name))
        with contextlib.closing(LocalBackend(proof.runs.backend("local"))) as backend:
            try:
                whole = proof.start(backend, None)
                parent = proof.killed(backend)
                gone_on = proof.start(backend, parent)
                ends = [proof.tensors(backend, each) for each in (whole, gone_on)]
            except (RelayError, OSError) as error:
                proof.end(backend)
                why = "no session can be relied on to go on here"
                yield Finding(
                    _KIND, Level.ISSUE, f"the proof did not come to an end: {error}", why, "doit doctor backend=local"
                )
                return
    goal, seconds = PROOF["total_timesteps"], time.monotonic() - began
    told = f"a training killed at {parent.timesteps} of {goal} timesteps and gone on from"
    if ends[0] == ends[1]:
        what = f"{told} ends with the bits of one that was not killed ({seconds:.0f} s)"
        yield Finding(_KIND, Level.SUCCESS, what)
        return
    differing = sorted(name for name in ends[0] if ends[0][name] != ends[1].get(name))
    why = f"{', '.join(differing)} differ; see docs/resume.md for what exactness needs of libraries and device"
    what = f"{told} ends with other weights than one that was not killed"
    yield Finding(
        _KIND, Level.ISSUE, what, why, f"{target('clean setup')}, then doit verify only=installation,resuming"
    )


class Proof:
    """Three sessions of a job that is nobody's: a whole one, one that is killed, and the one that goes on from that.

    Args:
        root: a folder for them.
    """

    def __init__(self, root: Path) -> None:
        from job.model import parse_job  # noqa: PLC0415 - it imports pydantic

        self.runs = RunsFolder(root)
        self._job = parse_job(PROOF).model_dump(mode="json") | {"backend": "local"}
        self._sources = SourceReader(root / "sources.json", root).read(OWN_FOLDERS)
        self._keys: dict[str, str] = {}

    def start(self, backend: LocalBackend, parent: ParentFiles | None) -> SessionFolder:
        """Package and submit a session, as the stages do."""
        folder = self.runs.session(PROOF["name"], len(self._keys) + 1)
        goes_on = None
        if parent is not None:
            goes_on = Parent(session=parent.session, timesteps=parent.timesteps, sha256=parent.sha256)
        request = Request(
            job=PROOF["name"],
            lineage=1,
            session=folder.number,
            profile="full",
            goal=PROOF["total_timesteps"],
            parent=goes_on,
        )
        inputs = Inputs(training=training_inputs(self._job), sources=self._sources.identity())
        folder.path.mkdir(parents=True)
        package(folder, job=self._job, request=request, sources=self._sources, inputs=inputs, parent=parent)
        key = self._keys[folder.number] = Package.read(folder.package_json).key
        backend.submit(folder, key)
        return folder

    def killed(self, backend: LocalBackend) -> ParentFiles:
        """What there is to go on from of a session that was killed amid its training.

        Raises:
            RelayError: it ended before, or none could be caught.
        """
        for _ in range(_TRIES):
            folder = self.start(backend, None)
            self._kill_at_a_checkpoint(backend, self._keys[folder.number])
            parent = self._restored(backend, folder)
            if parent.timesteps < PROOF["total_timesteps"]:
                return parent
        raise RelayError("a session of the proof", f"ended before it could be killed, {_TRIES} times")

    def tensors(self, backend: LocalBackend, folder: SessionFolder) -> dict[str, bytes]:
        """The weights and the optimizer's state at the goal, as they are stored, once a session has ended.

        Raises:
            RelayError: it did not end well.
        """
        key, ends = self._keys[folder.number], time.monotonic() + PATIENCE_SECONDS
        while not self._has_ended(backend, key, ends):
            time.sleep(_ASK_SECONDS)
        checkpoint = self._fetched(backend, folder).checkpoint(PROOF["total_timesteps"])
        with zipfile.ZipFile(checkpoint) as packed:
            return {name: packed.read(name) for name in (POLICY_MEMBER, OPTIMIZER_MEMBER)}

    def end(self, backend: LocalBackend) -> None:
        """End what still runs, and let go of all of it."""
        for key in self._keys.values():
            with contextlib.suppress(RelayError, OSError):
                backend.executor.kill(sandbox_name(key))
            backend.release(key)

    def _kill_at_a_checkpoint(self, backend: LocalBackend, key: str) -> None:
        """Kill a session's process once its first checkpoint is there, by SIGKILL (Windows: TerminateProcess)."""
        working = Artifacts(self.runs.backend("local") / sandbox_name(key) / WORKING, PROOF["name"])
        ends = time.monotonic() + PATIENCE_SECONDS
        asked = time.monotonic()
        while not working.checkpoints_by_timesteps():
            if time.monotonic() >= asked + _ASK_SECONDS:
                asked = time.monotonic()
                if self._has_ended(backend, key, ends):
                    break
            time.sleep(_LOOK_SECONDS)
        backend.executor.kill(sandbox_name(key))

    def _restored(self, backend: LocalBackend, folder: SessionFolder) -> ParentFiles:
        """Judge and adopt what a killed session left; what the next one goes on from."""
        from runner.stages.restore import restore  # noqa: PLC0415 - it imports pydantic
        from runner.stages.validate import validate  # noqa: PLC0415 - likewise

        self._fetched(backend, folder)
        key = self._keys[folder.number]
        Manifest(key=key, files=entries_below(folder.artifacts)).write(folder.manifest_json)
        validate(folder, job=PROOF["name"], rules=Rules(job=self._job["validation"]), known_keys=frozenset([key]))
        restore(folder, job_folder=folder.path.parent, inherited=None)
        return choose_parent(Restored.read(folder.restored_json), folder.path.parent)

    def _fetched(self, backend: LocalBackend, folder: SessionFolder) -> Artifacts:
        folder.artifacts.mkdir(exist_ok=True)
        backend.fetch(self._keys[folder.number], folder.artifacts)
        return Artifacts(folder.artifacts, PROOF["name"])

    def _has_ended(self, backend: LocalBackend, key: str, ends: float) -> bool:
        """Whether a session has ended well.

        Raises:
            RelayError: it has ended otherwise, or does not end.
        """
        status = backend.status(key)
        if status.state.is_terminal and status.state is not State.COMPLETE:
            last = backend.logs(key, 0).decode(errors="replace").strip().splitlines()[-1:]
            raise RelayError("a session of the proof", f"ended ({status.reason}): {' '.join(last)}")
        if time.monotonic() >= ends:
            raise RelayError("a session of the proof", f"did not come to its end in {PATIENCE_SECONDS:.0f} s")
        return status.state is State.COMPLETE
