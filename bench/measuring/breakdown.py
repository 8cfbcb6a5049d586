"""Where a session's time goes: a program that runs one and times its functions one by one."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from measuring.tables import publish, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IMPORTS: Final = ("numpy", "pydantic", "torch", "stable_baselines3", "trainer.session_input", "trainer.session")
TIMED: Final = (
    ("trainer.training:make_model", "the model made (torch imports its compiler here)"),
    ("trainer.environments.making:make_training_envs", "the environments made"),
    ("stable_baselines3:PPO.collect_rollouts", "rollouts, with saves and evaluations at their start"),
    ("stable_baselines3:PPO.train", "gradient steps"),
    ("trainer.training:Training.evaluate", "evaluations"),
    ("trainer.training:Training.take_checkpoint", "saves, as far as training waits for them"),
    ("trainer.checkpoint.saving:capture", "- state of environments and generators taken"),
    ("trainer.checkpoint.resume_state:ResumeState.to_bytes", "- state pickled"),
    ("stable_baselines3:PPO.save", "- model.save"),
    ("trainer.checkpoint.zip_file:file_entry", "- sha256 of members and files (both threads)"),
    ("trainer.checkpoint.zip_file:pack", "- zip"),
    ("trainer.progress:Progress.record", "- record"),
    ("trainer.checkpoint.writer:ArtifactWriter.put", "writer thread: files written"),
    ("os:fsync", "writer thread: - fsync"),
    ("trainer.checkpoint.writer:ArtifactWriter.publish", "writer thread: metadata and manifest"),
    ("trainer.checkpoint.writer:ArtifactWriter.drain", "waiting for the writer at the end"),
)


@dataclass
class Cost:
    """What a function has cost so far; CPU seconds are those of the thread that called it."""

    calls: int = 0
    wall: float = 0.0
    cpu: float = 0.0


def show_breakdown(folder: Path, job: dict[str, Any]) -> None:
    """Run one session of `job` (as JSON) in this process, and print what its parts cost."""
    publish(_import_table())
    costs = {label: _timed(target) for target, label in TIMED}
    session_input = importlib.import_module("measuring.session_input").write_session_input(folder / "input", job)
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        code = importlib.import_module("trainer.session").run_session(
            session_input, folder / "output", time.monotonic()
        )
    seconds = time.perf_counter() - began
    rows = [
        [label, f"{cost.calls:,}", f"{cost.wall:.3f} s", f"{cost.cpu:.3f} s", f"{1000 * cost.cpu / cost.calls:.2f} ms"]
        for label, cost in costs.items()
        if cost.calls
    ]
    publish(f"One session after its imports: {seconds:.2f} s, exit code {code}")
    publish(table(["", "calls", "wall", "CPU of its thread", "CPU of a call"], rows))


def _import_table() -> str:
    rows = []
    for name in IMPORTS:
        began, cpu = time.perf_counter(), time.process_time()
        importlib.import_module(name)
        rows.append([name, f"{time.perf_counter() - began:.3f} s", f"{time.process_time() - cpu:.3f} s"])
    return table(["import, in this order", "wall", "CPU"], rows)


def _timed(target: str) -> Cost:
    """Put a clock around the function that `target` names, for the rest of this process."""
    module, _, path = target.partition(":")
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    cost = Cost()
    setattr(owner, name, _clocked(getattr(owner, name), cost))
    return cost


def _clocked(function: Callable[..., Any], cost: Cost) -> Callable[..., Any]:
    @functools.wraps(function)
    def clocked(*arguments: Any, **named: Any) -> Any:
        with _counted(cost):
            return function(*arguments, **named)

    return clocked


@contextlib.contextmanager
def _counted(cost: Cost) -> Iterator[None]:
    began, cpu = time.perf_counter(), time.thread_time()
    try:
        yield
    finally:
        cost.calls += 1
        cost.wall += time.perf_counter() - began
        cost.cpu += time.thread_time() - cpu


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as name:
        show_breakdown(Path(name), json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
