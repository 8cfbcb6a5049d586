"""Several scripts as one array of a real Slurm cluster."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from contract.errors import BackendUnreachableError, RefusedError
from contract.states import State
from executors import watches
from executors.base import Status, Workload
from executors.slurm import standing
from executors.slurm.executor import LOCK_FILE, SUBMITTED_FILE, SlurmExecutor
from executors.slurm.settings import SlurmSettings
from tests.cluster import running_cluster
from tests.executors.scripts import LOCKS_ITS_INPUT, WAITS, ended, wait_for_log
from tests.preloading import own_variables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster import Cluster

NAMES = ("0123456789abcdef", "123456789abcdef0", "23456789abcdef01")
PLAIN = SlurmSettings(partition="main", time=600)
CLOSED = SlurmSettings(partition="closed", time=600)
TELLS = """
import os
from pathlib import Path
with Path("starts.txt").open("a") as starts:
    starts.write(os.environ["SLURM_ARRAY_TASK_ID"])
print(Path(os.environ["RELAY_INPUT"], "cart", "own.txt").read_text())
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as there:
        yield there


@pytest.fixture
def root(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert cluster.configuration.exists()
    for each in ("RECORD_SECONDS", "LATEST_RECORD_SECONDS", "FORGOTTEN_SECONDS"):
        monkeypatch.setattr(standing, each, 0.0)
    monkeypatch.setattr(watches, "LONGEST_PAUSE_SECONDS", 0.05)
    for name in set(os.environ) - set(own_variables()):
        monkeypatch.delenv(name)
    return tmp_path / "the sandboxes of 100 % of all"


def workloads(folder: Path, script: str) -> list[Workload]:
    made = []
    for name in NAMES:
        given = folder / name
        given.mkdir()
        (given / "own.txt").write_text(name, encoding="utf-8")
        path = folder / f"{name}.py"
        path.write_text(script, encoding="utf-8")
        made.append(Workload(name, path, {"cart": given}))
    return made


def test_scripts_that_start_together_are_one_array_and_each_runs_once_in_its_own_sandbox(
    cluster: Cluster, root: Path, tmp_path: Path
) -> None:
    before = cluster.submissions()
    given = workloads(tmp_path, TELLS)
    with SlurmExecutor(root, PLAIN) as executor:
        executor.start_together(given)
        executor.start_together(given)
        executor.start(given[0])
    with SlurmExecutor(root) as later:
        for index, name in enumerate(NAMES):
            assert later.has(name)
            assert ended(later, name) == Status(State.COMPLETE, 0)
            assert later.logs(name, 0) == f"{name}\n".encode()
            later.fetch(name, tmp_path / "fetched" / name)
            assert (tmp_path / "fetched" / name / "starts.txt").read_text(encoding="utf-8") == str(index)
        # Slurm numbers the tasks of an array as jobs once they begin.
        assert cluster.submissions() <= before + len(NAMES)
        assert len({(root / name / SUBMITTED_FILE).read_text("utf-8").partition("_")[0] for name in NAMES}) == 1
        for name in NAMES:
            later.remove(name)
    assert not any(root.iterdir())


def test_one_of_an_array_is_stopped_and_cancelled_without_the_others(root: Path, tmp_path: Path) -> None:
    with SlurmExecutor(root, PLAIN) as executor:
        executor.start_together(workloads(tmp_path, WAITS))
        for name in NAMES:
            wait_for_log(executor, b"waiting", name)
        executor.stop(NAMES[0])
        assert ended(executor, NAMES[0]).state is State.CANCELLED
        executor.kill(NAMES[1])
        killed = ended(executor, NAMES[1])
        assert killed.state is State.CANCELLED
        assert "_1 was cancelled" in str(killed.reason)
        assert not executor.status(NAMES[2]).state.is_terminal
        executor.stop(NAMES[2])
        assert ended(executor, NAMES[2]).exit_code == Status(State.CANCELLED, 143).exit_code


def test_an_array_that_waits_says_for_what_for_each_of_it(root: Path, tmp_path: Path) -> None:
    with SlurmExecutor(root, CLOSED) as executor:
        executor.start_together(workloads(tmp_path, TELLS))
        stands = executor.standing(NAMES)
        for index, name in enumerate(NAMES):
            status = stands[name]
            assert status.state is State.QUEUED
            assert f"_{index} waits in Slurm's queue: its partition is down" in str(status.reason)
            executor.stop(name)
            assert executor.status(name).reason == "its job was cancelled before it began"


def test_an_array_whose_answer_was_lost_is_found_by_the_notes_in_its_sandboxes(
    cluster: Cluster, root: Path, tmp_path: Path
) -> None:
    given = workloads(tmp_path, TELLS)
    with SlurmExecutor(root, CLOSED) as executor:
        executor.start_together(given)
        for name in NAMES:
            (root / name / SUBMITTED_FILE).unlink()
        before = cluster.jobs()
        executor.start_together(given)
        executor.start(given[1])
        assert cluster.jobs() == before
        for name in NAMES:
            executor.kill(name)


def test_notes_of_an_array_that_was_never_submitted_keep_nothing_from_starting(
    cluster: Cluster, root: Path, tmp_path: Path
) -> None:
    given = workloads(tmp_path, "print('began')")
    with SlurmExecutor(root, SlurmSettings(partition="moon")) as refused, pytest.raises(RefusedError, match="moon"):
        refused.start_together(given)
    before = cluster.submissions()
    with SlurmExecutor(root, PLAIN) as executor:
        assert not executor.has(NAMES[0])
        executor.start(given[0])
        executor.start_together(given)
        for name in NAMES:
            assert ended(executor, name) == Status(State.COMPLETE, 0)
            assert executor.logs(name, 0) == b"began\n"
    assert before + 1 < cluster.submissions() <= before + len(NAMES)


def test_while_the_submission_of_an_array_hangs_none_of_it_is_submitted_again(root: Path, tmp_path: Path) -> None:
    given = workloads(tmp_path, TELLS)
    with SlurmExecutor(root, SlurmSettings(partition="moon")) as refused, pytest.raises(RefusedError):
        refused.start_together(given)
    command = [sys.executable, "-c", LOCKS_ITS_INPUT]  # as an sbatch whose caller was killed
    with (
        (root / NAMES[0] / LOCK_FILE).open("ab") as lock,
        subprocess.Popen(command, stdin=lock, stdout=subprocess.PIPE) as orphan,
        SlurmExecutor(root, PLAIN) as executor,
    ):
        assert orphan.stdout is not None
        assert orphan.stdout.read(len("locked"))
        with pytest.raises(BackendUnreachableError, match="an earlier submission"):
            executor.start(given[2])
        orphan.kill()


def test_a_cluster_that_takes_no_arrays_gets_a_job_for_each(
    cluster: Cluster, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "programs" / "sbatch"
    program.parent.mkdir()
    refusal = "echo 'sbatch: error: Batch job submission failed: Invalid job array specification' >&2; exit 1"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *--array=*) {refusal};; esac\nexec {shutil.which("sbatch")} "$@"\n', encoding="utf-8"
    )
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    before = cluster.submissions()
    with SlurmExecutor(root, PLAIN) as executor:
        executor.start_together(workloads(tmp_path, "print('alone')"))
        for name in NAMES:
            assert ended(executor, name) == Status(State.COMPLETE, 0)
    assert cluster.submissions() == before + len(NAMES)
