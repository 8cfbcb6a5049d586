"""What is not known for sure of Kaggle, each way: the session runs once, and what it left comes."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from contract.errors import BackendBusyError, RefusedError, SessionLostError
from contract.states import State
from contract.storage import files, layout
from emulator.settings import BusyAnswer, EarlyVersion, LiveLog, LogForm, ManyFiles, RefusedPush, SavedPush, Stopped
from emulator.store.values import KernelState
from runner.backends.base import Origin, Output
from runner.backends.kaggle.kernels.kernel import Kernel
from runner.backends.kaggle.kernels.metadata import LARGE_PARENT_BYTES, METADATA_FILE
from runner.backends.kaggle.kernels.pushing import FIRST_SCRIPT
from runner.backends.kaggle.logs import last_words
from runner.backends.kaggle.names import Handle
from runner.stages.parent import ParentFiles
from runner.stages.session_script import ACCELERATOR_FILE
from tests.emulated import USER
from tests.runner.backends.kaggle.conftest import PATIENCE_SECONDS, Kaggle, follow, own_kaggle
from tests.runner.conftest import job_json

if TYPE_CHECKING:
    from pathlib import Path

    from executors.base import Status
    from runner.backends.kaggle.backend import KaggleBackend

ORIGIN = Origin(1000, None)


def until(backend: KaggleBackend, handle: str, word: str) -> Status:
    """Where a session stands once `word` is in its reason."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while word not in str((status := backend.status(handle)).reason):
        assert time.monotonic() < deadline, status
        time.sleep(0.005)
    return status


@pytest.mark.parametrize("left", list(RefusedPush))
@pytest.mark.parametrize("answer", list(BusyAnswer))
def test_a_new_job_whose_push_is_refused_waits_and_leaves_no_empty_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: RefusedPush, answer: BusyAnswer
) -> None:
    with own_kaggle(tmp_path, monkeypatch, gpu_slots=0, refused_push=left, busy_answer=answer) as own:
        folder, key = own.package("new_job")
        for _ in range(2):
            with pytest.raises(BackendBusyError, match=r"takes no further session now: .*session count of 0 reached"):
                own.backend().submit(folder, key)
        assert own.backend().find(key) is None
        kernels = own.emulator.running.emulator.kernels
        kernel = kernels.find(USER, "relay-new-job")
        assert kernel is not None
        (first,) = kernels.list_versions(kernel.id)
        assert (first.state, kernels.source(first.id), first.uses_gpu) == (KernelState.NEW_SCRIPT, FIRST_SCRIPT, False)


def test_where_nothing_is_saved_without_running_the_first_session_makes_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with own_kaggle(tmp_path, monkeypatch, saved_push=SavedPush.REFUSED) as own:
        for number in (1, 2):
            folder, key = own.package("runs_only", number)
            handle = own.backend().submit(folder, key)
            assert Handle.parse(handle).version == number
            assert follow(own.backend(), handle)[0].state is State.COMPLETE
        said = capsys.readouterr().out
        assert said.count("kernel relay-runs-only: Kaggle refuses it: ") == 1, "once there is a kernel, none is made"
        assert "; it is made by its first session instead" in said


def test_an_empty_notebook_is_told_with_what_helps_and_another_name_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_kaggle(tmp_path, monkeypatch) as own:
        own.emulator.running.emulator.kernels.create(USER, "relay-in-the-way", "relay-in-the-way", 0.0)
        folder, key = own.package("in_the_way")
        with pytest.raises(RefusedError) as caught:
            own.backend().submit(folder, key)
        assert "has a notebook of this name without any version, left by a push that it refused" in str(caught.value)
        assert "set `kaggle: {slug: relay-in-the-way-2}` in jobs.yaml" in str(caught.value)
        assert own.calls("StartBlobUpload") == 0, "it is told before anything is sent"
        folder, key = own.package("in_the_way", 2, settings={"slug": "relay-in-the-way-2"})
        handle = own.backend().submit(folder, key)
        assert Handle.parse(handle).slug == "relay-in-the-way-2"
        assert follow(own.backend(), handle)[0].state is State.COMPLETE


def test_no_answer_about_a_kernel_that_is_there_is_no_empty_notebook(kaggle: Kaggle) -> None:
    folder, key = kaggle.package("there_all_the_time")
    handle = kaggle.backend().submit(folder, key)
    kaggle.fault("server-error", "GetKernel", first=5)
    assert kaggle.backend().find(key) == handle


@pytest.mark.parametrize("exit_code", [0, 3])
def test_what_is_listed_late_is_waited_for_however_the_session_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exit_code: int
) -> None:
    with own_kaggle(tmp_path, monkeypatch, listing_delay_seconds=0.5) as own:
        folder, key = own.package("late", exit_code=exit_code)
        handle = own.backend().submit(folder, key)
        status, log = follow(own.backend(), handle)
        assert status.state is (State.FAILED if exit_code else State.COMPLETE)
        assert last_words(log.decode()) == "ends", "the log comes late too"
        own.backend().fetch(handle, tmp_path / "here")
        assert (tmp_path / "here" / "checkpoints" / "a.zip").stat().st_size == 1000


