"""The packaged script in a process of its own: it runs what was packaged, or nothing."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from contract.storage import files, layout
from runner.backends.base import Provisions
from runner.backends.kaggle.files.payload import packed_by_size
from runner.layout import RunsFolder, SessionFolder
from runner.sources import SourceReader
from runner.stages import session_script
from runner.stages.package import package
from runner.stages.parent import ParentFiles
from tests.runner.conftest import INPUTS, asked, job_json

TRAINER = """
import importlib.metadata
import io
import json
import os
import sys
from pathlib import Path

import helper

environment = {name: os.environ[name] for name in ("PYTHONPATH",)}
told = {"arguments": sys.argv[1:], "helper": helper.__file__, **environment}
Path(sys.argv[4], "told.json").write_text(json.dumps(told), encoding="utf-8")
print("trained: 交通")
sys.exit(7)
"""


@pytest.fixture
def packaged(tmp_path: Path) -> SessionFolder:
    """A session whose trainer only says what it was told."""
    folder = RunsFolder(tmp_path).session("cart", 1)
    folder.path.mkdir(parents=True)
    trainer, own = tmp_path / "sources" / "trainer", tmp_path / "sources" / "helper"
    for each in (trainer, own):
        each.mkdir(parents=True)
        (each / "__init__.py").write_text("", encoding="utf-8")
    (trainer / "__main__.py").write_text(TRAINER, encoding="utf-8")
    sources = SourceReader(tmp_path / "none.json").read((trainer, own))
    package(folder, job=job_json(), request=asked(), sources=sources, inputs=INPUTS, parent=None)
    return folder


class Machine:
    """A machine on which the script runs, with Kaggle's folders.

    Args:
        root: where they lie.
    """

    def __init__(self, root: Path) -> None:
        self.input, self.working = root / "kaggle" / "input", root / "kaggle" / "working"
        self.input.mkdir(parents=True)
        self.working.mkdir()

    def mount(self, folder: SessionFolder, place: str = "relay-cart") -> Path:
        """Mount the input of a session."""
        return Path(shutil.copytree(folder.payload, self.input / place))

    def run(self, folder: SessionFolder) -> subprocess.CompletedProcess[str]:
        """Run the script of a session."""
        places = {"RELAY_INPUT": str(self.input), "RELAY_WORKING": str(self.working)}
        return subprocess.run(
            [sys.executable, str(folder.script)],
            cwd=self.working,
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, **places, "PYTHONIOENCODING": "ascii"},
            check=False,
        )

    def refuses_again(self, folder: SessionFolder) -> str:
        """Likewise, where an earlier session has left something."""
        for left in self.working.iterdir():
            left.unlink()
        return self.refuses(folder)

    def refuses(self, folder: SessionFolder) -> str:
        """Run the script, which refuses; return its one sentence."""
        ended = self.run(folder)
        assert ended.returncode == 1
        assert ended.stdout == ""
        assert list(self.working.iterdir()) == []
        assert ended.stderr.count("\n") == 1, ended.stderr
        return ended.stderr.strip()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with nothing mounted."""
    return Machine(tmp_path / "a machine")


@pytest.mark.parametrize("place", ["relay-cart-0123", "datasets/somebody/relay-cart-0123"])
def test_the_trainer_of_the_package_runs_wherever_its_input_is_mounted(
    packaged: SessionFolder, machine: Machine, place: str
) -> None:
    mounted = machine.mount(packaged, place)
    ended = machine.run(packaged)
    assert ended.returncode == 7, ended.stderr
    assert ended.stdout == "trained: 交通\n"
    told = json.loads((machine.working / "told.json").read_text(encoding="utf-8"))
    assert told["arguments"] == ["--input", str(mounted), "--output", str(machine.working)]
    # Worker processes find the same sources, which lie outside of the input.
    unpacked = told["PYTHONPATH"].split(os.pathsep)[0]
    assert told["helper"].startswith(unpacked)
    assert not told["helper"].startswith(str(machine.input))


def test_the_input_is_found_among_others_by_its_key(packaged: SessionFolder, machine: Machine) -> None:
    for number, content in enumerate(("[]", "{", "\udcff", '"payload"', '{"key": "of another session"}')):
        other = machine.input / f"a-{number}" / layout.PAYLOAD_FILE
        other.parent.mkdir()
        other.write_bytes(content.encode("utf-8", "surrogateescape"))
    machine.mount(packaged)
    assert machine.run(packaged).returncode == 7


