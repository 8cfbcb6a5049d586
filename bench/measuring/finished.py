"""A project of many jobs whose sessions have ended, made of one that trained: its documents under other names."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import sys
from typing import TYPE_CHECKING, Any, Final

from measuring.clock import run_timed
from measuring.graphs import Graph, project_path, write_project
from runner.layout import DOIT_MEMORY, JOBS_FILE, RunsFolder

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import SessionFolder

SMALL_JOB: Final[dict[str, Any]] = {
    "env": {"id": "CartPole-v1", "n_envs": 2},
    "algorithm": "PPO",
    "hyperparameters": {"n_steps": 50, "batch_size": 50, "n_epochs": 2},
    "total_timesteps": 200,
}


def names(jobs: int) -> list[str]:
    """The jobs of a project of so many; in each the seed is the job's place among them."""
    return [f"job_{number:05d}" for number in range(jobs)]


def write_entries(folder: Path, jobs: int) -> None:
    """A project in which each job is an entry, which states its seed over what all have."""
    write_project(folder, {})
    document = {"defaults": SMALL_JOB, "jobs": {name: {"seed": seed} for seed, name in enumerate(names(jobs))}}
    (folder / JOBS_FILE).write_text(json.dumps(document, indent=1), encoding="utf-8")


def write_matrix(folder: Path, jobs: int, seeds: int) -> None:
    """A project in which one entry stands for all jobs: so many seeds, and learning rates for the rest."""
    rates = [round(1e-4 * (number + 1), 6) for number in range(jobs // seeds)]
    matrix = {"seed": list(range(seeds)), "hyperparameters.learning_rate": rates}
    write_project(folder, {"sweep": {**SMALL_JOB, "matrix": matrix}})


def add_job(folder: Path, name: str) -> None:
    """An edit of such a project's jobs.yaml: one job more, as the last one."""
    document = json.loads((folder / JOBS_FILE).read_bytes())
    document["jobs"][name] = SMALL_JOB
    (folder / JOBS_FILE).write_text(json.dumps(document, indent=1), encoding="utf-8")


def write_finished(folder: Path, jobs: int) -> None:
    """A project in which each job is an entry and has met its goal: the first one trains, the others are its copies."""
    write_entries(folder, jobs)
    first, *others = names(jobs)
    run_timed((sys.executable, "-m", "doit", f"run_full:{first}"), folder, project_path())
    runs = RunsFolder(folder)
    original = runs.session(first, 1)
    with contextlib.closing(sqlite3.connect(folder / DOIT_MEMORY)) as memory:
        rows = memory.execute("select task_id, task_data from doit").fetchall()
        for seed, name in enumerate(others, 1):
            _copy(original, runs.session(name, 1), (first, name), seed)
            for task, data in rows:
                copied = _refreshed(json.loads(data.replace(f"/{first}/", f"/{name}/")))
                memory.execute(
                    "insert into doit values (?, ?)", (task.replace(f":{first}:", f":{name}:"), json.dumps(copied))
                )
        memory.commit()


def graphs(folder: Path, jobs: int) -> list[Graph]:
    """Commands of such projects that have nothing to do: about all jobs and about one, and the first to look at all.

    What is looked at anew has a project of its own: elsewhere it would take away what the others remember.
    """
    known, anew = folder / "known", folder / "anew"
    for each in (known, anew):
        write_finished(each, jobs)
    doit, one = (sys.executable, "-m", "doit"), names(jobs)[jobs // 2]
    said = "nothing to do"
    return [
        Graph("relay", known, (*doit, "run_full"), (said, jobs)),
        Graph("relay run_full:one", known, (*doit, f"run_full:{one}"), (said, 1)),
        Graph("relay plan:one", known, (*doit, f"plan:{one}"), (said, 2)),
        Graph("relay, first look", anew, (*doit, "run_full"), (said, jobs), touched="dodo.py"),
        Graph("relay run_full:one, first look", anew, (*doit, f"run_full:{one}"), (said, 1), touched="dodo.py"),
    ]


def _copy(original: SessionFolder, copy: SessionFolder, renamed: tuple[str, str], seed: int) -> None:
    """The documents of a session, without its package and its artifacts."""
    copy.path.mkdir(parents=True)
    key = hashlib.sha256(renamed[1].encode()).hexdigest()
    for path in (original.request, original.package_json, original.ledger_json, original.execution_json):
        text = path.read_text(encoding="utf-8").replace(original_key(original), key)
        _write(copy.path / path.name, _seeded(json.loads(text.replace(*renamed)), seed))
    restored = json.loads(original.restored_json.read_text(encoding="utf-8").replace(*renamed))
    _write(copy.restored_json, _seeded(restored, seed))
    for path in (original.manifest_json, original.report_json):
        os.link(path, copy.path / path.name)


def original_key(session: SessionFolder) -> str:
    """The key of a session."""
    return str(json.loads(session.package_json.read_bytes())["key"])


def _seeded(document: Any, seed: int) -> Any:
    """A document with that seed wherever it has one."""
    if isinstance(document, dict):
        return {key: seed if key == "seed" else _seeded(value, seed) for key, value in document.items()}
    return [_seeded(each, seed) for each in document] if isinstance(document, list) else document


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _refreshed(remembered: dict[str, Any]) -> dict[str, Any]:
    """What doit remembers of a task, with the states of its files as they are now."""
    for path in remembered["deps:"]:
        status = os.stat(path)  # noqa: PTH116 - one of fifty thousand
        with open(path, "rb") as stream:  # noqa: PTH123 - likewise
            content = stream.read()
        remembered[path] = [status.st_mtime, status.st_size, hashlib.md5(content).hexdigest()]  # noqa: S324 - doit's
    return remembered