def test_output_that_is_listed_after_the_log_is_waited_for(kaggle: Kaggle, tmp_path: Path) -> None:
    folder, key = kaggle.package("log_first", exit_code=3)
    handle = kaggle.backend().submit(folder, key)
    follow(kaggle.backend(), handle)
    kaggle.fault("answer", "ListKernelSessionOutput", fields={"files": []}, first=3)
    kaggle.backend().fetch(handle, tmp_path / "here")
    assert (tmp_path / "here" / "checkpoints" / "a.zip").exists()


@pytest.mark.parametrize("rule", list(Stopped))
def test_a_session_at_its_time_limit_leaves_what_kaggle_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: Stopped
) -> None:
    with own_kaggle(tmp_path, monkeypatch, stopped=rule) as own:
        folder, key = own.package("cut_off", lingers=60)
        handle = own.backend().submit(folder, key)
        own.emulator.wait_for_log("relay-cut-off", "ends")
        own.emulator.let_time_pass(12 * 3600)
        backend = own.backend(patience=0.5)
        status, _ = follow(backend, handle)
        if rule is Stopped.KEPT:
            assert (status.state, "exceeded the max allowed" in str(status.reason)) == (State.CANCELLED, True)
            backend.fetch(handle, tmp_path / "here")
            assert (tmp_path / "here" / "checkpoints" / "a.zip").exists()
        else:
            assert status.state is State.FAILED
            with pytest.raises(SessionLostError, match="left no manifest"):
                backend.fetch(handle, tmp_path / "here")


@pytest.mark.parametrize("form", list(LogForm))
@pytest.mark.parametrize("live", list(LiveLog))
def test_a_log_reads_the_same_however_kaggle_cuts_and_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: LogForm, live: LiveLog
) -> None:
    with own_kaggle(tmp_path, monkeypatch, log_form=form, live_log=live) as own:
        line = "é" * 500
        folder, key = own.package("prints", prints=[line, "@relay of ours"])
        handle = own.backend().submit(folder, key)
        _, log = follow(own.backend(), handle)
        printed = log.decode().splitlines()
        assert [each for each in printed if each in (line, "@relay of ours", "ends")] == [
            line,
            "@relay of ours",
            "ends",
        ]
        assert own.backend().status(handle).state is State.COMPLETE
        assert own.backend().logs(handle, 0) == b""  # nobody has asked this one for a status
        assert last_words(log.decode()) == "ends"


@pytest.mark.parametrize("rule", list(EarlyVersion))
def test_a_second_session_soon_after_the_first_waits_for_the_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: EarlyVersion
) -> None:
    with own_kaggle(tmp_path, monkeypatch, dataset_delay_seconds=0.4, early_version=rule) as own:
        first, first_key = own.package("soon", 1)
        Kernel(own.backend().connection, "relay-soon")
        own.backend().submit(first, first_key)
        second, second_key = own.package("soon", 2)
        assert follow(own.backend(), own.backend().submit(second, second_key))[0].state is State.COMPLETE


def test_a_session_that_hangs_in_the_queue_says_what_helps_and_is_followed_where_the_user_starts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_kaggle(tmp_path, monkeypatch, queue_stall_seconds=10**6) as own:
        folder, key = own.package("hangs")
        backend = own.backend(queue_patience=0.1)
        handle = backend.submit(folder, key)
        said = until(backend, handle, "press Save Version")
        assert said.state is State.QUEUED
        assert "open relay-hangs on kaggle.com, cancel this version" in str(said.reason)
        started_on_the_site(own, "relay-hangs")
        until(backend, handle, "was started again on Kaggle, as version 3")
        status, log = follow(backend, handle)
        assert (status.state, last_words(log.decode())) == (State.COMPLETE, "ends")
        cancelled(own, "relay-hangs", 2)
        # A command that comes later follows it too.
        later = own.backend()
        assert follow(later, handle)[0].state is State.COMPLETE
        later.fetch(handle, tmp_path / "here")
        assert (tmp_path / "here" / "checkpoints" / "a.zip").exists()
        assert own.versions("relay-hangs") == 2, "the user's, and the one that hung"


def test_a_session_that_hangs_for_a_while_starts_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_kaggle(tmp_path, monkeypatch, queue_stall_seconds=0.5) as own:
        folder, key = own.package("hangs_a_while")
        assert follow(own.backend(), own.backend().submit(folder, key))[0].state is State.COMPLETE


def test_later_sessions_run_in_the_image_of_the_first_whatever_is_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_kaggle(tmp_path, monkeypatch, image="gcr.io/kaggle-images/python:old") as own:
        folder, key = own.package("weeks")
        handle = own.backend().submit(folder, key)
        follow(own.backend(), handle)
        own.backend().fetch(handle, tmp_path / "here")
        server = own.emulator.running.emulator
        server.settings = replace(server.settings, image="gcr.io/kaggle-images/python:new")
        later = told(own.backend(), "weeks", ORIGIN)
        assert later["docker_image"] == "gcr.io/kaggle-images/python:old"
        assert "docker_image_pinning_type" not in later
        assert told(own.backend(), "weeks", None)["docker_image_pinning_type"] == "original"
        assert told(own.backend(), "weeks", ORIGIN, image="latest")["docker_image_pinning_type"] == "latest"


