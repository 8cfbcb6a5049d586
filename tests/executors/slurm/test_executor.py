"""Scripts as jobs of a real Slurm cluster."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.errors import BackendError, BackendUnreachableError, RefusedError, SessionLostError
from contract.states import State
from executors import watches
from executors.base import Status
from executors.slurm import commands, standing
from executors.slurm.executor import BATCH_SCRIPT, LOCK_FILE, SUBMITTED_FILE, SlurmExecutor
from executors.slurm.settings import SlurmSettings
from tests.cluster import running_cluster
from tests.executors.scripts import (
    LISTENS,
    LOCKS_ITS_INPUT,
    NAME,
    PATIENCE_SECONDS,
    TELLS,
    WAITS,
    ended,
    eventually,
    wait_for_log,
    workload,
)
from tests.preloading import own_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from executors.slurm.words import SlurmJob
    from tests.cluster import Cluster

PLAIN = SlurmSettings(partition="main", time=600)
KILLS_ITSELF = "import os, signal\nprint('begun', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster(forgets_after=5) as there:
        yield there


@pytest.fixture(scope="module", autouse=True)
def killed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sandboxes of a script that was killed before any test began."""
    assert cluster.configuration.exists()
    folder = tmp_path_factory.mktemp("killed")
    with SlurmExecutor(folder / "sandboxes", PLAIN) as executor:
        executor.start(workload(folder, KILLS_ITSELF))
        wait_for_log(executor, b"begun")
    return folder / "sandboxes"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "the sandboxes of 100 % of all"


@pytest.fixture
def executor(cluster: Cluster, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmExecutor]:
    assert cluster.configuration.exists()
    for each in ("RECORD_SECONDS", "LATEST_RECORD_SECONDS", "FORGOTTEN_SECONDS"):
        monkeypatch.setattr(standing, each, 0.0)
    monkeypatch.setattr(watches, "LONGEST_PAUSE_SECONDS", 0.05)
    for name in set(os.environ) - set(own_variables()):
        monkeypatch.delenv(name)  # signals are to reach the script itself
    own = SlurmExecutor(root, PLAIN)
    yield own
    with contextlib.suppress(BackendError):
        own.kill(NAME)


