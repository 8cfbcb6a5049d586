"""What noting down what a training measures takes of its time.

    python bench/recording.py              CartPole with PPO and with DQN, and the shipped job
    python bench/recording.py --quick      does it work at all?

One session trains, and rows are noted in every second block of its timesteps: all else stays as it is, and whatever
else the machine does disturbs both kinds of blocks alike. What counts is CPU time of the whole process; the rows of a
block are written to the disk before it ends, so that it pays for them. Two blocks behind each other are a pair, and the
figure is the median of the pairs' ratios. Beside it stands the time that a clock around everything that notes and
writes rows found in the blocks that did: it knows nothing of what noting does to caches, and is not disturbed by
anything.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from measuring.graphs import CODE
from measuring.session_input import write_session_input
from measuring.tables import note, publish, table, write_raw

from contract.errors import InputError
from job.model import session_part
from runner.backends.registry import sections
from runner.jobs.file import load_jobs
from runner.layout import JOBS_FILE
from trainer.callback import RelayCallback
from trainer.metrics.lines import Lines
from trainer.metrics.recorder import LoggerRows, Recorder
from trainer.session import run_session

if TYPE_CHECKING:
    from collections.abc import Callable

GOAL: Final = 0.005
SHIPPED: Final = "traffic_light_control"
CART_POLE: Final = {"env": {"id": "CartPole-v1", "n_envs": 8}, "seed": 1, "save_freq": 10**9}
JOBS: Final[dict[str, dict[str, Any]]] = {
    "CartPole in 8 environments, PPO": {
        **CART_POLE,
        "algorithm": "PPO",
        "hyperparameters": {"n_steps": 128},
        "total_timesteps": 150_000,
    },
    "CartPole, DQN": {
        **CART_POLE,
        "env": {"id": "CartPole-v1", "n_envs": 1},
        "algorithm": "DQN",
        "hyperparameters": {"buffer_size": 10_000, "learning_starts": 1_000, "train_freq": 16, "gradient_steps": 8},
        "total_timesteps": 40_000,
    },
}
SHIPPED_TIMESTEPS: Final = 30_000
BLOCK: Final = 500
WARM_UP: Final = 2
"""Blocks before those that count."""
QUICK_PART: Final = 4


@dataclass
class Blocks:
    """Takes turns between blocks with and without rows.

    Args:
        notes: whether the current one has them.
        seconds: CPU time of a timestep in each block, those with rows first.
        noted_seconds: CPU time of all blocks that have them.
        clocked: CPU time within what notes and writes them.
    """

    notes: bool = True
    seconds: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    noted_seconds: float = 0.0
    clocked: float = 0.0
    _begin: tuple[int, float] | None = None
    _depth: int = 0

    def boundary(self, callback: RelayCallback, lines: Lines) -> None:
        """A rollout begins; perhaps a block does."""
        timesteps = callback.model.num_timesteps
        if self._begin is None:
            self._begin = timesteps, time.process_time()
        elif timesteps - self._begin[0] >= BLOCK:
            if self.notes:
                lines.write()
            passed = time.process_time() - self._begin[1]
            self.seconds[0 if self.notes else 1].append(passed / (timesteps - self._begin[0]))
            self.noted_seconds += passed if self.notes else 0.0
            self.notes = not self.notes
            self._begin = timesteps, time.process_time()

    def clock(self, function: Callable[..., Any], otherwise: Any = None) -> Callable[..., Any]:
        """`function`, clocked where rows are noted, and left out where none are."""

        @functools.wraps(function)
        def clocked(*arguments: Any, **named: Any) -> Any:
            if not self.notes:
                return otherwise
            if self._depth:
                return function(*arguments, **named)
            self._depth += 1
            began = time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                self.clocked += time.thread_time() - began
                self._depth -= 1

        return clocked

    @property
    def share(self) -> float:
        """What noting adds to a timestep, by pairs of blocks."""
        noted_ones, silent_ones = (each[WARM_UP:] for each in self.seconds)
        pairs = zip(noted_ones, silent_ones, strict=False)
        return float(statistics.median(noted / silent - 1 for noted, silent in pairs))

    @property
    def clocked_share(self) -> float:
        """The same by the clock."""
        return self.clocked / self.noted_seconds


def measure(job: dict[str, Any], folder: Path) -> Blocks:
    """Train `job` in one session in which blocks with and without rows take turns."""
    blocks = Blocks()
    session = write_session_input(folder / "input", job)
    begin, on_rollout_start, on_step = Recorder.begin, RelayCallback._on_rollout_start, RelayCallback._on_step  # noqa: SLF001
    lines: list[Lines] = []

    def begun(recorder: Recorder, model: Any) -> None:
        begin(recorder, model)
        lines.append(recorder._lines)  # noqa: SLF001 - whose rows are to be on the disk when a block ends

    def rollout_start(callback: RelayCallback) -> None:
        on_rollout_start(callback)
        blocks.boundary(callback, lines[0])

    def step(callback: RelayCallback) -> bool:
        """As it is, or as it was before there were rows: nobody looks whether an episode has ended."""
        if not blocks.notes:
            callback._episodes_noted = callback._monitor.episode_count  # noqa: SLF001 - so that it finds none
        return on_step(callback)

    clocked = [
        (LoggerRows, "write"),
        (Recorder, "follow_logger"),
        (Recorder, "show"),
        (RelayCallback, "_note_episodes"),
        (Lines, "write"),
    ]
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        for owner, name, replacement in (
            (Recorder, "begin", begun),
            (RelayCallback, "_on_rollout_start", rollout_start),
            (RelayCallback, "_on_step", step),
            *((owner, name, blocks.clock(getattr(owner, name))) for owner, name in clocked),
        ):
            stack.enter_context(mock.patch.object(owner, name, replacement))
        code = run_session(session, folder / "output", time.monotonic())
    if code:
        raise RuntimeError(f"the session ended with {code}")
    return blocks


def main() -> None:
    """Measure, and print the report."""
    parser = argparse.ArgumentParser(description="What noting down what is measured takes of a training's time.")
    parser.add_argument("--quick", action="store_true", help="few steps, for a look at whether it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    options = parser.parse_args()
    profiles = load_jobs(CODE / JOBS_FILE, sections())[SHIPPED]
    if isinstance(profiles, InputError):
        raise profiles
    shipped = session_part(profiles.full.model_dump(mode="json"))
    changed = {"total_timesteps": SHIPPED_TIMESTEPS, "save_freq": 10**9, "eval": {"frequency": 0}}
    jobs = {**{name: {"name": "cart", **job} for name, job in JOBS.items()}, "the shipped job": shipped | changed}
    found = {}
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as folder:
        for number, (name, job) in enumerate(jobs.items()):
            note(f"measuring {name}")
            part = QUICK_PART if options.quick else 1
            found[name] = measure(job | {"total_timesteps": job["total_timesteps"] // part}, Path(folder) / str(number))
    publish(report(found))
    write_raw(options.json, {"benchmark": "recording", "blocks": {name: each.seconds for name, each in found.items()}})


def report(found: dict[str, Blocks]) -> str:
    """A row for each job."""
    rows = [
        [
            name,
            f"{min(map(len, each.seconds)) - WARM_UP}",
            f"{statistics.median(each.seconds[1]) * 1e6:,.1f}",
            f"{each.share:+.2%}",
            f"{each.clocked_share:.2%}",
        ]
        for name, each in found.items()
    ]
    head = ["", "pairs of blocks", "µs a timestep, nothing noted", f"with rows (goal: {GOAL:.1%})", "by the clock"]
    return table(head, rows)


if __name__ == "__main__":
    main()
