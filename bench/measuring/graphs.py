"""One task graph in four forms: the relay's, plain doit's, make's and DVC's, each in a folder of its own.

For every job a chain of five files; the first one depends on all sources of the job. Each form is
brought to the state in which nothing is left to do.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import runner
from measuring import replay
from measuring.clock import run_timed
from runner.backends.local import LocalBackend
from runner.layout import JOBS_FILE, RunsFolder
from runner.sources import OWN_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Sequence

CODE = Path(runner.__file__).parent.parent
BENCH = Path(__file__).parent.parent
OWN = [folder.name for folder in OWN_FOLDERS]
CHAIN = ("package", "execution", "manifest", "report", "restored")
_DVC_SETTINGS = (("core.analytics", "false"), ("core.check_update", "false"))

PLAIN_DODO = """\
import json
from pathlib import Path

GRAPH = json.loads(Path("graph.json").read_text())
DOIT_CONFIG = {"verbosity": 0}


def write(targets):
    for target in targets:
        Path(target).write_text(target)


def task_stage():
    for job, chain in GRAPH["chains"].items():
        needs = GRAPH["sources"][job]
        for target in chain:
            yield {"name": target, "actions": [write], "file_dep": needs, "targets": [target]}
            needs = [target]
"""


@dataclass(frozen=True)
class Shape:
    """How large the graph is.

    Args:
        jobs: how many jobs.
        files: how many source files there are beside the trainer's own.
        shared: whether every job carries all of them, or each its own part.
    """

    jobs: int
    files: int
    shared: bool

    def __str__(self) -> str:
        jobs = f"{self.jobs} job{'s' if self.jobs > 1 else ''} of 5 stages"
        if not self.files:
            return jobs
        spread = "all carried by every job" if self.shared else f"{self.files // self.jobs} carried by each job"
        return f"{jobs}, {self.files:,} source files, {spread}"

    @property
    def names(self) -> list[str]:
        """The jobs' names."""
        return [f"job_{index:03d}" for index in range(self.jobs)]

    def folders_of(self, index: int) -> list[str]:
        """The folders of sources that a job carries."""
        if not self.files:
            return []
        return ["sources/shared"] if self.shared else [f"sources/own_{index:03d}"]

    def write_sources(self, root: Path) -> None:
        """Write the source files below `root`."""
        folders = sorted({folder for index in range(self.jobs) for folder in self.folders_of(index)})
        for folder in folders:
            (root / folder).mkdir(parents=True)
            for index in range(self.files // len(folders)):
                text = f'"""Module {index}."""\n\nFACTOR = {index}\n\n\ndef scaled(value: int) -> int:\n'
                text += '    """Scale a value."""\n    return FACTOR * value\n'
                (root / folder / f"module_{index:04d}.py").write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Graph:
    """A graph in one form: the command that finds nothing to do, and what it says then.

    Args:
        name: of the form.
        folder: where it lies.
        command: the command.
        done: a phrase that its output holds as many times as given, if nothing was left to do.
        touched: a file of the folder whose time is another before each run, so that nothing that was remembered holds.
    """

    name: str
    folder: Path
    command: tuple[str, ...]
    done: tuple[str, int]
    touched: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """Where the command finds the project."""
        return project_path()


def project_path() -> dict[str, str]:
    """The environment in which the project's modules and the benchmark's are found."""
    return {
        "PYTHONPATH": f"{CODE}{':' if sys.platform != 'win32' else ';'}{BENCH}",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "",  # what is imported is compiled once, as at a user's
    }


def write_project(folder: Path, jobs: dict[str, Any]) -> None:
    """A project of the relay with `jobs`: the shipped task graph in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("dodo.py", "pyproject.toml"):
        shutil.copyfile(CODE / name, folder / name)
    (folder / JOBS_FILE).write_text(json.dumps({"jobs": jobs}, indent=1), encoding="utf-8")


def relay(folder: Path, shape: Shape) -> Graph:
    """The relay's: the first job trains for real, the others take over its artifacts under their names."""
    shape.write_sources(folder)
    jobs = {name: _small_job(index, shape.folders_of(index)) for index, name in enumerate(shape.names)}
    write_project(folder, jobs)
    doit = (sys.executable, "-m", "doit", "run_full")
    first = shape.names[0]
    run_timed((*doit[:-1], f"run_full:{first}"), folder, project_path())
    if shape.jobs > 1:
        runs = RunsFolder(folder)
        template = runs.backend(LocalBackend.name) / replay.TEMPLATE
        shutil.copytree(runs.session(first, 1).artifacts, template)
        run_timed((sys.executable, "-m", replay.__name__, "run_full"), folder, project_path())
        shutil.rmtree(template)
    return Graph("relay", folder, doit, ("nothing to do", shape.jobs))


def _small_job(seed: int, sources: list[str]) -> dict[str, Any]:
    return {
        "env": {"id": "CartPole-v1", "n_envs": 2},
        "algorithm": "PPO",
        "hyperparameters": {"n_steps": 50, "batch_size": 50, "n_epochs": 2},
        "total_timesteps": 200,
        "seed": seed,
        "sources": sources,
    }


def plain_doit(folder: Path, shape: Shape) -> Graph:
    """Plain doit's, with its default backend and checker."""
    graph = _write_plain(folder, shape)
    (folder / "graph.json").write_text(json.dumps(graph), encoding="utf-8")
    (folder / "dodo.py").write_text(PLAIN_DODO, encoding="utf-8")
    command = (sys.executable, "-m", "doit")
    run_timed(command, folder, project_path())
    return Graph("plain doit", folder, command, ("-- stage:", shape.jobs * len(CHAIN)))


def make(folder: Path, shape: Shape, program: str) -> Graph:
    """Make's, which compares times of change and nothing else."""
    graph = _write_plain(folder, shape)
    lines = ["all: " + " ".join(chain[-1] for chain in graph["chains"].values()), ""]
    by_sources: dict[str, str] = {}
    for job, chain in graph["chains"].items():
        names = " ".join(graph["sources"][job])
        if names not in by_sources:
            by_sources[names] = f"SOURCES_{len(by_sources)}"
            lines += [f"{by_sources[names]} := {names}", ""]
        needs = f"$({by_sources[names]})"
        for target in chain:
            lines += [f"{target}: {needs}", "\t@echo done > $@", ""]
            needs = target
    (folder / "Makefile").write_text("\n".join(lines), encoding="utf-8")
    run_timed((program,), folder)
    return Graph("make", folder, (program,), ("Nothing to be done", 1))


def dvc(folder: Path, shape: Shape, program: str) -> Graph:
    """DVC's: folders of sources are dependencies as folders, its fastest form; no version control around it."""
    graph = _write_plain(folder, shape)
    stages: dict[str, Any] = {}
    for index, (job, chain) in enumerate(graph["chains"].items()):
        needs: Sequence[str] = [*OWN, *shape.folders_of(index)]
        for name, target in zip(CHAIN, chain, strict=True):
            (folder / target).write_text(target, encoding="utf-8")
            stages[f"{name}_{job}"] = {"cmd": "never run", "deps": list(needs), "outs": [target]}
            needs = [target]
    (folder / "dvc.yaml").write_text(json.dumps({"stages": stages}, indent=1), encoding="utf-8")
    run_timed((program, "init", "--no-scm", "--quiet"), folder)
    for key, value in _DVC_SETTINGS:
        run_timed((program, "config", key, value), folder)
    run_timed((program, "commit", "--force", "--quiet"), folder)
    return Graph("dvc repro", folder, (program, "repro"), ("up to date", 1))


def _write_plain(folder: Path, shape: Shape) -> dict[str, Any]:
    """The sources, the folders for the results, and the names of both by job."""
    shape.write_sources(folder)
    for own in OWN_FOLDERS:
        shutil.copytree(own, folder / own.name, ignore=shutil.ignore_patterns("__pycache__"))
    sources, chains = {}, {}
    for index, job in enumerate(shape.names):
        (folder / "results" / job).mkdir(parents=True)
        carried = [*OWN, *shape.folders_of(index)]
        files = [path for each in carried for path in sorted((folder / each).rglob("*")) if path.is_file()]
        sources[job] = [path.relative_to(folder).as_posix() for path in files]
        chains[job] = [f"results/{job}/{name}.json" for name in CHAIN]
    return {"sources": sources, "chains": chains}
