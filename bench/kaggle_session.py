"""What the relay itself adds to a session on Kaggle, and how many bytes it moves, through the emulator.

    python bench/kaggle_session.py                   sessions with two checkpoints of 15 MB
    python bench/kaggle_session.py --width 128       with smaller networks, and so smaller checkpoints

Each round is a job of its own: a session from zero, then one that goes on from its checkpoint. What is
measured is the command's wall time without the time between push and end on Kaggle: start of Python,
packaging, upload, looking, download, validation, restoring. Bytes are counted between the command and
the emulator, protocol included.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from measuring.clock import run_timed
from measuring.counting import Counter, counting
from measuring.tables import note, publish, table, write_raw

from contract.documents.runs import Manifest, Package
from emulator.running import Running, running
from emulator.settings import EmulatorSettings
from runner.backends.kaggle.names import kernel_slug

if TYPE_CHECKING:
    from runner.layout import SessionFolder

from runner.layout import RunsFolder

USER, KEY = "benchmark", "key-of-the-benchmark"
JOB: Final = "cart"
GOAL_SECONDS: Final = 3.0
ROOT = Path(__file__).resolve().parent.parent
COPIED = ("dodo.py", "pyproject.toml", "contract", "job", "trainer", "restore", "executors", "runner")


def main() -> None:
    """Run the rounds and print the report."""
    parser = argparse.ArgumentParser(description="What the relay adds to a session on Kaggle.")
    parser.add_argument("--width", type=int, default=780, help="of the two layers of each network")
    parser.add_argument("--rounds", type=int, default=5, help="jobs of two sessions each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="relay-bench-", ignore_cleanup_errors=True) as name:
        rounds = [measure(Path(name) / str(number), options.width) for number in range(options.rounds)]
    publish(report([first for first, _ in rounds], "a session from zero"))
    publish(report([second for _, second in rounds], "a session that goes on from a checkpoint"))
    write_raw(options.json, {"benchmark": "kaggle_session", "rounds": rounds})


def measure(folder: Path, width: int) -> tuple[dict[str, float], dict[str, float]]:
    """One job of two sessions on an emulator of its own."""
    project = folder / "project"
    project.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        copy: Any = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, project / name)
    job = {
        "env": {"id": "CartPole-v1"},
        "algorithm": "PPO",
        "hyperparameters": {"n_steps": 64, "n_epochs": 1, "policy_kwargs": {"net_arch": [width, width]}},
        "total_timesteps": 256,
        "save_freq": 64,
        "quick": {"total_timesteps": 128},
        "backend": "kaggle",
    }
    (project / "jobs.yaml").write_text(yaml.safe_dump({"jobs": {JOB: job}}), encoding="utf-8")
    settings = EmulatorSettings(data=folder / "data", users={USER: KEY}, dataset_delay_seconds=0.0)
    with running(settings) as server, counting(server.settings.port) as counter:
        return session(server, counter, project, 1, "run_quick"), session(server, counter, project, 2, "run_full")


def session(server: Running, counter: Counter, project: Path, number: int, command: str) -> dict[str, float]:
    """Run one session; return its figures."""
    environment = server.environment(USER) | {
        "http_proxy": f"http://127.0.0.1:{counter.port}",
        "RELAY_KAGGLE_POLL_SECONDS": "1",
    }
    counter.reset()
    timed = run_timed((sys.executable, "-m", "doit", command), project, environment)
    kernels = server.emulator.kernels
    kernel = kernels.find(USER, kernel_slug(JOB))
    version = kernels.find_version(kernel.id, number) if kernel else None
    if version is None or version.ended_at is None:
        raise SystemExit(f"session {number} did not end on the emulator")
    on_kaggle = version.ended_at - version.queued_at
    note(f"session {number}: {timed.sample.wall:.2f} s, of which {on_kaggle:.2f} s on Kaggle")
    folder = RunsFolder(project).session(JOB, number)
    return {
        "wall": timed.sample.wall,
        "on_kaggle": on_kaggle,
        "added": timed.sample.wall - on_kaggle,
        "sent": counter.sent,
        "received": counter.received,
        "payload": _size(Package.read(folder.package_json)),
        "left": _size(Manifest.read(folder.manifest_json)),
        "checkpoint": _newest_checkpoint(folder),
    }


def _size(document: Package | Manifest) -> int:
    """The bytes of the different files that a document lists."""
    return sum({entry.sha256: entry.bytes for entry in document.files.values()}.values())


def _newest_checkpoint(folder: SessionFolder) -> int:
    return max(path.stat().st_size for path in (folder.artifacts / "checkpoints").glob("*.zip"))


def report(rounds: list[dict[str, float]], what: str) -> str:
    """A table of the medians."""
    median = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    added = [each["added"] for each in rounds]
    megabytes = {name: f"{median[name] / 1e6:.2f} MB" for name in ("sent", "received", "payload", "left", "checkpoint")}
    rows = [
        ["added by the relay, median", f"{median['added']:.2f} s", f"at most {GOAL_SECONDS:.0f} s"],
        ["added by the relay, min to max", f"{min(added):.2f} to {max(added):.2f} s", ""],
        ["on Kaggle: queue, start, training", f"{median['on_kaggle']:.2f} s", ""],
        ["a checkpoint", megabytes["checkpoint"], ""],
        ["sent", megabytes["sent"], f"{megabytes['payload']} to send"],
        ["received", megabytes["received"], f"{megabytes['left']} left by the session"],
    ]
    return table([what, f"{len(rounds)} rounds", "beside"], rows)


if __name__ == "__main__":
    main()
