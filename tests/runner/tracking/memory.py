"""A tracker that keeps all in memory, and can be lost in the middle of a send."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.tracking.values import Sent, UnknownRowsError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.curve.measurements import Measurement
    from runner.tracking.values import Held, Run


@dataclass
class InMemory:
    """It takes the same timesteps twice, as MLflow does: whatever comes of that is seen.

    Args:
        answers: how many points it takes before it gives no answer any more; None for all.
        foreign: the runs that hold what nobody here knows of.
    """

    answers: int | None = None
    foreign: frozenset[str] = frozenset()
    runs: dict[str, list[tuple[str, int, float]]] = field(default_factory=dict)
    told: dict[str, Run] = field(default_factory=dict)
    name: str = "memory"

    def called(self, key: str) -> str:
        return key.replace("%", "percent")

    def held(self, run: Run) -> Held:
        found: dict[str, dict[int, float]] = {}
        for key, timesteps, value in self.runs.get(run.id, []):
            found.setdefault(key, {})[timesteps] = value
        return found

    def send(self, run: Run, points: Sequence[Measurement]) -> Sent:
        if run.id in self.foreign:
            raise UnknownRowsError(self.name, f"its run {run.id} has rows of others")
        self.told[run.id] = run
        kept = self.runs.setdefault(run.id, [])
        for each in points:
            if self.answers is not None:
                if self.answers == 0:
                    raise UnreachableError(self.name, "gives no answer", "try again")
                self.answers -= 1
            kept.append((each.key, each.timesteps, each.value))
        return Sent(f"in memory: {run.name}")
