"""rl-baselines3-zoo: installed for the run where it is not there, and its commands."""

from __future__ import annotations

import json
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from measuring.clock import CommandError, run_timed
from measuring.tables import note

if TYPE_CHECKING:
    import argparse

    from measuring.courses import Course

REQUIREMENT: Final = "rl_zoo3==2.9.2"
TRAINING: Final = Path(__file__).with_name("zoo_training.py")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that choose the zoo."""
    parser.add_argument("--zoo-python", type=Path, metavar="PATH", help="a Python that has rl_zoo3 to compare with")
    parser.add_argument("--no-zoo", action="store_true", help="leave rl-baselines3-zoo out")


def python_of(options: argparse.Namespace, folder: Path) -> str | None:
    """The Python that has the zoo, or None without it; installs it below `folder` where none was named."""
    if options.no_zoo:
        return None
    return str(options.zoo_python) if options.zoo_python else install(folder / "zoo-venv")


def install(venv: Path) -> str:
    """Install the zoo beside the torch and the Stable-Baselines3 of this environment, and return its Python."""
    note(f"installing {REQUIREMENT} for this run")
    run_timed((sys.executable, "-m", "venv", str(venv)), Path.cwd())
    python = venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    place = run_timed((str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"), Path.cwd())
    ours = sysconfig.get_path("purelib")
    Path(place.output.strip(), "environment_of_the_benchmark.pth").write_text(f"{ours}\n", encoding="utf-8")
    run_timed((str(python), "-m", "pip", "install", "--quiet", REQUIREMENT), Path.cwd())
    return str(python)


@dataclass(frozen=True)
class Zoo:
    """The zoo's training of one course, in a folder of its own.

    Args:
        python: the interpreter that has it.
        course: what is trained.
        folder: where its logs and models go.
    """

    python: str
    course: Course
    folder: Path

    def command(self, log: str, *more: str, program: tuple[str, ...] = ("-m", "rl_zoo3.train")) -> tuple[str, ...]:
        """The command that trains into the folder `log`, in one thread and without evaluations."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "hyperparameters.yml"
        configuration.write_text(json.dumps(self.course.as_zoo_entry()), encoding="utf-8")
        chosen = ("--algo", self.course.algorithm.lower(), "--env", self.course.env, "--seed", str(self.course.seed))
        quiet = ("--verbose", "0", "--eval-freq", "-1", "--num-threads", "1", "--device", "cpu")
        places = ("--conf-file", str(configuration), "--log-folder", str(self.folder / log))
        return (self.python, *program, *chosen, *quiet, *places, *more)

    def run_folder(self, log: str) -> Path:
        """Where the only run in the folder `log` leaves its models."""
        return self.folder / log / self.course.algorithm.lower() / f"{self.course.env}_1"

    def model(self, log: str) -> Path:
        """The model at the end of that run.

        Raises:
            CommandError: it is not there.
        """
        path = self.run_folder(log) / f"{self.course.env}.zip"
        if not path.exists():
            raise CommandError(f"the zoo left no {path}")
        return path
