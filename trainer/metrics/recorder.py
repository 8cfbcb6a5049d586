"""Notes what a training measures: its logger's rows, its episodes, its evaluations, its beginning and its end.

It draws no random number and asks the model nothing that the training does not: no weight depends on it.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.common.logger import KVWriter

from contract.documents import metrics
from contract.documents.metrics import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.logger import Logger

    from trainer.checkpoint.writer import ArtifactWriter
    from trainer.evaluation import Episodes
    from trainer.progress import Progress

SHOWN_SECONDS = 10.0
"""After which what was measured is in the file, for whoever looks into it meanwhile."""


class Recorder:
    """Has a session's rows written.

    Args:
        writer: of the session's artifacts.
        progress: where the session stands.
    """

    def __init__(self, writer: ArtifactWriter, progress: Progress) -> None:
        self._writer = writer
        self._lines = writer.metrics
        self._progress = progress
        self._model: BaseAlgorithm | None = None
        self._logger: Logger | None = None
        self._counted_at = (0, 0.0)
        self._shown_at = 0.0

    def begin(self, model: BaseAlgorithm) -> None:
        """Note that the session begins to train `model`."""
        self._model = model
        parent = self._progress.session_input.request.parent
        event: Any = metrics.STARTED if parent is None else metrics.WENT_ON
        key = self._progress.session_input.key
        self._lines.note(Row("session", self._progress.timesteps, time.time(), event=event, key=key))
        self._counted_at = (model.num_timesteps, time.monotonic())
        self.follow_logger()

    def follow_logger(self) -> None:
        """Listen to the model's logger; a callback may have given it another one."""
        model = self._model
        if model is None or model.logger is self._logger:
            return
        self._logger = model.logger
        self._logger.output_formats.append(LoggerRows(self))

    def note_dump(self, logged: Mapping[str, Any]) -> None:
        """Note what stable-baselines3's logger dumps, and how fast the training was since it last did."""
        if self._model is None or not self._lines.takes("log"):
            return
        timesteps, (before, began) = self._model.num_timesteps, self._counted_at
        now = time.monotonic()
        values = metrics.finite_numbers(logged)
        if timesteps > before and now > began:
            values[metrics.STEPS_PER_SECOND] = (timesteps - before) / (now - began)
        self._counted_at = (timesteps, now)
        self._lines.note(Row("log", timesteps, time.time(), values))

    def note_pending(self) -> None:
        """Note what the logger holds back where a checkpoint is taken: the next session's has not seen it."""
        if self._model is None or not self._lines.takes("pending"):
            return
        values = metrics.finite_numbers(self._model.logger.name_to_value)
        if values:
            self._lines.note(Row("pending", self._progress.timesteps, time.time(), values))

    def note_episodes(self, ended: Sequence[Mapping[str, Any]]) -> None:
        """Note episodes that have ended in one step, as a monitor tells of them."""
        if self._model is None or not ended or not self._lines.takes("episodes"):
            return
        rewards, lengths = _told_apart(((each["r"], each["l"]) for each in ended), len(ended))
        if rewards:
            self._lines.note(Row("episodes", self._model.num_timesteps, time.time(), rewards=rewards, lengths=lengths))

    def note_evaluation(self, played: Episodes) -> None:
        """Note what an evaluation came to."""
        if not self._lines.takes("evaluation"):
            return
        values = {
            metrics.EVALUATION_MEAN: played.mean,
            metrics.EVALUATION_STD: float(np.std(played.rewards)),
            metrics.EVALUATION_LENGTH: float(np.mean(played.lengths)),
        }
        rewards, lengths = _told_apart(zip(played.rewards, played.lengths, strict=True), metrics.MOST_EPISODES)
        row = Row("evaluation", self._progress.timesteps, time.time(), metrics.finite_numbers(values), rewards, lengths)
        self._lines.note(row)

    def show(self) -> None:
        """Have what was noted written, if that was some time ago, and nothing else is being written."""
        now = time.monotonic()
        if self._lines.has_some and now - self._shown_at >= SHOWN_SECONDS:
            self._shown_at = now
            self._writer.show_metrics()


class LoggerRows(KVWriter):
    """Gives what stable-baselines3's logger dumps to a recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Take a dump; what is kept out of tables for people is a number like any other here."""
        del key_excluded, step
        self._recorder.note_dump(key_values)

    def close(self) -> None:
        """Do nothing: the file is the writer's."""


def end(writer: ArtifactWriter, progress: Progress, why: str | None) -> None:
    """Note that a session has ended, and why before its goal."""
    key = progress.session_input.key
    writer.metrics.note(Row("session", progress.timesteps, time.time(), event="ended", why=why, key=key))


def _told_apart(episodes: Iterable[tuple[Any, Any]], most: int) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Rewards and lengths of the first episodes, those left out whose reward is no finite number."""
    kept = [(float(reward), int(length)) for reward, length in episodes if math.isfinite(reward)][:most]
    return tuple(reward for reward, _ in kept), tuple(length for _, length in kept)
