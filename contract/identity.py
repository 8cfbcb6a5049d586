"""Which parts of a job decide its weights; light, since every command asks."""

from __future__ import annotations

from typing import Any

TRAINING_INPUTS = ("env", "algorithm", "policy", "hyperparameters", "seed", "device", "threads")
OPTIONAL_INPUTS = ("callbacks", "packages", "deterministic")
"""Further ones, which a job has only where they are set: one without is the job that it was before there were any."""
FREE_OF_ENV = ("check",)
"""Keys of the `env` block that no weight depends on."""


def training_inputs(job: dict[str, Any]) -> dict[str, Any]:
    """The part of a job (as JSON) that decides the weights at a given timestep.

    The goal is left out: a longer run goes on from a shorter one. So is what only says how often
    to save, how long a session may last, where it runs and how it is judged, and whether what
    environments give is looked at.
    """
    inputs = {name: job[name] for name in TRAINING_INPUTS}
    inputs |= {name: job[name] for name in OPTIONAL_INPUTS if job.get(name) or job.get(name) is False}
    return inputs | {"env": {name: value for name, value in inputs["env"].items() if name not in FREE_OF_ENV}}
