"""An agent measured, and written as ONNX; runs in the agent's own process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from contract.libraries import library_versions
from contract.storage import files
from runner.acting.agent import load_agent
from runner.acting.order import STATISTICS_FILE, Exported
from runner.acting.playing import Player
from runner.export.normalization import as_json, learned
from runner.export.onnx_file import write_onnx

if TYPE_CHECKING:
    from runner.acting.order import ExportOrder, Order
    from runner.acting.playing import Moment

_MOST_COMPARED = 256
"""Moments; from longer episodes every second one is taken, or every fourth, and so on."""
_LIBRARIES = ("onnx", "onnxruntime", "onnxscript")


def export(order: Order, task: ExportOrder) -> Exported:
    """Measure the policy of an order, and write what is handed on of it into the order's folder.

    Raises:
        RelayError: the model is not what was adopted, or its environment cannot be made.
    """
    agent, folder = load_agent(order), Path(order.output)
    try:
        player, moments = Player(agent), _Sample()
        for step, moment in enumerate(player.moments()):
            if len(player.episodes) >= task.episodes or step >= task.most_steps:
                break
            moments.add(moment)
        normalize = learned(agent.venv)
        if normalize is not None:
            files.write_json(folder / STATISTICS_FILE, as_json(normalize))
        return Exported(
            rewards=tuple(each.reward for each in player.episodes),
            lengths=tuple(each.steps for each in player.episodes),
            seed=player.seed,
            onnx=write_onnx(agent, moments.taken, folder),
            has_statistics=normalize is not None,
            libraries=library_versions(tuple(f"{name}==" for name in _LIBRARIES)),
        )
    finally:
        agent.venv.close()


class _Sample:
    """Moments evenly spread over a time whose length is not known before."""

    def __init__(self) -> None:
        self.taken: list[Moment] = []
        self._every = 1
        self._seen = 0

    def add(self, moment: Moment) -> None:
        """Take a moment, or leave it out."""
        if self._seen % self._every == 0:
            self.taken.append(moment)
        self._seen += 1
        if len(self.taken) == _MOST_COMPARED:
            self.taken, self._every = self.taken[::2], 2 * self._every
