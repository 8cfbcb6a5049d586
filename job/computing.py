"""How a job computes: on how many cores, and whether a GPU has to come to the same bits each time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from job.algorithms.hyperparameters import Count

CORES_ON_KAGGLE = 4
"""What `auto` stands for where something is to be as many, wherever the job runs: both decide the weights."""


def _cores(value: object) -> object:
    return CORES_ON_KAGGLE if value == "auto" else value


Cores = Annotated[Count, BeforeValidator(_cores)]
"""A count, or `auto` for as many as Kaggle's machines have cores."""


def _determinism(value: object) -> object:
    if value != "auto" and not isinstance(value, bool):
        raise ValueError("must be auto, true or false")
    return value


Determinism = Annotated[
    Literal["auto"] | bool, BeforeValidator(_determinism), Field(exclude_if=lambda value: value == "auto")
]
"""A job that says `auto` is the job that it was before there was a choice."""