def test_nothing_mounted_is_one_sentence(packaged: SessionFolder, machine: Machine) -> None:
    sentence = machine.refuses(packaged)
    key = files.read_json(packaged.package_json)["key"]
    assert sentence == (
        f"{machine.input}: the input planned for this session (key {key[:12]}) is not mounted; found nothing"
    )


def test_another_sessions_input_is_named_and_not_run(packaged: SessionFolder, machine: Machine) -> None:
    mounted = machine.mount(packaged)
    document = files.read_json(mounted / layout.PAYLOAD_FILE)
    files.write_json(mounted / layout.PAYLOAD_FILE, document | {"key": "0" * 64})
    assert machine.refuses(packaged).endswith(f"is not mounted; found {mounted}")


@pytest.mark.parametrize("name", [layout.JOB_FILE, layout.SOURCES_BUNDLE, layout.REQUEST_FILE])
def test_a_changed_file_is_named_and_nothing_runs(packaged: SessionFolder, machine: Machine, name: str) -> None:
    changed = machine.mount(packaged) / name
    changed.write_bytes(changed.read_bytes() + b" ")
    assert machine.refuses(packaged) == f"{changed}: is not the file that was packaged: run the same command again"


@pytest.fixture
def replaying(packaged: SessionFolder, tmp_path: Path) -> tuple[SessionFolder, Path]:
    """The same session, packaged anew with a parent whose replay buffer is a segment of some pieces; its name."""
    checkpoint, content = tmp_path / "checkpoint.zip", os.urandom(2 * session_script.PIECE_BYTES + 17)
    checkpoint.write_bytes(b"weights")
    segment = tmp_path / layout.segment_name(files.sha256_of_bytes(content))
    segment.write_bytes(content)
    parent = ParentFiles("0001", 64, checkpoint, files.sha256_of_file(checkpoint), None, (segment,))
    sources = SourceReader(tmp_path / "none.json").read(
        tuple(tmp_path / "sources" / name for name in ("trainer", "helper"))
    )
    packaged.package_json.unlink()
    package(packaged, job=job_json(), request=asked(), sources=sources, inputs=INPUTS, parent=parent)
    return packaged, Path("replay", segment.name)


def test_a_session_with_a_replay_buffer_runs(replaying: tuple[SessionFolder, Path], machine: Machine) -> None:
    folder, segment = replaying
    assert (machine.mount(folder) / segment).is_file()
    assert machine.run(folder).returncode == 7


@pytest.mark.parametrize("position", [0, session_script.PIECE_BYTES, -1])
def test_a_changed_segment_is_named_and_nothing_runs(
    replaying: tuple[SessionFolder, Path], machine: Machine, position: int
) -> None:
    folder, segment = replaying
    changed = machine.mount(folder) / segment
    content = bytearray(changed.read_bytes())
    content[position] ^= 1
    changed.write_bytes(content)
    assert machine.refuses(folder) == f"{changed}: is not the file that was packaged: run the same command again"
    changed.unlink()
    assert machine.refuses(folder).startswith(f"{changed}: cannot be read (No such file or directory)")


def test_a_dataset_without_folders_is_put_in_order(replaying: tuple[SessionFolder, Path], machine: Machine) -> None:
    folder, segment = replaying
    mounted = machine.mount(folder, "datasets/somebody/relay-cart-input")
    (mounted / segment).rename(mounted / segment.name)
    (mounted / "replay").rmdir()
    ended = machine.run(folder)
    assert ended.returncode == 7, ended.stderr
    given = Path(json.loads((machine.working / "told.json").read_text(encoding="utf-8"))["arguments"][1])
    assert "somebody" not in str(given)
    assert (given / segment).read_bytes() == (mounted / segment.name).read_bytes()
    assert (given / layout.PARENT_CHECKPOINT).read_bytes() == b"weights"
    (mounted / segment.name).write_bytes(b"other rows")
    assert "datasets/.../relay-cart-input/" in machine.refuses_again(folder)


