"""Three tools that train a course, are cut by a signal half-way, and go on from what they had saved."""

from __future__ import annotations

import functools
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from contract.storage import files
from contract.storage.layout import Artifacts
from executors import local_launcher
from measuring import sb3_training
from measuring.clock import CommandError, run_timed
from measuring.cutting import Cut, is_whole, kill, run_and_cut, send
from measuring.graphs import project_path, write_project
from measuring.tensors import timesteps_of
from runner.backends.local import LocalBackend
from runner.layout import RunsFolder

if TYPE_CHECKING:
    from measuring.courses import Course
    from measuring.zoo import Zoo

SB3_TRAINING: Final = "measuring.sb3_training"

Train = Callable[[str], Path]
"""Trains to the goal under a name of its own, and returns the model at the end."""


class Tool(Protocol):
    """What trains a course, whole and cut."""

    def train(self, name: str) -> Path:
        """Train without interruption."""

    def ways(self) -> dict[str, Train]:
        """How it is cut and goes on."""


class Relay:
    """The relay: `doit resume` in a project, whose session's process gets the signal.

    Args:
        root: the project's folder.
        course: what is trained.
    """

    def __init__(self, root: Path, course: Course) -> None:
        self._root = root
        self._course = course
        self._runs = RunsFolder(root)

    def train(self, name: str) -> Path:
        """One session to the end."""
        run_timed(self._resume(name), self._root, project_path())
        return self._final_model(name, sessions=1)

    def ways(self) -> dict[str, Train]:
        """Killed, it goes on from its latest checkpoint; asked to stop, from the one that it then saves."""
        return {
            "SIGKILL, then resumed": functools.partial(self._cut, number=None),
            "SIGTERM, then resumed": functools.partial(self._cut, number=signal.SIGTERM),
        }

    def _cut(self, job: str, number: int | None) -> Path:
        command = self._resume(job)
        run_and_cut(
            command,
            self._root,
            at=lambda: self._sandbox(job) is not None,
            cut=lambda _: self._send(job, number),
            environment=project_path(),
        )
        run_timed(command, self._root, project_path())
        model = self._final_model(job, sessions=2)
        verdict = files.read_json(self._runs.session(job, 2).restored_json)["checkpoint"]["resume"]
        if not verdict["exact"]:
            raise CommandError(f"{job}: the relay says that it did not go on exactly: {verdict}")
        return model

    def _resume(self, job: str) -> tuple[str, ...]:
        write_project(self._root, {job: self._course.as_job(self._course.timesteps // 2)})
        return (sys.executable, "-m", "doit", f"resume:{job}")

    def _sandbox(self, job: str) -> Path | None:
        """Where a session of `job` runs, once it has saved."""
        for sandbox in self._runs.backend(LocalBackend.name).glob("*"):
            if Artifacts(sandbox / local_launcher.WORKING, job).checkpoints_by_timesteps():
                return sandbox
        return None

    def _send(self, job: str, number: int | None) -> None:
        if sandbox := self._sandbox(job):
            send(files.read_json(sandbox / local_launcher.STARTED_FILE)["pid"], number)

    def _final_model(self, job: str, sessions: int) -> Path:
        if (found := len(self._runs.sessions(job))) != sessions:
            raise CommandError(f"{job}: {found} sessions instead of {sessions}")
        return Artifacts(self._runs.session(job, sessions).artifacts, job).final_model


class PlainSB3:
    """Stable-Baselines3's own way: `CheckpointCallback`, `load`, `load_replay_buffer`, `learn`.

    Args:
        root: the folder for its runs.
        course: what is trained.
    """

    def __init__(self, root: Path, course: Course) -> None:
        self._root = root
        self._course = course

    def train(self, name: str) -> Path:
        """One process to the end."""
        folder = self._make_folder(name)
        run_timed(self._command(folder), folder, project_path())
        return folder / sb3_training.FINAL

    def ways(self) -> dict[str, Train]:
        """Killed, it goes on from what its callback saved half-way."""
        return {"CheckpointCallback, SIGKILL, load": self._cut}

    def _cut(self, name: str) -> Path:
        folder, half = self._make_folder(name), str(self._course.timesteps // 2)
        saving = self._command(folder, "--save-at", half)
        run_and_cut(saving, folder, at=(folder / sb3_training.SAVED).exists, cut=kill, environment=project_path())
        run_timed(self._command(folder, "--from", half), folder, project_path())
        return folder / sb3_training.FINAL

    def _make_folder(self, name: str) -> Path:
        folder = self._root / name
        folder.mkdir(parents=True)
        (folder / sb3_training.COURSE).write_text(json.dumps(asdict(self._course)), encoding="utf-8")
        return folder

    def _command(self, folder: Path, *more: str) -> tuple[str, ...]:
        return (sys.executable, "-m", SB3_TRAINING, str(folder), "--timesteps", str(self._course.timesteps), *more)


class ZooRuns:
    """The zoo's way: `--save-freq`, `--save-replay-buffer`, and `-i` with the timesteps that are left.

    Args:
        zoo: its commands for the course.
    """

    def __init__(self, zoo: Zoo) -> None:
        self._zoo = zoo
        self._course = zoo.course

    def train(self, name: str) -> Path:
        """One process to the end."""
        run_timed(self._zoo.command(name), self._zoo.folder)
        return self._zoo.model(name)

    def ways(self) -> dict[str, Train]:
        """Killed, it goes on from its latest checkpoint; after SIGINT, from all that it then saves."""
        return {"SIGKILL, then -i": self._cut, "SIGINT, then -i": self._interrupt}

    def _cut(self, name: str) -> Path:
        return self._go_on(name, self._stop(name, kill))

    def _interrupt(self, name: str) -> Path:
        self._stop(name, lambda process: process.send_signal(signal.SIGINT))
        return self._go_on(name, self._zoo.model(name))

    def _stop(self, name: str, cut: Cut) -> Path:
        """Train until the checkpoint half-way, which is returned."""
        half = self._course.timesteps // 2
        latest = self._zoo.run_folder(name) / f"rl_model_{half}_steps.zip"
        command = self._zoo.command(name, "--save-freq", str(half), "--save-replay-buffer")
        run_and_cut(command, self._zoo.folder, at=lambda: is_whole(latest), cut=cut)
        return latest

    def _go_on(self, name: str, parent: Path) -> Path:
        left = self._course.timesteps - timesteps_of(parent)
        resumed = f"{name}-resumed"
        run_timed(self._zoo.command(resumed, "-i", str(parent), "-n", str(left)), self._zoo.folder)
        return self._zoo.model(resumed)
