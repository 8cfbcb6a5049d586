"""Signals, kills and full disks: a session keeps what it has, and the next one goes on from there."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from contract.storage.files import TEMPORARY_PREFIX
from restore.integrity import inspect_checkpoint
from tests.trainer.conftest import (
    JOB,
    PATIENCE_SECONDS,
    ROLLOUT,
    TROUBLED,
    Ended,
    SessionProcess,
    job_values,
    outcome_of,
    record_of,
)
from trainer.stopping import interruption
from trainer.stopping.deadline import SESSION_LIMIT, Pace
from trainer.stopping.interruption import (
    STOP_FILE,
    Interruption,
    SessionInterrupted,
    StopRequest,
    gives_rollout_up,
    reason_for_giving_up,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from contract.storage.layout import Artifacts
    from tests.trainer.conftest import Relay
    from tests.trainer.forks import ForkingProcess

ENDLESS = 10**9
MAX_BYTES = 1 << 20


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (StopRequest(), None),
        (StopRequest(stop_file=True), STOP_FILE),
        (StopRequest(("SIGINT",)), "SIGINT"),
        (StopRequest(("SIGTERM", "SIGINT"), stop_file=True), "SIGTERM"),
    ],
)
def test_the_first_signal_is_the_reason(asked: StopRequest, reason: str | None) -> None:
    assert asked.reason == reason


def test_only_a_second_signal_gives_a_rollout_up() -> None:
    assert not gives_rollout_up(("SIGTERM",))
    assert gives_rollout_up(("SIGTERM", "SIGINT"))
    assert reason_for_giving_up(("SIGTERM", "SIGINT")) == "SIGTERM, then SIGINT"


@pytest.fixture
def listening() -> Iterator[Interruption]:
    """A session's interruption that hears signals; their handlers are put back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    listener = Interruption(time.monotonic(), limit=3600)
    listener.listen()
    yield listener
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_the_limit_counts_from_the_start_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watched = Interruption(started=900.0, limit=300)
    pace = Pace(rollout=100, copy=90)
    assert watched.reason(pace) is None
    now = 1008.0
    assert watched.reason(pace) == SESSION_LIMIT


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_is_noted_and_a_second_one_gives_the_rollout_up(listening: Interruption, name: str) -> None:
    number = signal.Signals[name]
    with listening.learning():
        assert listening.asked is None
        signal.raise_signal(number)
        assert listening.asked == listening.reason(Pace()) == name
        with pytest.raises(SessionInterrupted) as given_up:
            signal.raise_signal(signal.SIGINT)
    assert given_up.value.reason == f"{name}, then SIGINT"


def test_a_second_signal_waits_for_a_checkpoint_and_for_the_end(listening: Interruption) -> None:
    with listening.learning():
        with listening.saving():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
        assert listening.asked == "SIGTERM"
    signal.raise_signal(signal.SIGINT)
    assert listening.asked == "SIGTERM"


def test_a_stop_file_is_seen_when_it_appears(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(interruption.STOP_FILE_VARIABLE, str(tmp_path / "stop"))
    watched = Interruption(time.monotonic(), limit=3600)
    assert watched.reason(Pace()) is None
    (tmp_path / "stop").touch()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (reason := watched.reason(Pace())) is None:  # a look costs, so there is none at every step
        assert time.monotonic() < deadline
        time.sleep(interruption.STOP_FILE_SECONDS / 10)
    assert reason == STOP_FILE


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (None, 0),
        (SESSION_LIMIT, 0),
        (STOP_FILE, 143),
        ("SIGTERM", 143),
        ("SIGINT", 130),
        ("SIGINT, then SIGTERM", 130),
    ],
)
def test_the_exit_code_tells_a_stop_from_an_end(reason: str | None, code: int) -> None:
    assert interruption.exit_code(reason) == code


# Processes.


@pytest.fixture
def start(
    relay: Relay, tmp_path: Path, forking: ForkingProcess, processes: list[SessionProcess]
) -> Callable[..., SessionProcess]:
    """`start(output, parent, **changes)`: a session without an end in sight, once it has left a checkpoint."""

    def started(output: Path | None = None, parent: Ended | None = None, **changes: object) -> SessionProcess:
        job = job_values(**{"total_timesteps": ENDLESS, "save_freq": ROLLOUT, **changes})
        folder = relay.input_after(job, parent)
        process = SessionProcess(forking, folder, output or tmp_path / f"process-{len(processes)}")
        processes.append(process)
        return process

    return started


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_costs_no_timestep(start: Callable[..., SessionProcess], relay: Relay, name: str) -> None:
    session = start(save_freq=4 * ROLLOUT)
    session.wait_for("@relay checkpoint")
    os.kill(session.pid, signal.Signals[name])
    ended = session.end()
    assert ended.code == 128 + signal.Signals[name]
    metadata = ended.metadata
    assert (metadata.interrupted_by, metadata.error, metadata.goal_met) == (name, None, False)
    assert record_of(ended.latest).timesteps == metadata.timesteps > 0
    assert len(ended.steps) == 2
    assert ended.manifest.complete
    goal = metadata.timesteps + 2 * ROLLOUT
    resumed = relay.session(job_values(total_timesteps=goal), ended)
    assert resumed.metadata.timesteps_at_start == metadata.timesteps
    assert outcome_of(resumed.latest) == outcome_of(relay.session(job_values(total_timesteps=goal)).latest)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_that_reaches_workers_too_costs_no_timestep(
    start: Callable[..., SessionProcess], name: str, code: int
) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no groups of processes")
    session = start(env={"id": "CartPole-v1", "vectorization": "subproc"})
    session.wait_for("@relay checkpoint")
    os.killpg(session.pid, signal.Signals[name])
    ended = session.end()
    assert (ended.code, ended.metadata.interrupted_by) == (code, name), ended.log
    assert record_of(ended.latest).timesteps == ended.metadata.timesteps


