"""How many bytes a job with a replay buffer of 1,000,000 rows sends to Kaggle in three sessions, through the emulator.

    python bench/kaggle_replay.py                        rows of 4 floats: 56 MB, always sent in datasets
    python bench/kaggle_replay.py --width 64             rows of 64 floats: 532 MB, from 256 MiB on not sent at all
    python bench/kaggle_replay.py --width 64 --carry dataset
    python bench/kaggle_replay.py --earlier FOLDER       the relay of another checkout beside it

Each session fills a third of the buffer. What is new for a session are the files of its input that no session before it
was sent; what is sent is counted between the command and the emulator, protocol included. The emulator refuses a
dataset of more than 50 files. A run whose sessions do not all end well gives no figures.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from measuring.counting import Counter, counting
from measuring.tables import note, publish, table, write_raw

from contract.documents.runs import Package
from emulator.running import Running, running
from emulator.settings import EmulatorSettings, ManyFiles
from runner.backends.kaggle.api.settings import STORE_BYTES
from runner.layout import RunsFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, KEY = "benchmark", "key-of-the-benchmark"
JOB: Final = "noise"
SESSIONS: Final = 3
SHARE: Final = 1.05
ROOT = Path(__file__).resolve().parent.parent
COPIED = ("dodo.py", "pyproject.toml", "contract", "job", "trainer", "restore", "executors", "runner")
ENVIRONMENT = '''
import gymnasium as gym
import numpy as np


class Noise(gym.Env):
    """Observations of noise, so that no two rows are equal."""

    action_space = gym.spaces.Discrete(2)

    def __init__(self, width):
        self.width = width
        self.observation_space = gym.spaces.Box(0.0, 1.0, (width,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.np_random.random(self.width, np.float32), {}

    def step(self, action):
        self.steps += 1
        return self.np_random.random(self.width, np.float32), 1.0, False, self.steps == 100, {}


gym.register("Noise-v0", entry_point=Noise)
'''


def main() -> None:
    """Run the sessions and print the report."""
    parser = argparse.ArgumentParser(description="What a large replay buffer sends to Kaggle.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the replay buffer")
    parser.add_argument("--width", type=int, default=4, help="floats of an observation")
    parser.add_argument("--carry", choices=("auto", "dataset", "kernel"), default="auto", help="kaggle.carry_parent")
    parser.add_argument("--earlier", type=Path, metavar="FOLDER", help="another checkout of the relay")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    options = parser.parse_args()
    checkouts = {"this": ROOT} | ({"earlier": options.earlier.resolve()} if options.earlier else {})
    found = {}
    for name, checkout in checkouts.items():
        with tempfile.TemporaryDirectory(prefix="relay-bench-", ignore_cleanup_errors=True) as folder:
            found[name] = list(measure(Path(folder), checkout, options))
    publish(report(found))
    write_raw(options.json, {"benchmark": "kaggle_replay", "width": options.width, "carry": options.carry, **found})


def measure(folder: Path, checkout: Path, options: argparse.Namespace) -> Iterator[dict[str, int]]:
    """The figures of each session, with the relay of that checkout."""
    project = folder / "project"
    (project / JOB).mkdir(parents=True)
    (project / JOB / "__init__.py").write_text(ENVIRONMENT, encoding="utf-8")
    for name in COPIED:
        source = checkout / name
        copy: Any = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, project / name)
    settings = EmulatorSettings(
        data=folder / "data",
        users={USER: KEY},
        dataset_delay_seconds=0.0,
        listing_delay_seconds=0.0,
        many_files=ManyFiles.REFUSED,
    )
    known: set[str] = set()
    with running(settings) as server, counting(server.settings.port) as counter:
        for number in range(1, SESSIONS + 1):
            write_job(project, options, goal=options.rows * number // SESSIONS)
            sent = session(server, counter, project)
            listed = Package.read(RunsFolder(project).session(JOB, number).package_json).files.values()
            sizes = {entry.sha256: entry.bytes for entry in listed}
            new = sum(size for sha256, size in sizes.items() if sha256 not in known)
            known |= sizes.keys()
            note(f"session {number} of {checkout}: {sent:,} bytes sent, {new:,} new of {sum(sizes.values()):,}")
            yield {"sent": sent, "new": new, "input": sum(sizes.values())}


def write_job(project: Path, options: argparse.Namespace, goal: int) -> None:
    """A job that fills its buffer and learns nothing."""
    job = {
        "env": {"id": f"{JOB}:Noise-v0", "kwargs": {"width": options.width}, "n_envs": 8, "vectorization": "dummy"},
        "sources": [JOB],
        "algorithm": "DQN",
        "hyperparameters": {
            "buffer_size": options.rows,
            "learning_starts": 10 * options.rows,
            "train_freq": 1000,
            "policy_kwargs": {"net_arch": [8]},
        },
        "total_timesteps": goal,
        "save_freq": options.rows,
        "device": "cpu",
        "backend": "kaggle",
        "kaggle": {"accelerator": "none", "carry_parent": options.carry},
    }
    (project / "jobs.yaml").write_text(yaml.safe_dump({"jobs": {JOB: job}}), encoding="utf-8")


def session(server: Running, counter: Counter, project: Path) -> int:
    """Run one session to its end; return how many bytes were sent."""
    environment = server.environment(USER) | {
        "http_proxy": f"http://127.0.0.1:{counter.port}",
        "RELAY_KAGGLE_POLL_SECONDS": "0.5",
        "PYTHONPATH": str(project),
    }
    counter.reset()
    command = [sys.executable, "-m", "doit", "run_full"]
    ended = subprocess.run(  # noqa: S603 - ours
        command, cwd=project, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    if ended.returncode != 0:
        raise SystemExit(f"{ended.stdout}{ended.stderr}")
    return counter.sent


def report(found: dict[str, list[dict[str, int]]]) -> str:
    """A table with a row for each session."""
    head = ["session", "its input", "new in it", "sent", f"at most {SHARE:.0%} of new and {STORE_BYTES >> 20} MiB"]
    rows = []
    for number, figures in enumerate(found["this"], start=1):
        bound = SHARE * figures["new"] + STORE_BYTES
        shown = [f"{figures[name] / 1e6:.2f} MB" for name in ("input", "new", "sent")]
        rows.append([str(number), *shown, f"{bound / 1e6:.2f} MB: {'held' if figures['sent'] <= bound else 'broken'}"])
    if "earlier" in found:
        head.append("sent by the earlier one")
        for row, figures in zip(rows, found["earlier"], strict=True):
            row.append(f"{figures['sent'] / 1e6:.2f} MB")
    return table(head, rows)


if __name__ == "__main__":
    main()
