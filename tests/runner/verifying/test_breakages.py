"""What breaks is named by `doit verify`, and what that says to type repairs it: the table of docs/verify.md, done."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from doit.dependency import JSONCodec

from contract.storage import files
from runner.doit.state import WriteThrough
from runner.stages import wiring
from runner.verifying.backends import check_backends
from runner.verifying.findings import Finding, Kind, Level
from runner.verifying.folders import check_folders
from runner.verifying.installation import check_installation
from tests.emulated import emulated
from tests.project import PATIENCE_SECONDS, ROOT
from tests.runner.verifying.places import JOB, LoadsAll, Place, flip, truncate, wrong
from tests.scenarios.test_only_reading import without_the_rights_of_root
from tests.wheels import make_wheel, pip_finds_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAGE = ROOT / "docs" / "verify.md"
STORE = (Kind.FOLDERS, Kind.CHECKPOINTS, Kind.LINEAGES)
BESIDE_THE_MODELS = (Kind.FOLDERS, Kind.LINEAGES)
HOLDER = """
import sys
from pathlib import Path
from runner.layout import RunsFolder
from runner.lock import held

with held(RunsFolder(Path(sys.argv[1])), "walk", "doit resume:walk"):
    print("held", flush=True)
    sys.stdin.read()
"""


@dataclass
class Broken:
    """A copy of the project that is broken in one way.

    Args:
        place: the copy.
        patch: what was patched is as it was after the test.
        folder: for whatever else is needed.
    """

    place: Place
    patch: pytest.MonkeyPatch
    folder: Path
    ends: contextlib.ExitStack
    kinds: ClassVar[tuple[Kind, ...]] = (Kind.CHECKPOINTS, Kind.LINEAGES)

    def apply(self) -> None:
        """Break it."""
        raise NotImplementedError

    def look(self) -> list[Finding]:
        """What verify finds."""
        return self.place.verified(*self.kinds)

    def repair(self, command: str) -> None:
        """Do what a finding says."""
        first = command.partition(",")[0].partition(" where ")[0]
        assert first in (f"doit repair:{JOB}", "doit repair"), command
        self.place.repaired()

    @property
    def newest(self) -> Path:
        return self.place.checkpoint(3, 192)


class FlippedBit(Broken):
    def apply(self) -> None:
        flip(self.newest)


class DeletedParent(Broken):
    def apply(self) -> None:
        self.place.checkpoint(2, 128).unlink()


class HalfDownloaded(Broken):
    def apply(self) -> None:
        truncate(self.newest)


class Renamed(Broken):
    def apply(self) -> None:
        self.newest.rename(self.place.checkpoint(3, 9_999))


class MissingSegment(Broken):
    def apply(self) -> None:
        for segment in self.place.session(3).artifacts.rglob("*.segment"):
            segment.unlink()


class BestModel(Broken):
    def apply(self) -> None:
        for number in (1, 2, 3):  # else another session has it still
            flip(self.place.session(number).artifacts / "best_model" / "best_model.zip")
            (self.place.session(number).payload / "parent_best_model.bundle").unlink(missing_ok=True)


class Manifest(Broken):
    def apply(self) -> None:
        path = self.place.session(3).manifest_json
        values = files.read_json(path)
        values["files"]["checkpoints/walk_checkpoint_192_steps.zip"]["sha256"] = "0" * 64
        files.write_json(path, values)


class TruncatedJson(Broken):
    def apply(self) -> None:
        truncate(self.place.session(3).restored_json)


class TruncatedPackage(Broken):
    def apply(self) -> None:
        truncate(self.place.session(2).package_json)


class MissingRequest(Broken):
    def apply(self) -> None:
        self.place.session(3).request.unlink()


class TruncatedLedger(Broken):
    def apply(self) -> None:
        truncate(self.place.session(3).ledger_json)


class MissingSession(Broken):
    def apply(self) -> None:
        shutil.rmtree(self.place.session(2).path)


class OwnFile(Broken):
    def apply(self) -> None:
        flip(self.place.session(2).artifacts / "training_metadata.json")


class LeftoverArriving(Broken):
    kinds = BESIDE_THE_MODELS

    def apply(self) -> None:
        arriving = self.place.session(3).arriving_artifacts
        arriving.mkdir()
        (arriving / "half.zip").write_bytes(b"PK")


class TemporaryFile(Broken):
    kinds = BESIDE_THE_MODELS

    def apply(self) -> None:
        (self.place.session(3).path / f"{files.TEMPORARY_PREFIX}0011223344556677").write_bytes(b"{")


class DownloadCutOff(Broken):
    kinds = BESIDE_THE_MODELS

    def apply(self) -> None:
        session = self.place.session(3)
        for path in (session.restored_json, session.report_json, session.manifest_json):
            path.unlink()

    def repair(self, command: str) -> None:
        assert command == f"doit restore:{JOB}:0003"
        workspace = self.place.workspace
        (live,) = workspace.live_sessions(workspace.plan(JOB, "full"))
        for stage in (wiring.download, wiring.validate, wiring.restore):  # as doit does before that task
            stage(workspace, live)


class StaleLock(Broken):
    kinds = BESIDE_THE_MODELS

    def apply(self) -> None:
        command = [sys.executable, "-c", HOLDER, str(self.place.root)]
        holder = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert any("is held by process" in each.what for each in self.place.verified(Kind.FOLDERS))
        holder.kill()
        holder.communicate()


class ClockSetBack(Broken):
    kinds = BESIDE_THE_MODELS

    def apply(self) -> None:
        later = time.time() + 86_400
        os.utime(self.place.session(3).restored_json, (later, later))


class Memory(Broken):
    kinds = BESIDE_THE_MODELS

    def apply(self) -> None:
        path = self.place.root / ".doit.sqlite3"
        path.write_bytes(b"this is no database" * 100)
        WriteThrough(str(path), JSONCodec()).dump()  # as doit begins, with this command or any other


class MemoryDamaged(Broken):
    kinds = BESIDE_THE_MODELS

    def apply(self) -> None:
        path = self.place.root / ".doit.sqlite3"
        memory = WriteThrough(str(path), JSONCodec())
        for number in range(200):
            memory.set(f"task {number}", "deps:", ["a file" * 20])
        memory.dump()
        with sqlite3.connect(path) as known:
            known.execute("pragma wal_checkpoint(truncate)")
        known.close()
        content = bytearray(path.read_bytes())
        content[4096:12288] = bytes([0xFF]) * 8192
        path.write_bytes(content)


class NotUtf8(Broken):
    kinds = BESIDE_THE_MODELS

    def apply(self) -> None:
        text = self.place.jobs_file.read_text(encoding="utf-8")
        self.place.jobs_file.write_bytes(f"# d\u00e9j\u00e0 vu\n{text}".encode("cp1252"))


class WrongKey(Broken):
    kinds = BESIDE_THE_MODELS

    def apply(self) -> None:
        text = self.place.jobs_file.read_text(encoding="utf-8")
        self.place.jobs_file.write_text(text.replace("total_timesteps", "total_timestep"), encoding="utf-8")

    def repair(self, command: str) -> None:
        meant = re.search(r": did you mean (\w+)\? .*, then doit verify", command)
        assert meant is not None, command
        text = self.place.jobs_file.read_text(encoding="utf-8")
        self.place.jobs_file.write_text(text.replace("total_timestep:", f"{meant[1]}:"), encoding="utf-8")


class FullDisk(Broken):
    free = 1 << 20

    def apply(self) -> None:
        pass

    def look(self) -> list[Finding]:
        return list(check_folders(self.place.runs, [JOB], free=lambda _place: self.free))

    def repair(self, command: str) -> None:
        size = re.match(r"make ([\d.]+) MiB of room there, then doit verify", command)
        assert size is not None, command
        self.free += int((float(size[1]) + 0.1) * (1 << 20))


class ReadOnly(Broken):
    def apply(self) -> None:
        if sys.platform == "win32":
            pytest.skip("its folders are not protected by a mode")
        self.place.runs.path.chmod(0o555)
        self.ends.callback(self.place.runs.path.chmod, 0o755)

    def look(self) -> list[Finding]:
        """Asked by a process that has to keep to the modes of files, even if root runs the tests."""
        if self.place.runs.path.stat().st_mode & 0o200:
            return self.place.verified(Kind.FOLDERS)
        command = [*without_the_rights_of_root(), sys.executable, "-m", "doit", "verify", "only=folders", "json=yes"]
        asked = subprocess.run(
            command, cwd=self.place.root, capture_output=True, encoding="utf-8", timeout=PATIENCE_SECONDS, check=False
        )
        told = json.loads(asked.stdout)
        assert asked.returncode == (0 if told["verified"] else 1)
        return [
            Finding(
                Kind(each["kind"]), Level(each["level"]), each["what"], each["reason"] or "", each["next_command"] or ""
            )
            for each in told["findings"]
        ]

    def repair(self, command: str) -> None:
        assert command.startswith("chmod u+rwx '")
        subprocess.run(shlex.split(command), check=True)


class DeadEngine(Broken):
    def apply(self) -> None:
        self.patch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")

    def look(self) -> list[Finding]:
        from runner.workspace import Workspace  # noqa: PLC0415 - each look is a command of its own

        return list(check_backends(Workspace(self.place.root, "docker"), [JOB]))

    def repair(self, command: str) -> None:
        assert command.startswith("start Docker Desktop, or run `make engine`"), command
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self.ends.callback(server.server_close)
        self.ends.callback(server.shutdown)
        self.patch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")


class Engine(http.server.BaseHTTPRequestHandler):
    """What an engine says of itself and of an image, as far as `doit doctor` asks."""

    answers: ClassVar[dict[str, dict[str, Any]]] = {
        "/version": {"ApiVersion": "1.47", "MinAPIVersion": "1.24"},
        "/info": {"NCPU": 2, "MemTotal": 1 << 32, "ServerVersion": "27.0", "Runtimes": {}},
        "/images/kaggle-relay/json": {"Size": 1 << 30, "Id": "sha256:1"},
    }

    def do_GET(self) -> None:
        path = re.sub(r"^/v[\d.]+", "", self.path).replace("%3A", ":")
        answer = self.answers.get(re.sub(r":[a-z]+(?=/json$)", "", path))
        content = json.dumps(answer or {"message": f"no {path}"}).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_words: object) -> None:
        """Print nothing."""


class ExpiredToken(Broken):
    def apply(self) -> None:
        self.server = self.ends.enter_context(emulated(self.folder / "kaggle"))
        self.server.reached_by_commands(self.patch)
        self.patch.setenv("KAGGLE_KEY", "one-that-was-revoked")

    def look(self) -> list[Finding]:
        from runner.workspace import Workspace  # noqa: PLC0415 - each look is a command of its own

        return list(check_backends(Workspace(self.place.root, "kaggle"), [JOB]))

    def repair(self, command: str) -> None:
        assert command.startswith("set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY, to what"), command
        for name, value in self.server.environment().items():
            self.patch.setenv(name, value)


class WrongVersion(Broken):
    def apply(self) -> None:
        site, wheels = self.folder / "site", self.folder / "wheels"
        self.lock = self.folder / "requirements.lock"
        self.lock.write_text("trinket==2.0 \\\n    --hash=sha256:0\n", encoding="utf-8")
        for version in ("1.0", "2.0"):
            make_wheel(wheels, "trinket", version, {"trinket.py": ""})
        pip_finds_only(wheels, self.patch)
        self.patch.setenv("PIP_TARGET", str(site))
        self.patch.setenv("PIP_UPGRADE", "1")
        told = site / "trinket-1.0.dist-info"
        told.mkdir(parents=True)
        (told / "METADATA").write_text("Metadata-Version: 2.1\nName: trinket\nVersion: 1.0\n", encoding="utf-8")
        self.patch.syspath_prepend(str(site))

    def look(self) -> list[Finding]:
        return list(check_installation(LoadsAll(), self.lock))

    def repair(self, command: str) -> None:
        shutil.rmtree(self.folder / "site")  # pip leaves what else is in a target alone
        subprocess.run(shlex.split(command), check=True, capture_output=True)


class MissingDataset(ExpiredToken):
    def apply(self) -> None:
        super().apply()
        super().repair("set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY, to what")
        values = self.place.jobs()
        values["jobs"][JOB]["kaggle"] = {"datasets": ["bob/heights"]}
        self.place.jobs_file.write_text(json.dumps(values), encoding="utf-8")

    def repair(self, command: str) -> None:
        assert command.startswith("correct kaggle.datasets in jobs.yaml"), command
        values = self.place.jobs()
        del values["jobs"][JOB]["kaggle"]
        self.place.jobs_file.write_text(json.dumps(values), encoding="utf-8")


BREAKAGES: dict[str, type[Broken]] = {
    "a flipped bit in the latest checkpoint": FlippedBit,
    "a deleted parent": DeletedParent,
    "a half-downloaded file": HalfDownloaded,
    "a checkpoint renamed to other timesteps": Renamed,
    "a replay segment missing": MissingSegment,
    "a best model damaged, in each session": BestModel,
    "a file of the session's own changed": OwnFile,
    "a manifest that does not fit": Manifest,
    "a truncated restored.json": TruncatedJson,
    "a truncated package.json": TruncatedPackage,
    "a request.json that is gone": MissingRequest,
    "a truncated ledger.json": TruncatedLedger,
    "a missing session folder in the middle": MissingSession,
    "a download that was cut off": DownloadCutOff,
    "a leftover `.arriving` folder": LeftoverArriving,
    "a file that a killed writer left": TemporaryFile,
    "a stale lock": StaleLock,
    "a clock set back": ClockSetBack,
    "a database that is none": Memory,
    "a database that is damaged inside": MemoryDamaged,
    "a jobs.yaml that is not UTF-8": NotUtf8,
    "a wrong key in jobs.yaml": WrongKey,
    "a full disk": FullDisk,
    "a read-only folder": ReadOnly,
    "a library of another version than the lock": WrongVersion,
    "a dead Docker engine": DeadEngine,
    "an expired Kaggle token": ExpiredToken,
    "a dataset of the job's that is not on Kaggle": MissingDataset,
}


def rows() -> dict[str, tuple[str, str, str]]:
    """The table of the page: for each breakage what is said of it, what to type, and what that costs."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| a")]
    cells = ([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines)
    return {name: (said.strip("`"), typed.strip("`"), cost) for name, said, typed, cost in cells}


def pattern(cell: str) -> re.Pattern[str]:
    """A cell as what text is held against: three dots stand for anything."""
    return re.compile(".*".join(map(re.escape, cell.split("…"))), re.DOTALL)


@pytest.fixture
def broken(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Broken]]:
    """What breaks a copy of the project."""
    with contextlib.ExitStack() as ends:

        def make(name: str) -> Broken:
            root = tmp_path / "a project"
            shutil.copytree(base, root)
            return BREAKAGES[name](Place(root), monkeypatch, tmp_path, ends)

        yield make


