"""What a kernel mounts: its sources at the moment of the push, and the folders that they become."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.settings import MountedExtras, MountedVersion, MountLayout
from emulator.store.values import KernelState, Mount, StoredFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from emulator.core import Emulator
    from emulator.store.values import KernelOptions

DATASETS = "datasets"
NOTEBOOKS = "notebooks"
EXTRAS = ("__script__.py", "__script__.ipynb", "__results__.html", "__output__.json", "custom.css")
"""What Kaggle adds to an output where it is mounted."""


def resolve(emulator: Emulator, user: str, options: KernelOptions) -> tuple[tuple[Mount, ...], Mapping[str, list[str]]]:
    """The mounts that `options` ask for, and what is left out, by the name of the field in the push's answer.

    A dataset that is not ready is not there yet; of one with several versions the newest ready one is mounted.
    """
    mounts: list[Mount] = []
    invalid: dict[str, list[str]] = {}
    kinds: tuple[tuple[str, Iterable[str], Callable[[Emulator, str, str], Mount | None]], ...] = (
        ("invalid_dataset_sources", options.dataset_sources, _dataset),
        ("invalid_kernel_sources", options.kernel_sources, _output),
    )
    for field, refs, look_up in kinds:
        for ref in refs:
            mount = look_up(emulator, user, ref)
            if mount is None:
                invalid.setdefault(field, []).append(ref)
            else:
                mounts.append(mount)
    for field, refs in (
        ("invalid_competition_sources", options.competition_sources),
        ("invalid_model_sources", options.model_sources),
    ):
        if refs:
            invalid[field] = [*refs]
    return tuple(mounts), invalid


def _dataset(emulator: Emulator, user: str, ref: str) -> Mount | None:
    owner, slug, number = _parts(ref)
    dataset = emulator.datasets.find(owner, slug)
    if dataset is None or not emulator.may_see(user, dataset):
        return None
    version = emulator.datasets.ready_version(dataset.id, emulator.clock.now(), number)
    return Mount(DATASETS, dataset.owner, dataset.slug, version.id) if version is not None else None


def _output(emulator: Emulator, user: str, ref: str) -> Mount | None:
    owner, slug, number = _parts(ref)
    kernel = emulator.kernels.find(owner, slug)
    if kernel is None or not emulator.may_see(user, kernel):
        return None
    takes_any = emulator.settings.mounted_version is MountedVersion.LATEST
    for version in emulator.kernels.list_versions(kernel.id):
        is_asked_for = number in (None, version.number) if takes_any else version.state is KernelState.COMPLETE
        if is_asked_for and emulator.kernels.outputs(version.id):
            return Mount(NOTEBOOKS, kernel.owner, kernel.slug, version.id)
    return None


def _parts(ref: str) -> tuple[str, str, int | None]:
    owner, _, rest = ref.partition("/")
    slug, _, number = rest.partition("/")
    number = number.removeprefix("v")
    return owner, slug, int(number) if number.isdigit() else None


def place(mount: Mount, layout: MountLayout, session: int) -> str:
    """Where a mount lies below `/kaggle/input`."""
    by_slug = layout is MountLayout.SLUG or (layout is MountLayout.ALTERNATE and session % 2 == 0)
    return mount.slug if by_slug else f"{mount.kind}/{mount.owner}/{mount.slug}"


def lay_out(emulator: Emulator, session: int) -> dict[str, Path]:
    """The folders of a session's mounts, by their place; they are made where they are not there yet."""
    inputs = {}
    for mount in emulator.kernels.mounts(session):
        folder = emulator.settings.data / "mounts" / mount.kind / str(mount.id)
        emulator.blobs.lay_out(_mounted(emulator, mount), folder)
        inputs[place(mount, emulator.settings.mount_layout, session)] = folder
    return inputs


def _mounted(emulator: Emulator, mount: Mount) -> list[StoredFile]:
    """The files of a mount."""
    if mount.kind == DATASETS:
        return emulator.datasets.files(mount.id)
    found = emulator.kernels.outputs(mount.id)
    if emulator.settings.mounted_extras is MountedExtras.NONE:
        return found
    source = emulator.kernels.source(mount.id).encode()
    own = {each.path for each in found}
    extras = [(name, source if name == EXTRAS[0] else b"Kaggle's own\n") for name in EXTRAS if name not in own]
    now = emulator.clock.now()
    return [*found, *(StoredFile(name, *emulator.blobs.keep(content), now) for name, content in extras)]
