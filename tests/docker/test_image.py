from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tarfile
import time
import uuid
from typing import IO, TYPE_CHECKING, Any

import build_inputs
import image as image_module
import pytest

from tests import engine
from tests.engine import ROOT, docker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_IMAGE_BYTES = 1.3e9
PATIENCE_SECONDS = 240
# What a container of Kaggle's has no more of: a root that cannot be written, no network, no capability.
KAGGLES_WAY = ("--read-only", "--network", "none", "--tmpfs", "/kaggle/working", "--tmpfs", "/kaggle/temp")
SECRETS = (b"-----BEGIN CERTIFICATE", b"-----BEGIN PRIVATE KEY", b"-----BEGIN RSA PRIVATE KEY")
LEFT_BEHIND = ("run/secrets", "build/", "wheels/", "var/cache/relay-pip", "root/.cache", "root/.config", "etc/pip.conf")


@pytest.fixture(scope="module")
def tag() -> str:
    return engine.image()


@pytest.fixture(scope="module")
def config(tag: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("image", "inspect", tag))[0]
    return found


class Container:
    """A container of the image with a script, started in the background."""

    def __init__(self, tag: str, folder: Path, script: str, *words: str) -> None:
        source = folder / "script.py"
        source.write_text(script, encoding="utf-8")
        self.name = f"relay-test-{uuid.uuid4().hex[:12]}"
        mounted = f"{source}:/kaggle/src/script.py:ro"
        docker("run", "--detach", "--name", self.name, "--volume", mounted, *words, tag)

    def wait_for(self, line: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while line not in self.log().splitlines():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def log(self) -> str:
        return docker("logs", self.name)

    def exit_code(self) -> int:
        return int(docker("wait", self.name))

    def answer(self) -> Any:
        """The last line that it printed, as JSON, once it has ended well."""
        assert self.exit_code() == 0, self.log()
        return json.loads(self.log().splitlines()[-1])


@pytest.fixture
def start(tag: str, tmp_path: Path) -> Iterator[Any]:
    started = []

    def start_one(script: str, *words: str, variant: str = "") -> Container:
        started.append(Container(tag + variant, tmp_path, script, *words))
        return started[-1]

    yield start_one
    for container in started:
        docker("rm", "--force", "--volumes", container.name)


def test_labels_tell_what_the_image_is_made_from(config: dict[str, Any]) -> None:
    labels = config["Config"]["Labels"]
    base = labels["org.opencontainers.image.base.name"]
    digest = labels["org.opencontainers.image.base.digest"]
    assert digest == image_module.image_digest("docker", base)
    assert digest.startswith("sha256:")
    assert labels["io.kaggle-relay.profile"] == "cpu"
    assert labels["io.kaggle-relay.lock"] == build_inputs.lock_digest("cpu")
    assert labels["io.kaggle-relay.build"] == build_inputs.build_digest("cpu", digest)
    assert len(labels["org.opencontainers.image.revision"].removesuffix("-changed")) in {0, 40}


def test_the_entry_is_a_program_and_no_shell(config: dict[str, Any]) -> None:
    assert config["Config"]["Entrypoint"] == ["/opt/venv/bin/python", "-I", "/opt/relay/entry.py"]
    assert not config["Config"]["Cmd"]
    assert config["Config"]["WorkingDir"] == "/kaggle/working"
    assert config["Config"]["StopSignal"] == "SIGTERM"
    path = next(each for each in config["Config"]["Env"] if each.startswith("PATH="))
    assert path.startswith("PATH=/opt/venv/bin:")
    assert "/usr/bin" in path.split(":")


def test_the_image_is_small(config: dict[str, Any]) -> None:
    assert config["Size"] <= LARGEST_IMAGE_BYTES


def test_a_session_finds_kaggles_layout_and_its_libraries(start: Any, tmp_path: Path) -> None:
    tmp_path.joinpath("input").mkdir()
    tmp_path.joinpath("input", "given").write_text("data", encoding="utf-8")
    script = """
import json, os, pathlib, sys, tempfile
import gymnasium, pydantic, sb3_contrib, stable_baselines3, torch

VARIABLES = ("KAGGLE_KERNEL_RUN_TYPE", "MPLBACKEND", "PYTHONUTF8", "HOME")
CLOSED = ("/kaggle/input/given", "/kaggle/src/script.py", "/opt/relay/entry.py", "/etc/x")

def refusal(path):
    try:
        pathlib.Path(path).write_text("x", encoding="utf-8")
    except OSError as error:
        return type(error).__name__, error.errno

print(json.dumps({
    "cwd": os.getcwd(),
    "user": os.getuid(),
    "variables": {name: os.environ.get(name) for name in VARIABLES},
    "temporary": tempfile.gettempdir(),
    "refused": [refusal(path) for path in CLOSED],
    "written": [refusal(path) for path in ("/kaggle/working/x", "/kaggle/temp/x")],
    "given": pathlib.Path("/kaggle/input/given").read_text(encoding="utf-8"),
    "sum": torch.ones(3).sum().item(),
    "cuda": torch.cuda.is_available(),
    "parent": os.getppid(),
}))
"""
    answer = start(script, *KAGGLES_WAY, "--volume", f"{tmp_path / 'input'}:/kaggle/input:ro").answer()
    assert answer["cwd"] == "/kaggle/working"
    assert answer["user"] == 0
    assert answer["variables"] == {
        "KAGGLE_KERNEL_RUN_TYPE": "Batch",
        "MPLBACKEND": "agg",
        "PYTHONUTF8": "1",
        "HOME": "/kaggle/temp",
    }
    assert answer["temporary"] == "/kaggle/temp"
    assert answer["refused"] == [["OSError", 30]] * 4
    assert answer["written"] == [None, None]
    assert answer["given"] == "data"
    assert answer["sum"] == 3.0
    assert answer["cuda"] is False
    assert answer["parent"] == 1


def test_the_variant_runs_as_user_1000_and_may_write_where_a_session_writes(start: Any) -> None:
    script = """
import json, os, pathlib, tempfile
for folder in ("/kaggle/working", tempfile.gettempdir()):
    pathlib.Path(folder, "x").write_text("x", encoding="utf-8")
print(json.dumps([os.getuid(), os.getgid(), tempfile.gettempdir()]))
"""
    assert start(script, "--network", "none", variant="-user").answer() == [1000, 1000, "/kaggle/temp"]


@pytest.mark.parametrize("variant", ["", "-user"])
def test_docker_stop_reaches_the_script_in_time_to_save(start: Any, variant: str) -> None:
    script = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("saved"), sys.exit(143)))
