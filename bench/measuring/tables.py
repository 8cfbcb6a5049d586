"""What was measured, as a Markdown table for people and as JSON for programs."""

from __future__ import annotations

import json
import platform
import statistics
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from measuring.clock import Sample


@dataclass
class Series:
    """The samples of one thing, one for each round, the rounds in order."""

    name: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def walls(self) -> list[float]:
        """Wall seconds, round by round."""
        return [sample.wall for sample in self.samples]

    @property
    def cpus(self) -> list[float]:
        """CPU seconds, round by round."""
        return [sample.cpu for sample in self.samples]

    def as_json(self) -> dict[str, Any]:
        """The raw numbers."""
        return {"name": self.name, "wall_seconds": self.walls, "cpu_seconds": self.cpus}


def paired_ratio(measured: Sequence[float], base: Sequence[float]) -> float | None:
    """The median of the rounds' ratios: what disturbs a round disturbs both of its parts."""
    ratios = [each / other for each, other in zip(measured, base, strict=False) if other]
    return statistics.median(ratios) if ratios else None


def comparison(series: Sequence[Series], base: Series) -> str:
    """A table of `series`, with each one's ratio to `base`."""
    head = ["", "runs", "wall min", "median", "max", "CPU median", f"wall / {base.name}", "CPU ratio"]
    return table(head, [_row(each, base) for each in series])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left and the others to the right."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> dict[str, Any]:
    """What the numbers were taken on."""
    return {"system": platform.system(), "machine": platform.machine(), "python": platform.python_version()}


def publish(text: str) -> None:
    """Print a part of the report at once."""
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Say what is being done, beside the report."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def write_raw(target: Path | None, document: dict[str, Any]) -> None:
    """Write the raw numbers as JSON, where a file was asked for."""
    if target is not None:
        target.write_text(json.dumps({"machine": machine(), **document}, indent=2) + "\n", encoding="utf-8")


def _row(series: Series, base: Series) -> list[str]:
    walls = series.walls
    numbers = (min(walls), statistics.median(walls), max(walls), statistics.median(series.cpus))
    ratios = (paired_ratio(walls, base.walls), paired_ratio(series.cpus, base.cpus))
    shown = [f"{ratio:.2f}" if ratio is not None else "" for ratio in ratios]
    return [series.name, str(len(walls)), *(f"{number:.3f} s" for number in numbers), *shown]
