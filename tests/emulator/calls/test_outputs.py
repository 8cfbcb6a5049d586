"""What sessions print and leave, as the official client gets it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from requests import HTTPError

from emulator.calls.outputs import spoken_date, written_log
from emulator.store.values import KernelState, LogEntry

if TYPE_CHECKING:
    from tests.emulated import EmulatedKaggle

WRITES = """
import os, pathlib
pathlib.Path("deep/er").mkdir(parents=True)
for number in range(45):
    pathlib.Path(f"deep/file {number:02}.bin").write_bytes(bytes([number]) * 1000)
pathlib.Path("deep/er/ü.txt").write_text("ünïcode", encoding="utf-8")
os.symlink("/etc/passwd", "link")
print("done: ünïcode", flush=True)
"""


@pytest.fixture(scope="module")
def written(emulator: EmulatedKaggle) -> str:
    """A kernel that has left 46 files."""
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(WRITES, "writes-files")))
    assert emulator.wait("writes-files") is KernelState.COMPLETE
    return "alice/writes-files"


def test_output_arrives_page_by_page_with_the_log(emulator: EmulatedKaggle, written: str) -> None:
    folder = emulator.folder()
    with emulator.client() as api:
        paths, token = api.kernels_output(written, str(folder))
    assert not token
    assert len(paths) == 47
    assert {path.name: path.read_bytes()[:1] for path in folder.glob("deep/*.bin")} == {
        f"file {number:02}.bin": bytes([number]) for number in range(45)
    }
    assert (folder / "deep/er/ü.txt").read_text(encoding="utf-8") == "ünïcode"
    assert not (folder / "link").exists(), "links stay behind"
    entries = json.loads((folder / "writes-files.log").read_text(encoding="utf-8"))
    assert [entry["data"] for entry in entries] == ["done: ünïcode\n"]
    assert entries[0]["stream_name"] == "stdout"
    assert entries[0]["time"] >= 0


def test_one_page_can_be_asked_for(emulator: EmulatedKaggle, written: str) -> None:
    with emulator.client() as api:
        first = api.kernels_list_files(written, page_size=40)
        rest = api.kernels_list_files(written, page_token=first.nextPageToken, page_size=40)
    assert [len(first.files), len(rest.files)] == [40, 6]
    assert not rest.nextPageToken
    assert first.files[0].size == len("ünïcode".encode())


def test_a_pattern_chooses_files(emulator: EmulatedKaggle, written: str) -> None:
    folder = emulator.folder()
    with emulator.client() as api:
        api.kernels_output(written, str(folder), file_pattern=r"file 0[0-2]")
    assert sorted(path.name for path in folder.glob("deep/*")) == ["file 00.bin", "file 01.bin", "file 02.bin"]


def test_a_running_session_has_no_output_yet_and_its_log_is_streamed(emulator: EmulatedKaggle) -> None:
    script = "import os, time\nfor n in range(3):\n    print('line', n, flush=True)\nwhile not os.path.exists('go'):\n"
    script += "    time.sleep(0.01)\nprint('the end')\n"
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(script, "streams-its-log")))
        events = api.kernels_logs_stream("alice/streams-its-log")
        seen = [next(events)["data"] for _ in range(3)]
        assert seen == ["line 0\n", "line 1\n", "line 2\n"]
        assert api.kernels_logs("alice/streams-its-log") == ""
        assert api.kernels_list_files("alice/streams-its-log").files == []
        sandboxes = emulator.running.settings.data / "sandboxes"
        for working in sandboxes.glob("*/kaggle/working"):
            (working / "go").touch()
        assert [event["data"] for event in events] == ["the end\n"]
        emulator.wait("streams-its-log")
        replayed = [event["data"] for event in api.kernels_logs_stream("alice/streams-its-log")]
        assert replayed == [*seen, "the end\n"]


def test_versions_are_asked_for_by_label(emulator: EmulatedKaggle, written: str) -> None:
    with emulator.client() as api:
        assert len(api.kernels_list_files(f"{written}/1").files) == 20
        assert api.kernels_status(f"{written}/v1").status.name == "COMPLETE"
        assert list(api.kernels_logs_stream(f"{written}/1"))
        with pytest.raises(HTTPError, match="404"):
            api.kernels_status(f"{written}/2")


def test_others_see_nothing_of_a_private_kernel(emulator: EmulatedKaggle, written: str) -> None:
    with emulator.client("bob") as api:
        for ask in (api.kernels_status, api.kernels_logs):
            with pytest.raises(ValueError, match="denied"):
                ask(written)
        with pytest.raises(HTTPError, match="403"):
            api.kernels_pull(written, str(emulator.folder()))


def test_a_log_is_a_json_array_with_an_entry_a_line() -> None:
    entries = [LogEntry("stdout", 0.5, "a\n"), LogEntry("stdout", 1.0, "b\n")]
    first = '[{"stream_name":"stdout","time":0.5,"data":"a\\n"}'
    assert written_log(entries) == first + '\n,{"stream_name":"stdout","time":1.0,"data":"b\\n"}\n]'
    assert written_log([]) == ""


@pytest.mark.parametrize(
    ("seconds", "spoken"),
    [
        (1790181702.0, "4:41 pm, Wednesday 23 September 2026 UTC"),
        (1790121600.0, "12:00 am, Wednesday 23 September 2026 UTC"),
        (1790164800.0, "12:00 pm, Wednesday 23 September 2026 UTC"),
    ],
)
def test_dates_of_outputs_are_spoken(seconds: float, spoken: str) -> None:
    assert spoken_date(seconds) == spoken


def test_the_sdk_gets_single_files_and_logs_by_session(emulator: EmulatedKaggle, written: str) -> None:
    from kagglesdk.kernels.types.kernels_api_service import (  # noqa: PLC0415 - what the command line has no word for
        ApiDownloadKernelOutputRequest,
        ApiGetKernelSessionLogsStreamRequest,
    )

    kernel = emulator.running.emulator.kernels.find(*written.split("/"))
    assert kernel is not None
    file = ApiDownloadKernelOutputRequest()
    file.owner_slug, file.kernel_slug, file.file_path, file.version_number = "alice", kernel.slug, "deep/file 07.bin", 1
    log = ApiGetKernelSessionLogsStreamRequest()
    log.kernel_session_id = emulator.running.emulator.kernels.list_versions(kernel.id)[0].id
    with emulator.client() as api, api.build_kaggle_client() as client:
        calls = client.kernels.kernels_api_client
        assert calls.download_kernel_output(file).content == bytes([7]) * 1000
        assert "done: ünïcode" in calls.get_kernel_session_logs_stream(log).json()[0]["data"]
        file.file_path = "deep/no such file"
        with pytest.raises(HTTPError, match="404"):
            calls.download_kernel_output(file)
    with emulator.client("bob") as api, api.build_kaggle_client() as client, pytest.raises(HTTPError, match="403"):
        client.kernels.kernels_api_client.get_kernel_session_logs_stream(log)
