"""What was asked for: a job as it stands now, with all that its sessions follow from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from contract.documents.runs import Identity, Inputs, Rules
from contract.identity import training_inputs

if TYPE_CHECKING:
    from collections.abc import Callable

Profile = Literal["quick", "full"]
"""Which form of a job: with its `quick` block, or without."""
PROFILES: tuple[Profile, ...] = ("quick", "full")


@dataclass(frozen=True)
class Wanted:
    """What was asked for: a job as it stands now.

    Args:
        job: the job with its profile applied, as JSON.
        profile: `quick` or `full`.
        sources: what the job's own sources are.
        libraries: versions that a session would compute with; empty where they are not known.
        code: what those parts of kaggle-relay are that decide weights.
        rules: what decides the verdict on artifacts.
        source_table: gives the digests of each of these sources, to name those that changed; may give none.
        redo: whether what is done is to be done again.
    """

    job: dict[str, Any]
    profile: Profile
    sources: Identity
    libraries: dict[str, str]
    code: Identity | None = None
    rules: Rules = field(default_factory=Rules)
    source_table: Callable[[], dict[str, list[str]]] = field(default=dict, compare=False)
    redo: bool = False

    @property
    def goal(self) -> int:
        """Timesteps at which the job is done."""
        return int(self.job["total_timesteps"])

    @property
    def inputs(self) -> Inputs:
        """What a session's weights follow from, beside its parent."""
        return Inputs(training=training_inputs(self.job), sources=self.sources, code=self.code)
