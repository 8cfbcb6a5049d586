"""A project of its own for a test: a copy of the sources, with jobs that train in seconds."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
import yaml

from contract.documents.runs import CheckpointReference, Restored
from contract.storage import files, layout
from runner.layout import RunsFolder, SessionFolder
from runner.sources.reading import SETTLING_NS, SourceReader
from tests.network_guard import GUARDED
from tests.preloading import COMMAND_MAY_FORK

ROOT = Path(__file__).resolve().parent.parent
CARRIED = ("contract", "job", "trainer", "restore")
"""Those packages of which commands find out what each file means."""
COPIED = ("dodo.py", "pyproject.toml", "contract", "job", "trainer", "restore", "executors", "runner")
STRUCK_DOIT = Path(__file__).with_name("struck_doit.py")
KILLED = (-9, 15)
"""How a process ends that kills itself: the latter on Windows."""
PATIENCE_SECONDS = 240


def cart_pole(**changes: Any) -> dict[str, Any]:
    """A job that needs a fraction of a second beyond the start of its process."""
    job: dict[str, Any] = {
        "env": {"id": "CartPole-v1", "n_envs": 2},
        "algorithm": "PPO",
        "hyperparameters": {"n_steps": 32, "batch_size": 32, "n_epochs": 2, "policy_kwargs": {"net_arch": [8]}},
        "total_timesteps": 256,
        "save_freq": 64,
        "seed": 5,
        "quick": {"total_timesteps": 64},
    }
    return job | changes


def tensors_digest(checkpoint: Path) -> str:
    """One digest of every policy and optimizer tensor of a checkpoint, bit for bit."""
    import torch  # noqa: PLC0415 - most tests need not wait for it

    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, dict):
            for key in sorted(value, key=str):
                digest.update(str(key).encode())
                add(value[key])
        elif isinstance(value, list | tuple):
            for each in value:
                add(each)
        elif isinstance(value, torch.Tensor):
            digest.update(value.numpy().tobytes())

    with zipfile.ZipFile(checkpoint) as packed:
        for member in (layout.POLICY_MEMBER, layout.OPTIMIZER_MEMBER):
            add(torch.load(io.BytesIO(packed.read(member)), weights_only=True))
    return digest.hexdigest()


class Project:
    """A project folder whose path has a space, and doit in it.

    Args:
        root: the folder.

    Attributes:
        trials: where a test run keeps what was found of jobs, if it keeps it.
    """

    trials: ClassVar[Path | None] = None

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = RunsFolder(root)
        self._started: list[subprocess.Popen[str]] = []
        root.mkdir(parents=True)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                # Compiled modules too, which would take doit half a second; not those that are being written now.
                shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("*.pyc.*"))
            else:
                shutil.copyfile(source, root / name)
        self.know_the_copies()
        self._at_first = self._below_runs()

    def know_the_copies(self) -> None:
        """Remember what the copies mean, as an earlier command would; this process finds it out once for them all."""
        much_later = time.time_ns() + 2 * SETTLING_NS
        reader = SourceReader(self.runs.cache("sources"), now=lambda: much_later)
        for package in CARRIED:
            reader.read((self.root / package,))
        reader.remember()

    def write_jobs(self, **jobs: dict[str, Any]) -> None:
        """Write jobs.yaml."""
        (self.root / "jobs.yaml").write_text(yaml.safe_dump({"jobs": jobs}), encoding="utf-8")

    def _share_trials(self, *, before: bool) -> None:
        """What was found of a job holds in every project of a test run: it is tried once in all of them."""
        if self.trials is None:
            return
        shared, own = self.trials, self.runs.cache("trials")
        source, target = (shared, own) if before else (own, shared)
        if source.exists() and not (before and own.exists()):
            files.write_bytes(target, source.read_bytes())

    def written(self) -> list[str]:
        """What stands below `runs/` and is not as it was at first, but for the trials that projects share."""
        unlike = self._below_runs().items() - self._at_first.items()
        return sorted({name for name, _ in unlike} - {".cache", ".cache/trials.json"})

    def _below_runs(self) -> dict[str, tuple[int, int]]:
        """What stands below `runs/`, and the state of each."""
        states = {path.relative_to(self.runs.path).as_posix(): path.stat() for path in self.runs.path.rglob("*")}
        return {name: (state.st_ino, state.st_mtime_ns) for name, state in states.items()}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start doit, its output in one pipe; it may be sent signals."""
        return self._start("-m", "doit", *arguments)

    def _start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        self._share_trials(before=True)
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(GUARDED), **variables},
        )
        self._started.append(process)
        return process

    def stop_everything(self) -> None:
        """End what a test has left running, sessions included."""
        for process in self._started:
            process.kill()
            if process.stdout is not None:
                process.stdout.close()
            process.wait()
        for other in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if any(str(self.root) in argument for argument in other.cmdline()):
                    other.kill()

    def doit(self, *arguments: str, expect: int = 0) -> str:
        """Run doit to its end; return what it printed."""
        process = self._start("-m", "doit", *arguments, **COMMAND_MAY_FORK)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        self._share_trials(before=False)
        assert process.returncode == expect, output
        return output

    def start_struck(self, line_start: str, *arguments: str, operations: int) -> subprocess.Popen[str]:
        """Start doit as `kill_at` does; it dies only where it comes to that."""
        return self._start(str(STRUCK_DOIT), line_start, str(operations), *arguments, **COMMAND_MAY_FORK)

    def kill_at(self, line_start: str, *arguments: str, operations: int = 0) -> str:
        """Start doit, which is killed (SIGKILL) as it has printed a line that begins with `line_start`.

        Args:
            line_start: how the line begins.
            arguments: doit's.
            operations: at which of the files that it changes after that; 0: at none, but at the line.
        """
        process = self.start_struck(line_start, *arguments, operations=operations)
        assert process.stdout is not None
        seen = process.stdout.readlines()
        process.wait(timeout=PATIENCE_SECONDS)
        if not any(line.startswith(line_start) for line in seen):
            pytest.fail(f"doit never printed {line_start!r}:\n{''.join(seen)}")
        assert process.returncode in KILLED, "".join(seen)
        return "".join(seen)

    def sessions(self, job: str) -> list[SessionFolder]:
        """The job's sessions on disk."""
        return self.runs.sessions(job)

    def restored(self, job: str, number: int) -> Restored:
        """What was adopted from a session."""
        return Restored.read(self.runs.session(job, number).restored_json)

    def adopted(self, job: str, number: int) -> CheckpointReference:
        """The newest checkpoint that was adopted from a session."""
        reference = self.restored(job, number).checkpoint
        assert reference is not None
        return reference

    def checkpoint(self, job: str, number: int) -> Path:
        """The file of the newest checkpoint that was adopted from a session."""
        return self.runs.job(job) / self.adopted(job, number).file

    def digest(self, job: str, number: int) -> str:
        """The tensors of that checkpoint."""
        return tensors_digest(self.checkpoint(job, number))

    def starts(self, job: str) -> int:
        """How many times a session process of `job` began to train, over all its sessions."""
        logs = [session.log.read_text(encoding="utf-8") for session in self.sessions(job) if session.log.exists()]
        return sum(log.count("@relay started") for log in logs)


class Kept:
    """A project as it is now, to begin from again and again: at the same place, since doit's records name it.

    Args:
        project: the project; what it has started has ended.
        folder: where the copy goes.
    """

    def __init__(self, project: Project, folder: Path) -> None:
        self._project = project
        self._copy = shutil.copytree(project.root, folder)

    def again(self) -> Project:
        """The project as it was."""
        self._project.stop_everything()
        shutil.rmtree(self._project.root)
        shutil.copytree(self._copy, self._project.root)
        self._project.know_the_copies()
        return self._project
