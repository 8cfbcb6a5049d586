"""What may be removed from Kaggle: the datasets of jobs of which no session runs. Each session is sent its own anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.events import say
from contract.storage.files import human_bytes
from runner.backends.kaggle.dataset import Dataset
from runner.backends.kaggle.files.stores import forget, read_stores
from runner.backends.kaggle.kernels.metadata import job_slug
from runner.backends.kaggle.names import dataset_slug

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from runner.backends.kaggle.api.connection import Connection


def tidy(connection: Connection, root: Path, jobs: Sequence[Mapping[str, Any]], agrees: Callable[[], bool]) -> None:
    """Remove the datasets of `jobs`, with all their versions, which fill an account's private storage.

    Args:
        connection: to Kaggle.
        root: where it is noted which dataset holds what.
        jobs: as JSON; none of them has a session that runs.
        agrees: whether the user does, asked once it is said what would go.

    Raises:
        BackendError: Kaggle gives no answer, or refuses.
    """
    found = {}
    kernels = sorted({job_slug(job) for job in jobs})
    for kernel in kernels:
        for slug in (dataset_slug(kernel), *(store.slug for store in read_stores(root, kernel).stores)):
            files = Dataset(connection, slug).files()
            if files is not None:
                found[slug] = files
    if not found:
        say("gc  there is nothing to remove from Kaggle")
        return
    for slug, files in found.items():
        say(f"gc  dataset {slug}: {human_bytes(sum(files.values()))} in its latest version, and all before it")
    if not agrees():
        say("gc  nothing was removed from Kaggle; `doit gc backend=kaggle apply=yes` removes it")
        return
    for slug in found:
        Dataset(connection, slug).delete()
        say(f"gc  dataset {slug} was removed; the next session makes what it needs again")
    for kernel in kernels:
        forget(root, kernel)
