"""What torch raises of a GPU, in a sentence."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch

from contract.errors import SessionError
from trainer.determinism.flags import operation_without

if TYPE_CHECKING:
    from collections.abc import Iterator

    from job.model import Job

OUT_OF_MEMORY = "CUDA out of memory"
"""By these words the runner knows it, too."""


@contextlib.contextmanager
def in_a_sentence(job: Job) -> Iterator[None]:
    """Say in a sentence that the GPU's memory is full, or that an operation has no form that the job allows.

    Raises:
        SessionError: instead of torch's own.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        said = " ".join(str(error).split()).partition(". ")[0]
        remedy = "lower batch_size or the size of the network; the checkpoint before is as it was"
        raise SessionError(
            "device cuda", f"{said}: {OUT_OF_MEMORY}" if OUT_OF_MEMORY not in said else said, remedy
        ) from error
    except RuntimeError as error:
        name = operation_without(str(error))
        if name is None:
            raise
        problem = f"{name} has no deterministic form on the GPU, and the job says deterministic: true"
        raise SessionError(
            f"job {job.name}", problem, "set `deterministic: auto`, by which its resume is approximate"
        ) from error