def test_a_parent_that_is_not_found_in_the_output_before_is_sent_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_kaggle(tmp_path, monkeypatch) as own:
        output = Output("kaggle", f"relay-mounts/2/{'0' * 64}", State.COMPLETE, is_latest=True)
        large = Origin(LARGE_PARENT_BYTES, output)
        assert told(own.backend(), "mounts", large)["kernel_sources"] == ["relay-mounts"]
        folder, key = own.package(
            "mounts", prints=["model.zip: cannot be read (No such file or directory): run it again"]
        )
        handle = own.backend().submit(folder, key)
        noted = own.runs.backend("kaggle") / f"{key}.json"
        files.write_json(noted, files.read_json(noted) | {"mounts": True})
        follow(own.backend(), handle)
        backend = own.backend(patience=0.01)
        own.fault("answer", "GetKernelSessionStatus", fields={"status": "ERROR"})
        own.fault("answer", "ListKernelSessionOutput", fields={"files": []})
        with pytest.raises(SessionLostError):
            backend.fetch(handle, tmp_path / "here")
        assert told(own.backend(), "mounts", large)["kernel_sources"] == []
        assert told(own.backend(), "mounts", large, carry_parent="kernel")["kernel_sources"] == ["relay-mounts"]


def test_a_session_that_asks_for_a_gpu_is_told_so_and_one_that_does_not_is_not(kaggle: Kaggle) -> None:
    with_gpu = kaggle.backend().provisions(job_json("gpu", backend="kaggle", policy="CnnPolicy"), None)
    assert with_gpu.payload[ACCELERATOR_FILE] == files.readable_json({"accelerator": "NvidiaTeslaT4"})
    without = kaggle.backend().provisions(job_json("cpu", backend="kaggle", kaggle={"accelerator": "none"}), None)
    assert ACCELERATOR_FILE not in without.payload


@pytest.mark.parametrize("rule", list(ManyFiles))
def test_a_replay_buffer_of_many_segments_goes_through_the_rule_of_fifty_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: ManyFiles
) -> None:
    """81 segments, as many as a buffer of 1,000,000 rows of LunarLanderContinuous has."""
    segments = []
    for number in range(81):
        content = number.to_bytes(2) * 10_000
        segments.append(tmp_path / layout.segment_name(files.sha256_of_bytes(content)))
        segments[-1].write_bytes(content)
    checkpoint = tmp_path / "checkpoint.zip"
    checkpoint.write_bytes(b"weights" * 1000)
    parent = ParentFiles("0001", 1, checkpoint, files.sha256_of_file(checkpoint), None, tuple(segments))
    with own_kaggle(tmp_path, monkeypatch, many_files=rule) as own:
        folder, key = own.package("buffer", 2, parent)
        status, log = follow(own.backend(), own.backend().submit(folder, key))
        assert status.state is State.COMPLETE, log
        datasets, now = own.emulator.running.emulator.datasets, own.emulator.running.emulator.clock.now()
        dataset = datasets.find(USER, "relay-buffer-input")
        assert dataset is not None
        version = datasets.ready_version(dataset.id, now)
        assert version is not None
        sent = datasets.files(version.id)
    assert len(sent) <= 10
    payload = sum(path.stat().st_size for path in folder.payload.rglob("*") if path.is_file())
    assert sum(each.bytes for each in sent) <= 1.05 * payload


def told(backend: KaggleBackend, job: str, parent: Origin | None, **section: Any) -> dict[str, Any]:
    """What Kaggle would be told of a session."""
    provisions = backend.provisions(job_json(job, backend="kaggle", kaggle=section), parent)
    metadata: dict[str, Any] = json.loads(provisions.beside[METADATA_FILE])
    return metadata


def started_on_the_site(own: Kaggle, slug: str) -> None:
    """Save Version on Kaggle's site: the same code again, in an image that is named there."""
    kernels = own.emulator.running.emulator.kernels
    kernel = kernels.find(USER, slug)
    assert kernel is not None
    script = kernels.source(kernels.list_versions(kernel.id)[0].id)
    fields: dict[str, Any] = {"docker_image": "gcr.io/kaggle-images/python", "machine_shape": "NvidiaTeslaT4"}
    fields["dataset_sources"] = [f"{USER}/{slug}-input"]
    with own.emulator.client() as api:
        assert not api.kernels_push(str(own.emulator.kernel(script, slug, **fields))).error


def cancelled(own: Kaggle, slug: str, version: int) -> None:
    """Cancel on Kaggle's site."""
    emulator = own.emulator.running.emulator
    kernel = emulator.kernels.find(USER, slug)
    assert kernel is not None
    found = emulator.kernels.find_version(kernel.id, version)
    assert found is not None
    emulator.kernels.move(found.id, KernelState.CANCEL_REQUESTED)
    emulator.on_change()
    own.emulator.wait(slug, version)
