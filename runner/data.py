"""Kaggle's data that a job reads, and the folders of this machine that stand for them where it does not run there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.errors import InputError, UnavailableError
from runner.jobs.own_keys import DATA, KINDS, to_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

OWN = "own"
"""Stands for the account in the path of a dataset that is named without one."""


def listed(job: Mapping[str, Any]) -> dict[str, str]:
    """What a job (as JSON) mounts: by its name, the place below the input, as Kaggle has it."""
    section = job.get("kaggle", {})
    return {name: _place(kind, name) for kind in KINDS for name in section.get(kind, ())}


def mounts(root: Path, job: Mapping[str, Any]) -> dict[str, Path]:
    """The folders that a session of a job mounts on this machine, by their place below the input.

    Args:
        root: the folder of jobs.yaml, from which they are counted.
        job: as JSON.

    Raises:
        UnavailableError: something that it reads has no folder here.
        InputError: a folder is for nothing that it reads.
    """
    places, folders = listed(job), job.get(DATA, {})
    return dict(_mounts(root, job["name"], places, folders))


def _mounts(root: Path, job: str, places: Mapping[str, str], folders: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    for name in folders:
        if name not in places:
            problem = f"{name} is not mounted by the job on Kaggle"
            raise InputError(f"job {job}, key {DATA}", problem, to_list([*places]))
    for name, place in places.items():
        if name not in folders:
            remedy = f"name the folder with the same files: `{DATA}: {{{name}: FOLDER}}`"
            raise UnavailableError(f"job {job}, key {DATA}", f"{name} has no folder on this machine", remedy)
        folder = root / folders[name]
        if not folder.is_dir():
            remedy = "correct the path, which is relative to jobs.yaml, or put the files there"
            raise UnavailableError(
                f"job {job}, key {DATA}", f"{name} should be in {folders[name]}, which is not a folder", remedy
            )
        yield place, folder


def _place(kind: str, name: str) -> str:
    """Where Kaggle mounts it below the input, without the number of its version for a dataset."""
    if kind == "datasets":
        owner, _, slug = name.partition("/") if "/" in name else (OWN, "", name)
        return f"{kind}/{owner}/{slug.partition('/')[0]}"
    return f"{kind}/{name}"
