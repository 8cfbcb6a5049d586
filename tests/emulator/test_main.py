"""`python -m emulator`: what it says, and that a SIGKILL takes nothing but time."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import httpx
import pytest

from contract.errors import InputError
from emulator.__main__ import chosen_options, chosen_settings, main, parser
from emulator.server import bind
from emulator.settings import GIGABYTE, HOUR, EmulatorSettings, ManyFiles, strict
from tests.emulated import KEY, PATIENCE_SECONDS, USER, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
PART_OF_AN_UPLOAD = b"0123456789"


class Emulator:
    """A process, and what it said."""

    def __init__(self, data: Path, *options: str) -> None:
        command = [sys.executable, "-m", "emulator", "--data", str(data), "--user", f"{USER}:{KEY}", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
        self.exports: dict[str, str] = {}
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").rstrip("\n").partition("=")
                self.exports[name] = value
            else:
                self.url = line.removeprefix("listening on ").strip()
                return
        pytest.fail("it never said where it listens")

    def end(self, kind: signal.Signals) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(kind)
        code = self.process.wait(PATIENCE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    @contextmanager
    def client(self) -> Iterator[Any]:
        """The official client in the environment that the process printed."""
        with mock.patch.dict(os.environ, self.exports):
            from kaggle.api.kaggle_api_extended import KaggleApi  # noqa: PLC0415 - it authenticates on import

            with mock.patch.object(KaggleApi, "args", ["--local"]):
                api = KaggleApi()
                api.authenticate()
                yield api


def push(api: Any, folder: Path, script: str, **fields: Any) -> None:
    """Push a kernel called like its folder."""
    folder.mkdir()
    (folder / "main.py").write_text(script, encoding="utf-8")
    name = folder.name
    metadata = {"id": f"{USER}/{name}", "title": name, "code_file": "main.py", "language": "python"}
    whole = {**metadata, "kernel_type": "script", **fields}
    (folder / "kernel-metadata.json").write_text(json.dumps(whole), encoding="utf-8")
    assert not api.kernels_push(str(folder)).error


def test_a_sigkill_of_the_emulator_takes_nothing_but_time(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no SIGKILL")
    go = tmp_path / "go"
    waits = f"import os, time\nprint('before', flush=True)\nwhile not os.path.exists({str(go)!r}):\n"
    waits += "    time.sleep(0.01)\nprint('after')\nopen('left.txt', 'w').write('kept')\n"
    delays = ("--dataset-delay", "0", "--listing-delay", "0")
    options = ("--slots", "1", "--when-full", "queue", "--log-form", "lines", *delays)
    gpu = {"machine_shape": "NvidiaTeslaT4"}
    first = Emulator(tmp_path / "data", *options)
    with first.client() as api:
        push(api, tmp_path / "runs-at-the-kill", waits, **gpu)
        push(api, tmp_path / "waits-in-the-queue", "print('its turn')", **gpu)
        events = api.kernels_logs_stream("alice/runs-at-the-kill")
        assert next(events)["data"] == "before\n"
        from kagglesdk.blobs.types.blob_api_service import ApiStartBlobUploadRequest  # noqa: PLC0415

        request = ApiStartBlobUploadRequest()
        request.name, request.content_length = "half.bin", 2 * len(PART_OF_AN_UPLOAD)
        with api.build_kaggle_client() as client:
            token = client.blobs.blob_api_client.start_blob_upload(request).token
        headers = {"Content-Range": f"bytes 0-9/{request.content_length}"}
        httpx.put(f"{first.url}/upload/{token}", content=PART_OF_AN_UPLOAD, headers=headers, trust_env=False)
    first.end(signal.SIGKILL)
    go.touch()  # the kernel goes on while there is no emulator

    second = Emulator(tmp_path / "data", *options)
    try:
        with second.client() as api:
            for slug, printed in {
                "runs-at-the-kill": ["before\n", "after\n"],
                "waits-in-the-queue": ["its turn\n"],
            }.items():
                assert [event["data"] for event in api.kernels_logs_stream(f"alice/{slug}")] == printed
                assert api.kernels_status(f"alice/{slug}").status.name == "COMPLETE"
            assert [file.name for file in api.kernels_list_files("alice/runs-at-the-kill").files] == ["left.txt"]
        headers = {"Content-Range": f"bytes */{request.content_length}"}
        resumed = httpx.put(f"{second.url}/upload/{token}", headers=headers, trust_env=False)
        assert (resumed.status_code, resumed.headers["Range"]) == (308, "bytes=0-9")
    finally:
        second.end(signal.SIGTERM)


def test_it_says_what_to_set_and_ends_on_a_signal(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data")
    try:
        assert emulator.exports == {
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "KAGGLE_USERNAME": USER,
            "KAGGLE_KEY": KEY,
            "http_proxy": emulator.url,
            "no_proxy": "",
            "NO_PROXY": "",
        }
        assert emulator.url.startswith("http://127.0.0.1:")
    finally:
        assert emulator.end(signal.SIGINT) in (0, -signal.SIGINT)


def test_an_address_that_others_can_reach_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "data"), "--host", "0.0.0.0"]) == 2  # noqa: S104 - it is refused
    assert "choose 127.0.0.1, or add --allow-remote" in capsys.readouterr().err
    with pytest.raises(InputError, match="can be reached by others"):
        bind(settings(tmp_path, host="0.0.0.0"))  # noqa: S104 - it is refused
    listener, bound = bind(settings(tmp_path, host="0.0.0.0"), allow_remote=True)  # noqa: S104 - nobody serves there
    listener.close()
    assert bound.port > 0


def test_a_taken_port_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--data", str(tmp_path / "data"), "--port", str(taken.getsockname()[1])]) == 2
    assert "cannot be listened on" in capsys.readouterr().err


def test_data_of_something_else_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "emulator.db").write_bytes(b"this is no database at all" * 100)
    assert main(["--data", str(tmp_path)]) == 2
    assert "is not an emulator's data" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--user", "alice"], ["--time-scale", "0"], ["--session-limit", "long"]])
def test_options_that_cannot_be_are_refused(option: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(option)


def test_two_emulators_do_not_share_their_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emulator = Emulator(tmp_path)
    try:
        assert main(["--data", str(tmp_path)]) == 2
        assert "is in use by another running emulator" in capsys.readouterr().err
    finally:
        emulator.end(signal.SIGTERM)


def test_strict_is_the_worst_of_each_rule_that_is_not_given_itself() -> None:
    likely, worst = chosen_settings(chosen_options([])), chosen_settings(chosen_options(["--strict"]))
    own = EmulatorSettings(data=likely.data, users=likely.users)
    assert likely == own, "the command line has the defaults of the settings"
    assert replace(strict(own), users=worst.users) == worst
    given = chosen_settings(chosen_options(["--strict", "--many-files", "taken", "--listing-delay", "0"]))
    assert (given.many_files, given.listing_delay_seconds) == (ManyFiles.TAKEN, 0.0)
    assert given.stopped is worst.stopped


def test_every_option_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    options = [option for action in parser()._actions for option in action.option_strings]  # noqa: SLF001 - no other way
    assert [option for option in options if option.startswith("--") and option != "--help" and option not in page] == []
    defaults = chosen_settings(parser().parse_args([]))
    assert f"| `--slots N`, `--cpu-slots N` | {defaults.gpu_slots}, {defaults.cpu_slots} |" in page
    hours = [f"`{seconds / HOUR:g}h`" for seconds in (defaults.session_limit_seconds, defaults.gpu_quota_seconds)]
    assert f"| `--session-limit`, `--gpu-quota` | {', '.join(hours)} |" in page
    assert f"| `--output-limit GB` | {defaults.output_limit_bytes // GIGABYTE} |" in page
    assert f"| `--default-gpu SHAPE` | `{defaults.default_gpu}` |" in page
