"""The section `slurm` of a job: what its sessions ask of the cluster where the backend is slurm."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from job.algorithms.hyperparameters import Count
from job.model import Duration, Section, Size
from runner.backends.shared_folder import StatedPath

SHORTEST_TIME = 60
"""Slurm counts whole minutes."""
KEYS = {
    "partition": "partition",
    "account": "account",
    "qos": "qos",
    "gres": "gres",
    "cpus-per-task": "cpus",
    "mem": "memory",
    "time": "time",
}
"""Options of sbatch that have a key of their own."""
OURS = (
    "array",
    "begin-requeue",
    "chdir",
    "comment",
    "error",
    "help",
    "input",
    "job-name",
    "no-requeue",
    "open-mode",
    "output",
    "parsable",
    "requeue",
    "signal",
    "test-only",
    "version",
    "wait",
    "wrap",
)
"""Options of sbatch by which a session is found, heard, cut off and run once."""

_WORD = re.compile(r"[A-Za-z0-9][\w.,:@+-]{0,254}", re.ASCII)
_GRES = re.compile(r"[A-Za-z][\w.:,()*/-]{0,254}", re.ASCII)
_OPTION = re.compile(r"--(?P<name>[a-z][a-z0-9-]*)(?:=[^\x00-\x1f\x7f]{0,1000})?")


def _word(value: str) -> str:
    if not _WORD.fullmatch(value):
        raise ValueError("must be a name as Slurm has it")
    return value


def _gres(value: str) -> str:
    if not _GRES.fullmatch(value):
        raise ValueError("must be generic resources as Slurm has them, such as gpu:1 or gpu:a100:1")
    return value


def _option(value: str) -> str:
    found = _OPTION.fullmatch(value)
    if found is None:
        raise ValueError("must be a long option of sbatch in one word, such as --constraint=a100")
    name = found["name"]
    for option, key in KEYS.items():  # sbatch takes the beginning of an option for it
        if option.startswith(name):
            raise ValueError(f"has --{name}: write it as slurm.{key}")
    if any(option.startswith(name) for option in OURS):
        raise ValueError(f"has --{name}, by which a session is found, heard or cut off: take it out")
    return value


_Name = Annotated[str, AfterValidator(_word)]


class Slurm(Section):
    """What a session asks of a Slurm cluster; what is None is as the cluster has it.

    `memory` in bytes and `time` in seconds; without `time` the job has what `session_limit` takes. `folder` is where
    sandboxes lie, which all nodes share, and `python` what runs a session there.
    """

    partition: _Name | None = None
    account: _Name | None = None
    qos: _Name | None = None
    gres: Annotated[str, AfterValidator(_gres)] | None = None
    cpus: Count | None = None
    memory: Size | None = None
    time: Annotated[Duration, Field(ge=SHORTEST_TIME)] | None = None
    extra: Annotated[tuple[Annotated[str, AfterValidator(_option)], ...], Field(strict=False)] = ()
    folder: StatedPath | None = None
    python: StatedPath | None = None


def asks_for_gpu(own: Slurm) -> bool:
    """Whether sessions with such a section ask for a GPU."""
    return own.gres is not None or any("gpu" in each or "gres" in each for each in own.extra)
