"""A session on Kaggle from submission to download, through the emulator; once, whatever happens in between."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgspec
import pytest

from contract.documents.runs import Manifest
from contract.errors import BackendBusyError, BackendError, BackendUnreachableError, CredentialsError, SessionLostError
from contract.states import State
from contract.storage import files
from emulator.settings import MountLayout
from runner.backends.kaggle.kernels.metadata import METADATA_FILE
from runner.backends.kaggle.logs import last_words
from runner.backends.kaggle.names import Handle
from runner.stages.package import entries_below
from runner.stages.parent import ParentFiles
from tests.emulated import KEY, USER
from tests.runner.backends.kaggle.conftest import Kaggle, follow, own_kaggle, secrets_in

if TYPE_CHECKING:
    from pathlib import Path


def test_a_session_runs_and_leaves_what_its_manifest_lists(kaggle: Kaggle, tmp_path: Path) -> None:
    folder, key = kaggle.package("whole", leaves={"checkpoints/a.zip": 300_000, "best_model/b.zip": 10})
    backend = kaggle.backend()
    assert backend.find(key) is None
    handle = backend.submit(folder, key)
    assert handle == f"relay-whole/2/{key}", "the first version makes the kernel, and never runs"
    assert kaggle.backend().find(key) == handle
    status, log = follow(backend, handle)
    assert status.state is State.COMPLETE
    assert log.decode().splitlines()[0] == "begins"
    assert last_words(log.decode()) == "ends"
    backend.fetch(handle, tmp_path / "here")
    listed = entries_below(tmp_path / "here")
    assert sorted(listed) == ["best_model/b.zip", "checkpoints/a.zip", "extra.csv", "manifest.json"]
    assert files.read_json(tmp_path / "here" / "manifest.json")["key"] == key
    backend.release(handle)
    assert list(kaggle.runs.backend("kaggle").glob("*.json")) == []
    assert secrets_in(kaggle.root) == []
    assert USER not in log.decode()


def test_a_command_that_ends_leaves_no_reader_of_a_log_that_goes_on(kaggle: Kaggle, tmp_path: Path) -> None:
    folder, key = kaggle.package("left-alone", until=str(tmp_path / "end"))
    with kaggle.backend() as backend:
        handle = backend.submit(folder, key)
        while b"begins" not in backend.logs(handle, 0):
            assert not backend.status(handle).state.is_terminal
        assert any(thread.name == "kaggle-log" for thread in threading.enumerate())
    assert not any(thread.name == "kaggle-log" for thread in threading.enumerate())
    # What is asked of it after all opens what it needs anew.
    assert not backend.status(handle).state.is_terminal
    (tmp_path / "end").touch()
    assert follow(backend, handle)[0].state is State.COMPLETE


def test_a_job_has_one_kernel_and_one_dataset_and_each_session_a_version(kaggle: Kaggle) -> None:
    handles = []
    for number in (1, 2):
        folder, key = kaggle.package("chain", number)
        handles.append(kaggle.backend().submit(folder, key))
        assert follow(kaggle.backend(), handles[-1])[0].state is State.COMPLETE
    assert [Handle.parse(handle).version for handle in handles] == [2, 3]
    assert kaggle.calls("CreateDataset") == kaggle.calls("CreateDatasetVersion") == 1
    # The first session still answers for itself.
    assert follow(kaggle.backend(), handles[0])[0].state is State.COMPLETE


def test_a_key_is_pushed_once_however_often_it_is_submitted(kaggle: Kaggle) -> None:
    folder, key = kaggle.package("once")
    handle = kaggle.backend().submit(folder, key)
    assert kaggle.backend().submit(folder, key) == handle
    assert (kaggle.versions("relay-once"), kaggle.calls("SaveKernel")) == (1, 2)
    assert kaggle.calls("StartBlobUpload") == len(files.read_json(folder.payload / "payload.json")["files"]) + 2


@pytest.mark.parametrize("kind", ["reset", "server-error", "html-403"])
def test_a_push_whose_answer_is_lost_is_found_and_not_repeated(kaggle: Kaggle, kind: str) -> None:
    kaggle.fault(kind, "SaveKernel", first=2, after=True)
    folder, key = kaggle.package(f"lost-{kind}")
    handle = kaggle.backend().submit(folder, key)
    assert Handle.parse(handle).version == 2
    assert (kaggle.versions(Handle.parse(handle).slug), kaggle.calls("SaveKernel")) == (1, 2)


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("reset", "*"),
        ("server-error", "SaveKernel"),
        ("too-many-requests", "*"),
        ("unavailable", "CreateDataset"),
        ("truncated", "GetKernel"),
        ("html-403", "ListDatasetFiles"),
        ("cut-upload", "upload"),
    ],
)
def test_a_request_that_fails_once_is_made_again(kaggle: Kaggle, kind: str, call: str) -> None:
    options = {"retry_after": 0.1} if kind in ("too-many-requests", "unavailable") else {}
    kaggle.fault(kind, call, first=1, **options)
    folder, key = kaggle.package(f"again_{kind}".replace("-", "_"))
    handle = kaggle.backend().submit(folder, key)
    assert Handle.parse(handle).version == 2
    assert follow(kaggle.backend(), handle)[0].state is State.COMPLETE


def test_no_answer_for_long_ends_the_command_and_a_rerun_goes_on(kaggle: Kaggle) -> None:
    folder, key = kaggle.package("patience")
    kaggle.backend().prepare(folder, key)
    kaggle.fault("unavailable", "SaveKernel", retry_after=None)
    with pytest.raises(BackendUnreachableError, match=r"push of a kernel\): gave no answer \(503\)"):
        kaggle.backend(patience=0.3).submit(folder, key)
    kaggle.emulator.running.faults.clear()
    assert kaggle.backend().find(key) is None
    kaggle.backend().submit(folder, key)
    assert kaggle.calls("StartBlobUpload") == 0, "what is there is not sent again"
    assert kaggle.versions("relay-patience") == 1


def test_a_longer_wait_than_the_patience_is_said_at_once(kaggle: Kaggle) -> None:
    kaggle.fault("too-many-requests", "GetKernel", retry_after=3600)
    folder, key = kaggle.package("asked-to-wait")
    with pytest.raises(BackendUnreachableError, match="asks for fewer requests"):
        kaggle.backend().submit(folder, key)
    assert kaggle.calls("GetKernel") == 1


def test_wrong_credentials_are_final_and_say_what_to_set(kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "not-the-key-of-anybody")
    folder, key = kaggle.package("stranger")
    with pytest.raises(CredentialsError) as caught:
        kaggle.backend().submit(folder, key)
    assert "set KAGGLE_API_TOKEN" in str(caught.value)
    assert "not-the-key" not in str(caught.value)
    assert kaggle.calls("GetKernel") == 1


def test_a_token_is_enough(kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAGGLE_API_TOKEN", KEY)
    folder, key = kaggle.package("token")
    assert follow(kaggle.backend(), kaggle.backend().submit(folder, key))[0].state is State.COMPLETE
    monkeypatch.setenv("KAGGLE_API_TOKEN", "no-token-of-anybody")
    with pytest.raises(CredentialsError, match="KAGGLE_API_TOKEN"):
        kaggle.backend().submit(folder, key)


def test_a_file_that_gets_lost_on_the_way_is_sent_again(kaggle: Kaggle) -> None:
    kaggle.fault("dropped-blob", "upload", first=1)
    folder, key = kaggle.package("dropped")
    assert follow(kaggle.backend(), kaggle.backend().submit(folder, key))[0].state is State.COMPLETE
    kaggle.emulator.running.faults.clear()
    kaggle.fault("dropped-blob", "upload", every=2)
    folder, key = kaggle.package("dropped", 2)
    with pytest.raises(BackendError, match="did not reach Kaggle whole"):
        kaggle.backend().submit(folder, key)
    assert kaggle.versions("relay-dropped") == 1


def test_a_session_that_fails_says_so(kaggle: Kaggle, tmp_path: Path) -> None:
    folder, key = kaggle.package("fails", exit_code=3)
    handle = kaggle.backend().submit(folder, key)
    status, _ = follow(kaggle.backend(), handle)
    assert (status.state, status.reason) == (State.FAILED, "ends"), "its last words"
    kaggle.backend().fetch(handle, tmp_path / "here")
    assert (tmp_path / "here" / "checkpoints" / "a.zip").stat().st_size == 1000


def test_what_a_broken_off_session_left_beyond_its_manifest_comes_too(kaggle: Kaggle, tmp_path: Path) -> None:
    folder, key = kaggle.package("broken", exit_code=1, complete=False)
    handle = kaggle.backend().submit(folder, key)
    follow(kaggle.backend(), handle)
    kaggle.backend().fetch(handle, tmp_path / "here")
    assert (tmp_path / "here" / "extra.csv").exists()


def test_a_status_that_nobody_knows_is_waited_out(kaggle: Kaggle) -> None:
    folder, key = kaggle.package("flying")
    handle = kaggle.backend().submit(folder, key)
    kaggle.fault("unknown-status", "GetKernelSessionStatus", first=3)
    backend = kaggle.backend()
    status = backend.status(handle)
    assert status.state is State.RUNNING
    assert "FLYING" in str(status.reason)
    assert follow(backend, handle)[0].state is State.COMPLETE


def test_the_end_of_another_version_is_not_this_ones_end(kaggle: Kaggle, tmp_path: Path) -> None:
    first, first_key = kaggle.package("earlier", 1)
    follow(kaggle.backend(), kaggle.backend().submit(first, first_key))
    second, second_key = kaggle.package("earlier", 2, until=str(tmp_path / "end"))
    handle = kaggle.backend().submit(second, second_key)
    kaggle.fault("other-version", "GetKernelSessionStatus", version=2, first=6)
    backend = kaggle.backend()
    assert backend.status(handle).state is State.RUNNING
    (tmp_path / "end").touch()
    status, log = follow(backend, handle)
    assert status.state is State.COMPLETE
    assert last_words(log.decode()) == "ends"


def test_the_output_of_another_version_is_never_taken(kaggle: Kaggle, tmp_path: Path) -> None:
    for number in (1, 2):
        folder, key = kaggle.package("others", number, leaves={"checkpoints/a.zip": 100 + number})
        handle = kaggle.backend().submit(folder, key)
        follow(kaggle.backend(), handle)
    kaggle.fault("other-version", "ListKernelSessionOutput", version=2)
    with pytest.raises(BackendUnreachableError, match="output of another one"):
        kaggle.backend(patience=0.2).fetch(handle, tmp_path / "here")
    assert [path for path in (tmp_path / "here").rglob("*") if path.suffix] == []
    kaggle.emulator.running.faults.clear()
    kaggle.fault("other-version", "ListKernelSessionOutput", version=2, first=2)
    kaggle.backend().fetch(handle, tmp_path / "here")
    assert (tmp_path / "here" / "checkpoints" / "a.zip").stat().st_size == 102


@pytest.mark.parametrize("kind", ["truncated", "reset", "html-403", "server-error", "time-out"])
def test_a_download_that_breaks_off_goes_on(kaggle: Kaggle, tmp_path: Path, kind: str) -> None:
    folder, key = kaggle.package(f"load-{kind}", leaves={"checkpoints/a.zip": 900_000})
    handle = kaggle.backend().submit(folder, key)
    follow(kaggle.backend(), handle)
    options = {"seconds": 2} if kind == "time-out" else {}
    kaggle.fault(kind, "download", first=2, **options)
    kaggle.backend(timeout=0.5).fetch(handle, tmp_path / "here")
    listed = files.read_json(tmp_path / "here" / "manifest.json")["files"]
    arrived = entries_below(tmp_path / "here" / "checkpoints")["a.zip"]
    assert msgspec.to_builtins(arrived) == listed["checkpoints/a.zip"]


def test_what_is_there_is_not_fetched_again(kaggle: Kaggle) -> None:
    folder, key = kaggle.package("there")
    handle = kaggle.backend().submit(folder, key)
    follow(kaggle.backend(), handle)
    kaggle.backend().fetch(handle, folder.artifacts)
    before = kaggle.calls("download")
    kaggle.backend().fetch(handle, folder.artifacts)
    assert kaggle.calls("download") == before + 1, "only the manifest is asked for"
    Manifest(key="0" * 64, files=entries_below(folder.artifacts)).write(folder.manifest_json)
    second, second_key = kaggle.package("there", 2)
    handle = kaggle.backend().submit(second, second_key)
    follow(kaggle.backend(), handle)
    before = kaggle.calls("download")
    kaggle.backend().fetch(handle, second.arriving_artifacts)
    assert kaggle.calls("download") == before + 2, "the file lies in the session before; beside it, one is not listed"
    assert (second.arriving_artifacts / "checkpoints" / "a.zip").exists()


def test_a_session_that_kaggle_knows_nothing_of_is_lost(kaggle: Kaggle, tmp_path: Path) -> None:
    with pytest.raises(SessionLostError):
        kaggle.backend().status(f"relay-nowhere/1/{'0' * 64}")
    with pytest.raises(SessionLostError):
        kaggle.backend().fetch(f"relay-nowhere/1/{'0' * 64}", tmp_path)


def test_kaggle_has_no_cancel_and_the_sentence_says_what_to_do(kaggle: Kaggle) -> None:
    with pytest.raises(BackendError, match=r"cannot be cancelled from here: .*kaggle.com") as caught:
        kaggle.backend().cancel(f"relay-cart/7/{'0' * 64}")
    assert "relay-cart" in str(caught.value)


def test_what_is_mounted_in_either_layout_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for layout in ("owner", "slug"):
        with own_kaggle(tmp_path / layout, monkeypatch, mount_layout=MountLayout(layout)) as own:
            folder, key = own.package("mounted")
            status, log = follow(own.backend(), own.backend().submit(folder, key))
            assert status.state is State.COMPLETE, log


def test_a_session_waits_for_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_kaggle(tmp_path, monkeypatch, gpu_slots=1) as own:
        first, first_key = own.package("first", until=str(tmp_path / "end"))
        second, second_key = own.package("second")
        handle = own.backend().submit(first, first_key)
        with pytest.raises(BackendBusyError) as caught:
            own.backend().submit(second, second_key)
        assert "takes no further session now: Maximum batch GPU session count of 1 reached" in str(caught.value)
        assert "of 30h00m of GPU quota left, 8h5" in str(caught.value)
        assert own.backend().find(second_key) is None
        (tmp_path / "end").touch()
        follow(own.backend(), handle)
        own.backend().submit(second, second_key)
        assert own.versions("relay-second") == 1


def spend_it_all(own: Kaggle, name: str, end: Path) -> None:
    """Use up two hours of GPU quota by a session that runs as long."""
    folder, key = own.package(name, until=str(end))
    handle = own.backend().submit(folder, key)
    own.emulator.wait_for_log(f"relay-{name.replace('_', '-')}", "begins")
    own.emulator.let_time_pass(7200)
    end.touch()
    follow(own.backend(), handle)


def test_a_session_without_a_gpu_needs_no_gpu_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_kaggle(tmp_path, monkeypatch, gpu_quota_seconds=7200) as own:
        folder, key = own.package("on_cpu", settings={"accelerator": "none"})
        follow(own.backend(), own.backend().submit(folder, key))
        spend_it_all(own, "on_gpu", tmp_path / "end")
        folder, key = own.package("on_gpu", 2)
        with pytest.raises(BackendBusyError, match="has no GPU for another session now: 0s of"):
            own.backend().submit(folder, key)
        assert own.versions("relay-on-gpu") == 1


def test_a_session_that_kaggle_kills_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_kaggle(tmp_path, monkeypatch, session_limit_seconds=0.5) as own:
        folder, key = own.package("too-long", seconds=60)
        handle = own.backend().submit(folder, key)
        status, _ = follow(own.backend(), handle)
        assert status.state in (State.FAILED, State.CANCELLED)
        with pytest.raises(SessionLostError, match="left no manifest"):
            own.backend(patience=0.1).fetch(handle, folder.arriving_artifacts)


@pytest.mark.parametrize("carry", ["dataset", "kernel"])
def test_a_parent_comes_in_the_dataset_or_from_the_kernel_that_made_it(kaggle: Kaggle, carry: str) -> None:
    size = 200_000
    first, first_key = kaggle.package(carry, leaves={"checkpoints/a.zip": size})
    handle = kaggle.backend().submit(first, first_key)
    follow(kaggle.backend(), handle)
    kaggle.backend().fetch(handle, first.artifacts)
    Manifest(key=first_key, files=entries_below(first.artifacts)).write(first.manifest_json)
    checkpoint = first.artifacts / "checkpoints" / "a.zip"
    parent = ParentFiles("0001", 1, checkpoint, files.sha256_of_file(checkpoint), None)
    folder, key = kaggle.package(carry, 2, parent, {"carry_parent": carry}, parent_handle=handle)
    sources = files.read_json(folder.package / METADATA_FILE)["kernel_sources"]
    assert sources == ([] if carry == "dataset" else ["relay-kernel"])
    status, log = follow(kaggle.backend(), kaggle.backend().submit(folder, key))
    assert status.state is State.COMPLETE, log
    assert (_bytes_in_dataset(kaggle, f"relay-{carry}-input") > size) == (carry == "dataset")


def _bytes_in_dataset(kaggle: Kaggle, slug: str) -> int:
    datasets = kaggle.emulator.running.emulator.datasets
    dataset = datasets.find(USER, slug)
    assert dataset is not None
    version = datasets.ready_version(dataset.id, kaggle.emulator.running.emulator.clock.now(), None)
    assert version is not None
    return sum(file.bytes for file in datasets.files(version.id))