def test_segments_that_came_in_a_pack_are_put_in_order(
    replaying: tuple[SessionFolder, Path], machine: Machine, tmp_path: Path
) -> None:
    folder, segment = replaying
    mounted = machine.mount(folder)
    for name, sent in packed_by_size({segment.as_posix(): folder.payload / segment}).items():
        (mounted / name).write_bytes(b"".join(sent.pieces()))
    shutil.rmtree(mounted / "replay")
    ended = machine.run(folder)
    assert ended.returncode == 7, ended.stderr
    given = Path(json.loads((machine.working / "told.json").read_text(encoding="utf-8"))["arguments"][1])
    assert (given / segment).read_bytes() == (folder.payload / segment).read_bytes()
    pack = mounted / "replay-0001.pack"
    content = bytearray(pack.read_bytes())
    content[-1] ^= 1
    pack.write_bytes(content)
    assert f"{segment.name}: is not the file that was packaged" in machine.refuses_again(folder)
    pack.write_bytes(pack.read_bytes().replace(b'"replay/', b'"../lay/', 1))
    assert f"{segment.name}: cannot be read" in machine.refuses_again(folder)
    assert not list(tmp_path.rglob("lay"))
    pack.write_bytes(b"not a pack")
    assert f"{pack}: cannot be unpacked" in machine.refuses_again(folder)


def test_segments_lie_in_the_packs_of_other_datasets_beside_what_the_session_does_not_need(
    replaying: tuple[SessionFolder, Path], machine: Machine, tmp_path: Path
) -> None:
    folder, segment = replaying
    mounted = machine.mount(folder)
    (tmp_path / "older").write_bytes(b"rows that were overwritten")
    paths = {f"replay/{'0' * 64}.segment": tmp_path / "older", segment.as_posix(): folder.payload / segment}
    store = mounted.parent / "relay-cart-replay-0"
    store.mkdir()
    for name, sent in packed_by_size(paths, name="abc").items():
        (store / name).write_bytes(b"".join(sent.pieces()))
    (store / "somebody's.pack").write_bytes(b"no pack of ours")
    shutil.rmtree(mounted / "replay")
    ended = machine.run(folder)
    assert ended.returncode == 7, ended.stderr
    given = Path(json.loads((machine.working / "told.json").read_text(encoding="utf-8"))["arguments"][1])
    assert [path.name for path in (given / "replay").iterdir()] == [segment.name]


def repackaged(folder: SessionFolder, tmp_path: Path, trainer: str, brought: Provisions | None = None) -> None:
    """Package the session anew with another trainer, which is a few lines."""
    main = tmp_path / "sources" / "trainer" / "__main__.py"
    main.write_text(trainer, encoding="utf-8")
    sources = SourceReader(tmp_path / "none.json").read((main.parent,))
    folder.package_json.unlink()
    package(folder, job=job_json(), request=asked(), sources=sources, inputs=INPUTS, parent=None, provisions=brought)


@pytest.mark.parametrize("has_tensorflow", [True, False])
def test_a_broken_tensorflow_of_the_machine_is_kept_out(
    packaged: SessionFolder, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_tensorflow: bool
) -> None:
    """In this process and in one that it starts."""
    installed = tmp_path / "installed"
    for name, text in {
        "tensorflow": "raise AttributeError('MessageFactory has no GetPrototype')\n",
        "tensorboard": "import tensorflow\n" if has_tensorflow else "",
    }.items():
        if name == "tensorboard" or has_tensorflow:
            files.write_bytes(installed / name / "__init__.py", text.encode())
    monkeypatch.setenv("PYTHONPATH", str(installed))
    writes = (
        "try:\n    import tensorboard\nexcept ImportError:\n    print('goes without')\nelse:\n    print('has it')\n"
    )
    again = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', TEXT], check=True)\n".replace(
        "TEXT", repr(writes)
    )
    repackaged(packaged, tmp_path, writes + again)
    machine.mount(packaged)
    ended = machine.run(packaged)
    assert ended.returncode == 0, ended.stderr
    assert sorted(ended.stdout.split("\n")[:2]) == (["goes without"] if has_tensorflow else ["has it"]) * 2


@pytest.mark.parametrize("counted", [0, 1])
def test_a_session_that_was_to_have_a_gpu_and_sees_none_ends_in_a_sentence(
    packaged: SessionFolder, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: int
) -> None:
    stand_in = f"class cuda:\n    device_count = staticmethod(lambda: {counted})\n"
    files.write_bytes(tmp_path / "installed" / "torch" / "__init__.py", stand_in.encode())
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "installed"))
    asked_for = Provisions({session_script.ACCELERATOR_FILE: files.readable_json({"accelerator": "NvidiaTeslaT4"})})
    repackaged(packaged, tmp_path, "import sys\nsys.exit(7)\n", asked_for)
    machine.mount(packaged)
    if counted:
        assert machine.run(packaged).returncode == 7
    else:
        sentence = machine.refuses(packaged)
        assert sentence.startswith("accelerator NvidiaTeslaT4: Kaggle gave this session no GPU")
        assert "verify your phone number on kaggle.com/settings, or set `kaggle: {accelerator: none}`" in sentence