def test_the_page_and_the_breakages_that_are_done_are_the_same() -> None:
    assert rows().keys() == BREAKAGES.keys()
    assert len(BREAKAGES) >= 20


def test_a_whole_project_has_nothing_to_mend(base: Path) -> None:
    found = Place(base).verified(*STORE)
    assert wrong(found) == []
    assert any(each.what == "walk: 3 session(s), an unbroken line from 0 to 192 timesteps" for each in found)


@pytest.mark.parametrize("name", BREAKAGES)
def test_what_breaks_is_named_and_what_is_said_repairs_it(
    broken: Callable[[str], Broken], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    said, typed, cost = rows()[name]
    case = broken(name)
    case.apply()
    before = wrong(case.look())
    assert any(pattern(said).fullmatch(each.what) for each in before), before
    assert any(pattern(typed).fullmatch(each.next_command) for each in before), before
    assert all(each.reason and each.next_command for each in before)
    capsys.readouterr()
    for command in dict.fromkeys(each.next_command for each in before):
        case.repair(command)
    told = capsys.readouterr().out
    assert wrong(case.look()) == []
    if cost == "nothing":
        assert "costs no timestep" in told or "costs" not in told
    else:
        assert f"costs {cost}: it stood at 192" in told
        case.place.workspace.plan(JOB, "full")
