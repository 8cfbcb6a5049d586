"""The replay buffer of an off-policy algorithm: saved as segments, of which a save writes what is new.

The buffer is a ring of rows, cut into segments of equal length. A segment is written once its rows
are full, while training goes on, and at a save where rows in it are new; every other one lies on
disk already, and the checkpoint names it by its digest.

Sources: `stable_baselines3.common.buffers`, `stable_baselines3.her.her_replay_buffer`.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

from contract.documents.session import Replay, ReplayField
from contract.errors import CheckpointError
from trainer.checkpoint.segments import read_segment
from trainer.divergence import refuse_unusable_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt
    from stable_baselines3.common.buffers import ReplayBuffer

SMALLEST_SEGMENT_BYTES = 1 << 20
"""What a save rewrites at most beyond what is new, unless the buffer is very large."""
MOST_SEGMENTS = 1024

_ROW_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


@dataclass(frozen=True)
class Rows:
    """A copy of some consecutive rows: where they begin, how many they are, and their bytes field by field."""

    first_row: int
    count: int
    raw: npt.NDArray[np.uint8]


def replay_arrays(buffer: ReplayBuffer) -> dict[str, npt.NDArray[Any]]:
    """The arrays of `buffer` with one row for each step, by the names that a checkpoint gives them."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name in _ROW_ARRAYS:
        value = getattr(buffer, name, None)
        if isinstance(value, dict):
            arrays |= {f"{name}/{key}": part for key, part in value.items()}
        elif value is not None:
            arrays[name] = value
    return arrays


def replay_fields(buffer: ReplayBuffer) -> tuple[ReplayField, ...]:
    """The arrays of `buffer` as a checkpoint describes them."""
    arrays = replay_arrays(buffer).items()
    return tuple(ReplayField(name=name, dtype=array.dtype.str, shape=array.shape[1:]) for name, array in arrays)


def filled_rows(buffer: ReplayBuffer) -> int:
    """How many rows hold something; with `optimize_memory_usage` the row to come holds the latest observation."""
    ahead = 1 if buffer.optimize_memory_usage else 0
    return buffer.buffer_size if buffer.full else min(buffer.pos + ahead, buffer.buffer_size)


def row_bytes(fields: tuple[ReplayField, ...]) -> int:
    """Bytes of one row over all fields."""
    return sum(np.dtype(each.dtype).itemsize * math.prod(each.shape) for each in fields)


