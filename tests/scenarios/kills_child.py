"""The inside of a session that is to be cut off: it notes how far it came, and is struck where it was told to be."""

from __future__ import annotations

import mmap
import os
import random
import signal
import struct
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import torch

from trainer.__main__ import main
from trainer.callback import RelayCallback
from trainer.checkpoint import replay_buffer
from trainer.checkpoint.saving import Saver

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainer.checkpoint.resume_state import Boundary

SIGKILL = signal.Signals(9)
"""By its number: the name is not there for a type checker on Windows, where nothing of this runs."""
OPERATIONS = {
    "open": "create",
    "os.rename": "rename",
    "os.remove": "remove",
    "os.link": "link",
    "os.mkdir": "mkdir",
}
"""What changes a folder, by Python's audit event of it; `os.replace` is a rename there."""
KINDS = (*OPERATIONS.values(), "half", "fsync")
"""Of file operations; `half` is in the middle of a write."""
COUNTERS = (
    *("learning", "timesteps", "boundary", "longest_rollout", "copied", "copied_before", "steps", "copies"),
    *("operations", *KINDS),
)


class Reached:
    """How far a session came, in a file that is mapped into memory: what stands there outlives a SIGKILL.

    `learning` is 1 once the first rollout has begun; `boundary` is the latest rollout boundary, and
    `copied` and `copied_before` are the two latest at which a checkpoint was copied, all in timesteps;
    the others count.
    """

    _NUMBER = struct.Struct("=q")

    def __init__(self, path: Path) -> None:
        size = self._NUMBER.size * len(COUNTERS)
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("rb+") as stream:
            self._memory = mmap.mmap(stream.fileno(), size)

    def __getitem__(self, name: str) -> int:
        value: int = self._NUMBER.unpack_from(self._memory, self._place(name))[0]
        return value

    def __setitem__(self, name: str, value: int) -> None:
        self._NUMBER.pack_into(self._memory, self._place(name), value)

    def _place(self, name: str) -> int:
        return self._NUMBER.size * COUNTERS.index(name)

    def close(self) -> dict[str, int]:
        """All of it, for the last time."""
        values = {name: self[name] for name in COUNTERS}
        self._memory.close()
        return values


@dataclass(frozen=True)
class Blow:
    """Signals that a session sends to itself.

    Args:
        event: `start` of learning, a `step`, the `copy` of a checkpoint, or before a file `operation`,
            of any kind or of one; `last copy`, `last operation` and so on count from the first blow on.
        number: at which of these events, from 1 on.
        signals: one after the other.
        hangs: seconds for which the event does not go on before they come; other threads do.
    """

    event: str
    number: int
    signals: tuple[signal.Signals, ...] = (SIGKILL,)
    hangs: float = 0.0

    def __str__(self) -> str:
        hanging = f" after {self.hangs} s" if self.hangs else ""
        return f"{' and '.join(each.name for each in self.signals)} at {self.event} {self.number}{hanging}"


@dataclass(frozen=True)
class Order:
    """What a session process is to do.

    Args:
        folder, output: as `python -m trainer` has them.
        reached: where to note how far it came.
        log: where to print.
        segment_bytes: how long the segments of its replay buffer are.
        blows: what it does to itself.
    """

    folder: Path
    output: Path
    reached: Path
    log: Path
    segment_bytes: int
    blows: tuple[Blow, ...]


def run(order: Order) -> None:
    """Run a session as `python -m trainer` does, in this process, which was forked for it."""
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    # A fork begins with the generators of its parent, a process of its own with others each time.
    random.seed()
    np.random.seed()  # noqa: NPY002 - what Stable-Baselines3 draws from
    torch.seed()
    replay_buffer.SMALLEST_SEGMENT_BYTES = order.segment_bytes
    _Watch(order).begin()
    sys.exit(main(["--input", str(order.folder), "--output", str(order.output)]))


