"""What of jobs.yaml is laid over what, and where it stands there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from job.model import Job
    from runner.jobs.yaml_positions import KeyPath

QUICK_TIMESTEPS = 100
"""The goal of a quick run that names none: this many timesteps, or one rollout where that is more."""
DECIDED_BY_RULE = ("total_timesteps", "save_freq")
"""What of a quick run follows from a rule where its block leaves it out."""


@dataclass(frozen=True)
class Layers:
    """Where the keys of a job stand in the file.

    Args:
        paths: of what is laid over each other, the uppermost first; the last but one is the job's own entry.
        lines: of all keys.
    """

    paths: tuple[KeyPath, ...]
    lines: Mapping[KeyPath, int]

    @property
    def without_quick(self) -> Layers:
        """Those of the job in full."""
        return Layers(self.paths[-2:], self.lines)

    def located(self, path: KeyPath) -> tuple[int, KeyPath]:
        """The line of `path`, and the whole path there: in the first layer that has it.

        A key that is missing has the line of what it is missing from.
        """
        for length in range(len(path), 0, -1):
            for layer in self.paths:
                if line := self.lines.get((*layer, *path[:length])):
                    return line, (*layer, *path)
        where = self.paths[-2]
        return self.lines[where], (*where, *path)


def merged(below: Any, above: Any) -> Any:
    """`above` laid over `below`: mappings key by key, anything else replaces."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: merged(below[key], value) if key in below else value for key, value in above.items()}}


def quick_form(quick: Job, block: dict[str, Any]) -> Job:
    """`quick` (a job with its quick `block` merged in) with what the block leaves to the rule of quick runs.

    Without a goal of its own a quick run ends after one rollout, since none can end sooner. A `save_freq`
    that was meant for the long run and would never come due becomes `auto`.
    """
    changes: dict[str, Any] = {}
    goal = quick.total_timesteps
    if block.get("total_timesteps") is None:
        goal = changes["total_timesteps"] = min(goal, max(QUICK_TIMESTEPS, quick.rollout_timesteps))
    if block.get("save_freq") is None and quick.save_frequency > goal:
        changes["save_freq"] = "auto"
    return quick.model_copy(update=changes)
