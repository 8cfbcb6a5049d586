"""The baselines of a job's environment, measured on this machine once and remembered by content."""

from __future__ import annotations

import contextlib
import math
import platform
from typing import TYPE_CHECKING

import msgspec

from contract.plain_text import one_line
from contract.storage import files
from runner.backends.registry import installed
from runner.data import mounts
from runner.preflight import trial
from runner.report.values import Baseline

if TYPE_CHECKING:
    from pathlib import Path

    from runner.workspace import Workspace

MOST_REMEMBERED = 200
_LONGEST_NAME = 60
_OF_A_PACKAGE = ":"
"""In an environment's id: before it stands the module that brings it. Gymnasium's own have none, and no baselines."""


def job_baselines(workspace: Workspace, job: str) -> tuple[Baseline, ...]:
    """What the environment of a job offers, in the episodes in which the job's agent is evaluated.

    Raises:
        RelayError: it cannot be made or played here.
    """
    configured = workspace.configured(job)
    if _OF_A_PACKAGE not in configured["env"]["id"] or not configured["eval"]["frequency"]:
        return ()
    plan = workspace.plan(job, "full")
    wanted, sources = plan.wanted.job, workspace.sources(plan)
    wheels = workspace.wheels(plan, here=True)
    key = files.sha256_of_value(
        [
            *(wanted[name] for name in ("env", "seed")),
            wanted["eval"]["episodes"],
            sources.identity().content,
            installed(),
            platform.python_version(),
            *(files.sha256_of_file(each) for each in wheels),
        ]
    )
    cache = workspace.runs.cache("baselines")
    known = _remembered(cache)
    if key not in known:
        data = mounts(workspace.runs.root, wanted)
        found = trial.measure_baselines(wanted, "full", sources.bundle(), wheels, data)
        known[key] = {name: mean for name, mean in found.items() if math.isfinite(mean)}
        with contextlib.suppress(OSError):  # where nothing can be written they are measured anew each time
            files.write_bytes(cache, msgspec.json.encode(dict([*known.items()][-MOST_REMEMBERED:])))
    return tuple(Baseline(one_line(name, _LONGEST_NAME), mean) for name, mean in known[key].items())


def _remembered(cache: Path) -> dict[str, dict[str, float]]:
    try:
        return msgspec.json.decode(cache.read_bytes(), type=dict[str, dict[str, float]])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