class _Watch:
    """Counts what the session does, and strikes."""

    def __init__(self, order: Order) -> None:
        self._reached = Reached(order.reached)
        self._output = str(order.output)
        self._blows = {(each.event, each.number): each for each in order.blows}
        self._count: Counter[str] = Counter()
        self._struck = False

    def begin(self) -> None:
        for owner, name, watched in (
            (RelayCallback, "_on_rollout_start", self._watch_rollout_start),
            (RelayCallback, "_on_step", self._watch_step),
            (Saver, "submit_checkpoint", self._watch_copy),
            (os, "fsync", self._watch_fsync),
        ):
            mock.patch.object(owner, name, watched(getattr(owner, name))).start()
        mock.patch.object(Path, "write_bytes", self._write_in_halves()).start()
        sys.addaudithook(self._hear)

    def _note(self, event: str) -> None:
        for name in (event, f"last {event}") if self._struck else (event,):
            self._count[name] += 1
            if blow := self._blows.get((name, self._count[name])):
                self._struck = True
                self._strike(blow)

    @staticmethod
    def _strike(blow: Blow) -> None:
        time.sleep(blow.hangs)
        for number in blow.signals:
            if threading.current_thread() is threading.main_thread() and number != SIGKILL:
                signal.raise_signal(number)  # handled before it returns: two in a row are two
            else:
                os.kill(os.getpid(), number)
        if SIGKILL in blow.signals:
            time.sleep(60)  # the signal comes when it comes; nothing more happens here

    def _note_operation(self, kind: str) -> None:
        self._reached[kind] += 1
        self._reached["operations"] += 1
        self._note(kind)
        self._note("operation")

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called by Python before each operation."""
        if event not in OPERATIONS:
            return
        changed = arguments[1 if event == "os.link" else 0]
        if not str(changed).startswith(self._output):
            return
        changes_nothing = (event == "open" and not arguments[2] & (os.O_CREAT | os.O_TRUNC)) or (
            event == "os.mkdir" and Path(changed).exists()
        )
        if not changes_nothing:
            self._note_operation(OPERATIONS[event])

    def _watch_fsync(self, fsync: Callable[[int], None]) -> Callable[[int], None]:
        def watched(descriptor: int) -> None:
            self._note_operation("fsync")
            fsync(descriptor)

        return watched

    def _write_in_halves(self) -> Callable[[Path, bytes], int]:
        def write_bytes(path: Path, content: bytes) -> int:
            with path.open("wb") as stream:
                stream.write(content[: len(content) // 2])
                stream.flush()
                self._note_operation("half")
                stream.write(content[len(content) // 2 :])
            return len(content)

        return write_bytes

    def _watch_rollout_start(
        self, on_rollout_start: Callable[[RelayCallback], None]
    ) -> Callable[[RelayCallback], None]:
        reached = self._reached

        def watched(callback: RelayCallback) -> None:
            if not reached["learning"]:
                self._note("start")
                on_rollout_start(callback)
                now = callback.model.num_timesteps
                for name in ("timesteps", "boundary", "copied", "copied_before"):
                    reached[name] = now
                reached["learning"] = 1
                return
            now = callback.model.num_timesteps
            reached["timesteps"] = now
            reached["longest_rollout"] = max(reached["longest_rollout"], now - reached["boundary"])
            reached["boundary"] = now
            on_rollout_start(callback)

        return watched

    def _watch_step(self, on_step: Callable[[RelayCallback], bool]) -> Callable[[RelayCallback], bool]:
        def watched(callback: RelayCallback) -> bool:
            self._reached["timesteps"] = callback.model.num_timesteps
            self._reached["steps"] += 1
            goes_on = on_step(callback)
            self._note("step")
            return goes_on

        return watched

    def _watch_copy(self, submit: Callable[..., None]) -> Callable[..., None]:
        reached = self._reached

        def watched(saver: Saver, boundary: Boundary, **ending: bool) -> None:
            now = saver._model.num_timesteps  # noqa: SLF001 - what it saves is what is counted here
            reached["timesteps"] = now
            reached["copies"] += 1
            self._note("copy")
            submit(saver, boundary, **ending)
            reached["copied_before"] = reached["copied"]
            reached["copied"] = now

        return watched
