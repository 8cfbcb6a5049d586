"""Which GPU a session asks for where its job leaves that to us: a pure function of what is known before the session.

The rule and what it was measured by stand in docs/gpu.md.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from job.model import parse_job, session_part
from runner.backends.base import Settled
from runner.backends.kaggle.section import AUTO_ACCELERATOR, DEFAULT_GPU, NO_ACCELERATOR, Kaggle
from runner.display import duration_text
from runner.stages.session_script import ACCELERATOR_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contract.documents.runs import Package
    from job.model import Job
    from runner.backends.base import Known

LARGEST_FOR_A_CPU = 60_000_000
"""Trained parameters times the samples of a gradient step, up to which a CPU core is about as fast as a T4."""
_IMAGES = "Cnn"
"""Begins the names of the policies that read images."""
_DICTIONARIES = "MultiInput"
"""Begins those of the policies that read dictionaries, in which there may be images."""
_CONVOLUTIONS = ("NatureCNN",)
_KERNEL_DIMENSIONS = 3
"""A tensor of a convolution has at least so many; one of a layer or of an LSTM has two."""
_TARGET = "target"
"""Part of the names of the copies that are never trained themselves."""


class Choice(NamedTuple):
    """What a session asks for, and why, in half a sentence."""

    accelerator: str
    why: str


def settle(job: Mapping[str, Any], known: Known) -> Settled:
    """A job (as JSON) whose accelerator is decided, and what is to be said of that."""
    chosen = choose(job, known.parameters, known.earlier)
    section = {**job.get("kaggle", {}), "accelerator": chosen.accelerator}
    if chosen.accelerator == NO_ACCELERATOR:
        said = f"asks Kaggle for no GPU, since {chosen.why}; spends no GPU quota"
    else:
        cost = f"a session spends {duration_text(float(job['session_limit']))} of GPU quota at most"
        said = f"asks Kaggle for an {chosen.accelerator}, since {chosen.why}; {cost}"
    return Settled({**job, "kaggle": section}, said)


def choose(
    job: Mapping[str, Any],
    parameters: Mapping[str, Sequence[int]] | None = None,
    earlier: Package | None = None,
) -> Choice:
    """The accelerator of a session's machine.

    Args:
        job: with its profile applied, as JSON.
        parameters: the shape of each tensor of its policy, as the trial has measured them; None where it could not.
        earlier: the newest session of the lineage on Kaggle, whose choice holds: another device rounds otherwise.
    """
    stated = Kaggle.model_validate(job.get("kaggle", {})).accelerator
    if job["device"] == "cpu":
        return Choice(NO_ACCELERATOR, "its `device` is cpu")
    if stated != AUTO_ACCELERATOR:
        return Choice(stated, "jobs.yaml says so")
    if job["device"] == "cuda":
        return Choice(DEFAULT_GPU, "its `device` is cuda")
    before = asked_accelerator(earlier) if earlier is not None and earlier.job.get("device") == job["device"] else None
    if before is not None:
        return Choice(before, "the run began so; kaggle.accelerator in jobs.yaml says otherwise")
    return _by_its_network(parse_job(session_part(job)), parameters)


def asked_accelerator(package: Package) -> str:
    """What an earlier session asked for; where its job left that open, its payload says what was decided."""
    stated = package.job.get("kaggle", {}).get("accelerator", AUTO_ACCELERATOR)
    if stated != AUTO_ACCELERATOR:
        return str(stated)
    return DEFAULT_GPU if ACCELERATOR_FILE in package.files else NO_ACCELERATOR


def _by_its_network(job: Job, parameters: Mapping[str, Sequence[int]] | None) -> Choice:
    if (why := _why_a_gpu(job, parameters)) is not None:
        return Choice(DEFAULT_GPU, why)
    if not job.entry.optimizers:
        return Choice(NO_ACCELERATOR, f"{job.algorithm} takes no gradient steps")
    count = trained(parameters) if parameters is not None else stated_size(job)
    samples = samples_of_a_step(job)
    network = f"its network of {count:,} parameters, trained on {samples:,} samples at a time,"
    if count * samples <= LARGEST_FOR_A_CPU:
        return Choice(NO_ACCELERATOR, f"{network} trains as fast on a CPU")
    return Choice(DEFAULT_GPU, f"{network} is too large for a CPU")


def _why_a_gpu(job: Job, parameters: Mapping[str, Sequence[int]] | None) -> str | None:
    """Why a job takes a GPU whatever the size of its network; None where it is for the size to say."""
    extractor = str((job.hyperparameters.get("policy_kwargs") or {}).get("features_extractor_class"))
    if job.policy.startswith(_IMAGES):
        return f"its policy reads images ({job.policy})"
    if extractor in _CONVOLUTIONS:
        return f"it reads images by {extractor}"
    if parameters is not None:
        has_convolutions = any(len(shape) >= _KERNEL_DIMENSIONS for shape in parameters.values())
        return "there are convolutions in its network" if has_convolutions else None
    if ":" in job.policy or ":" in extractor:
        return "how large its own network is could not be looked at before"
    if job.policy.startswith(_DICTIONARIES):
        return "whether there are images in its observations could not be looked at before"
    return None


def trained(parameters: Mapping[str, Sequence[int]]) -> int:
    """How many parameters a gradient step changes, from the shapes of a policy's tensors."""
    return sum(math.prod(shape) for name, shape in parameters.items() if _TARGET not in name)


def stated_size(job: Job) -> int:
    """About how many those are by the widths that the job states, where nothing was measured; else none to speak of."""
    widths = (job.hyperparameters.get("policy_kwargs") or {}).get("net_arch") or []
    each = list(widths.values()) if isinstance(widths, dict) else [widths, widths]
    critics = 1 if len(job.entry.optimizers) == 1 else 2
    return sum(
        (critics if number else 1) * sum(before * after for before, after in pairwise([width[0], *width]))
        for number, width in enumerate(each)
        if width
    )


def samples_of_a_step(job: Job) -> int:
    """How many samples each gradient step is computed from."""
    hyperparameters = job.typed_hyperparameters
    stated = getattr(hyperparameters, "batch_size", None)
    by_default = getattr(type(hyperparameters), "default_batch_size", None)
    return int(stated or by_default or hyperparameters.rollout_timesteps(job.env.n_envs))
