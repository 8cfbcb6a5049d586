"""What a job and its sessions are called on Kaggle."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from contract.errors import SessionLostError

LONGEST_SLUG = 50
"""What Kaggle allows, for kernels as for datasets."""
INPUT_SUFFIX = "-input"
_PREFIX = "relay-"
_DIGEST_LENGTH = 6
_STORE_DIGEST_LENGTH = 12


def kernel_slug(job: str) -> str:
    """The slug of a job's kernel, which is its title too: Kaggle makes the one out of the other.

    Slugs have no underscores, so two jobs may want the same one: a digest keeps those apart.
    """
    longest = LONGEST_SLUG - len(INPUT_SUFFIX)
    plain = re.sub(r"-+", "-", job.replace("_", "-")).strip("-")
    slug = f"{_PREFIX}{plain}"
    if plain.replace("-", "_") == job and len(slug) <= longest:
        return slug
    ending = f"-{hashlib.sha256(job.encode()).hexdigest()[:_DIGEST_LENGTH]}"
    return slug[: longest - len(ending)].rstrip("-") + ending


def dataset_slug(kernel: str) -> str:
    """The slug of the dataset that a kernel reads; both are mounted side by side, so they differ."""
    return f"{kernel}{INPUT_SUFFIX}"


def store_slug(kernel: str, digest: str) -> str:
    """The slug of a dataset that holds what has this digest, for a kernel's sessions."""
    ending = f"-replay-{digest[:_STORE_DIGEST_LENGTH]}"
    return kernel[: LONGEST_SLUG - len(ending)].rstrip("-") + ending


@dataclass(frozen=True)
class Handle:
    """A session on Kaggle.

    It says nothing of the account: handles are written into `runs/`.

    Args:
        slug: the kernel.
        version: the number of the version, from 1.
        key: the session's.
    """

    slug: str
    version: int
    key: str

    def __str__(self) -> str:
        return f"{self.slug}/{self.version}/{self.key}"

    @property
    def label(self) -> str:
        """The version as Kaggle's API wants it."""
        return f"v{self.version}"

    @classmethod
    def parse(cls, text: str) -> Handle:
        """The handle that `text` states.

        Raises:
            SessionLostError: it is none.
        """
        match = re.fullmatch(r"([a-z0-9-]+)/([1-9][0-9]*)/([0-9a-f]+)", text)
        if match is None:
            raise SessionLostError(f"session {text}", "is not a session on Kaggle")
        return cls(match[1], int(match[2]), match[3])
