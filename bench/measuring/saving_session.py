"""A session whose saves are clocked: a program that runs it in this process and prints what they cost as JSON.

    python -m measuring.saving_session CASE.json FOLDER CACHE [--never-save]

CASE.json is a `SavingCase`. Clocks stand around the two functions through which training waits for
saves, around every write of the writer thread, and around the writing of files; nothing else is
changed. `--never-save` takes the two functions away, for the time that training takes by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.storage import files
from measuring.filling import fill
from measuring.session_input import write_session_input
from trainer import session, training
from trainer.algorithms.model import make_model
from trainer.checkpoint.replay_buffer import replay_arrays
from trainer.checkpoint.writer import ArtifactWriter
from trainer.training import Training

if TYPE_CHECKING:
    from collections.abc import Callable

    from stable_baselines3.common.base_class import BaseAlgorithm

SB3_SAVES = 3


@dataclass(frozen=True)
class SavingCase:
    """What is measured.

    Args:
        name: for tables.
        job: the job as JSON, without its goal.
        saves: over how many saves; half of the time between two saves passes before them.
        filled: whether the replay buffer is full from the start.
        most_rounds: how often it is measured at most.
    """

    name: str
    job: dict[str, Any]
    saves: int
    filled: bool
    most_rounds: int = 99

    @property
    def begin(self) -> int:
        """Timesteps at which the measured window begins."""
        return int(self.job["save_freq"]) // 2

    @property
    def end(self) -> int:
        """Timesteps at which it ends."""
        return self.begin + self.saves * int(self.job["save_freq"])


@dataclass
class Costs:
    """What saving cost within the window; seconds and bytes.

    Args:
        window: wall time of the whole window.
        pauses: of each save, the time for which training waited.
        between: the time for which training waited between the saves, for copies of segments that were full.
        written: bytes that were written to files.
        writer_wall: time in which the writer thread was at work.
        writer_cpu: CPU time of the writer thread.
    """

    window: float = 0.0
    pauses: list[float] = field(default_factory=list)
    between: float = 0.0
    written: int = 0
    writer_wall: float = 0.0
    writer_cpu: float = 0.0


class Meter:
    """Puts the clocks in place, for the rest of this process.

    Args:
        case: what is measured.
        cache: where the rows of full replay buffers are kept.
        saves: whether the session saves at all.
    """

    def __init__(self, case: SavingCase, cache: Path, *, saves: bool) -> None:
        self.costs = Costs()
        self.first_write = Costs()
        """What the first write of all rows of the full buffer cost."""
        self.model: BaseAlgorithm | None = None
        self._case = case
        self._cache = cache
        self._saves = saves
        self._open: float | None = None
        self._current = self.first_write

    def install(self) -> None:
        """Put the clocks in place."""
        note_rows, take, write_bytes = Training.note_rows, Training.take_checkpoint, files.write_bytes
        timed = ArtifactWriter._timed  # noqa: SLF001 - the thread's own entry

        def make_and_fill(*arguments: Any) -> BaseAlgorithm:
            self.model = make_model(*arguments)
            buffer = getattr(self.model, "replay_buffer", None)
            if self._case.filled and buffer is not None:
                fill(buffer, self._case.job["env"]["id"], self._cache)
            return self.model

        def clocked_note_rows(own: Training) -> None:
            if self._saves:
                began = time.perf_counter()
                note_rows(own)
                self._current.between += time.perf_counter() - began
            self._pass_boundary(own)

        def clocked_take(own: Training, boundary: Any, *, ends: bool) -> None:
            if self._saves:
                began = time.perf_counter()
                take(own, boundary, ends=ends)
                self._current.pauses.append(time.perf_counter() - began)

        def clocked_timed(own: ArtifactWriter, write: Callable[[], object]) -> None:
            costs, began, cpu = self._current, time.perf_counter(), time.thread_time()
            timed(own, write)
            costs.writer_wall += time.perf_counter() - began
            costs.writer_cpu += time.thread_time() - cpu

        def counted_write_bytes(target: Path, content: bytes) -> None:
            self._current.written += len(content)
            write_bytes(target, content)

        for owner, name, function in (
            (training, "make_model", make_and_fill),
            (Training, "note_rows", clocked_note_rows),
            (Training, "take_checkpoint", clocked_take),
            (ArtifactWriter, "_timed", clocked_timed),
            (files, "write_bytes", counted_write_bytes),
        ):
            setattr(owner, name, function)

    def _pass_boundary(self, own: Training) -> None:
        reached = self.model.num_timesteps if self.model else 0
        if self._current is self.first_write:
            own.writer.drain()  # what was full from the start belongs to no save
            self._current = Costs()
        if self._open is None and reached >= self._case.begin:
            own.writer.drain()  # what is still being written belongs to none
            self._current, self._open = self.costs, time.perf_counter()
        elif self._current is self.costs and reached >= self._case.end and self._open is not None:
            self.costs.window = time.perf_counter() - self._open
            own.writer.drain()  # what the window's last save left to write belongs to it
            self._current = Costs()


def measure_sb3(model: BaseAlgorithm, folder: Path) -> dict[str, Any]:
    """What Stable-Baselines3's own saving of the same model takes: `save`, and `save_replay_buffer` where there is one.

    It syncs nothing: its seconds end when the system has the bytes, not when the disk has them.
    """
    seconds, written = [], 0
    for number in range(SB3_SAVES):
        targets = [folder / f"model_{number}.zip", folder / f"replay_buffer_{number}.pkl"]
        began = time.perf_counter()
        model.save(targets[0])
        if hasattr(model, "save_replay_buffer"):
            model.save_replay_buffer(targets[1])
        seconds.append(time.perf_counter() - began)
        written = sum(each.stat().st_size for each in targets if each.exists())
        for each in targets:
            each.unlink(missing_ok=True)
    return {"pauses": seconds, "written": written}


def main() -> None:
    """Run the session and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--never-save", action="store_true")
    options = parser.parse_args()
    case = SavingCase(**json.loads(options.case.read_text(encoding="utf-8")))
    job = {**case.job, "name": "saving", "total_timesteps": case.end + int(case.job["save_freq"]) // 4}
    session_input = write_session_input(options.folder / "input", job)
    meter = Meter(case, options.cache, saves=not options.never_save)
    meter.install()
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        code = session.run_session(session_input, options.folder / "output", time.monotonic())
    if code != 0 or meter.model is None or not meter.costs.window:
        sys.exit(f"the session ended with {code}:\n{log.getvalue()[-2000:]}")
    result: dict[str, Any] = {"costs": asdict(meter.costs), "first_write": asdict(meter.first_write)}
    if buffer := getattr(meter.model, "replay_buffer", None):
        result["buffer_bytes"] = sum(each.nbytes for each in replay_arrays(buffer).values())
    if not options.never_save:
        result["sb3"] = measure_sb3(meter.model, options.folder)
    sys.stdout.write(f"{json.dumps(result)}\n")


if __name__ == "__main__":
    main()
