"""The section `ray` of a job: what its sessions ask of the cluster where the backend is ray."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, Field

from job.algorithms.hyperparameters import NotNegative, Positive
from job.model import Section, Size
from runner.backends.shared_folder import StatedPath

OURS = {"CPU": "cpus", "GPU": "gpus", "memory": "memory"}
"""Ray's names of what has a key of its own."""
_ADDRESS = re.compile(r"https?://[^\s/?#@]+(?::\d+)?/?[^\s?#@]*")
_RESOURCE = re.compile(r"[A-Za-z0-9][\w.:/-]{0,254}", re.ASCII)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("must be the address of a Ray dashboard, such as http://head:8265")
    return value.rstrip("/")


def _resource(value: str) -> str:
    if value in OURS:
        raise ValueError(f"has {value}: write it as ray.{OURS[value]}")
    if not _RESOURCE.fullmatch(value):
        raise ValueError("must be names of resources as the cluster has them, each with an amount")
    return value


def _whole_above_one(value: float) -> float:
    if value > 1 and not value.is_integer():
        raise ValueError("must be a part of one GPU, such as 0.5, or whole ones")
    return value


def _folder(value: str) -> str:
    if _URL.match(value):
        raise ValueError("must be a folder that all nodes see: mount what is at that address")
    return value


class Ray(Section):
    """What a session asks of a Ray cluster.

    `address` is the dashboard's, as Ray finds it if None. `memory` in bytes. `folder` is where sandboxes lie, which
    all nodes share, and `python` what runs a session there.
    """

    address: Annotated[str, AfterValidator(_address)] | None = None
    cpus: Positive = 1.0
    gpus: Annotated[NotNegative, AfterValidator(_whole_above_one)] = 0.0
    memory: Size | None = None
    resources: dict[Annotated[str, AfterValidator(_resource)], Positive] = Field(default_factory=dict)
    folder: Annotated[StatedPath, AfterValidator(_folder)] | None = Field(
        default=None,
        validation_alias=AliasChoices("folder", "storage"),  # jobs that were packaged earlier have the latter
    )
    python: StatedPath | None = None