print("ready")
while True:
    time.sleep(0.1)  # a signal as a sleep begins is heard when that is over
"""
    container = start(script, "--network", "none", variant=variant)
    container.wait_for("ready")
    docker("stop", "--time", str(PATIENCE_SECONDS), container.name)  # which then kills: no 143, and nothing said
    assert container.exit_code() == 143
    assert container.log().splitlines()[-1] == "saved"


def test_at_the_limit_nothing_in_the_container_goes_on(start: Any) -> None:
    script = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True).wait()
"""
    container = start(script, "--network", "none", "--env", "RELAY_LIMIT_SECONDS=1.5")
    assert container.exit_code() == 124
    assert container.log().splitlines()[-1] == "@entry the time limit of 1.5 s was over"


def test_what_outgrows_the_working_folder_is_ended(start: Any) -> None:
    script = """
import time
with open("/kaggle/working/large", "wb") as stream:
    while True:
        stream.write(bytes(10_000_000))
        stream.flush()
        time.sleep(0.05)
"""
    container = start(script, "--network", "none", "--env", "RELAY_WORKING_BYTES=50e6")
    assert container.exit_code() == 123
    assert container.log().splitlines()[-1] == "@entry the files in /kaggle/working outgrew 0.05 GB"


def test_an_image_that_is_there_is_not_built_again(tag: str) -> None:
    command = [sys.executable, str(ROOT / "docker" / "image.py"), "--if-needed"]
    again = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert again.stdout.strip() == tag
    assert again.stderr == ""


@pytest.mark.slow
def test_no_layer_has_a_certificate_a_key_or_pips_settings(tag: str, config: dict[str, Any], tmp_path: Path) -> None:
    base = json.loads(docker("image", "inspect", config["Config"]["Labels"]["org.opencontainers.image.base.name"]))[0]
    count = len(config["RootFS"]["Layers"]) - len(base["RootFS"]["Layers"])
    assert [found for layer in own_layers(tag, count, tmp_path) for found in suspicious(layer)] == []
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", tag)
    assert "entry.py" in history
    for word in ("BEGIN CERTIFICATE", "index-url", "http_proxy", "/etc/ssl"):
        assert word not in history.lower()


@pytest.mark.slow
def test_a_changed_source_costs_one_small_layer(
    tag: str, config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in build_inputs.FOLDER.iterdir():
        if path.is_file():
            tmp_path.joinpath(path.name).write_bytes(path.read_bytes())
    with tmp_path.joinpath("entry.py").open("a", encoding="utf-8") as stream:
        stream.write(f"# {uuid.uuid4()}\n")
    monkeypatch.setattr(build_inputs, "FOLDER", tmp_path)
    monkeypatch.setattr(image_module, "NAME", "kaggle-relay-test")
    base = config["Config"]["Labels"]["org.opencontainers.image.base.name"]
    try:
        built = image_module.build(image_module.Wanted("cpu", base), if_needed=True)
        before, after = (json.loads(docker("image", "inspect", name))[0]["RootFS"]["Layers"] for name in (tag, built))
        assert after[:-1] == before[:-1]
        assert after[-1] != before[-1]
    finally:
        for name in ("kaggle-relay-test:cpu", "kaggle-relay-test:cpu-user"):
            with contextlib.suppress(AssertionError):
                docker("image", "rm", name)


def test_setting_up_an_engine_that_is_there_changes_nothing(tag: str) -> None:
    assert tag
    command = [str(ROOT / "docker" / "engine.sh"), "engine"]
    again = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert again.stdout == ""
    assert again.stderr.startswith("A Docker engine answers: ")


def own_layers(tag: str, count: int, folder: Path) -> Iterator[tarfile.TarFile]:
    """The last `count` layers of an image, as archives."""
    docker("save", "--output", str(folder / "image.tar"), tag)
    with tarfile.open(folder / "image.tar") as saved:
        manifest = saved.extractfile("manifest.json")
        assert manifest is not None
        for name in json.load(manifest)[0]["Layers"][-count:]:
            with tarfile.open(fileobj=saved.extractfile(name)) as layer:
                yield layer


def suspicious(layer: tarfile.TarFile) -> Iterator[str]:
    """The files of a layer that should not be in it."""
    for member in layer:
        if member.name.startswith(LEFT_BEHIND) and not member.isdir():
            yield member.name
        stream = layer.extractfile(member) if member.isfile() else None
        if stream is not None and holds_secret(stream):
            yield f"{member.name} holds a certificate or a key"


def holds_secret(stream: IO[bytes]) -> bool:
    rest = b""
    while piece := stream.read(1 << 20):
        held = rest + piece
        if any(secret in held for secret in SECRETS):
            return True
        rest = piece[-64:]
    return False
