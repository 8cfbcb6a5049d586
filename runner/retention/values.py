"""How much of a lineage stays, as jobs.yaml states it under `keep` (`runner.jobs.sections.Keep`)."""

from __future__ import annotations

from typing import NamedTuple


class Keep(NamedTuple):
    """Which checkpoints of a lineage stay, beside those that are in use.

    Args:
        latest: how many of the newest.
        every: of all checkpoints, counted from the lineage's first, each whose number this divides; 0 for none.
        best: how many of those with the highest mean reward, and how many best models.
    """

    latest: int
    every: int
    best: int
