"""What a command about one job looks at is the same however many jobs there are: counted, not timed."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from contract.storage import files
from job import model
from runner.commands.plan import show_plan
from runner.commands.status import show_status
from runner.doit.graph import Graph
from runner.doit.selection import select
from runner.layout import RunsFolder
from runner.lineage import Phase
from runner.planning import settled
from runner.preflight import trial
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import FITS, JobOnDisk, as_wanted, write_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW, MANY = 10, 300
ONE = "search-seed5"

_looks: list[list[str]] = []
"""What is looked at on the disk, while somebody counts."""


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _looks and event in ("open", "os.listdir", "os.scandir"):
        _looks[-1].append(str(arguments[0]))


sys.addaudithook(_note)


@contextlib.contextmanager
def looks() -> Iterator[list[str]]:
    """The files that are opened, and the folders that are listed."""
    noted: list[str] = []
    _looks.append(noted)
    try:
        yield noted
    finally:
        _looks.remove(noted)


def project(root: Path, jobs: int) -> Path:
    """A project of so many jobs by one matrix, which a command has read before; a session of one has ended."""
    root.mkdir()
    write_jobs(root, search={**cart_pole(), "matrix": {"seed": list(range(jobs))}})
    workspace = Workspace(root)
    now = {name: each for name, each in as_wanted(workspace, ONE).items() if name != "job"}
    JobOnDisk(root, ONE).add(Phase.RESTORED, timesteps=64, job=workspace.plan(ONE, "full").wanted.job, **now)
    for each in range(jobs):
        (RunsFolder(root).archive(f"search-seed{each}", 1)).mkdir(parents=True)
    show_plan(workspace, ONE)
    workspace.remember()
    return root


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A project of few jobs, and one of many."""
    folder = tmp_path_factory.mktemp("many")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "try_job", lambda *_arguments: FITS)
        return [project(folder / f"of {jobs}", jobs) for jobs in (FEW, MANY)]


def test_a_plan_of_one_of_many_jobs_reads_and_tries_what_a_plan_of_one_of_few_does(
    roots: list[Path], tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[bytes] = []
    decode = msgspec.json.decode

    def noting(content: bytes, **kind: Any) -> Any:
        decoded.append(content)
        return decode(content, **kind)

    monkeypatch.setattr(msgspec.json, "decode", noting)
    monkeypatch.setattr(model, "parse_job", pytest.fail)
    counts = []
    for root in roots:
        decoded.clear()
        with looks() as seen:
            graph = Graph(Workspace(root), select([f"plan:{ONE}"]))
            tasks = list(graph.for_each_job(show_plan))
            show_plan(graph.workspace, ONE)
        counts.append((len(seen), len(decoded), len(tasks)))
    assert counts[0] == counts[1]
    assert tried == []


def test_a_status_looks_at_each_job_that_has_begun_nothing_in_its_own_place_alone(
    roots: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(roots[1])
    with looks() as seen:
        show_status(workspace, workspace.jobs)
    assert capsys.readouterr().out.count("not started") == MANY - 1
    own = workspace.runs.job(ONE)
    of_jobs = [each for each in seen if "search-seed" in each and own not in (Path(each), *Path(each).parents)]
    assert of_jobs == [str(workspace.runs.job(job)) for job in workspace.jobs if job != ONE]
    assert sum(each.endswith(".archive") for each in seen) == 1


def test_a_search_of_many_jobs_is_tried_once(roots: list[Path], tried: list[str]) -> None:
    workspace = Workspace(roots[1])
    for job in workspace.jobs:
        show_plan(workspace, job)
    assert tried == []


def test_that_one_of_many_has_nothing_to_do_is_known_from_that_one(roots: list[Path]) -> None:
    counts = []
    for root in roots:
        runs, known = RunsFolder(root), Workspace(root).jobs
        for job in known:
            runs.job(job).mkdir(exist_ok=True)
        look = settled.Look({})
        said = {
            job: settled.Answer(f"{job}: nothing to do", [], settled.state_of_job(runs, job, None, [], look))
            for job in known
        }
        memory = settled.Memory(known, [], [], {}, "", {"full": said})
        memory = memory._replace(state=settled.state_of_all(memory, look))
        files.write_bytes(runs.cache(settled.CACHE), json.dumps(memory._asdict()).encode())
        with looks() as seen:
            assert settled.said_again(root, select([f"run_full:{ONE}"]), None) == [f"{ONE}: nothing to do"]
        counts.append(len(seen))
    assert counts[0] == counts[1]