def assert_whole(artifacts: Artifacts) -> None:
    """Every file under a checkpoint's or a model's name is sound, and the names are all there is beside leftovers."""
    models = [*artifacts.checkpoints_by_timesteps().values(), artifacts.best_model]
    assert models[:-1]
    for path in models:
        inspect_checkpoint(path, job=JOB, expected=None, max_bytes=MAX_BYTES)
    found = {path for folder in (artifacts.checkpoints, artifacts.best_model.parent) for path in folder.iterdir()}
    assert all(path.name.startswith(TEMPORARY_PREFIX) for path in found - set(models))


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once_and_leaves_whole_files(start: Callable[..., SessionProcess]) -> None:
    blocked = {"id": TROUBLED, "kwargs": {"hangs_at": 5 * ROLLOUT + 3}}
    session = start(env=blocked, policy="MultiInputPolicy", eval={"frequency": 4 * ROLLOUT, "episodes": 1})
    session.wait_for("the road is blocked")
    os.kill(session.pid, signal.SIGTERM)
    time.sleep(0.5)
    assert session.code() is None
    os.kill(session.pid, signal.SIGTERM)
    ended = session.end()
    assert ended.code == 128 + signal.SIGTERM
    assert ended.steps == [4 * ROLLOUT, 5 * ROLLOUT]
    assert ended.metadata.interrupted_by == "SIGTERM, then SIGTERM"
    assert ended.metadata.timesteps == 5 * ROLLOUT
    assert ended.manifest.complete
    assert_whole(ended.artifacts)


@pytest.mark.slow
def test_sigkill_at_any_moment_leaves_whole_checkpoints(
    start: Callable[..., SessionProcess], relay: Relay, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no SIGKILL")
    moments = random.Random(7)
    parent: Ended | None = None
    for number in range(4 if request.config.getoption("--long") else 2):
        session = start(tmp_path / f"killed-{number}", parent, eval={"frequency": 2 * ROLLOUT, "episodes": 1})
        session.wait_for("@relay evaluation")
        session.wait_for("@relay checkpoint")
        session.wait_until(session.artifacts.best_model.exists)  # the thread that writes it may come late
        time.sleep(moments.uniform(0, 0.15))
        session.kill()
        ended = session.end()
        assert ended.code == -signal.SIGKILL
        assert_whole(ended.artifacts)
        assert not ended.manifest.complete
        assert 1 <= len(ended.steps) <= 3
        assert ended.steps[-1] > (parent.steps[-1] if parent else 0)
        parent = ended
    assert parent is not None
    goal = parent.steps[-1] + ROLLOUT
    job = job_values(total_timesteps=goal, eval={"frequency": 2 * ROLLOUT, "episodes": 1})
    assert outcome_of(relay.session(job, parent).latest) == outcome_of(relay.session(job).latest)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own that holds about eight checkpoints."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or mount is None:
        pytest.skip("a disk of its own takes Linux, root and mount")
    options = ["-t", "tmpfs", "-o", "size=384k", "tmpfs", str(folder)]
    if subprocess.run([mount, *options], check=False, capture_output=True).returncode:
        pytest.skip("this container may not mount a disk")
    yield folder
    subprocess.run([shutil.which("umount") or "umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
def test_a_disk_that_runs_full_costs_no_checkpoint(
    start: Callable[..., SessionProcess], relay: Relay, small_disk: Path
) -> None:
    session = start(small_disk / "artifacts")
    session.wait_for("@relay checkpoint")
    session.wait_for("@relay checkpoint")
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        try:
            while stream.write(bytes(4096)):
                pass
        except OSError:
            pass
    ended = session.end()
    assert ended.code == 1
    assert "cannot be written: the disk is full; the last good checkpoint is intact" in ended.log.splitlines()[-2]
    assert "Traceback" not in ended.log
    for path in ended.artifacts.checkpoints_by_timesteps().values():
        inspect_checkpoint(path, job=JOB, expected=None, max_bytes=MAX_BYTES)
    assert not list(ended.artifacts.root.rglob(f"{TEMPORARY_PREFIX}*"))
    ballast.unlink()
    goal = ended.steps[-1] + ROLLOUT
    resumed = relay.session(job_values(total_timesteps=goal), ended)
    assert outcome_of(resumed.latest) == outcome_of(relay.session(job_values(total_timesteps=goal)).latest)