def test_a_parent_is_found_by_its_digest_in_the_output_of_another_session(
    replaying: tuple[SessionFolder, Path], machine: Machine
) -> None:
    folder, segment = replaying
    mounted = machine.mount(folder)
    output = machine.input / "notebooks" / "somebody" / "relay-cart" / "checkpoints"
    (output / "replay").mkdir(parents=True)
    (mounted / segment).rename(output / segment)
    (output / "of-equal-size.zip").write_bytes(b"WEIGHTS")
    (mounted / layout.PARENT_CHECKPOINT).rename(output / "cart_checkpoint_64_steps.zip")
    assert machine.run(folder).returncode == 7
    given = Path(json.loads((machine.working / "told.json").read_text(encoding="utf-8"))["arguments"][1])
    assert (given / layout.PARENT_CHECKPOINT).read_bytes() == b"weights"
    assert (given / segment).read_bytes() == (output / segment).read_bytes()
    (output / "cart_checkpoint_64_steps.zip").write_bytes(b"WEIGHTS")
    assert "parent_checkpoint.bundle: cannot be read" in machine.refuses_again(folder)


@pytest.mark.parametrize(("version", "is_unpacked"), [("here", False), ("0.0.1", True)])
def test_a_package_is_unpacked_where_the_machine_has_it_not(
    packaged: SessionFolder, machine: Machine, tmp_path: Path, version: str, is_unpacked: bool
) -> None:
    here = importlib.metadata.version("stable-baselines3")
    name = f"stable-baselines3-{here if version == 'here' else version}{layout.PACKAGE_SUFFIX}"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as bundle:
        bundle.writestr("brought_along/__init__.py", "")
    sources = SourceReader(tmp_path / "none.json").read(
        tuple(tmp_path / "sources" / each for each in ("trainer", "helper"))
    )
    packaged.package_json.unlink()
    brought = Provisions({name: stream.getvalue()})
    package(packaged, job=job_json(), request=asked(), sources=sources, inputs=INPUTS, parent=None, provisions=brought)
    machine.mount(packaged)
    assert machine.run(packaged).returncode == 7
    told = json.loads((machine.working / "told.json").read_text(encoding="utf-8"))
    unpacked = Path(told["PYTHONPATH"].split(os.pathsep)[0])
    assert (unpacked / "brought_along" / "__init__.py").exists() is is_unpacked


def test_a_module_that_the_machine_lacks_is_one_sentence(
    packaged: SessionFolder, machine: Machine, tmp_path: Path
) -> None:
    main = tmp_path / "sources" / "trainer" / "__main__.py"
    main.write_text("import a_module_of_nobody\n", encoding="utf-8")
    sources = SourceReader(tmp_path / "none.json").read((main.parent,))
    packaged.package_json.unlink()
    package(packaged, job=job_json(), request=asked(), sources=sources, inputs=INPUTS, parent=None)
    machine.mount(packaged)
    assert machine.refuses(packaged).startswith("a_module_of_nobody: is not installed where this session runs")


def test_the_script_is_a_few_kilobytes(packaged: SessionFolder) -> None:
    assert packaged.script.stat().st_size < 16 << 10


def test_files_are_read_in_pieces(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(24 * session_script.PIECE_BYTES)
    tracemalloc.start()
    try:
        digest = session_script.file_digest(large, None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert digest == files.sha256_of_file(large)
    assert peak < 4 * session_script.PIECE_BYTES


def test_a_missing_file_is_named_and_nothing_runs(packaged: SessionFolder, machine: Machine) -> None:
    missing = machine.mount(packaged) / layout.JOB_FILE
    missing.unlink()
    assert machine.refuses(packaged).startswith(f"{missing}: cannot be read (No such file or directory)")


def test_a_list_that_was_changed_with_its_file_does_not_add_up(packaged: SessionFolder, machine: Machine) -> None:
    mounted = machine.mount(packaged)
    job = mounted / layout.JOB_FILE
    job.write_bytes(job.read_bytes() + b" ")
    document = files.read_json(mounted / layout.PAYLOAD_FILE)
    document["files"][layout.JOB_FILE]["sha256"] = files.sha256_of_file(job)
    files.write_json(mounted / layout.PAYLOAD_FILE, document)
    assert "payload.json: does not add up to the key " in machine.refuses(packaged)