def rows_per_segment(capacity: int, bytes_per_row: int) -> int:
    """Into how many rows at a time a buffer is cut."""
    wanted = max(SMALLEST_SEGMENT_BYTES, capacity * bytes_per_row // MOST_SEGMENTS)
    return max(1, min(capacity, wanted // bytes_per_row))


class ReplayRecorder:
    """Copies what is new in a replay buffer.

    Args:
        buffer: the buffer, which stays the same object throughout.
        saved: the segments that lie on disk already, from the parent; None without any.
    """

    def __init__(self, buffer: ReplayBuffer, saved: Replay | None = None) -> None:
        self._buffer = buffer
        self._capacity = buffer.buffer_size
        self._bytes_per_row = row_bytes(replay_fields(buffer))
        self._length = rows_per_segment(self._capacity, self._bytes_per_row)
        # Rows are counted without end: row `n` stands at `n % capacity`.
        self._added = buffer.pos + (self._capacity if buffer.full else 0)
        self._clean_up_to = 0
        self._goes_on = saved is not None and self._fits(saved)
        if self._goes_on:
            # Its last row may have changed since: where environments start anew, an episode is cut there.
            self._clean_up_to = max(0, self._added - 1)

    def _fits(self, saved: Replay) -> bool:
        filled = filled_rows(self._buffer)
        cut = [(start, min(self._length, filled - start)) for start in range(0, filled, self._length)]
        return [(each.first_row, each.rows) for each in saved.segments] == cut

    @property
    def goes_on(self) -> bool:
        """Whether the segments of `saved` are those that this buffer would be cut into."""
        return self._goes_on

    def advance(self, rows: int) -> None:
        """Note that `rows` more rows were added."""
        self._added += rows

    def take_full(self) -> Iterator[Rows]:
        """Copy the segments that were filled since the last copy; the one that is being filled is left."""
        being_filled = self._added % self._capacity - self._segment_start(self._added)
        if self._added - being_filled > self._clean_up_to:
            yield from self._take(self._added - being_filled)

    def take_all(self) -> Iterator[Rows]:
        """Copy every segment in which a row is new."""
        # The row ahead holds the latest observation under `optimize_memory_usage`.
        yield from self._take(self._added + (1 if self._buffer.optimize_memory_usage else 0))
        self._clean_up_to = self._added

    def _take(self, end: int) -> Iterator[Rows]:
        begin = max(self._clean_up_to, end - self._capacity)
        if begin >= end:
            return
        filled = filled_rows(self._buffer)
        touched = dict.fromkeys(self._segment_start(row) for row in self._rows_to_look_at(begin, end))
        for start in touched:
            yield self._copy(start, min(self._length, filled - start))
        self._clean_up_to = end

    def _rows_to_look_at(self, begin: int, end: int) -> Iterator[int]:
        """One row of each segment in [begin, end), which may lead over the end of the ring."""
        row = begin
        while row < end:
            yield row
            place = row % self._capacity
            row += min(self._length - place % self._length, self._capacity - place)

    def _segment_start(self, row: int) -> int:
        place = row % self._capacity
        return place - place % self._length

    def _copy(self, start: int, count: int) -> Rows:
        raw = np.empty(count * self._bytes_per_row, np.uint8)
        offset = 0
        for name, array in replay_arrays(self._buffer).items():
            source = array[start : start + count]
            refuse_unusable_rows(name, source)
            raw[offset : offset + source.nbytes].view(array.dtype).reshape(source.shape)[...] = source
            offset += source.nbytes
        return Rows(start, count, raw)


def take_state(buffer: ReplayBuffer) -> dict[str, Any]:
    """What a buffer holds beside its rows."""
    state: dict[str, Any] = {"pos": buffer.pos, "full": buffer.full}
    if isinstance(buffer, HerReplayBuffer):
        state["current_ep_start"] = buffer._current_ep_start.copy()  # noqa: SLF001 - HER has no public way
        state["ep_start"] = _runs(buffer.ep_start)
        state["ep_length"] = _runs(buffer.ep_length)
        if buffer.copy_info_dict:
            state["infos"] = buffer.infos[: filled_rows(buffer)].tolist()
    return state


def fill(buffer: ReplayBuffer, replay: Replay, state: dict[str, Any], folder: Path) -> None:
    """Put rows and state back into a buffer that was made from the same job, in place.

    Args:
        buffer: the empty buffer of the model.
        replay: what the parent's record names.
        state: what `take_state` gave.
        folder: where the segments lie.

    Raises:
        CheckpointError: the buffer is another than the parent's, or a segment cannot be read.
    """
    fields = replay_fields(buffer)
    ours = (type(buffer).__name__, buffer.buffer_size, fields)
    if ours != (replay.kind, replay.capacity, replay.fields):
        problem = f"is a {replay.kind} of {replay.capacity:,} rows, and the job's is a {ours[0]} of {ours[1]:,}"
        if ours[:2] == (replay.kind, replay.capacity):
            problem = "has arrays of other names, types or shapes than the job's"
        raise CheckpointError("the parent", f"has a replay buffer that {problem}")
    arrays = replay_arrays(buffer)
    for segment in replay.segments:
        content = read_segment(segment, folder, segment.rows * row_bytes(fields))
        offset = 0
        for array in arrays.values():
            target = array[segment.first_row : segment.first_row + segment.rows]
            values = np.frombuffer(content, array.dtype, target.size, offset)
            target[...] = values.reshape(target.shape)
            offset += target.nbytes
    buffer.pos, buffer.full = state["pos"], state["full"]
    if isinstance(buffer, HerReplayBuffer):
        buffer._current_ep_start = state["current_ep_start"]  # noqa: SLF001 - where hindsight replay keeps it
        buffer.ep_start = _from_runs(state["ep_start"], buffer.buffer_size)
        buffer.ep_length = _from_runs(state["ep_length"], buffer.buffer_size)
        for row, infos in enumerate(state.get("infos", ())):
            buffer.infos[row] = infos


def end_running_episodes(buffer: ReplayBuffer) -> None:
    """Mark the episodes that were cut as ended, where the environments start anew.

    Source: `stable_baselines3.common.off_policy_algorithm.OffPolicyAlgorithm.load_replay_buffer`.
    """
    if isinstance(buffer, HerReplayBuffer):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that is what it says it does
            buffer.truncate_last_trajectory()
    elif buffer.pos > 0 or buffer.full:
        buffer.dones[buffer.pos - 1] = True
        if buffer.handle_timeout_termination:
            buffer.timeouts[buffer.pos - 1] = True


def _runs(table: npt.NDArray[np.int64]) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Each column as where its runs of equal numbers begin, and which numbers they are.

    HER's tables say the same for every row of an episode, and change in rows that were saved long ago.
    """
    runs = []
    for column in table.T:
        starts = np.concatenate(([0], np.flatnonzero(np.diff(column)) + 1))
        runs.append((starts, column[starts]))
    return runs


def _from_runs(runs: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]], rows: int) -> npt.NDArray[np.int64]:
    columns = [np.repeat(values, np.diff(np.append(starts, rows))) for starts, values in runs]
    return np.ascontiguousarray(np.stack(columns, axis=1))