def test_a_script_runs_as_a_job_and_what_it_left_is_fetched(
    executor: SlurmExecutor, cluster: Cluster, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a secret")
    monkeypatch.setenv("SQUEUE_PARTITION", "high")
    before = cluster.submissions()
    assert not executor.has(NAME)
    executor.start(workload(tmp_path, TELLS))
    assert executor.has(NAME)
    executor.start(workload(tmp_path, TELLS))  # is known, and not submitted again
    assert ended(executor) == Status(State.COMPLETE, 0)
    assert executor.logs(NAME, 0) == b"hello\n"
    assert executor.logs(NAME, 4) == b"o\n"
    executor.fetch(NAME, tmp_path / "fetched")
    assert (tmp_path / "fetched" / "left.txt").read_text(encoding="utf-8").startswith(f"relay-{NAME}-")
    assert (tmp_path / "fetched" / "seen" / "inputs.txt").read_text(encoding="utf-8") == "cart payload.json"
    temporary = Path((tmp_path / "fetched" / "seen" / "temporary.txt").read_text(encoding="utf-8"))
    assert "KAGGLE_API_TOKEN" not in (tmp_path / "fetched" / "seen" / "variables.txt").read_text(encoding="utf-8")
    assert not temporary.exists()
    assert cluster.submissions() == before + 1
    executor.remove(NAME)
    assert not any(root.iterdir())
    with pytest.raises(SessionLostError):
        executor.status(NAME)
    assert not executor.has(NAME)


def test_asking_for_a_stop_is_a_file_that_a_running_script_sees(executor: SlurmExecutor, tmp_path: Path) -> None:
    executor.start(workload(tmp_path, WAITS))
    wait_for_log(executor, b"waiting")
    assert eventually(executor, State.RUNNING) == Status(State.RUNNING)
    executor.stop(NAME)
    executor.stop(NAME)
    assert ended(executor) == Status(State.CANCELLED, 143, "asked to stop (SIGTERM)")


def test_a_job_that_waits_says_for_what_and_one_that_is_cancelled_then_never_begins(
    executor: SlurmExecutor, cluster: Cluster, root: Path, tmp_path: Path
) -> None:
    with SlurmExecutor(root, SlurmSettings(partition="closed", time=600)) as other:
        other.start(workload(tmp_path, TELLS))
    status = eventually(executor, State.QUEUED)
    assert status.reason is not None
    assert status.reason.endswith("its partition is down (PartitionDown)")
    number = job_number(root)
    executor.stop(NAME)
    assert executor.status(NAME) == Status(State.CANCELLED, 143, "its job was cancelled before it began")
    assert f"{number} CANCELLED closed" in cluster.jobs()
    script = str(root / NAME / BATCH_SCRIPT)
    cluster.run(f"--chdir={root / NAME}", "--output=log.txt", script)  # as if it had not been
    assert not any((root / NAME / "kaggle" / "working").iterdir())


def test_a_job_that_somebody_cancels_is_told_so(
    executor: SlurmExecutor, cluster: Cluster, root: Path, tmp_path: Path
) -> None:
    executor.start(workload(tmp_path, WAITS))
    wait_for_log(executor, b"waiting")
    cluster.ask("scancel", job_number(root))
    status = ended(executor)
    assert status.state is State.CANCELLED
    assert str(status.reason).endswith("was cancelled by `scancel` or an administrator")


def test_a_term_of_slurms_reaches_the_script_itself(
    executor: SlurmExecutor, cluster: Cluster, root: Path, tmp_path: Path
) -> None:
    executor.start(workload(tmp_path, LISTENS))
    wait_for_log(executor, b"waiting")
    cluster.ask("scancel", "--signal=TERM", "--batch", job_number(root))
    status = ended(executor)
    assert (status.state, status.exit_code) == (State.CANCELLED, 143)
    assert status.reason == "asked to stop (SIGTERM), as Slurm does before the end of its time and to make way"


def job_number(root: Path) -> str:
    text = (root / NAME / SUBMITTED_FILE).read_text(encoding="utf-8")
    return "".join(each for each in text.partition('"job"')[2].partition(",")[0] if each.isdecimal())


def test_a_killed_script_is_a_failure(executor: SlurmExecutor, tmp_path: Path) -> None:
    executor.start(workload(tmp_path, KILLS_ITSELF))
    status = ended(executor)
    assert status.state is State.FAILED
    assert "ended without a record" in str(status.reason)


def test_a_submission_that_nobody_noted_is_found_by_its_name(
    executor: SlurmExecutor, cluster: Cluster, root: Path, tmp_path: Path
) -> None:
    with SlurmExecutor(root, SlurmSettings(partition="closed", time=600)) as other:
        other.start(workload(tmp_path, TELLS))
    (root / NAME / SUBMITTED_FILE).unlink()  # as if the answer of sbatch had been lost
    before = cluster.jobs()
    assert executor.has(NAME)
    executor.start(workload(tmp_path, TELLS))
    assert cluster.jobs() == before
    executor.kill(NAME)
    assert ended(executor).state is State.CANCELLED


def test_while_an_earlier_submission_hangs_nobody_submits_again(
    executor: SlurmExecutor, cluster: Cluster, root: Path, tmp_path: Path
) -> None:
    with SlurmExecutor(root, SlurmSettings(partition="moon")) as refused, contextlib.suppress(RefusedError):
        refused.start(workload(tmp_path, TELLS))
    before = cluster.jobs()
    command = [sys.executable, "-c", LOCKS_ITS_INPUT]  # as an sbatch whose caller was killed
    with (
        (root / NAME / LOCK_FILE).open("ab") as lock,
        subprocess.Popen(command, stdin=lock, stdout=subprocess.PIPE) as orphan,
    ):
        assert orphan.stdout is not None
        assert orphan.stdout.read(len("locked"))
        for call in (executor.has, lambda _: executor.start(workload(tmp_path, TELLS))):
            with pytest.raises(BackendUnreachableError, match=r"an earlier submission .* has not ended yet"):
                call(NAME)
        orphan.kill()
    assert not executor.has(NAME)
    assert cluster.jobs() == before


def test_a_job_that_slurm_runs_twice_starts_its_script_once(
    executor: SlurmExecutor, cluster: Cluster, root: Path, tmp_path: Path
) -> None:
    executor.start(workload(tmp_path, "open('starts.txt', 'a').write('started ')\n"))
    assert ended(executor).state is State.COMPLETE
    cluster.run(f"--chdir={root / NAME}", "--output=log.txt", str(root / NAME / BATCH_SCRIPT))
    assert (root / NAME / "kaggle" / "working" / "starts.txt").read_text(encoding="utf-8") == "started "
    assert executor.status(NAME) == Status(State.COMPLETE, 0)


def test_what_slurm_refuses_is_one_sentence_and_nothing_is_submitted(
    executor: SlurmExecutor, cluster: Cluster, root: Path, tmp_path: Path
) -> None:
    for settings, said in (
        (SlurmSettings(partition="moon"), "correct slurm.partition"),
        (SlurmSettings(gres="gpu:1"), "correct slurm.gres"),
        (SlurmSettings(memory=1 << 50), "lower slurm.memory"),
        (SlurmSettings(extra=("--moon=1",)), "correct slurm.extra"),
    ):
        with SlurmExecutor(root, settings) as refused, pytest.raises(RefusedError, match=said):
            refused.start(workload(tmp_path, TELLS))
        assert not executor.has(NAME)  # though Slurm may keep a job of it that has failed
    assert not [job for job in cluster.jobs() if "PENDING" in job]
    executor.start(workload(tmp_path, TELLS))
    assert ended(executor) == Status(State.COMPLETE, 0)


def test_a_sandbox_may_lie_in_a_folder_of_its_own(root: Path, executor: SlurmExecutor, tmp_path: Path) -> None:
    with SlurmExecutor(root, SlurmSettings(time=600, folder=tmp_path / "scratch")) as other:
        other.start(workload(tmp_path, TELLS))
    assert ended(executor) == Status(State.COMPLETE, 0)  # later commands know no settings
    (sandbox,) = (tmp_path / "scratch").iterdir()
    assert NAME in sandbox.name
    executor.remove(NAME)
    assert not any((tmp_path / "scratch").iterdir())
    assert not any(root.iterdir())


def test_a_node_without_the_interpreter_says_which_key_to_set(
    root: Path, executor: SlurmExecutor, tmp_path: Path
) -> None:
    with SlurmExecutor(root, SlurmSettings(time=600, python="/nowhere/python")) as other:
        other.start(workload(tmp_path, TELLS))
    assert "has no /nowhere/python (set slurm.python)" in str(ended(executor).reason)


def test_a_controller_that_does_not_answer_says_nothing_of_the_session(
    executor: SlurmExecutor, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor.start(workload(tmp_path, WAITS))
    wait_for_log(executor, b"waiting")
    cluster.stop_controller()
    monkeypatch.setenv("SLURM_CONF", str(cluster.impatient))
    try:
        with pytest.raises(BackendUnreachableError, match=r"gives no answer \(.*Unable to contact"):
            ended(executor)
        executor.stop(NAME)  # by a file, which needs no controller
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with contextlib.suppress(BackendUnreachableError):
                if executor.status(NAME).state is State.CANCELLED:
                    break
            assert time.monotonic() < deadline
    finally:
        cluster.start_controller()


def test_slurm_is_asked_once_after_many(
    executor: SlurmExecutor, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [NAME, "another", "third"]
    for name in names:
        executor.start(replace(workload(tmp_path, WAITS), name=name))
    asked: list[int] = []
    known_among = commands.known_among

    def counted(sought: Sequence[commands.Sought]) -> dict[commands.Sought, list[SlurmJob]]:
        asked.append(len(sought))
        return known_among(sought)

    with monkeypatch.context() as patch, SlurmExecutor(root, PLAIN) as watching:
        patch.setattr(commands, "known_among", counted)
        patch.setattr(commands, "known_jobs", lambda *_: pytest.fail("one was asked after by itself"))
        stands = watching.standing([*names, "never submitted"])
    assert stands.keys() == {*names}
    assert not any(status.state.is_terminal for status in stands.values())
    assert asked == [len(names)]
    for name in names:
        executor.kill(name)


def test_a_machine_without_slurm_is_one_sentence(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with SlurmExecutor(root, PLAIN) as executor:
        assert not executor.has(NAME)
        with pytest.raises(BackendError, match="its command squeue is not on this machine; work on a machine of the"):
            executor.start(workload(tmp_path, TELLS))


def test_a_command_that_hangs_is_no_answer(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = tmp_path / "programs" / "squeue"
    hangs.parent.mkdir()
    hangs.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    hangs.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{hangs.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(commands, "PATIENCE_SECONDS", 0.2)
    with (
        SlurmExecutor(root, PLAIN) as executor,
        pytest.raises(BackendUnreachableError, match="squeue did not end within"),
    ):
        executor.start(workload(tmp_path, TELLS))


def test_a_killed_script_is_known_when_slurm_has_forgotten_it(killed: Path, executor: SlurmExecutor) -> None:
    """The last of all: Slurm takes its time to forget."""
    assert not executor.has(NAME)
    with contextlib.closing(SlurmExecutor(killed)) as later:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while later._jobs(NAME, killed / NAME):  # noqa: SLF001 - until Slurm has forgotten it
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert later.has(NAME)
        status = later.status(NAME)
        assert status.state is State.FAILED
        assert "no longer knows its job" in str(status.reason)
