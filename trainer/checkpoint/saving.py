"""Checkpoints of a running training: copied at a rollout boundary, packed and written beside it."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from contract import events
from trainer.checkpoint import zip_file
from trainer.checkpoint.replay_buffer import ReplayRecorder, replay_fields
from trainer.checkpoint.resume_state import capture
from trainer.checkpoint.segments import SegmentStore
from trainer.divergence import refuse_unusable_statistics, refuse_unusable_weights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.buffers import ReplayBuffer

    from contract.documents.session import Replay
    from trainer.checkpoint.replay_buffer import Rows
    from trainer.checkpoint.resume_state import Boundary
    from trainer.checkpoint.writer import ArtifactWriter
    from trainer.own_callbacks import OwnCallbacks
    from trainer.progress import Progress


class Saver:
    """Saves a model, and with an off-policy algorithm its replay buffer.

    Args:
        model: what is trained.
        progress: where the session stands.
        writer: writes the artifacts.
        stateless: why the environments give no state, as the check before the training found; empty where they do.
        callbacks: those of the job, whose states are saved with it.
    """

    def __init__(
        self,
        model: BaseAlgorithm,
        progress: Progress,
        writer: ArtifactWriter,
        stateless: tuple[str, ...],
        callbacks: OwnCallbacks,
    ) -> None:
        self._model = model
        self._progress = progress
        self._writer = writer
        self._stateless = stateless
        self._callbacks = callbacks
        self._rows_noted_at = progress.timesteps
        self._recorder: ReplayRecorder | None = None
        self._store: SegmentStore | None = None
        buffer: ReplayBuffer | None = getattr(model, "replay_buffer", None)
        if buffer is not None:
            self._recorder = ReplayRecorder(buffer)
            kind = type(buffer).__name__
            self._store = SegmentStore(writer.artifacts.replay, kind, buffer.buffer_size, replay_fields(buffer))

    def begin(self, replay: Replay | None, folder: Path) -> None:
        """Go on from a parent whose state is in the model by now.

        Args:
            replay: the segments that the parent names; the checkpoints to come name them too, as far as they hold.
            folder: where they lie.
        """
        if replay is None or self._store is None:
            return
        self._recorder = ReplayRecorder(self._model.replay_buffer, replay)  # type: ignore[attr-defined] # it has a store
        if self._recorder.goes_on:
            self._writer.submit(functools.partial(self._writer.adopt_segments, self._store, replay, folder))

    def note_rows(self) -> None:
        """Write the segments of the replay buffer that are full by now, so that a save has less to write."""
        if self._recorder is None:
            return
        self._recorder.advance((self._model.num_timesteps - self._rows_noted_at) // self._model.n_envs)
        self._rows_noted_at = self._model.num_timesteps
        self._submit_rows(self._recorder.take_full())

    def submit_checkpoint(self, boundary: Boundary, *, ends: bool = False, is_announced: bool = True) -> None:
        """Copy the checkpoint of this boundary, and have it written.

        Args:
            boundary: where in the loop that is.
            ends: whether the job is done, so that its final model is written too.
            is_announced: whether its files are told of; not where others take their place at the same boundary.

        Raises:
            DivergedError: a weight, a running statistic or a transition is no finite number.
            SessionError: an earlier write failed.
        """
        progress, writer, store = self._progress, self._writer, self._store
        writer.drain()  # a kill may cost what came after the checkpoint before, and no more
        contents = self._collect(boundary)
        if self._recorder is not None:
            self._submit_rows(self._recorder.take_all())
        record = functools.partial(progress.record, self._model)
        target = writer.artifacts.checkpoint(progress.timesteps)
        kept, final, metadata = record("checkpoint"), record("final"), progress.metadata()

        def write() -> None:
            writer.put_metrics()  # before the checkpoint: what was measured on the way to it is there where it is
            sizes = {}
            if ends:  # before its checkpoint, which lets the job count as done
                sizes[writer.artifacts.final_model] = writer.put_checkpoint(
                    writer.artifacts.final_model, contents, final
                )
            replay = store.replay() if store else None
            sizes[target] = writer.put_checkpoint(target, contents, kept.model_copy(update={"replay": replay}))
            writer.rotate(store)
            writer.publish(metadata)
            for path, size in sizes.items() if is_announced else ():
                events.emit("checkpoint", timesteps=kept.timesteps, file=path.name, bytes=size)

        writer.submit(write, contents.held_bytes)

    def submit_best(self) -> None:
        """Copy the best model so far, and have it written."""
        contents, record = self._collect("rollout_start"), self._progress.record(self._model, "best")
        target = self._writer.artifacts.best_model
        put = functools.partial(self._writer.put_checkpoint, target, contents, record)
        self._writer.submit(put, contents.held_bytes)

    def _submit_rows(self, copies: Iterator[Rows]) -> None:
        for rows in copies:
            if self._store is not None:
                self._writer.submit(functools.partial(self._writer.put_rows, self._store, rows), rows.raw.nbytes)

    def _collect(self, boundary: Boundary) -> zip_file.Contents:
        progress = self._progress
        refuse_unusable_weights(self._model, progress.session_input.job.name)
        entry, milestones = progress.session_input.job.entry, progress.milestones.to_plain()
        state = capture(self._model, entry, boundary, milestones)
        at = f"job {progress.session_input.job.name} at {self._model.num_timesteps:,} timesteps"
        refuse_unusable_statistics(state.judged, at)
        callbacks, untold = self._callbacks.capture() if self._callbacks else ([], ())
        inexact = dict.fromkeys((*(self._stateless or state.inexact), *untold))
        state = replace(state, inexact=tuple(inexact), callbacks=callbacks)
        if set(state.inexact) - set(progress.inexact):
            events.say(f"[CHECKPOINT] Resume will be approximate: {'; '.join(state.inexact)}")
        progress.add_inexact(state.inexact)
        return zip_file.collect(self._model, state)
