"""What Kaggle is told of a job's kernel: `kernel-metadata.json`, without the account's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.errors import InputError, SessionLostError
from contract.states import State
from runner.backends.kaggle.gpu.accelerator import choose
from runner.backends.kaggle.names import Handle, dataset_slug, kernel_slug
from runner.backends.kaggle.notes import ORIGINAL, Remembered
from runner.backends.kaggle.section import NO_ACCELERATOR, Kaggle
from runner.display import duration_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.backends.base import Origin

METADATA_FILE = "kernel-metadata.json"
"""Beside the payload in a package: what is told of one session is no part of another's key."""
LACKING = ("sb3-contrib", "stable-baselines3")
"""Distributions that the trainer needs and Kaggle's image has not."""
LARGE_PARENT_BYTES = 256 << 20
"""From here on a parent is not uploaded, if Kaggle has it already."""
NOTHING = Remembered()
SESSION_MARGIN_SECONDS = 600
"""Beyond the session's own limit, by which it has ended by itself."""
LONGEST_SESSION_SECONDS = 12 * 3600 - 60
"""Kaggle's own limit is 12 h, and what it is told must be below that."""


def kernel_metadata(job: Mapping[str, Any], parent: Origin | None, known: Remembered = NOTHING) -> dict[str, Any]:
    """The metadata of a session's kernel, each field set on purpose.

    Left alone, the client would turn the internet on, and Kaggle might choose a machine that current
    torch builds cannot use (https://github.com/Kaggle/kaggle-cli/blob/main/docs/kernels_metadata.md).
    `session_timeout_seconds` is what the client's command line calls `--timeout`.

    Args:
        job: the job with its profile applied, as JSON.
        parent: what the session goes on from.
        known: what earlier sessions of the kernel have shown.

    Raises:
        InputError: a session of the job may last longer than Kaggle lets it.
    """
    if job["session_limit"] > LONGEST_SESSION_SECONDS - SESSION_MARGIN_SECONDS:
        longest = duration_text(LONGEST_SESSION_SECONDS - SESSION_MARGIN_SECONDS)
        problem = f"session_limit is {duration_text(job['session_limit'])}, and Kaggle kills a session after 12 h"
        raise InputError(f"job {job['name']}", problem, f"set it to {longest} at most")
    settings, slug = kaggle_section(job), job_slug(job)
    # By its name an image stays the same for weeks, and a session starts sooner.
    image = known.image if parent is not None and settings.image == ORIGINAL and known.image else settings.image
    is_pinned_by_name = image in (ORIGINAL, "latest")
    carry = "dataset" if settings.carry_parent == "auto" and not known.mounts_itself else settings.carry_parent
    accelerator = choose(job).accelerator
    has_gpu = accelerator != NO_ACCELERATOR
    metadata: dict[str, Any] = {
        "id": slug,
        "title": slug,
        "code_file": "script.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": has_gpu,
        "enable_tpu": False,
        "enable_internet": bool(job["internet"]),
        "dataset_sources": [dataset_slug(slug), *settings.datasets],
        "competition_sources": [*settings.competitions],
        "kernel_sources": [slug] if comes_from_kernel(slug, carry, parent) else [],
        "model_sources": [*settings.models],
        "keywords": [],
        "session_timeout_seconds": timeout_seconds(float(job["session_limit"])),
    }
    if has_gpu:
        metadata["machine_shape"] = accelerator
    if is_pinned_by_name:
        metadata["docker_image_pinning_type"] = image
    else:
        metadata["docker_image"] = image
    return metadata


def job_slug(job: Mapping[str, Any]) -> str:
    """What a job's kernel is called."""
    return kaggle_section(job).slug or kernel_slug(job["name"])


def kaggle_section(job: Mapping[str, Any]) -> Kaggle:
    """The section of a job (as JSON) that says how its sessions run on Kaggle."""
    return Kaggle.model_validate(job.get("kaggle", {}))


def timeout_seconds(session_limit: float) -> int:
    """Seconds after which Kaggle is to kill a session that has not ended by itself."""
    return int(min(session_limit + SESSION_MARGIN_SECONDS, LONGEST_SESSION_SECONDS))


def comes_from_kernel(slug: str, carry: str, parent: Origin | None) -> bool:
    """Whether a session mounts the output of the one before, instead of being sent its checkpoint.

    Kaggle mounts the output of the kernel's latest version, and only if it ended well.

    A kernel may read its own earlier output (https://github.com/Kaggle/kaggle-cli/issues/464 shows one).
    """
    output = parent.output if parent is not None else None
    if carry == "dataset" or parent is None or output is None:
        return False
    if (output.backend, output.state, output.is_latest) != ("kaggle", State.COMPLETE, True):
        return False
    try:
        is_of_this_kernel = Handle.parse(output.handle).slug == slug
    except SessionLostError:
        return False
    return is_of_this_kernel and (carry == "kernel" or parent.size >= LARGE_PARENT_BYTES)
